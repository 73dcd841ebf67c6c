//! The orders table that is read and copied.

use rowmill_devserver::{Kind, Server};

/// Six columns, 43 bytes a row.
const ORDERS: &str = "CREATE TABLE orders (
  id BIGINT PRIMARY KEY, customer_id INT NOT NULL, status VARCHAR(16) NOT NULL,
  price DECIMAL(10,2) NOT NULL, qty INT, created_at DATETIME NOT NULL);";

/// Rows per transaction of the seed.
const SEED_ROWS: u64 = 100_000;

/// A server with `shop.orders`.
pub(crate) struct Shop {
    pub(crate) server: Server,
    pub(crate) rows: u64,
    /// The binlog's file and offset before the rows came.
    pub(crate) from: (String, u64),
}

impl Shop {
    /// Starts a server and inserts the rows.
    pub(crate) fn fill(kind: Kind, rows: u64) -> Shop {
        eprintln!("filling a {} server with {rows} orders", kind.name());
        let server = Server::start(kind).unwrap();
        server.sql(&format!("CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; {ORDERS}")).unwrap();
        server.sql(&format!("USE shop; CREATE TABLE n (n BIGINT PRIMARY KEY); {}", numbers())).unwrap();
        let from = position(&server);
        for start in (0..rows).step_by(SEED_ROWS as usize) {
            let end = (start + SEED_ROWS).min(rows);
            server
                .sql(&format!(
                    "USE shop; INSERT INTO orders SELECT {start} + n + 1, ({start} + n) * 7919 % 50000,
                     ELT(1 + ({start} + n) % 5, 'paid', 'new', ' shipped ', 'returned', 'paid '),
                     11 + n % 90000 / 100, IF(n % 10 = 3, NULL, n % 9 + 1),
                     '2026-01-01' + INTERVAL n SECOND
                     FROM n WHERE n < {}",
                    end - start
                ))
                .unwrap();
        }
        Shop { server, rows, from }
    }

    pub(crate) fn sql(&self, script: &str) -> String {
        self.server.sql(&format!("USE shop; {script}")).unwrap()
    }

    pub(crate) fn number(&self, query: &str) -> u64 {
        self.sql(query).trim().parse().unwrap()
    }
}

/// Fills `n` with 0 to 99,999.
pub(crate) fn numbers() -> String {
    let digits = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    format!(
        "INSERT INTO n SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d \
         FROM {digits} a, {digits} b, {digits} c, {digits} e, {digits} f;"
    )
}

fn position(server: &Server) -> (String, u64) {
    let status = match server.kind() {
        Kind::MySql => "SHOW BINARY LOG STATUS",
        Kind::MariaDb => "SHOW MASTER STATUS",
    };
    let answer = server.sql(status).unwrap();
    let mut parts = answer.split('\t');
    (parts.next().unwrap().to_owned(), parts.next().unwrap().parse().unwrap())
}
