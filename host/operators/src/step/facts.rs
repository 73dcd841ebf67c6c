//! What is known of each row of a batch beside its columns.
//!
//! Facts are gathered once per batch, for all calls that a node makes: those of the steps and those that prepare an
//! aggregate's arguments and `where`. So no call can find a fact missing that it asked for when it was bound.

use arrow_array::{TimestampMicrosecondArray, UInt8Array, UInt64Array};
use rowmill_change::Op;
use rowmill_foreign::UTC;
use rowmill_wasm::RowFact;
use xxhash_rust::xxh3::xxh3_64;

use super::Frame;
use crate::error::Error;

/// Facts by row of the stream's input.
pub struct RowFacts<'a> {
    pub(crate) ops: &'a [Op],
    /// Microseconds since the epoch.
    pub(crate) commit_time: &'a [i64],
    /// Hash of the row's key; `None` if no call of the node asks for it.
    pub(crate) seeds: Option<Vec<u64>>,
}

/// The facts of a frame's rows, as one function asked for them.
pub(super) struct Facts {
    pub(super) ops: Option<UInt8Array>,
    pub(super) commit_time: Option<TimestampMicrosecondArray>,
    pub(super) seeds: Option<UInt64Array>,
}

impl Facts {
    pub(super) fn gather(
        wanted: &[RowFact],
        frame: &Frame,
        rows: &RowFacts<'_>,
        step_seed: u64,
    ) -> Result<Self, Error> {
        let origins = || (0..frame.rows).map(|row| frame.origin(row) as usize);
        let wants = |fact| wanted.contains(&fact);
        let seeds = match (wants(RowFact::Seed), &rows.seeds) {
            (false, _) => None,
            (true, Some(seeds)) => Some(origins().map(|row| mix(seeds[row], step_seed)).collect()),
            (true, None) => return Err(Error::internal("a function asks for seeds that were not gathered")),
        };
        Ok(Self {
            ops: wants(RowFact::ChangeKind).then(|| origins().map(|row| rows.ops[row] as u8).collect()),
            commit_time: wants(RowFact::CommitTime).then(|| {
                let times = origins().map(|row| rows.commit_time[row]);
                TimestampMicrosecondArray::from_iter_values(times).with_timezone(UTC)
            }),
            seeds,
        })
    }
}

/// Two hashes as one, so that each step sees random numbers of its own.
fn mix(key: u64, step: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    bytes[8..].copy_from_slice(&step.to_le_bytes());
    xxh3_64(&bytes)
}
