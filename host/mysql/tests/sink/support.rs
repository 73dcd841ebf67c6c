//! Shared servers, a small table, and epochs for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::ThreadId;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use rowmill_change::{Epoch, Position, ProgressUpdate, TableName, TargetOptions, TargetTable, Write};
use rowmill_devserver::{Kind, Server};
use rowmill_mysql::Endpoint;
use rowmill_mysql::sink::{Progress, Sink, SinkOptions};

pub(crate) const BOTH: [Kind; 2] = [Kind::MySql, Kind::MariaDb];

/// A server that all tests of this binary share; each uses its own database.
pub(crate) fn server(kind: Kind) -> &'static Server {
    static MYSQL: OnceLock<Server> = OnceLock::new();
    static MARIADB: OnceLock<Server> = OnceLock::new();
    let cell = match kind {
        Kind::MySql => &MYSQL,
        Kind::MariaDb => &MARIADB,
    };
    cell.get_or_init(|| Server::start(kind).unwrap())
}

/// Options for a fresh database with its own progress schema.
pub(crate) fn options(server: &Server, database: &str) -> SinkOptions {
    // Tests run beside each other.
    static OWNERS: Mutex<BTreeMap<(u16, String), ThreadId>> = Mutex::new(BTreeMap::new());
    let test = std::thread::current().id();
    let owner = *OWNERS.lock().unwrap().entry((server.port(), database.to_owned())).or_insert(test);
    assert_eq!(owner, test, "another test has a database {database}, too");
    server.sql(&format!("DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database}")).unwrap();
    server.sql(&format!("DROP DATABASE IF EXISTS {database}_meta")).unwrap();
    SinkOptions {
        endpoint: Endpoint::parse(&server.url(database)).unwrap(),
        meta: format!("{database}_meta"),
        pipeline: "p".into(),
    }
}

pub(crate) fn facts(field: Field, facts: &[(&str, &str)]) -> Field {
    let facts: HashMap<String, String> = facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    field.with_metadata(facts)
}

/// `id BIGINT, name VARCHAR(40) NULL`, key `id`.
pub(crate) fn people(database: &str) -> TargetTable {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        facts(Field::new("name", DataType::Utf8, true), &[("max-chars", "40")]),
    ]));
    TargetTable {
        table: TableName::new(database, "people"),
        schema,
        key: vec![0],
        ordinality: None,
        options: TargetOptions::default(),
    }
}

/// Events of [`people`]: `Some(name)` upserts, `None` deletes.
pub(crate) fn people_write(events: &[(i64, Option<&str>)], fresh: bool) -> Write {
    let present: Vec<_> = events.iter().filter(|e| e.1.is_some()).collect();
    let mut offsets = vec![0];
    for e in events {
        offsets.push(offsets[offsets.len() - 1] + u32::from(e.1.is_some()));
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(present.iter().map(|e| e.0))),
        Arc::new(StringArray::from_iter(present.iter().map(|e| e.1))),
    ];
    Write {
        target: 0,
        keys: vec![Arc::new(Int64Array::from_iter_values(events.iter().map(|e| e.0)))],
        fresh: vec![fresh; events.len()],
        offsets,
        rows: RecordBatch::try_new(people("x").schema, columns).unwrap(),
    }
}

pub(crate) fn position(offset: u64) -> Position {
    Position::new("binlog.000001", offset)
}

pub(crate) fn epoch(writes: Vec<Write>, offset: u64) -> Epoch {
    let progress = ProgressUpdate { position: Some(position(offset)), rows_in: 1, ..Default::default() };
    Epoch { writes, progress, ..Epoch::default() }
}

pub(crate) async fn claim(options: &SinkOptions, target: &TargetTable) -> (Sink, Progress) {
    claim_all(options, vec![target.clone()]).await
}

pub(crate) async fn claim_all(options: &SinkOptions, targets: Vec<TargetTable>) -> (Sink, Progress) {
    Sink::claim(
        options.clone(),
        targets,
        Progress { plan_digest: "d".into(), position: Some(position(4)), ..Progress::default() },
    )
    .await
    .unwrap()
}

/// All rows of a query, a line each.
pub(crate) fn rows(server: &Server, query: &str) -> Vec<String> {
    server.sql(query).unwrap().lines().map(str::to_owned).collect()
}
