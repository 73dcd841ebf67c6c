//! Exact decimals: MySQL's `DECIMAL(p,s)`.
//!
//! Three types for three needs:
//!
//! - [`Decimal<P, S>`] has its precision and scale in the type, so that it can be a result; as a
//!   parameter it takes `decimal(P,S)`, to which the host widens narrower decimals without loss.
//! - [`AnyDecimal`] carries its scale with the value; as a parameter it takes any decimal up to
//!   38 digits. It cannot be a result, because a column has one scale.
//! - [`WideDecimal<P, S>`](crate::WideDecimal) holds up to 65 digits.
//!
//! Arithmetic is checked: a result that does not fit is `None`, never a wrong number. Rounding is
//! MySQL's: half away from zero.

use crate::contract::{DataType, DecimalType};
use crate::fixed::wraps;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// 10 to the power of `exponent`, which is at most 38.
pub(crate) const fn power_of_ten(exponent: u8) -> i128 {
    10i128.pow(exponent as u32)
}

/// `value` times 10 to the power of `to - from`, rounded half away from zero; `None` on overflow.
fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        if to - from > 38 {
            return (value == 0).then_some(0);
        }
        return value.checked_mul(power_of_ten(to - from));
    }
    if from - to > 38 {
        return Some(0);
    }
    let divisor = power_of_ten(from - to);
    let (quotient, rest) = (value / divisor, value % divisor);
    let round = rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
    Some(quotient + if round { value.signum() } else { 0 })
}

/// A decimal of at most `P` digits (1 to 38), `S` of them after the point.
///
/// ```
/// use rowmill_sdk::Decimal;
///
/// let price: Decimal<10, 2> = "19.90".parse().unwrap();
/// assert_eq!(price.checked_mul_int(3).unwrap().to_string(), "59.70");
/// let tax: Decimal<12, 3> = price.checked_mul::<2, 2, 12, 3>("0.19".parse().unwrap()).unwrap();
/// assert_eq!(tax.to_string(), "3.781");
/// assert_eq!(tax.rescale::<12, 2>().unwrap().to_string(), "3.78");
/// assert!("123456789.00".parse::<Decimal<10, 2>>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal<const P: u8, const S: u8>(pub(crate) i128);

wraps!(Decimal<const P: u8, const S: u8>, i128, {
    const { assert!(P >= 1 && P <= 38 && S <= 30 && S <= P, "Decimal<P, S> needs P in 1..=38, S in 0..=30, S <= P") }
    DataType::Decimal(DecimalType { precision: P, scale: S })
});

impl<const P: u8, const S: u8> Decimal<P, S> {
    /// The largest value.
    pub const MAX: Self = Self(power_of_ten(P) - 1);
    /// The smallest value.
    pub const MIN: Self = Self(1 - power_of_ten(P));
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// The decimal `unscaled / 10^S`; `None` beyond `P` digits.
    pub const fn from_unscaled(unscaled: i128) -> Option<Self> {
        if unscaled > Self::MAX.0 || unscaled < Self::MIN.0 {
            return None;
        }
        Some(Self(unscaled))
    }

    /// The value times 10^S.
    pub const fn unscaled(self) -> i128 {
        self.0
    }

    /// A whole number; `None` beyond the precision.
    pub fn from_int(value: i64) -> Option<Self> {
        Self::from_unscaled(i128::from(value).checked_mul(power_of_ten(S))?)
    }

    /// The nearest decimal to `value`; `None` for NaN, infinities and beyond the precision.
    pub fn from_f64(value: f64) -> Option<Self> {
        let scaled = (value * 10f64.powi(i32::from(S))).round();
        // Compared as floats first: `as` saturates.
        if !scaled.is_finite() || scaled.abs() > 1e38 {
            return None;
        }
        Self::from_unscaled(scaled as i128)
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 10f64.powi(i32::from(S))
    }

    /// The sum; `None` beyond the precision.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_unscaled(self.0 + other.0)
    }

    /// The difference; `None` beyond the precision.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_unscaled(self.0 - other.0)
    }

    /// The product with a whole number; `None` beyond the precision.
    pub fn checked_mul_int(self, factor: i64) -> Option<Self> {
        Self::from_unscaled(self.0.checked_mul(i128::from(factor))?)
    }

    /// The product, rounded to the scale of the result; `None` beyond its precision.
    pub fn checked_mul<const P2: u8, const S2: u8, const P3: u8, const S3: u8>(
        self,
        other: Decimal<P2, S2>,
    ) -> Option<Decimal<P3, S3>> {
        Decimal::from_unscaled(rescale(self.0.checked_mul(other.0)?, S + S2, S3)?)
    }

    /// The value with another precision and scale, rounded; `None` beyond the precision.
    pub fn rescale<const P2: u8, const S2: u8>(self) -> Option<Decimal<P2, S2>> {
        Decimal::from_unscaled(rescale(self.0, S, S2)?)
    }

    /// The value without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl<const P: u8, const S: u8> std::ops::Neg for Decimal<P, S> {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl<const P: u8, const S: u8> fmt::Display for Decimal<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        AnyDecimal::new(self.0, S).fmt(f)
    }
}

impl<const P: u8, const S: u8> FromStr for Decimal<P, S> {
    type Err = ParseDecimalError;
    /// Digits with an optional sign and point; more fraction digits than `S` are rounded.
    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        let any: AnyDecimal = text.parse()?;
        any.rescale().ok_or(ParseDecimalError)
    }
}

/// A decimal of up to 38 digits whose scale is known at run time.
///
/// ```
/// use rowmill_sdk::{AnyDecimal, Decimal};
///
/// let price = AnyDecimal::new(1990, 2);
/// assert_eq!(price.to_string(), "19.90");
/// assert_eq!(price.rescale::<10, 1>(), Decimal::from_unscaled(199));
/// assert!(price < AnyDecimal::new(20, 0));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyDecimal {
    unscaled: i128,
    scale: u8,
}

impl AnyDecimal {
    /// The decimal `unscaled / 10^scale`.
    pub const fn new(unscaled: i128, scale: u8) -> Self {
        Self { unscaled, scale }
    }

    /// The value times 10 to the power of the scale.
    pub const fn unscaled(self) -> i128 {
        self.unscaled
    }

    /// Digits after the point.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// The value with fixed precision and scale, rounded; `None` beyond the precision.
    pub fn rescale<const P: u8, const S: u8>(self) -> Option<Decimal<P, S>> {
        Decimal::from_unscaled(rescale(self.unscaled, self.scale, S)?)
    }

    /// The product with a whole number; `None` beyond 38 digits.
    pub fn checked_mul_int(self, factor: i64) -> Option<Self> {
        let unscaled = self.unscaled.checked_mul(i128::from(factor))?;
        (unscaled.unsigned_abs() < power_of_ten(38).unsigned_abs()).then_some(Self { unscaled, ..self })
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        self.unscaled as f64 / 10f64.powi(i32::from(self.scale))
    }
}

/// Equal as numbers: 1.0 is 1.00.
impl PartialEq for AnyDecimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for AnyDecimal {}

impl PartialOrd for AnyDecimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AnyDecimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (rescale(self.unscaled, self.scale, scale), rescale(other.unscaled, other.scale, scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            // The one that overflows is the larger in magnitude.
            (None, _) => self.unscaled.cmp(&0),
            (_, None) => 0.cmp(&other.unscaled),
        }
    }
}

impl fmt::Display for AnyDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.unscaled < 0 { "-" } else { "" };
        let digits = self.unscaled.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let scale = usize::from(self.scale);
        if scale > 38 {
            return write!(f, "{sign}0.{digits:0>scale$}");
        }
        let one = power_of_ten(self.scale).unsigned_abs();
        write!(f, "{sign}{}.{:0>scale$}", digits / one, digits % one)
    }
}

impl FromStr for AnyDecimal {
    type Err = ParseDecimalError;
    /// Digits with an optional sign and point; the scale is the number of fraction digits.
    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() + fraction.len() == 0 {
            return Err(ParseDecimalError);
        }
        let mut unscaled = 0i128;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return Err(ParseDecimalError);
            }
            unscaled = unscaled
                .checked_mul(10)
                .and_then(|value| value.checked_add(i128::from(digit - b'0')))
                .ok_or(ParseDecimalError)?;
        }
        Ok(Self {
            unscaled: if negative { -unscaled } else { unscaled },
            scale: u8::try_from(fraction.len()).map_err(|_| ParseDecimalError)?,
        })
    }
}

/// The text is no decimal, or one with too many digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDecimalError;

impl fmt::Display for ParseDecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a decimal of that precision: needed digits with an optional sign and point")
    }
}

impl std::error::Error for ParseDecimalError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero() {
        let cases = [("1.25", "1.3"), ("-1.25", "-1.3"), ("1.24", "1.2"), ("-0.04", "0.0"), ("9.95", "10.0")];
        for (text, rounded) in cases {
            assert_eq!(text.parse::<Decimal<10, 1>>().expect(text).to_string(), rounded);
        }
    }

    #[test]
    fn precision_is_kept() {
        assert_eq!(Decimal::<3, 1>::MAX.to_string(), "99.9");
        assert_eq!(Decimal::<3, 1>::MAX.checked_add(Decimal::from_unscaled(1).unwrap()), None);
        assert_eq!(Decimal::<3, 1>::from_int(100), None);
        assert_eq!(Decimal::<3, 1>::from_f64(-99.94), Some(Decimal(-999)));
        assert_eq!(Decimal::<3, 1>::from_f64(f64::NAN), None);
        assert_eq!(Decimal::<38, 0>::MAX.checked_mul_int(i64::MAX), None);
    }

    #[test]
    fn numbers_compare_across_scales() {
        let any = |text: &str| text.parse::<AnyDecimal>().unwrap();
        assert_eq!(any("1.0"), any("1.000"));
        assert!(any("-0.001") < any("0"));
        let huge = AnyDecimal::new(i128::MAX, 0);
        assert!(huge > AnyDecimal::new(1, 30));
        assert!(AnyDecimal::new(1, 30) < huge);
        assert!(AnyDecimal::new(i128::MIN + 1, 0) < AnyDecimal::new(1, 30));
        assert!(AnyDecimal::new(1, 30) > AnyDecimal::new(i128::MIN + 1, 0));
        assert_eq!(any("-0.5").to_string(), "-0.5");
        for wrong in ["", "-", ".", "1e5", "1.2.3", "--1", "ä"] {
            assert!(wrong.parse::<AnyDecimal>().is_err(), "{wrong}");
        }
    }
}
