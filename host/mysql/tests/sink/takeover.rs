//! A pipeline is taken over as it was looked at, or not at all; and what a process from before may still do.

use rowmill_change::{Epoch, ProgressUpdate, SnapshotProgress};
use rowmill_mysql::Error;
use rowmill_mysql::sink::{Expected, Progress, Sink, SinkOptions, Takeover, reset};

use crate::support::*;

async fn looked_at(options: &SinkOptions) -> Expected {
    Expected::AsRead(Sink::read_progress(options).await.unwrap().map(Box::new))
}

async fn take_over(options: &SinkOptions, takeover: Takeover, expected: &Expected) -> Option<(Sink, Progress)> {
    let first = Progress { plan_digest: "d".into(), ..Progress::default() };
    let target = people(options.endpoint.database().unwrap());
    Sink::take_over(options.clone(), vec![target], first, takeover, expected).await.unwrap()
}

#[tokio::test]
async fn what_changed_since_it_was_looked_at_is_not_taken_over() {
    const OVER: Takeover = Takeover::StartOver { delete_extra: true };
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "take");
        let none = looked_at(&options).await;
        assert_eq!(none, Expected::AsRead(None));
        let (mut first, _) = take_over(&options, Takeover::GoOn, &none).await.unwrap();
        // Somebody was first.
        assert!(take_over(&options, Takeover::GoOn, &none).await.is_none());
        assert!(take_over(&options, OVER, &none).await.is_none());

        // The position moves within a stage, and the claim answers where it is.
        let before = looked_at(&options).await;
        let start = SnapshotProgress::new(position(5), 1);
        let mut in_snapshot = epoch(vec![people_write(&[(1, Some("a"))], true)], 5);
        in_snapshot.progress.snapshot = Some(start.clone());
        first.commit(in_snapshot.clone()).await.unwrap();
        assert!(take_over(&options, Takeover::GoOn, &before).await.is_none(), "a snapshot has begun");
        let snapshot = looked_at(&options).await;
        in_snapshot.writes = vec![people_write(&[(2, Some("b"))], true)];
        first.commit(in_snapshot).await.unwrap();
        let after = epoch(vec![people_write(&[(3, Some("c"))], true)], 6);
        first.commit(after).await.unwrap();
        assert!(take_over(&options, Takeover::GoOn, &snapshot).await.is_none(), "the snapshot has ended");
        let streaming = looked_at(&options).await;
        first.commit(epoch(vec![people_write(&[(4, Some("d"))], true)], 7)).await.unwrap();
        // None of these has cost the first process anything.
        assert_eq!(first.fence(), 1);
        let (mut second, found) = take_over(&options, Takeover::GoOn, &streaming).await.unwrap();
        assert_eq!((found.fence, found.commits, found.position), (2, 4, Some(position(7))));
        let late = first.commit(epoch(vec![people_write(&[(9, Some("late"))], true)], 8)).await.unwrap_err();
        assert!(matches!(late, Error::Fenced { .. }), "{late}");

        // Taken over in between, and rebuilt in between.
        assert!(take_over(&options, Takeover::GoOn, &streaming).await.is_none());
        assert!(take_over(&options, OVER, &streaming).await.is_none());
        second.commit(epoch(vec![people_write(&[(5, Some("e"))], true)], 8)).await.unwrap();
        let seen = looked_at(&options).await;
        let (mut third, begun) = take_over(&options, OVER, &seen).await.unwrap();
        assert!(begun.rebuilding && begun.delete_extra && begun.position.is_none());
        assert!(take_over(&options, Takeover::GoOn, &seen).await.is_none());
        // A crash keeps what the rebuild was asked for, its end does not.
        let seen = looked_at(&options).await;
        assert!(seen.progress().unwrap().delete_extra);
        let progress = ProgressUpdate { position: Some(position(9)), rebuilt: true, ..ProgressUpdate::default() };
        third.commit(Epoch { progress, ..Epoch::default() }).await.unwrap();
        assert!(take_over(&options, Takeover::GoOn, &seen).await.is_none(), "the rebuild has ended");
        let done = Sink::read_progress(&options).await.unwrap().unwrap();
        assert!(!done.rebuilding && !done.delete_extra);
        assert_eq!(rows(server, "SELECT id FROM take.people ORDER BY id"), ["1", "2", "3", "4", "5"]);
    }
}

/// Who claims has found the stored digest to mean its own plan, perhaps in the words of an earlier version.
#[tokio::test]
async fn a_claim_writes_the_plan_in_its_own_words() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "words");
        let words = |digest: &str| Progress { plan_digest: digest.to_owned(), ..Progress::default() };
        let (mut sink, _) = Sink::claim(options.clone(), vec![people("words")], words("old")).await.unwrap();
        sink.commit(epoch(vec![people_write(&[(1, Some("a"))], true)], 5)).await.unwrap();
        let stored = || async { Sink::read_progress(&options).await.unwrap().unwrap() };
        assert_eq!(stored().await.plan_digest, "old");
        let (_, found) = Sink::claim(options.clone(), vec![people("words")], words("new")).await.unwrap();
        let now = stored().await;
        assert_eq!((now.plan_digest.as_str(), now.position, now.commits), ("new", Some(position(5)), 1));
        assert_eq!(found.plan_digest, "new");
    }
}

/// Fences and commits begin at the same numbers again.
#[tokio::test]
async fn a_process_from_before_a_reset_writes_nothing_after_it() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "relife");
        let (mut old, before) = claim(&options, &people("relife")).await;
        old.commit(epoch(vec![people_write(&[(1, Some("old"))], true)], 5)).await.unwrap();
        assert!(reset(&options, None).await.unwrap().found);
        let (mut new, after) = claim(&options, &people("relife")).await;
        assert_eq!((before.fence, after.fence), (1, 1));
        assert_ne!(before.incarnation, after.incarnation);
        new.commit(epoch(vec![people_write(&[(2, Some("new"))], true)], 5)).await.unwrap();

        let late = old.commit(epoch(vec![people_write(&[(3, Some("late"))], true)], 900)).await.unwrap_err();
        assert!(matches!(&late, Error::Fenced { other, .. } if other.contains("process")), "{late}");
        old.record_stop("it was reset").await.unwrap();
        let stored = Sink::read_progress(&options).await.unwrap().unwrap();
        assert_eq!((stored.position, stored.commits, stored.stopped), (Some(position(5)), 1, None));
        assert_eq!(rows(server, "SELECT id FROM relife.people ORDER BY id"), ["1", "2"]);
        new.commit(epoch(vec![people_write(&[(4, Some("new"))], true)], 6)).await.unwrap();
    }
}

#[tokio::test]
async fn progress_that_is_half_gone_is_named_and_taken_over_by_a_rebuild() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "halfgone");
        let broken = [
            "DROP TABLE halfgone_meta.tables",
            "UPDATE halfgone_meta.progress SET position = 'nonsense'",
            "UPDATE halfgone_meta.tables SET definition = '{}'",
        ];
        for break_it in broken {
            let first = Progress { tables: vec![definition(server).await], ..Progress::default() };
            Sink::rebuild(options.clone(), vec![people("halfgone")], first.clone()).await.unwrap();
            server.sql(break_it).unwrap();
            let error = Sink::read_progress(&options).await.unwrap_err();
            assert!(matches!(error, Error::ProgressLost { .. }), "{error}");
            assert!(error.to_string().contains("--rebuild"), "{error}");
            // What can't be read takes nothing over.
            let fence = "SELECT fence FROM halfgone_meta.progress";
            let before = rows(server, fence);
            if !break_it.starts_with("DROP") {
                Sink::claim(options.clone(), vec![people("halfgone")], first.clone()).await.unwrap_err();
                assert_eq!(rows(server, fence), before, "{break_it}");
            }
            let anything = Expected::Anything;
            let (_, begun) = take_over(&options, Takeover::StartOver { delete_extra: false }, &anything).await.unwrap();
            assert!(begun.rebuilding, "{break_it}");
        }
    }
}

async fn definition(server: &rowmill_devserver::Server) -> rowmill_mysql::TableDef {
    server.sql("CREATE TABLE IF NOT EXISTS halfgone.source (id INT PRIMARY KEY)").unwrap();
    let mut conn = rowmill_mysql::Endpoint::parse(&server.url("halfgone")).unwrap().connect().await.unwrap();
    let name = rowmill_change::TableName::new("halfgone", "source");
    rowmill_mysql::table::read_definition(&mut conn, &name).await.unwrap().unwrap()
}
