//! A rowmill component with one filter.

use rowmill_sdk::{config, filter};

/// What can be set under `config:` in the pipeline file. A key that is not here is an error.
#[config]
pub struct Config {
    /// Amounts below this are dropped.
    pub least: f64,
}

/// Keeps rows whose amount is large enough.
///
/// A row without an amount is dropped: a parameter that is no `Option` means that NULL gives
/// NULL, which counts as false.
#[filter]
pub fn large(#[config] config: &Config, amount: f64) -> bool {
    amount >= config.least
}

// The functions that the component offers.
rowmill_sdk::export!(large);

#[cfg(test)]
mod tests {
    use super::*;
    use rowmill_sdk::{serde_json::json, test::call};

    #[test]
    fn small_and_missing_amounts_are_dropped() {
        let ran = call::<large>()
            .arg([Some(5.0), Some(50.0), None])
            .config(json!({"least": 10}))
            .run();
        assert_eq!(ran.values::<bool>(), [Some(false), Some(true), None]);
    }
}
