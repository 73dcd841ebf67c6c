//! From the parsed text to a typed expression: columns found, functions found, types decided, conversions written out.
//! Everything that can be wrong about a text is found here, with its place.

pub(crate) mod compare;
pub(crate) mod conditionals;
pub(crate) mod constants;
pub(crate) mod operators;
pub(crate) mod predicates;
pub(crate) mod sets;

use std::sync::Arc;

use arrow_array::{BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use arrow_schema::Field;

use crate::convert::{self, number, read};
use crate::error::{BindError, Span, nearest};
use crate::eval::decimal;
use crate::expr::{Expr, Op};
use crate::functions;
use crate::parse::{BinaryOp, CastTarget, Node, NodeKind, TemporalKind, UnaryOp};
use crate::types::{self, Type, literal_text};
use crate::value::make_numbers;
use crate::varies::{self, Kind};

pub(crate) type Result<T> = std::result::Result<T, BindError>;

/// The offered columns, and which of them the expressions read so far.
pub(crate) struct Binder<'a> {
    fields: &'a [Field],
    reads: Vec<usize>,
    varies: Vec<varies::Found>,
}

impl<'a> Binder<'a> {
    pub(crate) fn new(fields: &'a [Field]) -> Self {
        Self { fields, reads: Vec::new(), varies: Vec::new() }
    }

    /// Where MariaDB says something else, found since this was asked last.
    pub(crate) fn take_varies(&mut self) -> Vec<varies::Found> {
        std::mem::take(&mut self.varies)
    }

    /// Positions of the columns to read, in the order of `Op::Column`.
    pub(crate) fn into_reads(self) -> Vec<usize> {
        self.reads
    }

    /// The offered column that an expression is, if it is nothing else.
    pub(crate) fn bare_column(&self, expr: &Expr) -> Option<&'a Field> {
        match expr.op {
            Op::Column(at) => self.reads.get(at).and_then(|position| self.fields.get(*position)),
            _ => None,
        }
    }

    pub(crate) fn bind(&mut self, node: &Node) -> Result<Expr> {
        let span = node.span;
        Ok(match &node.kind {
            NodeKind::Null => Expr::null(span),
            NodeKind::Bool(value) => Expr::literal(span, Type::Bool, Arc::new(BooleanArray::from(vec![*value]))),
            NodeKind::Number(text) => number_literal(span, text)?,
            NodeKind::Text(text) => text_literal(span, text),
            NodeKind::Bytes(bytes, digits) => {
                let ty = Type::Bytes { length: Some(bytes.len() as u32), literal: Some(*digits) };
                Expr::literal(span, ty, Arc::new(BinaryArray::from(vec![bytes.as_slice()])))
            }
            NodeKind::Temporal(kind, text) => temporal_literal(span, *kind, text)?,
            NodeKind::Column(name) => self.column(span, name)?,
            NodeKind::Unary(UnaryOp::Minus, inner) => match &inner.kind {
                NodeKind::Number(text) => number_literal(span, &format!("-{text}"))?,
                _ => {
                    let inner = self.operand(span, inner)?;
                    operators::negate(span, inner)?
                }
            },
            NodeKind::Unary(UnaryOp::Plus, inner) => Expr { span, ..self.bind(inner)? },
            NodeKind::Unary(UnaryOp::Not, inner) => predicates::not(span, self.operand(span, inner)?)?,
            NodeKind::Unary(UnaryOp::BitNot, inner) => operators::bit_not(span, self.operand(span, inner)?)?,
            NodeKind::Binary(op, left, right) => self.binary(span, *op, left, right)?,
            NodeKind::Is { node, what, negated } => predicates::is(span, self.bind(node)?, *what, *negated)?,
            NodeKind::In { node, list, negated } => {
                let node = self.bind(node)?;
                let list = list.iter().map(|item| self.bind(item)).collect::<Result<Vec<_>>>()?;
                self.note(span, varies::several(&node, list.iter()));
                sets::is_in(span, node, list, *negated)?
            }
            NodeKind::Between { node, low, high, negated } => {
                let (node, low, high) = (self.bind(node)?, self.bind(low)?, self.bind(high)?);
                self.note(span, varies::several(&node, [&low, &high].into_iter()));
                sets::between(span, node, low, high, *negated)?
            }
            NodeKind::Like { node, pattern, escape, negated } => {
                let (node, pattern) = (self.bind(node)?, self.bind(pattern)?);
                let escape = escape.as_ref().map(|escape| self.bind(escape)).transpose()?;
                predicates::like(span, node, pattern, escape, *negated)?
            }
            NodeKind::Regexp { node, pattern, negated } => {
                let (node, pattern) = (self.bind(node)?, self.bind(pattern)?);
                predicates::regexp(span, node, pattern, *negated)?
            }
            NodeKind::Case { operand, whens, otherwise } => {
                let operand = operand.as_ref().map(|operand| self.bind(operand)).transpose()?;
                let whens = whens
                    .iter()
                    .map(|(when, then)| Ok((self.bind(when)?, self.bind(then)?)))
                    .collect::<Result<Vec<_>>>()?;
                let otherwise = otherwise.as_ref().map(|node| self.bind(node)).transpose()?;
                let compared = operand.as_ref().and_then(|op| varies::several(op, whens.iter().map(|(when, _)| when)));
                self.note(span, compared);
                conditionals::case(span, operand, whens, otherwise)?
            }
            NodeKind::Cast { node, target, .. } => {
                let node = self.bind(node)?;
                self.note(span, varies::cast(&node, *target));
                computed(cast(span, node, *target)?)?
            }
            NodeKind::Collate { node, collation, name_span } => {
                let inner = self.bind(node)?;
                operators::collate(span, inner, collation, *name_span)?
            }
            NodeKind::Call { name, name_span, args } => computed(self.call(span, name, *name_span, args)?)?,
            NodeKind::Interval(..) => {
                return Err(BindError::new(
                    span,
                    "an INTERVAL stands only after + and -, and in DATE_ADD and DATE_SUB",
                ));
            }
            NodeKind::Unit(unit) => text_literal(span, &format!("{unit:?}")),
        })
    }

    /// Of a sign or NOT.
    fn operand(&mut self, span: Span, node: &Node) -> Result<Expr> {
        let expr = self.bind(node)?;
        self.note(span, varies::unary(&expr));
        Ok(expr)
    }

    fn note(&mut self, span: Span, kind: Option<Kind>) {
        self.varies.extend(kind.map(|kind| (span, kind)));
    }

    fn column(&mut self, span: Span, name: &str) -> Result<Expr> {
        let found = self
            .fields
            .iter()
            .position(|field| field.name() == name)
            .or_else(|| self.fields.iter().position(|field| field.name().eq_ignore_ascii_case(name)));
        let Some(position) = found else {
            let names = || self.fields.iter().map(|field| field.name().as_str());
            let hint = nearest(name, names()).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let all = names().collect::<Vec<_>>().join(", ");
            return Err(BindError::new(span, format!("there is no column {name}{hint} (there are: {all})")));
        };
        let field = &self.fields[position];
        let ty = Type::of(field).map_err(|message| BindError::new(span, message))?;
        let at = match self.reads.iter().position(|read| *read == position) {
            Some(at) => at,
            None => {
                self.reads.push(position);
                self.reads.len() - 1
            }
        };
        let data_type = field.data_type().clone();
        Ok(Expr { ty, data_type, nullable: field.is_nullable(), span, op: Op::Column(at) })
    }

    fn binary(&mut self, span: Span, op: BinaryOp, left: &Node, right: &Node) -> Result<Expr> {
        if matches!(op, BinaryOp::Add | BinaryOp::Subtract) {
            let interval = match (&left.kind, &right.kind) {
                (_, NodeKind::Interval(amount, unit)) => Some((left, amount, *unit)),
                (NodeKind::Interval(amount, unit), _) if op == BinaryOp::Add => Some((right, amount, *unit)),
                _ => None,
            };
            if let Some((date, amount, unit)) = interval {
                let (date, amount) = (self.bind(date)?, self.bind(amount)?);
                self.note(span, Some(varies::interval(&date)));
                return functions::interval::add(span, date, amount, unit, op == BinaryOp::Subtract);
            }
        }
        let nodes = [left, right];
        let (left, right) = (self.bind(left)?, self.bind(right)?);
        self.note(span, varies::operands(op, &left, &right, nodes));
        operators::binary(span, op, left, right)
    }

    fn call(&mut self, span: Span, name: &str, name_span: Span, args: &[Node]) -> Result<Expr> {
        let upper = name.to_ascii_uppercase();
        if let (
            "DATE_ADD" | "ADDDATE" | "DATE_SUB" | "SUBDATE",
            [date, Node { kind: NodeKind::Interval(amount, unit), .. }],
        ) = (upper.as_str(), args)
        {
            let (date, amount) = (self.bind(date)?, self.bind(amount)?);
            self.note(span, Some(varies::interval(&date)));
            return functions::interval::add(span, date, amount, *unit, upper.contains("SUB"));
        }
        if let ("TIMESTAMPADD", [Node { kind: NodeKind::Unit(unit), .. }, amount, date]) = (upper.as_str(), args) {
            let (date, amount) = (self.bind(date)?, self.bind(amount)?);
            return functions::interval::add(span, date, amount, *unit, false);
        }
        let function = functions::find(&upper, name_span)?;
        let args = args.iter().map(|arg| self.bind(arg)).collect::<Result<Vec<_>>>()?;
        self.note(span, varies::call(&upper, &args));
        function.bind(&upper, span, name_span, args)
    }
}

/// What a function gives is no column, even if it gives one as it is.
fn computed(expr: Expr) -> Result<Expr> {
    match expr.op {
        Op::Column(_) => {
            let (span, ty, expr) = (expr.span, expr.ty.clone(), convert::canonical(expr)?);
            Expr::call(span, ty, false, vec![expr], Arc::new(|args, _| Ok(args[0].array.clone())))
        }
        _ => Ok(expr),
    }
}

pub(crate) fn text_literal(span: Span, text: &str) -> Expr {
    let ty = literal_text(Some(text.chars().count() as u32));
    Expr::literal(span, ty, Arc::new(StringArray::from(vec![text])))
}

fn number_literal(span: Span, text: &str) -> Result<Expr> {
    let digits = text.trim_start_matches('-');
    if digits.contains(['e', 'E']) {
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                Ok(Expr::literal(span, Type::Double, Arc::new(Float64Array::from(vec![value]))))
            }
            _ => Err(BindError::new(span, format!("{text} is out of range of DOUBLE"))),
        };
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(BindError::new(span, format!("{text} is no number")));
    }
    let whole_digits = whole.trim_start_matches('0').len().max(1);
    if !digits.contains('.') {
        if let Ok(value) = text.parse::<i64>() {
            let ty = types::int(whole_digits as u8);
            return Ok(Expr::literal(span, ty, Arc::new(Int64Array::from(vec![value]))));
        }
        if let Ok(value) = text.parse::<u64>() {
            let ty = Type::Int { unsigned: true, digits: whole_digits as u8 };
            return Ok(Expr::literal(span, ty, Arc::new(UInt64Array::from(vec![value]))));
        }
    }
    let scale = fraction.len();
    if scale > usize::from(types::SCALE_MAX) || whole_digits + scale > usize::from(types::PRECISION_MAX) {
        return Err(BindError::new(
            span,
            format!("{text} has too many digits; DECIMAL has 65, 30 of them after the point"),
        ));
    }
    let precision = if whole.trim_start_matches('0').is_empty() { scale.max(1) } else { whole_digits + scale };
    let ty = types::decimal(precision as u32, scale as u32);
    let value = number::read_decimal(text, scale as u8);
    let array = decimal::make(1, &ty, |_| Some(value));
    Ok(Expr::literal(span, ty, array))
}

/// As strict as MySQL's: all of the text has to be of that kind.
fn temporal_literal(span: Span, kind: TemporalKind, text: &str) -> Result<Expr> {
    use arrow_array::types::{Date32Type, DurationMicrosecondType, TimestampMicrosecondType};
    let read = match kind {
        TemporalKind::Time => read::read_time(text).filter(|read| read.parts == 0),
        TemporalKind::Date => read::read_datetime(text).filter(|read| read.parts <= 3),
        TemporalKind::DateTime => read::read_datetime(text).filter(|read| read.parts > 3),
    };
    let literal = read.filter(|read| read.clean && read.utc().is_some()).map(|read| match kind {
        TemporalKind::Date => {
            let days = read.micros.div_euclid(convert::calendar::DAY) as i32;
            Expr::literal(span, Type::Date, make_numbers::<Date32Type>(1, |_| Some(days)))
        }
        TemporalKind::DateTime => {
            let ty = Type::DateTime { fsp: read.fsp };
            Expr::literal(span, ty, make_numbers::<TimestampMicrosecondType>(1, |_| read.utc()))
        }
        TemporalKind::Time => {
            let ty = Type::Time { fsp: read.fsp };
            Expr::literal(span, ty, make_numbers::<DurationMicrosecondType>(1, |_| Some(read.micros)))
        }
    });
    literal.ok_or_else(|| {
        let example = match kind {
            TemporalKind::Date => "a date such as '2024-01-31'",
            TemporalKind::DateTime => "a date and time such as '2024-01-31 10:20:30'",
            TemporalKind::Time => "a time such as '10:20:30'",
        };
        BindError::new(span, format!("found '{text}'; needed {example}"))
    })
}

/// `CAST(… AS …)`.
fn cast(span: Span, expr: Expr, target: CastTarget) -> Result<Expr> {
    let bigint = |unsigned| Type::Int { unsigned, digits: if unsigned { 20 } else { 19 } };
    let to = match target {
        CastTarget::Signed => bigint(false),
        CastTarget::Unsigned => bigint(true),
        CastTarget::Decimal(p, s) => Type::Decimal { precision: p, scale: s, held: s },
        CastTarget::Char(n) => return operators::cast_char(span, expr, n),
        CastTarget::Binary(n) => return operators::cast_binary(span, expr, n),
        CastTarget::Date => Type::Date,
        CastTarget::DateTime(fsp) => Type::DateTime { fsp },
        CastTarget::Time(fsp) => Type::Time { fsp },
        CastTarget::Double => Type::Double,
        CastTarget::Float => return operators::cast_float(span, expr),
        CastTarget::Json | CastTarget::Year => {
            return Err(BindError::new(span, "CAST to JSON and YEAR is not supported"));
        }
    };
    if matches!(expr.ty, Type::Time { .. }) && matches!(to, Type::Date | Type::DateTime { .. }) {
        let message = "a TIME has no date (MySQL would take the current one, which changes from run to run)";
        return Err(BindError::new(expr.span, message));
    }
    Ok(Expr { span, ..convert::convert(expr, &to)? })
}
