//! A second process, an edited plan, a changed table, a target from a backup: noticed and named.

use rowmill_devserver::Kind;

use crate::harness::{Workspace, shared};
use crate::load::{PIPELINE, assert_equal, seed};

fn workspace(name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(Kind::MySql), shared(Kind::MySql), name);
    workspace.write_pipeline(PIPELINE);
    seed(&workspace, 50);
    workspace
}

#[test]
fn a_second_process_takes_over_and_the_first_one_stops() {
    let workspace = workspace("takeover");
    let mut first = workspace.start();
    workspace.wait("snapshot", || workspace.progress("snapshot IS NULL AND position IS NOT NULL") == "1");
    let mut second = workspace.start();
    workspace.wait("fence", || workspace.progress("fence") == "2");
    workspace.source_sql("UPDATE orders SET amount = amount + 1");
    workspace.wait("end of the first process", || !first.is_running());
    assert_eq!(first.child.wait().unwrap().code(), Some(1), "{}", workspace.log_text());
    workspace.wait("equality", || {
        workspace.target_sql("SELECT SUM(amount) FROM orders_clean")
            == workspace.source_sql("SELECT SUM(amount) FROM orders WHERE status <> 'test'")
    });
    assert!(second.is_running(), "{}", workspace.log_text());
    assert_eq!(second.stop(), Some(0), "{}", workspace.log_text());
    assert!(workspace.log_text().contains("was taken over by another process"), "{}", workspace.log_text());
    assert_equal(&workspace);
}

#[test]
fn an_edited_plan_is_noticed_and_named() {
    let workspace = workspace("edited");
    workspace.catch_up();
    workspace.write_pipeline(&PIPELINE.replace("status <> 'test'", "status = 'paid'"));
    let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up"]);
    assert_ne!(outcome.code, 0);
    assert!(outcome.stderr.contains("filter-1 changed"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("rowmill reset"), "{}", outcome.stderr);
}

#[test]
fn a_table_altered_while_rowmill_was_down_is_noticed_and_named() {
    let workspace = workspace("altered");
    workspace.catch_up();
    workspace.source_sql("ALTER TABLE orders ADD COLUMN extra INT");
    let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up"]);
    assert_ne!(outcome.code, 0);
    assert!(outcome.stderr.contains("orders") && outcome.stderr.contains("extra"), "{}", outcome.stderr);
}

#[test]
fn a_table_truncated_while_rowmill_was_down_is_noticed_and_named() {
    let workspace = workspace("truncated");
    workspace.catch_up();
    workspace.source_sql("TRUNCATE TABLE orders");
    let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(outcome.stderr.to_uppercase().contains("TRUNCATE"), "{}", outcome.stderr);
    assert_ne!(workspace.target_sql("SELECT COUNT(*) FROM orders_clean").trim(), "0");
}

#[test]
fn a_target_restored_to_an_older_state_is_noticed_and_caught_up() {
    let workspace = workspace("restored");
    workspace.catch_up();
    let meta = "restored_m";
    workspace.target_sql(&format!(
        "CREATE TABLE rows_backup AS SELECT * FROM orders_clean; CREATE TABLE progress_backup AS SELECT * FROM {meta}.progress"
    ));
    workspace.source_sql("UPDATE orders SET amount = amount + 1; DELETE FROM orders WHERE id = 1");
    workspace.catch_up();
    workspace.target_sql(&format!(
        "DELETE FROM orders_clean; INSERT INTO orders_clean SELECT * FROM rows_backup;
         DELETE FROM {meta}.progress; INSERT INTO {meta}.progress SELECT * FROM progress_backup;"
    ));
    let outcome = workspace.catch_up();
    assert!(outcome.stderr.contains("older state"), "{}", outcome.stderr);
    assert_equal(&workspace);
    workspace.verify();
}
