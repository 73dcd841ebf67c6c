//! Components that try to reach SQL: through the attributes and names of their results, and through values.
//!
//! Each is refused when it is bound, by an error that names the component, the function and the column;
//! and the target has the same tables and users as before.

use rowmill_devserver::{Kind, Server};

use crate::harness::{Outcome, Workspace, shared};

/// What a component says, and a part of the refusal.
const ATTRIBUTES: &[(&str, &str, &str)] = &[
    ("mysql-type", "bigint); DROP TABLE victim; --", "mysql-type"),
    ("mysql-type", "bigint); CREATE TABLE stolen SELECT * FROM mysql.user; -- ", "mysql-type"),
    ("mysql-type", "bigint, `y` int", "mysql-type"),
    ("mysql-type", "bigint NULL, y int", "mysql-type"),
    ("mysql-type", "enum('a') , b int", "mysql-type"),
    ("mysql-type", "enum('a'), b int, c enum('b')", "mysql-type"),
    ("mysql-type", "enum('a\\'), b int -- ')", "mysql-type"),
    ("mysql-type", "enum(\u{2018}a\u{2019})", "mysql-type"),
    ("mysql-type", "bigint /* x */", "mysql-type"),
    ("mysql-type", "bigint /*! , y int */", "mysql-type"),
    ("mysql-type", "bigint\n, y int", "mysql-type"),
    ("mysql-type", "bigint # x", "mysql-type"),
    ("mysql-type", "bigint GENERATED ALWAYS AS (sleep(10))", "mysql-type"),
    ("mysql-type", "bigint DEFAULT (benchmark(1000000000, 1))", "mysql-type"),
    ("mysql-type", "varchar(99999999999)", "mysql-type"),
    ("mysql-type", "decimal(70,40)", "mysql-type"),
    ("mysql-type", "varchar(10) CHARACTER SET utf8mb4", "mysql-type"),
    ("mysql-type", "", "mysql-type"),
    ("mysql-type", "\u{1b}[2Jint", "mysql-type"),
    ("collation", "utf8mb4_bin COMMENT 'x'", "collation"),
    ("collation", "utf8mb4_bin, y int", "collation"),
    ("collation", "utf8mb4 COMMENT 'x'", "collation"),
    ("collation", "klingon_ci", "collation"),
    ("max-chars", "10) , y int, z varchar(10", "max-chars"),
    ("max-chars", "-1", "max-chars"),
    ("fsp", "6), y int, z datetime(6", "fsp"),
    ("rowmill.invisible", "true", "rowmill.invisible"),
];

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that a statement of ours could have made or taken, by name, and the users with their passwords.
fn everything(server: &Server) -> String {
    let users =
        "SELECT user, host, SHA2(CONCAT_WS('|', plugin, authentication_string), 256) FROM mysql.user ORDER BY 1, 2;";
    let tables = "SELECT table_schema, table_name, table_type, table_comment FROM information_schema.tables \
                  WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'sys') ORDER BY 1, 2;";
    let schemas = "SELECT schema_name FROM information_schema.schemata ORDER BY 1;";
    server.sql(&format!("{users}{tables}{schemas}")).unwrap()
}

fn workspace<'s>(server: &'s Server, name: &str) -> Workspace<'s> {
    let workspace = Workspace::new(server, server, name);
    std::fs::write(workspace.folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, n BIGINT); INSERT INTO t VALUES (1, 1), (2, 2)");
    workspace.target_sql("CREATE TABLE victim (id INT PRIMARY KEY); INSERT INTO victim VALUES (7)");
    workspace
}

fn run(workspace: &Workspace<'_>, step: &str) -> Outcome {
    workspace.write_pipeline(&format!(
        "
pipeline: hostile
source: {{ url: \"${{SOURCE}}\", tables: [t] }}
steps:
  - {step}
    id: mill
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
"
    ));
    workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"])
}

#[test]
fn attributes_that_are_no_facts_of_a_column_are_refused_when_bound() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        // Of its own: nobody else changes what is compared.
        let server = Server::lend(kind, &[]).unwrap();
        let workspace = workspace(&server, "sql_attributes");
        let before = everything(workspace.target);
        for function in ["attributes", "attributes-of-text"] {
            for (key, value, subject) in ATTRIBUTES {
                let config = hex(&format!("{key}\0{value}\0"));
                let call = format!(
                    "map: {{ x: {{ udf: \"./hostile.wasm#{function}\", args: [n], config: {{ attributes: \"{config}\" }} }} }}"
                );
                let outcome = run(&workspace, &call);
                assert_ne!(outcome.code, 0, "{value:?}");
                for part in ["hostile.wasm", function, "result column r", subject] {
                    assert!(outcome.stderr.contains(part), "{value:?}: no {part:?} in {}", outcome.stderr);
                }
                assert!(!outcome.stderr.contains('\u{1b}'), "{value:?}");
            }
            let label = format!(
                "map: {{ x: {{ udf: \"./hostile.wasm#{function}\", args: [n], config: {{ label: 10000000 }} }} }}"
            );
            let outcome = run(&workspace, &label);
            assert_ne!(outcome.code, 0);
            assert!(outcome.stderr.contains("hostile.wasm"), "{}", outcome.stderr);
            assert!(outcome.stderr.len() < 10_000, "{}", outcome.stderr.len());
        }
        assert_eq!(everything(workspace.target), before, "{kind:?}");
        assert_eq!(workspace.target_sql("SELECT id FROM victim").trim(), "7");
    }
}

#[test]
fn names_of_result_columns_are_those_of_columns() {
    let long = "x".repeat(65);
    let refused = ["", "a ", "a\0b", "\u{1f600}", long.as_str()];
    // A name with quotes, comments and more of SQL is a name.
    let strange = "a`b'c\"d\\e); DROP TABLE victim; --";
    for kind in [Kind::MySql, Kind::MariaDb] {
        let server = Server::lend(kind, &[]).unwrap();
        let workspace = workspace(&server, "sql_names");
        let step = |name: &str| {
            format!("transform: {{ udf: \"./hostile.wasm#named\", args: [n], config: {{ name: \"{}\" }} }}", hex(name))
        };
        let before = everything(workspace.target);
        for name in refused {
            let outcome = run(&workspace, &step(name));
            assert_ne!(outcome.code, 0, "{name:?}");
            for part in ["hostile.wasm#named", "name"] {
                assert!(outcome.stderr.contains(part), "{name:?}: no {part:?} in {}", outcome.stderr);
            }
        }
        assert_eq!(everything(workspace.target), before, "{kind:?}");
        for call in
            [format!("map: {{ {long}: n }}"), "rename: { n: \"a \" }".to_owned(), "rename: { n: \"a\\0\" }".to_owned()]
        {
            let outcome = run(&workspace, &call);
            assert_ne!(outcome.code, 0, "{call:?}");
            assert!(outcome.stderr.contains("column"), "{}", outcome.stderr);
        }
        assert_eq!(everything(workspace.target), before, "{kind:?}");
        // It answers without parents, so it stops; its table is there by then.
        let outcome = run(&workspace, &step(strange));
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        let columns = "SELECT COUNT(*), MAX(column_name = 'a`b''c\"d\\\\e); DROP TABLE victim; --') \
                       FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'out'";
        assert_eq!(workspace.target_sql(columns).trim(), "4\t1");
        workspace.run(&["reset", "pipeline.yaml", "--drop-target", "--yes"]);
        workspace.target_sql("DROP TABLE IF EXISTS `out`");
        let outcome = run(&workspace, "rename: { n: \"a'b\\\"c); DROP TABLE victim; --\" }");
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_eq!(workspace.target_sql("SELECT SUM(`a'b\"c); DROP TABLE victim; --`) FROM `out`").trim(), "3");
        assert_eq!(workspace.target_sql("SELECT id FROM victim").trim(), "7");
        workspace.verify();
    }
}

#[test]
fn attributes_that_servers_write_pass_through() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(shared(kind), "sql_passes");
        let config = hex("mysql-type\0bigint(20)\0unit\0'); DROP TABLE victim; --\0");
        let call = format!(
            "map: {{ x: {{ udf: \"./hostile.wasm#attributes\", args: [n], config: {{ when: 9, attributes: \"{config}\" }} }} }}"
        );
        let outcome = run(&workspace, &call);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_eq!(workspace.target_sql("SELECT SUM(x) FROM `out`").trim(), "3");
        workspace.verify();
    }
}
