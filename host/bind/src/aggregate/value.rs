//! What a value of an aggregate is made of, before its function is bound: which function, over which arguments.
//!
//! What the calls read beside columns (arguments that are expressions, filters) becomes *hidden
//! columns*, appended to the step's input by components before a group is looked up.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{DataType, Field};
use rowmill_operators::step::MapPart;
use rowmill_plan::AggregateCall;
use rowmill_plan::problem::{Problem, child};
use rowmill_wasm::{Argument, Kind};
use serde_json::{Map as JsonMap, Value};

use super::text::{self, ArgKind, CallText};
use crate::call::{Binder, Request, Texts, literal_argument, udf};
use crate::columns::{Column, Columns, Origin};
use crate::under;

/// The step's input with the hidden columns, in the making.
pub(super) struct Hidden {
    pub(super) columns: Columns,
    pub(super) parts: Vec<MapPart>,
    /// Expressions that are arguments: hidden column, text, pointer of the call, first byte in its text.
    texts: Vec<(String, String, String, usize)>,
}
impl Hidden {
    /// None yet.
    pub(super) fn over(columns: &Columns) -> Self {
        Self { columns: columns.clone(), parts: Vec::new(), texts: Vec::new() }
    }
}

/// A value whose function is still to be bound.
pub(super) struct Offered<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a AggregateCall,
    pub(super) offer: Offer,
    /// The hidden column of its `where`.
    pub(super) filter: Option<usize>,
}

impl Binder<'_> {
    /// What each value's function is offered; computes the hidden columns.
    pub(super) async fn values<'a>(
        &mut self,
        step: &'a rowmill_plan::Aggregate,
        hidden: &mut Hidden,
        columns: &Columns,
    ) -> Result<Vec<Offered<'a>>, Vec<Problem>> {
        let mut offered = Vec::new();
        let mut problems = Vec::new();
        for (name, value) in &step.values {
            let at = under(&self.pointer, &["values", name]);
            match self.value(name, value, &at, hidden).await {
                Ok((offer, filter)) => offered.push(Offered { name, value, offer, filter }),
                Err(found) => problems.extend(found),
            }
        }
        problems.extend(self.expressions(hidden, columns).await.err().unwrap_or_default());
        if problems.is_empty() { Ok(offered) } else { Err(problems) }
    }

    /// What a value's function is offered, and the hidden column of its filter.
    async fn value(
        &mut self,
        name: &str,
        value: &AggregateCall,
        at: &str,
        hidden: &mut Hidden,
    ) -> Result<(Offer, Option<usize>), Vec<Problem>> {
        let filter = match &value.filter {
            None => None,
            Some(call) => {
                let filter = self.condition(call, &child(at, "where"), &hidden.columns).await?;
                let column = hidden.columns.0.len();
                let field = Field::new(format!("where {name}"), DataType::Boolean, true);
                hidden.columns.0.push(Column { field: Arc::new(field), origin: Origin::Computed });
                hidden.parts.push(MapPart { call: filter.call, columns: vec![column] });
                Some(column)
            }
        };
        let offer = match &value.call {
            rowmill_plan::Call::Udf { .. } => {
                let request = udf(&value.call, Kind::Aggregate, &hidden.columns, at)?;
                Offer::Request(request)
            }
            rowmill_plan::Call::Expression(call) => {
                let parsed = text::parse(call).map_err(|error| {
                    vec![Problem::configuration(error.message).at(at).within(error.start..error.end)]
                })?;
                self.parsed(parsed, call, at, hidden)?
            }
        };
        Ok((offer, filter))
    }

    /// A call text: its arguments are columns, literals, or hidden columns to be.
    fn parsed(&mut self, parsed: CallText, text: &str, at: &str, hidden: &mut Hidden) -> Result<Offer, Vec<Problem>> {
        let mut args = Vec::new();
        let mut problems = Vec::new();
        for arg in &parsed.args {
            let span = arg.start..arg.end;
            match &arg.kind {
                ArgKind::Star => {}
                ArgKind::Column(name) => match hidden.columns.find(name, at) {
                    Ok(_) => args.push(ArgOffer::Column(name.clone())),
                    Err(problem) => problems.push(problem.within(span)),
                },
                ArgKind::Literal(value) => args.push(ArgOffer::Literal(value.clone())),
                ArgKind::Expression(expression) => {
                    let name = format!("{expression} #{}", hidden.texts.len());
                    hidden.texts.push((name.clone(), expression.clone(), at.to_owned(), arg.start));
                    args.push(ArgOffer::Column(name));
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let spans = parsed.args.iter().filter(|arg| !matches!(arg.kind, ArgKind::Star)).map(|arg| arg.start..arg.end);
        Ok(Offer::Text {
            function: parsed.function,
            distinct: parsed.distinct,
            args,
            spans: spans.collect(),
            whole: 0..text.len(),
            at: at.to_owned(),
        })
    }

    /// Computes the arguments that are expressions, all in one call.
    async fn expressions(&mut self, hidden: &mut Hidden, columns: &Columns) -> Result<(), Vec<Problem>> {
        if hidden.texts.is_empty() {
            return Ok(());
        }
        let texts = hidden.texts.iter().map(|(name, text, ..)| (name.clone(), Value::String(text.clone())));
        let places = hidden.texts.iter().map(|(name, _, at, start)| (name.clone(), at.clone(), *start)).collect();
        let request = crate::call::expression(
            "map",
            Kind::Scalar,
            JsonMap::from_iter(texts),
            columns,
            self.pointer.clone(),
            Texts::Hidden(places),
        );
        let call = self.bind(request).await?;
        let first = hidden.columns.0.len();
        for ((name, ..), field) in hidden.texts.iter().zip(call.results()) {
            let field = Arc::new(field.clone().with_name(name));
            hidden.columns.0.push(Column { field, origin: Origin::Computed });
        }
        let columns = (first..hidden.columns.0.len()).collect();
        hidden.parts.push(MapPart { call, columns });
        Ok(())
    }
}

/// A value's function and arguments, before the hidden columns are known.
pub(super) enum Offer {
    Request(Request),
    Text {
        function: String,
        distinct: bool,
        args: Vec<ArgOffer>,
        /// Of the arguments, and of the call.
        spans: Vec<Range<usize>>,
        whole: Range<usize>,
        at: String,
    },
}

pub(super) enum ArgOffer {
    /// Also a hidden one.
    Column(String),
    Literal(Value),
}

impl Offer {
    /// The request, and whether its text says `distinct`.
    pub(super) fn with(self, columns: &Columns) -> Result<(Request, bool), Vec<Problem>> {
        let (function, distinct, args, spans, whole, at) = match self {
            Self::Request(request) => return Ok((request, false)),
            Self::Text { function, distinct, args, spans, whole, at } => (function, distinct, args, spans, whole, at),
        };
        let mut arguments = Vec::new();
        let mut sources = Vec::new();
        for (n, (arg, span)) in args.iter().zip(&spans).enumerate() {
            match arg {
                ArgOffer::Column(name) => {
                    let column = columns.find(name, &at).map_err(|problem| vec![problem])?;
                    arguments.push(Argument { field: columns.0[column].field.as_ref().clone(), literal: None });
                    sources.push((Some(column), None));
                }
                ArgOffer::Literal(value) => {
                    let argument = literal_argument(n, value).ok_or_else(|| {
                        vec![
                            Problem::configuration("a literal is null, a boolean, a number or a string")
                                .at(&at)
                                .within(span.clone()),
                        ]
                    })?;
                    arguments.push(argument);
                    sources.push((None, None));
                }
            }
        }
        let request = Request {
            component: rowmill_plan::ComponentRef::Std("stats".to_owned()),
            function: Some(function),
            kind: Kind::Aggregate,
            arguments,
            sources,
            config: Value::Object(JsonMap::new()),
            pointer: at,
            texts: Texts::Call { whole, spans },
        };
        Ok((request, distinct))
    }
}
