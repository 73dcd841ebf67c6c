//! Random transactions over a table with NULLs and every kind of number.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::random::Random;
use crate::harness::Workspace;

/// Ids are below; more than a component's groups that are named at once, so that groups are evicted.
const IDS: u64 = 12_000;

/// More than what pipelines call idle, which makes them take a checkpoint.
const IDLE: Duration = Duration::from_millis(400);

const TABLE: &str = "CREATE TABLE t (
  id BIGINT PRIMARY KEY, g INT, wide INT UNSIGNED NOT NULL,
  name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  at DATETIME(3) NOT NULL, n INT, u INT UNSIGNED, b BIGINT UNSIGNED, d DECIMAL(12,3), x DOUBLE);";

/// Some are equal under the collation and differ in their bytes.
const NAMES: [&str; 9] =
    ["NULL", "'ada'", "'ADA'", "'Ada  '", "'\u{e4}da'", "'ma\u{df}'", "'mas'", "''", "'\u{65e5}\u{672c}'"];

fn or_null(random: &mut Random, n: u64, value: String) -> String {
    if random.one_in(n) { "NULL".to_owned() } else { value }
}

fn moment(random: &mut Random) -> String {
    // Whole minutes often, so that events share windows' edges and each other's time.
    let minutes = random.below(3 * 24 * 60);
    let millis = if random.one_in(2) { 0 } else { random.below(60_000) };
    format!("'2026-03-01 00:00:00' + INTERVAL {} MICROSECOND", (minutes * 60_000 + millis) * 1000)
}

fn row(random: &mut Random, id: u64) -> String {
    let g = random.below(30);
    let values = [
        id.to_string(),
        or_null(random, 20, g.to_string()),
        random.below(10_000).to_string(),
        random.choose(&NAMES).to_owned(),
        moment(random),
        {
            let n = random.below(41) as i64 - 20;
            or_null(random, 8, n.to_string())
        },
        {
            let n = random.choose(&[0, 1, 7, u64::from(u32::MAX)]);
            or_null(random, 8, n.to_string())
        },
        {
            let n = random.choose(&[0, 3, u64::MAX - 1, u64::MAX]);
            or_null(random, 8, n.to_string())
        },
        {
            let n = random.below(2_000_001) as i64 - 1_000_000;
            or_null(random, 8, format!("{n}e-3"))
        },
        {
            let n = random.below(10_000);
            or_null(random, 8, format!("{n}e-1"))
        },
    ];
    format!("({})", values.join(","))
}

/// Makes and fills the table.
pub(crate) fn seed(workspace: &Workspace<'_>, random: &mut Random) {
    let mut sql = TABLE.to_owned();
    let ids: Vec<u64> = (0..IDS).filter(|_| !random.one_in(6)).collect();
    for part in ids.chunks(1000) {
        let rows: Vec<String> = part.iter().map(|&id| row(random, id)).collect();
        sql.push_str(&format!("INSERT INTO t VALUES {};\n", rows.join(",")));
    }
    workspace.source_sql(&sql);
}

fn rows(random: &mut Random) -> String {
    let rows: Vec<String> = (0..1 + random.below(8))
        .map(|_| {
            let id = random.below(IDS);
            row(random, id)
        })
        .collect();
    rows.join(",")
}

fn statement(random: &mut Random) -> String {
    let id = random.below(IDS);
    let until = id + random.below(25);
    match random.below(14) {
        0 | 1 => format!("REPLACE INTO t VALUES {};", rows(random)),
        2 => format!("INSERT IGNORE INTO t VALUES {};", rows(random)),
        3 => format!("INSERT INTO t VALUES {} ON DUPLICATE KEY UPDATE n = NULL, x = 0.5;", rows(random)),
        4 => format!("UPDATE t SET n = n + 1, d = -d, u = NULL WHERE id BETWEEN {id} AND {until};"),
        5 => format!("UPDATE t SET g = (g + 1) % 30, wide = (wide * 7 + 1) % 10000 WHERE id BETWEEN {id} AND {until};"),
        6 => format!("UPDATE t SET name = {} WHERE id BETWEEN {id} AND {until};", random.choose(&NAMES)),
        7 => {
            format!("UPDATE t SET at = at + INTERVAL {} SECOND WHERE id BETWEEN {id} AND {until};", random.below(3000))
        }
        8 => format!("UPDATE t SET at = {}, g = NULL WHERE id = {id};", moment(random)),
        9 => format!("UPDATE IGNORE t SET id = {} WHERE id = {id};", random.below(IDS)),
        10 => format!("UPDATE t SET b = {} - b WHERE id BETWEEN {id} AND {until};", u64::MAX),
        11 => format!("UPDATE t SET x = x * 1.5, d = d + 0.001 WHERE g = {} AND id < {};", random.below(30), IDS / 8),
        12 => format!("DELETE FROM t WHERE id BETWEEN {id} AND {until};"),
        // A group is emptied.
        _ => format!("DELETE FROM t WHERE g = {} AND name = 'mas';", random.below(30)),
    }
}

/// A transaction: committed, taken back, or taken back in part.
pub(crate) fn transaction(random: &mut Random) -> String {
    let mut sql = "BEGIN;".to_owned();
    for _ in 0..1 + random.below(4) {
        sql.push_str(&statement(random));
    }
    if random.one_in(4) {
        sql.push_str("SAVEPOINT here;");
        sql.push_str(&statement(random));
        if random.one_in(2) {
            sql.push_str("ROLLBACK TO here;");
            sql.push_str(&statement(random));
        }
    }
    sql.push_str(if random.one_in(7) { "ROLLBACK;\n" } else { "COMMIT;\n" });
    sql
}

/// Between two scripts: pipelines that write a row at a time, two of them on a core, have to follow.
const BREATH: Duration = Duration::from_millis(30);

/// Writes until it is told to stop. Counts transactions.
pub(crate) fn write(workspace: &Workspace<'_>, random: &mut Random, stop: &AtomicBool, written: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        // Few at a time, and now and then nothing, so that pipelines see the source both busy and idle.
        if random.one_in(10) {
            std::thread::sleep(IDLE);
        }
        let count = 1 + random.below(12);
        let script: String = (0..count).map(|_| transaction(random)).collect();
        workspace.source_sql(&script);
        written.fetch_add(count, Ordering::Relaxed);
        std::thread::sleep(BREATH);
    }
}
