//! Where MariaDB 10.11 says something else than MySQL 9.7, whose rules hold here.
//!
//! [`Kind`] is the list. The differential tests let an expression differ on MariaDB only where one of these is found in
//! it, and `rowmill check` warns of them where the source is a MariaDB server. They are found by the form of an
//! expression and the types in it, so a kind may be found where no row shows the difference.

use std::fmt;

use arrow_schema::DataType;

use crate::bind::constants;
use crate::error::Span;
use crate::expr::{Expr, Op};
use crate::parse::{BinaryOp, CastTarget, Node, NodeKind};
use crate::types::{Digits, Type};

/// In what the two servers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text becomes a date or time.
    TextAsMoment,
    /// A text is compared with a date.
    TextBesideDate,
    /// A text is compared with a TIME.
    TextBesideTime,
    /// A constant number is compared with a date or a time.
    NumberBesideMoment,
    /// A quoted number among several values.
    QuotedAmongSeveral,
    /// A quoted number beside an integer or decimal that is no column, or one that is no value of its column.
    QuotedBesideOther,
    /// `b'101'` in arithmetic.
    BitLiteral,
    /// `x'41'` as a number.
    QuotedHexadecimal,
    /// A binary string among texts or numbers.
    BytesAmongOthers,
    /// A fraction of a second is cut off.
    Fraction,
    /// A quotient in further arithmetic.
    Quotient,
    /// CAST to UNSIGNED.
    Unsigned,
    /// A sum or difference with an INTERVAL.
    Interval,
    /// UNIX_TIMESTAMP.
    UnixTimestamp,
    /// STR_TO_DATE of a text that is not only a date.
    StrToDate,
    /// Hours and seconds of a negative TIME.
    TimeParts,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::TextAsMoment => {
                "a text as a date or time: MariaDB ignores an offset such as +02:00, takes zeros for a month and a day, \
                 and cuts fractions that MySQL rounds"
            }
            Kind::TextBesideDate => {
                "a text beside a date: MySQL compares the days of a DATE column and a text column, MariaDB the moments, \
                 and MariaDB takes a literal that is no date"
            }
            Kind::TextBesideTime => {
                "a text beside a TIME: MariaDB compares times where MySQL compares texts, and doesn't round the text to \
                 the column's fraction"
            }
            Kind::NumberBesideMoment => {
                "a number beside a date or a time: MySQL makes it a value of the column, without what that does not keep"
            }
            Kind::QuotedAmongSeveral => {
                "a quoted number in IN, BETWEEN, CASE or FIELD: MariaDB compares a column exactly where MySQL compares \
                 doubles, and a computed integer as a double where MySQL takes the text's integer"
            }
            Kind::QuotedBesideOther => {
                "a quoted number beside a computed one, or beyond the column's values: one server compares doubles, the other \
                 exactly"
            }
            Kind::BitLiteral => "a literal such as b'101' in arithmetic: unsigned in MariaDB, signed in MySQL",
            Kind::QuotedHexadecimal => "a literal such as x'41' as a number: MariaDB reads its text, and so mostly 0; write 0x41",
            Kind::BytesAmongOthers => "a literal such as 0x41 where it is a text or a number by what is beside it",
            Kind::Fraction => "fractions of a second are cut in MariaDB and rounded in MySQL",
            Kind::Quotient => "a quotient in further arithmetic: MariaDB goes on with more digits",
            Kind::Unsigned => "a negative number as UNSIGNED: MariaDB makes 0 of a decimal, MySQL wraps",
            Kind::Interval => "an INTERVAL beside years before 1: MariaDB answers NULL",
            Kind::UnixTimestamp => "UNIX_TIMESTAMP outside of 1970 to 2038: MariaDB answers 0 or NULL",
            Kind::StrToDate => "STR_TO_DATE of a text that goes on: MariaDB answers NULL",
            Kind::TimeParts => "hours and seconds of a TIME that is negative or above a day",
        })
    }
}

/// Operands of `=` and its like, or of arithmetic.
pub(crate) fn operands(op: BinaryOp, left: &Expr, right: &Expr, nodes: [&Node; 2]) -> Option<Kind> {
    use BinaryOp::{
        Add, BitAnd, BitOr, BitXor, Divide, Equal, Greater, GreaterEqual, IntegerDivide, Less, LessEqual, Modulo,
        Multiply, NotEqual, NullSafeEqual, ShiftLeft, ShiftRight, Subtract,
    };
    let any = |is: fn(&Type) -> bool| is(&left.ty) || is(&right.ty);
    match op {
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => any(Type::is_byte_literal).then_some(Kind::BytesAmongOthers),
        Equal | NullSafeEqual | NotEqual | Less | LessEqual | Greater | GreaterEqual => pair(left, right),
        Add | Subtract | Multiply | Divide | IntegerDivide | Modulo => {
            let is_quotient = |node: &&&Node| matches!(node.kind, NodeKind::Binary(Divide, ..));
            if any(is_quoted) {
                Some(Kind::QuotedHexadecimal)
            } else if any(is_bits) {
                Some(Kind::BitLiteral)
            } else {
                nodes.iter().any(|node| is_quotient(&node)).then_some(Kind::Quotient)
            }
        }
        BitAnd | BitOr | BitXor | ShiftLeft | ShiftRight => any(is_quoted).then_some(Kind::QuotedHexadecimal),
    }
}

/// A value and those that it is looked for among, as IN, BETWEEN, CASE and FIELD do.
pub(crate) fn several<'a>(value: &'a Expr, others: impl Iterator<Item = &'a Expr>) -> Option<Kind> {
    let all: Vec<&Expr> = others.chain([value]).collect();
    let has = |is: fn(&Type) -> bool| all.iter().any(|expr| is(&expr.ty));
    let is_number = |ty: &Type| matches!(ty, Type::Int { .. } | Type::Decimal { .. } | Type::Double);
    let has_number = all.iter().any(|expr| is_number(&expr.ty) && expr.value().is_some());
    if has_number && all.iter().any(|expr| expr.ty.is_temporal()) {
        return Some(Kind::NumberBesideMoment);
    }
    if !has(Type::is_text) {
        return None;
    }
    if has(Type::is_date) {
        Some(Kind::TextBesideDate)
    } else if has(|ty| matches!(ty, Type::Time { .. })) {
        Some(Kind::TextBesideTime)
    } else if has(is_number) {
        Some(Kind::QuotedAmongSeveral)
    } else {
        has(Type::is_byte_literal).then_some(Kind::BytesAmongOthers)
    }
}

fn pair(left: &Expr, right: &Expr) -> Option<Kind> {
    let beside = |a: &Expr, b: &Expr| {
        let is_number = matches!(b.ty, Type::Int { .. } | Type::Decimal { .. } | Type::Double);
        if a.ty.is_temporal() && is_number && b.value().is_some() {
            return Some(Kind::NumberBesideMoment);
        }
        if !b.ty.is_text() {
            return None;
        }
        match a.ty {
            Type::Date | Type::DateTime { .. } => Some(Kind::TextBesideDate),
            Type::Time { .. } => Some(Kind::TextBesideTime),
            Type::Int { .. } | Type::Decimal { .. } | Type::Double if is_quoted(&b.ty) => Some(Kind::QuotedHexadecimal),
            Type::Int { .. } | Type::Decimal { .. } if !matches!(a.op, Op::Column(_)) => Some(Kind::QuotedBesideOther),
            Type::Int { .. } if b.value().is_some() && !matches!(constants::of_column(a, b), Ok(Some(_))) => {
                matches!(a.data_type, DataType::Int64 | DataType::UInt64).then_some(Kind::QuotedBesideOther)
            }
            Type::Text { .. } if b.ty.is_byte_literal() => Some(Kind::BytesAmongOthers),
            _ => None,
        }
    };
    beside(left, right).or_else(|| beside(right, left))
}

pub(crate) fn cast(expr: &Expr, target: CastTarget) -> Option<Kind> {
    let fsp = match expr.ty {
        Type::DateTime { fsp } | Type::Time { fsp } => fsp,
        _ => 0,
    };
    match target {
        CastTarget::Date | CastTarget::DateTime(_) | CastTarget::Time(_) if expr.ty.is_text() => {
            Some(Kind::TextAsMoment)
        }
        _ if is_quoted(&expr.ty) => Some(Kind::QuotedHexadecimal),
        CastTarget::Char(_) if expr.ty.is_byte_literal() => Some(Kind::BytesAmongOthers),
        CastTarget::DateTime(to) | CastTarget::Time(to) => (fsp > to).then_some(Kind::Fraction),
        CastTarget::Signed => (fsp > 0).then_some(Kind::Fraction),
        CastTarget::Unsigned if fsp > 0 => Some(Kind::Fraction),
        CastTarget::Unsigned => matches!(expr.ty, Type::Decimal { .. } | Type::Double).then_some(Kind::Unsigned),
        _ => None,
    }
}

/// Functions that make dates and times of texts.
const OF_MOMENTS: [&str; 33] = [
    "DATE",
    "TIMESTAMP",
    "TIME",
    "YEAR",
    "MONTH",
    "DAY",
    "DAYOFMONTH",
    "QUARTER",
    "DAYOFWEEK",
    "WEEKDAY",
    "DAYOFYEAR",
    "WEEKOFYEAR",
    "WEEK",
    "YEARWEEK",
    "TO_DAYS",
    "LAST_DAY",
    "DAYNAME",
    "MONTHNAME",
    "HOUR",
    "MINUTE",
    "SECOND",
    "MICROSECOND",
    "EXTRACT",
    "TIME_TO_SEC",
    "UNIX_TIMESTAMP",
    "DATE_FORMAT",
    "TIME_FORMAT",
    "DATEDIFF",
    "TIMESTAMPDIFF",
    "DATE_ADD",
    "DATE_SUB",
    "ADDDATE",
    "SUBDATE",
];

pub(crate) fn call(name: &str, args: &[Expr]) -> Option<Kind> {
    // The unit of EXTRACT and TIMESTAMPDIFF is a text, too, and first.
    let skip = usize::from(matches!(name, "EXTRACT" | "TIMESTAMPDIFF"));
    let any = |is: fn(&Type) -> bool| args.iter().skip(skip).any(|arg| is(&arg.ty));
    match name {
        "UNIX_TIMESTAMP" => Some(Kind::UnixTimestamp),
        "STR_TO_DATE" => Some(Kind::StrToDate),
        "EXTRACT" | "TIME_TO_SEC" if any(|ty| matches!(ty, Type::Time { .. })) => Some(Kind::TimeParts),
        "FIELD" => args.split_first().and_then(|(first, rest)| several(first, rest.iter())),
        "NULLIF" => args.split_first().and_then(|(first, rest)| rest.first().and_then(|other| pair(first, other))),
        "DATE_FORMAT" | "TIME_FORMAT" | "DATE_ADD" | "DATE_SUB" | "ADDDATE" | "SUBDATE" => {
            args.first().is_some_and(|arg| arg.ty.is_text()).then_some(Kind::TextAsMoment)
        }
        _ if OF_MOMENTS.contains(&name) && any(Type::is_text) => Some(Kind::TextAsMoment),
        "CONCAT" | "ABS" | "SIGN" | "ROUND" | "CEIL" | "FLOOR" | "COALESCE" | "IF" | "IFNULL" => {
            any(Type::is_byte_literal).then_some(Kind::BytesAmongOthers)
        }
        _ => any(is_quoted).then_some(Kind::QuotedHexadecimal),
    }
}

/// A literal of bytes after NOT, `-` or `~`.
pub(crate) fn unary(expr: &Expr) -> Option<Kind> {
    match is_quoted(&expr.ty) {
        true => Some(Kind::QuotedHexadecimal),
        false => is_bits(&expr.ty).then_some(Kind::BitLiteral),
    }
}

/// A date moved by an interval.
pub(crate) fn interval(date: &Expr) -> Kind {
    if date.ty.is_text() { Kind::TextAsMoment } else { Kind::Interval }
}

fn is_quoted(ty: &Type) -> bool {
    matches!(ty, Type::Bytes { literal: Some(Digits::QuotedHexadecimal), .. })
}

fn is_bits(ty: &Type) -> bool {
    matches!(ty, Type::Bytes { literal: Some(Digits::Binary), .. })
}

/// A place in a text and what varies there.
pub(crate) type Found = (Span, Kind);
