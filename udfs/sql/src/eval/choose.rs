//! CASE, IF, COALESCE: which row takes its value from which branch.
//!
//! Branches are computed for all rows and then picked from, which is as fast as filtering first for a few branches.
//! MySQL evaluates only the branch it takes, so errors of other rows are dropped.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_select::interleave::interleave;

use crate::expr::Expr;
use crate::value::{Failure, Rows, Value};

/// `conditions[i]` true takes `results[i]`; the last result is for the rows that no condition took.
pub(crate) fn choose(
    conditions: &[Expr],
    results: &[Expr],
    columns: &[ArrayRef],
    rows: &mut Rows,
) -> Result<Value, Failure> {
    let open = u32::MAX;
    let mut taken = vec![open; rows.count];
    for (index, condition) in conditions.iter().enumerate() {
        let mark = rows.errors.len();
        let value = condition.run(columns, rows)?;
        rows.keep_errors(mark, |row| taken[row] == open);
        let bits = value.bits();
        for (row, taken) in taken.iter_mut().enumerate() {
            if *taken == open && bits.get(row) == Some(true) {
                *taken = index as u32;
            }
        }
    }
    for taken in taken.iter_mut().filter(|taken| **taken == open) {
        *taken = conditions.len() as u32;
    }
    let mut branches = Vec::with_capacity(results.len());
    for (index, result) in results.iter().enumerate() {
        let mark = rows.errors.len();
        branches.push(result.run(columns, rows)?);
        rows.keep_errors(mark, |row| taken[row] == index as u32);
    }
    pick(&branches, &taken)
}

pub(crate) fn coalesce(args: &[Expr], columns: &[ArrayRef], rows: &mut Rows) -> Result<Value, Failure> {
    let last = args.len().saturating_sub(1) as u32;
    let open = u32::MAX;
    let mut taken = vec![open; rows.count];
    let mut left = rows.count;
    let mut branches = Vec::with_capacity(args.len());
    for (index, arg) in args.iter().enumerate() {
        let mark = rows.errors.len();
        let value = arg.run(columns, rows)?;
        rows.keep_errors(mark, |row| taken[row] == open);
        for (row, taken) in taken.iter_mut().enumerate() {
            if *taken == open && !value.is_null(row) {
                *taken = index as u32;
                left -= 1;
            }
        }
        branches.push(value);
        if left == 0 {
            break;
        }
    }
    if branches.len() == 1 && !branches[0].scalar {
        return Ok(branches.remove(0));
    }
    for taken in taken.iter_mut().filter(|taken| **taken == open) {
        *taken = last;
    }
    pick(&branches, &taken)
}

fn pick(branches: &[Value], taken: &[u32]) -> Result<Value, Failure> {
    let arrays: Vec<&dyn Array> = branches.iter().map(|branch| branch.array.as_ref()).collect();
    let places: Vec<(usize, usize)> = taken
        .iter()
        .enumerate()
        .map(|(row, branch)| {
            let branch = *branch as usize;
            (branch, if branches[branch].scalar { 0 } else { row })
        })
        .collect();
    Ok(Value::array(interleave(&arrays, &places)?))
}

/// `NULLIF(a, b)` where the comparison is already made: NULL where it is true.
pub(crate) fn null_where(args: &[Value], rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let array = if args[0].scalar {
        let zeros = arrow_array::UInt32Array::from(vec![0; rows.count]);
        arrow_select::take::take(&args[0].array, &zeros, None)?
    } else {
        args[0].array.clone()
    };
    let equal = super::logic::spread(&args[1], rows.count);
    Ok(arrow_select::nullif::nullif(&array, equal.as_boolean()).map(|a| Arc::clone(&a))?)
}
