//! `kill -9` at random moments, in the snapshot and in the stream: nothing is lost or written twice.

use std::time::Duration;

use crate::harness::{PAIRS, Pair, Workspace, shared};
use crate::load::{Load, PIPELINE, assert_equal, seed};

/// Rows large enough that the snapshot takes several epochs.
const ROWS: u64 = 40_000;

fn killed_at_random_moments(pair: Pair, kills: u64) {
    let workspace = Workspace::new(shared(pair.source), shared(pair.target), &format!("kills_{}", pair.name));
    workspace.write_pipeline(PIPELINE);
    seed(&workspace, ROWS);
    let load = Load::start(&workspace, kills);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..kills {
        let mut running = workspace.start();
        let commits: u64 = workspace.progress("commits").parse().unwrap_or(0);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // A random number of commits later, then a random moment within the next one.
        let wanted = commits + random % 6;
        workspace.wait("next commit", || {
            !running.is_running() || workspace.progress("commits").parse().unwrap_or(0) >= wanted
        });
        std::thread::sleep(Duration::from_micros(random % 30_000));
        assert!(running.is_running(), "{}", workspace.log_text());
        running.kill();
    }
    load.stop();
    workspace.catch_up();
    assert_equal(&workspace);
    workspace.verify();
}

#[test]
fn twenty_kills_lose_nothing_mysql_to_mysql() {
    killed_at_random_moments(PAIRS[0], 20);
}

#[test]
fn twenty_kills_lose_nothing_mariadb_to_mariadb() {
    killed_at_random_moments(PAIRS[1], 20);
}

#[test]
fn twenty_kills_lose_nothing_mysql_to_mariadb() {
    killed_at_random_moments(PAIRS[2], 20);
}
