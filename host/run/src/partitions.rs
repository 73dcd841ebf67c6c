//! Keys, each with a hash and a note, cut into parts by key: in memory while they are few, in temporary files when
//! they are many. So who compares two sides holds one part at a time, however large the tables are.

use std::io::{self, BufRead, BufReader, Read, Seek, Write};

use tempfile::SpooledTempFile;
use xxhash_rust::xxh3::xxh3_64;

/// Parts of one side. With 64 a part of 100 million rows is about 1.5 million.
const PARTS: usize = 64;
/// Bytes of a part that stay in memory: 32 MiB a side at most.
const IN_MEMORY: usize = 512 << 10;

/// The key's columns as `arrow-row` writes them.
pub(crate) type Key = Box<[u8]>;

pub(crate) struct Partitions(Vec<SpooledTempFile>);

impl Partitions {
    pub(crate) fn new() -> Self {
        Self((0..PARTS).map(|_| SpooledTempFile::new(IN_MEMORY)).collect())
    }

    /// Adds a record. Records of equal keys come to the same part.
    pub(crate) fn add(&mut self, key: &[u8], hash: u128, note: &[u8]) -> io::Result<()> {
        let part = &mut self.0[xxh3_64(key) as usize % PARTS];
        let mut record = Vec::with_capacity(key.len() + note.len() + 24);
        for bytes in [key, note] {
            record.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            record.extend_from_slice(bytes);
        }
        record.extend_from_slice(&hash.to_le_bytes());
        part.write_all(&record)
    }

    /// The parts, each with the same keys on both sides of a comparison.
    pub(crate) fn parts(self) -> impl Iterator<Item = io::Result<Part>> {
        self.0.into_iter().map(|mut file| {
            file.rewind()?;
            Ok(Part(BufReader::new(file)))
        })
    }
}

/// A record of one side.
pub(crate) struct Record {
    pub(crate) key: Key,
    pub(crate) hash: u128,
    pub(crate) note: Box<[u8]>,
}

/// The records of a part.
pub(crate) struct Part(BufReader<SpooledTempFile>);

impl Iterator for Part {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.fill_buf() {
            Ok([]) => None,
            Ok(_) => Some(self.record()),
            Err(error) => Some(Err(error)),
        }
    }
}

impl Part {
    fn record(&mut self) -> io::Result<Record> {
        let (key, note) = (self.bytes()?, self.bytes()?);
        let mut hash = [0; 16];
        self.0.read_exact(&mut hash)?;
        Ok(Record { key: key.into(), hash: u128::from_le_bytes(hash), note: note.into() })
    }

    fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back_also_from_files() {
        let mut partitions = Partitions::new();
        let long = vec![7; 2_000];
        for n in 0..20_000u64 {
            partitions.add(&[&n.to_be_bytes()[..], &long].concat(), u128::from(n), b"note").unwrap();
        }
        let mut found: Vec<u128> =
            partitions.parts().flat_map(|part| part.unwrap()).map(|row| row.unwrap().hash).collect();
        found.sort_unstable();
        assert_eq!(found, (0..20_000).collect::<Vec<u128>>());
    }
}
