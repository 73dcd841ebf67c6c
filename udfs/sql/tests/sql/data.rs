//! The rows, as SQL and as arrays, and the expressions.

use std::sync::Arc;

use arrow_array::*;
use arrow_schema::{DataType, Field};
use rowmill_devserver::Kind;

fn collation(kind: Kind) -> &'static str {
    match kind {
        Kind::MySql => "utf8mb4_0900_ai_ci",
        Kind::MariaDb => "utf8mb4_uca1400_nopad_ai_ci",
    }
}

/// Seven rows with NULLs, extremes and what is hard to compare.
pub(crate) fn create(kind: Kind) -> String {
    let ci = collation(kind);
    format!(
        r"CREATE DATABASE shop; USE shop; SET time_zone = '+00:00';
CREATE TABLE t (id INT PRIMARY KEY, i INT, u INT UNSIGNED, b BIGINT, ub BIGINT UNSIGNED, n INT NOT NULL,
  d DECIMAL(10,2), e DECIMAL(30,10), f DOUBLE, r FLOAT,
  s VARCHAR(40) CHARACTER SET utf8mb4 COLLATE {ci}, g VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  x VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, bin VARBINARY(20),
  dt DATE, ts DATETIME(6), t0 DATETIME, tm TIME(3));
INSERT INTO t VALUES
(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, '', '', '', '', '1970-01-01', '1970-01-01 00:00:00', '1970-01-01 00:00:00', '00:00:00'),
(2, 1, 3, 7, 9, 2, 10.25, 1234567.0123456789, 1.5, 0.1, 'Hello', 'hello', 'Hello', 'abc', '2024-02-29', '2024-02-29 23:59:59.999999', '2024-02-29 12:30:45', '12:34:56.789'),
(3, -5, 4294967295, -9223372036854775808, 18446744073709551615, 3, -99999999.99, -99999999999999999999.9999999999, -2.5, -3.25, 'Müller  ', 'MÜLLER', ' x y ', x'00ff41', '1999-12-31', '1999-12-31 00:00:00.5', '1999-12-31 23:59:59', '-838:59:59'),
(4, 2147483647, 10, 9223372036854775807, 9223372036854775808, 4, 99999999.99, 99999999999999999999.9999999999, 1e300, 16777216, '12.5abc', 'a_b%c', 'a,b,,c', '12', '9999-12-31', '9999-12-31 23:59:59', '0001-01-01 00:00:00', '838:59:59'),
(5, NULL, NULL, NULL, NULL, 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(6, -2147483648, 7, 42, 42, -6, 2.5, -0.5, -0.5, 2.5, 'straße', 'STRASSE', '2024-03-10', 'zz', '2023-01-01', '2023-07-15 08:05:03.1', '2023-01-01 08:00:00', '-01:02:03.5'),
(7, 100, 5, -3, 5, 7, -0.05, 3.3333333333, 0.1, 1e-5, 'apple, Banana', 'ÀPPLE', 'apple ', 'hello', '2020-12-31', '2020-12-31 12:00:00', '2038-01-19 03:14:07', '00:00:01.005');"
    )
}

pub(crate) fn columns(kind: Kind) -> (Vec<Field>, Vec<ArrayRef>) {
    let day = 86_400_000_000i64;
    let moment =
        |days: i64, h: i64, m: i64, s: i64, us: i64| Some(days * day + ((h * 60 + m) * 60 + s) * 1_000_000 + us);
    let decimal = |precision, scale, values: Vec<Option<i128>>| {
        Arc::new(Decimal128Array::from(values).with_data_type(DataType::Decimal128(precision, scale))) as ArrayRef
    };
    let text = |values: [Option<&str>; 7]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    type Attributes = Vec<(&'static str, &'static str)>;
    let arrays: Vec<(&str, ArrayRef, Attributes)> = vec![
        ("id", Arc::new(Int32Array::from((1..=7).collect::<Vec<_>>())), vec![]),
        (
            "i",
            Arc::new(Int32Array::from(vec![
                Some(0),
                Some(1),
                Some(-5),
                Some(i32::MAX),
                None,
                Some(i32::MIN),
                Some(100),
            ])),
            vec![],
        ),
        (
            "u",
            Arc::new(UInt32Array::from(vec![Some(0), Some(3), Some(u32::MAX), Some(10), None, Some(7), Some(5)])),
            vec![],
        ),
        (
            "b",
            Arc::new(Int64Array::from(vec![
                Some(0),
                Some(7),
                Some(i64::MIN),
                Some(i64::MAX),
                None,
                Some(42),
                Some(-3),
            ])),
            vec![],
        ),
        (
            "ub",
            Arc::new(UInt64Array::from(vec![Some(0), Some(9), Some(u64::MAX), Some(1 << 63), None, Some(42), Some(5)])),
            vec![],
        ),
        ("n", Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5, -6, 7])), vec![]),
        (
            "d",
            decimal(
                10,
                2,
                vec![Some(0), Some(1025), Some(-9_999_999_999), Some(9_999_999_999), None, Some(250), Some(-5)],
            ),
            vec![],
        ),
        (
            "e",
            decimal(
                30,
                10,
                vec![
                    Some(0),
                    Some(12_345_670_123_456_789),
                    Some(-999_999_999_999_999_999_999_999_999_999),
                    Some(999_999_999_999_999_999_999_999_999_999),
                    None,
                    Some(-5_000_000_000),
                    Some(33_333_333_333),
                ],
            ),
            vec![],
        ),
        (
            "f",
            Arc::new(Float64Array::from(vec![
                Some(0.0),
                Some(1.5),
                Some(-2.5),
                Some(1e300),
                None,
                Some(-0.5),
                Some(0.1),
            ])),
            vec![],
        ),
        (
            "r",
            Arc::new(Float32Array::from(vec![
                Some(0.0),
                Some(0.1),
                Some(-3.25),
                Some(16777216.0),
                None,
                Some(2.5),
                Some(1e-5),
            ])),
            vec![],
        ),
        (
            "s",
            text([
                Some(""),
                Some("Hello"),
                Some("Müller  "),
                Some("12.5abc"),
                None,
                Some("straße"),
                Some("apple, Banana"),
            ]),
            vec![("max-chars", "40"), ("collation", collation(kind))],
        ),
        (
            "g",
            text([Some(""), Some("hello"), Some("MÜLLER"), Some("a_b%c"), None, Some("STRASSE"), Some("ÀPPLE")]),
            vec![("max-chars", "40"), ("collation", "utf8mb4_general_ci")],
        ),
        (
            "x",
            text([Some(""), Some("Hello"), Some(" x y "), Some("a,b,,c"), None, Some("2024-03-10"), Some("apple ")]),
            vec![("max-chars", "40"), ("collation", "utf8mb4_bin")],
        ),
        (
            "bin",
            Arc::new(BinaryArray::from(vec![
                Some(&b""[..]),
                Some(b"abc"),
                Some(b"\x00\xffA"),
                Some(b"12"),
                None,
                Some(b"zz"),
                Some(b"hello"),
            ])),
            vec![("max-chars", "20")],
        ),
        (
            "dt",
            Arc::new(Date32Array::from(vec![
                Some(0),
                Some(19782),
                Some(10956),
                Some(2_932_896),
                None,
                Some(19358),
                Some(18627),
            ])),
            vec![],
        ),
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(0),
                moment(19782, 23, 59, 59, 999_999),
                moment(10956, 0, 0, 0, 500_000),
                moment(2_932_896, 23, 59, 59, 0),
                None,
                moment(19553, 8, 5, 3, 100_000),
                moment(18627, 12, 0, 0, 0),
            ])),
            vec![("fsp", "6")],
        ),
        (
            "t0",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(0),
                moment(19782, 12, 30, 45, 0),
                moment(10956, 23, 59, 59, 0),
                moment(-719_162, 0, 0, 0, 0),
                None,
                moment(19358, 8, 0, 0, 0),
                moment(24855, 3, 14, 7, 0),
            ])),
            vec![("fsp", "0")],
        ),
        (
            "tm",
            Arc::new(DurationMicrosecondArray::from(vec![
                Some(0),
                moment(0, 12, 34, 56, 789_000),
                moment(0, -838, -59, -59, 0),
                moment(0, 838, 59, 59, 0),
                None,
                moment(0, -1, -2, -3, -500_000),
                moment(0, 0, 0, 1, 5_000),
            ])),
            vec![("fsp", "3")],
        ),
    ];
    let fields = arrays
        .iter()
        .map(|(name, array, attributes)| {
            let nullable = !matches!(*name, "id" | "n");
            let attributes: std::collections::HashMap<String, String> =
                attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Field::new(*name, array.data_type().clone(), nullable).with_metadata(attributes)
        })
        .collect();
    (fields, arrays.into_iter().map(|(_, array, _)| array).collect())
}

/// One per line; lines that begin with `#` are comments.
pub(crate) fn expressions() -> impl Iterator<Item = &'static str> {
    include_str!("data/expressions.sql").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}
