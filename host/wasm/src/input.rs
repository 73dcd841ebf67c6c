//! The rows of one call: checked, widened where binding said so, and lent.
//!
//! Columns that are in the right type and start at row 0 of their buffers, as all of the
//! usual path do, cost no allocation here.

use arrow_array::{Array, ArrayRef, TimestampMicrosecondArray, UInt8Array, UInt64Array};
use smallvec::SmallVec;

use crate::binding::{RowFact, Signature};
use crate::bindings::types::ColumnParam;
use crate::call::Call;
use crate::error::Error;
use crate::lower::{fact, is_plain, lower, plain};
use crate::widen;

/// Columns of a call that are handed over without an allocation.
const COLUMNS: usize = 4;

/// The columns of a call as lent.
pub(crate) type Columns<'a> = SmallVec<[ColumnParam<'a>; COLUMNS]>;

/// The rows of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// How many rows.
    pub rows: usize,
    /// The columns of [`Signature::reads`], in the types of the arguments as bound.
    pub columns: &'a [ArrayRef],
    /// 0..3 = +I -U +U -D, if [`RowFact::ChangeKind`] is asked for.
    pub ops: Option<&'a UInt8Array>,
    /// If [`RowFact::CommitTime`] is asked for.
    pub commit_time: Option<&'a TimestampMicrosecondArray>,
    /// If [`RowFact::Seed`] is asked for.
    pub seeds: Option<&'a UInt64Array>,
}

impl Call {
    /// Checks what the host hands over, so that a mistake of ours is not blamed on the guest.
    pub(crate) fn ensure_fits(&self, signature: &Signature, input: &Input<'_>) -> Result<u32, Error> {
        let Ok(rows) = u32::try_from(input.rows) else {
            return Err(self.misfit(format!("{} rows in one call", input.rows)));
        };
        let reads = &signature.reads;
        if input.columns.len() != reads.len() {
            let found = input.columns.len();
            return Err(self.misfit(format!("{found} columns, needed {}", reads.len())));
        }
        for (column, read) in input.columns.iter().zip(reads) {
            let field = &self.args[*read].field;
            if column.len() != input.rows || column.data_type() != field.data_type() {
                return Err(self.misfit(format!(
                    "column {} with {} rows of {}, needed {} of {}",
                    field.name(),
                    column.len(),
                    column.data_type(),
                    input.rows,
                    field.data_type()
                )));
            }
        }
        Ok(rows)
    }

    /// The columns in the types that cross, from row 0 of their buffers; none if all are so already.
    pub(crate) fn made(&self, signature: &Signature, input: &Input<'_>) -> Result<Option<Vec<ArrayRef>>, Error> {
        let casts = || signature.reads.iter().map(|read| &self.offer.casts[*read]);
        if casts().all(Option::is_none) && input.columns.iter().all(|column| is_plain(column.as_ref())) {
            return Ok(None);
        }
        let made = input.columns.iter().zip(casts()).map(|(column, cast)| {
            let column = match cast {
                Some(to) => widen::cast(column, to).map_err(|e| self.misfit(e))?,
                None => column.clone(),
            };
            match is_plain(column.as_ref()) {
                true => Ok(column),
                false => plain(column.as_ref()).map_err(|e| self.misfit(e)),
            }
        });
        made.collect::<Result<_, _>>().map(Some)
    }

    /// Lends the columns, which are as [`made`](Call::made) makes them, and the facts.
    pub(crate) fn lower<'a>(
        &self,
        signature: &Signature,
        columns: &'a [ArrayRef],
        input: &Input<'a>,
    ) -> Result<Columns<'a>, Error> {
        let mut lowered = SmallVec::with_capacity(columns.len() + signature.facts.len());
        for column in columns {
            let column =
                lower(column.as_ref()).ok_or_else(|| self.misfit(format!("a column of {}", column.data_type())))?;
            lowered.push(column);
        }
        for wanted in &signature.facts {
            let found = match wanted {
                RowFact::ChangeKind => input.ops.map(|f| (f.len(), fact(f))),
                RowFact::CommitTime => input.commit_time.map(|f| (f.len(), fact(f))),
                RowFact::Seed => input.seeds.map(|f| (f.len(), fact(f))),
            };
            match found {
                Some((rows, fact)) if rows == input.rows => lowered.push(fact),
                _ => return Err(self.misfit(format!("no {wanted:?} for each row"))),
            }
        }
        Ok(lowered)
    }
}
