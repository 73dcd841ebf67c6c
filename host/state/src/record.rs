//! A record carries its own checksum, so that a flipped byte is found on the way out of the store
//! and not only when the whole file is verified.
//!
//! The checksum covers the table's name, the key and the value: a record that turned up under
//! another key or in another table fails it too. What it can't see is a record that is not found,
//! because a flipped byte in a branch page led past it; that takes the verification at the next open.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Bytes of the checksum, at the end of the stored value.
pub(crate) const SUM_BYTES: usize = 8;

/// The checksums of one table's records.
#[derive(Clone, Copy)]
pub(crate) struct Seal {
    seed: u64,
}

impl Seal {
    pub(crate) fn new(table: &str) -> Self {
        Self { seed: xxh3_64(table.as_bytes()) }
    }

    fn sum(self, key: &[u8], value: &[u8]) -> u64 {
        xxh3_64_with_seed(value, xxh3_64_with_seed(key, self.seed))
    }

    /// Writes the stored form of a value over what `stored` holds.
    pub(crate) fn close(self, key: &[u8], value: &[u8], stored: &mut Vec<u8>) {
        stored.clear();
        stored.extend_from_slice(value);
        stored.extend_from_slice(&self.sum(key, value).to_le_bytes());
    }

    /// The value in a stored form, or nothing if it is not what was written under this key.
    pub(crate) fn open<'a>(self, key: &[u8], stored: &'a [u8]) -> Option<&'a [u8]> {
        let (value, sum) = stored.split_last_chunk::<SUM_BYTES>()?;
        (self.sum(key, value) == u64::from_le_bytes(*sum)).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_fails_under_another_key_another_table_and_with_any_bit_flipped() {
        let (seal, key, value) = (Seal::new("totals"), b"customer 7".as_slice(), b"sum 12.50".as_slice());
        let mut stored = Vec::new();
        seal.close(key, value, &mut stored);
        assert_eq!(seal.open(key, &stored), Some(value));
        assert_eq!(seal.open(b"customer 8", &stored), None);
        assert_eq!(Seal::new("counts").open(key, &stored), None);
        for bit in 0..stored.len() * 8 {
            stored[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(seal.open(key, &stored), None, "bit {bit}");
            stored[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(seal.open(key, &stored[..7]), None);
    }

    #[test]
    fn an_empty_value_has_a_checksum_of_its_key() {
        let seal = Seal::new("totals");
        let mut stored = Vec::new();
        seal.close(b"a", b"", &mut stored);
        assert_eq!(stored.len(), SUM_BYTES);
        assert_eq!(seal.open(b"a", &stored), Some(b"".as_slice()));
        assert_eq!(seal.open(b"b", &stored), None);
    }
}
