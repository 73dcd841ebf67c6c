//! Binding calls: which function, which arguments, and where in the plan an error belongs.

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array, new_null_array};
use arrow_schema::{DataType, Field};
use rowmill_change::{WrongFact, check_facts, check_name};
use rowmill_foreign::line;
use rowmill_wasm::{Argument, Component, Function, Identity, Kind, Place};
use serde_json::{Map as JsonMap, Value};
use std::ops::Range;
use std::sync::Arc;

use super::columns::{Columns, Origin};
use super::show::CallView;
use super::under;
use crate::components::{Components, choose};
use rowmill_operators::step::{BoundCall, Filter, Map, MapPart, ORDINALITY, Transform};
use rowmill_operators::wasm_limits;
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{Arg, Call, ComponentRef, Plan, Step};

/// Binds the calls of one step.
pub(crate) struct Binder<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) step: &'a Step,
    /// Where the step's kind stands in the plan.
    pub(crate) pointer: String,
    pub(crate) components: &'a mut Components,
    /// What was bound, for people.
    pub(crate) calls: Vec<CallView>,
    /// Where a MariaDB server would answer something else.
    pub(crate) mariadb: Vec<Problem>,
    /// An aggregate follows.
    pub(crate) upstream: bool,
    /// Rows go into an aggregate, or come out of one.
    pub(crate) pure: bool,
}

/// One call ready to be bound: a function, what it is offered, and how its errors map to the plan.
pub(super) struct Request {
    pub(super) component: ComponentRef,
    pub(super) function: Option<String>,
    pub(super) kind: Kind,
    pub(super) arguments: Vec<Argument>,
    pub(super) sources: Vec<(Option<usize>, Option<DataType>)>,
    pub(super) config: Value,
    /// Of the call as a whole.
    pub(super) pointer: String,
    pub(super) texts: Texts,
}

/// Where an expression's text is in the plan.
pub(super) enum Texts {
    /// The call itself is the text of this configuration key.
    Whole,
    /// Texts by configuration key, under the step's map.
    Entries,
    /// Texts by configuration key, each inside of a call's text: key, pointer, first byte there.
    Hidden(Vec<(String, String, usize)>),
    /// The call is a text such as `sum(total)`, with its arguments in these places.
    Call { whole: Range<usize>, spans: Vec<Range<usize>> },
    /// No expression: spans are of configuration values.
    Config,
}

impl Request {
    pub(super) fn locate(&self, place: &Place, message: &str) -> Problem {
        let problem = Problem::configuration(message.to_owned());
        match (place, &self.texts) {
            (Place::Argument(n), Texts::Config) => problem.at(under(&self.pointer, &["args", &n.to_string()])),
            (Place::Config(key), Texts::Config) => problem.at(under(&self.pointer, &["config", key])),
            (Place::Text { key, start, end }, Texts::Config) => {
                problem.at(under(&self.pointer, &["config", key])).within(*start..*end)
            }
            (Place::Text { start, end, .. }, Texts::Whole) => problem.at(&self.pointer).within(*start..*end),
            (Place::Text { key, start, end }, Texts::Entries) => {
                problem.at(child(&self.pointer, key)).within(*start..*end)
            }
            (Place::Config(key), Texts::Entries) => problem.at(child(&self.pointer, key)),
            (Place::Text { key, start, end }, Texts::Hidden(places)) => {
                match places.iter().find(|(known, ..)| known == key) {
                    Some((_, pointer, first)) => problem.at(pointer).within(first + start..first + end),
                    None => problem.at(&self.pointer),
                }
            }
            (Place::Argument(n), Texts::Call { whole, spans }) => {
                problem.at(&self.pointer).within(spans.get(*n).unwrap_or(whole).clone())
            }
            _ => problem.at(&self.pointer),
        }
    }
}

impl Binder<'_> {
    pub(crate) async fn filter(&mut self, call: &Call, columns: &Columns) -> Result<Filter, Vec<Problem>> {
        let pointer = self.pointer.clone();
        self.condition(call, &pointer, columns).await
    }

    /// A call that says true or false of each row.
    pub(super) async fn condition(
        &mut self,
        call: &Call,
        pointer: &str,
        columns: &Columns,
    ) -> Result<Filter, Vec<Problem>> {
        let request = match call {
            Call::Expression(text) => {
                let config = JsonMap::from_iter([("where".to_owned(), Value::String(text.clone()))]);
                expression("filter", Kind::Filter, config, columns, pointer.to_owned(), Texts::Whole)
            }
            Call::Udf { .. } => udf(call, Kind::Filter, columns, pointer)?,
        };
        let call = self.bind(request).await?;
        match call.results() {
            [only] if *only.data_type() == DataType::Boolean => Ok(Filter { call }),
            results => Err(vec![
                Problem::component(format!("{} was bound as a filter, but its result is not one boolean", call.name))
                    .at(pointer)
                    .found(types(results))
                    .needed("boolean"),
            ]),
        }
    }

    pub(crate) async fn transform(
        &mut self,
        call: &Call,
        columns: &Columns,
    ) -> Result<(Transform, Columns), Vec<Problem>> {
        let pointer = self.pointer.clone();
        if columns.0.iter().any(|column| column.origin == Origin::Ordinality) {
            return Err(vec![
                Problem::configuration("a second transform in one pipeline is not supported in this version")
                    .at(pointer)
                    .fix("do both expansions in one table function, or in two pipelines"),
            ]);
        }
        let request = match call {
            Call::Expression(text) => {
                return Err(vec![
                    Problem::configuration("a transform needs a table function, not an expression")
                        .at(pointer)
                        .found(text.clone())
                        .needed("{ udf: std/text#split, args: [tags] }"),
                ]);
            }
            Call::Udf { .. } => udf(call, Kind::Table, columns, &pointer)?,
        };
        let call = self.bind(request).await?;
        let mut after = columns.clone();
        let mut problems = Vec::new();
        for field in call.results() {
            let name = check_name(field.name());
            problems.extend(name.err().map(|wrong| wrong_fact(&call.name, field.name(), wrong).at(&pointer)));
            problems.extend(after.append(field.clone(), Origin::Computed, &pointer).err());
        }
        let ordinality = Field::new(ORDINALITY, DataType::UInt32, false);
        problems.extend(after.append(ordinality, Origin::Ordinality, &pointer).err());
        if problems.is_empty() { Ok((Transform { call }, after)) } else { Err(problems) }
    }

    pub(crate) async fn map(
        &mut self,
        entries: &[(String, Call)],
        columns: &Columns,
    ) -> Result<(Map, Columns), Vec<Problem>> {
        let pointer = self.pointer.clone();
        let mut texts = JsonMap::new();
        let mut names = Vec::new();
        let mut requests = Vec::new();
        let mut problems = Vec::new();
        for (name, call) in entries {
            problems.extend(wrong_name(name, &child(&pointer, name)));
            match call {
                Call::Expression(text) => {
                    texts.insert(name.clone(), Value::String(text.clone()));
                    names.push(name.clone());
                }
                Call::Udf { .. } => match udf(call, Kind::Scalar, columns, &child(&pointer, name)) {
                    Ok(request) => requests.push((vec![name.clone()], request)),
                    Err(found) => problems.extend(found),
                },
            }
        }
        if !names.is_empty() {
            let request = expression("map", Kind::Scalar, texts, columns, pointer.clone(), Texts::Entries);
            requests.insert(0, (names, request));
        }
        let mut bound = Vec::new();
        for (names, request) in requests {
            match self.bind(request).await {
                Ok(call) if call.results().len() == names.len() => bound.push((names, call)),
                Ok(call) => problems.push(
                    Problem::configuration(format!("{} has several results, a column of a map takes one", call.name))
                        .at(child(&pointer, &names[0]))
                        .found(types(call.results())),
                ),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        // New columns appear in the order of the file, whichever call computes them.
        let mut after = columns.clone();
        let mut places = std::collections::BTreeMap::new();
        for (name, _) in entries {
            let result = bound.iter().find_map(|(names, call)| {
                names.iter().position(|known| known == name).map(|result| call.results()[result].clone())
            });
            if let Some(field) = result {
                let shown = match columns.position(name) {
                    Some(existing) => columns.0[existing].field.name().clone(),
                    None => name.clone(),
                };
                places.insert(name.clone(), after.put(field.with_name(shown), Origin::Computed));
            }
        }
        let parts = bound
            .into_iter()
            .map(|(names, call)| MapPart { call, columns: names.iter().map(|name| places[name]).collect() })
            .collect();
        Ok((Map { parts, width: after.0.len() }, after))
    }

    /// The component and the function that a request means.
    pub(super) async fn function(&mut self, request: &Request) -> Result<(Component, String), Vec<Problem>> {
        let at = |problem: Problem| vec![problem.at(&request.pointer)];
        let (component, description) = self.components.get(&request.component).await.map_err(at)?;
        let step_kind = self.step.kind.name();
        let name =
            choose(component.name(), &description, request.function.as_deref(), request.kind, step_kind).map_err(at)?;
        Ok((component, name))
    }

    pub(crate) async fn bind(&mut self, request: Request) -> Result<BoundCall, Vec<Problem>> {
        let at = |problem: Problem| vec![problem.at(&request.pointer)];
        let (component, name) = self.function(&request).await?;
        let shown = format!("{}#{name}", component.name());
        let identity = Identity { pipeline: self.plan.name.clone(), step: self.step.id.clone() };
        let limits = wasm_limits(self.step.limits);
        let bound = Function::bind(&component, &identity, &limits, &name, &request.arguments, &request.config).await;
        let function = bound.map_err(|error| match error.place() {
            Some(place) => vec![request.locate(place, &error.message())],
            None => at(Problem::component(error.to_string())),
        })?;
        self.mariadb.extend(function.signature().mariadb.iter().map(|differs| {
            let key = differs.result.clone();
            let place = Place::Text { key, start: differs.start, end: differs.end };
            request
                .locate(&place, "a MariaDB server answers otherwise here than MySQL, whose rules std/sql follows")
                .found(&*differs.what)
        }));
        self.calls.push(CallView::new(&shown, component.digest(), function.signature(), &self.step.limits));
        let call =
            BoundCall::new(shown, component.digest().to_owned(), &identity, function, &request.sources, self.step);
        let mut call = call.map_err(|message| at(Problem::component(message)))?;
        ensure_facts(&call.name, call.results(), &request.pointer)?;
        call.must_not_miss_rows = self.upstream;
        if self.pure && call.reads_history() {
            let message =
                format!("{} asks how or when a row changed; in a pipeline with aggregates it can't", call.name);
            return Err(at(Problem::configuration(message)
                .needed("functions whose results follow from the row alone, since rows are taken out again")));
        }
        Ok(call)
    }
}

/// A call of std/sql: it is offered every column and reads those that its texts name.
pub(super) fn expression(
    function: &str,
    kind: Kind,
    config: JsonMap<String, Value>,
    columns: &Columns,
    pointer: String,
    texts: Texts,
) -> Request {
    Request {
        component: ComponentRef::Std("sql".to_owned()),
        function: Some(function.to_owned()),
        kind,
        arguments: columns
            .0
            .iter()
            .map(|column| Argument { field: column.field.as_ref().clone(), literal: None })
            .collect(),
        sources: (0..columns.0.len()).map(|index| (Some(index), None)).collect(),
        config: Value::Object(config),
        pointer,
        texts,
    }
}

pub(super) fn udf(call: &Call, kind: Kind, columns: &Columns, pointer: &str) -> Result<Request, Vec<Problem>> {
    let Call::Udf { component, function, args, config } = call else {
        return Err(vec![Problem::configuration("not a call of a function").at(pointer)]);
    };
    let mut arguments = Vec::new();
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for (n, arg) in args.iter().enumerate() {
        let place = under(pointer, &["args", &n.to_string()]);
        match arg {
            Arg::Column { name, cast } => match columns.find(name, &place) {
                Err(problem) => problems.push(problem),
                Ok(column) => {
                    let field = columns.0[column].field.as_ref().clone();
                    let field = match cast {
                        None => field,
                        Some(to) if arrow_cast::can_cast_types(field.data_type(), to) => {
                            Field::new(field.name(), to.clone(), true)
                        }
                        Some(to) => {
                            problems.push(
                                Problem::configuration(format!("column {name:?} can't be converted"))
                                    .at(place)
                                    .found(field.data_type().to_string())
                                    .needed(to.to_string()),
                            );
                            continue;
                        }
                    };
                    arguments.push(Argument { field, literal: None });
                    sources.push((Some(column), cast.clone()));
                }
            },
            Arg::Literal(value) => match literal_argument(n, value) {
                Some(argument) => {
                    arguments.push(argument);
                    sources.push((None, None));
                }
                None => problems.push(
                    Problem::configuration("a literal is null, a boolean, a number or a string")
                        .at(place)
                        .found(value.to_string()),
                ),
            },
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Request {
        component: component.clone(),
        function: function.clone(),
        kind,
        arguments,
        sources,
        config: config.clone(),
        pointer: pointer.to_owned(),
        texts: Texts::Config,
    })
}

/// The literal that is argument `n`; `None` for a list or a mapping.
pub(super) fn literal_argument(n: usize, value: &Value) -> Option<Argument> {
    let array = literal(value)?;
    let field = Field::new(format!("argument {n}"), array.data_type().clone(), value.is_null());
    Some(Argument { field, literal: Some(array) })
}

fn literal(value: &Value) -> Option<ArrayRef> {
    Some(match value {
        Value::Null => new_null_array(&DataType::Utf8, 1),
        Value::Bool(value) => Arc::new(BooleanArray::from(vec![*value])),
        Value::String(text) => Arc::new(StringArray::from(vec![text.as_str()])),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => Arc::new(Int64Array::from(vec![value])),
            (_, Some(value), _) => Arc::new(UInt64Array::from(vec![value])),
            (_, _, value) => Arc::new(Float64Array::from(vec![value?])),
        },
        Value::Array(_) | Value::Object(_) => return None,
    })
}

/// What a component says of its results decides what is created in the target: all of it must be a fact
/// of a column.
pub(super) fn ensure_facts(call: &str, results: &[Field], pointer: &str) -> Result<(), Vec<Problem>> {
    let wrong = |field: &Field| Some(wrong_fact(call, field.name(), check_facts(field).err()?).at(pointer));
    let problems: Vec<Problem> = results.iter().filter_map(wrong).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn wrong_fact(call: &str, column: &str, wrong: WrongFact) -> Problem {
    let column = line(column);
    Problem::component(format!("{}: result column {column:.200} has a wrong {}", line(call), wrong.subject))
        .found(wrong.found)
        .needed(wrong.needed)
}

/// The problem with a name that the plan gives a column, if there is one.
pub(super) fn wrong_name(name: &str, pointer: &str) -> Option<Problem> {
    let wrong = check_name(name).err()?;
    Some(
        Problem::configuration("the target can't have a column of this name")
            .at(pointer)
            .found(wrong.found)
            .needed(wrong.needed),
    )
}

pub(super) fn types(fields: &[Field]) -> String {
    let types: Vec<String> = fields.iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    types.join(", ")
}
