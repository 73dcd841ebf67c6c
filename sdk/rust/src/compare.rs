//! Columns compared with a constant.
//!
//! In a component these are the only kernels that use 128-bit vectors, written out by hand: the
//! compiler turns general loops over columns into vector code that is slower than none. A function
//! with `#[target_feature]` may be called from any other on wasm, because a runtime without the
//! feature refuses the component when it is loaded.

use crate::column::{Bools, Values};
use crate::fixed::Fixed;

/// How a value stands to the constant.
#[derive(Clone, Copy, Debug)]
enum Comparison {
    Gt,
    Ge,
    Lt,
    Le,
    Eq,
    Ne,
}

/// Comparisons with a constant; NULL where the value is. Floats compare as in Rust: NaN differs
/// from everything.
///
/// ```
/// use rowmill_sdk::column::{Bools, F64s};
///
/// let prices: F64s = [Some(9.5), None, Some(12.0)].into_iter().collect();
/// assert_eq!(prices.gt(10.0).iter().collect::<Vec<_>>(), [Some(false), None, Some(true)]);
/// ```
impl<T: Fixed + PartialOrd> Values<T> {
    /// Greater than `value`.
    #[inline]
    pub fn gt(&self, value: T) -> Bools {
        self.compare(Comparison::Gt, value, |a, b| a > b)
    }

    /// At least `value`.
    #[inline]
    pub fn ge(&self, value: T) -> Bools {
        self.compare(Comparison::Ge, value, |a, b| a >= b)
    }

    /// Less than `value`.
    #[inline]
    pub fn lt(&self, value: T) -> Bools {
        self.compare(Comparison::Lt, value, |a, b| a < b)
    }

    /// At most `value`.
    #[inline]
    pub fn le(&self, value: T) -> Bools {
        self.compare(Comparison::Le, value, |a, b| a <= b)
    }

    /// Equal to `value`.
    #[inline]
    pub fn eq(&self, value: T) -> Bools {
        self.compare(Comparison::Eq, value, |a, b| a == b)
    }

    /// Not equal to `value`.
    #[inline]
    pub fn ne(&self, value: T) -> Bools {
        self.compare(Comparison::Ne, value, |a, b| a != b)
    }

    #[inline(always)]
    fn compare(&self, comparison: Comparison, value: T, scalar: impl Fn(T, T) -> bool) -> Bools {
        #[cfg(target_family = "wasm")]
        if let Some(bytes) = vector::blocks(self.as_bytes(), value, comparison) {
            return self.tested(bytes, |a| scalar(a, value));
        }
        #[cfg(not(target_family = "wasm"))]
        let _ = comparison;
        self.test(|a| scalar(a, value))
    }
}

#[cfg(target_family = "wasm")]
mod vector {
    use super::Comparison;
    use crate::contract::DataType;
    use crate::fixed::Fixed;
    use core::arch::wasm32::*;

    /// A byte of results for each whole block of eight values; `None` for types without vectors.
    pub(super) fn blocks<T: Fixed>(bytes: &[u8], value: T, comparison: Comparison) -> Option<Vec<u8>> {
        let mut raw = Vec::with_capacity(T::WIDTH);
        value.append(&mut raw);
        Some(match T::DATA_TYPE {
            DataType::Float64 => f64s(bytes, f64x2_splat(f64::read(&raw)), comparison),
            DataType::Int64 | DataType::Time | DataType::Datetime | DataType::Timestamp => {
                i64s(bytes, i64x2_splat(i64::read(&raw)), comparison)
            }
            DataType::Float32 => f32s(bytes, f32x4_splat(f32::read(&raw)), comparison),
            DataType::Int32 | DataType::Date => i32s(bytes, i32x4_splat(i32::read(&raw)), comparison),
            _ => return None,
        })
    }

    /// Compares blocks of `$bytes` bytes, eight values, by vectors of `$lanes`.
    macro_rules! kernel {
        ($name:ident, $bytes:literal, $lanes:literal, $bitmask:ident, $($comparison:ident: $op:ident),*) => {
            #[target_feature(enable = "simd128")]
            fn $name(bytes: &[u8], constant: v128, comparison: Comparison) -> Vec<u8> {
                let mut out = Vec::with_capacity(bytes.len() / $bytes + 1);
                match comparison {
                    $(Comparison::$comparison => out.extend(bytes.as_chunks::<$bytes>().0.iter().map(|block| {
                        let mut byte = 0;
                        for i in 0..8 / $lanes {
                            let vector = &block[i * 16..][..16];
                            // SAFETY: `vector` has the 16 bytes that are read; no alignment is needed.
                            #[allow(unsafe_code)]
                            let vector = unsafe { v128_load(vector.as_ptr().cast()) };
                            byte |= $bitmask($op(vector, constant)) << (i * $lanes);
                        }
                        byte
                    })),)*
                }
                out
            }
        };
    }

    kernel!(f64s, 64, 2, i64x2_bitmask, Gt: f64x2_gt, Ge: f64x2_ge, Lt: f64x2_lt, Le: f64x2_le, Eq: f64x2_eq, Ne: f64x2_ne);
    kernel!(i64s, 64, 2, i64x2_bitmask, Gt: i64x2_gt, Ge: i64x2_ge, Lt: i64x2_lt, Le: i64x2_le, Eq: i64x2_eq, Ne: i64x2_ne);
    kernel!(f32s, 32, 4, i32x4_bitmask, Gt: f32x4_gt, Ge: f32x4_ge, Lt: f32x4_lt, Le: f32x4_le, Eq: f32x4_eq, Ne: f32x4_ne);
    kernel!(i32s, 32, 4, i32x4_bitmask, Gt: i32x4_gt, Ge: i32x4_ge, Lt: i32x4_lt, Le: i32x4_le, Eq: i32x4_eq, Ne: i32x4_ne);
}

#[cfg(test)]
mod tests {
    use crate::column::{F64s, I32s};

    #[test]
    fn each_comparison_is_rusts_own() {
        let values = [Some(1.0), None, Some(f64::NAN), Some(2.0), Some(-0.0), Some(3.0), Some(2.0), None, Some(9.0)];
        let column: F64s = values.into_iter().collect();
        let expected = |f: fn(f64) -> bool| values.map(|value| value.map(f)).to_vec();
        let found = |bools: crate::column::Bools| bools.iter().collect::<Vec<_>>();
        assert_eq!(found(column.gt(2.0)), expected(|v| v > 2.0));
        assert_eq!(found(column.ge(2.0)), expected(|v| v >= 2.0));
        assert_eq!(found(column.lt(2.0)), expected(|v| v < 2.0));
        assert_eq!(found(column.le(2.0)), expected(|v| v <= 2.0));
        assert_eq!(found(column.eq(0.0)), expected(|v| v == 0.0));
        assert_eq!(found(column.ne(2.0)), expected(|v| v != 2.0));
        assert!(I32s::from_values([1, 2]).gt(1).value(1));
    }
}
