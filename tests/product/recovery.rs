//! Ways back: a rebuild, a reset, a comparison that counts, and starts that fail without harm.

mod fence;
mod forget;
mod gone;
mod rebuild;
mod tables;

use rowmill_devserver::Kind;

use crate::harness::{Outcome, Workspace, shared};
use crate::load::{PIPELINE, seed};

const BOTH: [Kind; 2] = [Kind::MySql, Kind::MariaDb];

/// The pipeline of the load over a small table, not yet run.
fn workspace(kind: Kind, name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("recovery_{name}_{kind:?}"));
    workspace.write_pipeline(PIPELINE);
    seed(&workspace, 2_000);
    workspace
}

fn run(workspace: &Workspace<'_>, more: &[&str]) -> Outcome {
    let args = ["run", "pipeline.yaml", "--until-caught-up", "--color", "never"];
    workspace.run(&[&args[..], more].concat())
}

#[track_caller]
fn expect(outcome: &Outcome, code: i32, parts: &[&str]) {
    let (stdout, stderr) = (&outcome.stdout, &outcome.stderr);
    assert_eq!(outcome.code, code, "{stdout}{stderr}");
    for part in parts {
        assert!(stdout.contains(part) || stderr.contains(part), "no {part:?} in\n{stdout}{stderr}");
    }
}

/// Rows of every kind that does not belong, in the table of the load's pipeline.
fn spoil(workspace: &Workspace<'_>) {
    workspace.target_sql(
        "INSERT INTO orders_clean VALUES (900001, 1, 'paid', 1, 'EXTRA', NOW(6)), (-5, 1, 'new', NULL, NULL, NOW(6)),
           (5, 3, 'test', 3.5, 'FILTERED OUT', NOW(6));
         UPDATE orders_clean SET amount = amount + 1, note = 'STALE' WHERE id % 50 = 1;
         DELETE FROM orders_clean WHERE id BETWEEN 100 AND 130;",
    );
}
