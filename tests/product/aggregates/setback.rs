//! A target that is set back to an older dump: the pipeline goes on from the older checkpoint, or stops and
//! says what to do. It never goes on with a state that is ahead of the target.

use rowmill_devserver::Kind;

use super::pipe::{Pipe, expect};
use crate::harness::{Workspace, shared};

const STEPS: &str = "steps:
  - aggregate: { by: [customer], values: { total: \"sum(amount)\", orders: \"count(*)\", most: \"max(amount)\" } }
  - filter: \"orders > 1\"
epoch: { rows: 50 }";

fn workspace(kind: Kind, name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("setback_{name}_{kind:?}"));
    workspace.source_sql(
        "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, amount DECIMAL(9,2));",
    );
    change(&workspace, 1);
    workspace
}

fn change(workspace: &Workspace<'_>, by: u64) {
    let rows: Vec<String> = (0..200).map(|n| format!("({}, {}.25)", n * by % 41, n * by % 97)).collect();
    workspace.source_sql(&format!(
        "INSERT INTO orders (customer, amount) VALUES {};
         UPDATE orders SET amount = amount + {by}, customer = customer + 1 WHERE id % 7 = {};
         DELETE FROM orders WHERE id % 13 = {};",
        rows.join(","),
        by % 7,
        by % 13,
    ));
}

/// Copies of the target's table and of all tables of the meta schema.
fn tables(workspace: &Workspace<'_>) -> Vec<String> {
    let meta = format!("{}m", workspace.target_db.strip_suffix('t').unwrap());
    let meta_tables = workspace.target_sql(&format!("SHOW TABLES FROM `{meta}`"));
    let mut tables: Vec<String> = meta_tables.lines().map(|table| format!("`{meta}`.`{table}`")).collect();
    tables.push(format!("`{}`.`totals`", workspace.target_db));
    tables
}

fn dump(workspace: &Workspace<'_>) {
    for (at, table) in tables(workspace).iter().enumerate() {
        workspace.target_sql(&format!(
            "DROP TABLE IF EXISTS dump_{at}; CREATE TABLE dump_{at} LIKE {table}; INSERT INTO dump_{at} SELECT * FROM {table};"
        ));
    }
}

fn restore(workspace: &Workspace<'_>) {
    for (at, table) in tables(workspace).iter().enumerate() {
        workspace.target_sql(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM dump_{at};"));
    }
}

fn is_equal(workspace: &Workspace<'_>) -> bool {
    let source = "SELECT customer, SUM(amount), COUNT(*), MAX(amount) FROM orders GROUP BY customer HAVING COUNT(*) > 1 ORDER BY customer";
    workspace.target_sql("SELECT customer, total, orders, most FROM totals ORDER BY customer")
        == workspace.source_sql(source)
}

#[track_caller]
fn assert_totals(pipe: &Pipe<'_, '_>) {
    assert!(is_equal(pipe.workspace), "{}", pipe.log_text());
    pipe.verify();
}

#[test]
fn a_target_one_checkpoint_back_is_caught_up_from_the_older_checkpoint() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "one");
        let pipe = Pipe::new(&workspace, "totals");
        pipe.write("orders", STEPS);
        pipe.catch_up();
        dump(&workspace);
        change(&workspace, 2);
        pipe.catch_up();
        restore(&workspace);
        change(&workspace, 3);
        let outcome = pipe.catch_up();
        assert!(outcome.stderr.contains("going on from the checkpoint before"), "{}", outcome.stderr);
        assert_totals(&pipe);
        change(&workspace, 4);
        pipe.catch_up();
        assert_totals(&pipe);
    }
}

#[test]
fn a_target_back_between_two_checkpoints_is_caught_up_from_the_older_one() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "between");
        let pipe = Pipe::new(&workspace, "totals");
        pipe.write("orders", STEPS);
        pipe.catch_up();
        // No checkpoint is taken of this place: the process goes on soon.
        let mut running = pipe.start();
        change(&workspace, 2);
        pipe.wait("equality", || is_equal(&workspace));
        dump(&workspace);
        change(&workspace, 3);
        pipe.wait("equality", || is_equal(&workspace));
        assert_eq!(running.stop(), Some(0), "{}", pipe.log_text());
        restore(&workspace);
        change(&workspace, 4);
        let outcome = pipe.run(&[]);
        // On a machine so slow that a checkpoint was taken by time, there is no older one left.
        if outcome.code != 0 {
            expect(&outcome, 1, &["before the state at", "--rebuild"]);
            expect(&pipe.run(&["--rebuild"]), 0, &[]);
        }
        assert_totals(&pipe);
    }
}

#[test]
fn a_target_further_back_than_the_state_remembers_stops_with_the_choices_and_is_rebuilt() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "far");
        let pipe = Pipe::new(&workspace, "totals");
        pipe.write("orders", STEPS);
        pipe.catch_up();
        dump(&workspace);
        for by in 2..6 {
            change(&workspace, by);
            pipe.catch_up();
        }
        restore(&workspace);
        let dumped = workspace.target_sql("SELECT * FROM totals ORDER BY customer");
        for _ in 0..2 {
            let outcome = pipe.run(&[]);
            expect(
                &outcome,
                1,
                &[
                    "the state of pipeline totals in ",
                    "restored or failed over",
                    "rowmill state FILE import DIR",
                    "--rebuild",
                ],
            );
            assert_eq!(workspace.target_sql("SELECT * FROM totals ORDER BY customer"), dumped, "nothing was touched");
        }
        change(&workspace, 7);
        expect(&pipe.run(&["--rebuild"]), 0, &[]);
        assert_totals(&pipe);
        change(&workspace, 8);
        pipe.catch_up();
        assert_totals(&pipe);
    }
}
