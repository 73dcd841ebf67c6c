//! What a type can't be is said by `check`, with the table.

use rowmill_devserver::Kind;

use super::{KINDS, create, list, workspace, write_pipeline};

#[test]
fn what_a_type_cannot_be_is_refused_by_check() {
    for kind in KINDS {
        let workspace = workspace(kind, "refused");
        let timeless: Vec<_> = list::ORDERED.iter().chain(list::opaque(kind)).collect();
        let mut script: String =
            timeless.iter().enumerate().map(|(n, of)| create(&format!("timeless_{n}"), of)).collect();
        script.push_str(&create("document", list::opaque(kind).next().unwrap()));
        for (table, of, key) in [("text_key", "TEXT NOT NULL", "c(10)"), ("blob_key", "BLOB NOT NULL", "c(10)")] {
            script.push_str(&format!("CREATE TABLE {table} (c {of}, v INT, PRIMARY KEY ({key}));\n"));
        }
        if kind == Kind::MariaDb {
            for of in ["uuid", "inet4", "inet6"] {
                script.push_str(&format!("CREATE TABLE foreign_{of} (id INT PRIMARY KEY, c {of});\n"));
            }
        }
        workspace.source_sql(&script);
        let refused = |tables: &str, steps: &str| {
            write_pipeline(&workspace, "refused", tables, &format!("steps: [{steps}]"));
            let outcome = workspace.run(&["check", "pipeline.yaml"]);
            assert!(matches!(outcome.code, 2 | 3), "{steps}: {}{}", outcome.stdout, outcome.stderr);
            outcome.stderr
        };
        let said = refused(
            "\"timeless_*\"",
            "aggregate: { by: [k], window: { tumble: 1h, on: c }, values: { n: \"count(*)\" } }",
        );
        for (n, of) in timeless.iter().enumerate() {
            let table = format!("`timeless_{n}`: column c has no event time");
            assert!(said.contains(&table), "{}: {said}", of.sql);
        }
        for (steps, message) in [
            ("aggregate: { by: [c], values: { n: \"count(*)\" } }", "JSON documents can't be grouped by"),
            ("aggregate: { by: [k], values: { n: \"count(distinct c)\" } }", "distinct: JSON"),
            ("aggregate: { by: [k], values: { n: \"min(c)\" } }", "values with an order"),
            ("aggregate: { by: [k], values: { n: \"sum(c)\" } }", "sum"),
        ] {
            let said = refused("document", steps);
            assert!(said.contains(message), "{steps}: no {message:?} in {said}");
        }
        let said = refused("\"*_key\"", "filter: \"v > 0\"");
        for table in ["text_key", "blob_key"] {
            assert!(
                said.contains(&format!("`{table}_refused`")) && said.contains("has no length limit, in the key"),
                "{said}"
            );
        }
        if kind == Kind::MariaDb {
            let said = refused("\"foreign_*\"", "filter: \"id > 0\"");
            for of in ["uuid", "inet4", "inet6"] {
                assert!(
                    said.contains(&format!("`foreign_{of}`")) && said.contains(&format!("type {of}")),
                    "{of}: {said}"
                );
            }
        }
    }
}
