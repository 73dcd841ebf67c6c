//! A running pipeline as its metrics show it, again and again.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What the metrics said at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) at: Instant,
    pub(crate) rows_in: f64,
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// A checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpoint {
    /// Its barrier.
    pub(crate) begun: Instant,
    /// When it was in the store.
    pub(crate) done: Instant,
}

/// All looks so far.
#[derive(Clone, Default)]
pub(crate) struct Watch(Rc<RefCell<Vec<Look>>>);

impl Watch {
    /// Looks from now on, as long as the future is polled.
    pub(crate) async fn look(&self, port: u16) -> Infallible {
        loop {
            if let Some(look) = look(port).await {
                self.0.borrow_mut().push(look);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The newest checkpoint that was seen.
    pub(crate) fn checkpoint(&self) -> Option<Checkpoint> {
        self.0.borrow().last()?.checkpoint
    }

    /// Rows that had come in by then.
    pub(crate) fn rows_in(&self, then: Instant) -> f64 {
        let looks = self.0.borrow();
        looks.iter().rev().find(|look| look.at <= then).map_or(0.0, |look| look.rows_in)
    }
}

/// A port that nobody listens on right now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// None while nobody answers.
async fn look(port: u16) -> Option<Look> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    let at = Instant::now();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('{'))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    let checkpoint = match (value("rowmill_checkpoint_age_seconds"), value("rowmill_checkpoint_duration_seconds")) {
        (Some(age), Some(took)) => {
            let done = at - Duration::from_secs_f64(age);
            Some(Checkpoint { begun: done - Duration::from_secs_f64(took), done })
        }
        _ => None,
    };
    Some(Look { at, rows_in: value("rowmill_rows_in_total")?, checkpoint })
}
