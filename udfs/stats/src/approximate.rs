//! `approx_count_distinct`: HyperLogLog.
//!
//! 2^precision registers hold the largest number of leading zeros, plus one, that a hash had whose
//! first bits are the register's number. A maximum forgets what is below it, so rows cannot be taken
//! out again. The count is computed from the registers as Otmar Ertl describes in "New cardinality
//! estimation algorithms for HyperLogLog sketches" (2017, "improved raw estimator"): without tables,
//! and good from 0 on.
//!
//! A group begins with a sorted list of the registers that are not 0, and changes to all registers
//! when the list would take as much.

use rowmill_sdk::bitmap::Bitmap;
use rowmill_sdk::serde_json::{Value as Json, json};
use rowmill_sdk::{Argument, Arity, Batch, BindError, BoundAggregate, DataType, FlaggedRow, FunctionInfo, RowError};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::distinct;
use crate::groups::Rows;
use crate::order::Order;
use crate::types::required;

const NAME: &str = "approx_count_distinct";
const PRECISION: &str = "precision";
/// A standard error of 1.6 % at 4 KiB per group; one more halves the variance and doubles the memory.
const PRECISION_DEFAULT: u64 = 12;

pub(crate) fn info() -> FunctionInfo {
    call::info(
        NAME,
        "About how many different values, or combinations of values, there are (HyperLogLog); rows where one is NULL \
         are left out. Never NULL: 0 without rows. Up to 2^precision bytes per group, few while there are few values. \
         Rows cannot be taken out: for sources with updates or deletes `count_distinct` is the exact variant. Texts \
         are the same when their column's collation says so.",
        vec![
            call::parameter("value", "Any type.", Arity::One),
            call::parameter("more", "Further columns of the combination.", Arity::Repeated),
        ],
        "int64",
        vec![call::key(
            PRECISION,
            "4 to 18; the standard error is 1.04 / 2^(precision / 2), so 12 means 1.6 %.",
            json!(PRECISION_DEFAULT),
        )],
    )
}

pub(crate) fn bind(args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    call::ensure_arguments(NAME, args, 1, usize::MAX)?;
    let precision = Config::new(NAME, config, &[PRECISION])?.integer(PRECISION, PRECISION_DEFAULT, 4, 18)? as u32;
    let orders = distinct::orders(NAME, args)?;
    let mut registers = required("registers", DataType::Binary).with(PRECISION, precision.to_string());
    for (position, argument) in args.iter().enumerate() {
        let collation = argument.field.attribute("collation").unwrap_or("binary");
        registers = registers.with(format!("argument-{position}"), format!("{} {collation}", argument.field.data_type));
    }
    let reads = (0u32..).take(orders.len()).collect();
    let result = required(NAME, DataType::Int64);
    let function = Approximate { orders, precision };
    Ok(Bound::new(function, reads, result, Layout::Single, vec![registers]).append_only().boxed())
}

struct Approximate {
    orders: Vec<Order>,
    precision: u32,
}

/// The hashes of a batch.
struct Hashes {
    hashes: Vec<u64>,
    validity: Option<Bitmap>,
}

impl Rows for Hashes {
    type Value<'a> = u64;

    fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    #[inline(always)]
    fn value(&self, row: usize) -> u64 {
        self.hashes[row]
    }
}

/// The registers of a group.
#[derive(Clone, Debug)]
enum Registers {
    /// Number and value of those that are not 0, by number: `number << 8 | value`.
    Few(Vec<u32>),
    /// All of them.
    All(Box<[u8]>),
}

impl Default for Registers {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Registers {
    fn raise(&mut self, number: u32, value: u8, precision: u32) {
        match self {
            Self::All(all) => {
                let register = &mut all[number as usize];
                *register = value.max(*register);
            }
            Self::Few(few) => match few.binary_search_by_key(&number, |entry| entry >> 8) {
                Ok(found) => few[found] = few[found].max(number << 8 | u32::from(value)),
                Err(place) => {
                    few.insert(place, number << 8 | u32::from(value));
                    if few.len() * 4 >= 1 << precision {
                        let mut all = vec![0; 1 << precision];
                        few.iter().for_each(|entry| all[(*entry >> 8) as usize] = *entry as u8);
                        *self = Self::All(all.into());
                    }
                }
            },
        }
    }

    /// The registers that are not 0, by number.
    fn iter(&self) -> impl Iterator<Item = (u32, u8)> {
        let (few, all) = match self {
            Self::Few(few) => (few.as_slice(), &[][..]),
            Self::All(all) => (&[][..], &all[..]),
        };
        let few = few.iter().map(|entry| (entry >> 8, *entry as u8));
        few.chain((0u32..).zip(all.iter().copied()).filter(|(_, value)| *value != 0))
    }

    fn estimate(&self, precision: u32) -> f64 {
        let registers = f64::from(1u32 << precision);
        // The largest value is one more.
        let bits = 64 - precision as usize;
        let mut counts = [0u32; 64];
        self.iter().for_each(|(_, value)| counts[usize::from(value).min(bits + 1)] += 1);
        counts[0] = (1 << precision) - counts.iter().sum::<u32>();
        let mut z = registers * tau(1.0 - f64::from(counts[bits + 1]) / registers);
        for count in counts[1..=bits].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += registers * sigma(f64::from(counts[0]) / registers);
        registers / (2.0 * std::f64::consts::LN_2) * registers / z
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// A hash that never changes: states keep what it said. Eight bytes at a time are multiplied into
/// 128 bits whose halves are folded.
fn hash(bytes: &[u8]) -> u64 {
    const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
    const SECOND: u64 = 0xd6e8_feb8_6659_fd93;
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = FIRST ^ (bytes.len() as u64).wrapping_mul(SECOND);
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word), SECOND).wrapping_add(FIRST);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash = fold(hash ^ u64::from_le_bytes(last), FIRST);
    // The finish of splitmix64: every bit of the input reaches every bit of the result.
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

impl Function for Approximate {
    type Rows = Hashes;
    type Group = Registers;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Hashes, String> {
        let rows = batch.rows as usize;
        let (columns, validity) = distinct::open(batch, &self.orders)?;
        let mut key = Vec::new();
        let mut hashes = Vec::with_capacity(rows);
        for row in 0..rows {
            key.clear();
            if validity.as_ref().is_none_or(|bits| bits.get(row)) {
                let columns = self.orders.iter().zip(&columns);
                columns.for_each(|(order, column)| order.append_first(column, row, &mut key));
            }
            hashes.push(hash(&key));
        }
        Ok(Hashes { hashes, validity })
    }

    #[inline]
    fn add(&self, group: &mut Registers, hash: u64) {
        let number = (hash >> (64 - self.precision)) as u32;
        // A one behind the hash bounds the zeros.
        let rest = hash << self.precision | 1 << (self.precision - 1);
        group.raise(number, rest.leading_zeros() as u8 + 1, self.precision);
    }

    /// Never called: the signature lacks the ability.
    fn retract(&self, _: &mut Registers, _: u64) {}

    fn evaluate(&self, group: &Registers, out: &mut Writer) -> Result<(), RowError> {
        // 64 bits of hash cannot tell more values apart.
        out.push_i64(group.estimate(self.precision).round() as i64);
        Ok(())
    }

    fn snapshot(&self, group: &Registers, out: &mut [Writer]) -> u32 {
        let registers = 1usize << self.precision;
        let used = group.iter().count();
        out[0].push_with(|out| {
            if used * 3 < registers {
                // 18 bits of number and 6 of value.
                group.iter().for_each(|(number, value)| {
                    out.extend_from_slice(&(number << 6 | u32::from(value)).to_le_bytes()[..3]);
                });
            } else {
                let start = out.len();
                out.resize(start + registers, 0);
                group.iter().for_each(|(number, value)| out[start + number as usize] = value);
            }
        });
        1
    }

    fn merge(&self, group: &mut Registers, state: &[Reader], row: usize) -> Result<(), String> {
        let bytes = state[0].bytes(row);
        let registers = 1usize << self.precision;
        if bytes.len() == registers {
            for (number, value) in (0u32..).zip(bytes).filter(|(_, value)| **value != 0) {
                group.raise(number, *value, self.precision);
            }
            return Ok(());
        }
        let (entries, rest) = bytes.as_chunks::<3>();
        for [low, middle, high] in entries {
            let entry = u32::from_le_bytes([*low, *middle, *high, 0]);
            if (entry >> 6) as usize >= registers {
                return Err(format!("the state has register {}; needed below {registers}", entry >> 6));
            }
            group.raise(entry >> 6, (entry & 63) as u8, self.precision);
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("the state has registers of {} bytes", bytes.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_within_four_standard_errors_from_none_to_a_million() {
        for precision in [4, 8, 12, 14] {
            let function = Approximate { orders: Vec::new(), precision };
            let mut registers = Registers::default();
            assert_eq!(registers.estimate(precision), 0.0);
            let mut next = 10;
            for value in 0..1_000_000u64 {
                function.add(&mut registers, hash(&value.to_be_bytes()));
                if value + 1 == next {
                    next *= 10;
                    let expected = (value + 1) as f64;
                    let allowed = 4.0 * 1.04 / f64::from(1 << precision).sqrt() * expected;
                    let estimate = registers.estimate(precision);
                    assert!((estimate - expected).abs() <= allowed.max(1.0), "{precision}: {estimate} for {expected}");
                }
            }
        }
    }
}
