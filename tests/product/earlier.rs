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

/// What a target holds, and the same by the server: keys of groups are spelled as they were first seen.
fn compared(pipeline: &str) -> (&'static str, &'static str) {
    match pipeline {
        "clean" => (
            "SELECT id, customer, product, price, at, note, double_price FROM clean ORDER BY id",
            "SELECT id, customer, product, price, at, TRIM(note), price * 2 FROM sales \
             WHERE price IS NULL OR price > 0 ORDER BY id",
        ),
        "hours" => (
            "SELECT LOWER(customer), hours, total, most, priced FROM hours ORDER BY 1",
            "SELECT LOWER(customer), COUNT(*), SUM(total), MAX(sales), SUM(priced) FROM ( \
               SELECT customer, COUNT(*) AS sales, SUM(price) AS total, COUNT(CASE WHEN price >= 3 THEN 1 END) AS priced \
               FROM (SELECT LOWER(customer) AS customer, price, LEFT(at, 13) AS hour FROM sales \
                     WHERE price IS NULL OR price > 0) AS paid GROUP BY customer, hour) AS hours \
             GROUP BY customer ORDER BY 1",
        ),
        _ => (
            "SELECT LOWER(customer), window_start, window_end, sales, total, best FROM visits ORDER BY 1, 2",
            "SELECT customer, MIN(at), MAX(at) + INTERVAL 1 HOUR, COUNT(*), SUM(price), MAX(price) FROM ( \
               SELECT customer, at, price, SUM(begins) OVER (PARTITION BY customer ORDER BY at, id) AS visit FROM ( \
                 SELECT id, LOWER(customer) AS customer, at, price, COALESCE( \
                   at > LAG(at) OVER (PARTITION BY customer ORDER BY at, id) + INTERVAL 1 HOUR, 1) AS begins \
                 FROM sales) AS marked) AS visits \
             GROUP BY customer, visit ORDER BY 1, 2",
        ),
    }
}

#[test]
fn progress_and_savepoints_of_an_earlier_version_go_on() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = Workspace::new(shared(kind), shared(kind), "earlier");
        let run = |args: &[&str]| {
            let outcome = workspace.run(args);
            assert_eq!(outcome.code, 0, "{args:?} on {kind:?}: {}", outcome.stderr);
            outcome
        };
        workspace.source_sql(&text("seed.sql"));
        workspace.source_sql(&text("changes.sql"));
        for pipeline in PIPELINES {
            let file = format!("{pipeline}.yaml");
            std::fs::write(workspace.folder.path().join(&file), text(&file)).unwrap();
            run(&["run", &file, "--until-caught-up"]);
        }
        // The targets hold what the earlier version wrote; progress and states become its own.
        let digests = PIPELINES.map(|pipeline| stored(&workspace, pipeline, "plan_digest"));
        let positions = PIPELINES.map(|pipeline| json(&stored(&workspace, pipeline, "position")));
        let (sql, meta) = (progress(&workspace, kind), workspace.meta());
        workspace.target_sql(&format!("DROP DATABASE {meta}; CREATE DATABASE {meta}; USE {meta}; {sql}"));
        for (pipeline, position) in PIPELINES.iter().zip(&positions).skip(1) {
            std::fs::remove_dir_all(workspace.folder.path().join("state/rowmill").join(pipeline)).unwrap();
            let scratch = tempfile::tempdir().unwrap();
            let from = savepoint(&folder(kind).join(pipeline), scratch.path(), position);
            run(&["state", &format!("{pipeline}.yaml"), "import", from.to_str().unwrap()]);
        }
        workspace.source_sql(&text("later.sql"));
        for (pipeline, digest) in PIPELINES.iter().zip(&digests) {
            let file = format!("{pipeline}.yaml");
            assert_ne!(stored(&workspace, pipeline, "plan_digest"), *digest, "{pipeline}: nothing to accept");
            let outcome = run(&["run", &file, "--until-caught-up"]);
            // No more than what is new was read.
            assert!(outcome.stderr.contains(" rows_in=6 "), "{pipeline} on {kind:?}: {}", outcome.stderr);
            assert_eq!(stored(&workspace, pipeline, "plan_digest"), *digest, "{pipeline}");
            run(&["verify", &file]);
            let (target, source) = compared(pipeline);
            assert_eq!(workspace.target_sql(target), workspace.source_sql(source), "{pipeline} on {kind:?}");
        }
    }
}
