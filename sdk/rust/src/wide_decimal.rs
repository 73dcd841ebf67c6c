//! Decimals of more than 38 digits: MySQL's `DECIMAL(39,s)` to `DECIMAL(65,s)`.

use crate::contract::{DataType, DecimalType};
use crate::decimal::{ParseDecimalError, power_of_ten};
use crate::fixed::wraps;
use crate::wide::I256;
use std::fmt;
use std::str::FromStr;

/// A decimal of at most `P` digits (39 to 65), `S` of them after the point.
///
/// ```
/// use rowmill_sdk::WideDecimal;
///
/// let text = "-12345678901234567890123456789012345678901234567890.50";
/// let wide: WideDecimal<60, 2> = text.parse().unwrap();
/// assert_eq!(wide.to_string(), text);
/// assert_eq!(wide.checked_add(wide).unwrap().checked_sub(wide), Some(wide));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WideDecimal<const P: u8, const S: u8>(pub(crate) I256);

wraps!(WideDecimal<const P: u8, const S: u8>, I256, {
    const { assert!(P >= 39 && P <= 65 && S <= 30, "WideDecimal<P, S> needs P in 39..=65, S in 0..=30; up to 38 digits use Decimal<P, S>") }
    DataType::Decimal(DecimalType { precision: P, scale: S })
});

impl<const P: u8, const S: u8> WideDecimal<P, S> {
    /// The decimal `unscaled / 10^S`; `None` beyond `P` digits.
    pub fn from_unscaled(unscaled: I256) -> Option<Self> {
        let mut limit = I256::from(power_of_ten(38));
        for _ in 38..P {
            limit = limit.checked_mul_small(10)?;
        }
        (unscaled < limit && limit.checked_neg()? < unscaled).then_some(Self(unscaled))
    }

    /// The value times 10^S.
    pub const fn unscaled(self) -> I256 {
        self.0
    }

    /// The sum; `None` beyond the precision.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_unscaled(self.0.checked_add(other.0)?)
    }

    /// The difference; `None` beyond the precision.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_unscaled(self.0.checked_sub(other.0)?)
    }
}

impl<const P: u8, const S: u8> fmt::Display for WideDecimal<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Vec::with_capacity(66);
        let mut rest = self.0;
        // One digit at least stands before the point, which counts itself.
        let least = usize::from(S) + usize::from(S > 0);
        while rest != I256::ZERO || digits.len() <= least {
            let (quotient, digit) = rest.div_rem_small(10);
            digits.push(b'0' + digit as u8);
            rest = quotient;
            if digits.len() == usize::from(S) && S > 0 {
                digits.push(b'.');
            }
        }
        if self.0.is_negative() {
            digits.push(b'-');
        }
        digits.iter().rev().try_for_each(|b| fmt::Write::write_char(f, char::from(*b)))
    }
}

impl<const P: u8, const S: u8> FromStr for WideDecimal<P, S> {
    type Err = ParseDecimalError;
    /// Digits with an optional sign and point and at most `S` fraction digits.
    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() + fraction.len() == 0 || fraction.len() > usize::from(S) {
            return Err(ParseDecimalError);
        }
        let padding = usize::from(S) - fraction.len();
        let mut value = I256::ZERO;
        for digit in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', padding)) {
            if !digit.is_ascii_digit() {
                return Err(ParseDecimalError);
            }
            value = value
                .checked_mul_small(10)
                .and_then(|value| value.checked_add(I256::from(i128::from(digit - b'0'))))
                .ok_or(ParseDecimalError)?;
        }
        if negative {
            value = value.checked_neg().ok_or(ParseDecimalError)?;
        }
        Self::from_unscaled(value).ok_or(ParseDecimalError)
    }
}

#[cfg(test)]
mod tests {
    use super::WideDecimal;

    #[test]
    fn wide_decimals_print_as_they_parse() {
        for text in ["0.00", "-0.05", "1.00", "99999999999999999999999999999999999999.99"] {
            assert_eq!(text.parse::<WideDecimal<40, 2>>().expect(text).to_string(), text);
        }
        assert!("100000000000000000000000000000000000000.00".parse::<WideDecimal<40, 2>>().is_err());
        assert_eq!("7".parse::<WideDecimal<40, 0>>().unwrap().to_string(), "7");
    }
}
