//! `bit_and`, `bit_or` and `bit_xor`.
//!
//! A bit of the result depends on how many rows have that bit, so there are 64 counters. They lie
//! across: plane k holds bit k of each counter, and a row is added to all of them at once, with as
//! many steps as there are planes at most, two on average. A group of 1,000 rows has 10 planes, 80
//! bytes. `bit_and` counts the bits that are 0, whose lack is the result; for `bit_xor` the lowest
//! plane is enough, and it never grows.

use std::marker::PhantomData;

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{Argument, Batch, BindError, BoundAggregate, DataType, Fixed, FlaggedRow, FunctionInfo, RowError};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::numbers::Numbers;
use crate::types::required;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    And,
    Or,
    Xor,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::And => "bit_and",
            Self::Or => "bit_or",
            Self::Xor => "bit_xor",
        }
    }
}

pub(crate) fn info(operation: Operation) -> FunctionInfo {
    let (what, empty, memory) = match operation {
        Operation::And => ("The bits that all values have", "all bits", "8 bytes per group and bit of its count"),
        Operation::Or => ("The bits that any value has", "0", "8 bytes per group and bit of its count"),
        Operation::Xor => ("The bits that an odd number of values have", "0", "8 bytes per group"),
    };
    call::info(
        operation.name(),
        format!(
            "{what}, as uint64; negative integers are taken as 64-bit two's complement, NULL is left out. Never NULL: \
             without values {empty}, as in MySQL. Exact under retraction; {memory}."
        ),
        vec![call::integer("Integers.")],
        "uint64",
        Vec::new(),
    )
}

pub(crate) fn bind(
    operation: Operation,
    args: &[Argument],
    config: &Json,
) -> Result<Box<dyn BoundAggregate>, BindError> {
    let name = operation.name();
    call::ensure_arguments(name, args, 1, 1)?;
    Config::new(name, config, &[])?;
    let found = call::column(name, args, 0)?.data_type;
    Ok(match found {
        DataType::Boolean | DataType::Uint8 => bound::<u8>(operation, found),
        DataType::Int8 => bound::<i8>(operation, found),
        DataType::Int16 => bound::<i16>(operation, found),
        DataType::Int32 => bound::<i32>(operation, found),
        DataType::Int64 => bound::<i64>(operation, found),
        DataType::Uint16 => bound::<u16>(operation, found),
        DataType::Uint32 => bound::<u32>(operation, found),
        DataType::Uint64 => bound::<u64>(operation, found),
        found => {
            let hint = "convert it in a map step, as in CAST(… AS UNSIGNED)";
            return Err(call::wrong_type(name, 0, "integers", found, hint));
        }
    })
}

fn bound<T: Pattern>(operation: Operation, from: DataType) -> Box<dyn BoundAggregate> {
    let result = required(operation.name(), DataType::Uint64);
    if operation == Operation::Xor {
        let function = Parity { from, values: PhantomData::<T> };
        return Bound::new(function, vec![0], result, Layout::Single, vec![required("bits", DataType::Uint64)]).boxed();
    }
    let function = Counted { operation, from, values: PhantomData::<T> };
    Bound::new(function, vec![0], result, Layout::Single, vec![required("planes", DataType::Binary)]).boxed()
}

/// An integer as 64 bits.
trait Pattern: Fixed {
    fn bits(self) -> u64;
}

macro_rules! patterns {
    ($($type:ty)*) => { $(
        impl Pattern for $type {
            #[inline(always)]
            fn bits(self) -> u64 {
                // Signed ones repeat their sign.
                self as u64
            }
        }
    )* };
}
patterns! { i8 i16 i32 i64 u8 u16 u32 u64 }

/// 64 counters, bit k of each in plane k; the last plane repeats for ever above, as a sign does.
///
/// Invariant: the last two planes differ, and a single one is not 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counters(Vec<u64>);

impl Counters {
    fn top(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }

    /// Adds 1 to the counters of these bits.
    fn up(&mut self, bits: u64) {
        self.carry(bits, false);
    }

    /// Takes 1 from the counters of these bits.
    fn down(&mut self, bits: u64) {
        self.carry(bits, true);
    }

    fn carry(&mut self, bits: u64, borrow: bool) {
        // One plane more than the signs have is room for any counter and 1.
        if self.0.is_empty() {
            self.0.push(0);
        }
        self.0.push(self.top());
        let mut moving = bits;
        for plane in &mut self.0 {
            if moving == 0 {
                break;
            }
            let before = *plane;
            *plane ^= moving;
            moving &= if borrow { !before } else { before };
        }
        self.trim();
    }

    fn trim(&mut self) {
        while let [.., below, top] = self.0.as_slice()
            && below == top
        {
            self.0.pop();
        }
        if self.0 == [0] {
            self.0.clear();
        }
    }

    /// The bits whose counters are above 0.
    fn positive(&self) -> u64 {
        self.0.iter().fold(0, |any, plane| any | plane) & !self.top()
    }

    fn merge(&mut self, other: &[u64]) {
        // Two's complement addition across all planes at once, with room for the sign.
        let length = self.0.len().max(other.len()) + 1;
        let (own_top, other_top) = (self.top(), other.last().copied().unwrap_or(0));
        self.0.resize(length, own_top);
        let mut carry = 0;
        let others = other.iter().copied().chain(std::iter::repeat(other_top));
        for (plane, other) in self.0.iter_mut().zip(others) {
            let sum = *plane ^ other ^ carry;
            carry = *plane & other | carry & (*plane ^ other);
            *plane = sum;
        }
        self.trim();
    }
}

struct Counted<T> {
    operation: Operation,
    from: DataType,
    values: PhantomData<T>,
}

impl<T: Pattern> Counted<T> {
    /// The bits that are counted.
    #[inline(always)]
    fn counted(&self, value: T) -> u64 {
        if self.operation == Operation::And { !value.bits() } else { value.bits() }
    }
}

impl<T: Pattern> Function for Counted<T> {
    type Rows = Numbers<T>;
    type Group = Counters;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Numbers<T>, String> {
        Numbers::open(batch, self.from)
    }

    fn add(&self, group: &mut Counters, value: T) {
        group.up(self.counted(value));
    }

    fn retract(&self, group: &mut Counters, value: T) {
        group.down(self.counted(value));
    }

    fn evaluate(&self, group: &Counters, out: &mut Writer) -> Result<(), RowError> {
        let positive = group.positive();
        let bits = if self.operation == Operation::And { !positive } else { positive };
        out.push(&bits.to_le_bytes());
        Ok(())
    }

    fn snapshot(&self, group: &Counters, out: &mut [Writer]) -> u32 {
        out[0].push_with(|out| group.0.iter().for_each(|plane| out.extend_from_slice(&plane.to_le_bytes())));
        1
    }

    fn merge(&self, group: &mut Counters, state: &[Reader], row: usize) -> Result<(), String> {
        let (planes, rest) = state[0].bytes(row).as_chunks::<8>();
        if planes.len() > 64 || !rest.is_empty() {
            return Err(format!("the state has planes of {} bytes; needed up to 64 of 8", state[0].bytes(row).len()));
        }
        let planes: Vec<u64> = planes.iter().map(|plane| u64::from_le_bytes(*plane)).collect();
        group.merge(&planes);
        Ok(())
    }
}

struct Parity<T> {
    from: DataType,
    values: PhantomData<T>,
}

impl<T: Pattern> Function for Parity<T> {
    type Rows = Numbers<T>;
    type Group = u64;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Numbers<T>, String> {
        Numbers::open(batch, self.from)
    }

    fn add(&self, group: &mut u64, value: T) {
        *group ^= value.bits();
    }

    fn retract(&self, group: &mut u64, value: T) {
        *group ^= value.bits();
    }

    fn evaluate(&self, group: &u64, out: &mut Writer) -> Result<(), RowError> {
        out.push(&group.to_le_bytes());
        Ok(())
    }

    fn snapshot(&self, group: &u64, out: &mut [Writer]) -> u32 {
        out[0].push(&group.to_le_bytes());
        1
    }

    fn merge(&self, group: &mut u64, state: &[Reader], row: usize) -> Result<(), String> {
        *group ^= u64::from_le_bytes(state[0].array(row));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(counters: &Counters, bit: u32) -> i64 {
        let plane = |k: usize| counters.0.get(k).copied().unwrap_or(counters.top()) >> bit & 1;
        (0..64).fold(0, |value, k| value | (plane(k) << k).cast_signed())
    }

    #[test]
    fn counters_across_count_as_counters_do() {
        let mut counters = Counters::default();
        let mut expected = [0i64; 64];
        let mut state = 9u64;
        for step in 0..3000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bits = state & state.rotate_left(17);
            let up = state >> 13 & 7 > if step < 1500 { 1 } else { 6 };
            if up {
                counters.up(bits)
            } else {
                counters.down(bits)
            }
            for (bit, expected) in expected.iter_mut().enumerate() {
                *expected += i64::from(bits >> bit & 1 == 1) * if up { 1 } else { -1 };
            }
            let positive = (0..64).filter(|bit| expected[*bit] > 0).fold(0, |bits, bit| bits | 1u64 << bit);
            assert_eq!(counters.positive(), positive);
        }
        assert!((0..64).all(|bit| counter(&counters, bit) == expected[bit as usize]));
        let negated = {
            let mut negated = Counters::default();
            for (bit, count) in expected.iter().enumerate() {
                for _ in 0..count.unsigned_abs() {
                    if *count > 0 { negated.down(1 << bit) } else { negated.up(1 << bit) }
                }
            }
            negated
        };
        counters.merge(&negated.0);
        assert_eq!(counters, Counters::default());
    }
}
