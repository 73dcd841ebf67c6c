//! `count`: rows, or rows with a value.

use rowmill_sdk::bitmap::Bitmap;
use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{Argument, Arity, Batch, BindError, BoundAggregate, DataType, FlaggedRow, FunctionInfo, RowError};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::groups::Rows;
use crate::numbers::only;
use crate::types::required;

pub(crate) fn info() -> FunctionInfo {
    call::info(
        "count",
        "How many rows, as `count(*)` without an argument; with one, how many rows where it is not NULL. \
         Never NULL: 0 without rows. Exact under retraction; 8 bytes per group.",
        vec![call::parameter("value", "What is counted where it is not NULL.", Arity::Optional)],
        "int64",
        Vec::new(),
    )
}

pub(crate) fn bind(args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    call::ensure_arguments("count", args, 0, 1)?;
    Config::new("count", config, &[])?;
    let (reads, which) = match args.first() {
        None => (Vec::new(), Which::All),
        // As of a column without NULLs, of a constant only NULL is not counted.
        Some(Argument { literal: Some(literal), .. }) => {
            let null = literal.validity.as_ref().is_some_and(|bits| bits.first().is_none_or(|bits| bits & 1 == 0));
            (Vec::new(), if null { Which::None } else { Which::All })
        }
        Some(argument) if argument.field.nullable => (vec![0], Which::Valid),
        Some(_) => (Vec::new(), Which::All),
    };
    let field = || required("count", DataType::Int64);
    Ok(Bound::new(Count(which), reads, field(), Layout::Single, vec![field()]).boxed())
}

enum Which {
    All,
    None,
    Valid,
}

struct Count(Which);

/// Rows that have nothing but the fact that they take part.
struct Present(Option<Bitmap>);

impl Rows for Present {
    type Value<'a> = ();

    fn validity(&self) -> Option<&Bitmap> {
        self.0.as_ref()
    }

    #[inline(always)]
    fn value(&self, _: usize) {}
}

impl Function for Count {
    type Rows = Present;
    type Group = i64;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<Present, String> {
        let rows = batch.rows as usize;
        Ok(Present(match self.0 {
            Which::All => None,
            Which::None => Some(Bitmap::all(rows, false)),
            Which::Valid => match only(batch)?.validity {
                None => None,
                Some(bits) => Some(Bitmap::from_bytes(bits, rows).ok_or("a validity does not fit its rows")?),
            },
        }))
    }

    #[inline(always)]
    fn add(&self, group: &mut i64, (): ()) {
        *group = group.wrapping_add(1);
    }

    #[inline(always)]
    fn retract(&self, group: &mut i64, (): ()) {
        *group = group.wrapping_sub(1);
    }

    fn evaluate(&self, group: &i64, out: &mut Writer) -> Result<(), RowError> {
        out.push_i64(*group);
        Ok(())
    }

    fn snapshot(&self, group: &i64, out: &mut [Writer]) -> u32 {
        out[0].push_i64(*group);
        1
    }

    fn merge(&self, group: &mut i64, state: &[Reader], row: usize) -> Result<(), String> {
        *group = group.wrapping_add(state[0].i64(row));
        Ok(())
    }
}
