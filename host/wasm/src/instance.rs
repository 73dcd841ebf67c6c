//! One instance of a component, and the one way to call it: under limits.
//!
//! A store that trapped, ran out of time, or whose call was dropped half-way is in no
//! defined state. [`Instance::call`] therefore takes the store out of the instance and
//! puts it back only after a call that came back; anything else drops it, and the
//! instance is *spent*. Whoever holds it makes a new one.

mod aggregate;

use std::sync::Arc;
use std::time::Duration;

use rowmill_foreign::line;
use wasmtime::component::ResourceAny;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use crate::bindings::{aggregate_function, catalog, row_function, types};
use crate::bounds::{BIND_BYTES, DESCRIBE_BYTES};
use crate::budget::Budget;
use crate::component::Component;
use crate::error::{Error, Limit, Site};
use crate::limits::Limits;
use crate::log::Quota;
use crate::pool::Permit;
use crate::world::World;

/// An instance: a memory of its own, the limits, and the interfaces found in it.
pub struct Instance {
    site: Arc<Site>,
    limits: Limits,
    /// Boxed: it is taken out and put back at each call.
    live: Option<Box<Live>>,
    used: Used,
    _permit: Permit,
}

struct Live {
    store: Store<World>,
    /// That of the store's world: the store itself is lent to the call.
    budget: Arc<Budget>,
    catalog: catalog::Guest,
    rows: Option<row_function::Guest>,
    aggregates: Option<aggregate_function::Guest>,
}

/// What the last call used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    pub(crate) memory: u64,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("site", &self.site).field("spent", &self.is_spent()).finish_non_exhaustive()
    }
}

/// A call that did not come back, as seen from outside the store.
enum Broken {
    TimedOut,
    Failed(wasmtime::Error),
}

/// Runs one future on the store under the budget of the call, and tells how it ended.
/// A macro, because the future borrows the store and each call has another type.
macro_rules! guarded {
    ($store:expr, $budget:expr, $limits:expr, $rows:expr, $call:expr) => {{
        $crate::instance::begin($store, $limits, $rows);
        let call = std::pin::pin!($call);
        match $crate::budget::Metered::new(call, $budget).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err($crate::instance::Broken::Failed(error)),
            Err(_) => Err($crate::instance::Broken::TimedOut),
        }
    }};
}
use guarded;

impl Instance {
    pub(crate) async fn new(
        component: &Component,
        site: Arc<Site>,
        limits: &Limits,
        quota: Quota,
        permit: Permit,
    ) -> Result<Instance, Error> {
        let pre = component.pre();
        let mut store = Store::new(pre.engine(), World::new(site.clone(), limits, quota));
        store.limiter(|world| &mut world.memory);
        store.epoch_deadline_callback(|context| match context.data().budget.tick() {
            Ok(()) => Ok(UpdateDeadline::Yield(1)),
            Err(_) => Ok(UpdateDeadline::Interrupt),
        });
        let budget = store.data().budget.clone();
        let made = guarded!(&mut store, &budget, limits, 0, pre.instantiate_async(&mut store));
        let made = made.and_then(|instance| {
            let catalog = component.catalog().load(&mut store, &instance).map_err(Broken::Failed)?;
            let rows = component.rows().map(|found| found.load(&mut store, &instance));
            let rows = rows.transpose().map_err(Broken::Failed)?;
            let aggregates = component.aggregates().map(|found| found.load(&mut store, &instance));
            let aggregates = aggregates.transpose().map_err(Broken::Failed)?;
            Ok((catalog, rows, aggregates))
        });
        match made {
            Ok((catalog, rows, aggregates)) => Ok(Instance {
                site,
                limits: limits.clone(),
                used: used(&store),
                live: Some(Box::new(Live { store, budget, catalog, rows, aggregates })),
                _permit: permit,
            }),
            // A component of many modules takes more than one place of the pool.
            Err(Broken::Failed(error)) if error.is::<wasmtime::PoolConcurrencyLimitError>() => {
                Err(Error::NoRoom { site, found: line(&error.to_string()).into_owned() })
            }
            Err(broken) => Err(explain(&site, limits, 0, &store, broken)),
        }
    }

    /// Whether a call did not come back; then nothing can be called any more.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.live.is_none()
    }

    /// Bytes of linear memory and tables, which never shrink.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.used.memory
    }

    pub(crate) fn used(&self) -> Used {
        self.used
    }

    pub(crate) fn take_counters(&mut self) -> Option<std::collections::BTreeMap<String, u64>> {
        let world = self.live.as_mut()?.store.data_mut();
        world.has_counters().then(|| world.take_counters())
    }

    pub(crate) async fn describe(&mut self) -> Result<catalog::Description, Error> {
        let mut live = self.take()?;
        let Live { store, budget, catalog, .. } = &mut *live;
        let called = guarded!(store, budget, &self.limits, 0, {
            allow(store, DESCRIBE_BYTES);
            catalog.call_describe(&mut *store)
        });
        self.settle(live, 0, called)
    }

    pub(crate) async fn bind(
        &mut self,
        name: &str,
        args: &[types::Argument<'_>],
        config: &str,
    ) -> Result<Result<(ResourceAny, types::Signature), types::BindError>, Error> {
        let mut live = self.take()?;
        let Live { store, budget, rows, .. } = &mut *live;
        let Some(rows) = rows else {
            return Err(self.lacks("row-function"));
        };
        let called = guarded!(store, budget, &self.limits, 0, async {
            allow(store, BIND_BYTES);
            match rows.call_bind(&mut *store, name, args, config).await? {
                Ok(bound) => {
                    let signature = rows.bound_function().call_signature(&mut *store, bound).await?;
                    Ok(Ok((bound, signature)))
                }
                Err(refused) => Ok(Err(refused)),
            }
        });
        self.settle(live, 0, called)
    }

    pub(crate) async fn run(
        &mut self,
        bound: ResourceAny,
        batch: types::Batch<'_>,
    ) -> Result<Result<types::Output, String>, Error> {
        let rows = batch.rows as usize;
        let mut live = self.take()?;
        let Live { store, budget, rows: interface, .. } = &mut *live;
        let Some(interface) = interface else {
            return Err(self.lacks("row-function"));
        };
        let function = interface.bound_function();
        let called = guarded!(store, budget, &self.limits, rows, function.call_run(&mut *store, bound, batch));
        self.settle(live, rows, called)
    }

    fn take(&mut self) -> Result<Box<Live>, Error> {
        self.live.take().ok_or_else(|| Error::Spent { site: self.site.clone() })
    }

    fn lacks(&self, interface: &str) -> Error {
        let site = self.site.clone();
        Error::Interface { site, found: format!("it exports no {interface}") }
    }

    /// Puts the store back after a call that came back, drops it after any other.
    fn settle<T>(&mut self, live: Box<Live>, rows: usize, called: Result<T, Broken>) -> Result<T, Error> {
        self.used = used(&live.store);
        match called {
            Ok(value) => {
                self.live = Some(live);
                Ok(value)
            }
            Err(broken) => Err(explain(&self.site, &self.limits, rows, &live.store, broken)),
        }
    }
}

fn begin(store: &mut Store<World>, limits: &Limits, rows: usize) {
    store.set_epoch_deadline(1);
    store.set_hostcall_fuel(usize::try_from(limits.output).unwrap_or(usize::MAX));
    let world = store.data_mut();
    world.memory.begin();
    world.voice.begin();
    world.budget.begin(limits.cpu(rows), limits.wall);
}

/// Lowers what the call may hand over, which is the step's limit on output otherwise.
fn allow(store: &mut Store<World>, bytes: usize) {
    let bytes = bytes.min(store.hostcall_fuel());
    store.set_hostcall_fuel(bytes);
}

fn used(store: &Store<World>) -> Used {
    let world = store.data();
    let (cpu, wall) = world.budget.used();
    Used { cpu, wall, memory: world.memory.used() }
}

/// The error of a call that did not come back. A limit that was hit explains the trap
/// that followed, so limits are looked at first.
fn explain(site: &Arc<Site>, limits: &Limits, rows: usize, store: &Store<World>, broken: Broken) -> Error {
    let site = site.clone();
    let world = store.data();
    let output = world.voice.last_words();
    let limit =
        |limit: Limit, allowed: String| Error::Limit { site: site.clone(), limit, allowed, output: output.clone() };
    let wall = || limit(Limit::Wall, format!("{:?}", limits.wall));
    let error = match broken {
        Broken::TimedOut => return wall(),
        Broken::Failed(error) => error,
    };
    match world.budget.breached() {
        Some(Limit::Cpu) => {
            let allowed = format!("{:?} for {rows} rows", limits.cpu(rows));
            return limit(Limit::Cpu, allowed);
        }
        Some(_) => return wall(),
        None => {}
    }
    if world.memory.refused() {
        return limit(Limit::Memory, format!("{} bytes", limits.memory));
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Error::Engine { message: format!("{site}: all instances of the pool are in use: {error}") };
    }
    // The engine's error for this is private; its words are all there is to tell it by.
    let reason = format!("{:#}", error.root_cause());
    if reason.contains("fuel allocated for hostcalls") {
        return limit(Limit::Output, format!("{} bytes a call", store.hostcall_fuel()));
    }
    let reason = if let Some(exit) = error.downcast_ref::<I32Exit>() {
        format!("called exit({}), which ends an instance; return an error instead", exit.0)
    } else if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
        format!("trapped: {trap}")
    } else {
        format!("failed: {}", line(&reason))
    };
    Error::Trap { site, reason, output }
}
