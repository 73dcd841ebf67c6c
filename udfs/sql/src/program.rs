//! Several expression texts bound together over the same columns, and run over batches.

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::Field;
use arrow_select::take::take;

use crate::bind::Binder;
use crate::convert;
use crate::error::{BindError, Span};
use crate::eval::decimal;
use crate::expr::Expr;
use crate::parse::{self, NodeKind};
use crate::types::Type;
use crate::value::{Failure, RowError, Rows};
use crate::varies::Kind;

/// Bound expressions: what they read, what they give.
#[derive(Debug)]
pub struct Program {
    reads: Vec<usize>,
    outputs: Vec<Output>,
    varies: Vec<Varies>,
}

/// A place where a MariaDB server says something else.
#[derive(Debug, Clone, PartialEq)]
pub struct Varies {
    /// The text's name.
    pub name: String,
    /// Where in that text.
    pub span: Span,
    /// In what.
    pub kind: Kind,
}

#[derive(Debug)]
struct Output {
    expr: Expr,
    field: Field,
    /// A column that passes as it came.
    bare: bool,
}

/// What a batch became.
#[derive(Debug)]
pub struct Computed {
    /// A column per text, in order.
    pub columns: Vec<ArrayRef>,
    /// At most one per row, by rising row.
    pub errors: Vec<RowError>,
}

impl Program {
    /// Binds named texts to the offered columns. The error carries the name of its text.
    pub fn bind(fields: &[Field], texts: &[(&str, &str)]) -> Result<Program, (String, BindError)> {
        let mut binder = Binder::new(fields);
        let (mut outputs, mut varies) = (Vec::new(), Vec::new());
        for (name, text) in texts {
            let output = bind_one(&mut binder, name, text).map_err(|error| ((*name).to_owned(), error))?;
            varies.extend(binder.take_varies().into_iter().map(|(span, kind)| Varies {
                name: (*name).to_owned(),
                span,
                kind,
            }));
            outputs.push(output);
        }
        Ok(Program { reads: binder.into_reads(), outputs, varies })
    }

    /// Binds one condition; its result is a boolean column.
    pub fn bind_condition(fields: &[Field], name: &str, text: &str) -> Result<Program, BindError> {
        let mut binder = Binder::new(fields);
        let expr = binder.bind(&parse::parse(text)?)?;
        let expr = convert::convert(expr, &Type::Bool)?;
        let field = Field::new(name, Type::Bool.leaving(), expr.nullable);
        let found = binder.take_varies().into_iter();
        let varies = found.map(|(span, kind)| Varies { name: name.to_owned(), span, kind }).collect();
        Ok(Program { reads: binder.into_reads(), outputs: vec![Output { expr, field, bare: false }], varies })
    }

    /// Where a MariaDB server says something else, and what.
    pub fn varies(&self) -> &[Varies] {
        &self.varies
    }

    /// Positions among the offered columns, in the order in which `run` wants them.
    pub fn reads(&self) -> &[usize] {
        &self.reads
    }

    /// The result columns.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.outputs.iter().map(|output| &output.field)
    }

    /// Computes all results for `rows` rows of the columns of `reads`.
    pub fn run(&self, rows: usize, columns: &[ArrayRef]) -> Result<Computed, Failure> {
        let mut state = Rows::new(rows);
        let mut results = Vec::with_capacity(self.outputs.len());
        for output in &self.outputs {
            let value = output.expr.run(columns, &mut state)?;
            let mut array = if output.bare || !matches!(output.expr.ty, Type::Decimal { .. }) {
                value.array.clone()
            } else if value.scalar {
                let mut one = Rows::new(1);
                decimal::leave(&value, &output.expr.ty, &mut one)
            } else {
                decimal::leave(&value, &output.expr.ty, &mut state)
            };
            if value.scalar {
                array = take(&array, &UInt32Array::from(vec![0; rows]), None)?;
            }
            if array.len() != rows {
                return Err(Failure(format!("{} rows became {}", rows, array.len())));
            }
            results.push(array);
        }
        let mut errors = state.errors;
        errors.sort_by_key(|error| error.row);
        errors.dedup_by_key(|error| error.row);
        Ok(Computed { columns: results, errors })
    }
}

fn bind_one(binder: &mut Binder<'_>, name: &str, text: &str) -> Result<Output, BindError> {
    let node = parse::parse(text)?;
    let expr = binder.bind(&node)?;
    if expr.ty == Type::Null {
        return Err(BindError::new(node.span, "NULL has no type; write CAST(NULL AS CHAR), or another type"));
    }
    if let (NodeKind::Column(_), Some(field)) = (&node.kind, binder.bare_column(&expr)) {
        let field = field.clone().with_name(name);
        return Ok(Output { expr, field, bare: true });
    }
    let expr = convert::canonical(expr)?;
    let nullable = expr.nullable;
    let mut metadata: std::collections::HashMap<String, String> =
        expr.ty.attributes().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if expr.ty == Type::Json {
        metadata.insert("type".to_owned(), "json".to_owned());
    }
    let field = Field::new(name, expr.ty.leaving(), nullable).with_metadata(metadata);
    Ok(Output { expr, field, bare: false })
}
