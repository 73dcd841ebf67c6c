//! Every group is written to the target once, and then the position.
//!
//! Only the last of these epochs stores the position S; a crash before it finds the pending checkpoint and writes all
//! groups again. A rebuild does the same over a target that holds rows: each group is written as an update, and then
//! the target is compared with what was written (`reconcile`).

use super::{Next, Over, follow_on};
use crate::error::Error;
use crate::reconcile::Written;
use crate::worker::Worker;
use rowmill_operators::Progress;
use rowmill_operators::aggregate::Cursor;

/// The groups go into the target.
pub(crate) struct Publish {
    /// What it holds.
    pub(crate) over: Over,
}

impl Publish {
    pub(super) async fn run(self, worker: &mut Worker) -> Result<Next, Error> {
        let mut noted = Written::of_all(worker).await?.map(Vec::into_iter);
        for table in 0..worker.tables.len() {
            let mut written = noted.as_mut().and_then(Iterator::next);
            let mut cursor = Cursor::default();
            loop {
                let flow = &mut worker.tables[table].flow;
                let next = flow.next_groups(&mut cursor, self.over.op(), &worker.handed, table).await?;
                let Some((_, events)) = next else { break };
                if let Some(written) = &mut written {
                    written.note(&events.write)?;
                }
                worker.filling.add_output(events.write, events.skipped);
                if !worker.flush_if_full().await? {
                    return Ok(Next::End);
                }
            }
            if let Some(written) = written
                && !(worker.flush().await? && worker.reconcile(table, written).await?)
            {
                return Ok(Next::End);
            }
            // Windows that were closed when the snapshot was taken have been written.
            worker.tables[table].flow.close(Progress::Snapshot, &worker.handed, table).await?;
        }
        match worker.store_position(&mut None).await? {
            true => follow_on(worker, None).await,
            false => Ok(Next::End),
        }
    }
}
