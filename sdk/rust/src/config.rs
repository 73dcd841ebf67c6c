//! Typed configuration.

use crate::contract::BindError;
use crate::function::ConfigKey;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A type that a `#[config]` parameter can have. Write [`#[config]`](macro@crate::config) above a
/// struct to get it; [`serde_json::Value`] takes any object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a configuration",
    label = "not a configuration type",
    note = "write `#[rowmill_sdk::config]` above `struct {Self}`"
)]
pub trait Config: DeserializeOwned + 'static {
    /// The keys, for the catalog.
    fn keys() -> Vec<ConfigKey>;
}

impl Config for Value {
    fn keys() -> Vec<ConfigKey> {
        Vec::new()
    }
}

/// The configuration as a `T`; an error names the key at fault.
pub(crate) fn read<T: Config>(config: &Value) -> Result<T, BindError> {
    let error = match serde_json::from_value::<T>(config.clone()) {
        Ok(config) => return Ok(config),
        Err(error) => error.to_string(),
    };
    let empty = Map::new();
    let object = config.as_object().unwrap_or(&empty);
    // The key whose absence changes the outcome is the one at fault.
    let culprit = object.keys().find(|key| {
        let mut others = object.clone();
        others.shift_remove(*key);
        serde_json::from_value::<T>(Value::Object(others)).map_or_else(|other| other.to_string() != error, |_| true)
    });
    // "missing field `x`" names it.
    let named = || error.split('`').nth(1).filter(|key| error.starts_with("missing") && !key.is_empty());
    match culprit.map(String::as_str).or_else(named) {
        Some(key) => Err(BindError::config(key, error.as_str())),
        None => Err(BindError::call(format!("configuration: {error}"))),
    }
}

/// Refuses any configuration.
pub(crate) fn none(config: &Value) -> Result<(), BindError> {
    match config.as_object().and_then(|keys| keys.keys().next()) {
        Some(key) => Err(BindError::config(key, "this function takes no configuration")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Place;
    use serde_json::json;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Cfg {
        #[allow(dead_code)]
        threshold: f64,
        #[serde(default)]
        #[allow(dead_code)]
        limit: u8,
    }

    impl Config for Cfg {
        fn keys() -> Vec<ConfigKey> {
            Vec::new()
        }
    }

    #[test]
    fn errors_name_the_key_at_fault() {
        let cases = [
            (json!({}), "threshold"),
            (json!({"limit": 3}), "threshold"),
            (json!({"limit": 3, "threshold": "high"}), "threshold"),
            (json!({"limit": 300, "threshold": 1.0}), "limit"),
            (json!({"limit": 3, "threshold": 1.0, "treshold": 2}), "treshold"),
        ];
        for (config, key) in cases {
            let error = read::<Cfg>(&config).expect_err("refused");
            assert_eq!(error.place, Place::Config(key.to_owned()), "{config}: {error}");
        }
    }
}
