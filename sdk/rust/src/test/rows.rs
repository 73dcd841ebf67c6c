//! The rows that an aggregate is fed with, and how they come and go.

use super::column_of;
use super::generate::Random;
use super::outcome::{Outcome, cell, outcomes, states};
use crate::aggregate::{AggregateFunction, BoundAggregate};
use crate::bitmap::Bitmap;
use crate::cell::{Builder, Cell};
use crate::contract::{AggregateSignature, Argument, Batch, BindError, Column, DataType, RowFact, State};

/// The bound function as it comes from the function, and rows to choose from.
pub(super) struct Subject<'f> {
    pub(super) function: &'f dyn AggregateFunction,
    pub(super) args: Vec<Argument>,
    /// Per argument the values; literals have none.
    pub(super) columns: Vec<Column>,
    pub(super) config: serde_json::Value,
    pub(super) signature: AggregateSignature,
}

impl<'f> Subject<'f> {
    /// Binds once to learn the signature.
    pub(super) fn new(
        function: &'f dyn AggregateFunction,
        args: Vec<Argument>,
        columns: Vec<Column>,
        config: &serde_json::Value,
    ) -> Result<Self, BindError> {
        let signature = function.bind(&args, config.clone())?.signature();
        Ok(Self { function, args, columns, config: config.clone(), signature })
    }

    /// A fresh instance without rows.
    pub(super) fn fresh(&self) -> Box<dyn BoundAggregate> {
        let bound = self.function.bind(&self.args, self.config.clone());
        bound.unwrap_or_else(|error| panic!("bound once, refused then: {error}"))
    }

    /// These rows as a batch.
    fn batch(&self, rows: &[usize]) -> Batch {
        let reads = self.signature.call.reads.iter().map(|read| {
            let argument = &self.args[*read as usize];
            assert!(argument.literal.is_none(), "the signature reads the literal {read}");
            taken(&self.columns[*read as usize], argument.field.data_type, rows)
        });
        // A row has the same seed whenever it comes.
        let facts = self.signature.call.facts.iter().map(|fact| match fact {
            RowFact::Seed => column_of(rows.iter().map(|row| Random(*row as u64).next())).1,
            RowFact::ChangeKind => column_of(rows.iter().map(|_| 0u8)).1,
            RowFact::CommitTime => column_of(rows.iter().map(|_| crate::Timestamp(0))).1,
        });
        Batch { rows: rows.len() as u32, columns: reads.chain(facts).collect() }
    }

    /// Feeds events, a batch up to each cut. Returns the refused ones by their position.
    pub(super) fn feed(
        &self,
        bound: &mut dyn BoundAggregate,
        events: &[Event],
        groups: &Numbers,
    ) -> Result<Vec<(usize, String)>, String> {
        let mut refused = Vec::new();
        let mut start = 0;
        while start < events.len() {
            let more = events[start + 1..].iter().take_while(|event| !event.cut).count();
            let part = &events[start..=start + more];
            let rows: Vec<usize> = part.iter().map(|event| event.row).collect();
            let numbers: Vec<u32> = part.iter().map(|event| groups.of(event.group)).collect();
            let outs = part.iter().any(|event| event.out);
            let retract = outs.then(|| Bitmap::from_fn(part.len(), |row| part[row].out));
            let flagged = bound.update(groups.count, &numbers, retract.as_ref(), self.batch(&rows))?;
            if !flagged.is_sorted_by(|a, b| a.row < b.row) {
                return Err("refused rows must rise".to_owned());
            }
            refused.extend(flagged.into_iter().map(|row| (start + row.row as usize, row.code)));
            start += part.len();
        }
        Ok(refused)
    }

    /// The results of all groups.
    pub(super) fn results(&self, bound: &mut dyn BoundAggregate, groups: &Numbers) -> Result<Vec<Outcome>, String> {
        let numbers = groups.all();
        outcomes(&bound.evaluate(&numbers)?, &self.signature.call.results, numbers.len())
    }

    /// The states of all groups.
    pub(super) fn states(&self, bound: &mut dyn BoundAggregate, groups: &Numbers) -> Result<States, String> {
        let numbers = groups.all();
        self.read(&bound.snapshot(&numbers)?, numbers.len())
    }

    /// States as values.
    pub(super) fn read(&self, state: &State, groups: usize) -> Result<States, String> {
        states(state, &self.signature.state.fields, groups)
    }

    /// A row in words.
    pub(super) fn show(&self, row: usize) -> String {
        let columns = self.args.iter().zip(&self.columns).filter(|(argument, _)| argument.literal.is_none());
        let cells = columns.map(|(argument, column)| {
            let field = &argument.field;
            format!("{} = {:?}", field.name, cell(column, field.data_type, row))
        });
        cells.collect::<Vec<_>>().join(", ")
    }
}

/// Per group the rows of its state.
pub(super) type States = Vec<Vec<Vec<super::outcome::Cell>>>;

/// A row with its stay in a group.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) row: usize,
    pub(super) group: u32,
    /// When it comes; only the order matters.
    pub(super) came: usize,
    /// When it is taken out.
    pub(super) left: Option<usize>,
    /// Whether batches are cut before it comes, and before it leaves.
    pub(super) cuts: (bool, bool),
}

/// A row that comes or leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) row: usize,
    pub(super) group: u32,
    pub(super) out: bool,
    pub(super) cut: bool,
}

/// The comings and leavings in their order.
pub(super) fn events(items: &[Item]) -> Vec<Event> {
    let event = |item: &Item, out, cut| Event { row: item.row, group: item.group, out, cut };
    let mut events: Vec<(usize, Event)> = Vec::new();
    for item in items {
        events.push((item.came, event(item, false, item.cuts.0)));
        if let Some(left) = item.left {
            events.push((left, event(item, true, item.cuts.1)));
        }
    }
    events.sort_by_key(|(time, _)| *time);
    events.into_iter().map(|(_, event)| event).collect()
}

/// Groups by their numbers in the instance.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    numbers: Vec<u32>,
    count: u32,
}

impl Numbers {
    /// As they are.
    pub(super) fn plain(groups: u32) -> Self {
        Self { numbers: (0..groups).collect(), count: groups }
    }

    /// The same groups backwards, far apart.
    pub(super) fn scattered(groups: u32) -> Self {
        let numbers: Vec<u32> = (0..groups).map(|group| (groups - group) * 700).collect();
        Self { count: groups * 700 + 5, numbers }
    }

    pub(super) fn of(&self, group: u32) -> u32 {
        self.numbers[group as usize]
    }

    pub(super) fn all(&self) -> Vec<u32> {
        self.numbers.clone()
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

/// The chosen rows of a column.
pub(super) fn taken(column: &Column, data_type: DataType, rows: &[usize]) -> Column {
    let valid = |row: usize| column.validity.as_ref().is_none_or(|bits| bits[row / 8] >> (row % 8) & 1 == 1);
    let validity = Bitmap::from_fn(rows.len(), |at| valid(rows[at]));
    let validity = (!validity.is_full()).then(|| validity.into_bytes());
    let (offsets, values) = match (data_type.width(), &column.offsets) {
        (_, Some(offsets)) => {
            let offset = |row: usize| i32::from_le_bytes(*offsets[row * 4..].first_chunk().expect("an offset per row"));
            let mut builder = <<Vec<u8> as Cell>::Builder as Builder>::with_capacity(rows.len());
            for row in rows {
                let range = offset(*row) as usize..offset(row + 1) as usize;
                column.values[range].push_cell(&mut builder);
            }
            let column = builder.finish(None);
            (column.offsets, column.values)
        }
        (Some(width), None) => {
            (None, rows.iter().flat_map(|row| &column.values[row * width..][..width]).copied().collect())
        }
        (None, None) => {
            let bit = |at: usize| column.values[rows[at] / 8] >> (rows[at] % 8) & 1 == 1;
            (None, Bitmap::from_fn(rows.len(), bit).into_bytes())
        }
    };
    Column { validity, offsets, values }
}
