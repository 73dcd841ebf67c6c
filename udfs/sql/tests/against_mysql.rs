//! Every expression below is computed by the component's core and by real servers over the same rows; the results must
//! be the same, shown as MySQL shows them. Rows that the core refuses must be refused by the server.

#![allow(clippy::unwrap_used)]

mod data;

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use rowmill_devserver::{Kind, Server};
use rowmill_udf_sql::Program;

/// Where the servers' own answers differ from each other or a documented deviation applies.
struct Exceptions {
    mysql: &'static [&'static str],
    mariadb: &'static [&'static str],
}

const EXCEPTIONS: Exceptions = Exceptions {
    mysql: &[],
    // MariaDB cuts fractions where MySQL rounds them, keeps more digits of quotients, and clamps at zero.
    mariadb: &[
        "1 / 3 * 3",
        "d / 7 * 7",
        "CAST(ts AS DATETIME)",
        "CAST(ts AS DATETIME(3))",
        "CAST(ts AS TIME)",
        "CAST(tm AS TIME)",
        "CAST('10:20:30.55' AS TIME(1))",
        "CAST(tm AS SIGNED)",
        "CAST(ts AS SIGNED)",
        "CAST(d AS UNSIGNED)",
        "CAST(-1.5 AS UNSIGNED)",
        "t0 - INTERVAL 1 HOUR",
        "UNIX_TIMESTAMP(t0)",
        "UNIX_TIMESTAMP(ts)",
        "UNIX_TIMESTAMP(dt)",
        "STR_TO_DATE(x, '%Y-%m-%d')",
        "EXTRACT(HOUR FROM tm)",
        "TIME_TO_SEC(tm)",
        "dt = 'yesterday'",
    ],
};

#[test]
fn results_equal_those_of_mysql() {
    compare(Kind::MySql);
}

#[test]
fn results_equal_those_of_mariadb() {
    compare(Kind::MariaDb);
}

fn compare(kind: Kind) {
    let server = Server::start(kind).unwrap();
    server.sql(&data::create(kind)).unwrap();
    let (skip, setup) = match kind {
        Kind::MySql => (EXCEPTIONS.mysql, "SET collation_connection = utf8mb4_0900_ai_ci;"),
        Kind::MariaDb => (EXCEPTIONS.mariadb, "SET collation_connection = utf8mb4_uca1400_nopad_ai_ci;"),
    };
    let (fields, columns) = data::columns(kind);
    let expressions: Vec<&str> = data::expressions().filter(|e| !skip.contains(e)).collect();
    let mut failures = String::new();
    for expression in &expressions {
        let script = format!("USE shop; SET time_zone = '+00:00'; {setup} SELECT ({expression}) FROM t ORDER BY id;");
        let answer = server.sql(&script).unwrap_or_default();
        let theirs: Vec<&str> = answer.lines().collect();
        let ours = compute(expression, &fields, &columns);
        if let Some(difference) = difference(&ours, &theirs) {
            let _ = writeln!(failures, "{expression}\n    {difference}");
        }
    }
    assert!(
        failures.is_empty(),
        "{kind:?} differs in {} of {}:\n{failures}",
        failures.lines().count() / 2,
        expressions.len()
    );
}

enum Ours {
    Refused(String),
    Rows(Vec<String>, Vec<usize>, bool, bool),
}

fn compute(expression: &str, fields: &[Field], columns: &[ArrayRef]) -> Ours {
    let program = match Program::bind(fields, &[("x", expression)]) {
        Ok(program) => program,
        Err((_, error)) => return Ours::Refused(error.message),
    };
    let reads: Vec<ArrayRef> = program.reads().iter().map(|read| columns[*read].clone()).collect();
    let field = program.fields().next().unwrap().clone();
    let fsp = field.metadata().get("fsp").and_then(|fsp| fsp.parse().ok()).unwrap_or(6);
    let computed = program.run(columns[0].len(), &reads).unwrap();
    let array = &computed.columns[0];
    assert_eq!(array.data_type(), field.data_type(), "{expression}");
    assert!(
        field.is_nullable() || array.null_count() == 0 || !computed.errors.is_empty(),
        "{expression} says it has no NULLs"
    );
    if let Some(most) = field.metadata().get("max-chars").and_then(|most| most.parse::<usize>().ok())
        && let Some(texts) = array.as_string_opt::<i32>()
    {
        for text in texts.iter().flatten() {
            assert!(text.chars().count() <= most, "{expression} says {most} characters at most, found {text}");
        }
    }
    let decimal = matches!(array.data_type(), DataType::Decimal128(..) | DataType::Decimal256(..));
    let float = matches!(array.data_type(), DataType::Float32 | DataType::Float64);
    let shown = (0..array.len()).map(|row| data::show(array, row, fsp)).collect();
    Ours::Rows(shown, computed.errors.iter().map(|error| error.row).collect(), float, decimal)
}

fn difference(ours: &Ours, theirs: &[&str]) -> Option<String> {
    match ours {
        Ours::Refused(message) if theirs.is_empty() => {
            let _ = message;
            None
        }
        Ours::Refused(message) => Some(format!("we refuse: {message}; theirs: {theirs:?}")),
        Ours::Rows(_, errors, _, _) if theirs.is_empty() => {
            errors.is_empty().then(|| "they refuse, we don't".to_owned())
        }
        Ours::Rows(rows, errors, float, decimal) => {
            if let Some(row) = errors.first() {
                return Some(format!("we refuse row {row}, they don't: {theirs:?}"));
            }
            if rows.len() != theirs.len() {
                return Some(format!("{} rows against {}: {theirs:?}", rows.len(), theirs.len()));
            }
            let same = |a: &str, b: &str| {
                a == b
                    || (*decimal && plain(a) == plain(b))
                    || (*float
                        && match (a.parse::<f64>(), b.parse::<f64>()) {
                            (Ok(a), Ok(b)) => (a - b).abs() <= a.abs().max(b.abs()) * 4e-16,
                            _ => false,
                        })
            };
            let row = rows.iter().zip(theirs).position(|(a, b)| !same(a, b))?;
            Some(format!("row {}: ours {:?}, theirs {:?}", row + 1, rows[row], theirs[row]))
        }
    }
}

/// Without zeros at the end: in a decimal column MySQL shows an integer's branch of CASE without its fraction.
fn plain(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
