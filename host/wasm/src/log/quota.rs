//! How many lines a guest may still log: one count for all instances of a bound function.
//!
//! A guest that traps gets a fresh instance for its next call, and the search for a failing row makes
//! hundreds of them. With a count for each, what is said just before a trap would be without a limit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Site;

/// How often the count starts from zero.
const WINDOW: Duration = Duration::from_secs(1);

/// A shared count of log lines.
#[derive(Clone, Debug)]
pub(crate) struct Quota(Arc<Mutex<Count>>);

#[derive(Debug)]
struct Count {
    site: Arc<Site>,
    lines_per_window: u32,
    window: Option<Instant>,
    lines: u32,
    dropped: u64,
}

impl Quota {
    pub(crate) fn new(site: Arc<Site>, lines_per_window: u32) -> Quota {
        Quota(Arc::new(Mutex::new(Count { site, lines_per_window, window: None, lines: 0, dropped: 0 })))
    }

    /// Whether one more line may be logged; counts it either way.
    pub(crate) fn take(&self) -> bool {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if count.window.is_none_or(|start| now - start >= WINDOW) {
            count.window = Some(now);
            count.lines = 0;
            count.tell();
        }
        let room = count.lines < count.lines_per_window;
        if room {
            count.lines += 1;
        } else {
            count.dropped += 1;
        }
        room
    }
}

impl Count {
    fn tell(&mut self) {
        let (dropped, limit) = (std::mem::take(&mut self.dropped), self.lines_per_window);
        if dropped > 0 {
            tracing::warn!(target: "rowmill::guest", at = %self.site, dropped, limit, "log lines over the limit were dropped");
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.tell();
    }
}
