//! What an earlier rowmill left behind goes on: progress and savepoints of commit 0e521fa, as it wrote them.
//!
//! `earlier/` has its pipelines, and for each server the tables of the progress and the savepoints, as they were after
//! `seed.sql` and `changes.sql`. Where the source's log was and who the source is differs between servers: in the progress
//! these are placeholders, in a savepoint the position is replaced.

use std::path::{Path, PathBuf};

use rowmill_devserver::Kind;
use rowmill_state::{Options, Store};
use serde_json::Value;

use crate::harness::{Workspace, shared};

const PIPELINES: [&str; 3] = ["clean", "hours", "visits"];

fn folder(kind: Kind) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/earlier")).join(kind.name())
}

fn text(file: &str) -> String {
    std::fs::read_to_string(folder(Kind::MySql).with_file_name(file)).unwrap()
}

/// What is stored of a pipeline.
fn stored(workspace: &Workspace<'_>, pipeline: &str, column: &str) -> String {
    let sql = format!("SELECT HEX({column}) FROM {}.progress WHERE pipeline = '{pipeline}'", workspace.meta());
    let hex = workspace.target_sql(&sql);
    let pairs = hex.trim().as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    String::from_utf8(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The tables of the progress, filled in with where the pipelines are by now.
fn progress(workspace: &Workspace<'_>, kind: Kind) -> String {
    let mut sql = std::fs::read_to_string(folder(kind).join("progress.sql")).unwrap();
    for pipeline in PIPELINES {
        let position = json(&stored(workspace, pipeline, "position"));
        for key in ["file", "offset", "gtid", "witness"] {
            sql = sql.replace(&format!("\"@{pipeline}.{key}@\""), &position[key].to_string());
        }
        sql = sql.replace(&format!("\"@{pipeline}.source@\""), &stored(workspace, pipeline, "source"));
    }
    assert!(!sql.contains("\"@"), "{sql}");
    sql
}

/// A savepoint whose position is another one: through the store, since its files have checksums.
fn savepoint(from: &Path, scratch: &Path, position: &Value) -> PathBuf {
    let (store, to) = (scratch.join("store"), scratch.join("savepoint"));
    rowmill_state::import(from, &store).unwrap();
    let store = Store::open(&store, Options::default()).unwrap();
    let mut manifest = json(std::str::from_utf8(&store.checkpoint().unwrap().manifest).unwrap());
    manifest["position"] = position.clone();
    store.commit(&[], manifest.to_string().as_bytes()).unwrap();
    let header = ["pipeline", "incarnation", "position"].map(|key| (key.to_owned(), manifest[key].clone()));
    store.export(&to, Value::Object(header.into_iter().collect())).unwrap();
    to
}

/// The same as the pipelines' steps, by the server.
fn expected(workspace: &Workspace<'_>, pipeline: &str) -> String {
    let s = &workspace.source_db;
    workspace.source_sql(&match pipeline {
        "clean" => format!(
            "SELECT id, customer, product, price, at, TRIM(note), price * 2 FROM {s}.sales \
             WHERE price IS NULL OR price > 0 ORDER BY id"
        ),
        "hours" => format!(
            "SELECT MIN(customer), COUNT(*), SUM(total), MAX(sales), SUM(priced) FROM ( \
               SELECT MIN(customer) AS customer, COUNT(*) AS sales, SUM(price) AS total, \
               COUNT(CASE WHEN price >= 3 THEN 1 END) AS priced FROM {s}.sales \
               WHERE price IS NULL OR price > 0 GROUP BY {s}.sales.customer, LEFT(at, 13)) AS hours \
             GROUP BY hours.customer ORDER BY hours.customer"
        ),
        // No two rows of a customer are an hour apart.
        _ => format!(
            "SELECT MIN(at), MAX(at) + INTERVAL 1 HOUR, COUNT(*), SUM(price), MAX(price) FROM {s}.sales \
             GROUP BY customer ORDER BY sales.customer"
        ),
    })
}
