//! Progress: what aggregates keep in it, tables of earlier versions, and starting over.

use rowmill_change::{Epoch, ProgressUpdate};
use rowmill_mysql::sink::{Held, Progress, Sink, SinkOptions};
use rowmill_mysql::{Endpoint, Error};
use serde_json::json;

use crate::support::*;

async fn progress(options: &SinkOptions) -> Progress {
    Sink::read_progress(options).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_aggregates_keep_is_stored_with_the_position() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "kept");
        let (mut sink, found) = claim(&options, &people("kept")).await;
        assert_eq!(found.aggregates, None);
        // Keys keep their order, text its quotes.
        let kept = json!({ "z": 18_446_744_073_709_551_615u64, "a": "it's \\ \"q\" ü", "w": [null, -1.5] });
        let mut first = epoch(vec![people_write(&[(1, Some("a"))], true)], 5);
        first.progress.aggregates = Some(kept.to_string());
        sink.commit(first).await.unwrap();
        assert_eq!(progress(&options).await.aggregates, Some(kept.clone()));
        sink.commit(epoch(vec![people_write(&[(2, Some("b"))], true)], 6)).await.unwrap();
        let (mut sink, found) = claim(&options, &people("kept")).await;
        assert_eq!((found.aggregates, found.position), (Some(kept), Some(position(6))));
        let mut third = epoch(vec![], 7);
        third.progress.aggregates = Some(json!(null).to_string());
        sink.commit(third).await.unwrap();
        assert_eq!(progress(&options).await.position, Some(position(7)));
    }
}

#[tokio::test]
async fn a_progress_table_of_an_earlier_version_is_read_and_extended() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "older");
        let (mut sink, _) = claim(&options, &people("older")).await;
        sink.commit(epoch(vec![people_write(&[(1, Some("a"))], true)], 5)).await.unwrap();
        drop(sink);
        let older = "ALTER TABLE older_meta.progress DROP COLUMN aggregates, DROP COLUMN rebuild_since, DROP COLUMN rebuild_deletes, DROP COLUMN as_of";
        server.sql(older).unwrap();
        let read = progress(&options).await;
        assert_eq!((read.position, read.aggregates, read.rebuilding), (Some(position(5)), None, false));

        // A user that may not alter the table is told what to type; then it is enough to do that.
        server
            .sql(
                "DROP USER IF EXISTS older@'%'; CREATE USER older@'%' IDENTIFIED BY 'secret1'; \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON older.* TO older@'%'; \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON older_meta.* TO older@'%'",
            )
            .unwrap();
        let url = format!("mysql://older:secret1@127.0.0.1:{}/older", server.port());
        let poor = SinkOptions { endpoint: Endpoint::parse(&url).unwrap(), ..options.clone() };
        let problems = Sink::check(&poor, &[people("older")], Held::Anything).await.unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let (_, statement) = problems[0].fix.split_once("type: ").unwrap();
        let refused = Sink::claim(poor.clone(), vec![people("older")], Progress::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::Target { problems: found } if *found == problems), "{refused}");
        server.sql(statement).unwrap();
        assert_eq!(Sink::check(&poor, &[people("older")], Held::Anything).await.unwrap(), []);
        let (_, read) = Sink::claim(poor, vec![people("older")], Progress::default()).await.unwrap();
        assert_eq!(read.position, Some(position(5)));

        // Who may, adds the columns without a word.
        server.sql(older).unwrap();
        assert_eq!(Sink::check(&options, &[people("older")], Held::Anything).await.unwrap(), []);
        let (mut sink, _) = claim(&options, &people("older")).await;
        let mut next = epoch(vec![], 6);
        next.progress.aggregates = Some(json!(1).to_string());
        sink.commit(next).await.unwrap();
        assert_eq!(progress(&options).await.aggregates, Some(json!(1)));
    }
}

#[tokio::test]
async fn a_rebuild_starts_over_and_keeps_the_rows() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "again");
        let (mut old, before) = claim(&options, &people("again")).await;
        let mut first = epoch(vec![people_write(&[(1, Some("a")), (2, Some("b"))], true)], 500);
        first.progress.aggregates = Some(json!({ "checkpoint": 1 }).to_string());
        first.progress.as_of = Some(1_000_000);
        old.commit(first).await.unwrap();
        old.record_stop("lost its state").await.unwrap();

        assert_eq!(Sink::check(&options, &[people("again")], Held::Anything).await.unwrap(), []);
        let start = Progress { plan_digest: "other".into(), source: json!("there"), ..Progress::default() };
        let (mut sink, begun) = Sink::rebuild(options.clone(), vec![people("again")], start).await.unwrap();
        assert!(begun.rebuilding && begun.incarnation != before.incarnation && !begun.incarnation.is_empty());
        assert_eq!((begun.position.clone(), begun.snapshot.clone(), begun.aggregates.clone()), (None, None, None));
        assert_eq!(
            (begun.plan_digest.as_str(), &begun.source, begun.stopped.clone()),
            ("other", &json!("there"), None)
        );
        assert_eq!((begun.age_seconds, begun.commits), (None, 1));
        assert_eq!(rows(server, "SELECT id, name FROM again.people ORDER BY id"), ["1\ta", "2\tb"]);

        // The process before writes nothing any more.
        let late = old.commit(epoch(vec![people_write(&[(9, Some("late"))], true)], 501)).await.unwrap_err();
        assert!(matches!(late, Error::Fenced { .. }), "{late}");

        // Epochs of the snapshot leave the position open; a crash in between is still a rebuild.
        let snapshot = vec![people_write(&[(1, Some("a2"))], false)];
        let progress_only = ProgressUpdate { converging: true, ..ProgressUpdate::default() };
        sink.commit(Epoch { writes: snapshot, progress: progress_only, ..Epoch::default() }).await.unwrap();
        drop(sink);
        let (mut sink, found) = claim(&options, &people("again")).await;
        assert!(found.rebuilding && found.position.is_none() && found.incarnation == begun.incarnation);

        // The last epoch takes out what is left over, and ends it; its position may lie before the old one.
        let mut last = epoch(vec![people_write(&[(2, None)], false)], 4);
        last.progress.rebuilt = true;
        sink.commit(last).await.unwrap();
        let done = progress(&options).await;
        assert!(!done.rebuilding && done.position == Some(position(4)));
        assert_eq!(rows(server, "SELECT id, name FROM again.people"), ["1\ta2"]);
    }
}

#[tokio::test]
async fn a_rebuild_without_progress_is_one_too_and_the_last_of_two_wins() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "norow");
        server.sql("CREATE TABLE norow.people (id BIGINT PRIMARY KEY, name VARCHAR(40)); INSERT INTO norow.people VALUES (5, 'x')").unwrap();
        let start = || Sink::rebuild(options.clone(), vec![people("norow")], Progress::default());
        let (one, two) = tokio::join!(start(), start());
        let ((one, _), (two, _)) = (one.unwrap(), two.unwrap());
        let (mut lost, mut won) = if one.fence() < two.fence() { (one, two) } else { (two, one) };
        assert!(progress(&options).await.rebuilding);
        let error = lost.commit(epoch(vec![], 5)).await.unwrap_err();
        assert!(matches!(error, Error::Fenced { .. }), "{error}");
        won.commit(epoch(vec![], 5)).await.unwrap();
        assert_eq!(rows(server, "SELECT id FROM norow.people"), ["5"]);
    }
}
