//! Every type at its extremes: the same value from the snapshot, from the binary log, and as the
//! server prints it.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use arrow_select::concat::concat_batches;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rowmill_change::ChangeEvent;
use rowmill_devserver::Kind;
use rowmill_mysql::binlog::Images;

use crate::{KINDS, Shop, next};

struct Case {
    ty: &'static str,
    values: Vec<String>,
}

fn case(ty: &'static str, values: &[&str]) -> Case {
    Case { ty, values: values.iter().map(|v| (*v).to_owned()).collect() }
}

fn cases(kind: Kind) -> Vec<Case> {
    let mut random = StdRng::seed_from_u64(7);
    let mut cases = vec![
        case("tinyint", &["-128", "127", "0"]),
        case("tinyint unsigned", &["255", "0"]),
        case("tinyint(1)", &["-1", "100"]),
        case("smallint", &["-32768", "32767"]),
        case("smallint unsigned", &["65535", "0"]),
        case("mediumint", &["-8388608", "8388607", "-1"]),
        case("mediumint unsigned", &["16777215", "0"]),
        case("int", &["-2147483648", "2147483647"]),
        case("int unsigned", &["4294967295", "0"]),
        case("bigint", &["-9223372036854775808", "9223372036854775807"]),
        case("bigint unsigned", &["18446744073709551615", "0"]),
        case("year", &["1901", "2155", "0", "2024"]),
        case("float", &["-3.402823466e38", "1.175494351e-38", "16777217", "0.1", "-0.0"]),
        case("double", &["-1.7976931348623157e308", "2.2250738585072014e-308", "0.1", "1e22"]),
        case("decimal(1,0)", &["-9", "9", "0"]),
        case("decimal(10,2)", &["-99999999.99", "99999999.99", "0.01", "-0.01"]),
        case("decimal(18,9)", &["-999999999.999999999", "1.000000001"]),
        case("decimal(38,10)", &["-9999999999999999999999999999.9999999999", "1.5"]),
        case(
            "decimal(65,30)",
            &[
                "-99999999999999999999999999999999999.999999999999999999999999999999",
                "99999999999999999999999999999999999.999999999999999999999999999999",
                "0.000000000000000000000000000001",
            ],
        ),
        case("decimal(65,0)", &["-99999999999999999999999999999999999999999999999999999999999999999"]),
        case("decimal(30,30)", &["-0.999999999999999999999999999999", "0"]),
        case("bit(1)", &["1", "0"]),
        case("bit(13)", &["8191", "0", "5"]),
        case("bit(64)", &["18446744073709551615", "1"]),
        case("char(10)", &["''", "'a  '", "'\u{e9}\u{1f600}'"]),
        case("char(255)", &["REPEAT('\u{1f600}', 255)", "'x'"]),
        case("varchar(10)", &["''", "' a '", "'\u{1f600}'"]),
        case("varchar(300)", &["REPEAT('\u{e9}', 300)", "''"]),
        case("varchar(40) character set latin1", &["'caf\u{e9} \u{20ac}'", "CONVERT(X'818D8F909D80FF' USING latin1)"]),
        case("char(3) character set ascii", &["'abc'", "''"]),
        case("varchar(20) character set ucs2", &["'\u{e9}\u{4e2d}'", "''"]),
        case("varchar(20) character set utf16", &["'a\u{1f600}'"]),
        case("varchar(20) character set utf16le", &["'a\u{1f600}'"]),
        case("varchar(20) character set utf32", &["'a\u{1f600}'"]),
        case("varchar(20) character set utf8mb3", &["'\u{4e2d}\u{ffff}'"]),
        case("varchar(20) character set cp1251", &["'\u{43f}\u{440}\u{438}'"]),
        case("varchar(20) character set koi8r", &["'\u{43f}\u{440}\u{438}'"]),
        case("varchar(20) character set latin2", &["'\u{17e}\u{10d}'"]),
        case("varchar(20) character set cp850", &["'\u{e9}\u{2592}'"]),
        case("varchar(20) character set gbk", &["'\u{4e2d}\u{6587}a'"]),
        case("varchar(20) character set sjis", &["'\u{65e5}\u{672c}\u{ff71}'"]),
        case("varchar(20) character set ujis", &["'\u{65e5}\u{672c}'"]),
        case("varchar(20) character set big5", &["'\u{4e2d}\u{6587}'"]),
        case("varchar(20) character set euckr", &["'\u{d55c}'"]),
        case("tinytext", &["''", "REPEAT('x', 255)"]),
        case("text", &["''", "REPEAT('\u{e9}', 3000)"]),
        case("mediumtext", &["REPEAT('m', 70000)", "''"]),
        case("longtext", &["REPEAT('l', 70000)", "''"]),
        case("enum('a','it''s','\u{e9},')", &["'a'", "2", "3"]),
        case("set('x','y y','\u{e9}')", &["''", "'x,\u{e9}'", "7"]),
        case("binary(4)", &["X'00000000'", "X'01000000'", "X'61'", "X'ffffffff'"]),
        case("binary(255)", &["X''", "REPEAT(X'ff', 255)"]),
        case("varbinary(300)", &["X''", "X'00ff0000'", "REPEAT(X'00', 300)"]),
        case("tinyblob", &["X''", "X'00'"]),
        case("blob", &["X''", "REPEAT(X'80', 1000)"]),
        case("mediumblob", &["REPEAT(X'80', 70000)"]),
        case("longblob", &["X'00'"]),
        case("geometry", &["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1)', 0)"]),
        case("date", &["'0000-00-00'", "'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'1969-12-31'"]),
        case("datetime", &["'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"]),
        case("datetime(1)", &["'2024-02-29 23:59:59.9'", "'1969-12-31 23:59:59.9'"]),
        case("datetime(3)", &["'9999-12-31 23:59:59.999'", "'1001-01-01 00:00:00.001'"]),
        case("datetime(6)", &["'9999-12-31 23:59:59.999999'", "'1001-01-01 00:00:00.000001'"]),
        case("timestamp null", &["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"]),
        case("timestamp(2) null", &["'2024-05-06 07:08:09.12'"]),
        case("timestamp(6) null", &["'2038-01-19 03:14:07.999999'", "'1970-01-01 00:00:01.000001'"]),
        case("time", &["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'"]),
        case("time(2)", &["'-838:59:59'", "'-00:00:00.01'", "'12:34:56.78'"]),
        case("time(3)", &["'-00:00:00.001'", "'838:59:58.999'"]),
        case("time(6)", &["'-838:59:58.999999'", "'-00:00:00.000001'", "'838:59:58.999999'"]),
        case("int generated always as (id * 2) stored", &["DEFAULT"]),
        case("int generated always as (id * 3) virtual", &["DEFAULT"]),
    ];
    let json = [
        r#"'{"b": [1, 2.5, true, null, "x\\"\\\\\\n\\u0001\\u00e9"], "a": {}}'"#,
        "'[]'",
        "'null'",
        "'\"plain\"'",
        "'[-32769, 32768, 65536, -2147483649, 4294967296, 18446744073709551615, 1e15, 1e-16, 1.0, 123456789012345.5, 0.1]'",
        "JSON_ARRAY(REPEAT('long', 20000), JSON_OBJECT('k', REPEAT('v', 66000)))",
    ];
    let mut json = case("json", &json);
    if kind == Kind::MySql {
        for value in [
            "JSON_ARRAY(CAST('2024-02-29' AS DATE), CAST('2024-02-29 01:02:03.4' AS DATETIME(1)), CAST('-100:02:03.5' AS TIME(1)))",
            "JSON_ARRAY(CAST(-1234567890.0987 AS DECIMAL(20,4)), CAST(0.5 AS DECIMAL(5,5)), X'00ff', REPEAT(X'ab', 100))",
            "JSON_ARRAY(b'101', ST_GeomFromText('POINT(1 2)'))",
        ] {
            json.values.push(value.to_owned());
        }
        cases.push(case("vector(3)", &["STRING_TO_VECTOR('[1, -2.5, 3e30]')"]));
    }
    // Random values beside the extremes.
    for case in &mut cases {
        for _ in 0..6 {
            let value = match case.ty {
                "bigint" => random.random::<i64>().to_string(),
                "double" => format!("{:e}", f64::from_bits(random.random::<u64>() & !(1 << 62))),
                "decimal(18,9)" => {
                    format!("{}.{:09}", random.random_range(-99_999..99_999), random.random_range(0..999_999_999))
                }
                "varbinary(300)" => format!("X'{:032x}'", random.random::<u128>()),
                "datetime(6)" | "timestamp(6) null" => format!(
                    "'{}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}'",
                    random.random_range(1971..2037),
                    random.random_range(1..13),
                    random.random_range(1..29),
                    random.random_range(0..24),
                    random.random_range(0..60),
                    random.random_range(0..60),
                    random.random_range(0..1_000_000)
                ),
                "date" => format!(
                    "'{}-{:02}-{:02}'",
                    random.random_range(1..9999),
                    random.random_range(1..13),
                    random.random_range(1..29)
                ),
                _ => break,
            };
            case.values.push(value);
        }
    }
    for _ in 0..20 {
        let number = f64::from_bits(random.random::<u64>() & !(1 << 62));
        json.values.push(format!("'[{number:e}, {}]'", random.random_range(-1e6..1e6)));
    }
    cases.push(json);
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_the_same_from_everywhere() {
    for kind in KINDS {
        every_type(kind, &[]).await;
    }
    every_type(Kind::MySql, &["--binlog-transaction-compression=ON", "--binlog-row-metadata=FULL"]).await;
    every_type(Kind::MariaDb, &["--log-bin-compress=ON", "--log-bin-compress-min-len=10"]).await;
}

async fn every_type(kind: Kind, flags: &[&str]) {
    let cases = cases(kind);
    let columns: Vec<String> = cases.iter().enumerate().map(|(i, c)| format!("c{i} {}", c.ty)).collect();
    let create = format!(
        "CREATE TABLE t (id int PRIMARY KEY, {}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET utf8mb4",
        columns.join(", ")
    );
    let shop = Shop::start(kind, flags, &format!("SET sql_mode=''; {create}"));
    let from = shop.position().await;
    let rows = cases.iter().map(|c| c.values.len()).max().unwrap() + 1;
    let mut script =
        "SET NAMES utf8mb4; SET time_zone='+00:00'; SET sql_mode='NO_AUTO_VALUE_ON_ZERO'; BEGIN;".to_owned();
    for id in 0..rows {
        let values: Vec<&str> = cases
            .iter()
            .map(|c| {
                let generated = c.values == ["DEFAULT"];
                match c.values.get(id) {
                    Some(value) => value.as_str(),
                    None if generated => "DEFAULT",
                    None => "NULL",
                }
            })
            .collect();
        script.push_str(&format!("INSERT INTO t VALUES ({id}, {});\n", values.join(", ")));
    }
    shop.sql(&format!("{script} COMMIT;"));

    let batches = shop.snapshot("t").await;
    let snapshot = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(snapshot.num_rows(), rows);

    let mut changes = shop.changes(&["t"], Images::After, from).await.unwrap();
    let mut batches = Vec::new();
    while batches.iter().map(arrow_array::RecordBatch::num_rows).sum::<usize>() < rows {
        if let ChangeEvent::Rows { batches: new, .. } = next(&mut changes).await.unwrap() {
            batches.extend(new.into_iter().map(|b| b.rows));
        }
    }
    let log = concat_batches(&batches[0].schema(), &batches).unwrap();
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let (a, b) = (snapshot.column(i + 1), log.column(i + 1));
        let printed =
            shop.sql(&format!("SET NAMES utf8mb4; SET time_zone='+00:00'; SELECT {} FROM t ORDER BY id", print(i, a)));
        let printed: Vec<&str> = printed.lines().filter(|l| *l != format!("v{i}")).collect();
        if printed.len() != rows {
            wrong.push(format!("{kind:?} {}: {} lines printed instead of {rows}", case.ty, printed.len()));
            continue;
        }
        for (row, &printed) in printed.iter().enumerate().take(rows) {
            let (snapshot, log): (String, String) = (text(a, row), text(b, row));
            if snapshot != log || snapshot != printed {
                // From a little before the first difference on.
                let other = if snapshot == log { printed } else { log.as_str() };
                let same = snapshot.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
                let short = |t: &str| t.chars().skip(same.saturating_sub(40)).take(120).collect::<String>();
                wrong.push(format!(
                    "{kind:?} {}: {:?}\n  snapshot {}\n  log      {}\n  server   {}",
                    case.ty,
                    case.values.get(row).map(|v| v.chars().take(120).collect::<String>()),
                    short(&snapshot),
                    short(&log),
                    short(printed)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// An expression whose text the server prints is the same as `text` makes of the value.
fn print(i: usize, array: &ArrayRef) -> String {
    let c = format!("c{i}");
    let value = match array.data_type() {
        DataType::Utf8 => format!("HEX(CONVERT({c} USING utf8mb4))"),
        DataType::Binary => format!("HEX({c})"),
        DataType::Float32 | DataType::Float64 => format!("{c} + 0e0"),
        DataType::UInt64 | DataType::UInt16 => format!("{c} + 0"),
        DataType::Date32 => format!("IF({c} = 0, NULL, DATEDIFF({c}, '1970-01-01'))"),
        DataType::Timestamp(..) => format!("IF({c} = 0, NULL, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {c}))"),
        DataType::Duration(_) => {
            let abs = format!("IF({c} < 0, -1, 1) * (ABS(HOUR({c})) * 3600 + MINUTE({c}) * 60 + SECOND({c}))");
            format!("CAST(({abs}) * 1000000 + IF({c} < 0, -1, 1) * MICROSECOND({c}) AS SIGNED)")
        }
        _ => c,
    };
    format!("{value} AS v{i}")
}

fn text(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".to_owned();
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02X}")).collect::<String>();
    // The client prints doubles with an exponent from 1e15 on; compare values, not spellings.
    let float = |f: f64| {
        let text = format!("{f:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        if (-15..15).contains(&exponent) { format!("{f}") } else { format!("{mantissa}e{exponent}") }
    };
    match array.data_type() {
        DataType::Utf8 => hex(array.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => hex(array.as_binary::<i32>().value(row)),
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array.as_primitive::<TimestampMicrosecondType>().value(row).to_string()
        }
        DataType::Duration(_) => array.as_primitive::<DurationMicrosecondType>().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        other => panic!("{other}"),
    }
}
