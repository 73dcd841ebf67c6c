//! The source half against real servers.

#![allow(clippy::unwrap_used)]

mod changes;
mod history;
mod preflight;
mod silent;
mod snapshot;
mod statements;
mod types;
mod until;

use std::time::Duration;

use arrow_array::RecordBatch;
use rowmill_change::{ChangeEvent, Position, TableName};
use rowmill_devserver::{Kind, Lent, Server};
use rowmill_mysql::binlog::{Changes, ChangesOptions, Images, TableRead};
use rowmill_mysql::endpoint::{flavor, identity};
use rowmill_mysql::position::current_position;
use rowmill_mysql::snapshot::{Snapshot, SnapshotOptions};
use rowmill_mysql::table::read_definition;
use rowmill_mysql::{Endpoint, TableDef};

const KINDS: [Kind; 2] = [Kind::MySql, Kind::MariaDb];

/// A server with a schema `shop`, filled by a script.
struct Shop {
    server: Lent,
    endpoint: Endpoint,
}

impl Shop {
    fn start(kind: Kind, flags: &[&str], script: &str) -> Shop {
        let server = Server::lend(kind, flags).unwrap();
        server.sql(&format!("CREATE DATABASE shop; USE shop; {script}")).unwrap();
        let endpoint = Endpoint::parse(&server.url("shop")).unwrap();
        Shop { server, endpoint }
    }

    fn sql(&self, script: &str) -> String {
        self.server.sql(&format!("USE shop; {script}")).unwrap()
    }

    async fn position(&self) -> Position {
        let mut conn = self.endpoint.connect().await.unwrap();
        let flavor = flavor(&mut conn).await.unwrap().0;
        current_position(&mut conn, flavor).await.unwrap()
    }

    async fn def(&self, table: &str) -> TableDef {
        let mut conn = self.endpoint.connect().await.unwrap();
        read_definition(&mut conn, &TableName::new("shop", table)).await.unwrap().unwrap()
    }

    async fn changes(&self, tables: &[&str], images: Images, from: Position) -> rowmill_mysql::Result<Changes> {
        let mut reads = Vec::new();
        for table in tables {
            let def = self.def(table).await;
            let key = def.row_key().unwrap();
            reads.push(TableRead { def, key });
        }
        self.changes_with(reads, images, from, 8_192).await
    }

    async fn changes_with(
        &self,
        reads: Vec<TableRead>,
        images: Images,
        from: Position,
        batch_rows: usize,
    ) -> rowmill_mysql::Result<Changes> {
        let mut conn = self.endpoint.connect().await?;
        let flavor = flavor(&mut conn).await?.0;
        let identity = identity(&mut conn, flavor).await?;
        let options = ChangesOptions { images, batch_rows, ..ChangesOptions::new(self.endpoint.clone()) };
        Changes::open(options, reads, &identity, from).await
    }

    fn snapshot_options(&self) -> SnapshotOptions {
        SnapshotOptions::new(self.endpoint.clone())
    }

    /// All rows of one table, sorted by nothing but the order of arrival.
    async fn snapshot(&self, table: &str) -> Vec<RecordBatch> {
        let defs = [self.def(table).await];
        let (mut snapshot, _) = Snapshot::begin(&self.snapshot_options(), &defs).await.unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = snapshot.next().await.unwrap() {
            batches.push(batch.rows);
        }
        batches
    }
}

/// The next event, or a failed test when none comes.
async fn next(changes: &mut Changes) -> rowmill_mysql::Result<ChangeEvent> {
    tokio::time::timeout(Duration::from_secs(60), changes.next()).await.expect("an event within a minute")
}

/// The next event with rows.
async fn next_rows(changes: &mut Changes) -> ChangeEvent {
    loop {
        match next(changes).await.unwrap() {
            ChangeEvent::Position { .. } => {}
            rows => return rows,
        }
    }
}
