//! The types, each with values at its extremes.

use rowmill_devserver::Kind;

/// A column type.
pub(super) struct Type {
    pub(super) sql: &'static str,
    /// At least three, distinct also under a collation.
    pub(super) values: &'static [&'static str],
    /// The second of them as messages name it.
    pub(super) shown: &'static str,
    print: Print,
    /// Whether it can be a primary key without a prefix.
    pub(super) is_key: bool,
}

/// How a server is asked for a value, so that equal values are equal texts.
#[derive(Clone, Copy)]
enum Print {
    Plain,
    Number,
    Text,
    Bytes,
}

impl Type {
    /// The value of an expression of this type, as an expression that prints it.
    pub(super) fn print(&self, expression: &str) -> String {
        match self.print {
            Print::Plain => expression.to_owned(),
            Print::Number => format!("{expression} + 0"),
            Print::Text => format!("HEX(CONVERT({expression} USING utf8mb4))"),
            Print::Bytes => format!("HEX({expression})"),
        }
    }

    const fn no_key(self) -> Self {
        Self { is_key: false, ..self }
    }
}

const fn of(sql: &'static str, values: &'static [&'static str], shown: &'static str, print: Print) -> Type {
    Type { sql, values, shown, print, is_key: true }
}

const fn plain(sql: &'static str, values: &'static [&'static str], shown: &'static str) -> Type {
    of(sql, values, shown, Print::Plain)
}

const fn text(sql: &'static str, values: &'static [&'static str], shown: &'static str) -> Type {
    of(sql, values, shown, Print::Text)
}

/// Types with an event time.
pub(super) const TEMPORAL: &[Type] = &[
    plain("DATE", &["'1000-01-01'", "'2024-02-29'", "'9999-12-31'", "'1969-12-31'"], "2024-02-29"),
    plain(
        "DATETIME",
        &["'1000-01-01'", "'2024-02-29 00:07:00'", "'2024-02-29 00:59:59'", "'9999-12-31 23:59:59'"],
        "2024-02-29 00:07:00",
    ),
    plain(
        "DATETIME(3)",
        &["'2024-02-29 01:00:00.001'", "'1969-12-31 23:00:00.500'", "'2024-02-29 01:59:59.999'"],
        "1969-12-31 23:00:00.500",
    ),
    plain(
        "DATETIME(6)",
        &["'2024-02-29 01:00:00.000001'", "'2024-02-29 01:20:00'", "'9999-12-31 23:59:59.999999'"],
        "2024-02-29 01:20:00",
    ),
    plain(
        "TIMESTAMP",
        &["'1970-01-01 00:00:01'", "'2024-02-29 00:07:00'", "'2024-02-29 00:59:59'", "'2038-01-19 03:14:07'"],
        "2024-02-29 00:07:00 UTC",
    ),
    plain(
        "TIMESTAMP(2)",
        &["'2024-02-29 01:00:00.01'", "'2024-10-27 02:30:00.5'", "'2024-02-29 01:59:59.99'"],
        "2024-10-27 02:30:00.500 UTC",
    ),
    plain(
        "TIMESTAMP(6)",
        &[
            "'1970-01-01 00:00:01.000001'",
            "'2024-02-29 01:20:00.000001'",
            "'2038-01-19 03:14:07.999999'",
            "'2024-02-29 01:40:00'",
        ],
        "2024-02-29 01:20:00.000001 UTC",
    ),
];

/// The other types with equality and an order.
pub(super) const ORDERED: &[Type] = &[
    plain("TINYINT", &["-128", "127", "0"], "127"),
    plain("TINYINT UNSIGNED", &["0", "255", "1"], "255"),
    plain("TINYINT(1)", &["0", "1", "-1"], "1"),
    plain("SMALLINT", &["-32768", "32767", "0"], "32767"),
    plain("SMALLINT UNSIGNED", &["0", "65535", "1"], "65535"),
    plain("MEDIUMINT", &["-8388608", "8388607", "0"], "8388607"),
    plain("MEDIUMINT UNSIGNED", &["0", "16777215", "1"], "16777215"),
    plain("INT", &["-2147483648", "2147483647", "0"], "2147483647"),
    plain("INT UNSIGNED", &["0", "4294967295", "1"], "4294967295"),
    plain("BIGINT", &["-9223372036854775808", "9223372036854775807", "0"], "9223372036854775807"),
    plain("BIGINT UNSIGNED", &["0", "18446744073709551615", "1"], "18446744073709551615"),
    of("YEAR", &["1901", "2155", "2024"], "2155", Print::Number),
    plain("FLOAT", &["-1.5", "16777216", "0.25"], "16777216.0"),
    plain("DOUBLE", &["-1.7976931348623157e308", "0.1", "2.2250738585072014e-308"], "0.1"),
    plain("DECIMAL(10,2)", &["-99999999.99", "99999999.99", "0.01"], "99999999.99"),
    plain("DECIMAL(38,10)", &["-9999999999999999999999999999.9999999999", "1.5", "0"], "1.5000000000"),
    plain(
        "DECIMAL(65,30)",
        &[
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "0.000000000000000000000000000001",
            "7",
        ],
        "0.000000000000000000000000000001",
    ),
    of("BIT(1)", &["b'0'", "b'1'", "NULL"], "1", Print::Number),
    of("BIT(13)", &["0", "8191", "5"], "8191", Print::Number),
    of("BIT(64)", &["18446744073709551615", "9223372036854775808", "0"], "9223372036854775808", Print::Number),
    text("CHAR(10)", &["''", "'Zürich'", "'x'"], "Zürich"),
    text("VARCHAR(20)", &["''", "'a\u{1f600}'", "'x'"], "a\u{1f600}"),
    text("VARCHAR(20) CHARACTER SET latin1", &["''", "'café €'", "'x'"], "café €"),
    text("VARCHAR(20) CHARACTER SET utf16", &["''", "'a\u{1f600}'", "'x'"], "a\u{1f600}"),
    text("VARCHAR(20) COLLATE utf8mb4_bin", &["'a'", "'A'", "'b'"], "A"),
    text("TEXT", &["''", "REPEAT('é', 3000)", "'x'"], "").no_key(),
    text("LONGTEXT", &["REPEAT('l', 70000)", "'x'", "''"], "").no_key(),
    text("ENUM('a','it''s','é,')", &["'a'", "'it''s'", "'é,'"], "it's"),
    text("SET('x','y y','z')", &["''", "'x,z'", "'y y'"], "x,z"),
    of("BINARY(4)", &["X'00000000'", "X'61000000'", "X'ffffffff'"], "0x61000000", Print::Bytes),
    of("VARBINARY(30)", &["X''", "X'00ff00'", "X'61'"], "0x00ff00", Print::Bytes),
    of("BLOB", &["X''", "REPEAT(X'80', 1000)", "X'00'"], "", Print::Bytes).no_key(),
    plain("TIME", &["'838:59:59'", "'-838:59:59'", "'00:00:00'"], "-838:59:59"),
    plain("TIME(3)", &["'12:34:56.789'", "'-00:00:00.001'", "'00:00:00'"], "-00:00:00.001"),
    plain("TIME(6)", &["'838:59:58.999999'", "'-00:00:00.000001'", "'00:00:00'"], "-00:00:00.000001"),
];

const DOCUMENTS: &[Type] = &[text("JSON", &["'[1, 2.5, \"x\"]'", "'{\"a\": null}'", "'7'"], "").no_key()];

const BYTES: &[Type] = &[
    of(
        "GEOMETRY",
        &["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1)')", "ST_GeomFromText('POINT(0 0)')"],
        "",
        Print::Bytes,
    )
    .no_key(),
    of(
        "POINT",
        &["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(-1 1e9)')", "ST_GeomFromText('POINT(0 0)')"],
        "",
        Print::Bytes,
    )
    .no_key(),
];

const VECTORS: &[Type] = &[of(
    "VECTOR(3)",
    &["STRING_TO_VECTOR('[1, -2.5, 3e30]')", "STRING_TO_VECTOR('[0, 0, 0]')", "STRING_TO_VECTOR('[1, 1, 1]')"],
    "",
    Print::Bytes,
)
.no_key()];

/// The types without an order. JSON has no equality either.
pub(super) fn opaque(kind: Kind) -> impl Iterator<Item = &'static Type> {
    let vectors = if kind == Kind::MySql { VECTORS } else { &[] };
    DOCUMENTS.iter().chain(BYTES).chain(vectors)
}

/// All types.
pub(super) fn all(kind: Kind) -> impl Iterator<Item = &'static Type> {
    TEMPORAL.iter().chain(ORDERED).chain(opaque(kind))
}
