//! MySQL's packed decimals: nine digits in four bytes, the rest of each side in as few as they
//! need, big-endian, the first bit inverted, negative numbers complemented.

use arrow_buffer::i256;

use super::bytes::{Bad, Bytes};

/// Bytes that hold 0 to 9 decimal digits.
const DIGIT_BYTES: [u8; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
const POWERS: [u32; 10] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// A group's value and the power of ten by which it shifts what came before.
type Group = Result<(u32, u32), Bad>;

/// Where the digit groups of a DECIMAL(precision, scale) are.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Bytes and digits per group, from the left.
    groups: Vec<(u8, u8)>,
    pub(crate) bytes: usize,
}

impl Layout {
    pub(crate) fn new(precision: u8, scale: u8) -> Layout {
        let mut groups = Vec::new();
        let (whole, scale) = (precision.saturating_sub(scale), scale);
        let mut push = |digits: u8| {
            if digits > 0 {
                groups.push((DIGIT_BYTES[digits as usize], digits));
            }
        };
        push(whole % 9);
        (0..whole / 9).for_each(|_| push(9));
        (0..scale / 9).for_each(|_| push(9));
        push(scale % 9);
        let bytes = groups.iter().map(|g| g.0 as usize).sum();
        Layout { groups, bytes }
    }

    /// The groups of one value and whether it is negative.
    #[inline(always)]
    fn groups<'a>(&'a self, input: &'a mut Bytes<'_>) -> Result<(bool, impl Iterator<Item = Group> + 'a), Bad> {
        let raw = input.take(self.bytes)?;
        let negative = raw.first().is_some_and(|b| b & 0x80 == 0);
        let mask = if negative { 0xff } else { 0 };
        let mut at = 0;
        let iter = self.groups.iter().map(move |&(bytes, digits)| {
            let mut value = 0u32;
            for i in 0..bytes as usize {
                // `raw` has exactly the sum of all groups' bytes.
                let flip = if at + i == 0 { 0x80 } else { 0 };
                value = value << 8 | u32::from(raw[at + i] ^ flip ^ mask);
            }
            at += bytes as usize;
            let power = POWERS[digits as usize];
            if value >= power { Err("is a decimal with too many digits in a group") } else { Ok((value, power)) }
        });
        Ok((negative, iter))
    }

    /// A value of at most 18 digits, for which 64-bit arithmetic suffices, or at most 38.
    #[inline(always)]
    pub(crate) fn read128(&self, input: &mut Bytes<'_>) -> Result<i128, Bad> {
        let (negative, groups) = self.groups(input)?;
        if self.bytes <= 8 {
            let mut value = 0i64;
            for group in groups {
                let (digits, power) = group?;
                value = value * i64::from(power) + i64::from(digits);
            }
            return Ok(i128::from(if negative { -value } else { value }));
        }
        let mut value = 0i128;
        for group in groups {
            let (digits, power) = group?;
            value = value.wrapping_mul(i128::from(power)).wrapping_add(i128::from(digits));
        }
        Ok(if negative { -value } else { value })
    }

    /// A value of up to 65 digits.
    pub(crate) fn read256(&self, input: &mut Bytes<'_>) -> Result<i256, Bad> {
        let (negative, groups) = self.groups(input)?;
        let mut value = i256::ZERO;
        for group in groups {
            let (digits, power) = group?;
            value = value.wrapping_mul(i256::from_i128(power.into())).wrapping_add(i256::from_i128(digits.into()));
        }
        Ok(if negative { value.wrapping_neg() } else { value })
    }
}

/// The unscaled value of a decimal in text form, as the protocol sends it.
pub(crate) fn parse(text: &[u8], scale: u8) -> Result<i256, Bad> {
    const NONE: Bad = "is not a decimal";
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let mut value = i256::ZERO;
    let mut fraction: Option<u8> = None;
    let ten = i256::from_i128(10);
    for &c in digits {
        match c {
            b'0'..=b'9' => {
                value = value.wrapping_mul(ten).wrapping_add(i256::from_i128((c - b'0').into()));
                fraction = fraction.map(|n| n.saturating_add(1));
            }
            b'.' if fraction.is_none() => fraction = Some(0),
            _ => return Err(NONE),
        }
    }
    let found = fraction.unwrap_or(0);
    if digits.is_empty() || digits.len() > 100 || found > scale {
        return Err(NONE);
    }
    for _ in found..scale {
        value = value.wrapping_mul(ten);
    }
    Ok(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed() {
        // The example of MySQL's decimal.c: 1234567890.1234 as DECIMAL(14,4).
        let raw = [0x81, 0x0D, 0xFB, 0x38, 0xD2, 0x04, 0xD2];
        let layout = Layout::new(14, 4);
        assert_eq!(layout.read128(&mut Bytes::new(&raw)).unwrap(), 12_345_678_901_234);
        let negative: Vec<u8> = raw.iter().map(|b| !b).collect();
        assert_eq!(layout.read128(&mut Bytes::new(&negative)).unwrap(), -12_345_678_901_234);
        assert_eq!(layout.read256(&mut Bytes::new(&negative)).unwrap(), i256::from_i128(-12_345_678_901_234));
        assert!(layout.read128(&mut Bytes::new(&raw[..3])).is_err());
    }

    #[test]
    fn text() {
        assert_eq!(parse(b"-12.30", 4).unwrap(), i256::from_i128(-123_000));
        assert!(parse(b"1e5", 0).is_err() && parse(b"", 0).is_err() && parse(b"1.234", 2).is_err());
    }
}
