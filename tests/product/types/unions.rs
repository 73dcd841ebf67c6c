//! Every type in a union: as a column, as the key and as a group's key of two tables, and widened where they differ.

use super::{KINDS, assert_same, create, list, workspace};
use crate::harness::Workspace;

fn write_pipeline(workspace: &Workspace<'_>, views: &str, targets: &str) {
    workspace.write_pipeline(&format!(
        "
pipeline: unions
source: {{ url: \"${{SOURCE}}\", tables: [\"*\"] }}
views:
{views}
sink:
  url: \"${{TARGET}}\"
  meta: \"${{META}}\"
  tables:
{targets}
"
    ));
}

#[test]
fn unions_of_every_type_hold_what_their_tables_hold() {
    for kind in KINDS {
        let workspace = workspace(kind, "unions");
        let ordered = || list::TEMPORAL.iter().chain(list::ORDERED).enumerate();
        let types: Vec<_> = ordered().chain(list::opaque(kind).enumerate().map(|(n, of)| (100 + n, of))).collect();
        let (mut views, mut targets) = (String::new(), String::new());
        for (n, of) in &types {
            workspace.source_sql(&(create(&format!("t{n}_a"), of) + &create(&format!("t{n}_b"), of)));
            views.push_str(&format!("  u{n}: {{ from: [t{n}_a, t{n}_b], tag: half }}\n"));
            targets.push_str(&format!("    u{n}: {{ from: u{n} }}\n"));
            // What has an order makes groups, across both tables.
            if *n < 100 {
                views.push_str(&format!(
                    "  g{n}: {{ from: u{n}, steps: [ {{ aggregate: {{ by: [c, half], values: {{ n: count(*), s: sum(v) }}, \
                     collate: binary }} }} ] }}\n"
                ));
                targets.push_str(&format!("    g{n}: {{ from: g{n} }}\n"));
            }
        }
        write_pipeline(&workspace, &views, &targets);
        workspace.catch_up();
        let compare = || {
            for (n, of) in &types {
                let half = |half: &str| format!("SELECT id, k, {}, v, '{half}' FROM {half}", of.print("c"));
                let both = format!("{} UNION ALL {}", half(&format!("t{n}_a")), half(&format!("t{n}_b")));
                let target = format!("SELECT id, k, {}, v, half FROM u{n}", of.print("c"));
                assert_same(&workspace, of.sql, &both, &target);
                if *n < 100 {
                    let c = of.print("c");
                    let grouped = |half: &str| {
                        format!("SELECT {c} AS p, '{half}' AS half, COUNT(*), SUM(v) FROM {half} GROUP BY HEX(c), p")
                    };
                    let both = format!("{} UNION ALL {}", grouped(&format!("t{n}_a")), grouped(&format!("t{n}_b")));
                    assert_same(&workspace, of.sql, &both, &format!("SELECT {c}, half, n, s FROM g{n}"));
                }
            }
        };
        compare();
        for (n, of) in &types {
            workspace.source_sql(&super::change(&format!("t{n}_b"), of));
            workspace.source_sql(&format!("UPDATE t{n}_a SET id = 500 WHERE id = 1; DELETE FROM t{n}_a WHERE id = 0"));
        }
        workspace.catch_up();
        compare();
        workspace.verify();
    }
}

/// The type of a column in one table, in another, and in their union.
const WIDENED: &[(&str, &str, &str)] = &[
    ("TINYINT", "BIGINT", "bigint"),
    ("SMALLINT UNSIGNED", "MEDIUMINT", "int"),
    ("INT UNSIGNED", "INT", "bigint"),
    ("TINYINT UNSIGNED", "BIGINT UNSIGNED", "bigint unsigned"),
    ("FLOAT", "DOUBLE", "double"),
    ("DECIMAL(10,2)", "DECIMAL(38,10)", "decimal(38,10)"),
    ("DECIMAL(38,10)", "DECIMAL(40,2)", "decimal(48,10)"),
    ("VARCHAR(20)", "CHAR(10)", "varchar(20)"),
    ("DATETIME", "DATETIME(6)", "datetime(6)"),
    ("TIME", "TIME(3)", "time(3)"),
    ("ENUM('a','b')", "ENUM('b','c')", "varchar(1)"),
];

/// Values that both of such types hold, the widest of each among them.
fn values(sql: &str) -> &'static [&'static str] {
    let of = list::TEMPORAL.iter().chain(list::ORDERED).find(|of| of.sql == sql);
    match (of, sql) {
        (Some(of), _) => of.values,
        (None, "DECIMAL(40,2)") => &["99999999999999999999999999999999999999.99", "-0.01"],
        (None, "ENUM('a','b')") => &["'a'", "'b'"],
        (None, _) => &["'b'", "'c'"],
    }
}

#[test]
fn types_that_differ_are_widened_to_one_that_holds_both() {
    for kind in KINDS {
        let workspace = workspace(kind, "widened");
        let (mut views, mut targets) = (String::new(), String::new());
        for (n, (one, other, _)) in WIDENED.iter().enumerate() {
            for (half, sql) in [("a", one), ("b", other)] {
                let rows = values(sql).iter().chain(&["NULL"]).enumerate();
                let rows: Vec<String> = rows.map(|(id, value)| format!("({id}, {value})")).collect();
                workspace.source_sql(&format!(
                    "CREATE TABLE w{n}_{half} (id INT PRIMARY KEY, c {sql} NULL) CHARACTER SET utf8mb4;
                     INSERT INTO w{n}_{half} VALUES {}",
                    rows.join(", ")
                ));
            }
            views.push_str(&format!("  u{n}: {{ from: \"w{n}_?\" }}\n"));
            targets.push_str(&format!("    u{n}: {{ from: u{n} }}\n"));
        }
        write_pipeline(&workspace, &views, &targets);
        workspace.catch_up();
        let compare = || {
            for (n, (one, other, both)) in WIDENED.iter().enumerate() {
                let wide = if both.starts_with("varchar") { "CHAR" } else { both };
                let wide = if wide.starts_with("bigint") || wide == "int" { "DECIMAL(20)" } else { wide };
                // As numbers of the union's type: a FLOAT prints fewer digits than it has.
                let print =
                    |c: &str| if wide == "double" { format!("{c} + 0E0") } else { format!("CAST({c} AS {wide})") };
                let half = |half: &str| {
                    format!("SELECT id, {}, '{}.w{n}_{half}' FROM w{n}_{half}", print("c"), workspace.source_db)
                };
                let expected = format!("{} UNION ALL {}", half("a"), half("b"));
                assert_same(
                    &workspace,
                    &format!("{one}, {other}"),
                    &expected,
                    &format!("SELECT id, {}, _table FROM u{n}", print("c")),
                );
                let created = workspace.target_sql(&format!(
                    "SELECT REPLACE(REPLACE(COLUMN_TYPE, '(20)', ''), 'bigint(20)', 'bigint') FROM information_schema.COLUMNS
                     WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME = 'u{n}' AND COLUMN_NAME = 'c'",
                    workspace.target_db
                ));
                let created = created.trim().replace("int(11)", "int");
                assert_eq!(created, both.replace("(20)", ""), "{one}, {other}");
            }
        };
        compare();
        for n in 0..WIDENED.len() {
            workspace.source_sql(&format!("UPDATE w{n}_b SET id = id + 10; UPDATE w{n}_a SET c = NULL WHERE id = 0"));
        }
        workspace.catch_up();
        compare();
        workspace.verify();
    }
}
