//! `min` and `max`.

use std::marker::PhantomData;

use rowmill_sdk::serde_json::{Value as Json, json};
use rowmill_sdk::{
    Argument, Arity, Batch, BindError, BoundAggregate, DataType, Field, FlaggedRow, FunctionInfo, RowError,
};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::key::{Key, Keys};
use crate::multiset::Multiset;
use crate::order::{Form, Order, Quad, Word};
use crate::types::{self, required};

/// Which end of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Least,
    Greatest,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Least => "min",
            Self::Greatest => "max",
        }
    }
}

pub(crate) const APPEND_ONLY: &str = "append_only";

pub(crate) fn info(end: End) -> FunctionInfo {
    let what = match end {
        End::Least => "smallest",
        End::Greatest => "largest",
    };
    call::info(
        end.name(),
        format!(
            "The {what} value that is not NULL, in the type of the argument; NULL when there is none. Texts are \
             compared by their column's collation; of texts that it calls equal the result is the one with the \
             smallest bytes. NaN is above \
             all numbers. Exact under retraction: every distinct value of a group is kept with its count (16 bytes \
             and up). `append_only: true` keeps one value per group instead, and then rows cannot be taken out."
        ),
        vec![call::parameter("value", "Any type but JSON.", Arity::One)],
        "the argument's type",
        vec![call::key(
            APPEND_ONLY,
            "Keep the extreme alone, for sources that never change or delete rows.",
            json!(false),
        )],
    )
}

pub(crate) fn bind(end: End, args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    let name = end.name();
    call::ensure_arguments(name, args, 1, 1)?;
    let append_only = Config::new(name, config, &[APPEND_ONLY])?.bool(APPEND_ONLY, false)?;
    let field = call::column(name, args, 0)?;
    if field.data_type == DataType::Json {
        let hint = "extract the part that has an order in a map step";
        return Err(call::wrong_type(name, 0, "values with an order", field.data_type, hint));
    }
    let order = Order::of(name, 0, field)?;
    Ok(match order.form() {
        Form::Word => bound::<Word>(end, order, field, append_only),
        Form::Quad => bound::<Quad>(end, order, field, append_only),
        Form::Bytes => bound::<Box<[u8]>>(end, order, field, append_only),
    })
}

fn bound<K: Key>(end: End, order: Order, field: &Field, append_only: bool) -> Box<dyn BoundAggregate> {
    let result = Field { name: end.name().to_owned(), nullable: true, ..field.clone() };
    // Another collation is another order: its states are other states.
    let with_collation = |state: Field| match field.attribute("collation") {
        Some(collation) => state.with("collation", collation),
        None => state,
    };
    if append_only {
        let state = vec![with_collation(types::result("value", field.data_type))];
        let function = Alone { end, order, key: PhantomData::<K> };
        return Bound::new(function, vec![0], result, Layout::Single, state).append_only().boxed();
    }
    let state = vec![with_collation(required("value", field.data_type)), required("count", DataType::Int64)];
    let function = Extreme { end, order, key: PhantomData::<K> };
    Bound::new(function, vec![0], result, Layout::Several, state).boxed()
}

/// Keeps all values.
struct Extreme<K> {
    end: End,
    order: Order,
    key: PhantomData<K>,
}

impl<K: Key> Function for Extreme<K> {
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
        let mut values = group.present().map(|(value, _)| value);
        let found = match self.end {
            End::Least => values.next(),
            End::Greatest => values.next_back().map(|greatest| {
                let equal = values.rev().take_while(|value| K::same(self.order, value, greatest));
                equal.last().unwrap_or(greatest)
            }),
        };
        match found {
            Some(value) => K::write(value, self.order, out),
            None => out.push_null(),
        }
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

/// Keeps the extreme alone.
struct Alone<K> {
    end: End,
    order: Order,
    key: PhantomData<K>,
}

impl<K: Key> Alone<K> {
    #[inline]
    fn offer(&self, group: &mut Option<K>, value: &K::Part) {
        if let Some(found) = group {
            let found: &K::Part = (*found).borrow();
            let keep = match self.end {
                End::Least => found <= value,
                End::Greatest if K::same(self.order, found, value) => found <= value,
                End::Greatest => found > value,
            };
            if keep {
                return;
            }
        }
        *group = Some(K::own(value));
    }

    fn write(&self, group: &Option<K>, out: &mut Writer) {
        match group {
            Some(value) => K::write(value.borrow(), self.order, out),
            None => out.push_null(),
        }
    }
}

impl<K: Key> Function for Alone<K> {
    type Rows = Keys<K>;
    type Group = Option<K>;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Keys<K>, String> {
        Keys::open(batch, self.order)
    }

    #[inline]
    fn add(&self, group: &mut Option<K>, value: &K::Part) {
        self.offer(group, value);
    }

    /// Never called: the signature lacks the ability.
    fn retract(&self, _: &mut Option<K>, _: &K::Part) {}

    fn evaluate(&self, group: &Option<K>, out: &mut Writer) -> Result<(), RowError> {
        self.write(group, out);
        Ok(())
    }

    fn snapshot(&self, group: &Option<K>, out: &mut [Writer]) -> u32 {
        self.write(group, &mut out[0]);
        1
    }

    fn merge(&self, group: &mut Option<K>, state: &[Reader], row: usize) -> Result<(), String> {
        if !state[0].is_null(row) {
            K::with(self.order, &state[0], row, |value| self.offer(group, value));
        }
        Ok(())
    }
}
