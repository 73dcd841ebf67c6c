//! IF, IFNULL, NULLIF, COALESCE, GREATEST, LEAST, ISNULL.

use super::{ANY, Call, Function, function};
use crate::bind::{Result, conditionals, predicates};
use crate::convert::convert;
use crate::error::BindError;
use crate::expr::Expr;
use crate::parse::Truth;
use crate::types::Type;

pub(super) const FUNCTIONS: &[Function] = &[
    function(&["IF"], 3, 3, if_else),
    function(&["IFNULL", "COALESCE", "NVL"], 1, ANY, |call| conditionals::coalesce(call.span, call.args)),
    function(&["NULLIF"], 2, 2, |call| {
        let span = call.span;
        let [a, b] = call.exactly()?;
        predicates::null_if(span, a, b)
    }),
    function(&["ISNULL"], 1, 1, |call| {
        let span = call.span;
        let [a] = call.exactly()?;
        predicates::is(span, a, Truth::Null, false)
    }),
    function(&["GREATEST"], 2, ANY, |call| extreme(call, true)),
    function(&["LEAST"], 2, ANY, |call| extreme(call, false)),
];

fn if_else(call: Call) -> Result<Expr> {
    let span = call.span;
    let [condition, yes, no] = call.exactly()?;
    conditionals::choose(span, vec![condition], vec![yes, no])
}

fn extreme(call: Call, greatest: bool) -> Result<Expr> {
    let span = call.span;
    let ty = conditionals::common(span, &call.args.iter().collect::<Vec<_>>())?;
    if call.args.iter().any(Expr::is_null_literal) {
        return convert(Expr::null(span), &ty);
    }
    let mixed = call.args.iter().any(|arg| arg.ty.is_temporal()) && ty.is_text();
    if mixed {
        return Err(BindError::new(
            span,
            format!("{} of dates and texts: write CAST(… AS DATETIME) around the texts", call.name),
        ));
    }
    let ty = if ty == Type::Bool { crate::types::int(1) } else { ty };
    let mut best: Option<Expr> = None;
    for arg in call.args {
        let arg = convert(arg, &ty)?;
        best = Some(match best {
            None => arg,
            Some(best) => predicates::extreme(span, best, arg, greatest)?,
        });
    }
    best.ok_or_else(|| BindError::new(span, "needed at least two arguments"))
}
