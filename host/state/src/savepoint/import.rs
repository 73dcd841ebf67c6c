//! Reading a savepoint, into an empty state or only to see what it is.

use std::path::Path;

use crate::database::{Database, Durable};
use crate::folder::Folder;
use crate::guard::guarded;
use crate::savepoint::Summary;
use crate::savepoint::block::BlockReader;
use crate::savepoint::manifest::{CHECKPOINT_TITLE, MANIFEST, Manifest, Table};
use crate::table::apply;
use crate::{Checkpoint, Error, Options, Writes, checkpoint};

/// A transaction of the import takes this many records; at twice as many it takes twice the memory.
const RECORDS_AT_ONCE: usize = 65_536;

/// What a savepoint is: the header it was given, its checkpoint, and how much it holds. Reads only
/// the small files; the tables are verified by the import.
pub fn inspect(dir: &Path) -> Result<(serde_json::Value, Checkpoint, Summary), Error> {
    let manifest = Manifest::read(dir)?;
    let checkpoint = checkpoint_of(dir, &manifest)?;
    let summary = manifest.summary();
    Ok((manifest.header, checkpoint, summary))
}

/// Makes the state of a savepoint the state of an empty or a new folder. Every block is verified;
/// with the first that is damaged the folder stays empty.
pub fn import(dir: &Path, folder: &Path) -> Result<Summary, Error> {
    let manifest = Manifest::read(dir)?;
    let checkpoint = checkpoint_of(dir, &manifest)?;
    let folder = Folder::take(folder)?;
    let name = if folder.state().exists() { Some("a state".to_owned()) } else { folder.foreign()? };
    if let Some(name) = name {
        return Err(Error::NotEmpty { folder: folder.path().to_owned(), name });
    }
    let imported = fill(dir, &manifest, &checkpoint, &folder);
    match imported {
        Ok(()) => folder.adopt_new()?,
        Err(error) => {
            folder.discard_new()?;
            return Err(error);
        }
    }
    Ok(manifest.summary())
}

fn checkpoint_of(dir: &Path, manifest: &Manifest) -> Result<Checkpoint, Error> {
    let mut reader = BlockReader::open(dir, &manifest.checkpoint, CHECKPOINT_TITLE)?;
    let records = reader.next_block()?.unwrap_or_default();
    let checkpoint = records.first().and_then(|(_, record)| checkpoint::decode(record));
    let end = reader.next_block()?;
    let checkpoint = checkpoint.filter(|_| records.len() == 1 && end.is_none());
    checkpoint.ok_or_else(|| Error::savepoint(&dir.join(MANIFEST), "its checkpoint is not one"))
}

/// Fills a new database, and closes it.
fn fill(dir: &Path, manifest: &Manifest, checkpoint: &Checkpoint, folder: &Folder) -> Result<(), Error> {
    let database = Database::create(folder, Options::default().cache_bytes)?;
    let file = database.file().to_owned();
    let write = |writes: &[Writes]| {
        guarded(&file, "writing", || {
            let transaction = database.begin(Durable::WithTheNext)?;
            apply(&transaction, writes)?;
            Ok(transaction.commit()?)
        })
    };
    for Table { name, extent } in &manifest.tables {
        let mut reader = BlockReader::open(dir, extent, &Table::title(name))?;
        let mut pending = Writes { table: name.clone(), entries: Vec::new() };
        while let Some(records) = reader.next_block()? {
            pending.entries.extend(records.into_iter().map(|(key, value)| (key, Some(value))));
            if pending.entries.len() >= RECORDS_AT_ONCE {
                write(std::slice::from_ref(&pending))?;
                pending.entries.clear();
            }
        }
        write(std::slice::from_ref(&pending))?;
    }
    guarded(&file, "committing", || {
        let transaction = database.begin(Durable::Yes)?;
        checkpoint::record(&transaction, checkpoint, None)?;
        transaction.commit()?;
        checkpoint::pin(&database, checkpoint.sequence, None)?;
        Ok(())
    })
}
