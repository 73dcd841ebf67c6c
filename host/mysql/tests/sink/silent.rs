//! Connections to the target on which nothing passes any more and nothing closes, and statements that take long.

use std::time::{Duration, Instant};

use rowmill_devserver::{Hang, Kind, Proxy, Server};
use rowmill_mysql::Endpoint;
use rowmill_mysql::sink::{Sink, SinkOptions};

use crate::support::*;

/// Short, so that the tests are; the rules are those of the real one.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same database, through a proxy.
fn through(proxy: &Proxy, database: &str, options: &SinkOptions) -> SinkOptions {
    let endpoint = Endpoint::parse(&proxy.url(database)).unwrap().with_patience(PATIENCE);
    SinkOptions { endpoint, ..options.clone() }
}

/// Our sessions in this database, as the server has them.
fn sessions(server: &Server, database: &str) -> Vec<String> {
    rows(server, &format!("SELECT id FROM information_schema.processlist WHERE db = '{database}' ORDER BY id"))
}

async fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "no {what} in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_connection_that_hangs_at_any_step_is_noticed_and_nothing_is_lost_or_doubled() {
    for kind in BOTH {
        let server = server(kind);
        for (at, hang) in [
            ("COMMIT", Hang::Before),
            ("COMMIT", Hang::After),
            ("START TRANSACTION", Hang::Before),
            ("INSERT INTO", Hang::After),
            ("LOAD DATA", Hang::After),
        ] {
            let direct = options(server, "hangs");
            let (sink, _) = claim(&direct, &people("hangs")).await;
            drop(sink);
            let proxy = Proxy::start(server.port()).unwrap();
            let (mut sink, _) = claim(&through(&proxy, "hangs", &direct), &people("hangs")).await;
            let size = if at == "LOAD DATA" { 100 } else { 3 };
            let events: Vec<_> = (1..=size).map(|i| (i, Some("x"))).chain([(1_000, None)]).collect();
            wait("session", || sessions(server, "hangs").len() == 1).await;
            let lost = sessions(server, "hangs");
            proxy.hang_at(at, hang);
            let done = sink.commit(epoch(vec![people_write(&events, false)], 5)).await.unwrap();
            assert_eq!(done.rows_written(), size as u64, "{kind:?} {at} {hang:?}");
            assert_eq!(proxy.hung(), 1, "{kind:?} {at} {hang:?}");
            // The session that was lost holds nothing any more.
            wait("end of the lost session", || sessions(server, "hangs").iter().all(|id| !lost.contains(id))).await;
            let stored = Sink::read_progress(&direct).await.unwrap().unwrap();
            assert_eq!((stored.commits, stored.rows_in), (1, 1), "{kind:?} {at} {hang:?}");
            let expected: Vec<String> = (1..=size).map(|id| format!("{id}\tx")).collect();
            assert_eq!(rows(server, "SELECT id, name FROM hangs.people ORDER BY id"), expected);
        }
    }
}

#[tokio::test]
async fn the_look_up_of_a_lost_commit_may_hang_itself() {
    for kind in BOTH {
        let server = server(kind);
        for (commit, look_up) in [(Hang::After, Hang::After), (Hang::Before, Hang::After), (Hang::After, Hang::Before)]
        {
            let direct = options(server, "looks");
            let proxy = Proxy::start(server.port()).unwrap();
            let (mut sink, _) = claim(&through(&proxy, "looks", &direct), &people("looks")).await;
            proxy.hang_at("COMMIT", commit);
            proxy.hang_at("FOR UPDATE", look_up);
            sink.commit(epoch(vec![people_write(&[(1, Some("x"))], false)], 5)).await.unwrap();
            assert_eq!(proxy.hung(), 2, "{kind:?} {commit:?} {look_up:?}");
            let stored = Sink::read_progress(&direct).await.unwrap().unwrap();
            assert_eq!((stored.commits, stored.rows_in), (1, 1), "{kind:?} {commit:?} {look_up:?}");
            assert_eq!(rows(server, "SELECT id, name FROM looks.people"), ["1\tx"]);
        }
    }
}

#[tokio::test]
async fn an_idle_session_that_hangs_is_replaced_before_the_next_epoch() {
    for kind in BOTH {
        let server = server(kind);
        let direct = options(server, "idles");
        let proxy = Proxy::start(server.port()).unwrap();
        let (mut sink, _) = claim(&through(&proxy, "idles", &direct), &people("idles")).await;
        proxy.hang();
        // From when on a session is tried before it is used.
        tokio::time::sleep(Duration::from_secs(5)).await;
        sink.commit(epoch(vec![people_write(&[(1, Some("x"))], false)], 5)).await.unwrap();
        let stored = Sink::read_progress(&direct).await.unwrap().unwrap();
        assert_eq!((stored.commits, stored.rows_in), (1, 1), "{kind:?}");
        assert_eq!(rows(server, "SELECT id, name FROM idles.people"), ["1\tx"]);
    }
}

/// Makes each COMMIT with changes take four times the patience.
fn slow_commits(server: &Server, on: bool) {
    let millis = PATIENCE.as_millis() * 4;
    let script = match (server.kind(), on) {
        // A COMMIT waits for others to be written together with.
        (Kind::MariaDb, true) => format!(
            "SET GLOBAL binlog_commit_wait_usec = {}; SET GLOBAL binlog_commit_wait_count = 1000;",
            millis * 1000
        ),
        (Kind::MariaDb, false) => "SET GLOBAL binlog_commit_wait_count = 0;".to_owned(),
        // A COMMIT waits for a replica that there is not.
        (Kind::MySql, true) => format!(
            "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so';
             SET GLOBAL rpl_semi_sync_source_timeout = {millis}; SET GLOBAL rpl_semi_sync_source_enabled = ON;"
        ),
        (Kind::MySql, false) => "SET GLOBAL rpl_semi_sync_source_enabled = OFF;".to_owned(),
    };
    server.sql(&script).unwrap();
}

#[tokio::test]
async fn a_commit_that_takes_long_is_waited_for() {
    for kind in BOTH {
        // Its own, since all commits on it are slow.
        let server = Server::lend(kind, &[]).unwrap();
        let mut options = options(&server, "slow");
        options.endpoint = options.endpoint.with_patience(PATIENCE);
        let (mut sink, _) = claim(&options, &people("slow")).await;
        sink.commit(epoch(vec![people_write(&[(1, Some("x"))], false)], 5)).await.unwrap();
        let before = sessions(&server, "slow");
        slow_commits(&server, true);
        let began = Instant::now();
        sink.commit(epoch(vec![people_write(&[(1, Some("y")), (2, Some("z"))], false)], 6)).await.unwrap();
        assert!(began.elapsed() > PATIENCE * 3, "{kind:?}: the commit was not slow");
        slow_commits(&server, false);
        // It was one COMMIT, on the connection of before.
        assert_eq!(sessions(&server, "slow"), before, "{kind:?}");
        let stored = Sink::read_progress(&options).await.unwrap().unwrap();
        assert_eq!((stored.commits, stored.rows_in), (2, 2), "{kind:?}");
        assert_eq!(rows(&server, "SELECT id, name FROM slow.people ORDER BY id"), ["1\ty", "2\tz"]);
    }
}

#[tokio::test]
async fn a_target_that_is_locked_is_waited_for() {
    for kind in BOTH {
        let server = Server::lend(kind, &[]).unwrap();
        let mut options = options(&server, "locked");
        options.endpoint = options.endpoint.with_patience(PATIENCE);
        let (mut sink, _) = claim(&options, &people("locked")).await;
        sink.commit(epoch(vec![people_write(&[(1, Some("x"))], false)], 5)).await.unwrap();
        let before = sessions(&server, "locked");
        let mut backup = server.session().unwrap();
        backup.say("FLUSH TABLES WITH READ LOCK; SELECT 'locked';").unwrap();
        wait("lock", || backup.heard("locked")).await;
        let unlocked = tokio::spawn(async move {
            tokio::time::sleep(PATIENCE * 4).await;
            backup.say("UNLOCK TABLES;").unwrap();
            backup
        });
        sink.commit(epoch(vec![people_write(&[(1, Some("y"))], false)], 6)).await.unwrap();
        assert!(unlocked.is_finished(), "{kind:?}: the target was not locked");
        assert_eq!(sessions(&server, "locked"), before, "{kind:?}");
        assert_eq!(rows(&server, "SELECT id, name FROM locked.people"), ["1\ty"]);
    }
}
