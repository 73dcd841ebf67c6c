//! As of which moment the target shows the source, also while nothing moves.
//!
//! An epoch shows the source as of its newest transaction, the first one after a snapshot as of the moment when
//! that was begun. A source that is idle says so every few seconds, and each time the target shows a later
//! moment without having changed; from time to time that is stored, too. That the stream is dry is not
//! taken for such a word: bytes may be under way, or the connection may be dead.
//!
//! Nothing here is a duration. Ages are made where they are read ([`Status::lag`]), so they grow by themselves.

use std::time::{Duration, Instant, UNIX_EPOCH};

use super::Worker;
use crate::clock::Clock;
use rowmill_observe::Status;

/// Signs of an idle source are published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Moments of the source, in µs since 1970.
#[derive(Debug)]
pub(crate) struct Freshness {
    /// What the target shows.
    shown: Option<i64>,
    /// What was handed to the sink to be stored.
    stored: Option<i64>,
    /// The readers of a snapshot see the source as of this moment, or a later one.
    snapshot: Option<i64>,
    caught_up: bool,
    silent_since: Option<Instant>,
    /// Since when the source has been listened to without a break.
    listening_since: Option<Instant>,
    published_at: Instant,
}

impl Freshness {
    /// As stored by an earlier run.
    pub(crate) fn stored(age_seconds: Option<f64>, clock: &Clock) -> Freshness {
        let age = age_seconds.and_then(|age| Duration::try_from_secs_f64(age).ok());
        let shown = age.map(|age| clock.micros() - i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        Freshness {
            shown,
            stored: shown,
            snapshot: None,
            caught_up: false,
            silent_since: None,
            listening_since: None,
            published_at: clock.now(),
        }
    }

    /// The transactions of a snapshot began no earlier than at this moment.
    pub(crate) fn begin_snapshot(&mut self, moment: i64) {
        self.snapshot = Some(moment);
    }

    /// Whether a moment is later than what is stored.
    pub(crate) fn is_news(&self, as_of: Option<i64>) -> bool {
        as_of > self.stored
    }

    /// What is stored with an epoch that makes the target a picture of the source; `None` if that is not known.
    pub(crate) fn store(&mut self, as_of: Option<i64>, clock: &Clock) -> Option<i64> {
        // A source whose clock is ahead is not in the future.
        let as_of = as_of.or(self.snapshot.take()).map(|moment| moment.min(clock.micros()));
        self.stored = as_of.or(self.stored);
        as_of
    }

    /// An epoch is in the target.
    pub(crate) fn committed(&mut self, as_of: Option<i64>) {
        self.shown = as_of.or(self.shown);
    }

    /// Whether everything was told less than this ago.
    pub(crate) fn is_published_since(&self, ago: Duration, clock: &Clock) -> bool {
        clock.since(self.published_at) < ago
    }

    /// Writes what is known into the status.
    pub(crate) fn published(&mut self, status: &mut Status, clock: &Clock) {
        let moment = |micros: i64| UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        status.as_of = self.shown.map(moment);
        status.caught_up = self.caught_up;
        status.silent_since = self.silent_since.and_then(|since| clock.moment().checked_sub(clock.since(since)));
        self.published_at = clock.now();
    }
}

impl Worker {
    /// Notes what is known before the next wait. `heard`: when the source was last heard of, if it is
    /// listened to. `converging`: the target is no picture of the source yet.
    pub(crate) fn look_at_freshness(&mut self, heard: Option<Instant>, converging: bool) {
        let all_committed = self.committer.is_idle() && self.filling.is_clean() && !converging;
        let (freshness, clock) = (&mut self.reporter.freshness, &self.clock);
        let before = (freshness.shown, freshness.caught_up, freshness.silent_since);
        freshness.caught_up = all_committed && self.filling.at_boundary() && self.filling.is_dry();
        if freshness.caught_up {
            freshness.shown = freshness.shown.max(self.filling.as_of);
        }
        // A caller that was held back before has not heard what was said then.
        freshness.listening_since = heard.and(freshness.listening_since.or_else(|| Some(clock.now())));
        freshness.silent_since = heard.max(freshness.listening_since);
        let turned = before.1 != freshness.caught_up;
        let news = before != (freshness.shown, freshness.caught_up, freshness.silent_since);
        if turned || news && !freshness.is_published_since(PUBLISH_EVERY, clock) {
            self.publish();
        } else if self.reporter.untold {
            self.publish_in_time();
        }
    }
}
