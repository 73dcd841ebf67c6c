//! A rowmill component with one scalar function.

use rowmill_sdk::{RowError, config, scalar};

/// What can be set under `config:` in the pipeline file. A key that is not here is an error.
#[config]
pub struct Config {
    /// The tax rate, such as 0.19.
    #[default(0.19)]
    pub rate: f64,
}

/// The price with tax.
///
/// A parameter that is no `Option` means: NULL in, NULL out. An `Err` refuses the row, and the
/// pipeline's `on_error` decides what becomes of it.
#[scalar]
pub fn with_tax(#[config] config: &Config, price: f64) -> Result<f64, RowError> {
    if price < 0.0 {
        return Err(RowError::new(
            "negative-price",
            format!("found the price {price}, needed 0 or more"),
        ));
    }
    Ok(price * (1.0 + config.rate))
}

// The functions that the component offers.
rowmill_sdk::export!(with_tax);

#[cfg(test)]
mod tests {
    use super::*;
    use rowmill_sdk::{serde_json::json, test::call};

    #[test]
    fn tax_is_added() {
        let ran = call::<with_tax>()
            .arg([Some(100.0), None])
            .config(json!({"rate": 0.5}))
            .run();
        assert_eq!(ran.values::<f64>(), [Some(150.0), None]);
    }

    #[test]
    fn a_negative_price_refuses_its_row() {
        let ran = call::<with_tax>().arg([1.0, -1.0]).run();
        assert_eq!(ran.error_codes(), [(1, "negative-price")]);
    }
}
