//! Tables whose keys make it hard to say which rows were written.

use rowmill_devserver::Kind;

use super::{BOTH, expect, run};
use crate::harness::{Workspace, shared};

/// A pipeline over `t` into `out` that has run once.
fn workspace(kind: Kind, name: &str, source: &str, foreign: &str, steps: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("tables_{name}_{kind:?}"));
    workspace.write_pipeline(&format!(
        "pipeline: tables\nsource: {{ url: \"${{SOURCE}}\", tables: [t] }}\nsteps: {steps}\n\
         sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}\nbatch: {{ rows: 3 }}\nepoch: {{ rows: 5 }}\n"
    ));
    workspace.source_sql(source);
    if !foreign.is_empty() {
        workspace.target_sql(foreign);
    }
    workspace.catch_up();
    workspace
}

#[track_caller]
fn assert_rebuilt(workspace: &Workspace<'_>, spoil: &str, target: &str, source: &str) {
    workspace.target_sql(spoil);
    let found = workspace.run(&["verify", "pipeline.yaml"]);
    expect(&found, 4, &["differ"]);
    expect(&run(workspace, &["--rebuild", "--delete-extra"]), 0, &[]);
    assert_eq!(workspace.target_sql(target), workspace.source_sql(source));
    workspace.verify();
}

#[test]
fn keys_in_another_spelling_are_the_collations_business() {
    for kind in BOTH {
        // Of the second the rule is not known here.
        for (at, collation) in [(0, "utf8mb4_general_ci"), (1, "latin1_german1_ci"), (2, "utf8mb4_bin")] {
            let charset = collation.split('_').next().unwrap();
            let name = format!("spelling{at}");
            let column = format!("name VARCHAR(20) CHARACTER SET {charset} COLLATE {collation} NOT NULL PRIMARY KEY");
            let source = format!(
                "CREATE TABLE t ({column}, v INT); INSERT INTO t VALUES ('Köln', 1), ('Essen', 2), ('bonn ', 3), ('Ulm', 4)"
            );
            let workspace = workspace(kind, &name, &source, "", "[]");
            // A row of ours in capitals, one of nobody's, and one that is missing. Bytewise the first is nobody's too.
            assert_rebuilt(
                &workspace,
                "UPDATE `out` SET name = 'KÖLN', v = 9 WHERE name = 'Köln'; DELETE FROM `out` WHERE name = 'Ulm';
                 INSERT INTO `out` VALUES ('Aachen', 7), ('Zwickau', 8)",
                "SELECT name, v FROM `out` ORDER BY v",
                "SELECT name, v FROM t ORDER BY v",
            );
        }
    }
}

/// Where a column of the key can be NULL, rows are found by a hash of the key as it is spelt.
#[test]
fn keys_that_can_be_null_are_other_keys_in_another_spelling() {
    for kind in BOTH {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("tables_hashed_{kind:?}"));
        workspace.write_pipeline(
            "pipeline: hashed\nsource: { url: \"${SOURCE}\", tables: [t] }\nsteps: []\n\
             sink: { url: \"${TARGET}\", table: out, key: [id, region], meta: \"${META}\" }\n",
        );
        workspace.source_sql(
            "CREATE TABLE t (id INT PRIMARY KEY, region VARCHAR(9), v INT);
             INSERT INTO t VALUES (7, 'EU', 1), (8, NULL, 2), (9, 'us ', 3)",
        );
        workspace.catch_up();
        // While nobody follows, and the log of it is gone.
        workspace.source_sql("UPDATE t SET region = 'eu' WHERE id = 7; UPDATE t SET region = 'us' WHERE id = 9");
        expect(&run(&workspace, &["--rebuild"]), 0, &["deleted rows that the source does not give", "rows=2"]);
        let rows = "SELECT id, region, v FROM";
        assert_eq!(
            workspace.target_sql(&format!("{rows} `out` ORDER BY id")),
            workspace.source_sql(&format!("{rows} t ORDER BY id"))
        );
        workspace.verify();
    }
}

#[test]
fn keys_beyond_the_plans_types_are_found_and_deleted() {
    for kind in BOTH {
        let workspace = workspace(
            kind,
            "wider",
            "CREATE TABLE t (a INT, d DATE, n DECIMAL(6,2), v INT, PRIMARY KEY (a, d, n));
             INSERT INTO t VALUES (1, '2024-01-01', 1.5, 1), (-2, '2024-02-29', -7.25, 2), (3, '1999-12-31', 0, 3)",
            "CREATE TABLE `out` (id BIGINT AUTO_INCREMENT PRIMARY KEY, a BIGINT NOT NULL, d DATETIME(3) NOT NULL,
               n DECIMAL(20,6) NOT NULL, v INT, mine INT DEFAULT 5, UNIQUE KEY (a, d, n))",
            "[]",
        );
        assert_rebuilt(
            &workspace,
            "INSERT INTO `out` (a, d, n, v) VALUES (5000000000, '2024-01-01', 1.5, 9), (1, '2024-01-01 12:00:00.5', 1.5, 9),
               (1, '2024-01-01', 1.500001, 9), (4294967297, '2024-01-01', 1.5, 9), (1, '2024-01-02', 1.5, 9);
             UPDATE `out` SET v = 99 WHERE v = 2;",
            "SELECT a, DATE(d), TRIM(TRAILING '0' FROM n), v, mine FROM `out` ORDER BY v",
            "SELECT a, d, TRIM(TRAILING '0' FROM CAST(n AS DECIMAL(20,6))), v, 5 FROM t ORDER BY v",
        );
    }
}

#[test]
fn rows_of_a_table_function_are_reconciled_by_their_number() {
    for kind in BOTH {
        let workspace = workspace(
            kind,
            "numbered",
            "CREATE TABLE t (id INT PRIMARY KEY, tags VARCHAR(60));
             INSERT INTO t VALUES (1, 'a,b,c'), (2, 'd'), (3, ''), (4, 'e,f'), (5, 'g,h,i,j')",
            "",
            "[{ transform: { udf: std/text#split, args: [tags] } }]",
        );
        let expected = workspace.target_sql("SELECT * FROM `out` ORDER BY id, ordinality");
        assert_ne!(expected, "");
        for spoil in [
            "INSERT INTO `out` SELECT id, tags, item, ordinality + 10 FROM `out`",
            "INSERT INTO `out` SELECT id + 100, tags, item, ordinality FROM `out`; UPDATE `out` SET item = 'z' WHERE id = 1",
            "DELETE FROM `out` WHERE ordinality = 1; INSERT INTO `out` SELECT 3, tags, item, ordinality FROM `out` WHERE id = 1",
        ] {
            workspace.target_sql(spoil);
            expect(&run(&workspace, &["--rebuild"]), 0, &[]);
            assert_eq!(workspace.target_sql("SELECT * FROM `out` ORDER BY id, ordinality"), expected, "{spoil}");
            workspace.verify();
        }
    }
}

#[test]
fn rows_in_the_way_of_a_second_unique_key_give_way() {
    for kind in BOTH {
        let workspace = workspace(
            kind,
            "second",
            "CREATE TABLE t (id INT PRIMARY KEY, email VARCHAR(20) NOT NULL UNIQUE);
             INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (6, 'f'), (7, 'g')",
            "CREATE TABLE `out` (id INT PRIMARY KEY, email VARCHAR(20) NOT NULL UNIQUE)",
            "[]",
        );
        assert_rebuilt(
            &workspace,
            "DELETE FROM `out` WHERE id IN (2, 3); UPDATE `out` SET email = 'x' WHERE id = 1;
             INSERT INTO `out` VALUES (100, 'b'), (101, 'c'), (102, 'y')",
            "SELECT * FROM `out` ORDER BY id",
            "SELECT * FROM t ORDER BY id",
        );
    }
}

#[test]
fn groups_are_reconciled_by_the_same_rules() {
    for kind in BOTH {
        let steps = "[{ aggregate: { by: [g], values: { total: \"sum(v)\" } } }]";
        let source = "CREATE TABLE t (id INT PRIMARY KEY, g VARCHAR(20), v INT);
            INSERT INTO t VALUES (1, 'a', 1), (2, 'a', 2), (3, 'b', 5), (4, NULL, 4)";
        // Groups can be NULL: the key is a hash.
        let ours = workspace(kind, "groups", source, "", steps);
        ours.target_sql(
            "UPDATE `out` SET total = 9 WHERE g = 'a'; INSERT INTO `out` (g, total, _key) VALUES ('z', 1, X'01')",
        );
        expect(&run(&ours, &["--rebuild"]), 0, &["deleted rows"]);
        let all = "SELECT g, total FROM `out` ORDER BY total";
        assert_eq!(ours.target_sql(all).trim(), "a\t3\nNULL\t4\nb\t5");
        ours.verify();

        let source = source.replace("g VARCHAR(20)", "g VARCHAR(20) NOT NULL").replace("NULL, 4)", "'c', 4)");
        let collation = match kind {
            Kind::MySql => "utf8mb4_0900_bin",
            Kind::MariaDb => "utf8mb4_nopad_bin",
        };
        let foreign = format!(
            "CREATE TABLE `out` (g VARCHAR(20) CHARACTER SET utf8mb4 COLLATE {collation} PRIMARY KEY, total DECIMAL(65,0))"
        );
        let theirs = workspace(kind, "their_groups", &source, &foreign, steps);
        theirs.target_sql("UPDATE `out` SET total = 9 WHERE g = 'a'; INSERT INTO `out` VALUES ('z', 1)");
        expect(&run(&theirs, &["--rebuild"]), 0, &["left rows", "rows=1", "--delete-extra"]);
        assert_eq!(theirs.target_sql(all).trim(), "z\t1\na\t3\nc\t4\nb\t5");
        expect(&run(&theirs, &["--rebuild", "--delete-extra"]), 0, &["deleted rows"]);
        assert_eq!(theirs.target_sql(all).trim(), "a\t3\nc\t4\nb\t5");
        theirs.verify();
    }
}
