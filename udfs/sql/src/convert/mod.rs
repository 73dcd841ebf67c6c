//! Conversions between types, as CAST and as MySQL's implicit conversions do them: what can't be read is 0 or NULL with
//! a warning in MySQL, and 0 or NULL without one here; never an error.

pub(crate) mod calendar;
pub(crate) mod number;
pub(crate) mod read;
pub(crate) mod temporal;

mod to_number;
mod to_temporal;
mod to_text;

pub(crate) use to_temporal::Compared;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, new_null_array};
use arrow_schema::{DataType, TimeUnit};

use crate::error::{BindError, Span};
use crate::expr::{Expr, Kernel};
use crate::types::Type;
use crate::value::{Failure, make_bits};

/// The expression carried by the Arrow type of its own type.
pub(crate) fn canonical(expr: Expr) -> Result<Expr, BindError> {
    let canonical = expr.ty.canonical();
    if expr.data_type == canonical {
        return Ok(expr);
    }
    let (span, ty) = (expr.span, expr.ty.clone());
    Expr::call(span, ty, false, vec![expr], Arc::new(move |args, _| widen(&args[0].array, &canonical)))
}

/// The same values, carried wider.
fn widen(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Failure> {
    fn cast<F: ArrowPrimitiveType, T: ArrowPrimitiveType>(array: &ArrayRef) -> ArrayRef
    where
        T::Native: From<F::Native>,
    {
        Arc::new(array.as_primitive::<F>().unary::<_, T>(T::Native::from)) as ArrayRef
    }
    Ok(match (array.data_type(), to) {
        (DataType::Int8, DataType::Int64) => cast::<Int8Type, Int64Type>(array),
        (DataType::Int16, DataType::Int64) => cast::<Int16Type, Int64Type>(array),
        (DataType::Int32, DataType::Int64) => cast::<Int32Type, Int64Type>(array),
        (DataType::UInt8, DataType::UInt64) => cast::<UInt8Type, UInt64Type>(array),
        (DataType::UInt16, DataType::UInt64) => cast::<UInt16Type, UInt64Type>(array),
        (DataType::UInt32, DataType::UInt64) => cast::<UInt32Type, UInt64Type>(array),
        (DataType::Float32, DataType::Float64) => cast::<Float32Type, Float64Type>(array),
        (DataType::Decimal128(..) | DataType::Decimal256(..), _) => crate::eval::decimal::retag(array.clone(), to),
        (DataType::Timestamp(TimeUnit::Microsecond, Some(_)), DataType::Timestamp(TimeUnit::Microsecond, None)) => {
            let data = array.to_data().into_builder().data_type(to.clone()).build()?;
            arrow_array::make_array(data)
        }
        (from, to) => return Err(Failure(format!("no way from {from} to {to}"))),
    })
}

/// The expression as the type `to`; says which conversions make no sense.
pub(crate) fn convert(expr: Expr, to: &Type) -> Result<Expr, BindError> {
    let span = expr.span;
    if expr.ty == Type::Null {
        return Ok(Expr::literal(span, to.clone(), new_null_array(&to.canonical(), 1)));
    }
    if expr.data_type == DataType::Float32 && matches!(to, Type::Text { .. }) {
        return Expr::call(
            span,
            to.clone(),
            false,
            vec![expr],
            Arc::new(|args, rows| Ok(to_text::floats(&args[0], rows.count))),
        );
    }
    let expr = canonical(expr)?;
    if same(&expr.ty, to) {
        return Ok(Expr { ty: to.clone(), ..expr });
    }
    let from = expr.ty.clone();
    let (kernel, nullable) = kernel(&from, to).ok_or_else(|| no_way(span, &from, to))?;
    Expr::call(span, to.clone(), nullable, vec![expr], kernel)
}

/// A date, or a text that may be none, as what MySQL compares dates by.
pub(crate) fn comparable(expr: Expr, what: Compared) -> Result<Expr, BindError> {
    let (span, from) = (expr.span, expr.ty.clone());
    let to = if what == Compared::Day { Type::Date } else { Type::DateTime { fsp: 6 } };
    if !from.is_text() {
        return convert(expr, &to);
    }
    let kernel: Kernel = Arc::new(move |args, rows| Ok(to_temporal::comparable(&from, &args[0], what, rows.count)));
    Expr::call(span, to, false, vec![canonical(expr)?], kernel)
}

/// Nothing to compute between the two.
fn same(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Text { .. } | Type::Json, Type::Text { .. }) | (Type::Bytes { .. }, Type::Bytes { .. }) => true,
        (Type::Int { unsigned: a, .. }, Type::Int { unsigned: b, .. }) => a == b,
        (Type::DateTime { fsp: a }, Type::DateTime { fsp: b }) | (Type::Time { fsp: a }, Type::Time { fsp: b }) => {
            a <= b
        }
        (Type::Decimal { precision: p, scale: s, held: h }, Type::Decimal { precision: q, scale: t, held: i }) => {
            h == i && p - s <= q - t && from.is_wide() == to.is_wide()
        }
        _ => from == to,
    }
}

fn no_way(span: Span, from: &Type, to: &Type) -> BindError {
    let mut message = format!("this is {}; it can't be used as {}", from.name(), to.name());
    if matches!(from, Type::Json) {
        message.push_str("; write CAST(… AS CHAR) first");
    }
    BindError::new(span, message)
}

/// The function from one type to another, and whether it can make NULL of a value.
fn kernel(from: &Type, to: &Type) -> Option<(Kernel, bool)> {
    let (source, target) = (from.clone(), to.clone());
    if matches!((from, to), (Type::Json, t) if !matches!(t, Type::Text { .. } | Type::Bytes { .. })) {
        return None;
    }
    Some(match to {
        Type::Null => return None,
        Type::Bool => (Arc::new(move |args, rows| truth(&source, &args[0], rows.count)), false),
        Type::Int { unsigned, .. } => {
            let unsigned = *unsigned;
            (Arc::new(move |args, rows| Ok(to_number::integers(&source, &args[0], unsigned, rows.count))), false)
        }
        Type::Double => (Arc::new(move |args, rows| Ok(to_number::doubles(&source, &args[0], rows.count))), false),
        Type::Decimal { .. } => {
            (Arc::new(move |args, rows| Ok(to_number::decimals(&source, &args[0], &target, rows.count))), false)
        }
        Type::Text { .. } => {
            let nullable = matches!(from, Type::Bytes { .. });
            (Arc::new(move |args, rows| Ok(to_text::texts(&source, &args[0], rows.count))), nullable)
        }
        Type::Bytes { .. } => (Arc::new(move |args, rows| Ok(to_text::bytes(&source, &args[0], rows.count))), false),
        Type::Json => return None,
        Type::Date => (Arc::new(move |args, rows| Ok(to_temporal::dates(&source, &args[0], rows.count))), true),
        Type::DateTime { fsp } => {
            let fsp = *fsp;
            if matches!(from, Type::Time { .. }) {
                return None;
            }
            (Arc::new(move |args, rows| Ok(to_temporal::datetimes(&source, &args[0], fsp, rows.count))), true)
        }
        Type::Time { fsp } => {
            let fsp = *fsp;
            (Arc::new(move |args, rows| Ok(to_temporal::times(&source, &args[0], fsp, rows.count))), true)
        }
    })
}

/// Not zero.
fn truth(from: &Type, value: &crate::value::Value, rows: usize) -> Result<ArrayRef, Failure> {
    Ok(match from {
        Type::Int { unsigned: true, .. } => {
            let numbers = value.numbers::<UInt64Type>();
            make_bits(rows, |row| numbers.get(row).map(|n| n != 0))
        }
        Type::Int { .. } => {
            let numbers = value.numbers::<Int64Type>();
            make_bits(rows, |row| numbers.get(row).map(|n| n != 0))
        }
        Type::Decimal { .. } => {
            let numbers = crate::eval::decimal::Decimals::of(value);
            make_bits(rows, |row| numbers.get(row).map(|n| n != arrow_buffer::i256::ZERO))
        }
        _ => {
            let doubles = to_number::doubles(from, value, rows);
            let doubles: &PrimitiveArray<Float64Type> = doubles.as_primitive();
            make_bits(rows, |row| doubles.is_valid(row).then(|| doubles.value(row) != 0.0))
        }
    })
}
