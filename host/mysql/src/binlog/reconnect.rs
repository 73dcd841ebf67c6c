//! The way from a lost stream to the next one.
//!
//! The caller of [`Changes::next`](super::Changes::next) gives the call up whenever it has other work, and
//! calls again. Neither a pause nor a connection under way may begin anew each time: they would never end
//! while the caller is busy.

use std::pin::Pin;
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep_until};

use super::stream::Opened;
use crate::error::Result;

/// Back-off between attempts to reconnect: doubles from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A stream that is being opened.
pub(super) type Opening = Pin<Box<dyn Future<Output = Result<Opened>> + Send>>;

/// What is under way between two streams.
#[derive(Default)]
pub(super) struct Reconnect {
    attempts: u32,
    /// When the next attempt may begin.
    due: Option<Instant>,
    opening: Option<Opening>,
}

impl std::fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reconnect({} attempts)", self.attempts)
    }
}

impl Reconnect {
    /// The stream works.
    pub(super) fn works(&mut self) {
        self.attempts = 0;
    }

    /// The stream is lost, or there was none; answers the pause before the next attempt.
    pub(super) fn lost(&mut self) -> Duration {
        let full = BACKOFF.0.saturating_mul(1 << self.attempts.min(10)).min(BACKOFF.1);
        let pause = full.mul_f64(rand::rng().random_range(0.5..1.0));
        self.attempts = self.attempts.saturating_add(1);
        self.due = Some(Instant::now() + pause);
        pause
    }

    /// The next stream, begun with `open` unless one is under way. Cancel-safe.
    pub(super) async fn open(&mut self, open: impl FnOnce() -> Opening) -> Result<Opened> {
        if let Some(due) = self.due {
            sleep_until(due).await;
            self.due = None;
        }
        let opened = self.opening.get_or_insert_with(open).await;
        self.opening = None;
        opened
    }
}
