//! Files of blocks: records in the order of their keys, each block with its own checksum.
//!
//! All numbers are little-endian. A file begins with
//!
//! | bytes | |
//! |---|---|
//! | 8 | `ROWMILLB` |
//! | 4 | version, 1 |
//! | 4 + n | length of the title, the title: what the file holds |
//! | 8 | XXH3-64 of all of this |
//!
//! and goes on with blocks:
//!
//! | bytes | |
//! |---|---|
//! | 4 | length of the payload |
//! | 4 | records in it |
//! | 8 | XXH3-64 |
//! | n | payload: for each record the lengths of key and value (4 + 4), key, value |
//!
//! The checksum of a block covers its lengths and its payload, and begins from the title and the
//! place of the block, so that blocks can't be exchanged, within a file or between files. How many
//! blocks there must be is in `manifest.json`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rowmill_foreign::FileError;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::{Error, Key, Value};

const MAGIC: &[u8; 8] = b"ROWMILLB";
const VERSION: u32 = 1;

/// A block is closed at this many bytes. Twice as much would name damage half as exactly, half as
/// much would cost twice the headers; neither matters much.
const BLOCK_BYTES: usize = 64 << 10;

/// What a file of blocks holds, in `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    /// Its name within the savepoint.
    pub(crate) file: String,
    pub(crate) entries: u64,
    pub(crate) blocks: u64,
    /// Of the whole file.
    pub(crate) bytes: u64,
}

fn sum(seed: u64, index: u64, lengths: &[u8; 8], payload: &[u8]) -> u64 {
    xxh3_64_with_seed(payload, xxh3_64_with_seed(lengths, seed.wrapping_add(index)))
}

/// Writes a file of blocks.
pub(crate) struct BlockWriter {
    path: PathBuf,
    out: BufWriter<File>,
    seed: u64,
    payload: Vec<u8>,
    payload_entries: u32,
    extent: Extent,
}

impl BlockWriter {
    /// Begins `path`, whose name in the savepoint will be `file`.
    pub(crate) fn create(path: &Path, file: String, title: &str) -> Result<Self, Error> {
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let created = created.map_err(|error| Error::io("creating", path, error))?;
        let mut writer = Self {
            path: path.to_owned(),
            out: BufWriter::new(created),
            seed: xxh3_64(title.as_bytes()),
            payload: Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4),
            payload_entries: 0,
            extent: Extent { file, entries: 0, blocks: 0, bytes: 0 },
        };
        writer.put(&header(title))?;
        Ok(writer)
    }

    /// Adds a record; its key comes after the one before.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.payload.extend_from_slice(&length(key));
        self.payload.extend_from_slice(&length(value));
        self.payload.extend_from_slice(key);
        self.payload.extend_from_slice(value);
        self.payload_entries += 1;
        if self.payload.len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    fn close_block(&mut self) -> Result<(), Error> {
        if self.payload_entries == 0 {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.payload);
        let mut lengths = [0; 8];
        lengths[..4].copy_from_slice(&length(&payload));
        lengths[4..].copy_from_slice(&self.payload_entries.to_le_bytes());
        let sum = sum(self.seed, self.extent.blocks, &lengths, &payload);
        self.put(&lengths)?;
        self.put(&sum.to_le_bytes())?;
        self.put(&payload)?;
        self.extent.entries += u64::from(self.payload_entries);
        self.extent.blocks += 1;
        self.payload_entries = 0;
        self.payload = payload;
        self.payload.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(|error| Error::io("writing", &self.path, error))?;
        self.extent.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes what is left, and syncs the file.
    pub(crate) fn finish(mut self) -> Result<Extent, Error> {
        self.close_block()?;
        let sync = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        sync.map_err(|error| Error::io("writing", &self.path, error))?;
        Ok(self.extent)
    }
}

fn header(title: &str) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&length(title.as_bytes()));
    header.extend_from_slice(title.as_bytes());
    header.extend_from_slice(&xxh3_64(&header).to_le_bytes());
    header
}

fn length(bytes: &[u8]) -> [u8; 4] {
    let length = u32::try_from(bytes.len()).expect("the store takes no key or value of 4 GiB, and names are short");
    length.to_le_bytes()
}

/// Reads a file of blocks, and believes nothing that it has not checked.
pub(crate) struct BlockReader {
    path: PathBuf,
    input: BufReader<File>,
    seed: u64,
    extent: Extent,
    /// Where the next block begins, and which one it is.
    offset: u64,
    index: u64,
    entries: u64,
    last_key: Option<Key>,
}

impl BlockReader {
    pub(crate) fn open(dir: &Path, extent: &Extent, title: &str) -> Result<Self, Error> {
        let path = dir.join(&extent.file);
        let (file, bytes) = match rowmill_foreign::open(&path) {
            Err(FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::savepoint(&path, "the file is missing"));
            }
            Err(FileError::Io(error)) => return Err(Error::io("opening", &path, error)),
            Err(other) => return Err(Error::savepoint(&path, other.to_string())),
            Ok(opened) => opened,
        };
        if bytes != extent.bytes {
            return Err(Error::savepoint(&path, format!("it has {bytes} bytes, {} were written", extent.bytes)));
        }
        let mut reader = Self {
            path,
            input: BufReader::new(file),
            seed: xxh3_64(title.as_bytes()),
            extent: extent.clone(),
            offset: 0,
            index: 0,
            entries: 0,
            last_key: None,
        };
        reader.check_header(title)?;
        Ok(reader)
    }

    fn check_header(&mut self, title: &str) -> Result<(), Error> {
        let expected = header(title);
        let found = self.take(expected.len())?;
        let version_at = MAGIC.len()..MAGIC.len() + 4;
        if found == expected {
            self.offset = expected.len() as u64;
            return Ok(());
        }
        // Another version is told from damage by everything else being as expected, checksum aside.
        let version = u32::from_le_bytes(found[version_at.clone()].try_into().expect("four bytes of a version"));
        let mut other = expected[..expected.len() - 8].to_vec();
        other[version_at].copy_from_slice(&version.to_le_bytes());
        other.extend_from_slice(&xxh3_64(&other).to_le_bytes());
        if found == other {
            return Err(Error::Version { file: self.path.clone(), found: version, supported: VERSION });
        }
        Err(Error::savepoint(&self.path, format!("the header at byte 0 is not the one of {title}")))
    }

    /// The records of the next block; none at the end of the file.
    pub(crate) fn next_block(&mut self) -> Result<Option<Vec<(Key, Value)>>, Error> {
        if self.index == self.extent.blocks {
            if (self.offset, self.entries) == (self.extent.bytes, self.extent.entries) {
                return Ok(None);
            }
            return Err(self.damaged("the file goes on after its last block"));
        }
        let lengths: [u8; 8] = self.take(8)?.try_into().expect("eight bytes were asked for");
        let stored: [u8; 8] = self.take(8)?.try_into().expect("eight bytes were asked for");
        let [payload_bytes, count] = [&lengths[..4], &lengths[4..]]
            .map(|bytes| u32::from_le_bytes(bytes.try_into().expect("a length has four bytes")));
        // Before so much memory is asked for.
        if self.offset + 16 + u64::from(payload_bytes) > self.extent.bytes {
            return Err(self.damaged("it ends after the end of the file"));
        }
        let payload = self.take(payload_bytes as usize)?;
        if sum(self.seed, self.index, &lengths, &payload) != u64::from_le_bytes(stored) {
            return Err(self.damaged("its checksum does not match"));
        }
        let records = records(&payload, count).ok_or_else(|| self.damaged("its records do not fill it"))?;
        self.ensure_order(&records)?;
        self.offset += 16 + u64::from(payload_bytes);
        self.index += 1;
        self.entries += u64::from(count);
        Ok(Some(records))
    }

    fn ensure_order(&mut self, records: &[(Key, Value)]) -> Result<(), Error> {
        for (key, _) in records {
            if self.last_key.as_ref().is_some_and(|last| last >= key) {
                return Err(self.damaged("its keys are not in order"));
            }
            self.last_key = Some(key.clone());
        }
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> Result<Vec<u8>, Error> {
        let mut taken = vec![0; bytes];
        match self.input.read_exact(&mut taken) {
            Ok(()) => Ok(taken),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.damaged("the file ends within it")),
            Err(error) => Err(Error::io("reading", &self.path, error)),
        }
    }

    fn damaged(&self, what: &str) -> Error {
        Error::savepoint(&self.path, format!("block {} at byte {}: {what}", self.index + 1, self.offset))
    }
}

fn records(mut payload: &[u8], count: u32) -> Option<Vec<(Key, Value)>> {
    let mut records = Vec::new();
    for _ in 0..count {
        let (key_bytes, rest) = payload.split_first_chunk()?;
        let (value_bytes, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_bytes) as usize)?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*value_bytes) as usize)?;
        records.push((key.into(), value.into()));
        payload = rest;
    }
    payload.is_empty().then_some(records)
}
