//! A 256-bit integer, as much of one as decimals above 38 digits need.

use std::cmp::Ordering;

/// A signed 256-bit integer in two's complement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct I256 {
    high: i128,
    low: u128,
}

impl I256 {
    /// Zero.
    pub const ZERO: Self = Self { high: 0, low: 0 };

    /// From 32 little-endian bytes.
    pub fn from_le_bytes(bytes: [u8; 32]) -> Self {
        let (mut low, mut high) = ([0; 16], [0; 16]);
        low.copy_from_slice(&bytes[..16]);
        high.copy_from_slice(&bytes[16..]);
        Self { high: i128::from_le_bytes(high), low: u128::from_le_bytes(low) }
    }

    /// As 32 little-endian bytes.
    pub fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.low.to_le_bytes());
        bytes[16..].copy_from_slice(&self.high.to_le_bytes());
        bytes
    }

    /// The value as an `i128`, when it fits.
    pub fn to_i128(self) -> Option<i128> {
        let low = self.low.cast_signed();
        (self.high == low >> 127).then_some(low)
    }

    /// Whether the value is below zero.
    pub fn is_negative(self) -> bool {
        self.high < 0
    }

    /// The sum, `None` on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (low, carry) = self.low.overflowing_add(other.low);
        let (high, over) = self.high.overflowing_add(other.high);
        let (high, over_carry) = high.overflowing_add(i128::from(carry));
        (over == over_carry).then_some(Self { high, low })
    }

    /// The negated value, `None` on overflow.
    pub fn checked_neg(self) -> Option<Self> {
        let (low, carry) = (!self.low).overflowing_add(1);
        let high = (!self.high).checked_add(i128::from(carry));
        // -MIN: every bit but the sign is 0 and stays so.
        (self != Self { high: i128::MIN, low: 0 }).then_some(())?;
        Some(Self { high: high?, low })
    }

    /// The difference, `None` on overflow.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.checked_neg()?)
    }

    /// The value times `factor`, `None` on overflow.
    pub fn checked_mul_small(self, factor: u32) -> Option<Self> {
        let (negative, magnitude) = self.magnitude();
        let mut carry = 0u64;
        let product = magnitude.map(|limb| {
            let wide = u64::from(limb) * u64::from(factor) + carry;
            carry = wide >> 32;
            wide as u32
        });
        (carry == 0).then(|| Self::from_magnitude(negative, product))?
    }

    /// The quotient rounded towards zero, and the rest's magnitude. `divisor` is not 0.
    pub fn div_rem_small(self, divisor: u32) -> (Self, u32) {
        let (negative, mut magnitude) = self.magnitude();
        let mut rest = 0u64;
        for limb in magnitude.iter_mut().rev() {
            let wide = rest << 32 | u64::from(*limb);
            *limb = (wide / u64::from(divisor)) as u32;
            rest = wide % u64::from(divisor);
        }
        let quotient = Self::from_magnitude(negative, magnitude).unwrap_or(Self::ZERO);
        (quotient, rest as u32)
    }

    /// Sign and magnitude in 32-bit limbs, the lowest first.
    fn magnitude(self) -> (bool, [u32; 8]) {
        let negative = self.is_negative();
        // -MIN wraps to itself, whose bits are the right magnitude.
        let absolute = if negative { self.checked_neg().unwrap_or(self) } else { self };
        let bytes = absolute.to_le_bytes();
        let (limbs, _) = bytes.as_chunks::<4>();
        (negative, std::array::from_fn(|i| u32::from_le_bytes(limbs[i])))
    }

    fn from_magnitude(negative: bool, limbs: [u32; 8]) -> Option<Self> {
        let mut bytes = [0; 32];
        for (target, limb) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(limbs) {
            *target = limb.to_le_bytes();
        }
        let value = Self::from_le_bytes(bytes);
        match (negative, value.is_negative()) {
            (false, false) => Some(value),
            (true, false) => value.checked_neg(),
            (true, true) if value.low == 0 && value.high == i128::MIN => Some(value),
            _ => None,
        }
    }
}

impl From<i128> for I256 {
    fn from(value: i128) -> Self {
        Self { high: value >> 127, low: value.cast_unsigned() }
    }
}

impl PartialOrd for I256 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for I256 {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.high, self.low).cmp(&(other.high, other.low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_i128_where_both_fit() {
        let values = [0, 1, -1, 7, -10, i128::from(u64::MAX), i128::MAX / 100, i128::MIN / 100];
        for a in values {
            assert_eq!(I256::from(a).to_i128(), Some(a));
            assert_eq!(I256::from_le_bytes(I256::from(a).to_le_bytes()), I256::from(a));
            assert_eq!(I256::from(a).checked_mul_small(97), Some(I256::from(a * 97)));
            let (quotient, rest) = I256::from(a).div_rem_small(10);
            assert_eq!((quotient.to_i128(), i128::from(rest)), (Some(a / 10), (a % 10).abs()));
            for b in values {
                assert_eq!(I256::from(a).checked_add(I256::from(b)), Some(I256::from(a + b)));
                assert_eq!(I256::from(a).checked_sub(I256::from(b)), Some(I256::from(a - b)));
                assert_eq!(I256::from(a).cmp(&I256::from(b)), a.cmp(&b));
            }
        }
    }

    #[test]
    fn overflow_is_none() {
        let max = I256 { high: i128::MAX, low: u128::MAX };
        let min = I256 { high: i128::MIN, low: 0 };
        assert_eq!(max.checked_add(I256::from(1)), None);
        assert_eq!(min.checked_sub(I256::from(1)), None);
        assert_eq!(min.checked_neg(), None);
        assert_eq!(max.checked_mul_small(2), None);
        assert_eq!(max.checked_add(min), Some(I256::from(-1)));
        assert_eq!(I256::from(i128::MAX).checked_add(I256::from(1)).and_then(I256::to_i128), None);
    }
}
