//! AND, OR, NOT and XOR with three truth values.
//!
//! MySQL does not look at the right side where the left one decides; so an error on the right counts only in rows
//! where the left side did not decide.

use std::sync::Arc;

use arrow_arith::boolean;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use crate::expr::Expr;
use crate::value::{Failure, Rows, Value, make_bits};

/// `a AND b`, or `a OR b` where true `decides`.
pub(crate) fn both(a: &Expr, b: &Expr, decides: bool, columns: &[ArrayRef], rows: &mut Rows) -> Result<Value, Failure> {
    let left = spread(&a.run(columns, rows)?, rows.count);
    let mark = rows.errors.len();
    let right = spread(&b.run(columns, rows)?, rows.count);
    let left = left.as_boolean();
    if rows.errors.len() > mark {
        rows.keep_errors(mark, |row| left.is_null(row) || left.value(row) != decides);
    }
    let right = right.as_boolean();
    let result = if decides { boolean::or_kleene(left, right)? } else { boolean::and_kleene(left, right)? };
    Ok(Value::array(Arc::new(result)))
}

/// Both, where both are always evaluated.
pub(crate) fn and(args: &[Value], rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let (a, b) = (spread(&args[0], rows.count), spread(&args[1], rows.count));
    Ok(Arc::new(boolean::and_kleene(a.as_boolean(), b.as_boolean())?))
}

/// One value for each row.
pub(crate) fn spread(value: &Value, rows: usize) -> ArrayRef {
    if !value.scalar {
        return value.array.clone();
    }
    let bits = value.array.as_boolean();
    let nulls = bits.is_null(0).then(|| NullBuffer::new_null(rows));
    let set = bits.is_valid(0) && bits.value(0);
    let values = if set { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) };
    Arc::new(BooleanArray::new(values, nulls))
}

pub(crate) fn not(args: &[Value], _: &mut Rows) -> Result<ArrayRef, Failure> {
    Ok(Arc::new(boolean::not(args[0].array.as_boolean())?))
}

pub(crate) fn xor(args: &[Value], rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let (a, b) = (args[0].bits(), args[1].bits());
    Ok(make_bits(rows.count, |row| Some(a.get(row)? ^ b.get(row)?)))
}

/// `IS NULL` and `IS NOT NULL` of any column.
pub(crate) fn is_null(args: &[Value], negated: bool, rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let array = &args[0].array;
    let count = rows.count;
    let nulls = match array.nulls() {
        Some(nulls) if negated => nulls.inner().clone(),
        Some(nulls) => !nulls.inner(),
        None if negated => BooleanBuffer::new_set(count),
        None => BooleanBuffer::new_unset(count),
    };
    Ok(Arc::new(BooleanArray::new(nulls, None)))
}

/// `IS TRUE` and its relatives: NULL is neither.
pub(crate) fn is_truth(args: &[Value], wanted: bool, negated: bool, rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let bits = args[0].bits();
    Ok(make_bits(rows.count, |row| Some((bits.get(row) == Some(wanted)) != negated)))
}
