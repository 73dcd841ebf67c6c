//! The source: a snapshot in ranges, and a stream that is cut as the seed likes.

use std::ops::Range;
use std::sync::Arc;

use rand::Rng;
use rowmill_change::{
    Answer, ChangeBatch, ChangeEvent, ChangeStream, KeyRange, Op, Position, SnapshotBatch, SnapshotProgress,
    SnapshotStream, Source,
};
use rowmill_mysql::Error;
use tokio::time::Instant;

use super::super::Case;
use super::super::rows::{Change, Row, batch, rows_after, table_of, when};
use super::{Model, Point};

impl Case {
    /// Changes from the one with this number on, as the batches of an event.
    fn batches(&self, changes: Range<usize>, images: bool) -> Vec<ChangeBatch> {
        #[derive(Clone, Default)]
        struct Part<'c> {
            rows: Vec<&'c Row>,
            ops: Vec<Op>,
            commit_time: Vec<i64>,
            ordinals: Vec<u32>,
        }
        let mut parts = vec![Part::default(); self.tables];
        let mut ordinals = 0..;
        for at in changes {
            let mut image = |row, op| {
                let part = &mut parts[table_of(row, self.tables)];
                part.rows.push(row);
                part.ops.push(op);
                part.commit_time.push(when(at));
                // A source numbers rows where there are several tables.
                part.ordinals.extend(ordinals.next().filter(|_| self.tables > 1));
            };
            match &self.changes[at] {
                Change::Insert(row) => image(row, Op::Insert),
                Change::Update(before, after) => {
                    if images || before.id != after.id {
                        image(before, Op::UpdateBefore);
                    }
                    image(after, Op::UpdateAfter);
                }
                Change::Delete(row) => image(row, Op::Delete),
            }
        }
        let parts = parts.into_iter().enumerate().filter(|(_, part)| !part.rows.is_empty());
        let batch = |(table, part): (usize, Part<'_>)| ChangeBatch {
            table,
            ops: part.ops,
            rows: batch(&part.rows),
            commit_time: part.commit_time,
            ordinals: part.ordinals,
            transactions: Vec::new(),
        };
        parts.map(batch).collect()
    }
}

impl Source for Model {
    type Error = Error;

    fn begin_snapshot(&self, read: Vec<usize>) -> Answer<'_, Box<dyn SnapshotStream<Error = Error>>, Error> {
        Box::pin(async move {
            self.take_time().await;
            self.pass(Point::Open).await;
            let case = Arc::clone(&self.world().case);
            let progress = SnapshotProgress::of(case.position(case.snapshot), case.tables, &read);
            let point = if self.world().images { Point::Fill } else { Point::Copy };
            Ok(Box::new(Snapshot::of(self, progress, case.snapshot, point)) as Box<dyn SnapshotStream<Error = Error>>)
        })
    }

    fn resume_snapshot(&self, progress: SnapshotProgress) -> Answer<'_, Box<dyn SnapshotStream<Error = Error>>, Error> {
        Box::pin(async move {
            self.open().await?;
            let later = {
                let mut world = self.world();
                let seen = world.seen.max(Case::done(&progress.start));
                let later: Vec<usize> = world.case.ends.range(seen..).copied().collect();
                world.seen = later[world.random.random_range(0..later.len())];
                world.seen
            };
            Ok(Box::new(Snapshot::of(self, progress, later, Point::Copy)) as Box<dyn SnapshotStream<Error = Error>>)
        })
    }

    fn open_changes(&self, from: Position) -> Answer<'_, Box<dyn ChangeStream<Error = Error>>, Error> {
        Box::pin(async move {
            self.open().await?;
            let (at, heard) = (Case::done(&from), Instant::now());
            let changes =
                Changes { model: self.clone(), at, until: None, hurried: false, said_dry: false, ready: None, heard };
            Ok(Box::new(changes) as Box<dyn ChangeStream<Error = Error>>)
        })
    }

    fn end(&self) -> Answer<'_, Position, Error> {
        Box::pin(async {
            self.take_time().await;
            let case = Arc::clone(&self.world().case);
            Ok(case.position(case.changes.len() + 1))
        })
    }
}

fn lost() -> Error {
    Error::Unreachable { server: "model".to_owned(), reason: "lost".to_owned() }
}

impl Model {
    /// Passes the point at which something is opened. Who has claimed is expected to ask again.
    async fn open(&self) -> Result<(), Error> {
        self.take_time().await;
        let claimed = self.world().passed.contains_key(&Point::Claim);
        let point = if claimed { Point::Reopen } else { Point::Open };
        if self.pass(point).await && claimed { Err(lost()) } else { Ok(()) }
    }
}

struct Snapshot {
    model: Model,
    progress: SnapshotProgress,
    converged_at: Position,
    /// In the order in which they come.
    batches: Vec<SnapshotBatch>,
    ready: Option<Instant>,
    /// What it is read for.
    point: Point,
}

impl Snapshot {
    /// The ranges that the progress lacks, as of this moment.
    fn of(model: &Model, mut progress: SnapshotProgress, moment: usize, point: Point) -> Self {
        let mut world = model.world();
        let case = Arc::clone(&world.case);
        let mut rows: Vec<Row> = rows_after(&case.changes[..moment]);
        rows.sort_by_key(|row| row.id);
        let id = |key: &Option<Vec<String>>| key.as_ref().map(|key| key[0].parse::<i32>().unwrap());
        let mut batches = Vec::new();
        let gaps: Vec<KeyRange> = (0..case.tables).flat_map(|table| progress.gaps(table)).collect();
        for gap in gaps {
            let (after, through) = (id(&gap.after), id(&gap.through));
            let within = |row: &&Row| {
                let above = after.is_none_or(|id| row.id > id) && table_of(row, case.tables) == gap.table;
                above && through.is_none_or(|id| row.id <= id)
            };
            let mut rows: &[&Row] = &rows.iter().filter(within).collect::<Vec<_>>();
            let mut after = gap.after;
            for number in 0.. {
                let (part, rest) = rows.split_at(rows.len().min(world.random.random_range(1..=case.largest)));
                let through = match rest.is_empty() {
                    true => gap.through.clone(),
                    false => part.last().map(|row| vec![row.id.to_string()]),
                };
                let range = KeyRange { table: gap.table, order: gap.order + number, after, through: through.clone() };
                batches
                    .push((world.random.random::<u32>(), SnapshotBatch { table: gap.table, rows: batch(part), range }));
                (rows, after) = (rest, through);
                if rows.is_empty() {
                    break;
                }
            }
        }
        batches.sort_by_key(|(order, _)| *order);
        let batches = batches.into_iter().map(|(_, batch)| batch).collect();
        let converged_at = case.position(moment);
        drop(world);
        Self { model: model.clone(), progress, converged_at, batches, ready: None, point }
    }
}

impl SnapshotStream for Snapshot {
    type Error = Error;

    fn next(&mut self) -> Answer<'_, Option<SnapshotBatch>, Error> {
        Box::pin(async {
            let ready = *self.ready.get_or_insert_with(|| Instant::now() + self.model.world().pause());
            tokio::time::sleep_until(ready).await;
            self.ready = None;
            if self.model.pass(self.point).await {
                return Err(lost());
            }
            Ok(self.batches.pop())
        })
    }

    fn progress(&self) -> &SnapshotProgress {
        &self.progress
    }

    fn converged_at(&self) -> &Position {
        &self.converged_at
    }

    fn rows_estimate(&self) -> u64 {
        self.batches.len() as u64
    }
}

struct Changes {
    model: Model,
    at: usize,
    until: Option<usize>,
    hurried: bool,
    said_dry: bool,
    ready: Option<Instant>,
    heard: Instant,
}

impl Changes {
    /// The next event, if the source has one.
    fn take(&mut self) -> Option<ChangeEvent> {
        let mut world = self.model.world();
        let case = Arc::clone(&world.case);
        let is_silent = case.pauses.contains(&self.at) && !world.paused.contains(&self.at);
        let length = case.changes.len();
        if self.at > length {
            return None;
        }
        if is_silent && world.reached().is_some_and(|reached| self.at >= reached) {
            let position = case.position(self.at);
            let says = !std::mem::replace(&mut self.said_dry, true);
            return says.then_some(ChangeEvent::Position { position, commit_time: None, dry: true, idle: true });
        }
        if self.at == length {
            self.at += 1;
            // Time would pass while nothing more comes, which nobody expects.
            if !world.until_caught_up {
                world.handle.stop();
            }
            return Some(ChangeEvent::Position {
                position: case.position(self.at),
                commit_time: None,
                dry: true,
                idle: false,
            });
        }
        let from = self.at;
        let pause = case.pauses.range(from + 1..).next().copied();
        let ends = [Some(length), pause, self.until.filter(|until| *until > from)];
        let end = case.ends.range(from + 1..).next().copied().filter(|_| std::mem::take(&mut self.hurried));
        let cut = from + world.random.random_range(1..=case.largest);
        let to = ends.into_iter().chain([end]).flatten().fold(cut, usize::min);
        (self.at, self.said_dry) = (to, false);
        let dry = case.pauses.contains(&to) || world.random.random_range(0..4) > 0;
        let batches = case.batches(from..to, world.images);
        Some(ChangeEvent::Rows { batches, position: case.position(to), boundary: case.ends.contains(&to), dry })
    }
}

impl ChangeStream for Changes {
    type Error = Error;

    fn next(&mut self) -> Answer<'_, ChangeEvent, Error> {
        Box::pin(async {
            let ready = *self.ready.get_or_insert_with(|| Instant::now() + self.model.world().pause());
            tokio::time::sleep_until(ready).await;
            let point = self.model.world().stream_point(self.at);
            self.model.pass(point).await;
            let Some(event) = self.take() else { return std::future::pending().await };
            self.ready = None;
            self.heard = Instant::now();
            Ok(event)
        })
    }

    fn set_until(&mut self, until: Option<Position>) -> Result<(), Error> {
        self.until = until.as_ref().map(Case::done);
        Ok(())
    }

    fn want_boundary(&mut self) {
        self.hurried = true;
    }

    fn heard(&self) -> std::time::Instant {
        self.heard.into_std()
    }

    fn take_lost(&mut self) -> u64 {
        0
    }
}
