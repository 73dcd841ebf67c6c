//! `sum` and `avg` of floating-point numbers, exact until the result is rounded once.

use std::marker::PhantomData;

use rowmill_sdk::{Batch, BoundAggregate, DataType, Field, Fixed, FlaggedRow, RowError};

use crate::aggregate::{Bound, Function, Layout};
use crate::columns::{Reader, Writer};
use crate::exact::{Exact, UNIT};
use crate::natural::Natural;
use crate::numbers::Numbers;
use crate::sum::Kind;
use crate::types::{self, required};

pub(crate) fn bind<T: Fixed + Into<f64>>(kind: Kind) -> Box<dyn BoundAggregate> {
    let result = types::result(kind.name(), DataType::Float64);
    let function = FloatSum { kind, values: PhantomData::<T> };
    Bound::new(function, vec![0], result, Layout::Single, state()).boxed()
}

/// The columns of a state: the sum, what is not finite, how many values.
fn state() -> Vec<Field> {
    vec![required("sum", DataType::Binary), required("special", DataType::Binary), required("rows", DataType::Int64)]
}

/// What is not finite, counted, so that it can be taken out again.
///
/// Invariant: `None` when all are 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Special(Option<Box<[i64; 3]>>);

impl Special {
    /// Counts NaN or an infinity.
    #[cold]
    pub(crate) fn count(&mut self, value: f64, by: i64) {
        let kind = if value.is_nan() { 0 } else { 1 + usize::from(value < 0.0) };
        let mut counts = [0; 3];
        counts[kind] = by;
        self.add(counts);
    }

    fn add(&mut self, by: [i64; 3]) {
        let mut counts = self.0.take().unwrap_or_default();
        counts.iter_mut().zip(by).for_each(|(count, by)| *count = count.wrapping_add(by));
        self.0 = (*counts != [0; 3]).then_some(counts);
    }

    /// What a sum with these values is; `None` when there are none.
    pub(crate) fn sum(&self) -> Option<f64> {
        match **self.0.as_ref()? {
            [0, 0, 0] => None,
            [0, _, 0] => Some(f64::INFINITY),
            [0, 0, _] => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }

    pub(crate) fn snapshot(&self, out: &mut Writer) {
        out.push_with(|out| self.0.iter().flat_map(|counts| **counts).for_each(|n| out.extend(n.to_le_bytes())));
    }

    pub(crate) fn merge(&mut self, bytes: &[u8]) -> Result<(), String> {
        match bytes.as_chunks::<8>() {
            ([], []) => Ok(()),
            ([nan, positive, negative], []) => {
                self.add([nan, positive, negative].map(|count| i64::from_le_bytes(*count)));
                Ok(())
            }
            _ => Err(format!("the state counts special values in {} bytes; needed 24", bytes.len())),
        }
    }
}

struct FloatSum<T> {
    kind: Kind,
    values: PhantomData<T>,
}

/// The exact sum of the finite values, the other ones, and how many values there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summed {
    sum: Exact,
    special: Special,
    rows: i64,
}

impl Summed {
    #[inline(always)]
    fn change(&mut self, value: f64, out: bool) {
        let by = if out { -1 } else { 1 };
        if value.is_finite() {
            self.sum.add(value, out);
        } else {
            self.special.count(value, by);
        }
        self.rows = self.rows.wrapping_add(by);
    }
}

impl<T: Fixed + Into<f64>> Function for FloatSum<T> {
    type Rows = Numbers<T>;
    type Group = Summed;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Numbers<T>, String> {
        Numbers::open(batch, T::DATA_TYPE)
    }

    #[inline(always)]
    fn add(&self, group: &mut Summed, value: T) {
        group.change(value.into(), false);
    }

    #[inline(always)]
    fn retract(&self, group: &mut Summed, value: T) {
        group.change(value.into(), true);
    }

    fn evaluate(&self, group: &Summed, out: &mut Writer) -> Result<(), RowError> {
        let Some(rows) = u64::try_from(group.rows).ok().filter(|rows| *rows > 0) else {
            out.push_null();
            return Ok(());
        };
        let result = group.special.sum().or_else(|| {
            let (negative, magnitude, shift) = group.sum.to_natural();
            let exponent = shift as i64 - UNIT;
            let result = match self.kind {
                Kind::Sum => magnitude.to_f64(exponent, false),
                Kind::Average => magnitude.ratio_to_f64(&Natural::from(rows), exponent),
            };
            result.map(|result| if negative { -result } else { result })
        });
        let name = self.kind.name();
        let result = result.ok_or_else(|| RowError::new("out-of-range", format!("the {name} is beyond float64")))?;
        out.push(&result.to_le_bytes());
        Ok(())
    }

    fn snapshot(&self, group: &Summed, out: &mut [Writer]) -> u32 {
        out[0].push_with(|out| group.sum.append_bytes(out));
        group.special.snapshot(&mut out[1]);
        out[2].push_i64(group.rows);
        1
    }

    fn merge(&self, group: &mut Summed, state: &[Reader], row: usize) -> Result<(), String> {
        group.sum.merge_bytes(state[0].bytes(row))?;
        group.special.merge(state[1].bytes(row))?;
        group.rows = group.rows.wrapping_add(state[2].i64(row));
        Ok(())
    }
}
