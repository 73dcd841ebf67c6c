//! `median`: the value in the middle, exactly.

use std::marker::PhantomData;

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{Argument, Batch, BindError, BoundAggregate, DataType, Field, FlaggedRow, FunctionInfo, RowError};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::integer::Int;
use crate::key::{Key, Keys, Quad, Word};
use crate::multiset::Multiset;
use crate::natural::Natural;
use crate::order::{Form, Order};
use crate::types::{self, required};

const NAME: &str = "median";

pub(crate) fn info() -> FunctionInfo {
    call::info(
        NAME,
        "The value in the middle of those that are not NULL, as float64; of an even number the mean of the two in the \
         middle; NULL when there is none. NaN is above all numbers. Exact under retraction: every distinct value of a \
         group is kept with its count (16 bytes and up) and walked for each result; `percentile` with p 0.5 is the \
         approximate variant for large groups.",
        vec![call::number()],
        "float64",
        Vec::new(),
    )
}

pub(crate) fn bind(args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    call::ensure_arguments(NAME, args, 1, 1)?;
    Config::new(NAME, config, &[])?;
    let field = call::column(NAME, args, 0)?;
    let float = matches!(field.data_type, DataType::Float32 | DataType::Float64);
    if !float && types::exact(field).is_none() {
        let hint = "convert it in a map step, as in CAST(… AS DECIMAL(20,2)), or name another column";
        return Err(call::wrong_type(NAME, 0, "numbers", field.data_type, hint));
    }
    let order = Order::of(NAME, 0, field)?;
    Ok(match order.form() {
        Form::Word => bound::<Word>(order, field),
        Form::Quad => bound::<Quad>(order, field),
        Form::Bytes => bound::<Box<[u8]>>(order, field),
    })
}

fn bound<K: Key>(order: Order, field: &Field) -> Box<dyn BoundAggregate> {
    let state = vec![required("value", field.data_type), required("count", DataType::Int64)];
    let result = types::result(NAME, DataType::Float64);
    let function = Median { order, key: PhantomData::<K> };
    Bound::new(function, vec![0], result, Layout::Several, state).boxed()
}

struct Median<K> {
    order: Order,
    key: PhantomData<K>,
}

impl<K: Key> Median<K> {
    /// The value of a key as the nearest double.
    fn double(&self, key: &K::Part) -> Result<f64, RowError> {
        let mut column = Writer::new(self.order.data_type);
        K::write(key, self.order, &mut column);
        let column = Reader::open(column.finish(), self.order.data_type, 1).map_err(RowError::from)?;
        Ok(match self.order.data_type {
            DataType::Boolean => f64::from(u8::from(column.bool(0))),
            DataType::Int8 => i8::from_le_bytes(column.array(0)).into(),
            DataType::Int16 => i16::from_le_bytes(column.array(0)).into(),
            DataType::Int32 => i32::from_le_bytes(column.array(0)).into(),
            DataType::Int64 => column.i64(0) as f64,
            DataType::Float32 => f32::from_le_bytes(column.array(0)).into(),
            DataType::Float64 => f64::from_le_bytes(column.array(0)),
            DataType::Decimal(decimal) => {
                let value: Int<4> = Int::from_bytes(column.bytes(0)).unwrap_or_default();
                let unit = Natural::power_of_ten(decimal.scale.into());
                // At most 65 digits are well within float64.
                let magnitude = value.magnitude().ratio_to_f64(&unit, 0).unwrap_or(f64::MAX);
                if value.is_negative() { -magnitude } else { magnitude }
            }
            _ => u64::from_le_bytes(column.array(0)) as f64,
        })
    }
}

impl<K: Key> Function for Median<K> {
    type Rows = Keys<K>;
    type Group = Multiset<K>;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Keys<K>, String> {
        Keys::open(batch, self.order)
    }

    #[inline]
    fn add(&self, group: &mut Multiset<K>, value: &K::Part) {
        group.change(value, 1);
    }

    #[inline]
    fn retract(&self, group: &mut Multiset<K>, value: &K::Part) {
        group.change(value, -1);
    }

    fn evaluate(&self, group: &Multiset<K>, out: &mut Writer) -> Result<(), RowError> {
        let rows: u64 = group.present().map(|(_, count)| count).sum();
        let (low, high) = (rows.saturating_sub(1) / 2, rows / 2);
        let (mut below, mut lower) = (0, None);
        for (value, count) in group.present() {
            below += count;
            if below > low && lower.is_none() {
                lower = Some(value);
            }
            if below > high {
                let upper = self.double(value)?;
                let lower = self.double(lower.unwrap_or(value))?;
                let sum = lower + upper;
                let middle = if sum.is_infinite() { lower / 2.0 + upper / 2.0 } else { sum / 2.0 };
                out.push(&middle.to_le_bytes());
                return Ok(());
            }
        }
        out.push_null();
        Ok(())
    }

    fn snapshot(&self, group: &Multiset<K>, out: &mut [Writer]) -> u32 {
        let mut rows = 0;
        for (value, count) in group.iter() {
            K::write(value, self.order, &mut out[0]);
            out[1].push_i64(count);
            rows += 1;
        }
        rows
    }

    fn merge(&self, group: &mut Multiset<K>, state: &[Reader], row: usize) -> Result<(), String> {
        K::with(self.order, &state[0], row, |value| group.change(value, state[1].i64(row)));
        Ok(())
    }
}
