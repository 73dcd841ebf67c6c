//! Random expressions of constants and conversions, as trees that can be shrunk.

use std::fmt;

/// A piece of text, or pieces between subexpressions.
#[derive(Clone, PartialEq)]
pub(crate) struct Tree {
    /// One more than there are children.
    pieces: Vec<String>,
    children: Vec<Tree>,
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (piece, child) in self.pieces.iter().zip(&self.children) {
            write!(f, "{piece}{child}")?;
        }
        f.write_str(self.pieces.last().map_or("", String::as_str))
    }
}

fn leaf(text: impl Into<String>) -> Tree {
    Tree { pieces: vec![text.into()], children: Vec::new() }
}

/// `template` with `@` for each child.
fn node(template: &str, children: Vec<Tree>) -> Tree {
    let pieces: Vec<String> = template.split('@').map(str::to_owned).collect();
    assert_eq!(pieces.len(), children.len() + 1, "{template}");
    Tree { pieces, children }
}

impl Tree {
    /// Smaller trees that may show the same: a child alone, or one child smaller, or one fewer in a list.
    pub(crate) fn smaller(&self) -> Vec<Tree> {
        let mut all = self.children.clone();
        let is_list = self.pieces.iter().filter(|piece| *piece == ", ").count();
        if is_list > 0 && self.pieces.iter().any(|piece| piece.contains(" IN (")) {
            for at in 2..self.children.len() {
                let mut fewer = self.clone();
                fewer.children.remove(at);
                fewer.pieces.remove(at);
                all.push(fewer);
            }
        }
        for (at, child) in self.children.iter().enumerate() {
            for small in child.smaller() {
                let mut one = self.clone();
                one.children[at] = small;
                all.push(one);
            }
        }
        all
    }
}

/// A pseudo-random sequence (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const NUMBERS: [&str; 7] = ["i", "u", "b", "ub", "d", "e", "f"];
const TEXTS: [&str; 3] = ["s", "x", "n"];
const DATES: [&str; 3] = ["dt", "ts", "t0"];
const OPERATORS: [&str; 7] = ["=", "<>", "<=>", "<", "<=", ">", ">="];

/// Numbers that are close to what a DOUBLE, a BIGINT or a DECIMAL just holds.
const QUOTED: [&str; 28] = [
    "0",
    "1",
    "-1",
    "65",
    "66",
    "-5",
    "100",
    "1.5",
    "2.5",
    "0.1",
    "1e2",
    "abc",
    "",
    " 65",
    "65abc",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.4",
    "1295772036504131620",
    "1295772036504131621",
    "1295772036504131620.0",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "123456789012345678901",
    "123456789012345678901.5",
    "-0.0001",
    "9999999999999999.9999",
];

const BYTES: [&str; 14] = [
    "0x41",
    "x'41'",
    "X'4142'",
    "0b1000001",
    "b'1000001'",
    "0x00",
    "x''",
    "0x05",
    "0xFF",
    "0x10",
    "b'101'",
    "0x3432",
    "0x11FBAE8FF2F1D024",
    "x'61'",
];

/// Numbers that are dates, nearly so, and not.
const MOMENT_NUMBERS: [&str; 14] = [
    "20240229",
    "20240229235959",
    "20240229102030",
    "20240229102030.5",
    "20240229102030.4999999",
    "19991231235959.9999999",
    "240229",
    "240229102030",
    "20240229e0",
    "20240229.7",
    "20241301",
    "131",
    "0",
    "-20240229",
];
const TIME_NUMBERS: [&str; 10] =
    ["123456.789", "123456.7891", "123456", "102030e0", "5", "1.0055", "8385959", "9000000", "106100", "-10203.5"];

/// An expression from this seed.
pub(crate) fn expression(random: &mut Random) -> Tree {
    match random.below(100) {
        0..25 => beside_number(random),
        25..45 => bytes(random),
        45..65 => as_date(random),
        65..90 => beside_date(random),
        90..95 => {
            let (a, b) = (condition(random), condition(random));
            node(random.of(&["(@) AND (@)", "(@) OR (@)", "(@) XOR (@)"]), vec![a, b])
        }
        95..98 => {
            let (a, b, c) = (condition(random), condition(random), condition(random));
            node("IF(@, @, @)", vec![a, b, c])
        }
        _ => node(random.of(&["NOT (@)", "(@) IS NULL", "(@) IS TRUE"]), vec![condition(random)]),
    }
}

fn condition(random: &mut Random) -> Tree {
    if random.chance(50) { beside_number(random) } else { beside_date(random) }
}

/// A value of one side and what it is set beside, in every form that sets values beside each other.
fn beside(random: &mut Random, value: fn(&mut Random) -> Tree, other: fn(&mut Random) -> Tree) -> Tree {
    let either = |random: &mut Random| if random.chance(80) { other(random) } else { value(random) };
    match random.below(10) {
        0..4 => {
            let (a, b) = (value(random), other(random));
            let (a, b) = if random.chance(20) { (b, a) } else { (a, b) };
            node(&format!("@ {} @", random.of(&OPERATORS)), vec![a, b])
        }
        4 | 5 => {
            let between = random.of(&["@ BETWEEN @ AND @", "@ NOT BETWEEN @ AND @"]);
            let all = if random.chance(80) {
                vec![value(random), either(random), either(random)]
            } else {
                vec![other(random), value(random), either(random)]
            };
            node(between, all)
        }
        6 | 7 => {
            let count = 1 + random.below(3);
            let template = format!("@ {}IN (@{})", random.of(&["", "NOT "]), ", @".repeat(count - 1));
            let mut all = vec![if random.chance(80) { value(random) } else { other(random) }];
            for _ in 0..count {
                all.push(if random.chance(5) { leaf("NULL") } else { either(random) });
            }
            node(&template, all)
        }
        8 => {
            let (a, b) = (value(random), other(random));
            let (a, b) = if random.chance(20) { (b, a) } else { (a, b) };
            node("CASE @ WHEN @ THEN 1 WHEN @ THEN 2 ELSE 3 END", vec![a, b, either(random)])
        }
        _ => {
            let (a, b) = (value(random), other(random));
            node(random.of(&["NULLIF(@, @)", "FIELD(@, @)"]), vec![a, b])
        }
    }
}

fn beside_number(random: &mut Random) -> Tree {
    beside(random, number, |random| match random.below(10) {
        0..7 => quoted(random),
        7 => leaf(random.of(&BYTES)),
        8 => leaf(random.of(&["n", "s"])),
        _ => leaf(random.of(&["1", "1.5", "9007199254740993", "1e2", "65", "18446744073709551614"])),
    })
}

fn number(random: &mut Random) -> Tree {
    let column = leaf(random.of(&NUMBERS));
    if random.chance(80) {
        return column;
    }
    node(random.of(&["(@ + 0)", "COALESCE(@, 0)", "(@ * 1)", "ABS(@)", "IF(i > 0, @, NULL)"]), vec![column])
}

fn quoted(random: &mut Random) -> Tree {
    leaf(format!("'{}'", random.of(&QUOTED)))
}

fn bytes(random: &mut Random) -> Tree {
    let literal = |random: &mut Random| leaf(random.of(&BYTES));
    match random.below(10) {
        0 => {
            let template = random.of(&["@ + @", "@ - @", "@ * @", "@ / @", "@ DIV @", "@ % @"]);
            node(template, vec![leaf(random.of(&["i", "u", "e", "f", "1", "'5'"])), literal(random)])
        }
        1 => {
            let template = random.of(&["@ & @", "@ | @", "@ ^ @", "@ << @", "@ >> @"]);
            node(template, vec![leaf(random.of(&["i", "u", "ub", "0x0F", "s"])), literal(random)])
        }
        2 => node(
            random.of(&["~@", "@ + 0", "ABS(@)", "ROUND(@)", "CEIL(@)", "SIGN(@)", "SQRT(@)"]),
            vec![literal(random)],
        ),
        3 => node(
            random.of(&[
                "CAST(@ AS UNSIGNED)",
                "CAST(@ AS SIGNED)",
                "CAST(@ AS DECIMAL(20,2))",
                "CAST(@ AS DOUBLE)",
                "CAST(@ AS CHAR)",
            ]),
            vec![literal(random)],
        ),
        4 => node(
            random.of(&["HEX(@)", "LENGTH(@)", "CONCAT(@, 'b')", "CONCAT(s, @)", "NOT @", "@ AND 1"]),
            vec![literal(random)],
        ),
        5 => node(
            random.of(&["LEFT('abcdefgh', @)", "SUBSTRING('abcdefgh', @)", "ELT(@, 'a', 'b', 'c', 'd', 'e')"]),
            vec![literal(random)],
        ),
        6 => node(
            random.of(&["IF(i > 0, @, @)", "COALESCE(NULL, @, @)", "CASE WHEN u > 5 THEN @ ELSE @ END"]),
            vec![literal(random), leaf(random.of(&["s", "i", "'z'", "0x42"]))],
        ),
        7 => beside(
            random,
            |random| leaf(random.of(&["s", "x", "bin", "n", "'A'", "'5'"])),
            |random| leaf(random.of(&BYTES)),
        ),
        _ => beside(random, number, |random| leaf(random.of(&BYTES))),
    }
}

/// A text that may be a date, a time, or nearly one.
fn moment_text(random: &mut Random) -> String {
    const TEXTS: [&str; 40] = [
        "2024-02-29",
        "29-02-2024",
        "13-12-2024",
        "12/31/2024",
        "31.12.2024",
        "1-2-2024",
        "2024-12-311",
        "20241231",
        "12-31-24",
        "24-2-29",
        "4-2-29",
        "4.2.29",
        "240229",
        "20240229102030",
        "240229102030",
        "2024-02-29T10:20:30",
        "2024-02-29 10:20:30",
        "2024-02-29 10:20",
        "2024-02-29 10",
        "2024-02-29  10:20:30",
        "2024-02-29 10:20:30.5",
        "2024-02-29 10:20:30.1234567",
        "2024-02-29 23:59:59.9999999",
        "2024-02-29 10:20:30+02:00",
        "2024-02-29 10:20:30.5-05:30",
        "2024-02-29xyz",
        "2024-02-29 xyz",
        "2024-02-30",
        "2023-02-29",
        "n/a",
        "",
        "10:20:30",
        "10:20",
        "-10:20:30",
        "1 02:03:04",
        "838:59:59.5",
        "901:02:03",
        "102030",
        "10:61:00",
        "99991231",
    ];
    if random.chance(50) {
        return random.of(&TEXTS).to_owned();
    }
    let mut text = String::new();
    if random.chance(5) {
        text.push(random.of(&[' ', '-', '+', 'x']));
    }
    let parts = 1 + random.below(7);
    for part in 0..parts {
        let value = match part {
            0 => random.of(&["2024", "24", "4", "1999", "99", "0001", "9999", "12345", "70", "69", "00", "12"]),
            1 => random.of(&["02", "2", "12", "13", "1", "012", "6"]),
            2 => random.of(&["29", "1", "31", "30", "032", "7", "2024", "15"]),
            3 => random.of(&["10", "0", "23", "24", "7", "838"]),
            6 => random.of(&["5", "000001", "9999999", "1234567", "50"]),
            _ => random.of(&["20", "59", "60", "5", "00", "005"]),
        };
        text.push_str(value);
        let usual = match part {
            0 | 1 => "-",
            2 => " ",
            3 | 4 => ":",
            _ => ".",
        };
        let last = part + 1 == parts;
        text.push_str(match random.below(20) {
            _ if last && random.chance(80) => "",
            0 => random.of(&["/", ".", "", "T", " ", ":", "-", "  ", "--", "e5", "x", "^"]),
            1 => "",
            _ => usual,
        });
    }
    if parts > 5 && random.chance(10) {
        text.push_str(random.of(&["+01:00", "Z", " ", "-14:00", " AM", ".", "e1"]));
    }
    text
}

fn date_text(random: &mut Random) -> Tree {
    if random.chance(50) { leaf(random.of(&TEXTS)) } else { leaf(format!("'{}'", moment_text(random))) }
}

/// A text where a date or a time is needed.
fn as_date(random: &mut Random) -> Tree {
    const FORMS: [&str; 24] = [
        "CAST(@ AS DATE)",
        "CAST(@ AS DATETIME)",
        "CAST(@ AS DATETIME(3))",
        "CAST(@ AS DATETIME(6))",
        "CAST(@ AS TIME)",
        "CAST(@ AS TIME(2))",
        "CAST(@ AS TIME(6))",
        "DATE(@)",
        "YEAR(@)",
        "MONTH(@)",
        "DAY(@)",
        "QUARTER(@)",
        "DAYOFWEEK(@)",
        "DAYOFYEAR(@)",
        "LAST_DAY(@)",
        "TO_DAYS(@)",
        "HOUR(@)",
        "MINUTE(@)",
        "SECOND(@)",
        "MICROSECOND(@)",
        "DATE_FORMAT(@, '%Y-%m-%d %H:%i:%s.%f')",
        "DATEDIFF(@, '2024-01-01')",
        "TIMESTAMPDIFF(SECOND, @, '2024-03-01 10:00:00')",
        "CAST(DATE_ADD(@, INTERVAL 1 DAY) AS DATE)",
    ];
    node(random.of(&FORMS), vec![date_text(random)])
}

fn beside_date(random: &mut Random) -> Tree {
    if random.chance(20) {
        return beside(
            random,
            |_| leaf("tm"),
            |random| match random.below(10) {
                0..7 => leaf(format!(
                    "'{}'",
                    random.of(&[
                        "10:20:30",
                        "12:34:56.789",
                        "12:34:56.7891",
                        "102030",
                        "00:00:05",
                        "-838:59:59",
                        "99:59:59.999"
                    ])
                )),
                7 => leaf(random.of(&TIME_NUMBERS)),
                _ => leaf(random.of(&["s", "x", "tm"])),
            },
        );
    }
    beside(random, date, |random| match random.below(10) {
        0..3 => leaf(random.of(&TEXTS)),
        3..8 => leaf(format!("'{}'", moment_text(random))),
        8 => leaf(random.of(&MOMENT_NUMBERS)),
        _ => leaf(random.of(&["x'323032342D30322D3239'", "bin"])),
    })
}

fn date(random: &mut Random) -> Tree {
    let column = leaf(random.of(&DATES));
    if random.chance(80) {
        return column;
    }
    node(
        random.of(&["DATE(@)", "COALESCE(@, DATE '2000-01-01')", "LAST_DAY(@)", "CAST(@ AS DATETIME(6))"]),
        vec![column],
    )
}
