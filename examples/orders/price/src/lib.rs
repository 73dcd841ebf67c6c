//! The component of the example `orders`.
//!
//! Build it with `cargo build -p order-price --target wasm32-wasip2 --profile component`; test it
//! with `cargo test -p order-price`, which runs the same code natively.

use rowmill_sdk::{AnyDecimal, Decimal, RowError, config, filter, scalar};

/// The total of an order line: price times quantity, exact to the cent.
///
/// A missing quantity counts as one. A missing price gives NULL. A price with more than two
/// digits after the point is rounded half away from zero after the multiplication. A negative
/// quantity, or a total beyond 12 digits before the point, is a row error.
#[scalar]
pub fn total(price: AnyDecimal, qty: Option<i64>) -> Result<Decimal<14, 2>, RowError> {
    let qty = qty.unwrap_or(1);
    if qty < 0 {
        return Err(RowError::new("negative-quantity", format!("found the quantity {qty}, needed 0 or more")));
    }
    price
        .checked_mul_int(qty)
        .and_then(AnyDecimal::rescale)
        .ok_or_else(|| RowError::new("overflow", format!("{price} times {qty} does not fit decimal(14,2)")))
}

/// What `not_fraud` lets pass.
#[config]
#[derive(Clone, Debug)]
pub struct Fraud {
    /// The score, from 0 to 1, from which an order is taken for fraud.
    pub threshold: f64,
    /// Amounts from which an order counts as unusual.
    #[default(1000.0)]
    pub unusual: f64,
    /// Countries (ISO codes) that raise the score.
    #[default(Vec::<String>::new())]
    pub watched: Vec<String>,
}

/// Keeps the orders that do not look like fraud.
///
/// The score is the amount as a share of `unusual`, at most one half, plus one half when the
/// country is unknown or watched. An order without an amount is kept: there is nothing to lose.
#[filter]
pub fn not_fraud(#[config] config: &Fraud, amount: Option<f64>, country: Option<&str>) -> bool {
    let Some(amount) = amount else { return true };
    let size = (amount / config.unusual / 2.0).clamp(0.0, 0.5);
    let watched = |country: &str| config.watched.iter().any(|c| c.eq_ignore_ascii_case(country));
    let place = if country.is_none_or(watched) { 0.5 } else { 0.0 };
    size + place < config.threshold
}

rowmill_sdk::export!(total, not_fraud);

#[cfg(test)]
mod tests {
    use super::*;
    use rowmill_sdk::serde_json::json;
    use rowmill_sdk::test::call;

    fn price(text: &str) -> Option<Decimal<10, 3>> {
        (!text.is_empty()).then(|| text.parse().expect(text))
    }

    #[test]
    fn totals_are_exact_and_rounded_to_the_cent() {
        let cases = [
            ("19.90", Some(3), Some("59.70")),
            ("0.105", Some(1), Some("0.11")),
            ("-0.105", Some(1), Some("-0.11")),
            ("5", None, Some("5.00")),
            ("5", Some(0), Some("0.00")),
            ("", Some(2), None),
        ];
        let ran =
            call::<total>().arg(cases.map(|case| price(case.0))).arg(cases.map(|case| case.1.map(i64::from))).run();
        let expected = cases.map(|case| case.2.map(|text| text.parse().expect(text)));
        assert_eq!(ran.values::<Decimal<14, 2>>(), expected);
        assert!(ran.errors.is_empty());
    }

    #[test]
    fn totals_refuse_what_makes_no_sense() {
        let ran = call::<total>().arg([price("1"), price("9999999")]).arg([-1, i64::MAX]).run();
        assert_eq!(ran.error_codes(), [(0, "negative-quantity"), (1, "overflow")]);
        assert_eq!(ran.errors[0].message, "found the quantity -1, needed 0 or more");
    }

    #[test]
    fn the_threshold_decides() {
        let amounts = [Some(10.0), Some(10.0), Some(5000.0), Some(5000.0), None];
        let countries = [Some("DE"), None, Some("DE"), Some("xx"), Some("XX")];
        let kept = |threshold: f64| {
            let ran = call::<not_fraud>()
                .arg(amounts)
                .arg(countries)
                .config(json!({"threshold": threshold, "watched": ["XX"]}))
                .run();
            ran.values::<bool>().into_iter().map(|kept| kept == Some(true)).collect::<Vec<_>>()
        };
        assert_eq!(kept(0.9), [true, true, true, false, true]);
        assert_eq!(kept(0.5), [true, false, false, false, true]);
        assert_eq!(kept(0.0), [false, false, false, false, true]);
    }

    #[test]
    fn the_threshold_is_needed() {
        let error = call::<not_fraud>().arg([1.0]).arg(["DE"]).bind_error();
        assert_eq!(error.to_string(), "config `threshold`: missing field `threshold`");
    }
}
