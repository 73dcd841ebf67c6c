//! Writing a savepoint.

use std::fs::{self, DirBuilder};
use std::ops::Bound;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use redb::ReadTransaction;

use crate::folder::{names, shown, sync_folder};
use crate::savepoint::Summary;
use crate::savepoint::block::{BlockWriter, Extent};
use crate::savepoint::manifest::{CHECKPOINT, CHECKPOINT_TITLE, MANIFEST, MANIFEST_SUM, Manifest, Table};
use crate::{Checkpoint, Error, Store, checkpoint, table};

/// Behind the names of files that are not yet part of a savepoint.
const SUFFIX: &str = ".part";

impl Store {
    /// Writes the newest checkpoint to an empty or a new folder, as a savepoint. What is written
    /// after the checkpoint is not in it, also when it is written meanwhile; nothing waits for it.
    ///
    /// `header` is what [`inspect`](crate::inspect) shows before an import.
    pub fn export(&self, dir: &Path, header: serde_json::Value) -> Result<Summary, Error> {
        let (checkpoint, view) = self.newest()?;
        let create = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        create.map_err(|error| Error::io("creating", dir, error))?;
        if let Some(name) = names(dir)?.first() {
            return Err(Error::NotEmpty { folder: dir.to_owned(), name: shown(name) });
        }
        let written = write(self, dir, &checkpoint, &view, header);
        if written.is_err() {
            // The folder was empty, so all in it is from here. What can't be removed can't be
            // taken for a savepoint either.
            for name in names(dir).unwrap_or_default() {
                let _ = fs::remove_file(dir.join(name));
            }
        }
        written
    }
}

fn write(
    store: &Store,
    dir: &Path,
    checkpoint: &Checkpoint,
    view: &ReadTransaction,
    header: serde_json::Value,
) -> Result<Summary, Error> {
    let mut writer = BlockWriter::create(&part(dir, CHECKPOINT), CHECKPOINT.into(), CHECKPOINT_TITLE)?;
    writer.add(b"", &checkpoint::encode(checkpoint))?;
    let first = writer.finish()?;

    let mut tables = Vec::new();
    for (at, name) in store.guarded("reading", || table::names(view))?.into_iter().enumerate() {
        let file = format!("table-{:04}.blocks", at + 1);
        let extent = write_table(store, dir, view, &name, file)?;
        tables.push(Table { name, extent });
    }
    let manifest = Manifest::new(checkpoint, header, first, tables);
    manifest.write(dir, SUFFIX)?;

    let files = manifest.tables.iter().map(|table| table.extent.file.as_str());
    for file in files.chain([CHECKPOINT, MANIFEST_SUM, MANIFEST]) {
        let renamed = fs::rename(part(dir, file), dir.join(file));
        renamed.map_err(|error| Error::io("renaming", &dir.join(file), error))?;
        if file == MANIFEST_SUM {
            // All the others are there before the file that says so.
            sync_folder(dir)?;
        }
    }
    sync_folder(dir)?;
    Ok(manifest.summary())
}

fn write_table(store: &Store, dir: &Path, view: &ReadTransaction, name: &str, file: String) -> Result<Extent, Error> {
    let mut writer = BlockWriter::create(&part(dir, &file), file, &Table::title(name))?;
    store.guarded("reading", || {
        table::for_each(view, store.file(), name, (Bound::Unbounded, Bound::Unbounded), |key, value| {
            writer.add(key, value)?;
            Ok(true)
        })
    })?;
    writer.finish()
}

fn part(dir: &Path, file: &str) -> std::path::PathBuf {
    dir.join([file, SUFFIX].concat())
}
