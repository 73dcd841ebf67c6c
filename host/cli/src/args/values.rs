//! What single values of the command line mean: addresses, arguments, limits, names.

use std::net::{Ipv4Addr, SocketAddr};

use rowmill_plan::Limits;
use rowmill_plan::units::{parse_duration, parse_size};

use super::{Kind, Language};

/// The arguments of `udf run`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arguments(pub(crate) Vec<Argument>);

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    /// A column of the file, and its type if not the one that its values suggest.
    Column { name: String, data_type: Option<arrow_schema::DataType> },
    /// A constant.
    Literal(serde_json::Value),
}

/// The columns of `--by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns(pub(crate) Vec<String>);

/// The limits of `udf run`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunLimits {
    /// With the defaults where nothing was named.
    pub(crate) limits: Limits,
    /// Whether memory was: its default depends on the function's kind.
    pub(crate) memory_named: bool,
}

/// `9400` or `127.0.0.1:9400`.
pub(super) fn metrics_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| "needed a port such as 9400, or an address such as 127.0.0.1:9400".to_owned())
}

pub(super) fn json_object(text: &str) -> Result<serde_json::Value, String> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("needed a JSON object: {error}"))?;
    if value.is_object() { Ok(value) } else { Err("needed a JSON object such as {\"threshold\": 0.9}".to_owned()) }
}

pub(super) fn language(text: &str) -> Result<Language, String> {
    match text {
        "rust" => Ok(Language::Rust),
        "c" | "go" | "python" | "js" => Err(format!("{text} is not supported in this version; needed rust")),
        _ => Err("needed rust".to_owned()),
    }
}

pub(super) fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "scalar" => Ok(Kind::Scalar),
        "filter" => Ok(Kind::Filter),
        "table" => Ok(Kind::Table),
        "aggregate" => Ok(Kind::Aggregate),
        _ => Err("needed scalar, filter, table or aggregate".to_owned()),
    }
}

pub(super) fn project_name(text: &str) -> Result<String, String> {
    let valid = (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if valid {
        Ok(text.to_owned())
    } else {
        Err("needed 1 to 64 of a-z, 0-9, - and _, beginning with a letter".to_owned())
    }
}

/// Splits at commas that stand outside of parentheses, braces, brackets and JSON strings.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted, mut escaped) = (Vec::new(), 0, 0i32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

pub(super) fn arguments(text: &str) -> Result<Arguments, String> {
    if text.trim().is_empty() {
        return Ok(Arguments(Vec::new()));
    }
    split(text).into_iter().map(argument).collect::<Result<_, _>>().map(Arguments)
}

fn argument(text: &str) -> Result<Argument, String> {
    if let Some(json) = text.strip_prefix('=') {
        let value: serde_json::Value = serde_json::from_str(json)
            .map_err(|error| format!("{json:?} is no JSON literal: {error}; a text is written =\"text\""))?;
        return if value.is_array() || value.is_object() {
            Err(format!("{json:?} is no literal; needed a number, a text, true, false or null"))
        } else {
            Ok(Argument::Literal(value))
        };
    }
    let (name, data_type) = match text.split_once(':') {
        None => (text, None),
        Some((name, data_type)) => {
            let parsed = rowmill_plan::type_name::parse(data_type).ok_or_else(|| {
                let names = rowmill_plan::type_name::NAMES.join(", ");
                format!("no such type: {data_type}; needed one of {names}")
            })?;
            (name, Some(parsed))
        }
    };
    if name.is_empty() {
        return Err("an empty column name; needed a list such as price,qty".to_owned());
    }
    Ok(Argument::Column { name: name.to_owned(), data_type })
}

/// `country,status`.
pub(super) fn columns(text: &str) -> Result<Columns, String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().any(String::is_empty) {
        true => Err("an empty column name; needed a list such as country,status".to_owned()),
        false => Ok(Columns(names)),
    }
}

pub(super) fn limits(text: &str) -> Result<RunLimits, String> {
    let mut limits = Limits::default();
    let mut memory_named = false;
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("found {part:?}, needed for example memory=64MiB"))?;
        let size = || {
            parse_size(value)
                .filter(|size| *size > 0)
                .ok_or_else(|| format!("{key} is {value:?}, needed a size such as 64MiB"))
        };
        let duration =
            || parse_duration(value).ok_or_else(|| format!("{key} is {value:?}, needed a duration such as 100ms"));
        match key {
            "memory" => (limits.memory, memory_named) = (size()?, true),
            "output" => limits.output = size()?,
            "cpu_base" => limits.cpu_base = duration()?,
            "cpu_per_row" => limits.cpu_per_row = duration()?,
            "wall" => limits.wall = duration()?,
            _ => {
                return Err(format!("no such limit: {key}; needed memory, cpu_base, cpu_per_row, wall or output"));
            }
        }
    }
    Ok(RunLimits { limits, memory_named })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_loopback() {
        assert_eq!(metrics_address("9400"), Ok(([127, 0, 0, 1], 9400).into()));
        assert_eq!(metrics_address(":9400"), Ok(([127, 0, 0, 1], 9400).into()));
        assert_eq!(metrics_address("0.0.0.0:80"), Ok(([0, 0, 0, 0], 80).into()));
    }

    #[test]
    fn arguments_are_columns_types_and_literals() {
        let list = arguments("price:decimal(10,2), qty,=\"a,b\",=3").expect("a list");
        assert_eq!(
            list.0,
            [
                Argument::Column {
                    name: "price".to_owned(),
                    data_type: Some(arrow_schema::DataType::Decimal128(10, 2))
                },
                Argument::Column { name: "qty".to_owned(), data_type: None },
                Argument::Literal("a,b".into()),
                Argument::Literal(3.into()),
            ]
        );
    }
}
