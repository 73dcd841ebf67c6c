//! Random expressions of constants and conversions over extreme rows: the component's core and a real server say the
//! same. Where MariaDB says something else, the component has to know that it does.
//!
//! `ROWMILL_SEEDS=20000 cargo test -p rowmill-udf-sql random::` tries more than `make test` does. A
//! failure prints its seed and the smallest expression that still differs.

#![allow(clippy::print_stdout, reason = "how many expressions were compared, and how many only known to differ")]

mod grammar;
mod rows;

use std::fmt::Write;

use rowmill_devserver::{Kind, Server};

use self::grammar::{Random, Tree};
use crate::compare::{Asked, Ours, Table};

/// What is refused on purpose although MySQL computes it: an answer that nobody means, or that changes from run to run.
const REFUSED: [&str; 9] = [
    "a TIME and a date have no common type",
    "a number and a literal of bytes",
    "this has no value for any row",
    "a TIME can't be compared with a date",
    "beside a TIME; needed a time",
    "this is a binary string, whose bits",
    "these bytes are no text in UTF-8",
    "a number with an odd fraction beside a date",
    "BETWEEN has a date or a time, a number and something else",
];

#[test]
fn results_equal_those_of_mysql() {
    equal(Kind::MySql);
}

#[test]
fn results_equal_those_of_mariadb_or_are_known_to_differ() {
    equal(Kind::MariaDb);
}

fn equal(kind: Kind) {
    let count = std::env::var("ROWMILL_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000u64);
    let server = Server::start(kind).unwrap();
    server.sql(&rows::create(kind)).unwrap();
    let (fields, columns) = rows::columns(kind);
    let table = Table { server: &server, kind, from: "random.r", fields, columns };
    let mut failures = String::new();
    let (mut compared, mut refused, mut differing) = (0, 0, 0);
    let trees: Vec<(u64, Tree)> = (0..count).map(|seed| (seed, grammar::expression(&mut Random::new(seed)))).collect();
    for block in trees.chunks(200) {
        let asked: Vec<Asked> = block.iter().map(|(_, tree)| table.ours(&tree.to_string())).collect();
        for ((seed, tree), difference) in block.iter().zip(table.differences(&asked)) {
            let ours = table.ours(&tree.to_string());
            match (&ours.ours, difference) {
                (Ours::Refused(message), Some(_)) if REFUSED.iter().any(|known| message.contains(known)) => {
                    refused += 1
                }
                (_, None) => compared += 1,
                (_, Some(_)) if kind == Kind::MariaDb && ours.varies => differing += 1,
                (_, Some(difference)) => {
                    let (small, difference) = shrink(&table, tree.clone(), difference);
                    let _ = writeln!(failures, "seed {seed}: {tree}\n    {small}\n    {difference}");
                }
            }
        }
    }
    println!("{kind:?}: {compared} equal, {differing} known to differ, {refused} refused");
    let found = failures.lines().count() / 3;
    assert!(failures.is_empty(), "{kind:?} differs in {found} of {count}:\n{failures}");
    assert!(refused * 10 < count, "{refused} of {count} are refused");
}

/// The smallest tree that still differs, and how.
fn shrink(table: &Table<'_>, mut tree: Tree, mut difference: String) -> (Tree, String) {
    'smaller: loop {
        for small in tree.smaller() {
            let asked = table.ours(&small.to_string());
            let refused = matches!(&asked.ours, Ours::Refused(m) if REFUSED.iter().any(|known| m.contains(known)));
            if refused || (table.kind == Kind::MariaDb && asked.varies) {
                continue;
            }
            if let Some(Some(found)) = table.differences(&[asked]).pop() {
                (tree, difference) = (small, found);
                continue 'smaller;
            }
        }
        return (tree, difference);
    }
}
