//! What stands between operators: literals, columns, calls, CASE, CAST, and the calls with a grammar of their own.

use sqlparser::tokenizer::Token;

use super::grammar::Parser;
use super::{CastTarget, Node, NodeKind, TemporalKind, UnaryOp, Unit};
use crate::error::{BindError, Span};
use crate::types::Digits;

type Result<T> = std::result::Result<T, BindError>;

/// Words that begin other statements or clauses; MySQL reserves them, so a column needs backticks.
const RESERVED: &[&str] = &[
    "SELECT", "FROM", "WHERE", "AND", "OR", "XOR", "NOT", "IN", "IS", "LIKE", "BETWEEN", "THEN", "WHEN", "ELSE", "DIV",
    "RLIKE", "REGEXP", "ORDER", "GROUP", "HAVING", "LIMIT", "INSERT", "UPDATE", "DELETE", "AS", "BY", "JOIN", "UNION",
    "EXISTS",
];

impl Parser {
    /// `simple_expr`: signs, then a primary, then any number of COLLATE.
    pub(crate) fn simple(&mut self) -> Result<Node> {
        let start = self.here();
        let op = match self.peek() {
            Some(Token::Minus) => Some(UnaryOp::Minus),
            Some(Token::Plus) => Some(UnaryOp::Plus),
            Some(Token::ExclamationMark) => Some(UnaryOp::Not),
            Some(Token::Tilde) => Some(UnaryOp::BitNot),
            _ => None,
        };
        if let Some(op) = op {
            let mut signs = Vec::new();
            self.next();
            signs.push((op, start));
            loop {
                let op = match self.peek() {
                    Some(Token::Minus) => UnaryOp::Minus,
                    Some(Token::Plus) => UnaryOp::Plus,
                    Some(Token::ExclamationMark) => UnaryOp::Not,
                    Some(Token::Tilde) => UnaryOp::BitNot,
                    _ => break,
                };
                signs.push((op, self.here()));
                self.next();
            }
            let mut node = self.simple()?;
            for (op, at) in signs.into_iter().rev() {
                node = Node { span: at.to(node.span), kind: NodeKind::Unary(op, Box::new(node)) };
            }
            return Ok(node);
        }
        if self.is_word("BINARY") && !matches!(self.peek_second(), Some(Token::LParen)) {
            self.next();
            let node = self.simple()?;
            let span = start.to(node.span);
            let kind = NodeKind::Cast { node: Box::new(node), target: CastTarget::Binary(None), target_span: start };
            return Ok(Node { span, kind });
        }
        let mut node = self.primary()?;
        while self.word("COLLATE") {
            let name_span = self.here();
            let collation = match self.next().map(|t| t.token) {
                Some(Token::Word(w)) => w.value,
                Some(Token::SingleQuotedString(s)) => s,
                _ => return Err(BindError::new(name_span, "needed the name of a collation after COLLATE")),
            };
            let span = node.span.to(name_span);
            node = Node { span, kind: NodeKind::Collate { node: Box::new(node), collation, name_span } };
        }
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node> {
        let span = self.here();
        let kind = match self.peek().cloned() {
            Some(Token::Number(text, _)) => {
                self.next();
                NodeKind::Number(text)
            }
            Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) | Token::NationalStringLiteral(_)) => {
                NodeKind::Text(self.text())
            }
            Some(Token::HexStringLiteral(digits)) => {
                self.next();
                // Two quotes and a letter around the digits, or two characters before them.
                let quoted = span.end - span.start > digits.len() + 2;
                let form = if quoted { Digits::QuotedHexadecimal } else { Digits::Hexadecimal };
                NodeKind::Bytes(bytes_of_digits(&digits, 16, span)?, form)
            }
            Some(Token::SingleQuotedByteStringLiteral(digits)) => {
                self.next();
                NodeKind::Bytes(bytes_of_digits(&digits, 2, span)?, Digits::Binary)
            }
            Some(Token::LParen) => {
                self.next();
                let inner = self.expression()?;
                self.need(&Token::RParen, "`)`")?;
                return Ok(Node { span: span.to(self.before()), kind: inner.kind });
            }
            Some(Token::Word(word)) if word.quote_style.is_none() && bit_digits(&word.value).is_some() => {
                self.next();
                let digits = bit_digits(&word.value).unwrap_or_default();
                NodeKind::Bytes(bytes_of_digits(digits, 2, span)?, Digits::Binary)
            }
            Some(Token::Word(word)) if word.quote_style.is_some() => {
                self.next();
                NodeKind::Column(self.qualified(word.value)?)
            }
            Some(Token::Word(word)) => return self.word_form(&word.value, span),
            Some(Token::Mul) => return Err(self.unexpected("an expression (`*` stands for columns only in SELECT)")),
            Some(Token::Placeholder(_) | Token::AtSign) => {
                return Err(self.unexpected("a literal or a column (there are no variables here)"));
            }
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Node { span: span.to(self.before()), kind })
    }

    /// Adjacent strings are one, as in MySQL.
    fn text(&mut self) -> String {
        let mut all = String::new();
        while let Some(Token::SingleQuotedString(s) | Token::DoubleQuotedString(s) | Token::NationalStringLiteral(s)) =
            self.peek()
        {
            all.push_str(s);
            self.next();
        }
        all
    }

    /// The last part of `table.column`; every column has one table here.
    fn qualified(&mut self, first: String) -> Result<String> {
        let mut name = first;
        while self.symbol(&Token::Period) {
            match self.next().map(|t| t.token) {
                Some(Token::Word(w)) => name = w.value,
                _ => return Err(BindError::new(self.before(), "needed a column's name after `.`")),
            }
        }
        Ok(name)
    }

    fn word_form(&mut self, word: &str, start: Span) -> Result<Node> {
        let upper = word.to_ascii_uppercase();
        let followed_by_text = matches!(self.peek_second(), Some(Token::SingleQuotedString(_)));
        let followed_by_bracket = matches!(self.peek_second(), Some(Token::LParen));
        let kind = match upper.as_str() {
            "NULL" | "TRUE" | "FALSE" if !followed_by_bracket => {
                self.next();
                if upper == "NULL" { NodeKind::Null } else { NodeKind::Bool(upper == "TRUE") }
            }
            "DATE" | "TIME" | "TIMESTAMP" if followed_by_text => {
                self.next();
                let kind = match upper.as_str() {
                    "DATE" => TemporalKind::Date,
                    "TIME" => TemporalKind::Time,
                    _ => TemporalKind::DateTime,
                };
                NodeKind::Temporal(kind, self.text())
            }
            "CASE" => {
                self.next();
                self.case()?
            }
            "INTERVAL" => {
                self.next();
                let amount = self.expression()?;
                NodeKind::Interval(Box::new(amount), self.unit()?)
            }
            "CAST" | "CONVERT" if followed_by_bracket => {
                self.next();
                self.next();
                self.cast(&upper)?
            }
            _ if followed_by_bracket => {
                self.next();
                let name_span = start;
                self.next();
                let args = self.arguments(&upper)?;
                self.need(&Token::RParen, "`,` or `)` after the argument")?;
                NodeKind::Call { name: word.to_owned(), name_span, args }
            }
            "CURRENT_DATE" | "CURRENT_TIME" | "CURRENT_TIMESTAMP" | "CURRENT_USER" | "LOCALTIME" | "LOCALTIMESTAMP"
            | "UTC_DATE" | "UTC_TIME" | "UTC_TIMESTAMP" => {
                self.next();
                NodeKind::Call { name: word.to_owned(), name_span: start, args: Vec::new() }
            }
            _ if RESERVED.contains(&upper.as_str()) => {
                return Err(BindError::new(start, format!("found `{upper}`; needed an expression")));
            }
            _ => {
                self.next();
                NodeKind::Column(self.qualified(word.to_owned())?)
            }
        };
        Ok(Node { span: start.to(self.before()), kind })
    }

    fn case(&mut self) -> Result<NodeKind> {
        let operand = if self.is_word("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut whens = Vec::new();
        while self.word("WHEN") {
            let condition = self.expression()?;
            self.need_word("THEN")?;
            whens.push((condition, self.expression()?));
        }
        if whens.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let otherwise = if self.word("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        self.need_word("END")?;
        Ok(NodeKind::Case { operand, whens, otherwise })
    }

    fn cast(&mut self, name: &str) -> Result<NodeKind> {
        let node = self.expression()?;
        if name == "CONVERT" && self.word("USING") {
            let charset_span = self.here();
            let Some(Token::Word(charset)) = self.next().map(|t| t.token) else {
                return Err(BindError::new(charset_span, "needed the name of a character set after USING"));
            };
            self.need(&Token::RParen, "`)`")?;
            let target = match charset.value.to_ascii_lowercase().as_str() {
                "utf8mb4" | "utf8mb3" | "utf8" => CastTarget::Char(None),
                "binary" => CastTarget::Binary(None),
                other => {
                    let message = format!("texts are UTF-8 here; found {other}, needed utf8mb4 or binary");
                    return Err(BindError::new(charset_span, message));
                }
            };
            return Ok(NodeKind::Cast { node: Box::new(node), target, target_span: charset_span });
        }
        if name == "CONVERT" {
            self.need(&Token::Comma, "`,` and a type")?;
        } else {
            self.need_word("AS")?;
        }
        let start = self.here();
        let target = self.cast_target()?;
        let target_span = start.to(self.before());
        self.need(&Token::RParen, "`)` after the type")?;
        Ok(NodeKind::Cast { node: Box::new(node), target, target_span })
    }

    fn cast_target(&mut self) -> Result<CastTarget> {
        let span = self.here();
        let Some(Token::Word(word)) = self.next().map(|t| t.token) else {
            return Err(BindError::new(span, "needed a type"));
        };
        Ok(match word.value.to_ascii_uppercase().as_str() {
            "SIGNED" => {
                let _ = self.word("INTEGER") || self.word("INT");
                CastTarget::Signed
            }
            "UNSIGNED" => {
                let _ = self.word("INTEGER") || self.word("INT");
                CastTarget::Unsigned
            }
            "DECIMAL" | "DEC" | "NUMERIC" => {
                let sizes = self.sizes()?;
                let precision = sizes.first().copied().unwrap_or(10);
                let scale = sizes.get(1).copied().unwrap_or(0);
                if precision > 65 || scale > 30 || scale > precision {
                    let message = format!(
                        "found DECIMAL({precision},{scale}); needed at most 65 digits, 30 of them after the point"
                    );
                    return Err(BindError::new(span.to(self.before()), message));
                }
                CastTarget::Decimal(if precision == 0 { 10 } else { precision as u8 }, scale as u8)
            }
            "CHAR" | "CHARACTER" | "NCHAR" | "VARCHAR" => {
                let size = self.sizes()?.first().copied();
                if (self.word("CHARACTER") && self.word("SET")) || self.word("CHARSET") {
                    self.next();
                }
                CastTarget::Char(size)
            }
            "BINARY" => CastTarget::Binary(self.sizes()?.first().copied()),
            "DATE" => CastTarget::Date,
            "DATETIME" | "TIMESTAMP" => CastTarget::DateTime(self.fsp()?),
            "TIME" => CastTarget::Time(self.fsp()?),
            "DOUBLE" | "REAL" => {
                let _ = self.word("PRECISION");
                CastTarget::Double
            }
            "FLOAT" => {
                if self.sizes()?.first().is_some_and(|p| *p > 24) {
                    CastTarget::Double
                } else {
                    CastTarget::Float
                }
            }
            "JSON" => CastTarget::Json,
            "YEAR" => CastTarget::Year,
            other => {
                let message = format!(
                    "CAST has no type {other}; needed SIGNED, UNSIGNED, DECIMAL(p,s), CHAR(n), BINARY(n), DATE, \
                     DATETIME(n), TIME(n), YEAR, DOUBLE, FLOAT or JSON"
                );
                return Err(BindError::new(span, message));
            }
        })
    }

    fn sizes(&mut self) -> Result<Vec<u32>> {
        let mut sizes = Vec::new();
        if self.symbol(&Token::LParen) {
            loop {
                let span = self.here();
                match self.next().map(|t| t.token) {
                    Some(Token::Number(n, _)) => match n.parse() {
                        Ok(n) => sizes.push(n),
                        Err(_) => return Err(BindError::new(span, format!("found {n}; needed a size"))),
                    },
                    _ => return Err(BindError::new(span, "needed a size")),
                }
                if !self.symbol(&Token::Comma) {
                    break;
                }
            }
            self.need(&Token::RParen, "`)` after the size")?;
        }
        Ok(sizes)
    }

    fn fsp(&mut self) -> Result<u8> {
        let start = self.here();
        match self.sizes()?.first().copied().unwrap_or(0) {
            fsp @ 0..=6 => Ok(fsp as u8),
            fsp => {
                Err(BindError::new(start.to(self.before()), format!("found {fsp} fractional digits; the most are 6")))
            }
        }
    }

    fn unit(&mut self) -> Result<Unit> {
        let span = self.here();
        match self.next().map(|t| t.token) {
            Some(Token::Word(word)) => Unit::from_name(&word.value).ok_or_else(|| {
                let message = format!(
                    "the unit {} is not supported; needed MICROSECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR",
                    word.value
                );
                BindError::new(span, message)
            }),
            _ => Err(BindError::new(span, "needed a unit, such as DAY")),
        }
    }

    /// The arguments of a call, with the forms that have words between them.
    fn arguments(&mut self, name: &str) -> Result<Vec<Node>> {
        if self.peek() == Some(&Token::RParen) {
            return Ok(Vec::new());
        }
        match name {
            "EXTRACT" | "TIMESTAMPDIFF" | "TIMESTAMPADD" => {
                let span = self.here();
                let unit = Node { span, kind: NodeKind::Unit(self.unit()?) };
                if name == "EXTRACT" {
                    self.need_word("FROM")?
                } else {
                    self.need(&Token::Comma, "`,`")?
                }
                let mut args = vec![unit];
                args.extend(self.list()?);
                Ok(args)
            }
            "TRIM" => self.trim(),
            "POSITION" => {
                let part = self.bits_before_in()?;
                self.need_word("IN")?;
                Ok(vec![part, self.expression()?])
            }
            "SUBSTRING" | "SUBSTR" | "MID" => {
                let mut args = vec![self.expression()?];
                while self.symbol(&Token::Comma) || self.word("FROM") || self.word("FOR") {
                    args.push(self.expression()?);
                }
                Ok(args)
            }
            _ => self.list(),
        }
    }

    /// `POSITION(a IN b)`: `a` ends before IN.
    fn bits_before_in(&mut self) -> Result<Node> {
        self.simple()
    }

    fn list(&mut self) -> Result<Vec<Node>> {
        let mut args = vec![self.expression()?];
        while self.symbol(&Token::Comma) {
            args.push(self.expression()?);
        }
        Ok(args)
    }

    /// As `[text]`, or `[text, what, side]` with the side as a text of its own.
    fn trim(&mut self) -> Result<Vec<Node>> {
        let span = self.here();
        let side = ["BOTH", "LEADING", "TRAILING"].into_iter().find(|side| self.word(side));
        let space = Node { span, kind: NodeKind::Text(" ".to_owned()) };
        let (what, text) = match side {
            Some(_) if self.word("FROM") => (space, self.expression()?),
            Some(_) => {
                let what = self.expression()?;
                self.need_word("FROM")?;
                (what, self.expression()?)
            }
            None => {
                let first = self.expression()?;
                if !self.word("FROM") {
                    return Ok(vec![first]);
                }
                (first, self.expression()?)
            }
        };
        let side = Node { span, kind: NodeKind::Text(side.unwrap_or("BOTH").to_owned()) };
        Ok(vec![text, what, side])
    }
}

/// The digits of `0b101`, which the tokenizer takes for a name, as MySQL does with `0B101` and `0b102`.
fn bit_digits(word: &str) -> Option<&str> {
    word.strip_prefix("0b").filter(|digits| !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0' | b'1')))
}

/// The bytes that digits of base 16 or 2 write, filled up with zeros at the front.
fn bytes_of_digits(digits: &str, base: u32, span: Span) -> Result<Vec<u8>> {
    let per_byte = if base == 16 { 2 } else { 8 };
    let values = digits.chars().map(|c| c.to_digit(base)).collect::<Option<Vec<u32>>>().ok_or_else(|| {
        let needed = if base == 16 { "hexadecimal digits" } else { "the digits 0 and 1" };
        BindError::new(span, format!("found other characters than {needed} in this literal"))
    })?;
    let first = values.len() % per_byte;
    let (head, tail) = values.split_at(first);
    let byte = |digits: &[u32]| digits.iter().fold(0, |byte, digit| byte * base + digit) as u8;
    let head = (!head.is_empty()).then(|| byte(head));
    Ok(head.into_iter().chain(tail.chunks(per_byte).map(byte)).collect())
}
