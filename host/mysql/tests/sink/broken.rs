//! Takeovers, killed connections, restarts, and rows that the server refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rowmill_change::TableName;
use rowmill_devserver::{Kind, Server};
use rowmill_mysql::Error;
use rowmill_mysql::sink::{Kept, Sink, TargetNames, Why, reset};

use crate::support::*;

#[tokio::test]
async fn a_second_process_takes_over_and_the_first_writes_nothing_more() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "fence");
        assert_eq!(Sink::read_progress(&options).await.unwrap(), None);
        let (mut first, progress) = claim(&options, &people("fence")).await;
        assert_eq!((progress.fence, progress.commits, progress.incarnation.len()), (1, 0, 32));
        first.commit(epoch(vec![people_write(&[(1, Some("first"))], true)], 5)).await.unwrap();
        let (mut second, taken) = claim(&options, &people("fence")).await;
        assert_eq!((taken.fence, taken.commits, taken.position), (2, 1, Some(position(5))));
        assert_eq!(taken.incarnation, progress.incarnation);
        let error = first.commit(epoch(vec![people_write(&[(2, Some("late"))], true)], 6)).await.unwrap_err();
        assert!(matches!(&error, Error::Fenced { other, .. } if other.contains("process")), "{error}");
        second.commit(epoch(vec![people_write(&[(3, Some("second"))], true)], 6)).await.unwrap();
        assert_eq!(rows(server, "SELECT id FROM fence.people ORDER BY id"), ["1", "3"]);
        let stored = Sink::read_progress(&options).await.unwrap().unwrap();
        assert_eq!((stored.commits, stored.rows_in, stored.rows_out), (2, 2, 2));
    }
}

#[tokio::test]
async fn the_position_never_moves_back_and_a_restored_target_is_noticed() {
    let server = server(Kind::MySql);
    let options = options(server, "back");
    let (mut sink, _) = claim(&options, &people("back")).await;
    sink.commit(epoch(vec![people_write(&[(1, Some("a"))], true)], 50)).await.unwrap();
    let error = sink.commit(epoch(vec![], 40)).await.unwrap_err();
    assert!(error.to_string().contains("would move back"), "{error}");
    server.sql("UPDATE back_meta.progress SET commits = 0").unwrap();
    let error = sink.commit(epoch(vec![], 60)).await.unwrap_err();
    assert!(matches!(error, Error::ProgressLost { .. }), "{error}");
}

#[tokio::test]
async fn a_reason_is_kept_and_reset_forgets() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "barrier");
        let (mut sink, _) = claim(&options, &people("barrier")).await;
        sink.commit(epoch(vec![], 6)).await.unwrap();
        sink.record_stop("gone fishing").await.unwrap();
        let stored = Sink::read_progress(&options).await.unwrap().unwrap();
        assert_eq!(stored.stopped.unwrap().reason, "gone fishing");
        let targets = TargetNames { known: vec!["people".to_owned()], may_be: &|name, _| name == "people" };
        let done = reset(&options, Some(&targets)).await.unwrap();
        let table = TableName::new("barrier", "people");
        assert_eq!((done.found, &done.dropped[..], &done.kept[..]), (true, &[table.clone()][..], &[][..]));
        assert!(done.owner.is_some_and(|owner| owner.starts_with("process ")));
        assert!(matches!(sink.commit(epoch(vec![], 7)).await, Err(Error::ProgressLost { .. })));
        assert_eq!(Sink::read_progress(&options).await.unwrap(), None);
        // A table that was there before stays.
        server.sql("CREATE TABLE barrier.people (id BIGINT PRIMARY KEY, name VARCHAR(40) NULL)").unwrap();
        let done = reset(&options, Some(&targets)).await.unwrap();
        assert_eq!(
            (done.found, &done.dropped[..], &done.kept[..]),
            (false, &[][..], &[Kept { table, why: Why::NotCreated }][..])
        );
    }
}

#[tokio::test]
async fn a_refused_row_is_named_and_undoes_its_epoch() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "refused");
        server
            .sql("CREATE TABLE refused.people (id BIGINT PRIMARY KEY, name VARCHAR(5) NULL, CHECK (name <> 'evil'))")
            .unwrap();
        let (mut sink, _) = claim(&options, &people("refused")).await;
        // Trailing blanks beyond the length are only a note, and evil is a CHECK's.
        for bad in ["too long", "abcde   ", "evil"] {
            for size in [3, 100] {
                let names: Vec<&str> = (0..size).map(|i| if i == 2 { bad } else { "ok" }).collect();
                let events: Vec<_> = names.iter().enumerate().map(|(i, n)| (i as i64, Some(*n))).collect();
                let error = sink.commit(epoch(vec![people_write(&events, true)], 5)).await.unwrap_err();
                let Error::Rejected { key, message, .. } = &error else { panic!("{error:?}") };
                assert!(bad == "evil" || (key.as_deref() == Some("(2)") && message.contains("name")), "{error}");
                assert!(!error.is_transient());
                assert_eq!(rows(server, "SELECT COUNT(*) FROM refused.people"), ["0"]);
            }
        }
        // The sink is still good.
        sink.commit(epoch(vec![people_write(&[(1, Some("ok"))], true)], 5)).await.unwrap();
    }
}

/// Commits epochs while `disturb` runs in another thread, then compares every row and counter.
async fn survive(kind: Kind, epochs: u64, disturb: impl FnOnce(&mut Server, &AtomicBool) + Send + 'static) {
    let server = Server::lend(kind, &[]).unwrap();
    let options = options(&server, "storm");
    let (mut sink, _) = claim(&options, &people("storm")).await;
    let done = Arc::new(AtomicBool::new(false));
    let flag = done.clone();
    let disturber = std::thread::spawn(move || {
        let mut server = server;
        disturb(&mut server, &flag);
        server
    });
    for n in 0..epochs {
        // Small and large, so that INSERT and LOAD DATA are both hit. Each epoch also counts up row 0.
        let size = if n % 2 == 0 { 5 } else { 500 };
        let names: Vec<String> = (0..size).map(|i| format!("{n}-{i}")).collect();
        let mut events: Vec<_> =
            names.iter().enumerate().map(|(i, name)| ((n * 1_000) as i64 + i as i64, Some(name.as_str()))).collect();
        let count = n.to_string();
        events.push((-1, Some(&count)));
        sink.commit(epoch(vec![people_write(&events, false)], 10 + n)).await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let server = disturber.join().unwrap();
    let stored = Sink::read_progress(&options).await.unwrap().unwrap();
    assert_eq!((stored.commits, stored.rows_in), (epochs, epochs));
    let total = (0..epochs).map(|n| if n % 2 == 0 { 5 } else { 500 }).sum::<u64>() + 1;
    assert_eq!(rows(&server, "SELECT COUNT(*) FROM storm.people"), [total.to_string()]);
    assert_eq!(rows(&server, "SELECT name FROM storm.people WHERE id = -1"), [(epochs - 1).to_string()]);
}

#[tokio::test]
async fn killed_connections_lose_and_double_nothing() {
    for kind in BOTH {
        survive(kind, 300, |server, done| {
            let deadline = Instant::now() + Duration::from_secs(60);
            while !done.load(Ordering::SeqCst) && Instant::now() < deadline {
                let ids = server
                    .sql("SELECT id FROM information_schema.processlist WHERE user = 'root' AND id <> CONNECTION_ID()")
                    .unwrap_or_default();
                for id in ids.lines() {
                    let _ = server.sql(&format!("KILL {id}"));
                }
                // Time for a commit, now and then.
                std::thread::sleep(Duration::from_millis(50));
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_is_killed_and_restarted_loses_and_doubles_nothing() {
    for kind in BOTH {
        survive(kind, 200, |server, _| {
            for _ in 0..2 {
                server.kill();
                server.restart().unwrap();
            }
        })
        .await;
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a session of somebody else")]
async fn a_locked_row_is_waited_for() {
    let server = server(Kind::MariaDb);
    let options = options(server, "locked");
    let (mut sink, _) = claim(&options, &people("locked")).await;
    sink.commit(epoch(vec![people_write(&[(1, Some("a"))], true)], 5)).await.unwrap();
    // Holds the row for longer than the sink waits for it once.
    let mut conn = mysql_async::Conn::from_url(server.url("locked")).await.unwrap();
    use mysql_async::prelude::Queryable;
    conn.query_drop("START TRANSACTION").await.unwrap();
    conn.query_drop("UPDATE locked.people SET name = 'theirs' WHERE id = 1").await.unwrap();
    let holder = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(12)).await;
        conn.query_drop("COMMIT").await.unwrap();
    });
    sink.commit(epoch(vec![people_write(&[(1, Some("ours"))], false)], 6)).await.unwrap();
    holder.await.unwrap();
    assert_eq!(rows(server, "SELECT name FROM locked.people"), ["ours"]);
}

#[tokio::test]
async fn a_row_that_only_the_server_refuses_is_found_among_others() {
    for kind in BOTH {
        for rows in [1, 50, 700] {
            let server = server(kind);
            let options = options(server, "judged");
            server
                .sql("CREATE TABLE judged.people (id BIGINT PRIMARY KEY, name VARCHAR(40) NULL, CHECK (name <> 'bad'))")
                .unwrap();
            let (mut sink, _) = claim(&options, &people("judged")).await;
            let names: Vec<(i64, Option<&str>)> =
                (0..rows).map(|id| (id, Some(if id == rows / 3 { "bad" } else { "good" }))).collect();
            let error = sink.commit(epoch(vec![people_write(&names, true)], 5)).await.unwrap_err();
            let key = format!("({})", rows / 3);
            assert!(matches!(&error, Error::Rejected { key: Some(found), .. } if *found == key), "{kind:?}: {error}");
            assert_eq!(crate::support::rows(server, "SELECT COUNT(*) FROM judged.people"), ["0"]);
        }
    }
}

#[test]
fn an_error_says_its_cause_once_and_on_one_line() {
    let words = "no\u{1b}[2J such\ntable \u{202e}x".to_owned();
    let cause = mysql_async::ServerError { code: 1146, message: words.clone(), state: "42S02".into() };
    let error = Error::Sql { doing: "looking", cause: Box::new(mysql_async::Error::Server(cause)) };
    assert_eq!(error.to_string(), r"while looking: server error 1146: no\u{1b}[2J such\ntable \u{202e}x");
    assert!(std::error::Error::source(&error).is_none());
    let problem = rowmill_mysql::Problem::new(words.clone(), words.clone(), words.clone(), "x");
    assert!(!problem.to_string().chars().any(char::is_control), "{problem}");
    let table = TableName::new("a\nb", "c`d");
    assert_eq!(table.to_string(), r"`a\nb`.`c``d`");
}
