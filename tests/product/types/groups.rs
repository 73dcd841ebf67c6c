//! Each type as a group's key and as the argument of aggregates; the groups' state goes through a savepoint.

use rowmill_devserver::Kind;

use super::{KINDS, Type, assert_same, change, create, list, workspace, write_pipeline};
use crate::harness::Workspace;

/// The tables of the types that have equality, and of those without.
fn tables(kind: Kind) -> Vec<(String, &'static Type)> {
    let keyed = list::TEMPORAL.iter().chain(list::ORDERED);
    let others = list::opaque(kind);
    let named = |prefix: &'static str| move |(n, of): (usize, &'static Type)| (format!("{prefix}_{n}"), of);
    keyed.enumerate().map(named("keyed")).chain(others.enumerate().map(named("opaque"))).collect()
}

fn fill(workspace: &Workspace<'_>, tables: &[(String, &'static Type)]) {
    workspace.source_sql(&tables.iter().map(|(table, of)| create(table, of)).collect::<String>());
}

fn change_all(workspace: &Workspace<'_>, tables: &[(String, &'static Type)]) {
    workspace.source_sql(&tables.iter().map(|(table, of)| change(table, of)).collect::<String>());
}

#[test]
fn every_type_is_a_group_key() {
    for kind in KINDS {
        let workspace = workspace(kind, "groups");
        let tables: Vec<_> = tables(kind).into_iter().filter(|(_, of)| of.sql != "JSON").collect();
        fill(&workspace, &tables);
        let steps = "steps: [aggregate: { by: [c], values: { n: \"count(*)\", total: \"sum(v)\" } }]";
        write_pipeline(&workspace, "groups", "\"*\"", steps);
        let same = || {
            for (table, of) in &tables {
                let key = of.print("c");
                let source = format!("SELECT {key} AS g, COUNT(*), SUM(v) FROM {table} GROUP BY g");
                let target = format!("SELECT {key}, n, total FROM {table}_groups");
                assert_same(&workspace, of.sql, &source, &target);
            }
        };
        workspace.catch_up();
        same();
        // The state is not what the rest goes on with, but what was read back from the savepoint.
        assert_eq!(workspace.run(&["state", "pipeline.yaml", "export", "savepoint"]).code, 0);
        std::fs::remove_dir_all(workspace.folder.path().join("state/rowmill/groups/state")).unwrap();
        let imported = workspace.run(&["state", "pipeline.yaml", "import", "savepoint"]);
        assert_eq!(imported.code, 0, "{}", imported.stderr);
        change_all(&workspace, &tables);
        workspace.catch_up();
        same();
        workspace.verify();
    }
}

#[test]
fn every_type_is_an_argument() {
    for kind in KINDS {
        let workspace = workspace(kind, "arguments");
        let tables = tables(kind);
        fill(&workspace, &tables);
        let count = "steps: [aggregate: { by: [k], values: { known: \"count(c)\" } }]";
        let all = "steps: [aggregate: { by: [k], values: { known: \"count(c)\", kinds: \"count(distinct c)\",
            kinds_too: \"count_distinct(c)\", least: \"min(c)\", most: \"max(c)\" } }]";
        let pipelines = [("counts", "\"opaque_*\"", count), ("arguments", "\"keyed_*\"", all)];
        let run = || {
            for (name, pattern, steps) in pipelines {
                write_pipeline(&workspace, name, pattern, steps);
                workspace.catch_up();
                workspace.verify();
            }
            for (table, of) in &tables {
                let (least, most) = (of.print("MIN(c)"), of.print("MAX(c)"));
                let (source, target) = match table.starts_with("opaque") {
                    true => ("SELECT k, COUNT(c)".to_owned(), format!("SELECT k, known FROM {table}_counts")),
                    false => (
                        format!("SELECT k, COUNT(c), COUNT(DISTINCT c), COUNT(DISTINCT c), {least}, {most}"),
                        format!(
                            "SELECT k, known, kinds, kinds_too, {}, {} FROM {table}_arguments",
                            of.print("least"),
                            of.print("most")
                        ),
                    ),
                };
                assert_same(&workspace, of.sql, &format!("{source} FROM {table} GROUP BY k"), &target);
            }
        };
        run();
        change_all(&workspace, &tables);
        run();
    }
}
