//! A pipeline in the process of its caller: told to take a checkpoint, asked how it is, told to stop.

use std::sync::Arc;

use rowmill_bind::Environment;
use rowmill_devserver::Kind;
use rowmill_foreign::UserFolder;
use rowmill_plan::Plan;
use rowmill_run::{Refused, RunOptions};
use rowmill_wasm::{Engine, EngineOptions};

use crate::harness::{DEADLINE, Workspace, shared};

fn plan(workspace: &Workspace<'_>, steps: &str) -> Arc<Plan> {
    let text = format!(
        "pipeline: handled\nsource: {{ url: \"${{SOURCE}}\", tables: [t] }}\nsteps: [ {steps} ]\n\
         sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}\n"
    );
    let variable = |name: &str| match name {
        "SOURCE" => Some(workspace.source.url(&workspace.source_db)),
        "TARGET" => Some(workspace.target.url(&workspace.target_db)),
        "META" => Some(workspace.meta().to_owned()),
        _ => None,
    };
    let path = workspace.folder.path().join("p.yaml");
    Arc::new(rowmill_yaml::parse(&path, &text, &variable).unwrap_or_else(|refused| panic!("{refused}")).pipeline)
}

/// An engine with the compile cache of the processes that tests start.
pub(crate) fn engine() -> Engine {
    let cache = UserFolder::Cache.path().map(|folder| folder.join("components"));
    Engine::new(EngineOptions { cache, ..EngineOptions::default() }).expect("an engine")
}

fn environment(workspace: &Workspace<'_>) -> Environment {
    Environment {
        engine: engine(),
        built_in: rowmill_udfs::component,
        behaviour: rowmill_udfs::behaviour,
        built_in_names: rowmill_udfs::NAMES,
        state_root: Some(workspace.folder.path().join("kept")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_pipeline_takes_a_checkpoint_when_it_is_told_to() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = Workspace::new(shared(kind), shared(kind), "handle");
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, g INT); INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)");
        let plan = plan(&workspace, "{ aggregate: { by: [g], values: { n: count(*) } } }");
        let environment = environment(&workspace);
        let options = RunOptions { until_caught_up: false, rebuild: None };
        let (handle, control) = rowmill_run::handle();
        let running = tokio::spawn(rowmill_run::run(Arc::clone(&plan), environment.clone(), options.clone(), control));
        // Asked for before there is anything: it waits for the end of the snapshot.
        let first = tokio::time::timeout(DEADLINE, handle.checkpoint()).await.expect("in time").expect("a checkpoint");
        workspace.source_sql("INSERT INTO t VALUES (4, 2)");
        let mut shown = handle.watch();
        let two = tokio::time::timeout(DEADLINE, shown.wait_for(|status| status.rows_in >= 4)).await;
        let _ = two.expect("in time").expect("it runs");
        // All that was asked for at once is answered, each by a checkpoint that began afterwards.
        let (one, other) = tokio::join!(handle.checkpoint(), handle.checkpoint());
        let (one, other) = (one.expect("a checkpoint"), other.expect("another"));
        assert!(one.at > first.at && other.at > first.at && one.position != first.position, "{first:?} {one:?}");
        let status = handle.status();
        assert_eq!((status.pipeline.as_str(), status.aggregates.len()), ("handled", 1));
        handle.stop();
        assert!(handle.is_stopping());
        running.await.unwrap().expect("a clean end");
        assert_eq!(handle.checkpoint().await, Err(Refused::Ended));
        assert_eq!(workspace.target_sql("SELECT g, n FROM `out` ORDER BY g"), "1\t2\n2\t2\n");
        // It lies where the environment says, under nobody's home.
        assert!(workspace.folder.path().join("kept/handled/state").is_dir());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_without_state_takes_no_checkpoint() {
    let workspace = Workspace::new(shared(Kind::MySql), shared(Kind::MySql), "handle_stateless");
    workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, g INT); INSERT INTO t VALUES (1, 1)");
    let plan = plan(&workspace, "{ filter: \"g > 0\" }");
    let (handle, control) = rowmill_run::handle();
    let options = RunOptions { until_caught_up: false, rebuild: None };
    let running = tokio::spawn(rowmill_run::run(plan, environment(&workspace), options, control));
    let refused = tokio::time::timeout(DEADLINE, handle.checkpoint()).await.expect("in time");
    assert_eq!(refused.map(|taken| taken.position), Err(Refused::NoState));
    handle.stop();
    running.await.unwrap().expect("a clean end");
}
