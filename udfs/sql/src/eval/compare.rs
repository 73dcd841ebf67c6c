//! Comparisons of two values of one type.

use std::cmp::Ordering;

use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{ArrayRef, BooleanArray};
use arrow_ord::cmp;

use crate::collation::Rule;
use crate::value::{Failure, Rows, Value, make_bits};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// `<=>`: NULL equals NULL.
    NullSafeEqual,
}

impl Op {
    #[inline]
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Op::Equal | Op::NullSafeEqual => ordering == Ordering::Equal,
            Op::NotEqual => ordering != Ordering::Equal,
            Op::Less => ordering == Ordering::Less,
            Op::LessEqual => ordering != Ordering::Greater,
            Op::Greater => ordering == Ordering::Greater,
            Op::GreaterEqual => ordering != Ordering::Less,
        }
    }
}

/// Both sides carried by the same Arrow type: Arrow's kernels.
pub(crate) fn same_type(op: Op, args: &[Value]) -> Result<ArrayRef, Failure> {
    let (a, b) = (&args[0], &args[1]);
    let result: BooleanArray = match op {
        Op::Equal => cmp::eq(a, b),
        Op::NotEqual => cmp::neq(a, b),
        Op::Less => cmp::lt(a, b),
        Op::LessEqual => cmp::lt_eq(a, b),
        Op::Greater => cmp::gt(a, b),
        Op::GreaterEqual => cmp::gt_eq(a, b),
        Op::NullSafeEqual => cmp::not_distinct(a, b),
    }?;
    Ok(std::sync::Arc::new(result))
}

/// A signed and an unsigned integer, by their values.
pub(crate) fn mixed_sign(op: Op, args: &[Value], rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let (a, b) = (args[0].numbers::<Int64Type>(), args[1].numbers::<UInt64Type>());
    let order = |x: i64, y: u64| i128::from(x).cmp(&i128::from(y));
    Ok(with_nulls(op, rows.count, |row| a.get(row), |row| b.get(row), order))
}

/// Texts by a collation other than bytes.
pub(crate) fn texts(op: Op, rule: Rule, args: &[Value], rows: &mut Rows) -> Result<ArrayRef, Failure> {
    let (a, b) = (args[0].texts(), args[1].texts());
    Ok(with_nulls(op, rows.count, |row| a.get(row), |row| b.get(row), |x, y| rule.compare(x, y)))
}

fn with_nulls<A, B>(
    op: Op,
    rows: usize,
    a: impl Fn(usize) -> Option<A>,
    b: impl Fn(usize) -> Option<B>,
    order: impl Fn(A, B) -> Ordering,
) -> ArrayRef {
    make_bits(rows, |row| match (a(row), b(row)) {
        (Some(x), Some(y)) => Some(op.holds(order(x, y))),
        (None, None) if op == Op::NullSafeEqual => Some(true),
        _ if op == Op::NullSafeEqual => Some(false),
        _ => None,
    })
}
