//! Expression text to a tree whose every node knows the bytes it came from.
//!
//! The tokens are sqlparser's (its MySQL dialect knows the quoting, escapes and comments); the grammar over them is
//! MySQL's own, rule by rule (`expr`, `bool_pri`, `predicate`, `bit_expr`, `simple_expr` of its parser), because
//! precedence is part of the meaning, because error messages need the exact bytes of every node, and because a
//! component that parses only expressions is a third of the size of one that parses all of SQL.

mod grammar;
mod primary;
mod tokens;

use crate::error::{BindError, Span};
use crate::types::Digits;

/// The deepest nesting of an expression; twice as deep still fits the stack of a component.
pub(crate) const DEPTH_MAX: usize = 200;

/// A piece of the text and what it means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: NodeKind,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Null,
    Bool(bool),
    /// As written: integer, decimal or with an exponent.
    Number(String),
    Text(String),
    /// `0x…`, `x'…'`, `0b…` and `b'…'`.
    Bytes(Vec<u8>, Digits),
    /// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`.
    Temporal(TemporalKind, String),
    Column(String),
    Unary(UnaryOp, Box<Node>),
    Binary(BinaryOp, Box<Node>, Box<Node>),
    Is {
        node: Box<Node>,
        what: Truth,
        negated: bool,
    },
    In {
        node: Box<Node>,
        list: Vec<Node>,
        negated: bool,
    },
    Between {
        node: Box<Node>,
        low: Box<Node>,
        high: Box<Node>,
        negated: bool,
    },
    Like {
        node: Box<Node>,
        pattern: Box<Node>,
        escape: Option<Box<Node>>,
        negated: bool,
    },
    Regexp {
        node: Box<Node>,
        pattern: Box<Node>,
        negated: bool,
    },
    Case {
        operand: Option<Box<Node>>,
        whens: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    Cast {
        node: Box<Node>,
        target: CastTarget,
        target_span: Span,
    },
    Collate {
        node: Box<Node>,
        collation: String,
        name_span: Span,
    },
    Call {
        name: String,
        name_span: Span,
        args: Vec<Node>,
    },
    /// Only beside `+` and `-` and in `DATE_ADD` and its relatives.
    Interval(Box<Node>, Unit),
    /// A unit as an argument: `EXTRACT(YEAR FROM d)`, `TIMESTAMPDIFF(DAY, a, b)`.
    Unit(Unit),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TemporalKind {
    Date,
    Time,
    DateTime,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum UnaryOp {
    Minus,
    Plus,
    Not,
    BitNot,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    IntegerDivide,
    Modulo,
    Equal,
    NullSafeEqual,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Xor,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
}

#[cfg(test)]
impl BinaryOp {
    /// As MySQL's manual writes it.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::IntegerDivide => "DIV",
            Self::Modulo => "%",
            Self::Equal => "=",
            Self::NullSafeEqual => "<=>",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Xor => "XOR",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Truth {
    Null,
    True,
    False,
}

/// What `CAST` makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CastTarget {
    Signed,
    Unsigned,
    Decimal(u8, u8),
    Char(Option<u32>),
    Binary(Option<u32>),
    Date,
    DateTime(u8),
    Time(u8),
    Double,
    Float,
    Json,
    Year,
}

/// Units of intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Microsecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    pub(crate) fn from_name(name: &str) -> Option<Unit> {
        let name = name.to_ascii_uppercase();
        Some(match name.strip_prefix("SQL_TSI_").unwrap_or(&name) {
            "MICROSECOND" => Unit::Microsecond,
            "SECOND" => Unit::Second,
            "MINUTE" => Unit::Minute,
            "HOUR" => Unit::Hour,
            "DAY" => Unit::Day,
            "WEEK" => Unit::Week,
            "MONTH" => Unit::Month,
            "QUARTER" => Unit::Quarter,
            "YEAR" => Unit::Year,
            _ => return None,
        })
    }
}

/// Reads one expression; all of the text must belong to it.
pub(crate) fn parse(text: &str) -> Result<Node, BindError> {
    let tokens = tokens::read(text)?;
    let mut parser = grammar::Parser::new(tokens, text.len());
    let node = parser.expression()?;
    parser.end()?;
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree with all brackets written.
    fn show(node: &Node) -> String {
        match &node.kind {
            NodeKind::Number(n) => n.clone(),
            NodeKind::Text(t) => format!("'{t}'"),
            NodeKind::Column(c) => c.clone(),
            NodeKind::Null => "NULL".into(),
            NodeKind::Unary(op, a) => format!("({op:?} {})", show(a)),
            NodeKind::Binary(op, a, b) => format!("({} {} {})", show(a), op.symbol(), show(b)),
            NodeKind::Is { node, what, negated } => format!("({} is {negated} {what:?})", show(node)),
            NodeKind::Between { node, low, high, .. } => {
                format!("({} between {} {})", show(node), show(low), show(high))
            }
            NodeKind::Like { node, pattern, .. } => format!("({} like {})", show(node), show(pattern)),
            NodeKind::Call { name, args, .. } => {
                format!("{name}({})", args.iter().map(show).collect::<Vec<_>>().join(","))
            }
            NodeKind::Interval(n, u) => format!("interval {} {u:?}", show(n)),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn precedence_is_that_of_mysql() {
        for (text, tree) in [
            ("1+2*3", "(1 + (2 * 3))"),
            ("1-2-3", "((1 - 2) - 3)"),
            ("a or b and not c = 1", "(a OR (b AND (Not (c = 1))))"),
            ("a xor b or c", "((a XOR b) OR c)"),
            ("a = b is null", "((a = b) is false Null)"),
            ("a between 1 and 2 and b", "((a between 1 2) AND b)"),
            ("-a mod 3 div 2", "(((Minus a) % 3) DIV 2)"),
            ("a | b & c << 1 + 2", "(a | (b & (c << (1 + 2))))"),
            ("d + interval 1 day > e", "((d + interval 1 Day) > e)"),
            ("a || b && c", "(a OR (b AND c))"),
            ("!a = b", "((Not a) = b)"),
            ("not a like 'x'", "(Not (a like 'x'))"),
            ("'a' 'b'", "'ab'"),
            ("a <> -1", "(a <> (Minus 1))"),
        ] {
            assert_eq!(show(&parse(text).unwrap()), tree, "{text}");
        }
    }

    #[test]
    fn spans_are_bytes_of_the_text() {
        let text = "'é' = upper( name )\n  or x";
        let node = parse(text).unwrap();
        let NodeKind::Binary(BinaryOp::Or, left, right) = &node.kind else { panic!() };
        assert_eq!(&text[left.span.start..left.span.end], "'é' = upper( name )");
        assert_eq!(&text[right.span.start..right.span.end], "x");
        assert_eq!(&text[node.span.start..node.span.end], text);
    }

    #[test]
    fn mistakes_point_at_their_place() {
        for (text, at, part) in [
            ("a +", 3, "ends"),
            ("a b", 2, "`b`"),
            ("(a", 2, "`)`"),
            ("a = 'x", 4, "not closed"),
            ("case a end", 7, "WHEN"),
            ("select 1", 0, "SELECT"),
            ("", 0, "empty"),
            ("cast(a as frob)", 10, "SIGNED"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.span.start, at, "{text}: {error:?}");
            assert!(error.message.contains(part), "{text}: {error:?}");
        }
    }
}
