//! What an aggregate tells of itself, and takes over from what it told before a restart.

use arrow_array::TimestampMicrosecondArray;

use super::Aggregate;
use super::outsiders::Outsiders;
use super::window::{Time, Windowing};
use crate::status::AggregateProgress;
use rowmill_observe::AggregateStatus;

/// Rows that are out are told to `verify` through the target's progress up to this number, 8 KiB of text.
/// Above it, `verify` says that it can't compare.
const OUT_ROWS_TOLD: usize = 256;

impl Aggregate {
    /// How it is.
    pub fn status(&self, table: &str) -> AggregateStatus {
        let watermark = self.windowing.as_ref().map(Windowing::watermark).filter(|at| *at > Time::MIN);
        let shown = |at: Time| {
            let column = TimestampMicrosecondArray::from(vec![at]);
            arrow_cast::display::array_value_to_string(&column, 0).unwrap_or_else(|_| at.to_string())
        };
        AggregateStatus {
            table: table.to_owned(),
            step: self.id.clone(),
            groups: self.groups.total,
            groups_in_memory: self.groups.entries.table.len() as u64,
            memory: self.groups.bytes() as u64,
            evicted: self.groups.evicted,
            watermark: watermark.map(shown),
            late: self.windowing.as_ref().map_or(0, |windowing| windowing.watermark.late),
            expired: self.expired,
            out: self.out(),
        }
    }

    /// What goes with the target's position.
    pub fn progress(&self, table: &str) -> AggregateProgress {
        AggregateProgress {
            table: table.to_owned(),
            step: self.id.clone(),
            late: self.windowing.as_ref().map_or(0, |windowing| windowing.watermark.late),
            out: self.out(),
            out_rows: self.out_rows(),
            event_time: self.windowing.as_ref().map(|windowing| windowing.watermark),
        }
    }

    fn out(&self) -> u64 {
        self.outsiders.as_ref().map_or(0, Outsiders::len) as u64
    }

    /// The rows that are out, if they are few enough to be told.
    fn out_rows(&self) -> Vec<String> {
        let Some(outsiders) = &self.outsiders else { return Vec::new() };
        if outsiders.len() > OUT_ROWS_TOLD {
            return Vec::new();
        }
        let hex = |row: &[u8]| row.iter().map(|byte| format!("{byte:02x}")).collect();
        outsiders.rows().map(hex).collect()
    }

    /// Leaves out the rows that stored progress says are out; false if it doesn't say which.
    pub fn leave_out(&mut self, stored: &AggregateProgress) -> bool {
        let Some(outsiders) = self.outsiders.as_mut().filter(|_| stored.out > 0) else { return true };
        let rows = stored.out_rows.iter().map(|row| u128::from_str_radix(row, 16).map(u128::to_be_bytes));
        let Ok(rows) = rows.collect::<Result<Vec<_>, _>>() else { return false };
        outsiders.put_out(&rows);
        rows.len() as u64 == stored.out
    }
}
