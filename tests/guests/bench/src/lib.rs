//! The functions of `make bench`, each in the column form and in the row form.

use rowmill_sdk::column::{Bools, F64s, I64s, Texts};
use rowmill_sdk::{Text, export, filter, scalar};

/// Dear and counted.
#[filter(columns)]
pub fn worth(price: &F64s, qty: &I64s) -> Bools {
    price.test(|price| price > 10.0) & qty.is_not_null()
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

export!(worth, worth_by_row, shout, shout_by_row, total, total_by_row);
