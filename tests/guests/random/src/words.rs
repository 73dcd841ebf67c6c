//! Texts that somebody might paste somewhere.

use crate::rng::Rng;

/// Names that are odd or worse.
const NAMES: &[&str] = &[
    "a`b",
    "x` INT, `y",
    "id`); DROP TABLE victim.t; -- ",
    "two words",
    "trailing ",
    " leading",
    "semi;colon",
    "quote'd",
    "a\0b",
    "line\nend",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31m",
    "\u{202e}desrever",
    "🎉",
    "_",
    "ID",
    "select",
    "%s%n",
    "${HOME}",
];

/// MySQL types, and what is none.
const MYSQL_TYPES: &[&str] = &[
    "int",
    "bigint unsigned",
    "varchar(40)",
    "VARCHAR(20) CHARACTER SET latin1",
    "decimal(10,2)",
    "decimal(66,31)",
    "datetime(6)",
    "timestamp(9)",
    "enum('a','b')",
    "enum('a'') , z int -- ')",
    "set('x','y')",
    "json",
    "geometry",
    "bit(64)",
    "binary(0)",
    "varchar(4294967296)",
    "varchar(-1)",
    "int) COMMENT='",
    "int); DROP TABLE victim.t; -- ",
    "int, stolen INT",
    "text) SELECT User, authentication_string FROM mysql.user; -- ",
    "int /*!50000 , more INT */",
    "int DEFAULT (SLEEP(1))",
    "int GENERATED ALWAYS AS (1)",
    "int REFERENCES victim.t(id)",
    "int PRIMARY KEY",
    "int DATA DIRECTORY='/tmp'",
    "int\0",
    "int\n, x int",
    "",
    "'",
    "`",
    "(((((((((((((((((((((((((((((((((((((",
];

const COLLATIONS: &[&str] = &[
    "utf8mb4_bin",
    "latin1_swedish_ci",
    "utf8mb4_nopad_bin",
    "no_such_collation",
    "utf8mb4_bin, x INT",
    "utf8mb4_bin; DROP TABLE victim.t",
    "",
];

const NUMBERS: &[&str] = &["0", "6", "7", "40", "-1", "99999999999999999999", "6) , x int(1", "1e9", "", " 3"];

/// An odd name.
pub(crate) fn name(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 => "n".repeat(63 + rng.below(4)),
        1 => "ü".repeat(64 + rng.below(2)),
        2 => "n".repeat(70_000),
        _ => (*rng.pick(NAMES)).to_owned(),
    }
}

/// A fact about a field.
pub(crate) fn attribute(rng: &mut Rng) -> (String, String) {
    let (key, values) = *rng.pick(&[
        ("mysql-type", MYSQL_TYPES),
        ("mysql-type", MYSQL_TYPES),
        ("mysql-type", MYSQL_TYPES),
        ("collation", COLLATIONS),
        ("max-chars", NUMBERS),
        ("fsp", NUMBERS),
        ("unheard-of", NAMES),
    ]);
    (key.to_owned(), (*rng.pick(values)).to_owned())
}

/// A message.
pub(crate) fn message(rng: &mut Rng) -> String {
    match rng.below(4) {
        0 => String::new(),
        1 => "m".repeat(rng.below(10_000)),
        2 => name(rng),
        _ => "found this, needed that".to_owned(),
    }
}
