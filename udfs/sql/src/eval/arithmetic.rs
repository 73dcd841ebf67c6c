//! Integers and doubles: overflow is an error of its row, division by zero is NULL.

use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int64Type, UInt64Type};
use arrow_array::{ArrayRef, PrimitiveArray};
use arrow_buffer::ScalarBuffer;

use super::decimal::Op;
use crate::value::{Failure, Rows, Value, any_null, make_numbers};

/// Wraps and tells: the loop has no branch, and rows are looked at again only if one of them overflowed.
fn checked<T: ArrowPrimitiveType>(
    args: &[Value],
    rows: &mut Rows,
    what: &str,
    needed: &str,
    op: impl Fn(T::Native, T::Native) -> (T::Native, bool),
) -> ArrayRef {
    let (a, b) = (args[0].numbers::<T>(), args[1].numbers::<T>());
    let mut bad = false;
    let mut values: Vec<T::Native> = Vec::with_capacity(rows.count);
    for row in 0..rows.count {
        let (value, overflow) = op(a.raw(row), b.raw(row));
        bad |= overflow;
        values.push(value);
    }
    if bad {
        for row in 0..rows.count {
            if let (Some(x), Some(y)) = (a.get(row), b.get(row))
                && op(x, y).1
            {
                rows.out_of_range(row, &format!("{x:?} {what} {y:?}"), needed);
            }
        }
    }
    let nulls = any_null(&[&args[0], &args[1]], rows.count);
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), nulls))
}

pub(crate) fn signed(op: Op, args: &[Value], rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let needed = "BIGINT";
    Ok(match op {
        Op::Add => checked::<Int64Type>(args, rows, "+", needed, i64::overflowing_add),
        Op::Subtract => checked::<Int64Type>(args, rows, "-", needed, i64::overflowing_sub),
        Op::Multiply => checked::<Int64Type>(args, rows, "*", needed, i64::overflowing_mul),
        Op::Divide | Op::DivideWhole | Op::Modulo => return mixed(op, args, false, rows),
    })
}

pub(crate) fn unsigned(op: Op, args: &[Value], rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let needed = "BIGINT UNSIGNED";
    Ok(match op {
        Op::Add => checked::<UInt64Type>(args, rows, "+", needed, u64::overflowing_add),
        Op::Subtract => checked::<UInt64Type>(args, rows, "-", needed, u64::overflowing_sub),
        Op::Multiply => checked::<UInt64Type>(args, rows, "*", needed, u64::overflowing_mul),
        Op::Divide | Op::DivideWhole | Op::Modulo => return mixed(op, args, true, rows),
    })
}

/// Integers of any signedness each; the result is unsigned if asked for.
pub(crate) fn mixed(op: Op, args: &[Value], unsigned: bool, rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let (a, b) = (wide(&args[0]), wide(&args[1]));
    let mut overflows = Vec::new();
    let mut compute = |row: usize| {
        let (x, y) = (a(row)?, b(row)?);
        let result = match op {
            Op::Add => x + y,
            Op::Subtract => x - y,
            Op::Multiply => x.checked_mul(y).unwrap_or(i128::MAX),
            Op::Divide | Op::DivideWhole | Op::Modulo if y == 0 => return None,
            Op::Divide | Op::DivideWhole => x / y,
            Op::Modulo => x % y,
        };
        let fits = if unsigned { u64::try_from(result).is_ok() } else { i64::try_from(result).is_ok() };
        if !fits {
            overflows.push((row, x, y));
        }
        Some(result)
    };
    let array = if unsigned {
        make_numbers::<UInt64Type>(rows.count, |row| compute(row).map(|n| n as u64))
    } else {
        make_numbers::<Int64Type>(rows.count, |row| compute(row).map(|n| n as i64))
    };
    let symbol = ["+", "-", "*", "DIV", "DIV", "%"][op as usize];
    for (row, x, y) in overflows {
        let needed = if unsigned { "BIGINT UNSIGNED" } else { "BIGINT" };
        rows.out_of_range(row, &format!("{x} {symbol} {y}"), needed);
    }
    Ok(array)
}

/// Integers of either signedness as i128.
pub(crate) fn wide(value: &Value) -> Box<dyn Fn(usize) -> Option<i128> + '_> {
    if value.array.data_type() == &arrow_schema::DataType::UInt64 {
        let numbers = value.numbers::<UInt64Type>();
        Box::new(move |row| numbers.get(row).map(i128::from))
    } else {
        let numbers = value.numbers::<Int64Type>();
        Box::new(move |row| numbers.get(row).map(i128::from))
    }
}

pub(crate) fn doubles(op: Op, args: &[Value], rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let finite = |x: f64| (x, !x.is_finite());
    let needed = "DOUBLE";
    Ok(match op {
        Op::Add => checked::<Float64Type>(args, rows, "+", needed, |a, b| finite(a + b)),
        Op::Subtract => checked::<Float64Type>(args, rows, "-", needed, |a, b| finite(a - b)),
        Op::Multiply => checked::<Float64Type>(args, rows, "*", needed, |a, b| finite(a * b)),
        Op::Divide | Op::DivideWhole | Op::Modulo => {
            let (a, b) = (args[0].numbers::<Float64Type>(), args[1].numbers::<Float64Type>());
            let mut overflows = Vec::new();
            let array = make_numbers::<Float64Type>(rows.count, |row| {
                let (x, y) = (a.get(row)?, b.get(row)?);
                if y == 0.0 {
                    return None;
                }
                let result = if op == Op::Divide { x / y } else { x % y };
                if !result.is_finite() {
                    overflows.push(row);
                }
                Some(result)
            });
            for row in overflows {
                rows.out_of_range(row, "the quotient", needed);
            }
            array
        }
    })
}
