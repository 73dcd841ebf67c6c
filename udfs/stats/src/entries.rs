//! Rows as entries of a set that has an order: what the functions need whose result depends on one.
//!
//! An entry is a key made of the order column's value, if there is one, and the value. So the entries
//! of a group are sorted by themselves, and of rows with equal order values the order of the values'
//! bytes decides (of numbers and times, that of the values): nothing is left to the order in which
//! rows came.

use rowmill_sdk::bitmap::Bitmap;
use rowmill_sdk::{Argument, Batch, BindError, DataType, Field};

use crate::call;
use crate::columns::{Reader, Writer};
use crate::groups::Rows;
use crate::key::Ends;
use crate::multiset::Multiset;
use crate::order::Order;
use crate::types::required;

/// Which rows have an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// All of them; NULL is a value.
    All,
    /// Those with a value.
    Values,
    /// Those with an order; without an order column, those with a value.
    Ordered,
}

/// How entries are made of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries {
    takes: Takes,
    value: Order,
    by: Option<Order>,
}

/// The entries of a group with how often each is there.
pub(crate) type Set = Multiset<Box<[u8]>>;

/// The entries of a batch.
pub(crate) struct EntryRows {
    keys: Ends,
    validity: Option<Bitmap>,
}

impl Rows for EntryRows {
    type Value<'a> = &'a [u8];

    fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    #[inline]
    fn value(&self, row: usize) -> &[u8] {
        self.keys.at(row)
    }
}

impl Entries {
    /// Of the arguments value and order, of which the second can be left out unless `needs_order`.
    pub(crate) fn bind(function: &str, args: &[Argument], takes: Takes, needs_order: bool) -> Result<Self, BindError> {
        call::ensure_arguments(function, args, if needs_order { 2 } else { 1 }, 2)?;
        let value = Order::by_bytes(call::column(function, args, 0)?.data_type);
        let by = match args.len() {
            2 => {
                let field = call::column(function, args, 1)?;
                if field.data_type == DataType::Json {
                    let hint = "extract the part that has an order in a map step";
                    return Err(call::wrong_type(function, 1, "an order column with an order", field.data_type, hint));
                }
                Some(Order::of(function, 1, field)?)
            }
            _ => None,
        };
        Ok(Self { takes, value, by })
    }

    /// The arguments that are read.
    pub(crate) fn reads(&self) -> Vec<u32> {
        if self.by.is_some() { vec![0, 1] } else { vec![0] }
    }

    /// The columns of a state: entries depend on types and collations.
    pub(crate) fn state(&self, args: &[Argument]) -> Vec<Field> {
        let mut entry = required("entry", DataType::Binary);
        for (position, argument) in args.iter().enumerate() {
            let collation = argument.field.attribute("collation").unwrap_or("binary");
            entry = entry.with(format!("argument-{position}"), format!("{} {collation}", argument.field.data_type));
        }
        vec![entry, required("count", DataType::Int64)]
    }

    /// The entries of a batch.
    pub(crate) fn open(&self, batch: Batch) -> Result<EntryRows, String> {
        let rows = batch.rows as usize;
        let mut columns = batch.columns.into_iter();
        let mut next = |order: Order| {
            let column = columns.next().ok_or("the batch has too few columns")?;
            Reader::open(column, order.data_type, rows)
        };
        let value = next(self.value)?;
        let by = self.by.map(&mut next).transpose()?;
        let validity = match (self.takes, &by) {
            (Takes::All, _) => None,
            (Takes::Ordered, Some(by)) => by.validity(rows),
            (Takes::Values | Takes::Ordered, _) => value.validity(rows),
        };
        let keys = Ends::collect(rows, |row, out| {
            if validity.as_ref().is_none_or(|bits| bits.get(row)) {
                if let (Some(by), Some(order)) = (&by, self.by) {
                    part(by, row, out, |out| order.append_first(by, row, out));
                }
                part(&value, row, out, |out| self.value.append(&value, row, out));
            }
        });
        Ok(EntryRows { keys, validity })
    }

    /// The bytes of an entry's value, as a column has them; `None` for NULL.
    pub(crate) fn with_value<R>(&self, entry: &[u8], f: impl FnOnce(Option<&[u8]>) -> R) -> R {
        let rest = match (self.by, entry) {
            (Some(order), [1, rest @ ..]) => &rest[order.first_length(rest)..],
            (Some(_), [_, rest @ ..]) => rest,
            (_, entry) => entry,
        };
        match rest {
            [1, value @ ..] => f(Some(&self.value.raw(value))),
            _ => f(None),
        }
    }

    /// Appends an entry's value to a column of its type.
    pub(crate) fn write(&self, entry: &[u8], out: &mut Writer) {
        self.with_value(entry, |value| match value {
            None => out.push_null(),
            Some(value) if self.value.data_type == DataType::Boolean => out.push_bool(*value != [0]),
            Some(value) => out.push(value),
        });
    }
}

/// NULL comes first.
fn part(column: &Reader, row: usize, out: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>)) {
    if column.is_null(row) {
        out.push(0);
    } else {
        out.push(1);
        append(out);
    }
}

/// Appends the entries of a group to a state.
pub(crate) fn snapshot(group: &Set, out: &mut [Writer]) -> u32 {
    let mut rows = 0;
    for (entry, count) in group.iter() {
        out[0].push(entry);
        out[1].push_i64(count);
        rows += 1;
    }
    rows
}

/// Adds a row of a state.
pub(crate) fn merge(group: &mut Set, state: &[Reader], row: usize) {
    group.change(state[0].bytes(row), state[1].i64(row));
}
