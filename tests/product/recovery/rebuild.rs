//! `run --rebuild` of plans without aggregates: what it writes, deletes, leaves and counts, and kills in the midst.

use super::{BOTH, expect, run, spoil, workspace};
use crate::harness::{PAIRS, Workspace, shared};
use crate::load::{Load, ORDERS, PIPELINE, assert_equal, seed};

/// The table of the load's pipeline, made by somebody else.
const FOREIGN: &str = "CREATE TABLE orders_clean (id BIGINT PRIMARY KEY, customer INT NOT NULL,
  status VARCHAR(10) NOT NULL, amount DECIMAL(12,2), note TEXT, at DATETIME(6) NOT NULL);";

const EXTRA: &str = "SELECT id, note FROM orders_clean WHERE id IN (900001, -5) ORDER BY id";

#[test]
fn a_rebuild_makes_the_target_what_the_source_says() {
    for kind in BOTH {
        let workspace = workspace(kind, "anew");
        workspace.catch_up();
        spoil(&workspace);
        let found = workspace.run(&["verify", "pipeline.yaml"]);
        expect(&found, 4, &["keys differ", "missing, 3 extra, ", "different"]);
        assert!(!found.stdout.contains("equal"), "{}", found.stdout);
        workspace
            .source_sql("DELETE FROM orders WHERE id BETWEEN 40 AND 60; UPDATE orders SET amount = 7 WHERE id = 1");
        expect(&run(&workspace, &["--rebuild"]), 0, &["rows=16", "deleted rows that the source does not give"]);
        assert_equal(&workspace);
        workspace.verify();
        assert_eq!(workspace.progress("rebuild_since IS NULL AND rebuild_deletes IS NULL"), "1");
        workspace.source_sql("UPDATE orders SET status = 'test' WHERE id % 5 = 0; DELETE FROM orders WHERE id = 1");
        workspace.catch_up();
        assert_equal(&workspace);
        workspace.verify();
    }
}

#[test]
fn a_rebuild_runs_beside_a_load_and_between_all_servers() {
    for pair in PAIRS {
        let name = format!("recovery_load_{}", pair.name);
        let workspace = Workspace::new(shared(pair.source), shared(pair.target), &name);
        workspace.write_pipeline(PIPELINE);
        seed(&workspace, 5_000);
        workspace.catch_up();
        spoil(&workspace);
        let load = Load::start(&workspace, 11);
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        load.stop();
        workspace.catch_up();
        assert_equal(&workspace);
        workspace.verify();
    }
}

#[test]
fn rows_that_may_be_others_are_left_and_counted_until_they_are_to_be_deleted() {
    for kind in BOTH {
        for (name, existing, why) in [
            ("foreign", "refuse", "this pipeline did not create the table"),
            ("keep", "keep", "this pipeline did not create the table"),
            ("kept", "keep", "existing is keep"),
        ] {
            let workspace = workspace(kind, name);
            workspace.write_pipeline(&PIPELINE.replace("  meta:", &format!("  existing: {existing}\n  meta:")));
            if name != "kept" {
                workspace.target_sql(FOREIGN);
            }
            workspace.catch_up();
            spoil(&workspace);
            let extra = workspace.target_sql(EXTRA);
            let rebuilt = run(&workspace, &["--rebuild"]);
            expect(&rebuilt, 0, &["left rows that the source does not give", "rows=2", why, "--delete-extra"]);
            assert_eq!(workspace.target_sql(EXTRA), extra, "{name}");
            let verified = workspace.run(&["verify", "pipeline.yaml"]);
            let json = workspace.run(&["verify", "pipeline.yaml", "--json"]);
            let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
            let expected = (json["rows_expected"].as_u64().unwrap(), json["rows_target"].as_u64().unwrap());
            assert_eq!(expected.0 + 2, expected.1, "{json}");
            if existing == "keep" {
                expect(&verified, 0, &["equal: ", "the target also holds 2 rows that the source does not give"]);
                assert_eq!((&json["others"], &json["extra"]), (&2.into(), &0.into()));
            } else {
                expect(&verified, 4, &["2 keys differ", "2 extra", "id=900001", "id=-5"]);
                assert_eq!((&json["others"], &json["extra"]), (&0.into(), &2.into()));
            }
            // The rest is right, and stays so.
            workspace.source_sql("UPDATE orders SET amount = amount + 1 WHERE id % 7 = 0");
            workspace.catch_up();
            workspace.target_sql("CREATE TABLE extra AS SELECT * FROM orders_clean WHERE id IN (900001, -5)");
            workspace.target_sql("DELETE FROM orders_clean WHERE id IN (900001, -5)");
            assert_equal(&workspace);
            workspace.target_sql("INSERT INTO orders_clean SELECT * FROM extra");

            expect(&run(&workspace, &["--rebuild", "--delete-extra"]), 0, &["deleted rows", "rows=2"]);
            assert_equal(&workspace);
            workspace.verify();
        }
    }
}

#[test]
fn a_rebuild_that_is_killed_anywhere_is_finished_by_the_next_run() {
    for kind in BOTH {
        // A foreign table: what was asked for outlives the process that was told.
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("recovery_kill_{kind:?}"));
        workspace.write_pipeline(PIPELINE);
        workspace.target_sql(FOREIGN);
        seed(&workspace, 20_000);
        workspace.catch_up();
        let extra: Vec<String> =
            (0..6_000).map(|n| format!("({}, 1, 'paid', 1, 'EXTRA', NOW(6))", 1_000_000 + n)).collect();
        spoil(&workspace);
        workspace.target_sql(&format!("INSERT INTO orders_clean VALUES {}", extra.join(",")));
        let commits = || workspace.progress("commits").parse::<u64>().unwrap_or(0);
        let rebuilding = || workspace.progress("rebuild_since IS NOT NULL AND rebuild_deletes AND position IS NULL");

        // Right after the claim, in the snapshot, and among the deletes, which a lock keeps from ending.
        const DELETED_OR_WAITING: &str = "SELECT (SELECT COUNT(*) FROM orders_clean WHERE id >= 1000000) < 6000
            OR EXISTS (SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT')";
        for after in [0, 8, 1_000] {
            let before = commits();
            let mut lock = workspace.target.session().unwrap();
            if after == 1_000 {
                let row =
                    format!("SELECT 'locked' FROM {}.orders_clean WHERE id = 1003000 FOR UPDATE;", workspace.target_db);
                lock.say(&format!("BEGIN; {row}")).unwrap();
                workspace.wait("the lock", || lock.heard("locked"));
            }
            let mut running = workspace.start_with(&["--rebuild", "--delete-extra"]);
            match after {
                1_000 => workspace
                    .wait("deletes", || rebuilding() == "1" && workspace.target_sql(DELETED_OR_WAITING).trim() == "1"),
                _ => workspace.wait("commits of the rebuild", || rebuilding() == "1" && commits() >= before + after),
            }
            running.kill();
            assert_eq!(rebuilding(), "1", "the rebuild was over before the kill\n{}", workspace.log_text());
            let status = workspace.run(&["status", "pipeline.yaml"]);
            expect(&status, 0, &["pipeline load: rebuilding"]);
            expect(&workspace.run(&["verify", "pipeline.yaml"]), 1, &["the target is being rebuilt", "run it"]);
            workspace.source_sql("UPDATE orders SET amount = amount + 1 WHERE id % 10 = 0");
        }
        // A run that knows nothing of it.
        workspace.catch_up();
        assert_eq!(rebuilding(), "0");
        assert_equal(&workspace);
        workspace.verify();
    }
}

#[test]
fn another_plan_is_made_anew() {
    for kind in BOTH {
        let workspace = workspace(kind, "plan");
        workspace.catch_up();
        workspace.write_pipeline(&PIPELINE.replace("status <> 'test'", "status = 'paid'"));
        let refused = run(&workspace, &[]);
        expect(&refused, 2, &["filter-1 changed", "--rebuild", "--drop-target"]);
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        let source =
            "SELECT id, customer, status, amount, UPPER(TRIM(note)), at FROM orders WHERE status = 'paid' ORDER BY id";
        let target = "SELECT id, customer, status, amount, note, at FROM orders_clean ORDER BY id";
        assert_eq!(workspace.target_sql(target), workspace.source_sql(source));
        workspace.verify();
    }
}

#[test]
fn a_truncated_source_and_an_altered_one_are_made_anew() {
    for kind in BOTH {
        let workspace = workspace(kind, "ddl");
        workspace.catch_up();
        workspace.source_sql("TRUNCATE TABLE orders");
        let refused = run(&workspace, &[]);
        expect(&refused, 1, &["was changed at", "--rebuild", "--drop-target"]);
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        assert_eq!(workspace.target_sql("SELECT COUNT(*) FROM orders_clean").trim(), "0");
        workspace.source_sql("DROP TABLE orders");
        workspace.source_sql(&ORDERS.replace("customer INT", "customer BIGINT"));
        workspace.source_sql("INSERT INTO orders VALUES (1, 5000000000, 'paid', 1.5, ' x ', NOW(6))");
        // The columns of the target are the user's to change.
        let refused = run(&workspace, &["--rebuild"]);
        expect(&refused, 3, &["customer", "ALTER TABLE"]);
        workspace.target_sql("ALTER TABLE orders_clean MODIFY customer BIGINT NOT NULL");
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        assert_equal(&workspace);
        workspace.verify();
    }
}
