//! Calls of components: an expression, or `{ udf: …, args: […], config: {…} }`.

use std::path::{Component, Path, PathBuf};

use super::reader::{Fields, Need, Reader, need};
use super::tree::{Data, Node};
use super::word::{describe, word};
use super::wording::nearest;
use rowmill_plan::problem::Problem;
use rowmill_plan::type_name;
use rowmill_plan::{Arg, Call, ComponentRef};

/// What a step calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A filter or a scalar function; may be an expression.
    Row,
    /// A table function.
    Table,
}

const CALL: Need =
    need("an expression or a mapping with udf", "\"price * qty\" or { udf: ./price.wasm#total, args: [price, qty] }");
const TABLE_CALL: Need = need("a mapping with udf", "{ udf: ./tags.wasm#explode, args: [tags] }");
const UDF: Need = need("path.wasm#function or std/component#function", "udf: ./price.wasm#total");
const ARGS: Need = need("a list of columns and literals", "args: [price, { value: 3 }]");
const ARG: Need =
    need("a column, { column: …, as: … } or { value: … }", "args: [price, { column: qty, as: float64 }, { value: 3 }]");

/// Decodes one call.
pub(super) fn call(reader: &mut Reader<'_>, node: &Node, at: &str, kind: Kind) -> Option<Call> {
    if let Data::Scalar { .. } = &node.data {
        if kind == Kind::Table {
            reader.mismatch(node, at, TABLE_CALL);
            return None;
        }
        return expression(reader, node, at, CALL);
    }
    let needed = if kind == Kind::Table { TABLE_CALL } else { CALL };
    let fields = reader.fields(node, at, needed, &["udf", "args", "config"])?;
    udf_call(reader, &fields)
}

/// A text that a component reads.
pub(super) fn expression(reader: &mut Reader<'_>, node: &Node, at: &str, need: Need) -> Option<Call> {
    let text = reader.text(node, at, need)?.value;
    if text.trim().is_empty() {
        reader.mismatch(node, at, need);
        return None;
    }
    Some(Call::Expression(text))
}

/// `udf` with `args` and `config`.
pub(super) fn udf_call(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Call> {
    let udf = match fields.get("udf") {
        Some((node, at)) => udf(reader, node, &at),
        None => {
            reader.missing(fields, "udf", UDF);
            None
        }
    };
    let args = fields.get("args").map_or(Some(Vec::new()), |(node, at)| args(reader, node, &at));
    let config = match fields.get("config") {
        None => Some(serde_json::Value::Object(serde_json::Map::new())),
        Some((node, at)) => {
            if matches!(node.data, Data::Mapping(_)) {
                reader.json(node, &at)
            } else {
                reader.mismatch(node, &at, need("a mapping", "config: { threshold: 0.9 }"));
                None
            }
        }
    };
    let (component, function) = udf?;
    Some(Call::Udf { component, function, args: args?, config: config? })
}

/// `path.wasm#fn`, `std/x#fn`, either without `#fn`.
fn udf(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<(ComponentRef, Option<String>)> {
    let text = reader.text(node, at, UDF)?.value;
    let (name, function) = match text.split_once('#') {
        Some((name, function)) => (name, Some(function)),
        None => (text.as_str(), None),
    };
    if name.is_empty() || function.is_some_and(|function| function.trim() != function || function.is_empty()) {
        reader.mismatch(node, at, UDF);
        return None;
    }
    let function = function.map(str::to_owned);
    if let Some(name) = name.strip_prefix("std/") {
        if name.is_empty() || name.contains('/') {
            reader.mismatch(node, at, UDF);
            return None;
        }
        return Some((ComponentRef::Std(name.to_owned()), function));
    }
    let is_wasm = Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"));
    let is_path = is_wasm || name.starts_with("./") || name.starts_with("../") || name.starts_with('/');
    if !is_path {
        reader.report(
            Problem::configuration("a udf by registry name is not supported in this version")
                .at(at)
                .found(name)
                .needed("a path such as ./price.wasm#total, or std/text#trim")
                .fix(format!("download the component and write ./{name}.wasm")),
        );
        return None;
    }
    let path = tidy(&reader.folder().join(name));
    Some((ComponentRef::Path(path), function))
}

/// Without the `.` that joining `./x` leaves in the middle.
pub(super) fn tidy(path: &Path) -> PathBuf {
    path.components()
        .enumerate()
        .filter(|(index, part)| *index == 0 || *part != Component::CurDir)
        .map(|(_, part)| part)
        .collect()
}

fn args(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<Arg>> {
    let items = reader.list(node, at, ARGS)?;
    let args: Vec<Option<Arg>> = items.into_iter().map(|(node, at)| arg(reader, node, &at)).collect();
    args.into_iter().collect()
}

fn arg(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Arg> {
    match &node.data {
        Data::Scalar { value, .. } => {
            if node.plain().is_some_and(|plain| word(plain).is_some()) && !node.is_null() {
                reader.report(
                    Problem::configuration("an argument that is a literal")
                        .at(at)
                        .found(describe(node))
                        .needed("a column name, or a literal in a mapping")
                        .fix(format!("write {{ value: {value} }}, or \"{value}\" for a column of that name")),
                );
                return None;
            }
            let name = reader.text(node, at, ARG)?.value;
            if name.is_empty() {
                reader.mismatch(node, at, ARG);
                return None;
            }
            Some(Arg::Column { name, cast: None })
        }
        Data::Sequence(_) => {
            reader.mismatch(node, at, ARG);
            None
        }
        Data::Mapping(_) => {
            let fields = reader.fields(node, at, ARG, &["column", "as", "value"])?;
            match (fields.get("column"), fields.get("as"), fields.get("value")) {
                (None, None, Some((node, at))) => {
                    if !matches!(node.data, Data::Scalar { .. }) {
                        let scalar = need("a number, a text, true, false or null", "{ value: 3 }");
                        reader.mismatch(node, &at, scalar);
                        return None;
                    }
                    reader.json(node, &at).map(Arg::Literal)
                }
                (Some((node, at)), cast, None) => {
                    let name = reader.text(node, &at, need("a column name", "{ column: price }"));
                    let cast = cast.map_or(Some(None), |(node, at)| data_type(reader, node, &at));
                    Some(Arg::Column { name: name?.value, cast: cast? })
                }
                _ => {
                    reader.mismatch(node, at, ARG);
                    None
                }
            }
        }
    }
}

#[allow(clippy::option_option, reason = "outer: reported; inner: what the plan holds")]
fn data_type(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Option<arrow_schema::DataType>> {
    let text = reader.text(node, at, need("a type", "as: float64"))?.value;
    if let Some(data_type) = type_name::parse(&text) {
        return Some(Some(data_type));
    }
    let mut problem = Problem::configuration(format!("no such type: {text}"))
        .at(at)
        .needed(format!("one of {}", type_name::NAMES.join(", ")));
    if let Some(near) = nearest(&text, type_name::NAMES) {
        problem = problem.fix(format!("did you mean {near}?"));
    }
    reader.report(problem);
    None
}
