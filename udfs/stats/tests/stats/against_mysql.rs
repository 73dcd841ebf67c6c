//! The functions against real servers: the same random rows, extremes included, in a table and in the
//! component's code; results and result types must be MySQL's, doubles to 1e-12 of themselves.

use std::fmt::Write;

use crate::shop::{Column, GROUPS, Table};
use crate::support::show::{hex, show, unhex};
use crate::support::{Call, Change, Random};
use rowmill_collation::Collation;
use rowmill_devserver::{Kind, Server};
use rowmill_sdk::serde_json::{self, Value as Json, json};
use rowmill_sdk::{AggregateFunction, DataType, DecimalType, Field};
use rowmill_udf_stats::*;

#[test]
fn results_and_their_types_equal_those_of_mysql() {
    compare(Kind::MySql);
}

#[test]
fn results_equal_those_of_mariadb() {
    compare(Kind::MariaDb);
}

/// How an answer of the server is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum As {
    /// The same text.
    Text,
    /// The same to 1e-12 of itself.
    Double,
    /// The server says it in hexadecimal digits.
    Hex,
    /// In hexadecimal digits, and the collation calls it the same.
    Collated,
    /// The same elements in any order.
    Json,
}

/// A function, its arguments, and the same in SQL.
struct Check {
    function: &'static dyn AggregateFunction,
    columns: Vec<usize>,
    config: Json,
    sql: String,
    /// What `sql` is wrapped in to be read; `{}` stands for it.
    wrap: &'static str,
    compared: As,
}

fn checks(table: &Table, kind: Kind) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |function: &'static dyn AggregateFunction, columns: &[usize], sql: String, wrap, compared| {
        checks.push(Check { function, columns: columns.to_vec(), config: json!({}), sql, wrap, compared });
    };
    add(&Count, &[], "COUNT(*)".to_owned(), "{}", As::Text);
    for (at, column) in table.columns.iter().enumerate() {
        let name = column.name;
        let data_type = column.field.data_type;
        add(&Count, &[at], format!("COUNT({name})"), "{}", As::Text);
        add(&CountDistinct, &[at], format!("COUNT(DISTINCT {name})"), "{}", As::Text);
        let (wrap, compared) = match data_type {
            DataType::Utf8 => ("HEX({})", As::Collated),
            DataType::Binary => ("HEX({})", As::Hex),
            DataType::Float32 | DataType::Float64 => ("{} + 0e0", As::Double),
            _ => ("{}", As::Text),
        };
        add(&Min, &[at], format!("MIN({name})"), wrap, compared);
        add(&Max, &[at], format!("MAX({name})"), wrap, compared);
        let float = matches!(data_type, DataType::Float32 | DataType::Float64);
        let number = column.is_number();
        if number {
            let (wrap, compared) = if float { ("{} + 0e0", As::Double) } else { ("{}", As::Text) };
            add(&Sum, &[at], format!("SUM({name})"), wrap, compared);
            // MariaDB divides decimals to more digits than DECIMAL has.
            if kind == Kind::MySql || name != "d30" {
                add(&Avg, &[at], format!("AVG({name})"), wrap, compared);
            }
            let spreads: [(&'static dyn AggregateFunction, &str); 7] = [
                (&VarPop, "VAR_POP"),
                (&Variance, "VARIANCE"),
                (&VarSamp, "VAR_SAMP"),
                (&Std, "STD"),
                (&Stddev, "STDDEV"),
                (&StddevPop, "STDDEV_POP"),
                (&StddevSamp, "STDDEV_SAMP"),
            ];
            for (function, sql) in spreads {
                add(function, &[at], format!("{sql}({name})"), "{} + 0e0", As::Double);
            }
        }
        if number && !float && !matches!(data_type, DataType::Decimal(_)) {
            add(&BitAnd, &[at], format!("BIT_AND({name})"), "{}", As::Text);
            add(&BitOr, &[at], format!("BIT_OR({name})"), "{}", As::Text);
            add(&BitXor, &[at], format!("BIT_XOR({name})"), "{}", As::Text);
        }
        if kind == Kind::MySql && data_type != DataType::Binary {
            add(&JsonArrayagg, &[at], format!("JSON_ARRAYAGG({name})"), "{}", As::Json);
        }
    }
    checks.extend(concatenations(table));
    checks
}

fn concatenations(table: &Table) -> impl Iterator<Item = Check> {
    let id = table.position("id");
    table.columns.iter().enumerate().filter(|(_, column)| column.field.data_type != DataType::Binary).flat_map(
        move |(at, column)| {
            let name = column.name;
            let by_itself = match column.field.data_type {
                DataType::Utf8 => format!("CAST({name} AS BINARY)"),
                _ => name.to_owned(),
            };
            let check = |columns: Vec<usize>, config, order: &str| Check {
                function: &GroupConcat,
                columns,
                config,
                sql: format!("GROUP_CONCAT({name} ORDER BY {order} SEPARATOR '; ')"),
                wrap: "HEX({})",
                compared: As::Hex,
            };
            [
                check(vec![at], json!({"separator": "; "}), &by_itself),
                check(vec![at, id], json!({"separator": "; ", "order": "desc"}), "id DESC"),
            ]
        },
    )
}

fn compare(kind: Kind) {
    let server = Server::start(kind).unwrap();
    let mut failures = String::new();
    for seed in 0..3 {
        let table = Table::random(&mut Random(seed), kind);
        server.sql(&table.create()).unwrap();
        let checks = checks(&table, kind);
        let mut script =
            String::from("USE shop; SET SESSION group_concat_max_len = 1048576; SET time_zone = '+00:00';\n");
        for check in &checks {
            let wrapped = check.wrap.replace("{}", &check.sql);
            let _ = writeln!(script, "SELECT {wrapped} FROM t GROUP BY g ORDER BY g;");
        }
        let answer = server.sql(&script).unwrap();
        let answer: Vec<&str> = answer.lines().collect();
        assert_eq!(answer.len(), checks.len() * GROUPS as usize);
        for (check, theirs) in checks.iter().zip(answer.chunks(GROUPS as usize)) {
            let call = check.call(&table);
            let ours = results(&call, &table, seed);
            let result = call.bind().signature().call.results[0].clone();
            let column = check.columns.first().map(|at| &table.columns[*at]);
            for (group, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                if !same(ours, theirs, &result, column, check.compared) {
                    let ours = ours.as_ref().map(|raw| show(&result, raw));
                    let _ = writeln!(
                        failures,
                        "{} of group {group}, seed {seed}: ours {ours:?}, theirs {theirs}",
                        check.sql
                    );
                }
            }
        }
        if kind == Kind::MySql && seed == 0 {
            compare_types(&server, &table, &mut failures);
        }
    }
    assert!(failures.is_empty(), "{kind:?} differs in {}:\n{failures}", failures.lines().count());
}

impl Check {
    fn call(&self, table: &Table) -> Call {
        Call {
            function: self.function,
            fields: self.columns.iter().map(|at| table.columns[*at].field.clone()).collect(),
            config: self.config.clone(),
        }
    }
}

/// The results by group, with some rows taken out and in again on the way.
fn results(call: &Call, table: &Table, seed: u64) -> Vec<Option<Vec<u8>>> {
    let columns: Vec<usize> = call.fields.iter().map(|field| table.position(&field.name)).collect();
    let change = |row: usize, out: bool| -> Change {
        (table.groups[row], out, columns.iter().map(|at| table.columns[*at].cells[row].raw.clone()).collect())
    };
    let mut bound = call.bind();
    let mut random = Random(seed);
    let rows = table.groups.len();
    let mut changes: Vec<Change> = (0..rows).map(|row| change(row, false)).collect();
    for _ in 0..rows / 3 {
        let row = random.below(rows);
        changes.extend([change(row, true), change(row, false)]);
    }
    changes.chunks(97).for_each(|piece| assert!(call.update(bound.as_mut(), piece).is_empty()));
    let groups: Vec<u32> = (0..GROUPS).collect();
    let output = bound.evaluate(&groups).unwrap();
    assert!(output.errors.is_empty(), "{}: {:?}", call.name(), output.errors);
    let data_type = bound.signature().call.results[0].data_type;
    crate::support::values(&output.columns[0], data_type, groups.len())
}

fn same(ours: &Option<Vec<u8>>, theirs: &str, result: &Field, column: Option<&Column>, compared: As) -> bool {
    let Some(raw) = ours else { return theirs == "NULL" };
    match compared {
        As::Text => show(result, raw) == theirs,
        As::Double => {
            let (Ok(ours), Ok(theirs)) = (show(result, raw).parse::<f64>(), theirs.parse::<f64>()) else {
                return false;
            };
            (ours - theirs).abs() <= 1e-12 * ours.abs().max(theirs.abs())
        }
        As::Hex => hex(raw) == theirs,
        As::Collated => {
            let name = column.and_then(|column| column.field.attribute("collation")).unwrap_or("binary");
            let rule = Collation::named(name).rule().unwrap();
            let theirs = unhex(theirs);
            rule.compare(std::str::from_utf8(raw).unwrap(), std::str::from_utf8(&theirs).unwrap()).is_eq()
        }
        As::Json => {
            let elements = |text: &str| {
                let Ok(Json::Array(elements)) = serde_json::from_str(text) else { return None };
                let mut elements: Vec<String> = elements.iter().map(Json::to_string).collect();
                elements.sort();
                Some(elements)
            };
            // The client escapes backslashes.
            let theirs = theirs.replace("\\\\", "\\");
            elements(&theirs).is_some_and(|theirs| elements(std::str::from_utf8(raw).unwrap()) == Some(theirs))
        }
    }
}

/// The column types of `CREATE TABLE … AS SELECT`.
fn compare_types(server: &Server, table: &Table, failures: &mut String) {
    let mut checks = checks(table, Kind::MySql);
    checks.retain(|check| !check.sql.starts_with("GROUP_CONCAT"));
    let mut script = String::from("USE shop;\n");
    for check in &checks {
        let _ = writeln!(
            script,
            "DROP TABLE IF EXISTS r; CREATE TABLE r AS SELECT {} AS x FROM t; \
             SELECT column_type, is_nullable FROM information_schema.columns \
             WHERE table_schema = 'shop' AND table_name = 'r';",
            check.sql
        );
    }
    let answer = server.sql(&script).unwrap();
    assert_eq!(answer.lines().count(), checks.len());
    for (check, theirs) in checks.iter().zip(answer.lines()) {
        let result = check.call(table).bind().signature().call.results[0].clone();
        let by_type = match result.data_type {
            DataType::Int64 => "bigint".to_owned(),
            DataType::Uint64 => "bigint unsigned".to_owned(),
            DataType::Float64 => "double".to_owned(),
            DataType::Json => "json".to_owned(),
            DataType::Decimal(DecimalType { precision, scale }) => format!("decimal({precision},{scale})"),
            other => format!("{other}"),
        };
        let ours = result.attribute("mysql-type").map_or(by_type, str::to_owned);
        let ours = format!("{ours}\t{}", if result.nullable { "YES" } else { "NO" });
        if ours != theirs {
            let _ = writeln!(failures, "the type of {}: ours {ours}, theirs {theirs}", check.sql);
        }
    }
}
