//! A second start that fails leaves the process that runs alone; one that succeeds goes on exactly where it was.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{BOTH, expect, workspace};
use crate::harness::{Outcome, Running, Workspace};
use crate::load::{Load, PIPELINE, assert_equal};

const TOTALS: &str = "
pipeline: totals
source: { url: \"${SOURCE}\", tables: [orders] }
steps:
  - aggregate: { by: [customer], values: { total: \"sum(amount)\", orders: \"count(*)\" } }
sink: { url: \"${TARGET}\", table: totals, meta: \"${META}\" }
";

fn are_totals_equal(workspace: &Workspace<'_>) -> bool {
    let source = "SELECT customer, SUM(amount), COUNT(*) FROM orders GROUP BY customer ORDER BY customer";
    let target = "SELECT customer, total, orders FROM totals ORDER BY customer";
    workspace.target_sql(target) == workspace.source_sql(source)
}

/// Where states lie for a process that thinks it is on another machine.
fn elsewhere(workspace: &Workspace<'_>, name: &str) -> PathBuf {
    workspace.folder.path().join(name)
}

fn state(home: &Path) -> PathBuf {
    home.join("rowmill/totals/state")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// A second start that must fail, and do no harm.
struct Attempt<'w> {
    workspace: &'w Workspace<'static>,
    first: Running,
    /// Counts changes of the source.
    changes: u32,
    equal: fn(&Workspace<'_>) -> bool,
}

impl Attempt<'_> {
    #[track_caller]
    fn fails(&mut self, what: &str, change: impl FnOnce(&mut Command), code: i32, parts: &[&str]) {
        let workspace = self.workspace;
        let fence = workspace.progress("fence");
        let mut command = workspace.rowmill(&["run", "second.yaml", "--until-caught-up", "--color", "never"]);
        change(&mut command);
        let outcome = Outcome::of(command.output().unwrap());
        expect(&outcome, code, parts);
        assert_eq!(workspace.progress("fence"), fence, "{what} raised the fence\n{}", outcome.stderr);
        self.changes += 1;
        workspace.source_sql(&format!("UPDATE orders SET amount = amount + {} WHERE id % 9 = 1", self.changes));
        let first = &mut self.first;
        workspace.wait(what, || !first.is_running() || (self.equal)(workspace));
        assert!(first.is_running(), "{what}\n{}", workspace.log_text());
    }
}

fn second(workspace: &Workspace<'_>, text: &str) {
    std::fs::write(workspace.folder.path().join("second.yaml"), text).unwrap();
}

/// A user of the source who may do everything, but not much of it at a time.
fn limited(workspace: &Workspace<'_>) -> String {
    let name = format!("limited_{}", workspace.source_db.len());
    workspace.source_sql(&format!(
        "DROP USER IF EXISTS {name}@'%'; CREATE USER {name}@'%' IDENTIFIED BY 'secret1' WITH MAX_USER_CONNECTIONS 2;
         GRANT ALL ON *.* TO {name}@'%'"
    ));
    format!("mysql://{name}:secret1@127.0.0.1:{}/{}", workspace.source.port(), workspace.source_db)
}

#[test]
fn a_second_start_that_fails_leaves_the_first_process_running() {
    for kind in BOTH {
        let workspace = workspace(kind, "fence_rows");
        let mut first = workspace.start();
        workspace.wait("the stream", || !first.is_running() || workspace.log_text().contains("streaming"));
        let mut attempt = Attempt {
            workspace: &workspace,
            first,
            changes: 0,
            equal: |workspace| {
                let sum = |table: &str| format!("SELECT COUNT(*), SUM(amount) FROM {table} WHERE status <> 'test'");
                workspace.target_sql(&sum("orders_clean")) == workspace.source_sql(&sum("orders"))
            },
        };
        let same = |_: &mut Command| {};
        second(&workspace, &PIPELINE.replace("'test'", "'new'"));
        attempt.fails("another plan", same, 2, &["filter-1 changed", "--rebuild"]);
        second(&workspace, &PIPELINE.replace("UPPER(TRIM(note))\"", "UPPER(\""));
        attempt.fails("a wrong expression", same, 2, &["map"]);
        second(&workspace, &PIPELINE.replace("steps:", "steps:\n  - filter: { udf: ./none.wasm#f }"));
        attempt.fails("a component that is not there", same, 2, &["none.wasm"]);
        second(&workspace, PIPELINE);
        let nobody = |command: &mut Command| {
            command.env("SOURCE", "mysql://u:p@127.0.0.1:1/shop");
        };
        attempt.fails("a source that is not there", nobody, 3, &["cannot be reached"]);
        let nobody = |command: &mut Command| {
            command.env("TARGET", "mysql://u:p@127.0.0.1:1/mart");
        };
        attempt.fails("a target that is not there", nobody, 3, &["cannot be reached"]);
        let url = limited(&workspace);
        let rebuild = |command: &mut Command| {
            command.env("SOURCE", &url).arg("--rebuild");
        };
        attempt.fails("a snapshot that fails", rebuild, 1, &["max_user_connections"]);
        assert_equal(&workspace);
        assert_eq!(attempt.first.stop(), Some(0), "{}", workspace.log_text());
    }
}

#[test]
fn a_second_start_without_the_right_state_leaves_the_first_process_running() {
    for kind in BOTH {
        let workspace = workspace(kind, "fence_state");
        workspace.write_pipeline(TOTALS);
        second(&workspace, TOTALS);
        workspace.catch_up();
        let own = state(&workspace.folder.path().join("state"));
        copy(&own, &state(&elsewhere(&workspace, "earlier")));
        expect(&workspace.run(&["reset", "pipeline.yaml", "--drop-target", "--yes"]), 0, &["dropped"]);
        workspace.catch_up();
        copy(&own, &state(&elsewhere(&workspace, "damaged")));
        let file = state(&elsewhere(&workspace, "damaged")).join("state.redb");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.iter_mut().take(300).for_each(|byte| *byte ^= 0x5a);
        std::fs::write(&file, bytes).unwrap();

        let mut first = workspace.start();
        workspace.wait("the stream", || !first.is_running() || workspace.log_text().contains("streaming"));
        let mut attempt = Attempt { workspace: &workspace, first, changes: 0, equal: are_totals_equal };
        let at = |name: &'static str| {
            let home = elsewhere(&workspace, name);
            move |command: &mut Command| {
                command.env("XDG_STATE_HOME", home);
            }
        };
        attempt.fails("no state", at("nowhere"), 1, &["there is none", "--rebuild"]);
        attempt.fails("the state of another life", at("earlier"), 1, &["another life", "--rebuild"]);
        attempt.fails("a damaged state", at("damaged"), 1, &["is damaged", "--rebuild"]);
        attempt.fails("a state in use", |_| {}, 1, &["is in use by another process"]);
        let (url, home) = (limited(&workspace), elsewhere(&workspace, "rebuilt"));
        let rebuild = |command: &mut Command| {
            command.env("SOURCE", &url).env("XDG_STATE_HOME", &home).arg("--rebuild");
        };
        attempt.fails("a snapshot that fails", rebuild, 1, &["max_user_connections"]);
        assert_eq!(attempt.first.stop(), Some(0), "{}", workspace.log_text());
        workspace.verify();
    }
}

/// The position moves between the look at it and the claim, and the state is older than both.
#[test]
fn a_takeover_under_load_goes_on_exactly_where_the_first_process_was() {
    for kind in BOTH {
        for text in [PIPELINE, TOTALS] {
            let has_state = text == TOTALS;
            let workspace = workspace(kind, if has_state { "over_groups" } else { "over_rows" });
            workspace.write_pipeline(text);
            workspace.catch_up();
            if has_state {
                expect(&workspace.run(&["state", "pipeline.yaml", "export", "savepoint"]), 0, &[]);
            }
            let load = Load::start(&workspace, 3);
            let mut running = workspace.start();
            for machine in ["second", "third", "fourth"] {
                let commits: u64 = workspace.progress("commits").parse().unwrap();
                workspace.wait("commits", || workspace.progress("commits").parse::<u64>().unwrap() > commits + 20);
                let home = elsewhere(&workspace, machine);
                if has_state {
                    let mut import = workspace.rowmill(&["state", "pipeline.yaml", "import", "savepoint"]);
                    expect(&Outcome::of(import.env("XDG_STATE_HOME", &home).output().unwrap()), 0, &[]);
                }
                let fence = workspace.progress("fence");
                let log = std::fs::File::options().create(true).append(true).open(workspace.log()).unwrap();
                let mut command = workspace.rowmill(&["run", "pipeline.yaml", "--color", "never"]);
                command.env("XDG_STATE_HOME", home).stdout(Stdio::null()).stderr(log);
                let mut next = Running { child: command.spawn().unwrap() };
                workspace.wait("the claim", || !next.is_running() || workspace.progress("fence") != fence);
                workspace.wait("end of the process before", || !running.is_running() || !next.is_running());
                assert!(next.is_running(), "{}", workspace.log_text());
                assert_eq!(running.child.wait().unwrap().code(), Some(1), "{}", workspace.log_text());
                running = next;
            }
            load.stop();
            match has_state {
                true => workspace.wait("equality", || are_totals_equal(&workspace)),
                false => workspace.wait("equality", || workspace.run(&["verify", "pipeline.yaml"]).code == 0),
            }
            workspace.verify();
            assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());
            if !has_state {
                workspace.catch_up();
                assert_equal(&workspace);
            }
        }
    }
}

#[test]
fn a_takeover_in_the_snapshot_reads_what_is_missing() {
    for kind in BOTH {
        let workspace = Workspace::new(
            crate::harness::shared(kind),
            crate::harness::shared(kind),
            &format!("recovery_over_snapshot_{kind:?}"),
        );
        workspace.write_pipeline(PIPELINE);
        crate::load::seed(&workspace, 40_000);
        let mut first = workspace.start();
        let commits = |wanted: u64| {
            workspace.wait("commits", || workspace.progress("commits").parse::<u64>().unwrap_or(0) >= wanted);
        };
        commits(5);
        let mut second = workspace.start();
        workspace.wait("the claim", || !second.is_running() || workspace.progress("fence") == "2");
        workspace.wait("end of the first process", || !first.is_running());
        assert!(second.is_running(), "{}", workspace.log_text());
        workspace.source_sql(
            "UPDATE orders SET amount = amount + 1 WHERE id % 3 = 0; DELETE FROM orders WHERE id % 100 = 7",
        );
        workspace.wait("the end of the snapshot", || {
            workspace.progress("snapshot IS NULL AND converge_until IS NULL") == "1"
        });
        assert_eq!(second.stop(), Some(0), "{}", workspace.log_text());
        workspace.catch_up();
        assert_equal(&workspace);
        workspace.verify();
    }
}
