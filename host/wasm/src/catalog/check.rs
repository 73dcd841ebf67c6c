//! A component's description, checked and taken over.
//!
//! Counts and sizes are in [`crate::bounds`]. Names of functions are what pipeline files, messages and
//! metrics call them by, so they are identifiers, and each is there once.

use std::collections::HashSet;

use rowmill_foreign::Printable;

use super::{Arity, ConfigKey, Description, FunctionInfo, Kind, Parameter};
use crate::bindings::catalog as wit;
use crate::bindings::types::DataType;
use crate::bounds::{
    ACCEPTS_MAX, ACCEPTS_SUM_MAX, CONFIG_KEYS_MAX, DOCS_BYTES_MAX, FUNCTION_NAME_MAX, FUNCTIONS_MAX, NAME_BYTES_MAX,
    PARAMETERS_MAX, ensure_bytes, ensure_count,
};
use crate::data_type;

/// Checks a guest's description; the error says what is wrong with it.
pub(crate) fn description(found: wit::Description) -> Result<Description, String> {
    ensure(&found).map_err(|e| format!("a description with {e}"))?;
    Ok(Description {
        version: found.version,
        docs: found.docs,
        functions: found.functions.into_iter().map(function).collect(),
    })
}

fn ensure(found: &wit::Description) -> Result<(), String> {
    ensure_bytes(found.version.len(), NAME_BYTES_MAX, "a version")?;
    ensure_bytes(found.docs.len(), DOCS_BYTES_MAX, "docs")?;
    ensure_count(found.functions.len(), FUNCTIONS_MAX, "functions")?;
    let mut names = HashSet::with_capacity(found.functions.len());
    let mut accepted = 0;
    for function in &found.functions {
        let name = &function.name;
        if !is_function_name(name) {
            // Cut: a name of any length can stand here.
            let shown = rowmill_foreign::line(name);
            let shown: String = shown.chars().take(2 * FUNCTION_NAME_MAX).collect();
            return Err(format!(
                "a function {shown:?}, needed a letter or _, then letters, digits, _ and -, {FUNCTION_NAME_MAX} characters at most"
            ));
        }
        if !names.insert(name.as_str()) {
            return Err(format!("two functions {name}"));
        }
        ensure_function(function).map_err(|e| format!("function {name} with {e}"))?;
        accepted += function.parameters.iter().map(|parameter| parameter.accepts.len()).sum::<usize>();
        ensure_count(accepted, ACCEPTS_SUM_MAX, "types of all parameters")?;
    }
    Ok(())
}

/// `[A-Za-z_][A-Za-z0-9_-]{0,63}`
fn is_function_name(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    name.len() <= FUNCTION_NAME_MAX
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(rest)
}

fn ensure_function(function: &wit::FunctionInfo) -> Result<(), String> {
    ensure_count(function.parameters.len(), PARAMETERS_MAX, "parameters")?;
    ensure_count(function.config.len(), CONFIG_KEYS_MAX, "configuration keys")?;
    let mut docs = function.docs.len() + function.results.len();
    for parameter in &function.parameters {
        ensure_name(&parameter.name, "parameter")?;
        ensure_count(parameter.accepts.len(), ACCEPTS_MAX, "types of one parameter")?;
        ensure_once(&parameter.accepts)?;
        docs += parameter.docs.len();
    }
    let mut keys = HashSet::with_capacity(function.config.len());
    for key in &function.config {
        ensure_name(&key.name, "configuration key")?;
        if !keys.insert(key.name.as_str()) {
            return Err(format!("two configuration keys {}", Printable(&key.name)));
        }
        docs += key.docs.len() + key.default_json.as_ref().map_or(0, String::len);
    }
    ensure_bytes(docs, DOCS_BYTES_MAX, "docs")
}

/// Each type of a parameter is listed once.
fn ensure_once(accepts: &[DataType]) -> Result<(), String> {
    let mut names = HashSet::with_capacity(accepts.len());
    match accepts.iter().map(|accepted| data_type::name(*accepted)).find(|name| !names.insert(name.clone())) {
        Some(name) => Err(format!("a parameter that accepts {name} twice, needed each type once")),
        None => Ok(()),
    }
}

fn ensure_name(name: &str, what: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("a {what} without a name"));
    }
    ensure_bytes(name.len(), NAME_BYTES_MAX, &format!("a {what}'s name"))
}

fn function(found: wit::FunctionInfo) -> FunctionInfo {
    FunctionInfo {
        name: found.name,
        kind: match found.kind {
            wit::Kind::Scalar => Kind::Scalar,
            wit::Kind::Filter => Kind::Filter,
            wit::Kind::Table => Kind::Table,
            wit::Kind::Aggregate => Kind::Aggregate,
        },
        docs: found.docs,
        parameters: found.parameters.into_iter().map(parameter).collect(),
        results: found.results,
        config: found.config.into_iter().map(config_key).collect(),
    }
}

fn parameter(found: wit::Parameter) -> Parameter {
    Parameter {
        name: found.name,
        docs: found.docs,
        accepts: found.accepts.iter().map(|t| data_type::name(*t)).collect(),
        arity: match found.arity {
            wit::Arity::One => Arity::One,
            wit::Arity::Optional => Arity::Optional,
            wit::Arity::Repeated => Arity::Repeated,
        },
        types: found.accepts,
    }
}

fn config_key(found: wit::ConfigKey) -> ConfigKey {
    ConfigKey { name: found.name, docs: found.docs, required: found.required, default: found.default_json }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str) -> wit::FunctionInfo {
        wit::FunctionInfo {
            name: name.to_owned(),
            kind: wit::Kind::Scalar,
            docs: String::new(),
            parameters: Vec::new(),
            results: String::new(),
            config: Vec::new(),
        }
    }

    fn described(functions: Vec<wit::FunctionInfo>) -> Result<Description, String> {
        description(wit::Description { version: "1".to_owned(), docs: String::new(), functions })
    }

    fn key(name: String) -> wit::ConfigKey {
        wit::ConfigKey { name, docs: String::new(), required: false, default_json: None }
    }

    fn parameter(name: &str, accepts: usize) -> wit::Parameter {
        wit::Parameter {
            name: name.to_owned(),
            docs: String::new(),
            accepts: vec![DataType::Int8; accepts],
            arity: wit::Arity::One,
        }
    }

    #[test]
    fn names_of_functions_are_identifiers_and_unique() {
        let long = "a".repeat(64);
        for name in ["a", "_", "A-b_9", &long] {
            assert_eq!(described(vec![info(name)]).unwrap().functions[0].name, name);
        }
        let longer = "a".repeat(65);
        for name in ["", "9a", "-a", "a b", "a\nb", "a`b", "ä", "a;--", "a\u{1b}[2J", &longer] {
            let error = described(vec![info(name)]).unwrap_err();
            assert!(error.starts_with("a description with a function") && !error.contains(['\n', '\u{1b}']), "{error}");
        }
        let error = described(vec![info("a"), info("b"), info("a")]).unwrap_err();
        assert_eq!(error, "a description with two functions a");
    }

    #[test]
    fn counts_have_bounds() {
        let many = |count: usize| described((0..count).map(|i| info(&format!("f{i}"))).collect());
        assert_eq!(many(256).unwrap().functions.len(), 256);
        assert_eq!(many(257).unwrap_err(), "a description with 257 functions, needed at most 256");

        let mut function = info("f");
        function.parameters = (0..257).map(|_| parameter("p", 0)).collect();
        assert!(described(vec![function]).unwrap_err().contains("function f with 257 parameters"));
        let mut function = info("f");
        function.config = (0..257).map(|i| key(i.to_string())).collect();
        assert!(described(vec![function]).unwrap_err().contains("257 configuration keys"));
        let mut function = info("f");
        function.config = vec![key("k".to_owned()), key("k".to_owned())];
        assert!(described(vec![function]).unwrap_err().contains("two configuration keys k"));
        let mut function = info("f");
        function.parameters = vec![parameter("p", 65)];
        assert!(described(vec![function]).unwrap_err().contains("65 types of one parameter"));
    }

    #[test]
    fn accepted_types_are_listed_once_and_have_a_bound_together() {
        let mut function = info("f");
        function.parameters = vec![parameter("p", 2)];
        let error = described(vec![function]).unwrap_err();
        assert!(error.contains("accepts int8 twice, needed each type once"), "{error}");

        let one = |name: &str| wit::FunctionInfo { parameters: vec![parameter("p", 1); 256], ..info(name) };
        let many = |count: usize| described((0..count).map(|i| one(&format!("f{i}"))).collect());
        assert!(many(64).is_ok());
        let error = many(65).unwrap_err();
        assert!(error.contains("16640 types of all parameters, needed at most 16384"), "{error}");
    }

    #[test]
    fn texts_have_bounds() {
        let mut function = info("f");
        function.docs = "d".repeat(64 << 10);
        assert!(described(vec![function.clone()]).is_ok());
        function.results = "r".to_owned();
        let error = described(vec![function]).unwrap_err();
        assert!(error.contains("function f with docs of 65537 bytes, needed at most 65536"), "{error}");
        for name in [String::new(), "n".repeat(257)] {
            let mut function = info("f");
            function.parameters = vec![parameter(&name, 0)];
            assert!(described(vec![function]).is_err());
            let mut function = info("f");
            function.config = vec![key(name)];
            assert!(described(vec![function]).is_err());
        }
        let long = |version: usize, docs: usize| {
            let (version, docs) = ("v".repeat(version), "d".repeat(docs));
            description(wit::Description { version, docs, functions: Vec::new() })
        };
        assert!(long(256, 64 << 10).is_ok());
        assert!(long(257, 0).unwrap_err().contains("a version of 257 bytes"));
        assert!(long(0, 65 << 10).unwrap_err().contains("docs of 66560 bytes"));
    }
}
