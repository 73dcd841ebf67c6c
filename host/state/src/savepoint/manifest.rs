//! `manifest.json`: what a savepoint holds, readable by people, and its checksum beside it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rowmill_foreign::FileError;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::savepoint::Summary;
use crate::savepoint::block::Extent;
use crate::{Checkpoint, Error};

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const MANIFEST_SUM: &str = "manifest.xxh3";
pub(crate) const CHECKPOINT: &str = "checkpoint.blocks";

/// The title of the file with the checkpoint. Those of tables have a prefix.
pub(crate) const CHECKPOINT_TITLE: &str = "checkpoint";

/// A name and four numbers for each table; a table of a state belongs to a table and a step of the plan.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

const FORMAT: &str = "rowmill savepoint";
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: String,
    version: u32,
    /// Of the checkpoint; for people, the file with it decides.
    sequence: u64,
    written_at_ms: u64,
    /// What the caller wants to know before an import.
    pub(crate) header: serde_json::Value,
    pub(crate) checkpoint: Extent,
    pub(crate) tables: Vec<Table>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) extent: Extent,
}

impl Table {
    /// The title of a table's file.
    pub(crate) fn title(name: &str) -> String {
        format!("table/{name}")
    }
}

impl Manifest {
    pub(crate) fn new(of: &Checkpoint, header: serde_json::Value, checkpoint: Extent, tables: Vec<Table>) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            sequence: of.sequence,
            written_at_ms: of.written_at_ms,
            header,
            checkpoint,
            tables,
        }
    }

    /// How much the savepoint holds; its own two files are small and not counted.
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            tables: self.tables.len() as u64,
            entries: self.tables.iter().map(|table| table.extent.entries).sum(),
            bytes: self.checkpoint.bytes + self.tables.iter().map(|table| table.extent.bytes).sum::<u64>(),
        }
    }

    /// Writes both files with `suffix` behind their names, and syncs them.
    pub(crate) fn write(&self, dir: &Path, suffix: &str) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(self).expect("strings, numbers and JSON become JSON");
        text.push('\n');
        write(&dir.join([MANIFEST_SUM, suffix].concat()), sum_text(text.as_bytes()).as_bytes())?;
        write(&dir.join([MANIFEST, suffix].concat()), text.as_bytes())
    }

    pub(crate) fn read(dir: &Path) -> Result<Self, Error> {
        let file = dir.join(MANIFEST);
        let text = match read(&file)? {
            Some(text) => text,
            None => {
                return Err(Error::NotASavepoint { dir: dir.to_owned(), what: format!("it has no {MANIFEST}") });
            }
        };
        let sum = read(&dir.join(MANIFEST_SUM))?;
        let sum = sum.ok_or_else(|| Error::savepoint(&dir.join(MANIFEST_SUM), "the file is missing"))?;
        if sum != sum_text(&text).as_bytes() {
            return Err(Error::savepoint(&file, format!("its checksum is not the one in {MANIFEST_SUM}")));
        }
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let not_ours = |error: serde_json::Error| Error::savepoint(&file, error.to_string());
        let Version { version: found } = serde_json::from_slice(&text).map_err(not_ours)?;
        if found != VERSION {
            return Err(Error::Version { file, found, supported: VERSION });
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(not_ours)?;
        for extent in manifest.tables.iter().map(|table| &table.extent).chain([&manifest.checkpoint]) {
            if Path::new(&extent.file).file_name() != Some(extent.file.as_ref()) {
                return Err(Error::savepoint(&file, format!("it names the file {}, in another folder", extent.file)));
            }
        }
        Ok(manifest)
    }
}

/// The exact contents of `manifest.xxh3`, so that no byte of it can change unnoticed.
fn sum_text(text: &[u8]) -> String {
    format!("{:016x}\n", xxh3_64(text))
}

fn read(file: &Path) -> Result<Option<Vec<u8>>, Error> {
    match rowmill_foreign::read(file, MANIFEST_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(FileError::Io(error)) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(FileError::Io(error)) => Err(Error::io("reading", file, error)),
        Err(other) => Err(Error::savepoint(file, other.to_string())),
    }
}

fn write(file: &PathBuf, text: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut created = File::create_new(file)?;
        created.write_all(text)?;
        created.sync_all()
    };
    write().map_err(|error| Error::io("writing", file, error))
}
