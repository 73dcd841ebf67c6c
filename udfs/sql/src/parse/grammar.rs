//! MySQL's grammar of expressions down to operators; what stands between operators is in `primary`.

use sqlparser::tokenizer::Token;

use super::tokens::Placed;
use super::{BinaryOp, DEPTH_MAX, Node, NodeKind, Truth, UnaryOp};
use crate::error::{BindError, Span};

type Result<T> = std::result::Result<T, BindError>;

/// Reads tokens from left to right.
pub(crate) struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    length: usize,
    depth: usize,
}

impl Parser {
    pub(crate) fn new(tokens: Vec<Placed>, length: usize) -> Self {
        Self { tokens, at: 0, length, depth: 0 }
    }

    pub(crate) fn end(&self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("an operator or the end of the expression")),
        }
    }

    /// `OR` and `||` bind least, then `XOR`, then `AND`.
    pub(crate) fn expression(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(BindError::new(
                self.here(),
                format!("the expression is nested deeper than {DEPTH_MAX} levels; split it into several steps"),
            ));
        }
        let mut left = self.exclusive()?;
        while self.word("OR") || self.symbol(&Token::StringConcat) {
            let right = self.exclusive()?;
            left = binary(BinaryOp::Or, left, right);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn exclusive(&mut self) -> Result<Node> {
        let mut left = self.conjunction()?;
        while self.word("XOR") {
            let right = self.conjunction()?;
            left = binary(BinaryOp::Xor, left, right);
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Node> {
        let mut left = self.negation()?;
        while self.word("AND") || self.symbol(&Token::Overlap) {
            let right = self.negation()?;
            left = binary(BinaryOp::And, left, right);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Node> {
        let start = self.here();
        let mut count = 0;
        while self.word("NOT") {
            count += 1;
        }
        let mut node = self.comparison()?;
        for _ in 0..count {
            node = Node { span: start.to(node.span), kind: NodeKind::Unary(UnaryOp::Not, Box::new(node)) };
        }
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node> {
        let mut left = self.predicate()?;
        loop {
            if self.word("IS") {
                let negated = self.word("NOT");
                let what = if self.word("NULL") || self.word("UNKNOWN") {
                    Truth::Null
                } else if self.word("TRUE") {
                    Truth::True
                } else if self.word("FALSE") {
                    Truth::False
                } else {
                    return Err(self.unexpected("NULL, TRUE, FALSE or UNKNOWN after IS"));
                };
                let span = left.span.to(self.before());
                left = Node { span, kind: NodeKind::Is { node: Box::new(left), what, negated } };
                continue;
            }
            let op = match self.peek() {
                Some(Token::Eq | Token::DoubleEq) => BinaryOp::Equal,
                Some(Token::Spaceship) => BinaryOp::NullSafeEqual,
                Some(Token::Neq) => BinaryOp::NotEqual,
                Some(Token::Lt) => BinaryOp::Less,
                Some(Token::LtEq) => BinaryOp::LessEqual,
                Some(Token::Gt) => BinaryOp::Greater,
                Some(Token::GtEq) => BinaryOp::GreaterEqual,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.predicate()?;
            left = binary(op, left, right);
        }
    }

    fn predicate(&mut self) -> Result<Node> {
        let left = self.bits()?;
        let mark = self.at;
        let negated = self.word("NOT");
        let kind = if self.word("IN") {
            self.need(&Token::LParen, "`(` after IN")?;
            let mut list = vec![self.expression()?];
            while self.symbol(&Token::Comma) {
                list.push(self.expression()?);
            }
            self.need(&Token::RParen, "`,` or `)` in the list")?;
            NodeKind::In { node: Box::new(left.clone()), list, negated }
        } else if self.word("BETWEEN") {
            let low = self.bits()?;
            if !self.word("AND") {
                return Err(self.unexpected("AND after the lower bound of BETWEEN"));
            }
            let high = self.predicate()?;
            NodeKind::Between { node: Box::new(left.clone()), low: Box::new(low), high: Box::new(high), negated }
        } else if self.word("LIKE") {
            let pattern = Box::new(self.simple()?);
            let escape = if self.word("ESCAPE") { Some(Box::new(self.simple()?)) } else { None };
            NodeKind::Like { node: Box::new(left.clone()), pattern, escape, negated }
        } else if self.word("REGEXP") || self.word("RLIKE") {
            NodeKind::Regexp { node: Box::new(left.clone()), pattern: Box::new(self.bits()?), negated }
        } else {
            self.at = mark;
            return Ok(left);
        };
        Ok(Node { span: left.span.to(self.before()), kind })
    }

    fn bits(&mut self) -> Result<Node> {
        self.levels(0)
    }

    /// `|`, `&`, shifts, sums, products, `^`: each level from the left.
    fn levels(&mut self, level: usize) -> Result<Node> {
        if level == 6 {
            return self.simple();
        }
        let mut left = self.levels(level + 1)?;
        loop {
            let op = match (level, self.peek()) {
                (0, Some(Token::Pipe)) => BinaryOp::BitOr,
                (1, Some(Token::Ampersand)) => BinaryOp::BitAnd,
                (2, Some(Token::ShiftLeft)) => BinaryOp::ShiftLeft,
                (2, Some(Token::ShiftRight)) => BinaryOp::ShiftRight,
                (3, Some(Token::Plus)) => BinaryOp::Add,
                (3, Some(Token::Minus)) => BinaryOp::Subtract,
                (4, Some(Token::Mul)) => BinaryOp::Multiply,
                (4, Some(Token::Div)) => BinaryOp::Divide,
                (4, Some(Token::Mod)) => BinaryOp::Modulo,
                (4, Some(Token::Word(_))) if self.is_word("DIV") => BinaryOp::IntegerDivide,
                (4, Some(Token::Word(_))) if self.is_word("MOD") => BinaryOp::Modulo,
                (5, Some(Token::Caret)) => BinaryOp::BitXor,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.levels(level + 1)?;
            left = binary(op, left, right);
        }
    }

    pub(crate) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.token)
    }

    pub(crate) fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1).map(|t| &t.token)
    }

    pub(crate) fn next(&mut self) -> Option<Placed> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// The bytes of the next token, or the end of the text.
    pub(crate) fn here(&self) -> Span {
        self.tokens.get(self.at).map_or(Span { start: self.length, end: self.length }, |t| t.span)
    }

    /// The bytes of the token read last.
    pub(crate) fn before(&self) -> Span {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or_else(|| self.here(), |t| t.span)
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(w)) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
    }

    pub(crate) fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn symbol(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn need(&mut self, token: &Token, what: &str) -> Result<()> {
        if self.symbol(token) { Ok(()) } else { Err(self.unexpected(what)) }
    }

    pub(crate) fn need_word(&mut self, word: &str) -> Result<()> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    pub(crate) fn unexpected(&self, needed: &str) -> BindError {
        let message = match self.peek() {
            None if self.length == 0 || self.tokens.is_empty() => "the expression is empty".to_owned(),
            None => format!("the expression ends here; needed {needed}"),
            Some(token) => format!("found `{token}`; needed {needed}"),
        };
        BindError::new(self.here(), message)
    }
}

fn binary(op: BinaryOp, left: Node, right: Node) -> Node {
    Node { span: left.span.to(right.span), kind: NodeKind::Binary(op, Box::new(left), Box::new(right)) }
}
