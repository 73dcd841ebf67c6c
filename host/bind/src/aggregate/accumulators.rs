//! Binding a value's function: what it can do beside what the step asks of it.

use arrow_schema::Field;
use rowmill_operators::aggregate::{ArgSource, Call, Pairs};
use rowmill_operators::wasm_limits;
use rowmill_plan::WindowShape;
use rowmill_plan::problem::Problem;
use rowmill_wasm::{AggregateSignature, Identity};

use super::Surroundings;
use super::value::Offered;
use crate::call::{Binder, Request, ensure_facts, types};
use crate::columns::Columns;
use crate::show::CallView;

impl Binder<'_> {
    /// Binds a value's function over the step's input with its hidden columns.
    pub(super) async fn accumulators(
        &mut self,
        offered: Offered<'_>,
        columns: &Columns,
        step: &rowmill_plan::Aggregate,
        surroundings: &Surroundings,
    ) -> Result<(Call, Field), Vec<Problem>> {
        let Offered { name, value, offer, filter } = offered;
        let (request, text_distinct) = offer.with(columns)?;
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
        let field = result(&shown, signature, &request.pointer)?;
        able(&shown, signature, distinct, step, surroundings).map_err(at)?;
        let sources = sources(&shown, signature, &request).map_err(at)?;
        let pairs = if distinct {
            let fields: Vec<&Field> = signature.call.reads.iter().map(|&read| &request.arguments[read].field).collect();
            let pairs = Pairs::new(format!("{}/distinct/{name}", surroundings.name), &fields);
            Some(pairs.map_err(|(_, message)| at(Problem::configuration(format!("distinct: {message}"))))?)
        } else {
            None
        };
        self.calls.push(CallView::new(&shown, component.digest(), &signature.call, &self.step.limits));
        let call = Call::new(shown, self.step.id.clone(), name.to_owned(), bound, sources, filter, pairs);
        Ok((call.map_err(|error| at(Problem::component(error.to_string())))?, field))
    }
}

/// The one column that a function makes, and that what it says of it can be.
fn result(shown: &str, signature: &AggregateSignature, pointer: &str) -> Result<Field, Vec<Problem>> {
    let [result] = &signature.call.results[..] else {
        let message = format!("{shown} has several results, a column takes one");
        return Err(vec![Problem::configuration(message).at(pointer).found(types(&signature.call.results))]);
    };
    ensure_facts(shown, &signature.call.results, pointer)?;
    Ok(result.clone())
}

/// Refuses a function that can't do what the step, its window or its source need.
fn able(
    shown: &str,
    signature: &AggregateSignature,
    distinct: bool,
    step: &rowmill_plan::Aggregate,
    surroundings: &Surroundings,
) -> Result<(), Problem> {
    if !signature.call.facts.is_empty() {
        let message = format!("{shown} asks for facts about rows, which an aggregate can't give");
        return Err(Problem::component(message));
    }
    if surroundings.retracts && !signature.retract {
        let message = format!("{shown} can't take rows out again, but rows of this source are updated and deleted");
        return Err(Problem::configuration(message)
            .found("a function without the ability to retract")
            .needed("a function that retracts; its docs name the exact variant (`rowmill udf inspect`)")
            .fix("or say `append_only: true` in the source, if its rows are never updated nor deleted"));
    }
    let sessions = matches!(step.window, Some(rowmill_plan::Window { shape: WindowShape::Session { .. }, .. }));
    if sessions && !signature.merge {
        let message = format!("{shown} can't merge states, which sessions are made of");
        return Err(Problem::configuration(message).fix("use a tumble, hop or cumulate window"));
    }
    if sessions && distinct {
        return Err(Problem::configuration("`distinct` is not possible with sessions, whose rows join and part")
            .fix("use count_distinct, or a tumble, hop or cumulate window"));
    }
    if step.ttl.is_some() && distinct {
        return Err(Problem::configuration("`distinct` is not possible with a time to live")
            .fix("use count_distinct, whose state is forgotten with its group"));
    }
    if distinct && signature.call.reads.is_empty() {
        return Err(Problem::configuration(format!("`distinct` needs an argument, {shown} reads none")));
    }
    Ok(())
}

/// Where the arguments that the function reads come from.
fn sources(shown: &str, signature: &AggregateSignature, request: &Request) -> Result<Vec<ArgSource>, Problem> {
    let source = |&read: &usize| match request.sources.get(read) {
        Some((Some(column), cast)) => Ok(ArgSource { column: *column, cast: cast.clone() }),
        _ => Err(Problem::component(format!("{shown} reads argument {read}, which is not a column"))),
    };
    signature.call.reads.iter().map(source).collect()
}
