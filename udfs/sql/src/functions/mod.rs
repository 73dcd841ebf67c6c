//! The functions by name: how many arguments, and how a call is bound.

mod control;
mod date_format;
mod dates;
pub(crate) mod interval;
mod numbers;
mod rounding;
mod search;
mod texts;

use std::sync::Arc;

use crate::bind::Result;
use crate::bind::compare::text;
use crate::convert::convert;
use crate::error::{BindError, Span, nearest};
use crate::expr::Expr;
use crate::types::{self, Type};
use crate::value::{Failure, Rows, Texts, Value, make_texts};

/// A call whose arguments are bound.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) args: Vec<Expr>,
}

/// A function, or several names of one.
pub(crate) struct Function {
    names: &'static [&'static str],
    least: usize,
    most: usize,
    make: fn(Call) -> Result<Expr>,
}

pub(crate) const ANY: usize = usize::MAX;

const fn function(
    names: &'static [&'static str],
    least: usize,
    most: usize,
    make: fn(Call) -> Result<Expr>,
) -> Function {
    Function { names, least, most, make }
}

const TABLES: &[&[Function]] = &[
    control::FUNCTIONS,
    texts::FUNCTIONS,
    search::FUNCTIONS,
    numbers::FUNCTIONS,
    rounding::FUNCTIONS,
    dates::FUNCTIONS,
    date_format::FUNCTIONS,
    interval::FUNCTIONS,
];

/// What MySQL has and a pure function of a row can't be.
const IMPURE: &[(&str, &str)] = &[
    ("NOW", "the clock"),
    ("CURDATE", "the clock"),
    ("CURTIME", "the clock"),
    ("CURRENT_DATE", "the clock"),
    ("CURRENT_TIME", "the clock"),
    ("CURRENT_TIMESTAMP", "the clock"),
    ("LOCALTIME", "the clock"),
    ("LOCALTIMESTAMP", "the clock"),
    ("SYSDATE", "the clock"),
    ("UTC_DATE", "the clock"),
    ("UTC_TIME", "the clock"),
    ("UTC_TIMESTAMP", "the clock"),
    ("RAND", "chance"),
    ("RANDOM_BYTES", "chance"),
    ("UUID", "chance"),
    ("UUID_SHORT", "chance"),
    ("SLEEP", "the clock"),
    ("USER", "the session"),
    ("CURRENT_USER", "the session"),
    ("SESSION_USER", "the session"),
    ("DATABASE", "the session"),
    ("SCHEMA", "the session"),
    ("CONNECTION_ID", "the session"),
    ("LAST_INSERT_ID", "the session"),
    ("ROW_COUNT", "the session"),
    ("FOUND_ROWS", "the session"),
    ("VERSION", "the server"),
    ("LOAD_FILE", "files"),
];

const AGGREGATES: &[&str] =
    &["COUNT", "SUM", "AVG", "MIN", "MAX", "GROUP_CONCAT", "STDDEV", "VARIANCE", "JSON_ARRAYAGG"];

pub(crate) fn find(name: &str, span: Span) -> Result<&'static Function> {
    let all = || TABLES.iter().flat_map(|table| table.iter());
    if let Some(function) = all().find(|function| function.names.contains(&name)) {
        return Ok(function);
    }
    if let Some((_, what)) = IMPURE.iter().find(|(impure, _)| *impure == name) {
        let message = format!(
            "{name} depends on {what}; functions must give the same result for the same row at every replay, so \
             compute it in the source or take a column"
        );
        return Err(BindError::new(span, message));
    }
    if AGGREGATES.contains(&name) {
        let message =
            format!("{name} is an aggregate; it belongs to an `aggregate` step, not to an expression over one row");
        return Err(BindError::new(span, message));
    }
    let names = all().flat_map(|function| function.names.iter().copied());
    let hint = nearest(name, names).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Err(BindError::new(span, format!("there is no function {name}{hint}")))
}

/// All names, sorted; for the documentation.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> =
        TABLES.iter().flat_map(|table| table.iter()).flat_map(|f| f.names.iter().copied()).collect();
    names.sort_unstable();
    names
}

impl Function {
    pub(crate) fn bind(&self, name: &str, span: Span, name_span: Span, args: Vec<Expr>) -> Result<Expr> {
        if args.len() < self.least || args.len() > self.most {
            let needed = match (self.least, self.most) {
                (least, ANY) => format!("{least} or more"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let found = args.len();
            return Err(BindError::new(name_span, format!("{name} has {found} arguments here; it needs {needed}")));
        }
        (self.make)(Call { name: name.to_owned(), span, args })
    }
}

impl Call {
    /// The arguments, of which the function has exactly `N`.
    pub(crate) fn exactly<const N: usize>(self) -> Result<[Expr; N]> {
        let (span, found) = (self.span, self.args.len());
        self.args.try_into().map_err(|_| BindError::new(span, format!("found {found} arguments; needed {N}")))
    }

    /// The type of the text arguments together, for a result of at most so many characters.
    pub(crate) fn text_type(&self, chars: Option<u32>) -> Type {
        let args: Vec<&Expr> = self.args.iter().filter(|arg| matches!(arg.ty, Type::Text { .. })).collect();
        crate::bind::conditionals::text_of(self.span, &args, chars).unwrap_or(Type::Text {
            chars,
            collation: crate::collation::Collation::mixed(),
            strength: crate::collation::Strength::Implicit,
        })
    }

    /// All arguments as texts.
    pub(crate) fn into_texts(self) -> Result<Vec<Expr>> {
        self.args.into_iter().map(text).collect()
    }
}

/// An argument as an integer.
pub(crate) fn int(expr: Expr) -> Result<Expr> {
    if expr.ty.is_unsigned() && expr.value().is_none() {
        // What is above BIGINT counts as its largest; positions and lengths never get there.
        return convert(convert(expr, &types::decimal(20, 0))?, &types::bigint());
    }
    convert(expr, &types::bigint())
}

pub(crate) fn double(expr: Expr) -> Result<Expr> {
    convert(expr, &Type::Double)
}

/// A function from one text to another.
pub(crate) fn from_text(
    call: Call,
    chars: impl Fn(Option<u32>) -> Option<u32>,
    nullable: bool,
    f: impl Fn(&str, &mut String) -> Option<()> + Send + Sync + 'static,
) -> Result<Expr> {
    let span = call.span;
    let ty = call.text_type(chars(call.args[0].ty.chars()));
    let args = call.into_texts()?;
    Expr::call(
        span,
        ty,
        nullable,
        args,
        Arc::new(move |args, rows| {
            let texts = args[0].texts();
            Ok(make_texts(rows.count, |row, out| f(texts.get(row)?, out)))
        }),
    )
}

/// A function of texts that gives one; `f` reads the arguments of a row.
pub(crate) fn to_text(
    span: Span,
    ty: Type,
    nullable: bool,
    args: Vec<Expr>,
    f: impl Fn(&[Value], usize, &mut String) -> Option<()> + Send + Sync + 'static,
) -> Result<Expr> {
    Expr::call(
        span,
        ty,
        nullable,
        args,
        Arc::new(move |args: &[Value], rows: &mut Rows| -> std::result::Result<_, Failure> {
            Ok(make_texts(rows.count, |row, out| f(args, row, out)))
        }),
    )
}

/// Shorthand inside kernels.
pub(crate) fn texts_at(args: &[Value], index: usize) -> Texts<'_> {
    args[index].texts()
}
