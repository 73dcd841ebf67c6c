//! Functions that are compared with themselves compiled natively: their speed by `make bench`, their
//! results by tests.

use rowmill_sdk::column::{Bools, Datetimes, F32s, F64s, I32s, I64s, Texts, Values};
use rowmill_sdk::{Datetime, Fixed, Text, config, export, filter, scalar};

/// Dear and counted.
#[filter(columns)]
pub fn worth(price: &F64s, qty: &I64s) -> Bools {
    price.gt(10.0) & qty.is_not_null()
}

/// Dear and counted.
#[filter]
pub fn worth_by_row(price: f64, qty: Option<i64>) -> bool {
    price > 10.0 && qty.is_some()
}

/// Trimmed and in upper case.
#[scalar(columns)]
pub fn shout(text: &Texts) -> Texts {
    text.map(|text, out| out.push_uppercase(text.trim()))
}

/// Trimmed and in upper case.
#[scalar]
pub fn shout_by_row(text: &str, out: &mut Text) {
    out.push_uppercase(text.trim());
}

/// Price times quantity.
#[scalar(columns)]
pub fn total(price: &F64s, qty: &I64s) -> F64s {
    price.zip(qty, |price, qty| price * qty as f64)
}

/// Price times quantity.
#[scalar]
pub fn total_by_row(price: f64, qty: i64) -> f64 {
    price * qty as f64
}

/// Which comparison.
#[config]
#[derive(Clone, Debug)]
pub struct By {
    /// `gt`, `ge`, `lt`, `le`, `eq` or `ne`.
    pub op: String,
}

fn compare<T: Fixed + PartialOrd>(by: &By, column: &Values<T>, constant: T) -> Bools {
    match by.op.as_str() {
        "gt" => column.gt(constant),
        "ge" => column.ge(constant),
        "lt" => column.lt(constant),
        "le" => column.le(constant),
        "eq" => column.eq(constant),
        _ => column.ne(constant),
    }
}

/// Compares with a constant.
#[scalar(columns)]
pub fn compare_f64(#[config] by: &By, column: &F64s, #[literal] constant: f64) -> Bools {
    compare(by, column, constant)
}

/// Compares with a constant.
#[scalar(columns)]
pub fn compare_f32(#[config] by: &By, column: &F32s, #[literal] constant: f32) -> Bools {
    compare(by, column, constant)
}

/// Compares with a constant.
#[scalar(columns)]
pub fn compare_i64(#[config] by: &By, column: &I64s, #[literal] constant: i64) -> Bools {
    compare(by, column, constant)
}

/// Compares with a constant.
#[scalar(columns)]
pub fn compare_i32(#[config] by: &By, column: &I32s, #[literal] constant: i32) -> Bools {
    compare(by, column, constant)
}

/// Compares with a constant.
#[scalar(columns)]
pub fn compare_datetime(#[config] by: &By, column: &Datetimes, #[literal] constant: Datetime) -> Bools {
    compare(by, column, constant)
}

export!(
    worth,
    worth_by_row,
    shout,
    shout_by_row,
    total,
    total_by_row,
    compare_f64,
    compare_f32,
    compare_i64,
    compare_i32,
    compare_datetime,
);
