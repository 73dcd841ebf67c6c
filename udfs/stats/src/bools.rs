//! `bool_and` (`every`) and `bool_or` (`some`).

use std::marker::PhantomData;

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{Argument, Batch, BindError, BoundAggregate, DataType, Fixed, FlaggedRow, FunctionInfo, RowError};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::numbers::Numbers;
use crate::types::{self, required};

/// Whether all or any of the rows must be true, and under which name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantifier {
    pub(crate) name: &'static str,
    pub(crate) all: bool,
}

pub(crate) fn info(quantifier: Quantifier) -> FunctionInfo {
    let what = if quantifier.all { "all values are" } else { "any value is" };
    call::info(
        quantifier.name,
        format!(
            "Whether {what} true, that is, not 0. NULL is left out; NULL when there is no value. Exact under \
             retraction; 16 bytes per group."
        ),
        vec![call::integer("Booleans or integers.")],
        "boolean",
        Vec::new(),
    )
}

pub(crate) fn bind(
    quantifier: Quantifier,
    args: &[Argument],
    config: &Json,
) -> Result<Box<dyn BoundAggregate>, BindError> {
    let name = quantifier.name;
    call::ensure_arguments(name, args, 1, 1)?;
    Config::new(name, config, &[])?;
    let found = call::column(name, args, 0)?.data_type;
    Ok(match found {
        DataType::Boolean | DataType::Int8 | DataType::Uint8 => bound::<u8>(quantifier, found),
        DataType::Int16 | DataType::Uint16 => bound::<u16>(quantifier, found),
        DataType::Int32 | DataType::Uint32 => bound::<u32>(quantifier, found),
        DataType::Int64 | DataType::Uint64 => bound::<u64>(quantifier, found),
        found => {
            let hint = "compute a condition in a map step, as in amount > 0";
            return Err(call::wrong_type(name, 0, "booleans or integers", found, hint));
        }
    })
}

/// A signed integer is not 0 when its bits are not.
fn bound<T: Fixed + PartialEq>(quantifier: Quantifier, from: DataType) -> Box<dyn BoundAggregate> {
    let result = types::result(quantifier.name, DataType::Boolean);
    let state = vec![required("true", DataType::Int64), required("false", DataType::Int64)];
    let function = Quantified { quantifier, from, values: PhantomData::<T> };
    Bound::new(function, vec![0], result, Layout::Single, state).boxed()
}

struct Quantified<T> {
    quantifier: Quantifier,
    from: DataType,
    values: PhantomData<T>,
}

/// How many rows are true, and how many false.
#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    yes: i64,
    no: i64,
}

impl Votes {
    #[inline(always)]
    fn count(&mut self, value: bool, by: i64) {
        let votes = if value { &mut self.yes } else { &mut self.no };
        *votes = votes.wrapping_add(by);
    }
}

impl<T: Fixed + PartialEq> Function for Quantified<T> {
    type Rows = Numbers<T>;
    type Group = Votes;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Numbers<T>, String> {
        Numbers::open(batch, self.from)
    }

    #[inline(always)]
    fn add(&self, group: &mut Votes, value: T) {
        group.count(value != T::default(), 1);
    }

    #[inline(always)]
    fn retract(&self, group: &mut Votes, value: T) {
        group.count(value != T::default(), -1);
    }

    fn evaluate(&self, group: &Votes, out: &mut Writer) -> Result<(), RowError> {
        match (group.yes > 0, group.no > 0) {
            (false, false) => out.push_null(),
            (yes, no) => out.push_bool(if self.quantifier.all { !no } else { yes }),
        }
        Ok(())
    }

    fn snapshot(&self, group: &Votes, out: &mut [Writer]) -> u32 {
        out[0].push_i64(group.yes);
        out[1].push_i64(group.no);
        1
    }

    fn merge(&self, group: &mut Votes, state: &[Reader], row: usize) -> Result<(), String> {
        group.yes = group.yes.wrapping_add(state[0].i64(row));
        group.no = group.no.wrapping_add(state[1].i64(row));
        Ok(())
    }
}
