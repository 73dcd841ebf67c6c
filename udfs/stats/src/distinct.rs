//! `count_distinct`.

use std::marker::PhantomData;

use rowmill_sdk::bitmap::{Bitmap, both};
use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{Argument, Arity, Batch, BindError, BoundAggregate, DataType, FlaggedRow, FunctionInfo, RowError};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::groups::Rows;
use crate::key::{Ends, Key, Quad, Word};
use crate::multiset::Multiset;
use crate::order::{Form, Order};
use crate::types::required;

const NAME: &str = "count_distinct";

pub(crate) fn info() -> FunctionInfo {
    call::info(
        NAME,
        "How many different values, or combinations of values, there are; rows where one is NULL are left out. Never \
         NULL: 0 without rows. Texts are the same when their column's collation says so; -0 is 0. Exact under \
         retraction: every distinct value of a group is kept with its count (16 bytes and up); \
         `approx_count_distinct` needs less.",
        vec![
            call::parameter("value", "Any type.", Arity::One),
            call::parameter("more", "Further columns of the combination.", Arity::Repeated),
        ],
        "int64",
        Vec::new(),
    )
}

pub(crate) fn bind(args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    call::ensure_arguments(NAME, args, 1, usize::MAX)?;
    Config::new(NAME, config, &[])?;
    let orders = orders(NAME, args)?;
    let form = match orders.as_slice() {
        [one] => one.form(),
        _ => Form::Bytes,
    };
    Ok(match form {
        Form::Word => bound::<Word>(args, orders),
        Form::Quad => bound::<Quad>(args, orders),
        Form::Bytes => bound::<Box<[u8]>>(args, orders),
    })
}

/// The orders of all arguments, which are columns.
pub(crate) fn orders(function: &str, args: &[Argument]) -> Result<Vec<Order>, BindError> {
    let order = |position| Order::of(function, position, call::column(function, args, position)?);
    (0..args.len()).map(order).collect()
}

fn bound<K: DistinctKey>(args: &[Argument], orders: Vec<Order>) -> Box<dyn BoundAggregate> {
    // What is equal depends on types and collations; so they belong to the state.
    let mut value = required("value", K::state_type(&orders));
    for (position, argument) in args.iter().enumerate() {
        let collation = argument.field.attribute("collation").unwrap_or("binary");
        value = value.with(format!("argument-{position}"), format!("{} {collation}", argument.field.data_type));
    }
    let state = vec![value, required("count", DataType::Int64)];
    let reads = (0u32..).take(orders.len()).collect();
    let result = required(NAME, DataType::Int64);
    Bound::new(Distinct { orders, key: PhantomData::<K> }, reads, result, Layout::Several, state).boxed()
}

/// Keys that are equal where the values are.
trait DistinctKey: Key {
    fn state_type(orders: &[Order]) -> DataType;
    /// The keys of all rows that take part.
    fn columns(orders: &[Order], columns: &[Reader], rows: usize, validity: Option<&Bitmap>) -> Self::Column;
    fn write_state(part: &Self::Part, orders: &[Order], out: &mut Writer);
    fn with_state<R>(orders: &[Order], state: &Reader, row: usize, f: impl FnOnce(&Self::Part) -> R) -> R;
}

macro_rules! integers {
    ($type:ty, $read:ident) => {
        impl DistinctKey for $type {
            fn state_type(orders: &[Order]) -> DataType {
                orders[0].data_type
            }
            fn columns(orders: &[Order], columns: &[Reader], rows: usize, _: Option<&Bitmap>) -> Vec<$type> {
                (0..rows).map(|row| orders[0].$read(&columns[0], row)).collect()
            }
            fn write_state(part: &$type, orders: &[Order], out: &mut Writer) {
                Self::write(part, orders[0], out);
            }
            fn with_state<R>(orders: &[Order], state: &Reader, row: usize, f: impl FnOnce(&$type) -> R) -> R {
                f(&orders[0].$read(state, row))
            }
        }
    };
}

integers!(Word, equal_word);
integers!(Quad, quad);

impl DistinctKey for Box<[u8]> {
    fn state_type(_: &[Order]) -> DataType {
        DataType::Binary
    }
    fn columns(orders: &[Order], columns: &[Reader], rows: usize, validity: Option<&Bitmap>) -> Ends {
        Ends::collect(rows, |row, out| {
            if validity.is_none_or(|bits| bits.get(row)) {
                orders.iter().zip(columns).for_each(|(order, column)| order.append_first(column, row, out));
            }
        })
    }
    fn write_state(part: &[u8], _: &[Order], out: &mut Writer) {
        out.push(part);
    }
    fn with_state<R>(_: &[Order], state: &Reader, row: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        f(state.bytes(row))
    }
}

struct Distinct<K> {
    orders: Vec<Order>,
    key: PhantomData<K>,
}

/// The keys of a batch.
pub(crate) struct DistinctRows<K: Key> {
    keys: K::Column,
    validity: Option<Bitmap>,
}

impl<K: Key> Rows for DistinctRows<K> {
    type Value<'a> = &'a K::Part;

    fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    #[inline(always)]
    fn value(&self, row: usize) -> &K::Part {
        K::at(&self.keys, row)
    }
}

/// The columns of a batch, and the rows where none is NULL.
pub(crate) fn open(batch: Batch, orders: &[Order]) -> Result<(Vec<Reader>, Option<Bitmap>), String> {
    let rows = batch.rows as usize;
    if batch.columns.len() != orders.len() {
        return Err(format!("the batch has {} columns; needed {}", batch.columns.len(), orders.len()));
    }
    let columns = batch.columns.into_iter().zip(orders);
    let columns: Vec<Reader> =
        columns.map(|(column, order)| Reader::open(column, order.data_type, rows)).collect::<Result<_, _>>()?;
    let validity = columns.iter().fold(None, |all, column| both(all.as_ref(), column.validity(rows).as_ref()));
    Ok((columns, validity))
}

/// The values with their counts, and how many counts are above 0.
struct Counted<K> {
    values: Multiset<K>,
    present: i64,
}

impl<K> Default for Counted<K> {
    fn default() -> Self {
        Self { values: Multiset::default(), present: 0 }
    }
}

impl<K: Key> Counted<K> {
    fn change(&mut self, value: &K::Part, by: i64) {
        let after = self.values.change(value, by);
        let before = after.wrapping_sub(by);
        self.present += i64::from(after > 0) - i64::from(before > 0);
    }
}

impl<K: DistinctKey> Function for Distinct<K> {
    type Rows = DistinctRows<K>;
    type Group = Counted<K>;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<DistinctRows<K>, String> {
        let rows = batch.rows as usize;
        let (columns, validity) = open(batch, &self.orders)?;
        Ok(DistinctRows { keys: K::columns(&self.orders, &columns, rows, validity.as_ref()), validity })
    }

    #[inline]
    fn add(&self, group: &mut Counted<K>, value: &K::Part) {
        group.change(value, 1);
    }

    #[inline]
    fn retract(&self, group: &mut Counted<K>, value: &K::Part) {
        group.change(value, -1);
    }

    fn evaluate(&self, group: &Counted<K>, out: &mut Writer) -> Result<(), RowError> {
        out.push_i64(group.present);
        Ok(())
    }

    fn snapshot(&self, group: &Counted<K>, out: &mut [Writer]) -> u32 {
        let mut rows = 0;
        for (value, count) in group.values.iter() {
            K::write_state(value, &self.orders, &mut out[0]);
            out[1].push_i64(count);
            rows += 1;
        }
        rows
    }

    fn merge(&self, group: &mut Counted<K>, state: &[Reader], row: usize) -> Result<(), String> {
        K::with_state(&self.orders, &state[0], row, |value| group.change(value, state[1].i64(row)));
        Ok(())
    }
}
