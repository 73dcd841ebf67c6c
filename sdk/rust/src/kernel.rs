//! Loops over whole columns, for the column form.
//!
//! Eight rows per turn, without a branch on NULL: the function runs on every row, NULL or not
//! (a NULL row holds an arbitrary value), and the validity is combined 64 rows at a time. So the
//! function must not panic whatever the values; division and parsing belong into the row form.
//!
//! ```
//! use rowmill_sdk::{column::{Bools, F64s, I64s}, scalar, filter};
//!
//! /// Price times quantity.
//! #[scalar(columns)]
//! fn total(price: &F64s, qty: &I64s) -> F64s {
//!     price.zip(qty, |price, qty| price * qty as f64)
//! }
//!
//! /// Dear and counted.
//! #[filter(columns)]
//! fn worth(price: &F64s, qty: &I64s) -> Bools {
//!     price.gt(10.0) & qty.is_not_null()
//! }
//! # use rowmill_sdk::test::call;
//! let ran = call::<worth>().arg([9.0, 11.0, 11.0]).arg([Some(1i64), None, Some(2)]).run();
//! assert_eq!(ran.values::<bool>(), [Some(false), Some(false), Some(true)]);
//! ```
//!
//! # Why eight
//!
//! A loop in a component pays a test for interruption and a branch at each turn; eight rows
//! share them. Eight booleans are also one byte of a bitmap.

use crate::bitmap::Bitmap;
use crate::bools::both_valid;
use crate::column::{Bools, Texts, Values};
use crate::fixed::Fixed;
use crate::writer::{Text, Writer};
use std::mem::MaybeUninit;

/// Rows per turn.
const LANES: usize = 8;

/// A buffer of `rows` values of `R`. `block` fills eight values from the number of a block of
/// eight rows, `one` a single value from a row of the rest.
#[inline(always)]
fn fill<R: Fixed>(
    rows: usize,
    mut block: impl FnMut(usize, &mut [MaybeUninit<u8>]),
    mut one: impl FnMut(usize) -> R,
) -> Vec<u8> {
    let length = rows * R::WIDTH;
    let mut bytes: Vec<u8> = Vec::with_capacity(length);
    let spare = &mut bytes.spare_capacity_mut()[..length];
    let mut blocks = spare.chunks_exact_mut(LANES * R::WIDTH);
    let mut number = 0;
    for target in blocks.by_ref() {
        block(number, target);
        number += 1;
    }
    let rest = blocks.into_remainder().chunks_exact_mut(R::WIDTH);
    for (row, target) in (number * LANES..).zip(rest) {
        one(row).write(target);
    }
    // SAFETY: `length` is within the capacity. The blocks and the rest together are the first
    // `length` bytes; `Fixed::write` initialises the WIDTH bytes of each value, `block` calls it
    // for each of the eight values of a block (both callers in this file do), the loop above for
    // each value of the rest.
    #[allow(unsafe_code)]
    unsafe {
        bytes.set_len(length);
    }
    bytes
}

/// The bytes of eight values.
#[inline(always)]
fn lanes<T: Fixed>(bytes: &[u8], block: usize) -> &[u8] {
    &bytes[block * LANES * T::WIDTH..][..LANES * T::WIDTH]
}

impl<T: Fixed> Values<T> {
    /// `f` of each value; NULL where the value is.
    #[inline(always)]
    pub fn map<R: Fixed>(&self, f: impl Fn(T) -> R) -> Values<R> {
        let bytes = fill(
            self.rows(),
            |block, target| {
                let values = lanes::<T>(self.as_bytes(), block);
                for i in 0..LANES {
                    let value = T::read(&values[i * T::WIDTH..]);
                    f(value).write(&mut target[i * R::WIDTH..]);
                }
            },
            |row| f(self.value(row)),
        );
        Values::from_parts(bytes, self.rows(), self.validity().cloned())
    }

    /// `f` of each pair of values; NULL where either is.
    ///
    /// # Panics
    /// When the columns differ in length.
    #[inline(always)]
    pub fn zip<U: Fixed, R: Fixed>(&self, other: &Values<U>, f: impl Fn(T, U) -> R) -> Values<R> {
        assert_eq!(self.rows(), other.rows(), "columns of different lengths");
        let bytes = fill(
            self.rows(),
            |block, target| {
                let left = lanes::<T>(self.as_bytes(), block);
                let right = lanes::<U>(other.as_bytes(), block);
                for i in 0..LANES {
                    let (a, b) = (T::read(&left[i * T::WIDTH..]), U::read(&right[i * U::WIDTH..]));
                    f(a, b).write(&mut target[i * R::WIDTH..]);
                }
            },
            |row| f(self.value(row), other.value(row)),
        );
        Values::from_parts(bytes, self.rows(), both_valid(self, other))
    }

    /// Whether `f` holds for each value; NULL where the value is.
    #[inline(always)]
    pub fn test(&self, f: impl Fn(T) -> bool) -> Bools {
        let blocks = self.as_bytes().chunks_exact(LANES * T::WIDTH);
        let mut bytes = Vec::with_capacity(self.rows().div_ceil(LANES));
        bytes.extend(blocks.map(|values| {
            let mut byte = 0;
            for i in 0..LANES {
                byte |= u8::from(f(T::read(&values[i * T::WIDTH..]))) << i;
            }
            byte
        }));
        self.tested(bytes, f)
    }

    /// The outcome of a test: `bytes` has it for each whole block of eight rows, `f` gives it for the
    /// rows after them.
    #[inline(always)]
    pub(crate) fn tested(&self, bytes: Vec<u8>, f: impl Fn(T) -> bool) -> Bools {
        let rest = self.rows() / LANES * LANES;
        let values = close_bits(self.rows(), bytes, |row| f(self.value(rest + row)));
        Bools::new(values, self.validity().cloned())
    }

    /// Whether `f` holds for each pair of values; NULL where either is.
    ///
    /// # Panics
    /// When the columns differ in length.
    #[inline(always)]
    pub fn test_with<U: Fixed>(&self, other: &Values<U>, f: impl Fn(T, U) -> bool) -> Bools {
        assert_eq!(self.rows(), other.rows(), "columns of different lengths");
        let left = self.as_bytes().chunks_exact(LANES * T::WIDTH);
        let right = other.as_bytes().chunks_exact(LANES * U::WIDTH);
        let rest = self.rows() / LANES * LANES;
        let mut bytes = Vec::with_capacity(self.rows().div_ceil(LANES));
        bytes.extend(left.zip(right).map(|(left, right)| {
            let mut byte = 0;
            for i in 0..LANES {
                let (a, b) = (T::read(&left[i * T::WIDTH..]), U::read(&right[i * U::WIDTH..]));
                byte |= u8::from(f(a, b)) << i;
            }
            byte
        }));
        let values = close_bits(self.rows(), bytes, |row| f(self.value(rest + row), other.value(rest + row)));
        Bools::new(values, both_valid(self, other))
    }

    /// The values, `value` in place of NULLs.
    #[must_use]
    pub fn unwrap_or(self, value: T) -> Self {
        if self.validity().is_none() {
            return self;
        }
        Self::from_values(self.iter().map(|row| row.unwrap_or(value)))
    }
}

/// A bitmap from whole bytes and the bits of the rows after them.
#[inline(always)]
fn close_bits(rows: usize, mut bits: Vec<u8>, rest: impl Fn(usize) -> bool) -> Bitmap {
    if !rows.is_multiple_of(8) {
        bits.push((0..rows % 8).fold(0, |byte, row| byte | u8::from(rest(row)) << row));
    }
    Bitmap::from_bytes(bits, rows).unwrap_or_else(|| Bitmap::all(rows, false))
}

impl Texts {
    /// The text that `f` writes for each value; NULL where the value is (`f` does not run there).
    ///
    /// ```
    /// use rowmill_sdk::{column::Texts, scalar};
    ///
    /// /// Trimmed and in upper case.
    /// #[scalar(columns)]
    /// fn shout(text: &Texts) -> Texts {
    ///     text.map(|text, out| out.push_uppercase(text.trim()))
    /// }
    /// # use rowmill_sdk::test::call;
    /// # let ran = call::<shout>().arg([Some(" a"), None, Some("straße")]).run();
    /// # assert_eq!(ran.values::<String>(), [Some("A".into()), None, Some("STRASSE".into())]);
    /// ```
    #[inline]
    pub fn map(&self, mut f: impl FnMut(&str, &mut Text)) -> Texts {
        let mut out = Text::with_capacity(self.rows(), self.total_len());
        for row in 0..self.rows() {
            if let Some(text) = self.get(row) {
                f(text, &mut out);
            }
            out.end_row();
        }
        out.finish(self.validity().cloned())
    }

    /// Whether `f` holds for each text; NULL where the text is.
    #[inline]
    pub fn test(&self, f: impl Fn(&str) -> bool) -> Bools {
        let values = Bitmap::from_fn(self.rows(), |row| f(self.value(row)));
        Bools::new(values, self.validity().cloned())
    }
}

#[cfg(test)]
mod tests {
    use crate::column::{F64s, I64s};

    #[test]
    fn blocks_and_the_rest_give_the_same_as_row_by_row() {
        for rows in [0, 1, 7, 8, 9, 16, 63, 64, 65, 1000] {
            let p: F64s = (0..rows).map(|i| (i % 5 != 0).then_some(f64::from(i) / 4.0)).collect();
            let q: I64s = (0..rows).map(|i| (i % 7 != 0).then_some(i64::from(i) - 3)).collect();
            let total = p.zip(&q, |p, q| p * q as f64);
            let expected = p.iter().zip(q.iter()).map(|(p, q)| Some(p? * q? as f64));
            assert!(total.iter().eq(expected), "{rows}");
            assert!(p.map(|p| -p).iter().eq(p.iter().map(|p| Some(-p?))));
            assert!(p.test(|p| p > 10.0).iter().eq(p.iter().map(|p| Some(p? > 10.0))));
            let over = p.test_with(&q, |p, q| p > q as f64);
            assert!(over.iter().eq(p.iter().zip(q.iter()).map(|(p, q)| Some(p? > q? as f64))));
            assert!(q.clone().unwrap_or(0).iter().eq(q.iter().map(|q| q.or(Some(0)))));
        }
    }
}
