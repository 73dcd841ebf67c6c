//! The bound expression: every node typed, every conversion written out, ready to run over batches.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, NullArray};
use arrow_schema::DataType;

use crate::error::{BindError, Span};
use crate::eval;
use crate::types::Type;
use crate::value::{Failure, Rows, Value};

/// Computes a column from columns.
pub(crate) type Kernel = Arc<dyn Fn(&[Value], &mut Rows) -> Result<ArrayRef, Failure> + Send + Sync>;

/// A node with its type and the bytes of the text it came from.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) ty: Type,
    /// What carries it: `ty.canonical()`, or a column's own narrower type.
    pub(crate) data_type: DataType,
    pub(crate) nullable: bool,
    pub(crate) span: Span,
    pub(crate) op: Op,
}

#[derive(Clone)]
pub(crate) enum Op {
    /// A position in the list of columns that the program reads.
    Column(usize),
    Literal(Value),
    Call(Kernel, Vec<Expr>),
    /// A call for which MySQL evaluates no operand after one that is NULL: the errors of those are dropped.
    CallUntilNull(Kernel, Vec<Expr>),
    /// Right sides and branches are evaluated for all rows; the errors of those that did not need it are dropped.
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// The first result whose condition is true; the last has none.
    Choose {
        conditions: Vec<Expr>,
        results: Vec<Expr>,
    },
    /// The first that is not NULL.
    Coalesce(Vec<Expr>),
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Column(at) => write!(f, "Column({at})"),
            Op::Literal(value) => write!(f, "Literal({:?})", value.array),
            Op::Call(_, args) => f.debug_tuple("Call").field(args).finish(),
            Op::CallUntilNull(_, args) => f.debug_tuple("CallUntilNull").field(args).finish(),
            Op::And(a, b) => f.debug_tuple("And").field(a).field(b).finish(),
            Op::Or(a, b) => f.debug_tuple("Or").field(a).field(b).finish(),
            Op::Choose { conditions, results } => f.debug_tuple("Choose").field(conditions).field(results).finish(),
            Op::Coalesce(args) => f.debug_tuple("Coalesce").field(args).finish(),
        }
    }
}

impl Expr {
    pub(crate) fn literal(span: Span, ty: Type, array: ArrayRef) -> Expr {
        let nullable = array.is_null(0) || ty == Type::Null;
        let data_type = array.data_type().clone();
        Expr { ty, data_type, nullable, span, op: Op::Literal(Value::scalar(array)) }
    }

    pub(crate) fn null(span: Span) -> Expr {
        Expr::literal(span, Type::Null, Arc::new(NullArray::new(1)))
    }

    /// A call of a strict function: `nullable` says whether it can give NULL for arguments that are not. A call of
    /// literals is computed here and now.
    pub(crate) fn call(
        span: Span,
        ty: Type,
        nullable: bool,
        args: Vec<Expr>,
        kernel: Kernel,
    ) -> Result<Expr, BindError> {
        let nullable = nullable || args.iter().any(|arg| arg.nullable);
        let literals: Option<Vec<Value>> = args.iter().map(|arg| arg.value().cloned()).collect();
        if let Some(values) = literals {
            let mut rows = Rows::new(1);
            let array = kernel(&values, &mut rows).map_err(|failure| BindError::new(span, failure.0))?;
            if let Some(error) = rows.errors.first() {
                return Err(BindError::new(span, format!("this has no value for any row: {}", error.message)));
            }
            return Ok(Expr::literal(span, ty, array));
        }
        let data_type = ty.canonical();
        Ok(Expr { ty, data_type, nullable, span, op: Op::Call(kernel, args) })
    }

    /// The same call, which evaluates no operand after one that is NULL.
    pub(crate) fn until_null(self) -> Expr {
        match self.op {
            Op::Call(kernel, args) if args.len() > 1 => Expr { op: Op::CallUntilNull(kernel, args), ..self },
            _ => self,
        }
    }

    /// This truth value, known beforehand, of an expression that evaluates `operand` first: it has no value in rows for
    /// which the operand has none.
    pub(crate) fn after(self, operand: Expr) -> Expr {
        let Op::Literal(value) = &self.op else { return self };
        if matches!(operand.op, Op::Column(_) | Op::Literal(_)) {
            return self;
        }
        let value = value.clone();
        let kernel = move |_: &[Value], rows: &mut Rows| Ok(eval::logic::spread(&value, rows.count));
        Expr { op: Op::Call(Arc::new(kernel), vec![operand]), ..self }
    }

    /// The value, if it is known before any row.
    pub(crate) fn value(&self) -> Option<&Value> {
        match &self.op {
            Op::Literal(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn is_null_literal(&self) -> bool {
        self.value().is_some_and(|value| self.ty == Type::Null || value.array.is_null(0))
    }

    /// The text of a literal.
    pub(crate) fn literal_text(&self) -> Option<&str> {
        match self.ty {
            Type::Text { .. } => self.value().and_then(|value| value.texts().get(0)),
            _ => None,
        }
    }

    pub(crate) fn run(&self, columns: &[ArrayRef], rows: &mut Rows) -> Result<Value, Failure> {
        match &self.op {
            Op::Column(at) => match columns.get(*at) {
                Some(column) => Ok(Value::array(column.clone())),
                None => Err(Failure(format!("the batch has {} columns; needed column {at}", columns.len()))),
            },
            Op::Literal(value) => Ok(value.clone()),
            Op::Call(kernel, args) => {
                let values = args.iter().map(|arg| arg.run(columns, rows)).collect::<Result<Vec<_>, _>>()?;
                Ok(Value::array(kernel(&values, rows)?))
            }
            Op::CallUntilNull(kernel, args) => {
                let mut values: Vec<Value> = Vec::with_capacity(args.len());
                for arg in args {
                    let mark = rows.errors.len();
                    let value = arg.run(columns, rows)?;
                    rows.keep_errors(mark, |row| values.iter().all(|before| !before.is_null(row)));
                    values.push(value);
                }
                Ok(Value::array(kernel(&values, rows)?))
            }
            Op::And(a, b) => eval::logic::both(a, b, false, columns, rows),
            Op::Or(a, b) => eval::logic::both(a, b, true, columns, rows),
            Op::Choose { conditions, results } => eval::choose::choose(conditions, results, columns, rows),
            Op::Coalesce(args) => eval::choose::coalesce(args, columns, rows),
        }
    }
}
