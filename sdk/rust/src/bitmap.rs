//! Bits, one per row: validity and booleans.
//!
//! Invariant, kept by every constructor: exactly `rows` bits rounded up to bytes, and the bits
//! past the last row are 0. So bitmaps combine byte by byte, and counting needs no mask.

/// One bit per row, least significant bit first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    bytes: Vec<u8>,
    rows: usize,
}

impl Bitmap {
    /// All bits `bit`.
    pub fn all(rows: usize, bit: bool) -> Self {
        let mut bitmap = Self { bytes: vec![if bit { 0xff } else { 0 }; rows.div_ceil(8)], rows };
        bitmap.mask();
        bitmap
    }

    /// Takes over a buffer; `None` when it has the wrong length for `rows`.
    pub fn from_bytes(bytes: Vec<u8>, rows: usize) -> Option<Self> {
        if bytes.len() != rows.div_ceil(8) {
            return None;
        }
        let mut bitmap = Self { bytes, rows };
        bitmap.mask();
        Some(bitmap)
    }

    /// The bit that `f` says for each row.
    pub fn from_fn(rows: usize, mut f: impl FnMut(usize) -> bool) -> Self {
        let mut bytes = Vec::with_capacity(rows.div_ceil(8));
        let whole = rows / 8 * 8;
        for base in (0..whole).step_by(8) {
            bytes.push(
                u8::from(f(base))
                    | u8::from(f(base + 1)) << 1
                    | u8::from(f(base + 2)) << 2
                    | u8::from(f(base + 3)) << 3
                    | u8::from(f(base + 4)) << 4
                    | u8::from(f(base + 5)) << 5
                    | u8::from(f(base + 6)) << 6
                    | u8::from(f(base + 7)) << 7,
            );
        }
        if whole < rows {
            let bits = (whole..rows).fold(0, |byte, row| byte | u8::from(f(row)) << (row - whole));
            bytes.push(bits);
        }
        Self { bytes, rows }
    }

    fn mask(&mut self) {
        let rest = self.rows % 8;
        if let (true, Some(last)) = (rest != 0, self.bytes.last_mut()) {
            *last &= (1 << rest) - 1;
        }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The bit of a row; false past the end.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        self.bytes.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }

    /// Sets the bit of a row; nothing happens past the end.
    #[inline]
    pub fn set(&mut self, row: usize, bit: bool) {
        if row < self.rows {
            let mask = 1 << (row % 8);
            if bit {
                self.bytes[row / 8] |= mask;
            } else {
                self.bytes[row / 8] &= !mask;
            }
        }
    }

    /// Appends one row.
    #[inline]
    pub fn push(&mut self, bit: bool) {
        if self.rows.is_multiple_of(8) {
            self.bytes.push(0);
        }
        self.rows += 1;
        if bit {
            self.set(self.rows - 1, true);
        }
    }

    /// Keeps the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        if rows < self.rows {
            self.rows = rows;
            self.bytes.truncate(rows.div_ceil(8));
            self.mask();
        }
    }

    /// How many bits are 1.
    pub fn count(&self) -> usize {
        let mut words = self.bytes.chunks_exact(8);
        let whole: u32 = words.by_ref().map(|word| word.iter().map(|byte| byte.count_ones()).sum::<u32>()).sum();
        let rest: u32 = words.remainder().iter().map(|byte| byte.count_ones()).sum();
        (whole + rest) as usize
    }

    /// Whether all bits are 1.
    pub fn is_full(&self) -> bool {
        let (whole, rest) = self.bytes.split_at(self.rows / 8);
        whole.iter().all(|byte| *byte == 0xff) && rest.first().is_none_or(|last| *last == (1 << (self.rows % 8)) - 1)
    }

    /// `f` of both, eight bytes at a time. `f` works on bits; both must have as many rows.
    pub fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        debug_assert_eq!(self.rows, other.rows, "bitmaps of different lengths");
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let (left, left_rest) = self.bytes.as_chunks::<8>();
        let (right, right_rest) = other.bytes.as_chunks::<8>();
        for (l, r) in left.iter().zip(right) {
            bytes.extend_from_slice(&f(u64::from_le_bytes(*l), u64::from_le_bytes(*r)).to_le_bytes());
        }
        for (l, r) in left_rest.iter().zip(right_rest) {
            bytes.push(f(u64::from(*l), u64::from(*r)).to_le_bytes()[0]);
        }
        // Only differs from nothing when the two had different lengths.
        bytes.resize(self.bytes.len(), 0);
        let mut bitmap = Self { bytes, rows: self.rows };
        bitmap.mask();
        bitmap
    }

    /// Bits that are 1 in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.zip(other, |l, r| l & r)
    }

    /// Bits that are 1 in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.zip(other, |l, r| l | r)
    }

    /// Every bit turned.
    #[must_use]
    pub fn not(&self) -> Self {
        self.zip(self, |bits, _| !bits)
    }

    /// The buffer.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the buffer away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Rows that are valid in both; `None` = all.
pub fn both(left: Option<&Bitmap>, right: Option<&Bitmap>) -> Option<Bitmap> {
    match (left, right) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (Some(left), Some(right)) => Some(left.and(right)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_past_the_last_row_stay_zero() {
        for rows in [0, 1, 7, 8, 9, 63, 64, 65, 200] {
            assert_eq!(Bitmap::all(rows, true).count(), rows);
            assert!(Bitmap::all(rows, true).is_full());
            assert_eq!(Bitmap::all(rows, false).not().count(), rows);
            let every_third = Bitmap::from_fn(rows, |row| row % 3 == 0);
            assert_eq!(every_third.count(), rows.div_ceil(3));
            assert_eq!(every_third.and(&every_third.not()).count(), 0);
            let mut pushed = Bitmap::all(0, true);
            (0..rows).for_each(|row| pushed.push(row % 3 == 0));
            assert_eq!(pushed, every_third);
        }
    }

    #[test]
    fn truncating_forgets_the_bits() {
        let mut bits = Bitmap::all(20, true);
        bits.truncate(10);
        bits.push(false);
        assert_eq!((bits.rows(), bits.count()), (11, 10));
    }
}
