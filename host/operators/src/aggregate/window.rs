//! Windows on event time, and the watermark.
//!
//! The watermark says that rows older than it are not expected any more. It is the newest event time
//! seen, less the lateness, and moves row by row in the order of the source, so that which row is
//! late does not depend on how rows are cut into batches. While a snapshot is read it is not there at
//! all: the order of a snapshot's rows means nothing. A source without changes lets it advance by the
//! time that passes (`Watermark::idle`), which works for every calendar; such an advance is stored
//! with the position where it happened.
//!
//! A window is closed when the watermark has reached its end. A row is late when all its windows are
//! closed. A session has no window of its own before all its rows are known, so there a row is late
//! when it is older than the watermark; then no row that still comes can reach into a closed session.

use std::ops::RangeInclusive;
use std::time::Duration;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use rowmill_plan::{Emit, Late, Window, WindowShape};

/// µs since 1970, of the event time's calendar.
pub(crate) type Time = i64;

/// Start and end, the end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: Time,
    pub(crate) end: Time,
}

/// The values of a DATETIME: the years 0 to 9999.
const DATETIMES: RangeInclusive<Time> = -62_167_219_200_000_000..=253_402_300_799_999_999;
/// Those of a TIMESTAMP: from its first second, since 0 stands for a zero date, to where MariaDB's end, in 2106.
const TIMESTAMPS: RangeInclusive<Time> = 1_000_000..=4_294_967_295_999_999;

/// What a server holds of the times of windows over an event time of this type.
pub fn range(event_time: &DataType) -> RangeInclusive<Time> {
    match event_time {
        DataType::Timestamp(_, Some(_)) => TIMESTAMPS,
        _ => DATETIMES,
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Which windows an event belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Assigner(WindowShape);

impl Assigner {
    /// Assigns rows to windows of this shape.
    pub fn new(shape: WindowShape) -> Self {
        Self(shape)
    }

    /// Appends the windows of an event, by rising end. Of a session: the event itself with its gap.
    pub(crate) fn assign(&self, at: Time, windows: &mut Vec<Span>) {
        let aligned = |size: i64| at.saturating_sub(at.rem_euclid(size.max(1)));
        match self.0 {
            WindowShape::Tumble { size } => {
                let start = aligned(micros(size));
                windows.push(Span { start, end: start.saturating_add(micros(size)) });
            }
            WindowShape::Hop { size, slide } => {
                let (size, slide) = (micros(size), micros(slide).max(1));
                let newest = aligned(slide);
                let count = (size - (at - newest)).saturating_add(slide - 1) / slide;
                for n in (0..count).rev() {
                    let start = newest.saturating_sub(n * slide);
                    windows.push(Span { start, end: start.saturating_add(size) });
                }
            }
            WindowShape::Cumulate { size, step } => {
                let (size, step) = (micros(size), micros(step).max(1));
                let start = aligned(size);
                let first = (at - start) / step + 1;
                windows.extend((first..=size / step).map(|n| Span { start, end: start.saturating_add(n * step) }));
            }
            WindowShape::Session { gap } => {
                windows.push(Span { start: at, end: at.saturating_add(micros(gap)) });
            }
        }
    }

    /// Whether all windows of an event begin and end within a range.
    fn fits(&self, at: Time, range: &RangeInclusive<Time>) -> bool {
        let size = match self.0 {
            WindowShape::Tumble { size } | WindowShape::Hop { size, .. } | WindowShape::Cumulate { size, .. } => size,
            WindowShape::Session { gap } => gap,
        };
        let size = micros(size);
        // No window reaches further than its size.
        if range.contains(&at.saturating_sub(size)) && range.contains(&at.saturating_add(size)) {
            return true;
        }
        let mut windows = Vec::new();
        self.assign(at, &mut windows);
        windows.iter().all(|window| range.contains(&window.start) && range.contains(&window.end))
    }

    /// The silence that ends a session, if these are sessions.
    pub fn gap(&self) -> Option<i64> {
        match self.0 {
            WindowShape::Session { gap } => Some(micros(gap)),
            _ => None,
        }
    }

    /// Whether all starts and ends are whole seconds, when events are.
    pub fn is_in_seconds(&self) -> bool {
        let whole = |duration: Duration| duration.subsec_nanos() == 0;
        match self.0 {
            WindowShape::Tumble { size } => whole(size),
            WindowShape::Hop { size, slide } => whole(size) && whole(slide),
            WindowShape::Cumulate { size, step } => whole(size) && whole(step),
            WindowShape::Session { gap } => whole(gap),
        }
    }
}

/// How far event time has come. Stored with checkpoints and with the target's position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watermark {
    /// The newest event time seen; advanced by idle time.
    newest: Option<Time>,
    /// Not while a snapshot is read.
    on: bool,
    /// Rows that came too late.
    pub(crate) late: u64,
}

impl Watermark {
    /// An event was seen.
    #[inline]
    pub(crate) fn see(&mut self, at: Time) {
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
    }

    /// The snapshot is complete: from now on there is a watermark.
    pub(crate) fn start(&mut self) {
        self.on = true;
    }

    /// The source had nothing to say for so long.
    pub(crate) fn idle(&mut self, passed: Duration) {
        self.newest = self.newest.map(|newest| newest.saturating_add(micros(passed)));
    }

    /// Takes over what was stored at this position. Answers whether that is later than what was seen.
    pub(crate) fn reach(&mut self, stored: &Watermark) -> bool {
        let later = stored.newest > self.newest;
        self.newest = self.newest.max(stored.newest);
        self.on |= stored.on;
        self.late = self.late.max(stored.late);
        later
    }
}

/// A window of the plan at work.
pub struct Windowing {
    pub(crate) assigner: Assigner,
    /// Windows that begin or end outside of it can't be written.
    range: RangeInclusive<Time>,
    lateness: i64,
    pub(crate) late: Late,
    pub(crate) emit: Emit,
    pub(crate) idle: Option<Duration>,
    pub(crate) watermark: Watermark,
    /// Windows up to here have been closed.
    pub(crate) closed: Time,
}

impl Windowing {
    /// Windows whose bounds are in this range of µs.
    pub fn new(window: &Window, range: RangeInclusive<Time>) -> Self {
        Self {
            assigner: Assigner::new(window.shape),
            range,
            lateness: micros(window.lateness),
            late: window.late,
            emit: window.emit,
            idle: window.idle,
            watermark: Watermark::default(),
            closed: Time::MIN,
        }
    }

    /// The target holds no times outside of this range.
    pub(crate) fn narrow(&mut self, range: &RangeInclusive<Time>) {
        self.range = *self.range.start().max(range.start())..=*self.range.end().min(range.end());
    }

    /// Whether all windows of an event can be written.
    pub(crate) fn fits(&self, at: Time) -> bool {
        self.assigner.fits(at, &self.range)
    }

    /// Rows older than this are not expected any more.
    #[inline]
    pub(crate) fn watermark(&self) -> Time {
        self.watermark_at(&self.watermark)
    }

    /// The same for another event time.
    #[inline]
    pub(crate) fn watermark_at(&self, watermark: &Watermark) -> Time {
        match watermark {
            Watermark { newest: Some(newest), on: true, .. } => newest.saturating_sub(self.lateness),
            _ => Time::MIN,
        }
    }

    /// Whether a window (of a session: a row with its gap) takes no rows any more.
    #[inline]
    pub(crate) fn is_closed(&self, window: Span) -> bool {
        match self.assigner.gap() {
            None => window.end <= self.watermark(),
            Some(_) => window.start < self.watermark(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn windows(shape: WindowShape, at: i64) -> Vec<(i64, i64)> {
        let mut windows = Vec::new();
        Assigner::new(shape).assign(at * SECOND, &mut windows);
        windows.iter().map(|span| (span.start / SECOND, span.end / SECOND)).collect()
    }

    #[test]
    fn events_belong_to_the_windows_that_hold_them() {
        let s = Duration::from_secs;
        assert_eq!(windows(WindowShape::Tumble { size: s(60) }, 125), [(120, 180)]);
        assert_eq!(windows(WindowShape::Tumble { size: s(60) }, -1), [(-60, 0)]);
        assert_eq!(windows(WindowShape::Hop { size: s(60), slide: s(20) }, 125), [(80, 140), (100, 160), (120, 180)]);
        assert_eq!(windows(WindowShape::Hop { size: s(50), slide: s(20) }, 135), [(100, 150), (120, 170)]);
        assert_eq!(windows(WindowShape::Hop { size: s(50), slide: s(20) }, 125), [(80, 130), (100, 150), (120, 170)]);
        assert_eq!(
            windows(WindowShape::Cumulate { size: s(60), step: s(20) }, 125),
            [(120, 140), (120, 160), (120, 180)]
        );
        assert_eq!(windows(WindowShape::Cumulate { size: s(60), step: s(20) }, 160), [(120, 180)]);
        assert_eq!(windows(WindowShape::Session { gap: s(30) }, 7), [(7, 37)]);
    }

    #[test]
    fn windows_beyond_what_a_server_holds_are_noticed() {
        let s = Duration::from_secs;
        let last = *DATETIMES.end();
        let hour = Assigner::new(WindowShape::Tumble { size: s(3_600) });
        assert!(!hour.fits(last, &DATETIMES));
        assert!(hour.fits(last - 3_600 * SECOND, &DATETIMES));
        assert!(hour.fits(*DATETIMES.start(), &DATETIMES));
        assert!(
            !Assigner::new(WindowShape::Hop { size: s(7_200), slide: s(3_600) }).fits(*DATETIMES.start(), &DATETIMES)
        );
        assert!(!hour.fits(1_800 * SECOND, &TIMESTAMPS));
        assert!(hour.fits(5_400 * SECOND, &TIMESTAMPS));
        let session = Assigner::new(WindowShape::Session { gap: s(60) });
        assert!(session.fits(last - 60 * SECOND, &DATETIMES));
        assert!(!session.fits(last - 59 * SECOND, &DATETIMES));
        let forever = Duration::from_micros(i64::MAX as u64);
        for shape in [
            WindowShape::Tumble { size: forever },
            WindowShape::Hop { size: forever, slide: forever },
            WindowShape::Cumulate { size: forever, step: forever },
            WindowShape::Session { gap: forever },
        ] {
            for at in [*DATETIMES.start(), -1, 0, last] {
                Assigner::new(shape).fits(at, &DATETIMES);
            }
        }
    }

    #[test]
    fn there_is_no_watermark_before_the_snapshot_is_complete() {
        let window = Window {
            shape: WindowShape::Tumble { size: Duration::from_secs(60) },
            on: "at".to_owned(),
            lateness: Duration::from_secs(5),
            late: Late::Drop,
            emit: Emit::Update,
            idle: None,
        };
        let mut windowing = Windowing::new(&window, DATETIMES);
        let window = Span { start: 0, end: 60 * SECOND };
        windowing.watermark.see(100 * SECOND);
        assert!(!windowing.is_closed(window));
        windowing.watermark.start();
        assert_eq!(windowing.watermark(), 95 * SECOND);
        assert!(windowing.is_closed(window));
        windowing.watermark.see(50 * SECOND);
        windowing.watermark.idle(Duration::from_secs(1));
        assert_eq!(windowing.watermark(), 96 * SECOND);
        assert!(windowing.fits(-1));
        windowing.narrow(&(0..=i64::MAX));
        assert!(!windowing.fits(-1) && windowing.fits(0) && !windowing.fits(*DATETIMES.end()));
    }
}
