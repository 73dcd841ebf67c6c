//! How small transactions are gathered into commits: `epoch.pace`.

use rowmill_devserver::Kind;

use crate::harness::{Running, Workspace, shared};

const KINDS: [Kind; 2] = [Kind::MySql, Kind::MariaDb];

/// A running pipeline over `t` into `out` that has read its snapshot.
fn running(kind: Kind, pace: &str) -> (Workspace<'static>, Running) {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("pace_{pace}_{}", kind.name()));
    workspace.write_pipeline(&format!(
        "pipeline: pace\nsource: {{ url: \"${{SOURCE}}\", tables: [t] }}\nsteps: []\nepoch: {{ pace: {pace} }}\n\
         sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}\n"
    ));
    workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY)");
    let running = workspace.start();
    workspace.wait("snapshot", || workspace.progress("position IS NOT NULL AND snapshot IS NULL") == "1");
    (workspace, running)
}

fn insert(workspace: &Workspace<'_>, ids: std::ops::RangeInclusive<u32>) {
    workspace.source_sql(&ids.map(|id| format!("INSERT INTO t VALUES ({id});")).collect::<String>());
}

fn rows(workspace: &Workspace<'_>) -> usize {
    workspace.target_sql("SELECT COUNT(*) FROM `out`").trim().parse().unwrap()
}

fn commits(workspace: &Workspace<'_>) -> u64 {
    workspace.progress("commits").parse().unwrap()
}

#[test]
fn transactions_that_follow_each_other_share_a_commit() {
    for kind in KINDS {
        let (workspace, mut running) = running(kind, "3s");
        let before = commits(&workspace);
        insert(&workspace, 1..=100);
        workspace.wait("rows", || rows(&workspace) == 100);
        let made = commits(&workspace) - before;
        assert!(made <= 4, "{made} commits of 100 transactions\n{}", workspace.log_text());
        assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());
        workspace.verify();
    }
}

#[test]
fn without_a_pace_each_is_committed_as_soon_as_it_can_be() {
    for kind in KINDS {
        let (workspace, mut running) = running(kind, "0");
        let before = commits(&workspace);
        for id in 1..=5 {
            insert(&workspace, id..=id);
            workspace.wait("the row", || rows(&workspace) == id as usize);
        }
        assert!(commits(&workspace) - before >= 5, "{}", workspace.log_text());
        assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());
    }
}

/// The pace is longer than a stop waits for anything.
#[test]
fn a_stop_and_a_run_to_the_end_lose_nothing_that_waits() {
    for kind in KINDS {
        let (workspace, mut running) = running(kind, "10s");
        insert(&workspace, 1..=1);
        workspace.wait("the first row", || rows(&workspace) == 1);
        insert(&workspace, 2..=50);
        assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());
        insert(&workspace, 51..=60);
        workspace.catch_up();
        assert_eq!(rows(&workspace), 60);
        workspace.verify();
    }
}
