//! The state of aggregates from outside: listed, moved, lost, damaged, rebuilt, forgotten.

use std::path::PathBuf;

use rowmill_devserver::Kind;

use crate::harness::{Outcome, Workspace, shared};
use crate::load::seed;

const PIPELINE: &str = "
pipeline: totals
source: { url: \"${SOURCE}\", tables: [orders] }
steps:
  - aggregate:
      by: [customer]
      values: { total: \"sum(amount)\", orders: \"count(*)\" }
sink: { url: \"${TARGET}\", table: totals, meta: \"${META}\" }
epoch: { rows: 500 }
";

/// A pipeline that has run once.
fn workspace(kind: Kind, name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("state_{name}_{kind:?}"));
    workspace.write_pipeline(PIPELINE);
    seed(&workspace, 2_000);
    workspace.catch_up();
    workspace
}

/// Where the harness lets states lie.
fn folder(workspace: &Workspace<'_>) -> PathBuf {
    workspace.folder.path().join("state/rowmill/totals/state")
}

fn change(workspace: &Workspace<'_>, by: i64) {
    workspace.source_sql(&format!(
        "UPDATE orders SET amount = amount + {by} WHERE id % 7 = 0;
         UPDATE orders SET customer = customer + 1 WHERE id % 11 = 0;
         DELETE FROM orders WHERE id BETWEEN {by} * 10 AND {by} * 10 + 5;
         INSERT INTO orders VALUES (100000 + {by}, 5, 'paid', 0.25, NULL, NOW(6)), (200000 + {by}, 900 + {by}, 'new', NULL, NULL, NOW(6));"
    ));
}

#[track_caller]
fn assert_totals(workspace: &Workspace<'_>) {
    let source = "SELECT customer, SUM(amount), COUNT(*) FROM orders GROUP BY customer ORDER BY customer";
    let target = "SELECT customer, total, orders FROM totals ORDER BY customer";
    assert_eq!(workspace.target_sql(target), workspace.source_sql(source));
    workspace.verify();
}

fn run(workspace: &Workspace<'_>, more: &[&str]) -> Outcome {
    let args = ["run", "pipeline.yaml", "--until-caught-up", "--color", "never"];
    workspace.run(&[&args[..], more].concat())
}

#[track_caller]
fn expect(outcome: &Outcome, code: i32, parts: &[&str]) {
    assert_eq!(outcome.code, code, "{}{}", outcome.stdout, outcome.stderr);
    for part in parts {
        let (stdout, stderr) = (&outcome.stdout, &outcome.stderr);
        assert!(stdout.contains(part) || stderr.contains(part), "no {part:?} in\n{stdout}{stderr}");
    }
}

#[test]
fn a_state_is_exported_and_imported_and_goes_on() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "moved");
        change(&workspace, 1);
        workspace.catch_up();
        let listed = workspace.run(&["state", "pipeline.yaml", "list"]);
        expect(&listed, 0, &["state of pipeline totals in ", "checkpoint ", "aggregate-1", " entries"]);
        let json: serde_json::Value =
            serde_json::from_str(&workspace.run(&["state", "pipeline.yaml", "list", "--json"]).stdout).unwrap();
        assert!(json["bytes"].as_u64() > Some(0), "{json}");
        assert_eq!(json["checkpoints"][0]["pending"], false, "{json}");

        let exported = workspace.run(&["state", "pipeline.yaml", "export", "savepoint"]);
        expect(&exported, 0, &["the state of pipeline totals at ", "savepoint"]);
        expect(&workspace.run(&["state", "pipeline.yaml", "export", "savepoint"]), 1, &["is not empty", "fix: "]);
        // The target goes on without the savepoint, which so has to be brought up to it.
        change(&workspace, 2);
        workspace.catch_up();
        expect(
            &workspace.run(&["state", "pipeline.yaml", "import", "savepoint"]),
            1,
            &["it is not empty", "remove the folder"],
        );

        std::fs::remove_dir_all(folder(&workspace)).unwrap();
        change(&workspace, 3);
        let refused = run(&workspace, &[]);
        expect(
            &refused,
            1,
            &["the state of pipeline totals in ", "can't be used", "rowmill state FILE import DIR", "--rebuild"],
        );
        expect(&workspace.run(&["state", "pipeline.yaml", "import", "nowhere"]), 1, &["nowhere"]);
        let imported = workspace.run(&["state", "pipeline.yaml", "import", "savepoint"]);
        expect(&imported, 0, &["was read into", "`rowmill run` goes on from it"]);
        workspace.catch_up();
        assert_totals(&workspace);
        change(&workspace, 4);
        workspace.catch_up();
        assert_totals(&workspace);
    }
}

/// Flips a byte of the newest checkpoint, one that `state list` notices. Pages that are free hold the
/// same words, and flipping those is no damage.
fn damage(workspace: &Workspace<'_>) {
    let file = folder(workspace).join("state.redb");
    let whole = std::fs::read(&file).unwrap();
    let word = b"\"incarnation\"";
    let places = whole.windows(word.len()).enumerate().filter(|(_, bytes)| bytes == word).map(|(at, _)| at);
    for at in places {
        let mut flipped = whole.clone();
        flipped[at + 3] ^= 0x10;
        std::fs::write(&file, &flipped).unwrap();
        if workspace.run(&["state", "pipeline.yaml", "list"]).code == 1 {
            std::fs::write(&file, &flipped).unwrap();
            return;
        }
    }
    panic!("no checkpoint was found in {}", file.display());
}

#[test]
fn one_flipped_byte_is_found_and_the_state_is_rebuilt() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "damaged");
        damage(&workspace);
        let refused = run(&workspace, &[]);
        expect(&refused, 1, &["state.redb is damaged", "import a savepoint", "--rebuild"]);
        change(&workspace, 1);
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        assert_totals(&workspace);
        change(&workspace, 2);
        workspace.catch_up();
        assert_totals(&workspace);
    }
}

/// Puts another checkpoint on top, as a version of rowmill would that keeps its state differently, or none.
fn overwrite(workspace: &Workspace<'_>, manifest: &[u8]) {
    let store = rowmill_state::Store::open(&folder(workspace), rowmill_state::Options::default()).unwrap();
    store.commit(&[], manifest).unwrap();
}

#[test]
fn a_state_that_this_version_cannot_read_is_refused_and_rebuilt() {
    let damaged = &["the manifest of checkpoint", "is damaged"][..];
    let manifests = [
        (
            &b"{\"format\":2,\"groups\":[]}"[..],
            &["a state in format 2, written by another version", "needed: format 1"][..],
        ),
        (b"{\"format\":1}", damaged),
        (b"", damaged),
        (b"\xff\x1b[2J", damaged),
    ];
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "unreadable");
        for (by, (manifest, found)) in (1..).zip(manifests) {
            overwrite(&workspace, manifest);
            let target = workspace.target_sql("SELECT * FROM totals ORDER BY customer");
            let refused = run(&workspace, &[]);
            expect(&refused, 1, &[found, &["--rebuild", "run the version that wrote it"]].concat());
            assert!(!refused.stderr.contains('\x1b'), "{:?}", refused.stderr);
            assert_eq!(workspace.target_sql("SELECT * FROM totals ORDER BY customer"), target);
            change(&workspace, by);
            expect(&run(&workspace, &["--rebuild"]), 0, &[]);
            assert_totals(&workspace);
            workspace.source_sql("UPDATE orders SET amount = amount + 1 WHERE id % 5 = 0");
            workspace.catch_up();
            assert_totals(&workspace);
        }
    }
}

#[test]
fn a_rebuild_reconciles_the_target() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "rebuilt");
        workspace.target_sql(
            "INSERT INTO totals (customer, total, orders) VALUES (12345, 1.00, 1);
             UPDATE totals SET total = total + 1 WHERE customer = 7; DELETE FROM totals WHERE customer = 8;",
        );
        let found = workspace.run(&["verify", "pipeline.yaml"]);
        expect(&found, 4, &["3 keys differ", "customer=12345", "customer=7", "customer=8"]);
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        assert_totals(&workspace);
        change(&workspace, 1);
        workspace.catch_up();
        assert_totals(&workspace);
    }
}

#[test]
fn people_see_the_state_until_it_is_forgotten() {
    let workspace = workspace(Kind::MySql, "seen");
    let folder = folder(&workspace);
    let shown = folder.display().to_string();
    let plan = workspace.run(&["plan", "pipeline.yaml"]);
    expect(&plan, 0, &["state per group of (customer)", "total, layout ", "orders, layout "]);
    let status = workspace.run(&["status", "pipeline.yaml"]);
    expect(&status, 0, &["aggregate-1", "`orders`: 97 groups, 97 in memory", "state folder", &shown]);
    let json: serde_json::Value =
        serde_json::from_str(&workspace.run(&["status", "pipeline.yaml", "--json"]).stdout).unwrap();
    assert_eq!(json["state_folder"], shown.as_str());
    assert_eq!(json["progress"]["aggregates"][0]["groups"], 97, "{json}");

    // Who holds the folder is told, and nothing is changed under a running pipeline.
    let mut running = workspace.start();
    workspace.wait("changes that are followed", || workspace.log_text().contains("streaming"));
    for args in [&["state", "pipeline.yaml", "list"][..], &["reset", "pipeline.yaml", "--yes"]] {
        expect(&workspace.run(args), 1, &["is in use by another process", "fix: "]);
    }
    assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());

    let reset = workspace.run(&["reset", "pipeline.yaml", "--yes", "--drop-target"]);
    expect(&reset, 0, &["is forgotten", &format!("the state in {shown} is forgotten"), "dropped"]);
    assert!(!folder.exists());
    expect(&workspace.run(&["state", "pipeline.yaml", "list"]), 1, &["the folder does not exist"]);
    workspace.catch_up();
    assert_totals(&workspace);
}
