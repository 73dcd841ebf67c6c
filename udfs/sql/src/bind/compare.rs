//! What two sides are compared as: the rules of MySQL's `Arg_comparator::set_cmp_func`.
//!
//! Every type belongs to one of four kinds, and two kinds have a common one: texts beside numbers are compared as
//! doubles. A constant beside a column is first made one of the column's own values where it can be one (`constants`).
//! Dates beside texts are moments; there a constant has to be a date, and a text of a row that is none is before all
//! dates. A TIME beside anything but a TIME is a text like any other.

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, PrimitiveArray};
use arrow_schema::DataType;

use super::operators::as_decimal;
use super::predicates::is;
use super::{Result, conditionals, constants};
use crate::collation::{self, Rule, Strength};
use crate::convert::{Compared, canonical, comparable, convert};
use crate::error::{BindError, Span};
use crate::eval::compare::Op;
use crate::eval::{compare as kernels, decimal};
use crate::expr::{self, Expr, Kernel};
use crate::parse::Truth;
use crate::types::{self, Type};

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// By a collation, or byte by byte. Dates and times are of this kind, too, until something says otherwise.
    Texts,
    Integers,
    Decimals,
    Doubles,
}

impl Kind {
    pub(super) fn of(ty: &Type) -> Kind {
        match ty {
            Type::Bool | Type::Int { .. } => Kind::Integers,
            Type::Decimal { .. } => Kind::Decimals,
            Type::Double => Kind::Doubles,
            _ => Kind::Texts,
        }
    }

    /// What two kinds are compared as.
    pub(super) fn with(self, other: Kind) -> Kind {
        match (self, other) {
            (a, b) if a == b => a,
            (Kind::Integers | Kind::Decimals, Kind::Integers | Kind::Decimals) => Kind::Decimals,
            _ => Kind::Doubles,
        }
    }
}

/// `left op right`, as the operators compare.
pub(crate) fn compare(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    let right = row_beside(&left, right)?;
    let left = row_beside(&right, left)?;
    compare_values(span, op, left, right)
}

/// A row's text beside a row's date is converted to the date's type; operators alone have it so.
fn row_beside(date: &Expr, text: Expr) -> Result<Expr> {
    if date.value().is_some() || text.value().is_some() || !text.ty.is_text() || text.ty == Type::Json {
        return Ok(text);
    }
    match date.ty {
        Type::Date => comparable(text, Compared::Day),
        Type::DateTime { .. } => comparable(text, Compared::Utc),
        _ => Ok(text),
    }
}

/// The same without that, as NULLIF compares. A right side beside NULL is not evaluated, except by `<=>`.
pub(crate) fn compare_values(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    match (op, &left.ty, &right.ty) {
        (Op::NullSafeEqual, Type::Null, _) => is(span, right, Truth::Null, false),
        (Op::NullSafeEqual, _, Type::Null) => is(span, left, Truth::Null, false),
        (Op::NullSafeEqual, ..) => compare_known(span, op, left, right),
        (_, Type::Null, _) => convert(Expr::null(span), &Type::Bool),
        (_, _, Type::Null) => Ok(convert(Expr::null(span), &Type::Bool)?.after(left)),
        _ => Ok(compare_known(span, op, left, right)?.until_null()),
    }
}

/// Neither side is the literal NULL.
fn compare_known(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    refuse_json(&[&left, &right])?;
    refuse_year(&left, &right)?;
    constants::refuse_odd_number(&left, &right)?;
    let (left, right) = constants::beside_column(left, right)?;
    let kind = Kind::of(&left.ty).with(Kind::of(&right.ty));
    match kind {
        Kind::Texts if left.ty.is_date() || right.ty.is_date() => {
            let beside = left.ty.clone();
            let (left, right) = (constants::date(left, &right.ty)?, constants::date(right, &beside)?);
            moments(span, op, left, right)
        }
        Kind::Doubles => {
            // An exact number beside a constant text is compared exactly.
            let left_constant = constants::decimal(&left, &right);
            let right_constant = constants::decimal(&right, &left);
            match (left_constant, right_constant) {
                (Some(left), _) => decimals(span, op, left, right),
                (_, Some(right)) => decimals(span, op, left, right),
                _ => of_kind(span, op, kind, left, right),
            }
        }
        _ => of_kind(span, op, kind, left, right),
    }
}

/// Both sides as that kind, constants like any other value.
pub(super) fn of_kind(span: Span, op: Op, kind: Kind, left: Expr, right: Expr) -> Result<Expr> {
    refuse_json(&[&left, &right])?;
    refuse_year(&left, &right)?;
    constants::refuse_odd_number(&left, &right)?;
    if left.ty == Type::Null || right.ty == Type::Null {
        return convert(Expr::null(span), &Type::Bool);
    }
    match kind {
        Kind::Texts if left.ty.is_date() || right.ty.is_date() => moments(span, op, left, right),
        Kind::Texts if matches!((&left.ty, &right.ty), (Type::Time { .. }, Type::Time { .. })) => {
            times(span, op, left, right)
        }
        Kind::Texts => texts(span, op, left, right),
        Kind::Integers => integers(span, op, left, right),
        Kind::Decimals => decimals(span, op, left, right),
        // A date beside an exact number is one: YYYYMMDDhhmmss.
        Kind::Doubles if is_dated(&left, &right) => decimals(span, op, left, right),
        Kind::Doubles => same_type(span, op, convert(left, &Type::Double)?, convert(right, &Type::Double)?),
    }
}

fn is_dated(left: &Expr, right: &Expr) -> bool {
    let exact = left.ty.exact().is_some() && right.ty.exact().is_some();
    exact && (left.ty.is_temporal() || right.ty.is_temporal())
}

/// Several texts that are compared together: of one character set and by one collation.
pub(super) fn alike(span: Span, exprs: Vec<Expr>) -> Result<Vec<Expr>> {
    let spelt = all_spelt(&exprs.iter().collect::<Vec<_>>())?;
    let exprs = spelt.unwrap_or(exprs);
    if exprs.iter().any(is_bytes) {
        return Ok(exprs);
    }
    let common = conditionals::text_of(span, &exprs.iter().collect::<Vec<_>>(), None)?;
    let with = |expr: Expr| match (&expr.ty, &common) {
        (Type::Text { chars, .. }, Type::Text { collation, strength, .. }) => {
            let ty = Type::Text { chars: *chars, collation: collation.clone(), strength: *strength };
            Expr { ty, ..expr }
        }
        _ => expr,
    };
    Ok(exprs.into_iter().map(with).collect())
}

/// At least one of them a date: both as moments, whatever texts there are.
pub(super) fn moments(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    refuse_time(span, &[&left, &right])?;
    if (&left.ty, &right.ty) == (&Type::Date, &Type::Date) {
        return same_type(span, op, canonical(left)?, canonical(right)?);
    }
    same_type(span, op, comparable(left, Compared::Written)?, comparable(right, Compared::Written)?)
}

/// A TIME becomes a moment only with the day that it is today.
pub(super) fn refuse_time(span: Span, exprs: &[&Expr]) -> Result<()> {
    match exprs.iter().any(|expr| matches!(expr.ty, Type::Time { .. })) {
        true => {
            let message = "a TIME can't be compared with a date (MySQL would add the current date, which changes from run to run)";
            Err(BindError::new(span, message))
        }
        false => Ok(()),
    }
}

/// Both as times; a text that is none is NULL.
pub(super) fn times(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    let ty = Type::Time { fsp: 6 };
    same_type(span, op, convert(left, &ty)?, convert(right, &ty)?)
}

/// MySQL takes 24 beside a YEAR column for 2024, and a date for its year or for a number, as the form of the comparison
/// has it. None of that is done here.
fn refuse_year(left: &Expr, right: &Expr) -> Result<()> {
    for (year, other) in [(left, right), (right, left)] {
        if year.ty != types::YEAR || !matches!(year.op, expr::Op::Column(_)) {
            continue;
        }
        let refused = match (&other.ty, other.value()) {
            (ty, _) if ty.is_temporal() => "write YEAR(…) of the date",
            (_, Some(_)) if !is_whole_year(other) => "needed a year of four digits, such as 2024",
            _ => continue,
        };
        return Err(BindError::new(other.span, format!("this stands beside a YEAR; {refused}")));
    }
    Ok(())
}

fn is_whole_year(constant: &Expr) -> bool {
    let years = convert(constant.clone(), &types::bigint()).ok();
    let year = years.as_ref().and_then(|years| years.value()?.numbers::<Int64Type>().get(0));
    year.is_some_and(|year| (1901..=2155).contains(&year)) && matches!(constant.ty, Type::Int { .. })
}

fn refuse_json(exprs: &[&Expr]) -> Result<()> {
    match exprs.iter().find(|expr| expr.ty == Type::Json) {
        Some(json) => Err(BindError::new(json.span, "this is JSON; to compare it, write CAST(… AS CHAR)")),
        None => Ok(()),
    }
}

fn texts(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    let [left, right] = spelt_alike([left, right])?;
    if is_bytes(&left) || is_bytes(&right) {
        let bytes = types::bytes(None);
        return same_type(span, op, convert(left, &bytes)?, convert(right, &bytes)?);
    }
    let (left, right, rule) = as_texts(span, left, right)?;
    if rule.is_bytes() {
        return same_type(span, op, left, right);
    }
    call(span, op, left, right, Arc::new(move |args, rows| kernels::texts(op, rule, args, rows)))
}

fn is_bytes(expr: &Expr) -> bool {
    matches!(expr.ty, Type::Bytes { .. })
}

/// Both as texts and the rule that compares them.
pub(crate) fn as_texts(span: Span, left: Expr, right: Expr) -> Result<(Expr, Expr, Rule)> {
    let [left, right] = spelt_alike([left, right])?;
    let rule = if is_bytes(&left) || is_bytes(&right) {
        Rule::BYTES
    } else {
        match conditionals::text_of(span, &[&left, &right], None)? {
            Type::Text { collation, .. } => collation::rule(&collation).map_err(|m| BindError::new(span, m))?,
            _ => Rule::BYTES,
        }
    };
    Ok((text(left)?, text(right)?, rule))
}

fn spelt_alike([left, right]: [Expr; 2]) -> Result<[Expr; 2]> {
    let spelt = all_spelt(&[&left, &right])?;
    Ok(spelt.and_then(|spelt| spelt.try_into().ok()).unwrap_or([left, right]))
}

/// Literals of bytes beside a text that is no literal are of that text's character set. None if there are none.
pub(crate) fn all_spelt(exprs: &[&Expr]) -> Result<Option<Vec<Expr>>> {
    let firm = |expr: &&Expr| matches!(&expr.ty, Type::Text { strength, .. } if *strength != Strength::Coercible);
    let binary = |expr: &&Expr| matches!(expr.ty, Type::Bytes { literal: None, .. });
    let literal = |expr: &&Expr| expr.ty.is_byte_literal();
    if !exprs.iter().any(firm) || exprs.iter().any(binary) || !exprs.iter().any(literal) {
        return Ok(None);
    }
    for bytes in exprs.iter().filter(|expr| literal(expr)) {
        refuse_letters(bytes, exprs)?;
    }
    let spelt = |expr: &&Expr| if expr.ty.is_byte_literal() { spelt_out((*expr).clone()) } else { Ok((*expr).clone()) };
    exprs.iter().map(spelt).collect::<Result<Vec<_>>>().map(Some)
}

/// Bytes are a text of the column's character set, which is known here where they are ASCII.
fn refuse_letters(literal: &Expr, texts: &[&Expr]) -> Result<()> {
    let is_ascii = literal.value().and_then(|value| value.bytes().get(0)).is_none_or(<[u8]>::is_ascii);
    for text in texts {
        let Type::Text { collation, .. } = &text.ty else { continue };
        let charset = collation.charset();
        let wide = charset.starts_with("utf16") || ["ucs2", "utf32"].contains(&charset);
        let same = ["", "utf8mb4", "utf8mb3", "utf8", "ascii", "binary"].contains(&charset) || (is_ascii && !wide);
        if !same {
            let message = format!("these bytes are a text in {charset} here; write it in quotes");
            return Err(BindError::new(literal.span, message));
        }
    }
    Ok(())
}

/// The bytes of a literal as the text that they are in UTF-8.
pub(super) fn spelt_out(expr: Expr) -> Result<Expr> {
    let span = expr.span;
    let text = convert(expr, &types::literal_text(None))?;
    match text.literal_text().map(|text| super::text_literal(span, text)) {
        Some(text) => Ok(text),
        None => Err(BindError::new(span, "these bytes are no text in UTF-8, which they are compared with")),
    }
}

/// The expression as a text, keeping its collation.
pub(crate) fn text(expr: Expr) -> Result<Expr> {
    match expr.ty.clone() {
        Type::Text { .. } => canonical(expr),
        other => convert(expr, &types::literal_text(other.chars())),
    }
}

fn integers(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    if let Some((left, right)) = narrow(&left, &right) {
        return same_type(span, op, left, right);
    }
    let as_int = |e: Expr| if e.ty == Type::Bool { convert(e, &types::bigint()) } else { canonical(e) };
    let (left, right) = (as_int(left)?, as_int(right)?);
    match (left.ty.is_unsigned(), right.ty.is_unsigned()) {
        (false, true) => call(span, op, left, right, Arc::new(move |args, rows| kernels::mixed_sign(op, args, rows))),
        (true, false) => call(
            span,
            op,
            left,
            right,
            Arc::new(move |args, rows| kernels::mixed_sign(flip(op), &[args[1].clone(), args[0].clone()], rows)),
        ),
        _ => same_type(span, op, left, right),
    }
}

fn flip(op: Op) -> Op {
    match op {
        Op::Less => Op::Greater,
        Op::LessEqual => Op::GreaterEqual,
        Op::Greater => Op::Less,
        Op::GreaterEqual => Op::LessEqual,
        same => same,
    }
}

/// Two integers carried alike, or a column and a literal that fits the column's own type: no widening.
fn narrow(left: &Expr, right: &Expr) -> Option<(Expr, Expr)> {
    if left.data_type == right.data_type {
        return Some((left.clone(), right.clone()));
    }
    let fit = |column: &Expr, literal: &Expr| -> Option<Expr> {
        let value = literal.value()?;
        let number = match literal.data_type {
            DataType::Int64 => i128::from(value.numbers::<Int64Type>().get(0)?),
            DataType::UInt64 => i128::from(value.numbers::<UInt64Type>().get(0)?),
            _ => return None,
        };
        macro_rules! one {
            ($t:ty) => {
                Arc::new(PrimitiveArray::<$t>::from_value(number.try_into().ok()?, 1)) as ArrayRef
            };
        }
        let array = match column.data_type {
            DataType::Int8 => one!(Int8Type),
            DataType::Int16 => one!(Int16Type),
            DataType::Int32 => one!(Int32Type),
            DataType::Int64 => one!(Int64Type),
            DataType::UInt8 => one!(UInt8Type),
            DataType::UInt16 => one!(UInt16Type),
            DataType::UInt32 => one!(UInt32Type),
            DataType::UInt64 => one!(UInt64Type),
            _ => return None,
        };
        Some(Expr::literal(literal.span, column.ty.clone(), array))
    };
    if let Some(literal) = fit(left, right) {
        return Some((left.clone(), literal));
    }
    fit(right, left).map(|literal| (literal, right.clone()))
}

fn decimals(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    // A literal that the column's own type holds exactly is compared as it is.
    let literal_like = |column: &Expr, literal: &Expr| -> Option<Expr> {
        let Type::Decimal { held, .. } = column.ty else { return None };
        literal.value()?;
        let (precision, scale) = literal.ty.exact()?;
        if scale > held || precision - scale + held > 38 || column.ty.is_wide() {
            return None;
        }
        let target = Type::Decimal { precision: 38, scale: held, held };
        let converted = convert(literal.clone(), &target).ok()?;
        let array = decimal::retag(converted.value()?.array.clone(), &column.data_type);
        (array.data_type() == &column.data_type).then(|| Expr::literal(literal.span, column.ty.clone(), array))
    };
    if left.data_type == right.data_type && matches!(left.ty, Type::Decimal { .. }) {
        return same_type(span, op, left, right);
    }
    if let Some(literal) = literal_like(&left, &right) {
        return same_type(span, op, left, literal);
    }
    if let Some(literal) = literal_like(&right, &left) {
        return same_type(span, op, literal, right);
    }
    let (left, right) = (as_decimal(left)?, as_decimal(right)?);
    let held = |ty: &Type| if let Type::Decimal { held, .. } = ty { *held } else { 0 };
    let whole = |ty: &Type| ty.exact().map_or(35, |(p, s)| p - s);
    let scale = held(&left.ty).max(held(&right.ty));
    let digits = whole(&left.ty).max(whole(&right.ty));
    let common = Type::Decimal { precision: digits.min(76 - scale) + scale, scale, held: scale };
    same_type(span, op, convert(left, &common)?, convert(right, &common)?)
}

/// Both sides carried by one Arrow type.
fn same_type(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    call(span, op, left, right, Arc::new(move |args, _| kernels::same_type(op, args)))
}

fn call(span: Span, op: Op, left: Expr, right: Expr, kernel: Kernel) -> Result<Expr> {
    let expr = Expr::call(span, Type::Bool, false, vec![left, right], kernel)?;
    Ok(Expr { nullable: expr.nullable && op != Op::NullSafeEqual, ..expr })
}
