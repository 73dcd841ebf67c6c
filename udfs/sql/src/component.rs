//! The two functions of the component over the program: `filter` and `map`.

use arrow_schema::Field as ArrowField;
use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{
    Argument, Arity, Attribute, Batch, BindError, Bound, ConfigKey, Field, FlaggedRow, FunctionInfo, Kind, Output,
    Parameter, Place, RowFunction, Signature, Span,
};

use crate::columns;
use crate::program::{Program, Varies};

/// Keeps the rows for which the expression text in `where` is true.
pub struct Filter;

/// Computes one result per configuration key from the expression text it holds.
pub struct Map;

impl RowFunction for Filter {
    fn info(&self) -> FunctionInfo {
        FunctionInfo {
            parameters: vec![offered()],
            results: "boolean".to_owned(),
            config: vec![ConfigKey {
                name: "where".to_owned(),
                docs: "an expression in MySQL's language; rows for which it is true stay".to_owned(),
                required: true,
                default_json: None,
            }],
            ..FunctionInfo::new("filter", Kind::Filter, "Keeps the rows for which an expression is true.")
        }
    }

    fn bind(&self, args: &[Argument], config: Json) -> Result<Box<dyn Bound>, BindError> {
        let mut keys = config.as_object().into_iter().flat_map(|config| config.keys());
        if let Some(key) = keys.find(|key| *key != "where") {
            return Err(BindError::config(key.clone(), format!("found the key {key}; filter takes only `where`")));
        }
        let text = text_of(&config, "where")?;
        let fields = fields(args)?;
        let program = Program::bind_condition(&fields, "where", text).map_err(|error| located("where", error))?;
        bound(args, program)
    }
}

impl RowFunction for Map {
    fn info(&self) -> FunctionInfo {
        let names = crate::functions::names().join(", ");
        FunctionInfo {
            parameters: vec![offered()],
            results: "a column for each configuration key".to_owned(),
            config: vec![ConfigKey {
                name: "<result>".to_owned(),
                docs: "an expression in MySQL's language; its values are the column of this name".to_owned(),
                required: false,
                default_json: None,
            }],
            ..FunctionInfo::new("map", Kind::Scalar, format!("Computes columns by expressions. Functions: {names}."))
        }
    }

    fn bind(&self, args: &[Argument], config: Json) -> Result<Box<dyn Bound>, BindError> {
        let empty = || BindError::call("needed at least one result: { name: \"expression\" }");
        let keys = config.as_object().filter(|config| !config.is_empty()).ok_or_else(empty)?;
        let mut texts = Vec::new();
        for key in keys.keys() {
            texts.push((key.as_str(), text_of(&config, key)?));
        }
        let fields = fields(args)?;
        let program = Program::bind(&fields, &texts).map_err(|(key, error)| located(&key, error))?;
        bound(args, program)
    }
}

/// All columns of the row by name; only those in the text are read.
fn offered() -> Parameter {
    Parameter {
        name: "columns".to_owned(),
        docs: "the columns that the expressions can name".to_owned(),
        accepts: Vec::new(),
        arity: Arity::Repeated,
    }
}

fn text_of<'a>(config: &'a Json, key: &str) -> Result<&'a str, BindError> {
    config
        .get(key)
        .ok_or_else(|| BindError::config(key, format!("needed the key {key} with an expression")))?
        .as_str()
        .ok_or_else(|| BindError::config(key, "needed a text with an expression; write it in quotes"))
}

fn fields(args: &[Argument]) -> Result<Vec<ArrowField>, BindError> {
    args.iter()
        .enumerate()
        .map(|(position, arg)| match arg.literal {
            None => Ok(columns::field(&arg.field)),
            Some(_) => {
                Err(BindError::argument(position, "found a literal; needed columns (write literals in the text)"))
            }
        })
        .collect()
}

fn located(key: &str, error: crate::error::BindError) -> BindError {
    let clamp = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
    let span = Span { key: key.to_owned(), start: clamp(error.span.start), end: clamp(error.span.end) };
    BindError { place: Place::Text(span), message: error.message }
}

fn bound(args: &[Argument], program: Program) -> Result<Box<dyn Bound>, BindError> {
    let results = program
        .fields()
        .map(|field| {
            let data_type = columns::data_type(field).ok_or_else(|| {
                BindError::call(format!(
                    "the result {} has the type {}, which can't leave",
                    field.name(),
                    field.data_type()
                ))
            })?;
            Ok(with_varies(columns::leaving(field, data_type), &program))
        })
        .collect::<Result<Vec<_>, BindError>>()?;
    let reads = program.reads().to_vec();
    let types = reads.iter().map(|position| columns::field(&args[*position].field)).collect();
    let signature = Signature {
        reads: reads.iter().map(|position| u32::try_from(*position).unwrap_or(u32::MAX)).collect(),
        facts: Vec::new(),
        results,
    };
    Ok(Box::new(Expressions { program, types, signature }))
}

/// The result with what the host may want to know of it: where a MariaDB server would answer something else, a line for
/// each place, `START END WHAT` in bytes of the text.
fn with_varies(mut result: Field, program: &Program) -> Field {
    let line = |found: &Varies| format!("{} {} {}", found.span.start, found.span.end, found.kind);
    let lines: Vec<String> = program.varies().iter().filter(|found| found.name == result.name).map(line).collect();
    result.attributes.retain(|attribute| attribute.key != VARIES);
    if !lines.is_empty() {
        result.attributes.push(Attribute { key: VARIES.to_owned(), value: lines.join("\n") });
    }
    result
}

/// The key of that attribute.
const VARIES: &str = "mariadb-differs";

/// Bound expressions, and the fields of the columns they read.
struct Expressions {
    program: Program,
    types: Vec<ArrowField>,
    signature: Signature,
}

impl Bound for Expressions {
    fn signature(&self) -> Signature {
        self.signature.clone()
    }

    fn run(&mut self, batch: Batch) -> Result<Output, String> {
        let rows = batch.rows as usize;
        let found = batch.columns.len();
        if found != self.types.len() {
            return Err(format!("the batch has {found} columns; needed {}", self.types.len()));
        }
        let arrays = batch
            .columns
            .into_iter()
            .zip(&self.types)
            .map(|(column, field)| columns::array(column, field.data_type(), rows))
            .collect::<Result<Vec<_>, _>>()?;
        let computed = self.program.run(rows, &arrays).map_err(|failure| failure.0)?;
        Ok(Output {
            parents: None,
            columns: computed.columns.iter().map(columns::column).collect(),
            errors: computed
                .errors
                .into_iter()
                .map(|error| FlaggedRow {
                    row: u32::try_from(error.row).unwrap_or(u32::MAX),
                    code: error.code.to_owned(),
                    message: error.message,
                })
                .collect(),
        })
    }
}
