//! `percentile`: DDSketch, a histogram whose buckets grow with the values.
//!
//! A value in a bucket is off by at most `accuracy` of itself from the value that the bucket stands
//! for. Buckets only count, so they add up across states, and a row can be taken out again. (Masson,
//! Rim and Lee, "DDSketch", 2019.)
//!
//! Which bucket a value belongs to must be the same for ever and everywhere, because rows are taken
//! out of it; so the logarithm is not that of a library. Between powers of two it is approximated by
//! a parabola, which needs additions and multiplications alone, and 1/8 more buckets.

use std::marker::PhantomData;

use rowmill_sdk::serde_json::{Value as Json, json};
use rowmill_sdk::{
    Argument, Batch, BindError, BoundAggregate, ConfigKey, DataType, DecimalType, Fixed, FlaggedRow, FunctionInfo,
    RowError,
};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::integer::{Int, Narrow, Whole, Wide};
use crate::multiset::Multiset;
use crate::numbers::Numbers;
use crate::types::{self, required};

const NAME: &str = "percentile";
const P: &str = "p";
const ACCURACY: &str = "accuracy";
const ACCURACY_DEFAULT: f64 = 0.01;

pub(crate) fn info() -> FunctionInfo {
    let p = ConfigKey {
        name: P.to_owned(),
        docs: "Which part of the values is below the result: 0.5 is the median, 0.95 the 95th percentile.".to_owned(),
        required: true,
        default_json: None,
    };
    let accuracy = call::key(
        ACCURACY,
        "How far the result may be from a value, as a part of it: 0.0001 to 0.5.",
        json!(ACCURACY_DEFAULT),
    );
    call::info(
        NAME,
        "A value, as float64, that about the part `p` of the values is below (DDSketch): within `accuracy` of the \
         value at rank p * (rows - 1). NULL values are left out; NULL when there is none; NaN and infinities are row \
         errors (`not-finite`); what is smaller than 2.3e-308 counts as 0. Retraction leaves no trace; 16 bytes per \
         group and bucket, of which values of one order of magnitude need some 130 at an accuracy of 0.01. `median` \
         is exact.",
        vec![call::number()],
        "float64",
        vec![p, accuracy],
    )
}

pub(crate) fn bind(args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    call::ensure_arguments(NAME, args, 1, 1)?;
    let config = Config::new(NAME, config, &[P, ACCURACY])?;
    // What is left out is outside, too.
    let p = config.number(P, -1.0, "a number from 0 to 1", |p| (0.0..=1.0).contains(&p))?;
    if p < 0.0 {
        return Err(BindError::config(P, "percentile needs p, a number from 0 to 1, such as 0.95"));
    }
    let inside = |accuracy| (0.0001..=0.5).contains(&accuracy);
    let accuracy = config.number(ACCURACY, ACCURACY_DEFAULT, "a number from 0.0001 to 0.5", inside)?;
    let field = call::column(NAME, args, 0)?;
    let scale = types::exact(field).map_or(0, |decimal| decimal.scale);
    let shape = Shape { from: field.data_type, p, accuracy, buckets: Buckets::new(accuracy), unit: power(scale) };
    Ok(match field.data_type {
        DataType::Boolean | DataType::Uint8 => bound::<u8>(shape),
        DataType::Int8 => bound::<i8>(shape),
        DataType::Int16 => bound::<i16>(shape),
        DataType::Int32 => bound::<i32>(shape),
        DataType::Int64 => bound::<i64>(shape),
        DataType::Uint16 => bound::<u16>(shape),
        DataType::Uint32 => bound::<u32>(shape),
        DataType::Uint64 => bound::<u64>(shape),
        DataType::Decimal(DecimalType { precision: 0..=38, .. }) => bound::<Narrow>(shape),
        DataType::Decimal(_) => bound::<Wide>(shape),
        DataType::Float32 => bound::<f32>(shape),
        DataType::Float64 => bound::<f64>(shape),
        found => {
            let hint = "convert it in a map step, as in CAST(… AS DOUBLE), or name another column";
            return Err(call::wrong_type(NAME, 0, "numbers", found, hint));
        }
    })
}

fn power(scale: u8) -> f64 {
    (0..scale).fold(1.0, |power, _| power * 10.0)
}

fn bound<T: Approximate>(shape: Shape) -> Box<dyn BoundAggregate> {
    let accuracy = shape.accuracy.to_string();
    let state = vec![required("bucket", DataType::Int64).with(ACCURACY, accuracy), required("count", DataType::Int64)];
    let result = types::result(NAME, DataType::Float64);
    let function = Percentile { shape, values: PhantomData::<T> };
    Bound::new(function, vec![0], result, Layout::Several, state).boxed()
}

/// A number as the double that is about it, the same one everywhere.
trait Approximate: Fixed {
    fn approximate(self) -> f64;
}

macro_rules! approximate {
    ($($type:ty)*) => { $(
        impl Approximate for $type {
            #[inline(always)]
            fn approximate(self) -> f64 {
                self as f64
            }
        }
    )* };
}
approximate! { i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 }

impl Approximate for Narrow {
    fn approximate(self) -> f64 {
        self.unscaled() as f64
    }
}

impl Approximate for Wide {
    fn approximate(self) -> f64 {
        let value: Int<5> = self.to_int();
        let limbs = value.0.iter().rev();
        // Two's complement: the highest limb is signed.
        limbs
            .skip(1)
            .fold(value.0[4].cast_signed() as f64, |sum, limb| sum * 18_446_744_073_709_551_616.0 + *limb as f64)
    }
}

/// Where the buckets are.
#[derive(Clone, Copy, Debug)]
struct Buckets {
    /// Buckets per power of two.
    density: f64,
}

/// Beyond the number of any bucket of positive values: at an accuracy of 0.0001 a power of two has
/// 3,750 buckets, and there are 2,046 powers.
const OFFSET: i64 = 1 << 23;

impl Buckets {
    fn new(accuracy: f64) -> Self {
        // The bounds of a bucket are at most (1 + a) / (1 - a) apart, whose logarithm is 2 artanh(a).
        let mut power = accuracy;
        let mut artanh = 0.0;
        for n in 0..64 {
            artanh += power / f64::from(2 * n + 1);
            power *= accuracy * accuracy;
        }
        // The parabola rises at least 4/3 as fast as the natural logarithm.
        Self { density: 0.75 / (2.0 * artanh) }
    }

    /// The bucket of a finite value; buckets rise with their values.
    #[inline]
    fn of(self, value: f64) -> i64 {
        let magnitude = value.abs();
        if magnitude < f64::MIN_POSITIVE {
            return 0;
        }
        let bits = magnitude.to_bits();
        let exponent = (bits >> 52) as i64 - 1023;
        // From 1 to below 2.
        let s = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
        let logarithm = exponent as f64 - (s - 5.0) * (s - 1.0) / 3.0;
        let bucket = (logarithm * self.density).ceil() as i64 + OFFSET;
        if value < 0.0 { -bucket } else { bucket }
    }

    /// The value that a bucket stands for.
    fn value(self, bucket: i64) -> f64 {
        if bucket == 0 {
            return 0.0;
        }
        let number = (bucket.abs() - OFFSET) as f64;
        let (low, high) = (inverse((number - 1.0) / self.density), inverse(number / self.density));
        // 2 * low * high / (low + high), which is as far from both, as a part of them.
        let value = low * (2.0 / (1.0 + low / high));
        if bucket < 0 { -value } else { value }
    }
}

/// The number with this approximate logarithm.
fn inverse(logarithm: f64) -> f64 {
    let exponent = logarithm.floor();
    let s = 3.0 - (4.0 - 3.0 * (logarithm - exponent)).sqrt();
    match exponent as i64 {
        ..-1022 => f64::MIN_POSITIVE,
        1024.. => f64::MAX,
        exponent => (s * f64::from_bits(((exponent + 1023) as u64) << 52)).min(f64::MAX),
    }
}

/// What `bind` settled.
#[derive(Clone, Copy, Debug)]
struct Shape {
    from: DataType,
    p: f64,
    accuracy: f64,
    buckets: Buckets,
    /// What an unscaled decimal is divided by.
    unit: f64,
}

struct Percentile<T> {
    shape: Shape,
    values: PhantomData<T>,
}

impl<T: Approximate> Percentile<T> {
    /// The bucket as a key of a set.
    #[inline]
    fn key(&self, value: T) -> u64 {
        key_of(self.shape.buckets.of(value.approximate() / self.shape.unit))
    }
}

fn key_of(bucket: i64) -> u64 {
    bucket.cast_unsigned() ^ 1 << 63
}

fn bucket_of(key: u64) -> i64 {
    (key ^ 1 << 63).cast_signed()
}

impl<T: Approximate> Function for Percentile<T> {
    type Rows = Numbers<T>;
    type Group = Multiset<u64>;

    fn open(&self, batch: Batch, errors: &mut Vec<FlaggedRow>) -> Result<Numbers<T>, String> {
        let numbers = Numbers::open(batch, self.shape.from)?;
        Ok(numbers.refuse(errors, |value: T| {
            let finite = value.approximate().is_finite();
            (!finite).then(|| RowError::new("not-finite", "percentile takes finite numbers, found NaN or an infinity"))
        }))
    }

    #[inline]
    fn add(&self, group: &mut Multiset<u64>, value: T) {
        group.change(&self.key(value), 1);
    }

    #[inline]
    fn retract(&self, group: &mut Multiset<u64>, value: T) {
        group.change(&self.key(value), -1);
    }

    fn evaluate(&self, group: &Multiset<u64>, out: &mut Writer) -> Result<(), RowError> {
        let rows: u64 = group.present().map(|(_, count)| count).sum();
        let rank = (self.shape.p * (rows.saturating_sub(1)) as f64) as u64;
        let mut below = 0;
        for (key, count) in group.present() {
            below += count;
            if below > rank {
                out.push(&self.shape.buckets.value(bucket_of(*key)).to_le_bytes());
                return Ok(());
            }
        }
        out.push_null();
        Ok(())
    }

    fn snapshot(&self, group: &Multiset<u64>, out: &mut [Writer]) -> u32 {
        let mut rows = 0;
        for (key, count) in group.iter() {
            out[0].push_i64(bucket_of(*key));
            out[1].push_i64(count);
            rows += 1;
        }
        rows
    }

    fn merge(&self, group: &mut Multiset<u64>, state: &[Reader], row: usize) -> Result<(), String> {
        group.change(&key_of(state[0].i64(row)), state[1].i64(row));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_for_its_values_within_the_accuracy() {
        for accuracy in [0.0001, 0.01, 0.1, 0.5] {
            let buckets = Buckets::new(accuracy);
            let mut before = i64::MIN;
            let mut value = -1e300;
            while value < 1e300 {
                let bucket = buckets.of(value);
                let stands_for = buckets.value(bucket);
                let error = (stands_for - value).abs();
                assert!(error <= accuracy * value.abs() * (1.0 + 1e-9), "{accuracy}: {value} is shown as {stands_for}");
                assert!(bucket >= before, "{value}");
                before = bucket;
                value = if value < -1e-300 {
                    value * 0.9973
                } else if value < 1e-300 {
                    value + 7e-301
                } else {
                    value * 1.0027
                };
            }
            for value in [f64::MAX, f64::MIN_POSITIVE, 1.0, 2.0, 0.5] {
                let stands_for = buckets.value(buckets.of(value));
                assert!(
                    (stands_for / value - 1.0).abs() <= accuracy * (1.0 + 1e-9),
                    "{accuracy}: {value} {stands_for}"
                );
            }
            assert_eq!(buckets.value(buckets.of(5e-324)), 0.0);
        }
    }
}
