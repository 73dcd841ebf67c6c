//! A stream: changes of one origin, and the tree of steps that they go through.
//!
//! ```text
//!  changes ─▶ steps ─┬─▶ steps ─▶ write            the origin is a source table, or an aggregate's groups
//!                    └─▶ steps ─┬─▶ write
//!                               └─▶ aggregate      whose groups are the origin of a stream of their own
//! ```
//!
//! A relation that several others are made from is a fork: its steps run once per batch, whoever reads them.
//!
//! # Which rows the steps see
//!
//! Where an aggregate follows, both images of an update run, because the aggregate takes out what it once put in.
//! Functions are pure, so a before-image that errs now is one that erred when it was an after-image; it counts as
//! filtered out and is not counted again. Everywhere else steps run on after-images only: before-images are left out
//! at the last fork before which an aggregate can be reached.

use std::pin::Pin;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::SchemaRef;
use rowmill_change::{Op, Position, TransactionStart, Write};
use rowmill_foreign::line;
use xxhash_rust::xxh3::xxh3_64;

use crate::cell;
use crate::error::Error;
use crate::gather::Part;
use crate::step::{CallContext, FAILURES_LOGGED, Failure, Frame, Overseer, RowFacts, Search, Step};
use crate::write::Writer;
use rowmill_plan::OnError;

/// Changes of one origin and what becomes of them.
pub struct Stream {
    pub(crate) root: Arc<Root>,
    /// The steps, from the origin to aggregates and targets.
    pub tree: Branch,
    /// A call on the stream asks for seeds.
    pub(crate) wants_seeds: bool,
    /// May end the search for failing rows.
    pub(crate) overseer: Overseer,
}

/// What the rows of an origin are called, and told apart by.
pub(crate) struct Root {
    /// For messages: the source table, also behind an aggregate.
    table: String,
    pub(crate) input: SchemaRef,
    /// The columns by which rows are told apart.
    key: Vec<usize>,
    keys: RowConverter,
}

/// Steps, and where their rows go.
pub struct Branch {
    /// In their order.
    pub steps: Vec<Step>,
    /// Each gets all rows.
    pub outlets: Vec<Outlet>,
    leads_to_state: bool,
    writes: bool,
}

/// Where rows go after a step.
pub enum Outlet {
    /// Into further steps.
    Branch(Branch),
    /// Into an aggregate.
    Aggregate(Entry),
    /// Into a target.
    Write(Box<Writer>),
}

/// The way into an aggregate.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number in the graph.
    pub node: usize,
    /// The tags of the unions on the way: with them rows of different branches have different keys.
    pub tags: Arc<[String]>,
}

/// Changes of one origin, in order.
pub struct Changes<'a> {
    /// Both images of an update, or the after-image alone.
    pub rows: &'a RecordBatch,
    /// One per row.
    pub ops: &'a [Op],
    /// Microseconds since the epoch, one per row.
    pub commit_time: &'a [i64],
    /// The row's number within the event that brought it, whatever its table. None where rows of tables have no
    /// order among each other.
    pub ordinals: &'a [u32],
    /// Where the transactions of the rows begin.
    pub transactions: &'a [TransactionStart],
    /// After the batch.
    pub position: &'a Position,
}

/// What is asked of a pass over a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Aggregates take rows in.
    pub(crate) state: bool,
    /// Targets get rows.
    pub(crate) writes: bool,
    /// The rows were told to the aggregates before: those that failed on a step in common have been counted.
    pub(crate) counted: bool,
}

/// What a pass has brought so far.
#[derive(Default)]
pub(crate) struct Passed<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) writes: Vec<Write>,
    /// Rows left out because they failed.
    pub(crate) skipped: u64,
}

/// A batch on its way through a tree.
struct Pass<'p, 'a> {
    root: Arc<Root>,
    changes: &'a Changes<'a>,
    facts: Arc<RowFacts<'a>>,
    search: Search,
    demand: Demand,
    passed: &'p mut Passed<'a>,
}

/// Boxed: the compiler can't see through the borrows of a nested future that is spawned.
type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

impl<'a> Changes<'a> {
    /// Rows that no event of a source brought: of a snapshot, or of an aggregate's groups.
    pub fn without_event(rows: &'a RecordBatch, ops: &'a [Op], commit_time: &'a [i64], position: &'a Position) -> Self {
        Self { rows, ops, commit_time, ordinals: &[], transactions: &[], position }
    }
}

impl Changes<'_> {
    /// Where the transaction of a row begins, as text; after the batch where that is not known.
    fn transaction(&self, row: u32) -> String {
        let before = self.transactions.partition_point(|start| start.row <= row);
        match before.checked_sub(1).and_then(|at| self.transactions.get(at)) {
            Some(start) => start.to_string(),
            None => self.position.to_string(),
        }
    }
}

impl Branch {
    /// Steps whose rows go there.
    pub fn new(steps: Vec<Step>, outlets: Vec<Outlet>) -> Self {
        let leads_to_state = outlets.iter().any(|outlet| match outlet {
            Outlet::Branch(branch) => branch.leads_to_state,
            Outlet::Aggregate(_) => true,
            Outlet::Write(_) => false,
        });
        let writes = outlets.iter().any(|outlet| match outlet {
            Outlet::Branch(branch) => branch.writes,
            Outlet::Aggregate(_) => false,
            Outlet::Write(_) => true,
        });
        Self { steps, outlets, leads_to_state, writes }
    }

    /// Whether rows reach an aggregate.
    pub fn leads_to_state(&self) -> bool {
        self.leads_to_state
    }

    /// Whether rows reach a target without an aggregate before it.
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// This branch and all behind it, down to aggregates and targets.
    pub fn walk(&self) -> Vec<&Branch> {
        let mut all = vec![self];
        for outlet in &self.outlets {
            if let Outlet::Branch(branch) = outlet {
                all.extend(branch.walk());
            }
        }
        all
    }

    /// The aggregates that rows reach first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.walk().into_iter().flat_map(|branch| &branch.outlets).filter_map(|outlet| match outlet {
            Outlet::Aggregate(entry) => Some(entry),
            _ => None,
        })
    }

    /// The writers that rows reach before an aggregate.
    pub fn writers(&self) -> impl Iterator<Item = &Writer> {
        self.walk().into_iter().flat_map(|branch| &branch.outlets).filter_map(|outlet| match outlet {
            Outlet::Write(writer) => Some(&**writer),
            _ => None,
        })
    }

    /// The same, to change them.
    pub(crate) fn for_each_writer(&mut self, change: &mut impl FnMut(&mut Writer)) {
        for outlet in &mut self.outlets {
            match outlet {
                Outlet::Branch(branch) => branch.for_each_writer(change),
                Outlet::Write(writer) => change(writer),
                Outlet::Aggregate(_) => {}
            }
        }
    }

    fn answers(&self, demand: Demand) -> bool {
        demand.state && self.leads_to_state || demand.writes && self.writes
    }

    fn run<'r, 'a: 'r>(&'r mut self, mut frame: Frame, pass: &'r mut Pass<'_, 'a>) -> Running<'r, ()> {
        Box::pin(async move {
            for step in &mut self.steps {
                let mut failures = Vec::new();
                let mut context = CallContext { facts: &pass.facts, search: &mut pass.search };
                frame = step.run(frame, &mut context, &mut failures).await?;
                let failed = pass.root.failed(&step.id, step.on_error, failures, pass.changes)?;
                pass.passed.skipped += if pass.demand.counted && self.leads_to_state { 0 } else { failed };
            }
            let last = self.outlets.iter().rposition(|outlet| outlet.answers(pass.demand));
            for (number, outlet) in self.outlets.iter_mut().enumerate() {
                if !outlet.answers(pass.demand) {
                    continue;
                }
                let rows = if Some(number) == last { std::mem::take(&mut frame) } else { frame.clone() };
                outlet.take(rows, pass).await?;
            }
            Ok(())
        })
    }

    fn needs_before(&self, demand: Demand) -> bool {
        demand.state && self.leads_to_state
    }
}

impl Outlet {
    fn answers(&self, demand: Demand) -> bool {
        match self {
            Self::Branch(branch) => branch.answers(demand),
            Self::Aggregate(_) => demand.state,
            Self::Write(_) => demand.writes,
        }
    }

    async fn take<'a>(&mut self, rows: Frame, pass: &mut Pass<'_, 'a>) -> Result<(), Error> {
        match self {
            Self::Branch(branch) if branch.needs_before(pass.demand) => branch.run(rows, pass).await,
            Self::Branch(branch) => branch.run(after_images(rows, pass.changes.ops)?, pass).await,
            Self::Aggregate(entry) => {
                pass.passed.parts.push(Part {
                    entry: entry.clone(),
                    root: Arc::clone(&pass.root),
                    changes: pass.changes,
                    facts: Arc::clone(&pass.facts),
                    frame: rows,
                });
                Ok(())
            }
            Self::Write(writer) => {
                let rows = after_images(rows, pass.changes.ops)?;
                let (write, refused) = writer.write(rows, &pass.root, pass.changes)?;
                pass.passed.writes.push(write);
                pass.passed.skipped += refused;
                Ok(())
            }
        }
    }
}

impl Stream {
    /// A stream whose rows are told apart by these columns of `input`. `table`: for messages. A key of a type that has
    /// no order is an error.
    pub fn new(table: String, input: SchemaRef, key: Vec<usize>, tree: Branch) -> Result<Self, Error> {
        let fields = key.iter().map(|&column| SortField::new(input.field(column).data_type().clone())).collect();
        let keys = RowConverter::new(fields)?;
        let root = Arc::new(Root { table, input, key, keys });
        Ok(Self { root, tree, wants_seeds: false, overseer: Overseer::default() })
    }

    /// Runs the steps on a batch, and adds what comes of it.
    pub(crate) async fn run<'a>(
        &mut self,
        changes: &'a Changes<'a>,
        demand: Demand,
        passed: &mut Passed<'a>,
    ) -> Result<(), Error> {
        if !self.tree.answers(demand) {
            return Ok(());
        }
        let frame = Frame { columns: changes.rows.columns().to_vec(), rows: changes.rows.num_rows(), origin: None };
        let frame = if self.tree.needs_before(demand) { frame } else { after_images(frame, changes.ops)? };
        let facts = Arc::new(self.facts(changes)?);
        let search = Search::new(&self.overseer);
        let mut pass = Pass { root: Arc::clone(&self.root), changes, facts, search, demand, passed };
        self.tree.run(frame, &mut pass).await
    }

    /// What the calls on the stream ask for of each row.
    fn facts<'a>(&self, changes: &Changes<'a>) -> Result<RowFacts<'a>, Error> {
        let seeds = match self.wants_seeds {
            true => Some(self.root.keys(changes.rows)?.iter().map(|key| xxh3_64(key.as_ref())).collect()),
            false => None,
        };
        Ok(RowFacts { ops: changes.ops, commit_time: changes.commit_time, seeds })
    }
}

/// The rows of a frame that their source rows have now.
fn after_images(frame: Frame, ops: &[Op]) -> Result<Frame, Error> {
    let is_after = |op: &Op| matches!(op, Op::Insert | Op::UpdateAfter);
    if ops.iter().all(is_after) {
        return Ok(frame);
    }
    let keep: BooleanBuffer = (0..frame.rows).map(|row| is_after(&ops[frame.origin(row) as usize])).collect();
    Ok(frame.retain(&BooleanArray::new(keep, None))?)
}

impl Root {
    /// Stops at the first failed row, or logs the first few and counts all but before-images.
    pub(crate) fn failed(
        &self,
        step: &str,
        on_error: OnError,
        mut failures: Vec<Failure>,
        changes: &Changes<'_>,
    ) -> Result<u64, Error> {
        failures.sort_by_key(|failure| failure.origin);
        if let (OnError::Fail, Some(first)) = (on_error, failures.first()) {
            return Err(Error::Row {
                step: step.to_owned(),
                function: first.function.clone(),
                table: self.table.clone(),
                key: self.key_text(changes.rows, first.origin as usize),
                code: line(&first.code).into_owned(),
                message: line(&first.message).into_owned(),
                position: changes.transaction(first.origin),
            });
        }
        failures.retain(|failure| matches!(changes.ops[failure.origin as usize], Op::Insert | Op::UpdateAfter));
        for failure in failures.iter().take(FAILURES_LOGGED) {
            tracing::warn!(
                step,
                function = failure.function,
                table = self.table,
                key = self.key_text(changes.rows, failure.origin as usize),
                transaction = changes.transaction(failure.origin),
                code = line(&failure.code).as_ref(),
                error = line(&failure.message).as_ref(),
                "row skipped"
            );
        }
        if let Some(more) = failures.len().checked_sub(FAILURES_LOGGED).filter(|more| *more > 0) {
            tracing::warn!(step, table = self.table, more, "further rows of this batch skipped");
        }
        failures.dedup_by_key(|failure| failure.origin);
        Ok(failures.len() as u64)
    }

    fn key_text(&self, rows: &RecordBatch, row: usize) -> String {
        let part =
            |&column: &usize| format!("{}={}", self.input.field(column).name(), cell::text(rows.column(column), row));
        let parts: Vec<String> = self.key.iter().map(part).collect();
        line(&parts.join(", ")).into_owned()
    }

    /// The keys of rows as bytes.
    pub(crate) fn keys(&self, rows: &RecordBatch) -> Result<Rows, Error> {
        Ok(self.keys.convert_columns(&self.key_columns(rows))?)
    }

    /// The columns that make them.
    pub(crate) fn key_columns(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.key.iter().map(|&column| rows.column(column).clone()).collect()
    }
}
