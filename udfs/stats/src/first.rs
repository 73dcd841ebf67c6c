//! `first` and `last`: the value of the row that an order column puts first or last.

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{Argument, Arity, Batch, BindError, BoundAggregate, Field, FlaggedRow, FunctionInfo, RowError};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::entries::{self, Entries, EntryRows, Set, Takes};

/// Which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    First,
    Last,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

pub(crate) fn info(which: Which) -> FunctionInfo {
    let (order, tie) = match which {
        Which::First => ("smallest", "smallest"),
        Which::Last => ("largest", "largest"),
    };
    call::info(
        which.name(),
        format!(
            "The value of the row with the {order} order value, in the type of the argument, also when it is NULL; of \
             several such rows the {tie} value (of texts, by their bytes; NULL is below all). Rows whose order value \
             is NULL are left out; NULL when there is none. Exact under retraction: every distinct pair of a group is \
             kept with its count."
        ),
        vec![
            call::parameter("value", "Any type.", Arity::One),
            call::parameter("order", "Any type but JSON; texts are compared by their column's collation.", Arity::One),
        ],
        "the argument's type",
        Vec::new(),
    )
}

pub(crate) fn bind(which: Which, args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    let name = which.name();
    Config::new(name, config, &[])?;
    let entries = Entries::bind(name, args, Takes::Ordered, true)?;
    let field = call::column(name, args, 0)?;
    let result = Field { name: name.to_owned(), nullable: true, ..field.clone() };
    let (reads, state) = (entries.reads(), entries.state(args));
    Ok(Bound::new(FirstLast { which, entries }, reads, result, Layout::Several, state).boxed())
}

struct FirstLast {
    which: Which,
    entries: Entries,
}

impl Function for FirstLast {
    type Rows = EntryRows;
    type Group = Set;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<EntryRows, String> {
        self.entries.open(batch)
    }

    fn add(&self, group: &mut Set, entry: &[u8]) {
        group.change(entry, 1);
    }

    fn retract(&self, group: &mut Set, entry: &[u8]) {
        group.change(entry, -1);
    }

    fn evaluate(&self, group: &Set, out: &mut Writer) -> Result<(), RowError> {
        let mut entries = group.present().map(|(entry, _)| entry);
        let found = if self.which == Which::First { entries.next() } else { entries.next_back() };
        match found {
            Some(entry) => self.entries.write(entry, out),
            None => out.push_null(),
        }
        Ok(())
    }

    fn snapshot(&self, group: &Set, out: &mut [Writer]) -> u32 {
        entries::snapshot(group, out)
    }

    fn merge(&self, group: &mut Set, state: &[Reader], row: usize) -> Result<(), String> {
        entries::merge(group, state, row);
        Ok(())
    }
}
