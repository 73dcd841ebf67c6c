//! Decimals of either width behind one look, and the arithmetic of MySQL on them.

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Decimal256Type};
use arrow_array::{Array, ArrayRef, Decimal128Array, Decimal256Array};
use arrow_buffer::{ScalarBuffer, i256};
use arrow_schema::DataType;

use crate::convert::number::{largest, power, rescale};
use crate::types::Type;
use crate::value::{Failure, Numbers, Rows, Value, any_null};

/// A column of decimals; rows are read as i256.
pub(crate) enum Decimals<'a> {
    Narrow(Numbers<'a, Decimal128Type>),
    Wide(Numbers<'a, Decimal256Type>),
}

impl<'a> Decimals<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        match value.array.data_type() {
            DataType::Decimal256(..) => Decimals::Wide(value.numbers()),
            _ => Decimals::Narrow(value.numbers()),
        }
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<i256> {
        match self {
            Decimals::Narrow(numbers) => numbers.get(row).map(i256::from_i128),
            Decimals::Wide(numbers) => numbers.get(row),
        }
    }
}

/// A column of the decimal type `ty`. A value that doesn't fit its storage is left NULL; callers check ranges first.
pub(crate) fn make(rows: usize, ty: &Type, mut value: impl FnMut(usize) -> Option<i256>) -> ArrayRef {
    let data_type = ty.canonical();
    if ty.is_wide() {
        let array: Decimal256Array = (0..rows).map(&mut value).collect();
        Arc::new(array.with_data_type(data_type))
    } else {
        let array: Decimal128Array = (0..rows).map(|row| value(row).and_then(|v| v.to_i128())).collect();
        Arc::new(array.with_data_type(data_type))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// Cut, not rounded.
    DivideWhole,
    Modulo,
}

fn held(value: &Value) -> u8 {
    match value.array.data_type() {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale as u8,
        _ => 0,
    }
}

/// `a op b` at the scale that `ty` holds. Division by zero is NULL.
pub(crate) fn compute(op: Op, args: &[Value], ty: &Type, rows: &mut Rows) -> Result<ArrayRef, Failure> {
    if let Some(array) = compute_narrow(op, args, ty, rows.count) {
        return Ok(array);
    }
    let Type::Decimal { held: target, precision, scale } = *ty else {
        return Err(Failure("decimal arithmetic needs a decimal result".to_owned()));
    };
    let (sa, sb) = (held(&args[0]), held(&args[1]));
    let (a, b) = (Decimals::of(&args[0]), Decimals::of(&args[1]));
    let limit = largest(precision - scale + target);
    let mut overflows = Vec::new();
    let array = make(rows.count, ty, |row| {
        let (x, y) = (a.get(row)?, b.get(row)?);
        let common = sa.max(sb);
        let aligned = || Some((rescale(x, sa, common, false)?, rescale(y, sb, common, false)?));
        let result = match op {
            Op::Add => aligned().and_then(|(x, y)| x.checked_add(y)).and_then(|v| rescale(v, common, target, true)),
            Op::Subtract => {
                aligned().and_then(|(x, y)| x.checked_sub(y)).and_then(|v| rescale(v, common, target, true))
            }
            Op::Multiply => x.checked_mul(y).and_then(|v| rescale(v, sa + sb, target, true)),
            Op::Divide | Op::DivideWhole if y == i256::ZERO => return None,
            Op::DivideWhole => divide(x, sa, y, sb, target),
            Op::Divide => divide(x, sa, y, sb, target + 1).and_then(|v| rescale(v, target + 1, target, true)),
            Op::Modulo if y == i256::ZERO => return None,
            Op::Modulo => aligned().and_then(|(x, y)| x.checked_rem(y)).and_then(|v| rescale(v, common, target, false)),
        };
        match result {
            Some(value) if value <= limit && value >= -limit => Some(value),
            _ => {
                overflows.push(row);
                None
            }
        }
    });
    for row in overflows {
        rows.out_of_range(row, "the result", "DECIMAL");
    }
    Ok(array)
}

/// Cut at the target's scale.
fn divide(x: i256, sx: u8, y: i256, sy: u8, target: u8) -> Option<i256> {
    // x / 10^sx divided by y / 10^sy, times 10^target.
    let up = i32::from(target) + i32::from(sy) - i32::from(sx);
    if up >= 0 {
        match x.checked_mul(power(up as u8)) {
            Some(scaled) if up <= 76 => scaled.checked_div(y),
            // Too large for one step: whole part and digits of the rest, one by one.
            _ => {
                let mut quotient = x.checked_div(y)?;
                let mut rest = x.checked_rem(y)?;
                for _ in 0..up {
                    rest = rest.checked_mul(i256::from(10))?;
                    quotient = quotient.checked_mul(i256::from(10))?.checked_add(rest.checked_div(y)?)?;
                    rest = rest.checked_rem(y)?;
                }
                Some(quotient)
            }
        }
    } else {
        x.checked_div(y)?.checked_div(power((-up) as u8))
    }
}

/// Sums, differences and products that stay within 38 digits, without leaving 128 bits; None if they don't.
fn compute_narrow(op: Op, args: &[Value], ty: &Type, rows: usize) -> Option<ArrayRef> {
    let Type::Decimal { held: target, .. } = *ty else { return None };
    let both = args.iter().all(|arg| matches!(arg.array.data_type(), DataType::Decimal128(..)));
    if !both || ty.is_wide() || matches!(op, Op::Divide | Op::DivideWhole | Op::Modulo) {
        return None;
    }
    let (sa, sb) = (held(&args[0]), held(&args[1]));
    let (a, b) = (args[0].numbers::<Decimal128Type>(), args[1].numbers::<Decimal128Type>());
    let mut values = Vec::with_capacity(rows);
    let mut overflow = false;
    if op == Op::Multiply {
        if sa + sb != target {
            return None;
        }
        for row in 0..rows {
            let (value, bad) = a.raw(row).overflowing_mul(b.raw(row));
            overflow |= bad;
            values.push(value);
        }
    } else {
        if sa > target || sb > target {
            return None;
        }
        let (fa, fb) = (10i128.checked_pow((target - sa).into())?, 10i128.checked_pow((target - sb).into())?);
        for row in 0..rows {
            let (x, bad_x) = a.raw(row).overflowing_mul(fa);
            let (y, bad_y) = b.raw(row).overflowing_mul(fb);
            let (value, bad) = if op == Op::Add { x.overflowing_add(y) } else { x.overflowing_sub(y) };
            overflow |= bad | bad_x | bad_y;
            values.push(value);
        }
    }
    if overflow {
        return None;
    }
    let nulls = any_null(&[&args[0], &args[1]], rows);
    let array = Decimal128Array::new(ScalarBuffer::from(values), nulls).with_data_type(ty.canonical());
    Some(Arc::new(array))
}

/// The same numbers at another scale or width, rounded half away from zero; what is too large becomes the largest.
pub(crate) fn change(value: &Value, to: &Type, rows: usize) -> ArrayRef {
    let Type::Decimal { precision, scale, held: target } = *to else { return value.array.clone() };
    let from = held(value);
    if value.array.data_type() == &to.canonical() && matches!(to, Type::Decimal { precision: 65, .. }) {
        return value.array.clone();
    }
    let limit = largest(precision - scale + target);
    let decimals = Decimals::of(value);
    make(rows, to, |row| {
        let value = decimals.get(row)?;
        let scaled = rescale(value, from, target, true);
        Some(match scaled {
            Some(scaled) if scaled >= -limit && scaled <= limit => scaled,
            _ if value < i256::ZERO => -limit,
            _ => limit,
        })
    })
}

/// For a result that leaves: the declared scale and precision. Rows that don't fit are told.
pub(crate) fn leave(value: &Value, ty: &Type, rows: &mut Rows) -> ArrayRef {
    let (Type::Decimal { precision, scale, .. }, from) = (ty.clone(), held(value)) else { return value.array.clone() };
    let limit = largest(precision);
    let decimals = Decimals::of(value);
    let leaving = Type::Decimal { precision, scale, held: scale };
    let mut overflows = Vec::new();
    let array = make(rows.count, &leaving, |row| {
        let scaled = rescale(decimals.get(row)?, from, scale, true)?;
        if scaled > limit || scaled < -limit {
            overflows.push(row);
            return None;
        }
        Some(scaled)
    });
    for row in overflows {
        rows.out_of_range(row, "the result", &format!("DECIMAL({precision},{scale})"));
    }
    retag(array, &leaving.leaving())
}

/// The same storage under another precision.
pub(crate) fn retag(array: ArrayRef, data_type: &DataType) -> ArrayRef {
    use arrow_array::cast::AsArray;
    match data_type {
        DataType::Decimal128(..) if array.data_type() != data_type => {
            Arc::new(array.as_primitive::<Decimal128Type>().clone().with_data_type(data_type.clone()))
        }
        DataType::Decimal256(..) if array.data_type() != data_type => {
            Arc::new(array.as_primitive::<Decimal256Type>().clone().with_data_type(data_type.clone()))
        }
        _ => array,
    }
}
