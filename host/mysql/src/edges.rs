//! Source and target as the conductor sees them ([`rowmill_change::Source`], [`rowmill_change::Target`]).

use std::sync::Arc;
use std::time::Instant;

use rowmill_change::{
    Answer, ChangeEvent, ChangeStream, Committed, Epoch, Holds, Position, SnapshotBatch, SnapshotProgress,
    SnapshotStream, Source, Target,
};

use crate::Identity;
use crate::binlog::{Changes, ChangesOptions, TableRead, current_position};
use crate::endpoint;
use crate::error::{Error, Result};
use crate::sink::Sink;
use crate::snapshot::{Snapshot, SnapshotOptions};
use crate::table::TableDef;

/// Tables of one server, and how they are read.
#[derive(Debug, Clone)]
pub struct TableSource {
    /// How a snapshot of them is read.
    pub snapshot: SnapshotOptions,
    /// How their changes are read.
    pub changes: ChangesOptions,
    /// The server that positions belong to.
    pub identity: Identity,
    /// The tables, in the order in which batches number them: with the definitions that rows are decoded with.
    pub tables: Vec<TableRead>,
}

impl TableSource {
    fn definitions(&self) -> Vec<TableDef> {
        self.tables.iter().map(|table| table.def.clone()).collect()
    }

    async fn begin(&self, read: &[usize]) -> Result<Snapshot> {
        let definitions = self.definitions();
        let (snapshot, locked) = Snapshot::begin_of(&self.snapshot, &definitions, read).await?;
        for (before, now) in definitions.iter().zip(&locked) {
            if let Some(difference) = before.difference(now) {
                return Err(Error::SchemaChanged {
                    table: before.name.clone(),
                    statement: format!("a statement while the pipeline was starting ({difference})"),
                    position: snapshot.start().clone(),
                });
            }
        }
        Ok(snapshot)
    }
}

impl Source for TableSource {
    type Error = Error;

    fn begin_snapshot(&self, read: Vec<usize>) -> Answer<'_, Box<dyn SnapshotStream<Error = Error>>, Error> {
        Box::pin(async move { Ok(Box::new(self.begin(&read).await?) as Box<dyn SnapshotStream<Error = Error>>) })
    }

    fn resume_snapshot(&self, progress: SnapshotProgress) -> Answer<'_, Box<dyn SnapshotStream<Error = Error>>, Error> {
        Box::pin(async move {
            let snapshot = Snapshot::resume(&self.snapshot, &self.definitions(), progress).await?;
            Ok(Box::new(snapshot) as Box<dyn SnapshotStream<Error = Error>>)
        })
    }

    fn open_changes(&self, from: Position) -> Answer<'_, Box<dyn ChangeStream<Error = Error>>, Error> {
        Box::pin(async move {
            let changes = Changes::open(self.changes.clone(), self.tables.clone(), &self.identity, from).await?;
            Ok(Box::new(changes) as Box<dyn ChangeStream<Error = Error>>)
        })
    }

    fn end(&self) -> Answer<'_, Position, Error> {
        Box::pin(async {
            let mut conn = self.snapshot.endpoint.connect().await?;
            let (flavor, _) = endpoint::flavor(&mut conn).await?;
            current_position(&mut conn, flavor).await
        })
    }
}

impl SnapshotStream for Snapshot {
    type Error = Error;

    fn next(&mut self) -> Answer<'_, Option<SnapshotBatch>, Error> {
        Box::pin(Snapshot::next(self))
    }

    fn progress(&self) -> &SnapshotProgress {
        Snapshot::progress(self)
    }

    fn converged_at(&self) -> &Position {
        Snapshot::converged_at(self)
    }

    fn rows_estimate(&self) -> u64 {
        Snapshot::rows_estimate(self)
    }
}

impl ChangeStream for Changes {
    type Error = Error;

    fn next(&mut self) -> Answer<'_, ChangeEvent, Error> {
        Box::pin(Changes::next(self))
    }

    fn set_until(&mut self, until: Option<Position>) -> Result<()> {
        Changes::set_until(self, until)
    }

    fn want_boundary(&mut self) {
        Changes::want_boundary(self);
    }

    fn heard(&self) -> Instant {
        Changes::heard(self)
    }

    fn take_lost(&mut self) -> u64 {
        Changes::take_lost(self)
    }
}

impl Target for Sink {
    type Error = Error;

    fn commit(&mut self, epoch: Epoch) -> Answer<'_, Committed, Error> {
        Box::pin(Sink::commit(self, epoch))
    }

    fn record_stop<'a>(&'a mut self, reason: &'a str) -> Answer<'a, (), Error> {
        Box::pin(Sink::record_stop(self, reason))
    }

    fn holds(&self, table: usize) -> Option<Arc<dyn Holds>> {
        Sink::holds(self, table).map(|holds| Arc::new(holds) as Arc<dyn Holds>)
    }
}
