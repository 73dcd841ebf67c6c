//! The conductor's only clock. It is given to it, so that a test can let time pass as it likes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Durations by the runtime's timers, moments by the wall.
#[derive(Clone)]
pub(crate) struct Clock {
    wall: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Clock {
    /// The machine's.
    pub(crate) fn system() -> Self {
        Self::with_wall(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
        })
    }

    /// One whose wall shows what `wall` answers, in µs since 1970.
    pub(crate) fn with_wall(wall: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { wall: Arc::new(wall) }
    }

    /// To measure from.
    pub(crate) fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// How long ago that was.
    pub(crate) fn since(&self, moment: Instant) -> Duration {
        self.now().saturating_duration_since(moment)
    }

    /// µs since 1970.
    pub(crate) fn micros(&self) -> i64 {
        (self.wall)()
    }

    /// The same.
    pub(crate) fn moment(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(u64::try_from(self.micros()).unwrap_or(0))
    }
}
