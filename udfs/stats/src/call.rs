//! What `bind` gets: arguments and configuration, with errors that say where and what.

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{Argument, Arity, BindError, ConfigKey, DataType, DecimalType, Field, FunctionInfo, Kind, Parameter};

/// The entry of a function in the catalog.
pub(crate) fn info(
    name: &str,
    docs: impl Into<String>,
    parameters: Vec<Parameter>,
    results: &str,
    config: Vec<ConfigKey>,
) -> FunctionInfo {
    FunctionInfo { parameters, results: results.to_owned(), config, ..FunctionInfo::new(name, Kind::Aggregate, docs) }
}

/// A parameter that takes every type as it is; what a function can't do anything with, `bind` refuses.
pub(crate) fn parameter(name: &str, docs: &str, arity: Arity) -> Parameter {
    Parameter { name: name.to_owned(), docs: docs.to_owned(), accepts: Vec::new(), arity }
}

/// A parameter that takes one number, each type as it is.
pub(crate) fn number() -> Parameter {
    let decimal = DataType::Decimal(DecimalType { precision: 0, scale: 0 });
    let accepts = integers().into_iter().chain([decimal, DataType::Float64, DataType::Float32]).collect();
    let docs = "Integers, decimals or floating-point numbers.".to_owned();
    Parameter { name: "value".to_owned(), docs, accepts, arity: Arity::One }
}

/// A parameter that takes one integer, each type as it is.
pub(crate) fn integer(docs: &str) -> Parameter {
    Parameter { name: "value".to_owned(), docs: docs.to_owned(), accepts: integers(), arity: Arity::One }
}

/// The most used first; a condition's truth counts as 1.
fn integers() -> Vec<DataType> {
    use DataType::{Boolean, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64};
    vec![Int64, Uint64, Int32, Uint32, Int16, Uint16, Int8, Uint8, Boolean]
}

/// A configuration key that can be left out.
pub(crate) fn key(name: &str, docs: &str, default: Json) -> ConfigKey {
    let default_json = (!default.is_null()).then(|| default.to_string());
    ConfigKey { name: name.to_owned(), docs: docs.to_owned(), required: false, default_json }
}

/// The arguments of a call of `function`, from `least` to `most` of them.
pub(crate) fn ensure_arguments(function: &str, args: &[Argument], least: usize, most: usize) -> Result<(), BindError> {
    let found = args.len();
    if (least..=most).contains(&found) {
        return Ok(());
    }
    let needed = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let plural = if most == 1 { "" } else { "s" };
    Err(BindError::call(format!("{function} takes {needed} argument{plural}, found {found}")))
}

/// The argument at `position` is a column, whose field this returns.
pub(crate) fn column<'a>(function: &str, args: &'a [Argument], position: usize) -> Result<&'a Field, BindError> {
    let argument = args.get(position).ok_or_else(|| BindError::call(format!("{function} needs more arguments")))?;
    match argument.literal {
        None => Ok(&argument.field),
        Some(_) => Err(BindError::argument(
            position,
            format!("{function} takes columns, found a literal; compute a column in a map step"),
        )),
    }
}

/// Refuses an argument for its type. `needed` is what the function takes, `hint` the way out.
pub(crate) fn wrong_type(function: &str, position: usize, needed: &str, found: DataType, hint: &str) -> BindError {
    BindError::argument(position, format!("{function} takes {needed}, found {found}; {hint}"))
}

/// The configuration of a function.
pub(crate) struct Config<'a> {
    function: &'a str,
    config: &'a Json,
}

impl<'a> Config<'a> {
    /// Refuses keys that are not in `known`.
    pub(crate) fn new(function: &'a str, config: &'a Json, known: &[&str]) -> Result<Self, BindError> {
        let mut keys = config.as_object().into_iter().flat_map(|config| config.keys());
        if let Some(key) = keys.find(|key| !known.contains(&key.as_str())) {
            let needed = match known {
                [] => "no configuration".to_owned(),
                known => known.join(", "),
            };
            return Err(BindError::config(key, format!("{function} has no key {key}; it takes {needed}")));
        }
        Ok(Self { function, config })
    }

    fn wrong(&self, key: &str, needed: &str) -> BindError {
        let found = &self.config[key];
        BindError::config(key, format!("{} needs {needed} in {key}, found {found}", self.function))
    }

    pub(crate) fn bool(&self, key: &str, default: bool) -> Result<bool, BindError> {
        match self.config.get(key) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong(key, "true or false")),
        }
    }

    /// An integer from `least` to `most`.
    pub(crate) fn integer(&self, key: &str, default: u64, least: u64, most: u64) -> Result<u64, BindError> {
        let Some(value) = self.config.get(key) else { return Ok(default) };
        let inside = value.as_u64().filter(|value| (least..=most).contains(value));
        inside.ok_or_else(|| self.wrong(key, &format!("an integer from {least} to {most}")))
    }

    /// A number that `inside` takes; `needed` says in words which.
    pub(crate) fn number(
        &self,
        key: &str,
        default: f64,
        needed: &str,
        inside: impl Fn(f64) -> bool,
    ) -> Result<f64, BindError> {
        let Some(value) = self.config.get(key) else { return Ok(default) };
        value.as_f64().filter(|value| inside(*value)).ok_or_else(|| self.wrong(key, needed))
    }

    pub(crate) fn text(&self, key: &str, default: &'a str) -> Result<&'a str, BindError> {
        match self.config.get(key) {
            None => Ok(default),
            Some(value) => value.as_str().ok_or_else(|| self.wrong(key, "a text")),
        }
    }

    /// One of some words, by its position.
    pub(crate) fn word(&self, key: &str, words: &[&str]) -> Result<usize, BindError> {
        let Some(value) = self.config.get(key) else { return Ok(0) };
        let found = value.as_str().and_then(|value| words.iter().position(|word| *word == value));
        found.ok_or_else(|| self.wrong(key, &words.join(" or ")))
    }
}
