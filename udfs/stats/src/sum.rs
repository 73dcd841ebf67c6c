//! `sum` and `avg`: of integers and decimals here, of floating-point numbers in [`crate::float`].
//!
//! The accumulator is the exact sum in limbs that no number of rows can overflow; what is too
//! large for the result's type errs when it is asked for, and is gone when the rows are.

use std::marker::PhantomData;

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{
    Argument, Batch, BindError, BoundAggregate, DataType, DecimalType, Field, FlaggedRow, FunctionInfo, RowError,
};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::integer::{Int, Narrow, Whole, Wide};
use crate::natural::Natural;
use crate::numbers::Numbers;
use crate::types::{self, required};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sum,
    Average,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Average => "avg",
        }
    }
}

pub(crate) fn info(kind: Kind) -> FunctionInfo {
    let (what, result) = match kind {
        Kind::Sum => ("The sum of the values that are not NULL", "decimal(p + 22, s)"),
        Kind::Average => ("The mean of the values that are not NULL", "decimal(p + 4, s + 4)"),
    };
    call::info(
        kind.name(),
        format!(
            "{what}; NULL when there are none. Integers and decimals give {result} as in MySQL, computed exactly; a \
             result beyond 65 digits is an error of the group (`out-of-range`), which goes when its rows do. \
             Floating-point numbers give the float64 nearest to the exact result, so that neither the order of the \
             rows nor rows taken out again leave a trace. Exact under retraction; 24 to 48 bytes per group, more \
             where floats of very different sizes meet."
        ),
        vec![call::number()],
        &format!("{result}, or float64"),
        Vec::new(),
    )
}

pub(crate) fn bind(kind: Kind, args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    let name = kind.name();
    call::ensure_arguments(name, args, 1, 1)?;
    Config::new(name, config, &[])?;
    let field = call::column(name, args, 0)?;
    Ok(match field.data_type {
        DataType::Boolean | DataType::Uint8 => exact::<u8, 2>(kind, field),
        DataType::Int8 => exact::<i8, 2>(kind, field),
        DataType::Int16 => exact::<i16, 2>(kind, field),
        DataType::Int32 => exact::<i32, 2>(kind, field),
        DataType::Int64 => exact::<i64, 2>(kind, field),
        DataType::Uint16 => exact::<u16, 2>(kind, field),
        DataType::Uint32 => exact::<u32, 2>(kind, field),
        DataType::Uint64 => exact::<u64, 2>(kind, field),
        DataType::Decimal(DecimalType { precision: 0..=19, .. }) => exact::<Narrow, 2>(kind, field),
        DataType::Decimal(DecimalType { precision: 20..=38, .. }) => exact::<Narrow, 3>(kind, field),
        DataType::Decimal(_) => exact::<Wide, 5>(kind, field),
        DataType::Float32 => crate::float::bind::<f32>(kind),
        DataType::Float64 => crate::float::bind::<f64>(kind),
        found => {
            let hint = "convert it in a map step, as in CAST(… AS DECIMAL(20,2)), or name another column";
            return Err(call::wrong_type(name, 0, "numbers", found, hint));
        }
    })
}

fn exact<T: Whole, const N: usize>(kind: Kind, field: &Field) -> Box<dyn BoundAggregate> {
    // The caller has chosen T by the type.
    let argument = types::exact(field).unwrap_or(DecimalType { precision: types::PRECISION_MAX, scale: 0 });
    let result = match kind {
        Kind::Sum => types::sum_of(argument),
        Kind::Average => types::average_of(argument),
    };
    let function = Sum { kind, from: field.data_type, argument, result, values: PhantomData::<T> };
    let result = types::result(kind.name(), DataType::Decimal(result));
    let state = vec![required("sum", state_type::<N>(argument.scale)), required("rows", DataType::Int64)];
    Bound::<Sum<T, N>>::new(function, vec![0], result, Layout::Single, state).boxed()
}

/// Sums of two limbs leave as decimals, which they fit; larger ones as their fewest bytes.
pub(crate) fn state_type<const N: usize>(scale: u8) -> DataType {
    match N {
        2 => DataType::Decimal(DecimalType { precision: 38, scale }),
        _ => DataType::Binary,
    }
}

/// Appends a sum to a state.
pub(crate) fn write_state<const N: usize>(sum: &Int<N>, out: &mut Writer) {
    if N == 2 {
        let mut bytes = [0; 16];
        for (target, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(sum.0) {
            *target = limb.to_le_bytes();
        }
        out.push(&bytes);
    } else {
        out.push_with(|out| sum.append_bytes(out));
    }
}

/// A sum in a state.
pub(crate) fn read_state<const N: usize>(state: &Reader, row: usize) -> Result<Int<N>, String> {
    let bytes = state.bytes(row);
    Int::from_bytes(bytes)
        .ok_or_else(|| format!("the state has a sum of {} bytes; needed up to {}", bytes.len(), N * 8))
}

struct Sum<T, const N: usize> {
    kind: Kind,
    from: DataType,
    argument: DecimalType,
    result: DecimalType,
    values: PhantomData<T>,
}

/// The sum of the values that are not NULL, and how many there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summed<const N: usize> {
    sum: Int<N>,
    rows: i64,
}

impl<T: Whole, const N: usize> Function for Sum<T, N> {
    type Rows = Numbers<T>;
    type Group = Summed<N>;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Numbers<T>, String> {
        Numbers::open(batch, self.from)
    }

    #[inline(always)]
    fn add(&self, group: &mut Summed<N>, value: T) {
        group.sum.add(value.to_int());
        group.rows = group.rows.wrapping_add(1);
    }

    #[inline(always)]
    fn retract(&self, group: &mut Summed<N>, value: T) {
        group.sum.subtract(value.to_int());
        group.rows = group.rows.wrapping_sub(1);
    }

    fn evaluate(&self, group: &Summed<N>, out: &mut Writer) -> Result<(), RowError> {
        let Some(rows) = u64::try_from(group.rows).ok().filter(|rows| *rows > 0) else {
            out.push_null();
            return Ok(());
        };
        let negative = group.sum.is_negative();
        let magnitude = match self.kind {
            Kind::Sum => group.sum.magnitude(),
            Kind::Average => average(group.sum.magnitude(), rows, self.argument.scale, self.result.scale),
        };
        push_decimal(&magnitude, negative, self.result, self.kind.name(), out)
    }

    fn snapshot(&self, group: &Summed<N>, out: &mut [Writer]) -> u32 {
        write_state(&group.sum, &mut out[0]);
        out[1].push_i64(group.rows);
        1
    }

    fn merge(&self, group: &mut Summed<N>, state: &[Reader], row: usize) -> Result<(), String> {
        group.sum.add(read_state(&state[0], row)?);
        group.rows = group.rows.wrapping_add(state[1].i64(row));
        Ok(())
    }
}

/// The magnitude of a mean at the scale of the result, as MySQL gives it: rounded half away from
/// zero, or cut off at scales where the digits that it computes end with those it shows.
fn average(mut sum: Natural, rows: u64, scale: u8, to: u8) -> Natural {
    sum.multiply_small(10u64.pow(u32::from(to.saturating_sub(scale))));
    let rest = sum.divide_small(rows);
    if rest >= rows.div_ceil(2) && digits_of_quotient(scale) > to {
        sum.increment();
    }
    sum
}

/// The digits behind the point that MySQL computes of a sum of this scale divided by its rows:
/// whole words of nine, of which there are enough for the scale and four more.
fn digits_of_quotient(scale: u8) -> u8 {
    let words = |digits: u8| digits.div_ceil(9) * 9;
    words(words(scale) + 4u8.saturating_sub(words(scale) - scale))
}

/// Appends a decimal, or says that it has too many digits.
fn push_decimal(
    magnitude: &Natural,
    negative: bool,
    decimal: DecimalType,
    name: &str,
    out: &mut Writer,
) -> Result<(), RowError> {
    let fits = magnitude.bits() <= 64 || *magnitude < Natural::power_of_ten(u32::from(decimal.precision));
    let pushed = match types::is_wide(decimal) {
        true => magnitude.to_bytes::<32>(negative).filter(|_| fits).map(|bytes| out.push(&bytes)),
        false => magnitude.to_bytes::<16>(negative).filter(|_| fits).map(|bytes| out.push(&bytes)),
    };
    pushed.ok_or_else(|| {
        RowError::new(
            "out-of-range",
            format!(
                "the {name} has more digits than decimal({},{}) holds; use a smaller scale, or float64",
                decimal.precision, decimal.scale
            ),
        )
    })
}
