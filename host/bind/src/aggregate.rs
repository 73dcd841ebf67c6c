//! Binding an aggregate step: the key, the window, and per value a function with its accumulators.
//!
//! What the calls read beside columns (arguments that are expressions, filters) becomes *hidden
//! columns*, appended to the step's input by components before a group is looked up.

use std::collections::HashMap;
use std::time::Duration;

use arrow_schema::{DataType, Field, TimeUnit};
use rowmill_wasm::{Argument, Identity, Kind};
use serde_json::{Map as JsonMap, Value};
use std::sync::Arc;

use super::aggregate_text::{self, ArgKind, CallText};
use super::call::{Binder, Request, Texts, ensure_facts, literal_argument, types, udf, wrong_name};
use super::columns::{Column, Columns, Origin};
use super::show::{CallView, StateView};
use super::under;
use rowmill_operators::aggregate::keys::Keys;
use rowmill_operators::aggregate::window::{Windowing, range};
use rowmill_operators::aggregate::{Aggregate, ArgSource, Call, Groups, Pairs, Parts};
use rowmill_operators::step::{Map, MapPart};
use rowmill_operators::wasm_limits;
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::type_name;
use rowmill_plan::{AggregateCall, Collate, WindowShape};

/// What is around the step.
pub(super) struct Surroundings {
    /// The step's name in the state store.
    pub(super) name: String,
    /// Another aggregate follows.
    pub(super) feeds: bool,
    /// No aggregate comes before it.
    pub(super) first: bool,
    /// Rows can be taken out again: what comes in is not only inserts.
    pub(super) retracts: bool,
}

/// A bound step.
pub(super) struct BoundAggregate {
    pub(super) aggregate: Aggregate,
    pub(super) columns: Columns,
    /// The columns of the groups' key, first in the output.
    pub(super) key: Vec<String>,
    pub(super) view: StateView,
}

/// The step's input with the hidden columns, in the making.
struct Hidden {
    columns: Columns,
    parts: Vec<MapPart>,
    /// Expressions that are arguments: hidden column, text, pointer of the call, first byte in its text.
    texts: Vec<(String, String, String, usize)>,
}

impl Binder<'_> {
    pub(super) async fn aggregate(
        &mut self,
        step: &rowmill_plan::Aggregate,
        columns: &Columns,
        surroundings: &Surroundings,
    ) -> Result<BoundAggregate, Vec<Problem>> {
        let pointer = self.pointer.clone();
        let mut problems = Vec::new();
        let by = positions(&step.by, columns, &child(&pointer, "by"), &mut problems);
        let window = step.window.as_ref().and_then(|window| {
            let at = under(&pointer, &["window", "on"]);
            match columns.find(&window.on, &at).and_then(|on| event_time(&columns.0[on], &at).map(|()| on)) {
                Ok(on) => Some((on, window)),
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            }
        });
        if step.ttl.is_some() && !surroundings.first {
            problems.push(
                Problem::configuration("a time to live needs the commit times of the source's changes")
                    .at(child(&pointer, "ttl"))
                    .found("an aggregate before this one")
                    .fix("leave ttl out"),
            );
        }
        if step.ttl.is_some() && surroundings.feeds {
            problems.push(
                Problem::configuration(
                    "what is forgotten after a time to live can't be taken out of the aggregate after it",
                )
                .at(child(&pointer, "ttl"))
                .found("an aggregate after this one")
                .fix("leave ttl out, or write the groups into a table and aggregate that with another pipeline"),
            );
        }
        let keys = keys(step, &by, window.map(|(_, window)| &window.shape), columns, &pointer, &mut problems);
        let mut hidden = Hidden { columns: columns.clone(), parts: Vec::new(), texts: Vec::new() };
        let mut requests = Vec::new();
        for (name, value) in &step.values {
            let at = under(&pointer, &["values", name]);
            match self.value(name, value, &at, &mut hidden).await {
                Ok(request) => requests.push((name, value, request)),
                Err(found) => problems.extend(found),
            }
        }
        if let Err(found) = self.expressions(&mut hidden, columns).await {
            problems.extend(found);
        }
        let mut calls = Vec::new();
        let mut results = Vec::new();
        let mut states = Vec::new();
        if problems.is_empty() {
            for (name, value, (request, filter)) in requests {
                match self.accumulators(name, value, request.with(&hidden.columns), filter, step, surroundings).await {
                    Ok((call, field)) => {
                        let at_call = call.signature();
                        states.push((name.clone(), at_call.state.version, at_call.state.fields.clone()));
                        results.push(field);
                        calls.push(call);
                    }
                    Err(found) => problems.extend(found),
                }
            }
        }
        let Some(keys) = keys.filter(|_| problems.is_empty()) else { return Err(problems) };
        let mut after = Columns(Vec::new());
        for &column in &by {
            let field = key_field(&columns.0[column].field, step.collate);
            problems.extend(after.append(field, Origin::Group(after.0.len()), &pointer).err());
        }
        if let Some((on, window)) = window {
            for name in rowmill_plan::WINDOW_COLUMNS {
                let field = window_field(name, &columns.0[on].field, &window.shape);
                problems.extend(after.append(field, Origin::Group(after.0.len()), &pointer).err());
            }
        }
        let key: Vec<String> = after.0.iter().map(|column| column.field.name().clone()).collect();
        for ((name, _), field) in step.values.iter().zip(results) {
            let at = under(&pointer, &["values", name]);
            problems.extend(wrong_name(name, &at));
            problems.extend(after.append(field.with_name(name), Origin::Computed, &at).err());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let view = StateView::new(&key, states, step);
        let memory = usize::try_from(self.step.limits.memory).unwrap_or(usize::MAX);
        let width = hidden.columns.0.len();
        let parts = Parts {
            id: self.step.id.clone(),
            on_error: self.step.on_error,
            prepare: (!hidden.parts.is_empty()).then_some(Map { parts: hidden.parts, width }),
            by,
            window: window.map(|(on, window)| (on, Windowing::new(window, range(columns.0[on].field.data_type())))),
            keys,
            groups: Groups::new(surroundings.name.clone(), calls, memory),
            output: after.schema(),
            feeds: surroundings.feeds,
            ttl: step.ttl.map(|ttl| i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX)),
        };
        let aggregate =
            Aggregate::new(parts).map_err(|error| vec![Problem::configuration(error.to_string()).at(&pointer)])?;
        Ok(BoundAggregate { aggregate, columns: after, key, view })
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
            rowmill_plan::Call::Expression(text) => {
                let parsed = aggregate_text::parse(text).map_err(|error| {
                    vec![Problem::configuration(error.message).at(at).within(error.start..error.end)]
                })?;
                self.parsed(parsed, text, at, hidden)?
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
        let request = super::call::expression(
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

    /// Binds a value's function.
    async fn accumulators(
        &mut self,
        name: &str,
        value: &AggregateCall,
        request: Result<(Request, bool), Vec<Problem>>,
        filter: Option<usize>,
        step: &rowmill_plan::Aggregate,
        surroundings: &Surroundings,
    ) -> Result<(Call, Field), Vec<Problem>> {
        let (request, text_distinct) = request?;
        let distinct = value.distinct || text_distinct;
        let at = |problem: Problem| vec![problem.at(&request.pointer)];
        let (component, function) = self.function(&request).await?;
        let shown = format!("{}#{function}", component.name());
        let identity = Identity { pipeline: self.plan.name.clone(), step: self.step.id.clone() };
        let limits = wasm_limits(self.step.limits);
        // `distinct` compares what the function reads, and of columns that are NOT NULL `count` reads nothing.
        let mut arguments = request.arguments.clone();
        arguments.iter_mut().filter(|_| distinct).for_each(|argument| argument.field.set_nullable(true));
        let bound =
            rowmill_wasm::Aggregate::bind(&component, &identity, &limits, &function, &arguments, &request.config);
        let bound = bound.await.map_err(|error| match error.place() {
            Some(place) => vec![request.locate(place, &error.message())],
            None => at(Problem::component(error.to_string())),
        })?;
        let signature = bound.signature();
        let [result] = &signature.call.results[..] else {
            let found = types(&signature.call.results);
            let message = format!("{shown} has several results, a column takes one");
            return Err(at(Problem::configuration(message).found(found)));
        };
        ensure_facts(&shown, &signature.call.results, &request.pointer)?;
        if !signature.call.facts.is_empty() {
            let message = format!("{shown} asks for facts about rows, which an aggregate can't give");
            return Err(at(Problem::component(message)));
        }
        if surroundings.retracts && !signature.retract {
            let message = format!("{shown} can't take rows out again, but rows of this source are updated and deleted");
            return Err(at(Problem::configuration(message)
                .found("a function without the ability to retract")
                .needed("a function that retracts; its docs name the exact variant (`rowmill udf inspect`)")
                .fix("or say `append_only: true` in the source, if its rows are never updated nor deleted")));
        }
        let sessions = matches!(step.window, Some(rowmill_plan::Window { shape: WindowShape::Session { .. }, .. }));
        if sessions && !signature.merge {
            let message = format!("{shown} can't merge states, which sessions are made of");
            return Err(at(Problem::configuration(message).fix("use a tumble, hop or cumulate window")));
        }
        if sessions && distinct {
            return Err(at(Problem::configuration(
                "`distinct` is not possible with sessions, whose rows join and part",
            )
            .fix("use count_distinct, or a tumble, hop or cumulate window")));
        }
        if step.ttl.is_some() && distinct {
            return Err(at(Problem::configuration("`distinct` is not possible with a time to live")
                .fix("use count_distinct, whose state is forgotten with its group")));
        }
        let reads: Vec<usize> = signature.call.reads.clone();
        if distinct && reads.is_empty() {
            return Err(at(Problem::configuration(format!("`distinct` needs an argument, {shown} reads none"))));
        }
        let mut sources = Vec::new();
        for &read in &reads {
            match request.sources.get(read) {
                Some((Some(column), cast)) => sources.push(ArgSource { column: *column, cast: cast.clone() }),
                _ => {
                    let message = format!("{shown} reads argument {read}, which is not a column");
                    return Err(at(Problem::component(message)));
                }
            }
        }
        let fields: Vec<&Field> = reads.iter().map(|&read| &request.arguments[read].field).collect();
        let pairs = match distinct {
            false => None,
            true => {
                let store = format!("{}/distinct/{name}", surroundings.name);
                let pairs = Pairs::new(store, &fields);
                Some(pairs.map_err(|(_, message)| at(Problem::configuration(format!("distinct: {message}"))))?)
            }
        };
        self.calls.push(CallView::new(&shown, component.digest(), &signature.call, &self.step.limits));
        let field = result.clone();
        let call = Call::new(shown, self.step.id.clone(), name.to_owned(), bound, sources, filter, pairs);
        Ok((call.map_err(|error| at(Problem::component(error.to_string())))?, field))
    }
}

/// A value's function and arguments, before the hidden columns are known.
enum Offer {
    Request(Request),
    Text {
        function: String,
        distinct: bool,
        args: Vec<ArgOffer>,
        /// Of the arguments, and of the call.
        spans: Vec<std::ops::Range<usize>>,
        whole: std::ops::Range<usize>,
        at: String,
    },
}

enum ArgOffer {
    /// Also a hidden one.
    Column(String),
    Literal(Value),
}

impl Offer {
    /// The request, and whether its text says `distinct`.
    fn with(self, columns: &Columns) -> Result<(Request, bool), Vec<Problem>> {
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

fn positions(names: &[String], columns: &Columns, pointer: &str, problems: &mut Vec<Problem>) -> Vec<usize> {
    let mut positions = Vec::new();
    for (n, name) in names.iter().enumerate() {
        match columns.find(name, &child(pointer, n)) {
            Ok(column) => positions.push(column),
            Err(problem) => problems.push(problem),
        }
    }
    positions
}

fn event_time(column: &Column, at: &str) -> Result<(), Problem> {
    match column.field.data_type() {
        DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) => Ok(()),
        other => Err(Problem::configuration(format!("column {} has no event time", column.field.name()))
            .at(at)
            .found(type_name::format(other))
            .needed("a DATE, DATETIME or TIMESTAMP")),
    }
}

/// Keys over `by`, with the window's times where they belong.
fn keys(
    step: &rowmill_plan::Aggregate,
    by: &[usize],
    window: Option<&WindowShape>,
    columns: &Columns,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<Keys> {
    let time = Field::new("", DataType::Timestamp(TimeUnit::Microsecond, None), false);
    let mut fields: Vec<&Field> = by.iter().map(|&column| columns.0[column].field.as_ref()).collect();
    let before = match window {
        None => 0,
        Some(WindowShape::Session { .. }) => {
            fields.push(&time);
            0
        }
        Some(_) => {
            fields.splice(0..0, [&time, &time]);
            2
        }
    };
    match Keys::new(&fields, step.collate) {
        Ok(keys) => Some(keys),
        Err((index, message)) => {
            let place = under(pointer, &["by", &index.saturating_sub(before).to_string()]);
            problems.push(
                Problem::configuration(message)
                    .at(place)
                    .fix("say `collate: binary` in the aggregate, or compute a column to group by"),
            );
            None
        }
    }
}

/// A key's column in the output.
fn key_field(field: &Field, collate: Collate) -> Field {
    let mut field = field.clone();
    if collate == Collate::Binary && *field.data_type() == DataType::Utf8 {
        field.metadata_mut().insert("collation".to_owned(), "binary".to_owned());
    }
    field
}

/// `window_start` or `window_end`, as the event time's column but for its fraction.
fn window_field(name: &str, on: &Field, shape: &WindowShape) -> Field {
    let data_type = match on.data_type() {
        DataType::Date32 => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => other.clone(),
    };
    let is_session = matches!(shape, WindowShape::Session { .. });
    let own = on.metadata().get("fsp").and_then(|fsp| fsp.parse::<u8>().ok()).unwrap_or(0);
    let whole = rowmill_operators::aggregate::window::Assigner::new(*shape).is_in_seconds();
    let fsp = match (is_session, whole) {
        (false, true) => 0,
        (true, true) => own,
        (_, false) => 6,
    };
    let kind = if matches!(data_type, DataType::Timestamp(_, Some(_))) { "timestamp" } else { "datetime" };
    let mysql_type = if fsp == 0 { kind.to_owned() } else { format!("{kind}({fsp})") };
    let facts = [("fsp".to_owned(), fsp.to_string()), ("mysql-type".to_owned(), mysql_type)];
    Field::new(name, data_type, false).with_metadata(facts.into_iter().collect::<HashMap<_, _>>())
}

/// A duration for people.
pub(super) fn shown(duration: Duration) -> String {
    rowmill_plan::units::format_duration(duration)
}
