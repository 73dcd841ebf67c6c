//! The results of the built-in components on fixed rows.
//!
//! Digests of plans name these components by a number (`rowmill_udfs::behaviour`), so a result that changes without it
//! would be written beside the earlier ones. After such a change raise the number, and write the file of the new one with
//! `ROWMILL_BLESS=1 cargo test --workspace --lib golden`; the file of the old one goes.

use std::path::Path;

use rowmill_change::{Op, Position};
use rowmill_operators::{Changes, Progress};

use crate::streams::rows::{Row, batch, table};
use crate::streams::{DATABASES, ENVIRONMENT, plan, text};
use rowmill_bind::bind;

/// Expressions of `std/sql`. Together they name every function.
const EXPRESSIONS: &[&str] = &[
    "n + id",
    "n - id",
    "id * x",
    "n / id",
    "n DIV id",
    "n % id",
    "-id",
    "d * id",
    "x / 0",
    "n & 6",
    "n | id",
    "n ^ id",
    "~id",
    "n << 2",
    "n >> 1",
    "n = id",
    "n <=> NULL",
    "n <> id",
    "x < id",
    "name LIKE 'K%'",
    "name = 'koln'",
    "name IN ('KOLN', '')",
    "id BETWEEN 2 AND 5",
    "n IS NULL",
    "NOT g",
    "g AND n > 0",
    "g OR n IS NULL",
    "g XOR 1",
    "CASE WHEN id > 4 THEN 'much' WHEN id < 0 THEN 'less' ELSE 'some' END",
    "CASE id WHEN 3 THEN 'three' END",
    "CAST(d AS DECIMAL(12,1))",
    "CAST(x AS SIGNED)",
    "CAST(id AS CHAR)",
    "ABS(id)",
    "ACOS(x / 4)",
    "ASIN(x / 4)",
    "ATAN(id)",
    "ATAN2(id, 2)",
    "CEIL(x)",
    "CEILING(d)",
    "COS(id)",
    "CRC32(name)",
    "DEGREES(id)",
    "EXP(id)",
    "FLOOR(d)",
    "LN(id)",
    "LOG(2, id)",
    "LOG10(id)",
    "LOG2(id)",
    "MOD(n, 4)",
    "PI()",
    "POW(id, 2)",
    "POWER(id, -1)",
    "RADIANS(id)",
    "ROUND(d, 1)",
    "SIGN(id)",
    "SIN(id)",
    "SQRT(id)",
    "TAN(id)",
    "TRUNCATE(d, 1)",
    "GREATEST(n, id)",
    "LEAST(n, id)",
    "COALESCE(n, id)",
    "IF(g, n, id)",
    "IFNULL(n, id)",
    "NVL(n, id)",
    "NULLIF(n, 7)",
    "ISNULL(n)",
    "ELT(id, 'a', 'b', 'c')",
    "FIELD(name, 'KOLN', '')",
    "FIND_IN_SET('b', name)",
    "ASCII(name)",
    "BIT_LENGTH(name)",
    "CHAR_LENGTH(name)",
    "CHARACTER_LENGTH(name)",
    "LENGTH(name)",
    "OCTET_LENGTH(name)",
    "CONCAT(name, '|', id)",
    "CONCAT_WS('-', name, name)",
    "HEX(name)",
    "HEX(id)",
    "UNHEX('4B6F')",
    "INSERT(name, 2, 2, '*')",
    "INSTR(name, 'o')",
    "LCASE(name)",
    "LOWER(name)",
    "UCASE(name)",
    "UPPER(name)",
    "LEFT(name, 3)",
    "RIGHT(name, 3)",
    "LOCATE('o', name)",
    "POSITION('l' IN name)",
    "LPAD(name, 8, '<>')",
    "RPAD(name, 8, '<>')",
    "LTRIM(name)",
    "RTRIM(name)",
    "TRIM(name)",
    "TRIM(BOTH 'k' FROM name)",
    "MID(name, 2, 3)",
    "SUBSTR(name, -3)",
    "SUBSTRING(name, 2)",
    "SUBSTRING_INDEX(name, ',', 2)",
    "QUOTE(name)",
    "REPEAT(name, 2)",
    "REPLACE(name, 'o', '0')",
    "REVERSE(name)",
    "CONCAT('[', SPACE(2), ']')",
    "STRCMP(name, 'koln')",
    "DATE(at)",
    "TIME(at)",
    "TIMESTAMP(at)",
    "YEAR(at)",
    "QUARTER(at)",
    "MONTH(at)",
    "MONTHNAME(at)",
    "DAY(at)",
    "DAYNAME(at)",
    "DAYOFMONTH(at)",
    "DAYOFWEEK(at)",
    "DAYOFYEAR(at)",
    "WEEK(at, 3)",
    "WEEKDAY(at)",
    "WEEKOFYEAR(at)",
    "YEARWEEK(at)",
    "HOUR(at)",
    "MINUTE(at)",
    "SECOND(at)",
    "MICROSECOND(at)",
    "EXTRACT(HOUR FROM at)",
    "LAST_DAY(at)",
    "TO_DAYS(at)",
    "FROM_DAYS(739310)",
    "UNIX_TIMESTAMP(at)",
    "FROM_UNIXTIME(86400 * id)",
    "MAKEDATE(2024, 60)",
    "SEC_TO_TIME(3661 * id)",
    "TIME_TO_SEC(TIME(at))",
    "TIME_FORMAT(TIME(at), '%H-%n')",
    "DATE_FORMAT(at, '%W %d %g %Y %T.%f')",
    "STR_TO_DATE('30.11.2026', '%d.%m.%Y')",
    "DATEDIFF(at, '2024-01-01')",
    "TIMESTAMPDIFF(HOUR, at, '2024-03-01')",
    "DATE_ADD(at, INTERVAL 1 MONTH)",
    "ADDDATE(at, INTERVAL 1 DAY)",
    "DATE_SUB(at, INTERVAL 90 SECOND)",
    "SUBDATE(at, INTERVAL 1 YEAR)",
    "at + INTERVAL 1 QUARTER",
];

/// Aggregates of `std/stats`: function, arguments, configuration.
const AGGREGATES: &[(&str, &str, &str)] = &[
    ("approx_count_distinct", "n", ""),
    ("avg", "n", ""),
    ("avg", "d", ""),
    ("avg", "x", ""),
    ("bit_and", "id", ""),
    ("bit_or", "id", ""),
    ("bit_xor", "n", ""),
    ("bool_and", "n", ""),
    ("bool_or", "n", ""),
    ("count", "n", ""),
    ("count_distinct", "name", ""),
    ("count_distinct", "n, id", ""),
    ("every", "n", ""),
    ("first", "name, id", ""),
    ("group_concat", "name, id", "separator: / "),
    ("json_arrayagg", "n, id", ""),
    ("last", "name, id", ""),
    ("max", "name", ""),
    ("max", "d", ""),
    ("median", "n", ""),
    ("min", "x", ""),
    ("percentile", "n", "p: 0.9"),
    ("some", "n", ""),
    ("std", "n", ""),
    ("stddev", "x", ""),
    ("stddev_pop", "d", ""),
    ("stddev_samp", "n", ""),
    ("string_agg", "name, id", ""),
    ("sum", "n", ""),
    ("sum", "d", ""),
    ("sum", "x", ""),
    ("top_k", "n", "k: 3"),
    ("var_pop", "n", ""),
    ("var_samp", "x", ""),
    ("variance", "d", ""),
];

/// Functions of `std/text` on these texts: function, configuration, texts.
const TEXTS: &[(&str, &str, &[&str])] = &[
    ("trim", "", SPACED),
    ("lower", "", SPACED),
    ("upper", "", SPACED),
    ("collapse", "", SPACED),
    ("email", "invalid: keep", MAILS),
    ("email", "invalid: keep, lower_local: true, drop_tag: true", MAILS),
    ("phone", "country: '49', invalid: keep", PHONES),
    ("split", "", LISTS),
    ("split", "keep_empty: true, limit: 2", LISTS),
];

const SPACED: &[&str] = &[" Köln\u{a0} am  Rhein\t", "ǅ straße", "", "İIi Σς"];
const MAILS: &[&str] =
    &["Anna.Muster@Example.COM", "mailto:bob+shop@example.org", " <c.d@sub.example.net> ", "no@body", ""];
const PHONES: &[&str] = &["+49 (0)30 123456", "0049 30/99-88", "030 1234567", "12", "tel:+1.212.5550100"];
const LISTS: &[&str] = &["a, b ,,c", "", ",", "x"];

fn rows() -> Vec<Row> {
    let second = 1_000_000;
    let row = |id, g, name, at: i64, n, x, d| Row { id, g, name, at: at * second + 250_000, n, x, d };
    vec![
        row(1, Some(0), Some(" Köln  am Rhein "), 1_709_251_198, Some(7), Some(1.5), Some(1250)),
        row(2, Some(1), Some("KOLN"), 1_703_980_800, Some(-3), Some(-0.25), Some(-5)),
        row(3, None, None, 0, None, None, None),
        row(4, Some(1), Some("ß ǅ straße"), 915_194_096, Some(i32::MAX), Some(1e100), Some(9_999_999_999)),
        row(5, Some(0), Some(""), 1_796_043_600, Some(0), Some(0.0), Some(0)),
        row(6, Some(0), Some("a,b,,c"), 1_709_251_198, Some(7), Some(2.5), Some(1250)),
        row(7, Some(1), Some("koln "), -1, Some(i32::MIN), Some(0.1), Some(33)),
    ]
}

/// What the steps make of the rows, a line for each.
fn results(steps: &str, rows: &[Row]) -> String {
    let mut plan = plan(steps);
    // Functions that take nothing out again have results, too.
    plan.source.append_only = true;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let table = table();
        let bound = bind(&plan, &[&table], DATABASES, &ENVIRONMENT).await;
        let mut graph = bound.unwrap_or_else(|problems| panic!("{problems:?}")).graph;
        let rows = batch(&rows.iter().collect::<Vec<_>>());
        let (ops, times) = (vec![Op::Insert; rows.num_rows()], vec![0; rows.num_rows()]);
        let position = Position::new("binlog.000001", 4);
        let changes = Changes::without_event(&rows, &ops, &times, &position);
        let mut writes = graph.absorb(&[(0, changes)], Progress::Live).await.unwrap().writes;
        writes.extend(graph.close(Progress::Live, &position).await.unwrap().writes);
        let rows = &writes[0].rows;
        let mut lines: Vec<String> = (0..rows.num_rows()).map(|row| text(rows.columns(), row) + "\n").collect();
        lines.sort();
        lines.concat()
    })
}

#[track_caller]
fn compare(component: &str, found: &str) {
    let (number, _) = rowmill_udfs::behaviour(component).expect("a built-in component");
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../udfs/golden"));
    let file = folder.join(format!("{component}-{number}.txt"));
    if std::env::var_os("ROWMILL_BLESS").is_some() {
        std::fs::write(&file, found).unwrap();
    }
    let wanted =
        rowmill_foreign::read_text(&file, 1 << 20).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "std/{component} has other results than its number {number} stands for: raise it in udfs/src/lib.rs. The first: {differs:?}"
    );
}

/// The functions of a component, and what their descriptions say.
fn functions(component: &str) -> Vec<(String, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (wasm, digest) = rowmill_udfs::component(component).unwrap();
        let component = ENVIRONMENT.engine.load_embedded(component, wasm, digest).await.unwrap();
        let description = component.describe().await.unwrap();
        description.functions.iter().map(|function| (function.name.clone(), function.docs.clone())).collect()
    })
}

#[test]
fn results_of_std_sql_are_those_of_its_number() {
    let mut found = String::new();
    // The row's key stays beside it.
    for expression in EXPRESSIONS {
        let steps = format!("  - map: {{ found: {expression:?} }}\n  - select: [id, found]");
        found += &format!("# {expression}\n{}", results(&steps, &rows()));
    }
    found += &format!("# filter\n{}", results("  - filter: \"n > 2 AND name LIKE '%k%'\"\n  - select: [id]", &rows()));
    compare("sql", &found);
    let functions = functions("sql");
    let listed =
        functions.iter().find_map(|(_, docs)| docs.split_once("Functions: ")).expect("the list of functions").1;
    for function in listed.split('.').next().unwrap().split(", ") {
        assert!(
            EXPRESSIONS.iter().any(|text| text.contains(&format!("{function}("))),
            "no expression calls {function}"
        );
    }
}

#[test]
fn results_of_std_stats_are_those_of_its_number() {
    let mut found = String::new();
    for (function, args, config) in AGGREGATES {
        let call = format!("{{ udf: std/stats#{function}, args: [{args}], config: {{ {config} }} }}");
        let steps = format!("  - aggregate: {{ by: [g], values: {{ found: {call} }} }}\n  - select: [g, found]");
        found += &format!("# {function}({args}) {config}\n{}", results(&steps, &rows()));
    }
    compare("stats", &found);
    for (function, _) in functions("stats") {
        assert!(AGGREGATES.iter().any(|(name, ..)| *name == function), "{function} is not run");
    }
}

#[test]
fn results_of_std_text_are_those_of_its_number() {
    let mut found = String::new();
    for (function, config, texts) in TEXTS {
        let row = |(id, name): (usize, &&'static str)| Row { id: id as i32, name: Some(name), ..rows()[0].clone() };
        let rows: Vec<Row> = texts.iter().enumerate().map(row).collect();
        let call = format!("udf: std/text#{function}, args: [name], config: {{ {config} }}");
        let steps = match *function {
            "split" => format!("  - transform: {{ {call} }}\n  - select: [id, ordinality, item]"),
            _ => format!("  - map: {{ found: {{ {call} }} }}\n  - select: [id, found]"),
        };
        found += &format!("# {function} {config}\n{}", results(&steps, &rows));
    }
    compare("text", &found);
    for (function, _) in functions("text") {
        assert!(TEXTS.iter().any(|(name, ..)| *name == function), "{function} is not run");
    }
}
