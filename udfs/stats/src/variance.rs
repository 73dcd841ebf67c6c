//! `var_pop`, `var_samp`, `stddev_pop`, `stddev_samp` and MySQL's other names for them.
//!
//! The accumulator is the exact sum of the values and that of their squares, as integers over a
//! unit: 10^-scale of a decimal, 2^-1074 of a double, and the square of it. The variance is a
//! quotient of integers then, which is rounded once, to the nearest double. Nothing cancels out,
//! as it does in sums that are rounded on the way.

use std::marker::PhantomData;

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{
    Argument, Batch, BindError, BoundAggregate, DataType, DecimalType, Field, Fixed, FlaggedRow, FunctionInfo, RowError,
};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::exact::{Exact, UNIT};
use crate::float::Special;
use crate::integer::{Int, Narrow, Whole, Wide};
use crate::natural::Natural;
use crate::numbers::Numbers;
use crate::sum::{read_state, state_type, write_state};
use crate::types::{self, required};

/// What is computed, and under which name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) name: &'static str,
    /// Of a sample: divided by the rows but one.
    pub(crate) sample: bool,
    /// The square root of it.
    pub(crate) root: bool,
}

pub(crate) fn info(spread: Spread) -> FunctionInfo {
    let what = if spread.root { "standard deviation" } else { "variance" };
    let (of, least) = if spread.sample { ("sample", "fewer than two") } else { ("population", "none") };
    call::info(
        spread.name,
        format!(
            "The {of} {what} of the values that are not NULL, as float64; NULL when there are {least}. Computed from \
             the exact sums of values and squares and rounded once, so that neither the order of the rows nor rows \
             taken out again leave a trace. Beyond float64 it is an error of the group (`out-of-range`). Exact under \
             retraction; 48 to 112 bytes per group, more where floats of very different sizes meet."
        ),
        vec![call::number()],
        "float64",
        Vec::new(),
    )
}

pub(crate) fn bind(spread: Spread, args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    let name = spread.name;
    call::ensure_arguments(name, args, 1, 1)?;
    Config::new(name, config, &[])?;
    let field = call::column(name, args, 0)?;
    Ok(match field.data_type {
        DataType::Boolean | DataType::Uint8 => exact::<u8, 2, 3>(spread, field),
        DataType::Int8 => exact::<i8, 2, 3>(spread, field),
        DataType::Int16 => exact::<i16, 2, 3>(spread, field),
        DataType::Int32 => exact::<i32, 2, 3>(spread, field),
        DataType::Int64 => exact::<i64, 2, 3>(spread, field),
        DataType::Uint16 => exact::<u16, 2, 3>(spread, field),
        DataType::Uint32 => exact::<u32, 2, 3>(spread, field),
        DataType::Uint64 => exact::<u64, 2, 3>(spread, field),
        DataType::Decimal(DecimalType { precision: 0..=19, .. }) => exact::<Narrow, 2, 3>(spread, field),
        DataType::Decimal(DecimalType { precision: 20..=38, .. }) => exact::<Narrow, 3, 5>(spread, field),
        DataType::Decimal(_) => exact::<Wide, 5, 8>(spread, field),
        DataType::Float32 => float::<f32>(spread),
        DataType::Float64 => float::<f64>(spread),
        found => {
            let hint = "convert it in a map step, as in CAST(… AS DECIMAL(20,2)), or name another column";
            return Err(call::wrong_type(name, 0, "numbers", found, hint));
        }
    })
}

fn exact<T: Whole, const N: usize, const M: usize>(spread: Spread, field: &Field) -> Box<dyn BoundAggregate> {
    let scale = types::exact(field).map_or(0, |decimal| decimal.scale);
    let function = ExactSpread { spread, from: field.data_type, scale, values: PhantomData::<T> };
    let result = types::result(spread.name, DataType::Float64);
    let state = vec![
        required("sum", state_type::<N>(scale)),
        required("squares", DataType::Binary),
        required("rows", DataType::Int64),
    ];
    Bound::<ExactSpread<T, N, M>>::new(function, vec![0], result, Layout::Single, state).boxed()
}

fn float<T: Fixed + Into<f64>>(spread: Spread) -> Box<dyn BoundAggregate> {
    let function = FloatSpread { spread, values: PhantomData::<T> };
    let result = types::result(spread.name, DataType::Float64);
    let state = vec![
        required("sum", DataType::Binary),
        required("squares", DataType::Binary),
        required("special", DataType::Binary),
        required("rows", DataType::Int64),
    ];
    Bound::new(function, vec![0], result, Layout::Single, state).boxed()
}

impl Spread {
    /// Appends the result of the square of the sum and the sum of the squares, over the unit
    /// `10^-(2 * scale) * 2^exponent`.
    fn evaluate(
        self,
        square: &Natural,
        squares: &Natural,
        rows: i64,
        scale: u8,
        exponent: i64,
        out: &mut Writer,
    ) -> Result<(), RowError> {
        let rows = u64::try_from(rows).unwrap_or(0);
        let divisor = if self.sample { rows.saturating_sub(1) } else { rows };
        // (rows * squares - sum^2) / (rows * divisor)
        let mut deviation = squares.clone();
        deviation.multiply_small(rows);
        if divisor == 0 || deviation < *square {
            out.push_null();
            return Ok(());
        }
        deviation.subtract(square);
        let mut denominator = Natural::power_of_ten(2 * u32::from(scale));
        denominator.multiply_small(rows);
        denominator.multiply_small(divisor);
        let variance = deviation.ratio_to_f64(&denominator, exponent);
        let variance = variance.ok_or_else(|| RowError::new("out-of-range", "the variance is beyond float64"))?;
        self.push(variance, out);
        Ok(())
    }

    fn push(self, variance: f64, out: &mut Writer) {
        out.push(&if self.root { variance.sqrt() } else { variance }.to_le_bytes());
    }
}

struct ExactSpread<T, const N: usize, const M: usize> {
    spread: Spread,
    from: DataType,
    scale: u8,
    values: PhantomData<T>,
}

/// The sums of the values that are not NULL and of their squares, and how many there are.
#[derive(Clone, Debug, Default)]
struct Moments<const N: usize, const M: usize> {
    sum: Int<N>,
    squares: Int<M>,
    rows: i64,
}

impl<T: Whole, const N: usize, const M: usize> Function for ExactSpread<T, N, M> {
    type Rows = Numbers<T>;
    type Group = Moments<N, M>;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Numbers<T>, String> {
        Numbers::open(batch, self.from)
    }

    #[inline(always)]
    fn add(&self, group: &mut Moments<N, M>, value: T) {
        let value: Int<N> = value.to_int();
        group.sum.add(value);
        group.squares.add(value.square());
        group.rows = group.rows.wrapping_add(1);
    }

    #[inline(always)]
    fn retract(&self, group: &mut Moments<N, M>, value: T) {
        let value: Int<N> = value.to_int();
        group.sum.subtract(value);
        group.squares.subtract(value.square());
        group.rows = group.rows.wrapping_sub(1);
    }

    fn evaluate(&self, group: &Moments<N, M>, out: &mut Writer) -> Result<(), RowError> {
        let (sum, squares) = (group.sum.magnitude(), group.squares.magnitude());
        self.spread.evaluate(&sum.multiply(&sum), &squares, group.rows, self.scale, 0, out)
    }

    fn snapshot(&self, group: &Moments<N, M>, out: &mut [Writer]) -> u32 {
        write_state(&group.sum, &mut out[0]);
        write_state(&group.squares, &mut out[1]);
        out[2].push_i64(group.rows);
        1
    }

    fn merge(&self, group: &mut Moments<N, M>, state: &[Reader], row: usize) -> Result<(), String> {
        let (sum, squares) = (read_state(&state[0], row)?, read_state(&state[1], row)?);
        group.sum.add(sum);
        group.squares.add(squares);
        group.rows = group.rows.wrapping_add(state[2].i64(row));
        Ok(())
    }
}

struct FloatSpread<T> {
    spread: Spread,
    values: PhantomData<T>,
}

/// The same over doubles; what is not finite is counted.
#[derive(Clone, Debug, Default)]
struct FloatMoments {
    sum: Exact,
    squares: Exact,
    special: Special,
    rows: i64,
}

impl FloatMoments {
    fn change(&mut self, value: f64, out: bool) {
        let by = if out { -1 } else { 1 };
        if value.is_finite() {
            self.sum.add(value, out);
            self.squares.add_square(value, out);
        } else {
            self.special.count(value, by);
        }
        self.rows = self.rows.wrapping_add(by);
    }
}

impl<T: Fixed + Into<f64>> Function for FloatSpread<T> {
    type Rows = Numbers<T>;
    type Group = FloatMoments;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Numbers<T>, String> {
        Numbers::open(batch, T::DATA_TYPE)
    }

    #[inline(always)]
    fn add(&self, group: &mut FloatMoments, value: T) {
        group.change(value.into(), false);
    }

    #[inline(always)]
    fn retract(&self, group: &mut FloatMoments, value: T) {
        group.change(value.into(), true);
    }

    fn evaluate(&self, group: &FloatMoments, out: &mut Writer) -> Result<(), RowError> {
        if group.special.sum().is_some() && group.rows > i64::from(self.spread.sample) {
            // Neither an infinity nor NaN has a distance from a mean.
            self.spread.push(f64::NAN, out);
            return Ok(());
        }
        let ((_, sum, low), (_, squares, own)) = (group.sum.to_natural(), group.squares.to_natural());
        // Both over the smaller of their units.
        let shift = usize::min(2 * low, own);
        let square = sum.multiply(&sum).shift_left(2 * low - shift);
        let squares = squares.shift_left(own - shift);
        self.spread.evaluate(&square, &squares, group.rows, 0, shift as i64 - 2 * UNIT, out)
    }

    fn snapshot(&self, group: &FloatMoments, out: &mut [Writer]) -> u32 {
        out[0].push_with(|out| group.sum.append_bytes(out));
        out[1].push_with(|out| group.squares.append_bytes(out));
        group.special.snapshot(&mut out[2]);
        out[3].push_i64(group.rows);
        1
    }

    fn merge(&self, group: &mut FloatMoments, state: &[Reader], row: usize) -> Result<(), String> {
        group.sum.merge_bytes(state[0].bytes(row))?;
        group.squares.merge_bytes(state[1].bytes(row))?;
        group.special.merge(state[2].bytes(row))?;
        group.rows = group.rows.wrapping_add(state[3].i64(row));
        Ok(())
    }
}
