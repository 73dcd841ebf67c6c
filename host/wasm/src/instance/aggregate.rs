//! The calls of the interface `aggregate-function`, each under limits.

use wasmtime::component::ResourceAny;

use super::{Instance, Live, allow, guarded};
use crate::bindings::{aggregate_function as wit, types};
use crate::bounds::BIND_BYTES;
use crate::error::Error;

/// What a call that a function may refuse gives: its answer, or the function's words.
type Answer<T> = Result<Result<T, String>, Error>;

/// One call on the bound aggregate. `$rows` is what the CPU limit grows by.
macro_rules! call {
    ($self:ident, $rows:expr, |$store:ident, $function:ident| $call:expr) => {{
        let rows = $rows;
        let mut live = $self.take()?;
        let Live { store: $store, budget, aggregates, .. } = &mut *live;
        let Some(interface) = aggregates else {
            return Err($self.lacks("aggregate-function"));
        };
        let $function = interface.bound_aggregate();
        let called = guarded!($store, budget, &$self.limits, rows, $call);
        $self.settle(live, rows, called)
    }};
}

/// Groups are lent as bytes, a uint32 each.
fn count(groups: &[u8]) -> usize {
    groups.len() / size_of::<u32>()
}

impl Instance {
    pub(crate) async fn bind_aggregate(
        &mut self,
        name: &str,
        args: &[types::Argument<'_>],
        config: &str,
    ) -> Result<Result<(ResourceAny, wit::AggregateSignature), types::BindError>, Error> {
        let mut live = self.take()?;
        let Live { store, budget, aggregates, .. } = &mut *live;
        let Some(aggregates) = aggregates else {
            return Err(self.lacks("aggregate-function"));
        };
        let called = guarded!(store, budget, &self.limits, 0, async {
            allow(store, BIND_BYTES);
            match aggregates.call_bind(&mut *store, name, args, config).await? {
                Ok(bound) => {
                    let signature = aggregates.bound_aggregate().call_signature(&mut *store, bound).await?;
                    Ok(Ok((bound, signature)))
                }
                Err(refused) => Ok(Err(refused)),
            }
        });
        self.settle(live, 0, called)
    }

    pub(crate) async fn update(
        &mut self,
        bound: ResourceAny,
        count: u32,
        groups: &[u8],
        retract: Option<&[u8]>,
        batch: types::Batch<'_>,
    ) -> Answer<Vec<types::RowError>> {
        call!(self, batch.rows as usize, |store, function| function.call_update(
            &mut *store,
            bound,
            count,
            groups,
            retract,
            batch
        ))
    }

    pub(crate) async fn evaluate(&mut self, bound: ResourceAny, groups: &[u8]) -> Answer<types::Output> {
        call!(self, count(groups), |store, function| function.call_evaluate(&mut *store, bound, groups))
    }

    pub(crate) async fn snapshot(&mut self, bound: ResourceAny, groups: &[u8]) -> Answer<wit::StateResult> {
        call!(self, count(groups), |store, function| function.call_snapshot(&mut *store, bound, groups))
    }

    /// `rows` are those of the states.
    pub(crate) async fn merge(
        &mut self,
        bound: ResourceAny,
        rows: usize,
        number_count: u32,
        groups: &[u8],
        states: wit::StateParam<'_>,
    ) -> Answer<()> {
        let rows = rows.max(count(groups));
        call!(self, rows, |store, function| function.call_merge(&mut *store, bound, number_count, groups, states))
    }

    pub(crate) async fn evict(&mut self, bound: ResourceAny, groups: &[u8]) -> Result<(), Error> {
        call!(self, count(groups), |store, function| function.call_evict(&mut *store, bound, groups))
    }

    /// `rows` are those of the states, or the groups if there are more.
    pub(crate) async fn migrate(
        &mut self,
        bound: ResourceAny,
        rows: usize,
        source: wit::StateSchemaParam<'_>,
        target: wit::StateSchemaParam<'_>,
        states: wit::StateParam<'_>,
    ) -> Answer<wit::StateResult> {
        call!(self, rows, |store, function| function.call_migrate(&mut *store, bound, source, target, states))
    }
}
