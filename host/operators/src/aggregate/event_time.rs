//! How event time goes on: with rows, with time that passes without any, and to where it was before a restart.

use std::ops::RangeInclusive;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, TimestampMicrosecondArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, TimeUnit};
use rowmill_plan::Late;

use super::Aggregate;
use super::window::Time;
use crate::error::Error;
use crate::status::AggregateProgress;
use crate::step::{Failure, Frame};

impl Aggregate {
    /// The snapshot is complete: from now on there is a watermark.
    pub fn complete_snapshot(&mut self) {
        if let Some(windowing) = &mut self.windowing {
            windowing.watermark.start();
        }
    }

    /// The target holds no windows outside of this range.
    pub fn narrow_windows(&mut self, range: &RangeInclusive<Time>) {
        if let Some(windowing) = &mut self.windowing {
            windowing.narrow(range);
        }
    }

    /// After how long without changes event time goes on by itself.
    pub fn idle(&self) -> Option<Duration> {
        self.windowing.as_ref().and_then(|windowing| windowing.idle)
    }

    /// Event time goes on without changes.
    pub fn let_time_pass(&mut self, passed: Duration) {
        if let Some(windowing) = self.windowing.as_mut().filter(|windowing| windowing.idle.is_some()) {
            windowing.watermark.idle(passed);
        }
    }

    /// Takes over event time as it was stored with the target's position. Answers whether it moved.
    pub fn reach_stored(&mut self, stored: &AggregateProgress) -> bool {
        match (&mut self.windowing, &stored.event_time) {
            (Some(windowing), Some(stored)) => windowing.watermark.reach(stored),
            _ => false,
        }
    }

    /// The gap of sessions.
    pub fn gap(&self) -> Option<Time> {
        self.windowing.as_ref().and_then(|windowing| windowing.assigner.gap())
    }

    /// What late rows do, if there is a window.
    pub fn late_policy(&self) -> Option<Late> {
        self.windowing.as_ref().map(|windowing| windowing.late)
    }

    /// The watermark that stored progress stands for.
    pub fn watermark_of(&self, stored: &AggregateProgress) -> Option<Time> {
        let windowing = self.windowing.as_ref()?;
        Some(windowing.watermark_at(stored.event_time.as_ref()?))
    }

    /// Takes out the rows without an event time, and those whose windows the target can't hold.
    pub(super) fn with_event_time(&self, frame: Frame, on: usize, failures: &mut Vec<Failure>) -> Result<Frame, Error> {
        let Some(windowing) = &self.windowing else { return Ok(frame) };
        let times = event_times(&frame.columns[on])?;
        let fits = |row: usize| times.is_valid(row) && windowing.fits(times.value(row));
        let keep: BooleanBuffer = (0..frame.rows).map(fits).collect();
        if keep.count_set_bits() == frame.rows {
            return Ok(frame);
        }
        let failure = |row: usize| {
            let (code, what) = match times.is_null(row) {
                true => ("no-event-time", "is NULL"),
                false => {
                    ("window-out-of-range", "has a window that begins or ends beyond what the target's column holds")
                }
            };
            let message = format!("the event time {} {what}", self.output_name(on));
            Failure { origin: frame.origin(row), code: code.to_owned(), message, function: self.id.clone() }
        };
        failures.extend((0..frame.rows).filter(|&row| !keep.value(row)).map(failure));
        Ok(frame.retain(&BooleanArray::new(keep, None))?)
    }
}

/// µs since 1970 of a DATE, DATETIME or TIMESTAMP column.
pub(super) fn event_times(column: &ArrayRef) -> Result<TimestampMicrosecondArray, Error> {
    let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            Ok(TimestampMicrosecondArray::new(times.values().clone(), times.nulls().cloned()))
        }
        _ => Ok(arrow_cast::cast(column, &plain)?.as_primitive::<TimestampMicrosecondType>().clone()),
    }
}
