//! Components with random answers in whole pipelines: whatever they answer, the pipeline ends in an
//! error or with a target that `verify` finds equal, and nothing else on the servers has changed.
//!
//! Which answers are wrong is tested with the runtime; here it counts what reaches SQL. The servers
//! are this suite's own. `ROWMILL_SEEDS=1000` tries more, `ROWMILL_SEED=7` only one.

use guest_random::Verdict;
use rowmill_devserver::{Kind, Server};

use crate::harness::Workspace;

const FUNCTIONS: [(&str, &str); 3] = [
    ("scalar", "  - map: { x: { udf: \"./random.wasm#scalar\", args: [n], config: { seed: SEED } } }"),
    ("table", "  - transform: { udf: \"./random.wasm#table\", args: [n], config: { seed: SEED } }"),
    (
        "sum",
        "  - aggregate: { by: [n], values: { x: { udf: \"./random.wasm#sum\", args: [id], config: { seed: SEED } } } }",
    ),
];

/// Seeds and the function that each is for. Most of them bind with names and types that a server may
/// not take, since those are what reaches SQL.
fn seeds() -> Vec<(u64, usize)> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let function = |seed: u64| usize::try_from(seed).unwrap_or(0) % FUNCTIONS.len();
    if let Some(seed) = number("ROWMILL_SEED") {
        return vec![(seed, function(seed))];
    }
    // More of them than of the runtime's own tests would take days.
    let count = number("ROWMILL_SEEDS").map_or(40, |seeds| (seeds / 10).clamp(40, 10_000));
    let kinds = [guest_random::Kind::Scalar, guest_random::Kind::Table, guest_random::Kind::Aggregate];
    let telling = |seed: &u64| {
        seed.is_multiple_of(16) || guest_random::bind(*seed, kinds[function(*seed)]).verdict == Verdict::Either
    };
    (1..).filter(telling).map(|seed| (seed, function(seed))).take(usize::try_from(count).unwrap_or(40)).collect()
}

/// Users, their passwords and privileges, every table and column that is not the pipeline's, the
/// rows of a table that somebody may want to drop, and the files beside the data.
fn everything_else(server: &Server, ours: &[&str]) -> String {
    let schemas: Vec<String> = ours.iter().map(|name| format!("'{name}'")).collect();
    // What the servers keep of themselves changes by itself.
    let left_out = format!("({}, 'performance_schema', 'sys')", schemas.join(", "));
    let accounts = match server.kind() {
        Kind::MySql => {
            "SELECT * FROM mysql.user ORDER BY User, Host; SELECT * FROM mysql.db; SELECT * FROM mysql.tables_priv"
        }
        Kind::MariaDb => {
            "SELECT * FROM mysql.global_priv ORDER BY User, Host; SELECT * FROM mysql.db; SELECT * FROM mysql.tables_priv"
        }
    };
    server
        .sql(&format!(
            "{accounts};
             SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN {left_out} ORDER BY 1;
             SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, CREATE_OPTIONS FROM information_schema.TABLES
                WHERE TABLE_SCHEMA NOT IN {left_out} ORDER BY 1, 2;
             SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, EXTRA
                FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN {left_out} ORDER BY 1, 2, 3;
             SELECT ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES
                WHERE ROUTINE_SCHEMA NOT IN {left_out} ORDER BY 1, 2;
             SELECT TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS
                WHERE TRIGGER_SCHEMA NOT IN {left_out} ORDER BY 1, 2;
             SELECT * FROM victim.t ORDER BY id; CHECKSUM TABLE victim.t"
        ))
        .unwrap()
}

fn random_answers(kind: Kind) {
    let server = Server::lend(kind, &[]).unwrap();
    server
        .sql(
            "CREATE DATABASE victim; CREATE TABLE victim.t (id INT PRIMARY KEY, secret TEXT);
              INSERT INTO victim.t VALUES (1, 'kept'), (2, 'as it was');
              CREATE USER bystander@localhost IDENTIFIED BY 'unchanged'",
        )
        .unwrap();
    let workspace = Workspace::new(&server, &server, "random");
    std::fs::write(workspace.folder.path().join("random.wasm"), rowmill_test_guests::RANDOM).unwrap();
    workspace.source_sql(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT);
         INSERT INTO t VALUES (1, 1), (2, NULL), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9)",
    );
    let ours = [workspace.source_db.as_str(), workspace.target_db.as_str(), workspace.meta()];
    let before = everything_else(&server, &ours);
    let source = workspace.source_sql("CHECKSUM TABLE t");
    let mut written = 0;
    for (seed, function) in seeds() {
        let (function, step) = FUNCTIONS[function];
        let mode = if seed % 2 == 0 { "skip" } else { "fail" };
        workspace.write_pipeline(&format!(
            "
pipeline: random
source: {{ url: \"${{SOURCE}}\", tables: [t] }}
steps:
{}
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
on_error: {mode}
",
            step.replace("SEED", &seed.to_string())
        ));
        let what = format!("seed {seed}, {function} on {}", kind.name());
        let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
        match outcome.code {
            0 => {
                written += 1;
                let verified = workspace.run(&["verify", "pipeline.yaml"]);
                assert_eq!(verified.code, 0, "{what}\n{}{}", verified.stdout, verified.stderr);
            }
            1..=3 => assert!(outcome.stderr.contains("error: "), "{what}\n{}", outcome.stderr),
            code => panic!("{what}: exit {code}\n{}", outcome.stderr),
        }
        assert_eq!(everything_else(&server, &ours), before, "{what} changed what is not the pipeline's");
        assert_eq!(workspace.source_sql("CHECKSUM TABLE t"), source, "{what} changed its source");
        let reset = workspace.run(&["reset", "pipeline.yaml", "--drop-target", "--yes"]);
        assert_eq!(reset.code, 0, "{what}\n{}", reset.stderr);
        let left = workspace.target_sql("SHOW TABLES");
        assert_eq!(left, "", "{what} left tables");
    }
    assert!(written > 0 || seeds().len() < 20, "no seed wrote a row");
}

#[test]
fn random_answers_change_nothing_else_mysql() {
    random_answers(Kind::MySql);
}

#[test]
fn random_answers_change_nothing_else_mariadb() {
    random_answers(Kind::MariaDb);
}
