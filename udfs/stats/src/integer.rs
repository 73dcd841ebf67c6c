//! Integers of a fixed number of 64-bit limbs: sums that cannot overflow.
//!
//! A group has fewer than 2^63 rows, so a sum needs 63 bits more than its values. Two limbs are
//! enough for 64-bit integers and decimals up to 19 digits, three for 38 digits, five for 65.

use rowmill_sdk::{Decimal, Fixed, I256, WideDecimal};

use crate::natural::Natural;

/// A two's complement integer, the lowest limb first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Int<const N: usize>(pub(crate) [u64; N]);

impl<const N: usize> Default for Int<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Int<N> {
    /// The same value in other limbs; those left out must repeat the sign.
    #[inline(always)]
    pub(crate) fn extend<const M: usize>(limbs: [u64; M]) -> Self {
        let sign = (limbs[M - 1].cast_signed() >> 63).cast_unsigned();
        Self(std::array::from_fn(|limb| if limb < M { limbs[limb] } else { sign }))
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, other: Self) {
        let mut carry = false;
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            (*limb, carry) = carrying_add(*limb, other, carry);
        }
    }

    #[inline(always)]
    pub(crate) fn subtract(&mut self, other: Self) {
        let mut borrow = false;
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            let (difference, first) = limb.overflowing_sub(other);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (difference, first | second);
        }
    }

    /// The square, for which `M` limbs are enough.
    #[inline(always)]
    pub(crate) fn square<const M: usize>(self) -> Int<M> {
        let mut magnitude = self;
        if self.is_negative() {
            magnitude = Self::default();
            magnitude.subtract(self);
        }
        let mut square = [0u64; M];
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        if magnitude.0[1..].iter().all(|limb| *limb == 0) {
            let low = product(magnitude.0[0], magnitude.0[0]);
            (square[0], square[1]) = (low as u64, (low >> 64) as u64);
            return Int(square);
        }
        for (position, a) in magnitude.0.iter().enumerate() {
            let mut carry = 0u64;
            for (offset, b) in magnitude.0.iter().chain(&[0]).enumerate() {
                let Some(limb) = square.get_mut(position + offset) else { break };
                let sum = product(*a, *b) + u128::from(*limb) + u128::from(carry);
                (*limb, carry) = (sum as u64, (sum >> 64) as u64);
            }
        }
        Int(square)
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.0[N - 1] >> 63 == 1
    }

    /// The value without its sign.
    pub(crate) fn magnitude(&self) -> Natural {
        let mut limbs = *self;
        if self.is_negative() {
            limbs = Self::default();
            limbs.subtract(*self);
        }
        Natural::from_limbs(limbs.0.to_vec())
    }

    /// The fewest little-endian bytes that keep the sign; none for 0.
    pub(crate) fn append_bytes(&self, out: &mut Vec<u8>) {
        let bytes: Vec<u8> = self.0.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        let extension = if self.is_negative() { 0xff } else { 0 };
        let mut length = bytes.len();
        while length > 0 && bytes[length - 1] == extension {
            length -= 1;
        }
        // One byte of the extension stays where the sign would be lost without it.
        let sign = length.checked_sub(1).map_or(0, |last| bytes[last] >> 7);
        out.extend_from_slice(&bytes[..length]);
        if sign != extension >> 7 {
            out.push(extension);
        }
    }

    /// What [`Self::append_bytes`] wrote; `None` when there are too many bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let sign = bytes.last().map_or(0, |last| last >> 7);
        let mut limbs = [if sign == 1 { u64::MAX } else { 0 }; N];
        for (position, byte) in bytes.iter().enumerate() {
            let shift = position % 8 * 8;
            let limb = limbs.get_mut(position / 8)?;
            *limb = *limb & !(0xff << shift) | u64::from(*byte) << shift;
        }
        Some(Self(limbs))
    }
}

#[inline(always)]
pub(crate) fn carrying_add(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    (sum, first | second)
}

/// A number whose value is an integer, of a decimal its unscaled one.
pub(crate) trait Whole: Fixed {
    /// The value in `N` limbs, which are enough.
    fn to_int<const N: usize>(self) -> Int<N>;
}

macro_rules! whole {
    ($($type:ty)*) => { $(
        impl Whole for $type {
            #[inline(always)]
            fn to_int<const N: usize>(self) -> Int<N> {
                Int::extend([i64::from(self).cast_unsigned()])
            }
        }
    )* };
}
whole! { i8 i16 i32 i64 u8 u16 u32 }

impl Whole for u64 {
    #[inline(always)]
    fn to_int<const N: usize>(self) -> Int<N> {
        Int::extend([self, 0])
    }
}

/// Any decimal up to 38 digits, for its unscaled value.
pub(crate) type Narrow = Decimal<38, 0>;
/// Any decimal above 38 digits, for its unscaled value.
pub(crate) type Wide = WideDecimal<65, 0>;

impl Whole for Narrow {
    #[inline(always)]
    fn to_int<const N: usize>(self) -> Int<N> {
        let value = self.unscaled();
        Int::extend([value as u64, (value >> 64) as u64])
    }
}

impl Whole for Wide {
    #[inline(always)]
    fn to_int<const N: usize>(self) -> Int<N> {
        Int::extend(limbs_of(self.unscaled()))
    }
}

fn limbs_of(value: I256) -> [u64; 4] {
    let bytes = value.to_le_bytes();
    let (limbs, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|limb| u64::from_le_bytes(limbs[limb]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_fewest_and_come_back() {
        for (value, length) in [
            (0i64, 0),
            (1, 1),
            (127, 1),
            (128, 2),
            (-1, 1),
            (-128, 1),
            (-129, 2),
            (i64::MAX, 8),
            (i64::MIN, 8),
            (255, 2),
            (-256, 2),
        ] {
            let int: Int<3> = value.to_int();
            let mut bytes = Vec::new();
            int.append_bytes(&mut bytes);
            assert_eq!(bytes.len(), length, "{value}");
            assert_eq!(Int::from_bytes(&bytes), Some(int), "{value}");
        }
        assert_eq!(Int::<1>::from_bytes(&[0; 9]), None);
    }

    #[test]
    fn squares_agree_with_products() {
        for text in [
            "0",
            "1",
            "-7",
            "18446744073709551615",
            "-99999999999999999999999999999999999999",
            "340282366920938463463374607431768211457",
        ] {
            let wide: Wide = text.parse().unwrap();
            let value: Int<5> = wide.to_int();
            let square: Int<8> = value.square();
            assert_eq!(square.magnitude(), value.magnitude().multiply(&value.magnitude()), "{text}");
        }
        assert_eq!(Whole::to_int::<2>(u64::MAX).square::<3>().0, [1, u64::MAX - 1, 0]);
        assert_eq!(Whole::to_int::<2>(i64::MIN).square::<3>().0, [0, 1 << 62, 0]);
    }

    #[test]
    fn sums_carry_and_borrow_through_all_limbs() {
        let mut sum = Int::<3>::default();
        for value in [u64::MAX, u64::MAX, 1, 1] {
            sum.add(value.to_int());
        }
        assert_eq!(sum.0, [0, 2, 0]);
        sum.subtract(u64::MAX.to_int());
        sum.add(i64::MIN.to_int());
        sum.add(i64::MIN.to_int());
        assert_eq!(sum.0, [1, 0, 0]);
        sum.subtract(2i8.to_int());
        assert_eq!((sum.is_negative(), sum.magnitude()), (true, Natural::from(1)));
        let wide: Wide = "-99999999999999999999999999999999999999999999999999".parse().unwrap();
        let mut sum = Int::<5>::default();
        (0..3).for_each(|_| sum.add(wide.to_int()));
        (0..3).for_each(|_| sum.subtract(wide.to_int()));
        assert_eq!(sum, Int::default());
    }
}
