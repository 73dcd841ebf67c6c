//! Attacks beside a healthy pipeline: it runs between the same servers, once in a process of its own
//! and once in the same engine, and ends without an error and with all its rows.

use std::path::Path;
use std::sync::Arc;

use rowmill_bind::Environment;
use rowmill_devserver::Kind;
use rowmill_run::{Error, RunOptions};

use crate::handle::engine;
use crate::harness::{Workspace, shared};

/// Function, what becomes of it under `on_error: skip`: the exit code, and a word of its message.
const ATTACKS: &[(&str, i32, &str)] = &[
    ("loop", 0, "cpu limit"),
    ("panic", 0, "the third wheel came off"),
    ("abort", 0, "unreachable"),
    ("out-of-bounds", 0, "out of bounds"),
    ("recurse", 0, "trapped"),
    ("grow", 0, "memory limit"),
    ("grow-politely", 0, ""),
    ("output", 0, "memory limit"),
    ("log", 0, "cpu limit"),
    ("print", 0, "line 1"),
    ("sleep", 0, ""),
    ("exit", 0, "exit"),
    ("files", 0, ""),
    ("network", 0, ""),
    ("utf8", 0, "invalid-utf8"),
    ("null-result", 0, "null-result"),
    ("refuse", 0, "not today"),
    ("short-values", 0, "values of"),
    ("offsets-fall", 0, "offsets"),
    ("parents-extra", 0, "parents"),
    ("error-row", 0, "an error for row"),
    ("loop-in-bind", 2, "cpu limit"),
    ("panic-in-bind", 2, "cannot bind"),
    ("no-results", 2, "without results"),
    ("reads-nothing-there", 2, "reads argument 7"),
    ("bad-decimal-type", 2, "decimal(70,2)"),
    ("fields-200000", 2, "200000"),
    ("reads-4000000", 2, "reads"),
];

const HEALTHY: &str = "
pipeline: healthy
source: { url: \"${SOURCE}\", tables: [fine] }
steps:
  - filter: \"n % 3 <> 0\"
  - map: { doubled: \"n * 2\", name: \"UPPER(name)\" }
sink: { url: \"${TARGET}\", table: fine_out, meta: \"${META}\" }
";

/// What `HEALTHY` makes of its table.
const WANTED: &str =
    "SELECT COUNT(*), SUM(id), SUM(n * 2), GROUP_CONCAT(UPPER(name) ORDER BY id) FROM fine WHERE n % 3 <> 0";
const FOUND: &str = "SELECT COUNT(*), SUM(id), SUM(doubled), GROUP_CONCAT(name ORDER BY id) FROM fine_out";

fn attack(function: &str) -> String {
    format!(
        "
pipeline: attack
source: {{ url: \"${{SOURCE}}\", tables: [t] }}
steps:
  - map: {{ x: {{ udf: \"./hostile.wasm#{function}\", args: [n], config: {{ when: 3 }} }} }}
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
on_error: skip
limits: {{ memory: 16MiB }}
"
    )
}

fn workspace(kind: Kind, name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("beside_{name}_{}", kind.name()));
    std::fs::write(workspace.folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    workspace.source_sql(
        "CREATE TABLE fine (id INT PRIMARY KEY, n BIGINT NOT NULL, name VARCHAR(20) NOT NULL);
         INSERT INTO fine VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
         CREATE TABLE t (id INT PRIMARY KEY, n BIGINT);
         INSERT INTO t VALUES (10, 1), (20, 2), (30, 3), (40, 4);",
    );
    workspace
}

/// The healthy pipeline's table changes while an attack goes on.
fn change(workspace: &Workspace, round: usize) {
    let id = 100 + round;
    workspace.source_sql(&format!(
        "INSERT INTO fine VALUES ({id}, {round}, 'n{round}'); UPDATE fine SET n = n + 1 WHERE id = 1;
         DELETE FROM fine WHERE id = {} - 5",
        id
    ));
}

fn equal(workspace: &Workspace) -> bool {
    workspace.source_sql(WANTED) == workspace.target_sql(FOUND)
}

fn processes(kind: Kind) {
    let healthy = workspace(kind, "process");
    healthy.write_pipeline(HEALTHY);
    let mut running = healthy.start();
    healthy.wait("snapshot", || healthy.progress("snapshot IS NULL") == "1");
    let mut wrong = Vec::new();
    for (round, (function, code, word)) in ATTACKS.iter().enumerate() {
        std::fs::write(healthy.folder.path().join("attack.yaml"), attack(function)).unwrap();
        change(&healthy, round);
        let outcome = healthy.run(&["run", "attack.yaml", "--until-caught-up", "--color", "never"]);
        if outcome.code != *code || !outcome.stderr.contains(word) {
            wrong.push(format!("{function}: exit {}, needed {code} and {word:?}\n{}", outcome.code, outcome.stderr));
        }
        assert!(running.is_running(), "{function}\n{}", healthy.log_text());
        healthy.run(&["reset", "attack.yaml", "--drop-target", "--yes"]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    healthy.wait("equal tables", || equal(&healthy));
    assert_eq!(running.stop(), Some(0), "{}", healthy.log_text());
    let log = healthy.log_text();
    assert!(!log.contains(" ERROR ") && !log.lines().any(|line| line.starts_with("error")), "{log}");
    healthy.verify();
}

#[test]
fn a_healthy_process_beside_every_attack_is_not_disturbed_mysql() {
    processes(Kind::MySql);
}

#[test]
fn a_healthy_process_beside_every_attack_is_not_disturbed_mariadb() {
    processes(Kind::MariaDb);
}

fn plan(workspace: &Workspace, path: &Path, text: &str) -> Arc<rowmill_plan::Plan> {
    let variable = |name: &str| match name {
        "SOURCE" => Some(workspace.source.url(&workspace.source_db)),
        "TARGET" => Some(workspace.target.url(&workspace.target_db)),
        "META" => Some(workspace.meta().to_owned()),
        _ => None,
    };
    Arc::new(rowmill_yaml::parse(path, text, &variable).unwrap_or_else(|refused| panic!("{refused}")).pipeline)
}

/// The engine, its pool and its tick are shared; so is the process, which a host of many tenants is.
async fn in_one_engine(kind: Kind) {
    let workspace = workspace(kind, "engine");
    let environment = Environment {
        engine: engine(),
        built_in: rowmill_udfs::component,
        behaviour: rowmill_udfs::behaviour,
        built_in_names: rowmill_udfs::NAMES,
        state_root: None,
    };
    let path = workspace.folder.path().join("p.yaml");
    let (handle, control) = rowmill_run::handle();
    let mut status = handle.watch();
    let options = RunOptions { until_caught_up: false, rebuild: None };
    let healthy = rowmill_run::run(plan(&workspace, &path, HEALTHY), environment.clone(), options, control);
    let healthy = tokio::spawn(healthy);
    let streaming = status.wait_for(|status| status.phase.name() == "streaming");
    let _ = streaming.await.expect("the healthy pipeline runs");
    for (round, (function, code, word)) in ATTACKS.iter().enumerate() {
        change(&workspace, round);
        let attack = plan(&workspace, &path, &attack(function));
        let (_keep, control) = rowmill_run::handle();
        let options = RunOptions { until_caught_up: true, rebuild: None };
        let ended = rowmill_run::run(Arc::clone(&attack), environment.clone(), options, control).await;
        match (code, &ended) {
            (0, Ok(_)) => {}
            (2, Err(Error::Plan(problems))) => {
                let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
                assert!(text.join("\n").contains(word), "{function}: {text:?}");
            }
            (1, Err(error)) if !matches!(error, Error::Plan(_)) => {}
            _ => panic!("{function}: {ended:?}"),
        }
        assert!(!healthy.is_finished(), "{function} ended the healthy pipeline");
        rowmill_run::reset(&attack, None, true).await.expect("reset");
    }
    let deadline = std::time::Instant::now() + crate::harness::DEADLINE;
    while !equal(&workspace) {
        assert!(std::time::Instant::now() < deadline, "the healthy pipeline does not catch up");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    handle.stop();
    healthy.await.expect("no panic").expect("no error");
    assert!(equal(&workspace));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_healthy_pipeline_in_the_same_engine_is_not_disturbed_mysql() {
    in_one_engine(Kind::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_healthy_pipeline_in_the_same_engine_is_not_disturbed_mariadb() {
    in_one_engine(Kind::MariaDb).await;
}
