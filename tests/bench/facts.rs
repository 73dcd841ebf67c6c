//! A table in which every row is a group of its own.

use rowmill_devserver::{Kind, Server};

use crate::shop::numbers;

/// Neighbours in the table are far apart in the order of the keys: a prime, of which no number of rows
/// is a multiple here.
const SPREAD: u64 = 7_368_787;
/// Rows after the others, for single changes while all others change.
pub(crate) const SPARE: u64 = 100;
/// Rows per transaction of the seed.
const SEED_ROWS: u64 = 100_000;

/// A server with `shop.facts`, and an empty database `mart` for what becomes of it.
pub(crate) struct Facts {
    pub(crate) server: Server,
    pub(crate) rows: u64,
}

impl Facts {
    /// Starts a server and inserts the rows, which are not logged.
    pub(crate) fn fill(kind: Kind, rows: u64) -> Facts {
        eprintln!("filling a {} server with {rows} facts", kind.name());
        // What the server waits for is not what is measured.
        let server = Server::start_with(kind, &["--innodb-buffer-pool-size=1G"]).unwrap();
        let table = "CREATE TABLE facts (id BIGINT PRIMARY KEY, k INT NOT NULL, v INT NOT NULL)";
        let databases = "CREATE DATABASE shop; CREATE DATABASE mart; USE shop";
        let mut script =
            format!("{databases}; SET sql_log_bin = 0; {table}; CREATE TABLE n (n BIGINT PRIMARY KEY); {}", numbers());
        for start in (0..rows).step_by(SEED_ROWS as usize) {
            let count = SEED_ROWS.min(rows - start);
            script += &format!(
                "INSERT INTO facts SELECT {start} + n + 1, ({start} + n + 1) * {SPREAD} % {rows}, n % 1000
                 FROM n WHERE n < {count};"
            );
        }
        script += &format!("INSERT INTO facts SELECT {rows} + n + 1, {rows} + n + 1, 0 FROM n WHERE n < {SPARE};");
        server.sql(&script).unwrap();
        Facts { server, rows }
    }

    /// The group of a row.
    pub(crate) fn key(&self, id: u64) -> u64 {
        if id > self.rows { id } else { id * SPREAD % self.rows }
    }

    /// Groups of all rows, the spare ones included.
    pub(crate) fn groups(&self) -> u64 {
        self.rows + SPARE
    }

    pub(crate) fn number(&self, query: &str) -> u64 {
        self.server.sql(query).unwrap().trim().parse().unwrap()
    }
}
