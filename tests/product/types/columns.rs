//! All types as columns of one table: compared by a filter, and passed on and computed by a map.

use super::{KINDS, assert_same, list, workspace, write_pipeline};

#[test]
fn filters_and_maps_read_every_type() {
    for kind in KINDS {
        let workspace = workspace(kind, "columns");
        let types: Vec<_> = list::all(kind).collect();
        let ordered = list::TEMPORAL.len() + list::ORDERED.len();
        let columns: Vec<String> = types.iter().enumerate().map(|(n, of)| format!("c{n} {} NULL", of.sql)).collect();
        let row = |id: usize| {
            let values: Vec<&str> = types.iter().map(|of| *of.values.get(id).unwrap_or(&"NULL")).collect();
            format!("({id}, {})", values.join(", "))
        };
        let inserted = |ids: std::ops::Range<usize>| ids.map(row).collect::<Vec<_>>().join(", ");
        workspace.source_sql(&format!(
            "CREATE TABLE t (id INT PRIMARY KEY, {}) CHARACTER SET utf8mb4; INSERT INTO t VALUES {};",
            columns.join(", "),
            inserted(0..3)
        ));
        // What has no order is only looked at.
        let kept = |n: usize| match n < ordered {
            true => format!("(c{n} = c{n} OR c{n} IS NULL)"),
            false => format!("(c{n} IS NULL OR c{n} IS NOT NULL)"),
        };
        let filter = (0..types.len()).map(kept).chain(["id <> 1".to_owned()]).collect::<Vec<_>>().join(" AND ");
        // The type of a CASE over FLOAT, BIT and YEAR is not the column's.
        let computed = |n: usize| match types[n].sql {
            "FLOAT" | "YEAR" => format!("c{n} * 2"),
            bit if bit.starts_with("BIT") => format!("c{n} + 0"),
            _ => format!("CASE WHEN id >= 0 THEN c{n} END"),
        };
        let maps: Vec<String> = (0..types.len()).map(|n| format!("      m{n}: \"{}\"", computed(n))).collect();
        write_pipeline(
            &workspace,
            "read",
            "t",
            &format!("steps:\n  - filter: \"{filter}\"\n  - map:\n{}", maps.join("\n")),
        );
        let printed = |column: &dyn Fn(usize) -> String| {
            let own = types.iter().enumerate().map(|(n, of)| of.print(&format!("c{n}")));
            let made = types.iter().enumerate().map(|(n, of)| match of.sql {
                "FLOAT" | "YEAR" => column(n),
                _ => of.print(&column(n)),
            });
            own.chain(made).collect::<Vec<_>>().join(", ")
        };
        let source = format!("SELECT id, {} FROM t WHERE {filter}", printed(&computed));
        let target = format!("SELECT id, {} FROM t_read", printed(&|n| format!("m{n}")));
        workspace.catch_up();
        assert_same(&workspace, "columns", &source, &target);
        workspace.source_sql(&format!(
            "INSERT INTO t VALUES {}; UPDATE t SET id = 10 WHERE id = 0; DELETE FROM t WHERE id = 2;",
            inserted(3..6)
        ));
        workspace.catch_up();
        assert_same(&workspace, "columns", &source, &target);
        workspace.verify();
    }
}
