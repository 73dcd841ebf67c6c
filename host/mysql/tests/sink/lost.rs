//! The answer to COMMIT is lost: a proxy between sink and server cuts the connection just before
//! COMMIT reaches the server, or just after the server carried it out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rowmill_mysql::Endpoint;
use rowmill_mysql::sink::Sink;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    /// The statement never arrives.
    Before,
    /// The statement arrives and its answer does not.
    After,
}

/// Forwards to `port`, and cuts the connection at each of the first `cuts` occurrences of `statement`.
async fn proxy(port: u16, statement: &'static [u8], cut: Cut, cuts: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let cuts = cuts.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let (mut a, mut b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
                loop {
                    tokio::select! {
                        n = from_client.read(&mut a) => {
                            let Ok(n @ 1..) = n else { return };
                            let found = a[..n].windows(statement.len()).any(|w| w == statement);
                            let hit = found
                                && cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |c| c.checked_sub(1)).is_ok();
                            if hit && cut == Cut::Before {
                                return;
                            }
                            to_server.write_all(&a[..n]).await.unwrap();
                            if hit {
                                let _ = from_server.read(&mut b).await;
                                return;
                            }
                        }
                        n = from_server.read(&mut b) => {
                            let Ok(n @ 1..) = n else { return };
                            if to_client.write_all(&b[..n]).await.is_err() { return }
                        }
                    }
                }
            });
        }
    });
    own
}

#[tokio::test]
async fn a_connection_that_is_cut_at_any_step_loses_and_doubles_nothing() {
    for kind in BOTH {
        let server = server(kind);
        for statement in ["COMMIT", "START TRANSACTION", "INSERT INTO", "LOAD DATA", "DELETE FROM"] {
            for cut in [Cut::Before, Cut::After] {
                let mut options = options(server, "lost");
                let (sink, _) = claim(&options, &people("lost")).await;
                drop(sink);
                let cuts = Arc::new(AtomicUsize::new(0));
                let port = proxy(server.port(), statement.as_bytes(), cut, cuts.clone()).await;
                options.endpoint =
                    Endpoint::parse(&format!("mysql://root@127.0.0.1:{port}/lost?ssl-mode=disabled")).unwrap();
                let (mut sink, _) = claim(&options, &people("lost")).await;
                let size = if statement == "LOAD DATA" { 100 } else { 3 };
                let events: Vec<_> = (1..=size).map(|i| (i, Some("x"))).chain([(1_000, None)]).collect();
                for n in 0..3 {
                    cuts.store(2, Ordering::SeqCst);
                    let done = sink.commit(epoch(vec![people_write(&events, false)], 5 + n)).await.unwrap();
                    assert_eq!(done.rows_written(), size as u64);
                    assert!(done.retries > 0, "{statement} {cut:?}");
                    // A COMMIT that happened is not sent again; everything else was cut twice.
                    let left = usize::from(statement == "COMMIT" && cut == Cut::After);
                    assert_eq!(cuts.load(Ordering::SeqCst), left, "{statement} {cut:?}");
                }
                cuts.store(0, Ordering::SeqCst);
                let stored = Sink::read_progress(&options).await.unwrap().unwrap();
                assert_eq!((stored.commits, stored.rows_in), (3, 3), "{statement} {cut:?}");
                assert_eq!(rows(server, "SELECT COUNT(*) FROM lost.people"), [size.to_string()]);
            }
        }
    }
}

#[tokio::test]
async fn a_cancelled_commit_is_known_to_the_next_claim() {
    let server = server(rowmill_devserver::Kind::MariaDb);
    let mut options = options(server, "cancelled");
    let cuts = Arc::new(AtomicUsize::new(0));
    let port = proxy(server.port(), b"nothing", Cut::Before, cuts).await;
    options.endpoint = Endpoint::parse(&format!("mysql://root@127.0.0.1:{port}/cancelled?ssl-mode=disabled")).unwrap();
    let (mut sink, _) = claim(&options, &people("cancelled")).await;
    {
        let commit = sink.commit(epoch(vec![people_write(&[(1, Some("x"))], true)], 5));
        tokio::pin!(commit);
        // Polled once, and dropped in the middle.
        assert!(futures_util::poll!(commit.as_mut()).is_pending());
    }
    let error = sink.commit(epoch(vec![], 6)).await.unwrap_err();
    assert!(error.to_string().contains("claim the pipeline again"), "{error}");
    let (mut sink, progress) = claim(&options, &people("cancelled")).await;
    assert!(progress.commits <= 1);
    sink.commit(epoch(vec![people_write(&[(1, Some("y"))], true)], 6)).await.unwrap();
    assert_eq!(rows(server, "SELECT name FROM cancelled.people"), ["y"]);
}
