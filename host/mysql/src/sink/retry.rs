//! When to try again, and how long to wait before.

use std::time::Duration;

use rand::Rng;

use crate::error::Error;

/// The longest pause between two attempts: a restarted server is found again within it.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The first pause; a deadlock is over by then.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// How often a transaction that meets other sessions' locks is repeated. Lock waits take 10 s
/// each, so a lock that is held for longer than some minutes becomes the pipeline's error.
const LOCKED_MAX: u32 = 30;

/// Counts the attempts of one piece of work.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failed: u32,
    locked: u32,
}

impl Attempts {
    /// The pause before the next attempt; `None` if there should be none.
    ///
    /// Lost connections and servers that restart are waited for without end: the caller ends it
    /// by dropping the future. Locks are another session's doing, which may never end.
    pub(super) fn pause(&mut self, error: &Error) -> Option<Duration> {
        if !error.is_transient() {
            return None;
        }
        if matches!(error.server_code(), Some(1205 | 1213)) {
            self.locked += 1;
            if self.locked > LOCKED_MAX {
                return None;
            }
        }
        let doubled = PAUSE_MIN.saturating_mul(1 << self.failed.min(10));
        self.failed += 1;
        Some(doubled.min(PAUSE_MAX).mul_f64(rand::rng().random_range(0.5..1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_gone_is_waited_for_and_a_mistake_is_not() {
        let mut attempts = Attempts::default();
        let gone = Error::Unreachable { server: "h:1".into(), reason: "refused".into() };
        for _ in 0..1_000 {
            assert!(attempts.pause(&gone).is_some_and(|p| p <= PAUSE_MAX));
        }
        assert!(attempts.pause(&Error::internal("x")).is_none());
    }
}
