//! Natural numbers of any size, and how they become doubles and decimals.
//!
//! Only results are computed with them, once per group; rows are added to accumulators of a fixed
//! size.

use std::cmp::Ordering;

/// A natural number, the lowest limb first, no zero limb at the top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Natural(Vec<u64>);

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        Self::from_limbs(vec![value])
    }
}

impl Natural {
    pub(crate) fn from_limbs(limbs: Vec<u64>) -> Self {
        let mut natural = Self(limbs);
        natural.trim();
        natural
    }

    /// 10 to the power of `exponent`.
    pub(crate) fn power_of_ten(exponent: u32) -> Self {
        let mut power = Self::from(1);
        for _ in 0..exponent / 19 {
            power.multiply_small(10u64.pow(19));
        }
        power.multiply_small(10u64.pow(exponent % 19));
        power
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bits the number has.
    pub(crate) fn bits(&self) -> usize {
        self.0.last().map_or(0, |top| self.0.len() * 64 - top.leading_zeros() as usize)
    }

    fn bit(&self, bit: usize) -> bool {
        self.0.get(bit / 64).is_some_and(|limb| limb >> (bit % 64) & 1 == 1)
    }

    /// Whether a bit below `bit` is 1.
    fn any_below(&self, bit: usize) -> bool {
        let whole = (bit / 64).min(self.0.len());
        let part = self.0.get(bit / 64).is_some_and(|limb| limb & ((1 << (bit % 64)) - 1) != 0);
        part || self.0[..whole].iter().any(|limb| *limb != 0)
    }

    pub(crate) fn multiply_small(&mut self, factor: u64) {
        let mut carry = 0u64;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + u128::from(carry);
            *limb = product as u64;
            carry = (product >> 64) as u64;
        }
        self.0.push(carry);
        self.trim();
    }

    pub(crate) fn multiply(&self, other: &Self) -> Self {
        let mut limbs = vec![0u64; self.0.len() + other.0.len()];
        for (position, factor) in self.0.iter().enumerate() {
            let mut carry = 0u64;
            for (limb, other) in limbs[position..].iter_mut().zip(other.0.iter().chain(&[0])) {
                let sum = u128::from(*factor) * u128::from(*other) + u128::from(*limb) + u128::from(carry);
                *limb = sum as u64;
                carry = (sum >> 64) as u64;
            }
        }
        Self::from_limbs(limbs)
    }

    /// Takes `other`, which is not larger, away.
    pub(crate) fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        for (limb, other) in self.0.iter_mut().zip(others) {
            let (difference, first) = limb.overflowing_sub(other);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (difference, first | second);
        }
        debug_assert!(!borrow, "the difference is not below 0");
        self.trim();
    }

    pub(crate) fn increment(&mut self) {
        for limb in &mut self.0 {
            let carry;
            (*limb, carry) = limb.overflowing_add(1);
            if !carry {
                return;
            }
        }
        self.0.push(1);
    }

    /// Divides by a number that is not 0 and returns the rest.
    pub(crate) fn divide_small(&mut self, divisor: u64) -> u64 {
        let mut rest = 0u64;
        for limb in self.0.iter_mut().rev() {
            let wide = u128::from(rest) << 64 | u128::from(*limb);
            *limb = (wide / u128::from(divisor)) as u64;
            rest = (wide % u128::from(divisor)) as u64;
        }
        self.trim();
        rest
    }

    pub(crate) fn shift_left(&self, bits: usize) -> Self {
        let mut limbs = vec![0; bits / 64];
        let shift = bits % 64;
        let mut carry = 0;
        for limb in &self.0 {
            limbs.push(limb << shift | carry);
            // Two steps, because a shift by 64 is none.
            carry = limb >> 1 >> (63 - shift);
        }
        limbs.push(carry);
        Self::from_limbs(limbs)
    }

    pub(crate) fn shift_right(&self, bits: usize) -> Self {
        let shift = bits % 64;
        let limbs = self.0.get(bits / 64..).unwrap_or_default();
        let above = limbs.iter().skip(1).copied().chain([0]);
        Self::from_limbs(
            limbs.iter().zip(above).map(|(limb, above)| limb >> shift | above << 1 << (63 - shift)).collect(),
        )
    }

    /// The double nearest to `self * 2^exponent`, of two the even one; `None` beyond the doubles.
    /// `more`: the true number is larger, by less than one unit of `self`.
    pub(crate) fn to_f64(&self, exponent: i64, more: bool) -> Option<f64> {
        const LOWEST: i64 = -1074;
        let bits = self.bits();
        if bits == 0 {
            return Some(0.0);
        }
        // The exponent of the lowest bit that the result has.
        let low = (bits as i64 - 1 + exponent - 52).max(LOWEST);
        let mut mantissa = match usize::try_from(low - exponent) {
            Ok(0) => self.0[0],
            Ok(drop) => {
                let kept = self.shift_right(drop).0.first().copied().unwrap_or(0);
                let up = self.bit(drop - 1) && (more || kept & 1 == 1 || self.any_below(drop - 1));
                kept + u64::from(up)
            }
            Err(_) => self.shift_left((exponent - low) as usize).0[0],
        };
        // 53 bits mean 2^52 and the fraction, whose carry goes into the exponent.
        let mut biased = 0;
        if mantissa >> 52 != 0 {
            biased = u64::try_from(low - LOWEST + 1).ok()?;
            mantissa -= 1 << 52;
        }
        let value = f64::from_bits((biased.min(0x7ff) << 52) + mantissa);
        (biased < 0x7ff && value.is_finite()).then_some(value)
    }

    /// The double nearest to `self / divisor * 2^exponent`; `None` beyond the doubles. `divisor` is
    /// not 0.
    pub(crate) fn ratio_to_f64(&self, divisor: &Self, exponent: i64) -> Option<f64> {
        /// Bits of a quotient: 53, one to round by, and some to be sure of.
        const QUOTIENT: usize = 72;
        if self.is_zero() {
            return Some(0.0);
        }
        // So shifted that the quotient has QUOTIENT bits or one less.
        let shift = (QUOTIENT + divisor.bits()) as i64 - self.bits() as i64 - 1;
        let (mut rest, lost) = match usize::try_from(shift) {
            Ok(left) => (self.shift_left(left), false),
            Err(_) => {
                let right = shift.unsigned_abs() as usize;
                (self.shift_right(right), self.any_below(right))
            }
        };
        if let [divisor] = *divisor.0 {
            let more = rest.divide_small(divisor) != 0;
            return rest.to_f64(exponent - shift, lost || more);
        }
        let mut quotient = 0u128;
        let mut step = divisor.shift_left(QUOTIENT - 1);
        for bit in (0..QUOTIENT).rev() {
            if rest >= step {
                rest.subtract(&step);
                quotient |= 1 << bit;
            }
            step.halve();
        }
        let quotient = Self::from_limbs(vec![quotient as u64, (quotient >> 64) as u64]);
        quotient.to_f64(exponent - shift, lost || !rest.is_zero())
    }

    /// Shifts right by one, in place.
    fn halve(&mut self) {
        let mut above = 0;
        for limb in self.0.iter_mut().rev() {
            let bit = *limb << 63;
            *limb = *limb >> 1 | above;
            above = bit;
        }
        self.trim();
    }

    /// As a two's complement integer of `WIDTH` little-endian bytes with this sign; `None` beyond it.
    pub(crate) fn to_bytes<const WIDTH: usize>(&self, negative: bool) -> Option<[u8; WIDTH]> {
        if self.bits() >= WIDTH * 8 {
            return None;
        }
        let mut bytes = [0; WIDTH];
        for (target, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(&self.0) {
            *target = limb.to_le_bytes();
        }
        if negative {
            let mut carry = true;
            for byte in &mut bytes {
                (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
            }
        }
        Some(bytes)
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.0.len().cmp(&other.0.len());
        length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn natural(value: u128) -> Natural {
        Natural::from_limbs(vec![value as u64, (value >> 64) as u64])
    }

    #[test]
    fn arithmetic_agrees_with_that_of_128_bits() {
        let mut seed = 7u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> (seed >> 58)) | 1
        };
        for _ in 0..2000 {
            let (a, b) = (next(), next());
            let product = u128::from(a) * u128::from(b);
            assert_eq!(natural(a.into()).multiply(&natural(b.into())), natural(product));
            let mut quotient = natural(product);
            assert_eq!(quotient.divide_small(a), 0);
            assert_eq!(quotient, natural(b.into()));
            let shift = (a % 130) as usize;
            assert_eq!(natural(product).shift_left(shift).shift_right(shift), natural(product));
            assert_eq!(natural(product).to_f64(0, false), Some(product as f64));
            let mut difference = natural(product);
            difference.subtract(&natural(b.into()));
            assert_eq!(difference, natural(product - u128::from(b)));
            let ratio = natural(a.into()).ratio_to_f64(&natural(b.into()), 0);
            if a < 1 << 53 && b < 1 << 53 {
                assert_eq!(ratio, Some(a as f64 / b as f64));
            }
        }
    }

    #[test]
    fn doubles_are_rounded_to_even_down_to_the_smallest_and_up_to_the_largest() {
        for (value, exponent, more, expected) in [
            ((1u128 << 53) + 1, 0, false, Some(9_007_199_254_740_992.0)),
            ((1 << 53) + 1, 0, true, Some(9_007_199_254_740_994.0)),
            ((1 << 53) + 3, 0, false, Some(9_007_199_254_740_996.0)),
            (1, -1074, false, Some(f64::from_bits(1))),
            (1, -1075, false, Some(0.0)),
            (1, -1075, true, Some(f64::from_bits(1))),
            (3, -1075, false, Some(f64::from_bits(2))),
            ((1 << 54) - 1, -1076, false, Some(f64::MIN_POSITIVE)),
            ((1 << 53) - 1, 971, false, Some(f64::MAX)),
            ((1 << 54) - 1, 970, false, None),
            (1, 1024, false, None),
            (1, 5000, false, None),
            (1, -5000, false, Some(0.0)),
        ] {
            assert_eq!(natural(value).to_f64(exponent, more), expected, "{value} {exponent} {more}");
        }
    }

    #[test]
    fn ratios_of_large_numbers_keep_what_they_drop_in_mind() {
        let two = Natural::from(2);
        let mut large = Natural::from(1).shift_left(3000);
        large.0[0] = 1;
        // Half way between two doubles, and a little more, far away.
        let mut tie = Natural::from((1 << 53) + 1).shift_left(2000);
        assert_eq!(tie.ratio_to_f64(&two, -1999), Some(9_007_199_254_740_992.0));
        tie.0[0] = 1;
        assert_eq!(tie.ratio_to_f64(&two, -1999), Some(9_007_199_254_740_994.0));
        assert_eq!(large.ratio_to_f64(&large, 0), Some(1.0));
        assert_eq!(Natural::from(1).ratio_to_f64(&Natural::power_of_ten(30), 0), Some(1e-30));
        assert_eq!(Natural::power_of_ten(40).ratio_to_f64(&Natural::from(1), 0), Some(1e40));
    }

    #[test]
    fn twos_complement_has_its_borders() {
        assert_eq!(natural(1).to_bytes::<16>(true), Some((-1i128).to_le_bytes()));
        assert_eq!(natural(i128::MAX as u128).to_bytes::<16>(true), Some((-i128::MAX).to_le_bytes()));
        assert_eq!(natural(1 << 127).to_bytes::<16>(false), None);
        assert_eq!(natural(0).to_bytes::<16>(true), Some([0; 16]));
    }
}
