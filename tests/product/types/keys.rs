//! Each type as the key of the source's and the target's rows, and as a message names the row that failed.

use super::{KINDS, Type, assert_same, list, workspace, write_pipeline};

#[test]
fn every_type_is_a_key_and_names_its_rows() {
    for kind in KINDS {
        let workspace = workspace(kind, "keys");
        let types = list::TEMPORAL.iter().chain(list::ORDERED).filter(|of| of.is_key);
        let tables: Vec<(String, &Type)> = types.enumerate().map(|(n, of)| (format!("key_{n}"), of)).collect();
        // `v` overflows in the map where it is 2: in the second row.
        let create = |(table, of): &(String, &Type)| {
            let values = of.values.iter().filter(|value| **value != "NULL").enumerate();
            let rows: Vec<String> =
                values.map(|(n, value)| format!("({value}, {n}, {})", if n == 1 { 2 } else { 1 })).collect();
            format!(
                "CREATE TABLE {table} (c {} NOT NULL PRIMARY KEY, n INT, v BIGINT NOT NULL) CHARACTER SET utf8mb4;
                 INSERT INTO {table} VALUES {};\n",
                of.sql,
                rows.join(", ")
            )
        };
        workspace.source_sql(&tables.iter().map(create).collect::<String>());
        let steps = "steps: [map: { x: \"v * 4611686018427387904\" }]\non_error: skip";
        write_pipeline(&workspace, "keys", "\"key_*\"", steps);
        let same = |tables: &[(String, &Type)]| {
            for (table, of) in tables {
                let columns = format!("{}, n, v", of.print("c"));
                assert_same(
                    &workspace,
                    of.sql,
                    &format!("SELECT {columns}, v * 4611686018427387904 FROM {table} WHERE v < 2"),
                    &format!("SELECT {columns}, x FROM {table}_keys"),
                );
            }
        };
        let skipped = workspace.catch_up().stderr;
        same(&tables);
        for (table, of) in &tables {
            let of_table = format!("`{table}`");
            let said = skipped.lines().find(|line| line.contains("row skipped") && line.contains(&of_table));
            let said = said.unwrap_or_else(|| panic!("{}: no row of {table} skipped\n{skipped}", of.sql));
            assert!(said.contains(&format!("c={}", of.shown)), "{}: {said}", of.sql);
        }
        // The row that failed is mended, the first one fails, and the last one goes, or comes under another key.
        let change = |(table, of): &(String, &Type)| {
            format!(
                "UPDATE {table} SET v = 1 WHERE n = 1; UPDATE {table} SET v = 2 WHERE n = 0;
                 DELETE FROM {table} WHERE n = 2; INSERT INTO {table} SELECT {}, 9, 0 FROM DUAL WHERE {};\n",
                of.values.last().unwrap(),
                of.values.len() == 3 && !of.values.contains(&"NULL")
            )
        };
        workspace.source_sql(&tables.iter().map(change).collect::<String>());
        workspace.catch_up();
        same(&tables);
        workspace.verify();
    }
}
