//! A function bound to arguments: what the dataflow calls.
//!
//! It owns all that binding took, so that after a trap, a timeout or a dropped call, or when its instance was
//! given to another function ([`crate::pool`]), the next [`Function::run`] makes a fresh one and binds again. Functions are pure, so
//! that instance computes what the lost one would have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::binding::{self, Argument, Signature};
use crate::bindings::types;
use crate::call::{Call, Live};
use crate::catalog::Kind;
use crate::component::{Component, Identity};
use crate::error::Error;
use crate::input::Input;
use crate::lift::{Output, lift};
use crate::limits::{Limits, Meter};
use crate::pool::Slot;

/// A scalar, filter or table function bound to arguments and a configuration.
pub struct Function {
    call: Call,
    signature: Signature,
    slot: Arc<Slot>,
}

// Without the configuration, which may hold secrets.
impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function")
            .field("site", &self.call.site)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

impl Function {
    /// Makes an instance and binds a function of it.
    ///
    /// `config` has to be a JSON object (null counts as an empty one). Arguments are
    /// widened to what the catalog says that the function accepts. An aggregate is
    /// refused: it is bound by [`Aggregate::bind`](crate::Aggregate::bind).
    pub async fn bind(
        component: &Component,
        identity: &Identity,
        limits: &Limits,
        function: &str,
        args: &[Argument],
        config: &serde_json::Value,
    ) -> Result<Function, Error> {
        let mut call = Call::new(component, identity, limits, function, args, config, false).await?;
        let (live, signature) = fresh(&mut call).await?;
        let pool = call.component.pool();
        let slot = pool.slot();
        pool.put_back(&slot, live);
        Ok(Function { call, signature, slot })
    }

    /// What it reads and gives.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Scalar, filter or table function.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.call.kind
    }

    /// The component it comes from.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.call.component
    }

    /// What its calls used so far.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.call.meter
    }

    /// What the function counted through `host.count`, by name.
    #[must_use]
    pub fn counters(&self) -> &BTreeMap<String, u64> {
        &self.call.counters
    }

    /// Bytes of memory that its instance holds now; 0 without one.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.slot.look(|live| live.0.memory()).unwrap_or(0)
    }

    /// Gives the instance back, whose memory never shrinks; the next run makes a fresh one.
    pub fn recycle(&mut self) {
        self.slot.clear();
    }

    /// Runs it on a batch.
    ///
    /// A row that the function can't do is in [`Output::errors`]. An error with
    /// [`Error::is_trap`] or [`Error::is_limit`] ended the instance; running the rows in
    /// halves finds the one at fault. If the future is dropped, so is the instance.
    pub async fn run(&mut self, input: &Input<'_>) -> Result<Output, Error> {
        let rows = self.call.ensure_fits(&self.signature, input)?;
        let made = self.call.made(&self.signature, input)?;
        let columns = self.call.lower(&self.signature, made.as_deref().unwrap_or(input.columns), input)?;
        let mut live = match self.slot.take() {
            Some(live) => live,
            // Boxed: this future is then as small as the call's.
            None => Box::pin(self.again()).await?,
        };
        let (instance, bound) = &mut *live;
        let answer = instance.run(*bound, types::Batch { rows, columns: &columns }).await;
        if let Some(live) = self.call.settle(live, input.rows) {
            self.call.component.pool().put_back(&self.slot, live);
        }
        let answer = answer?.map_err(|message| self.call.refused(message))?;
        self.call.received(&answer.columns);
        let table = self.call.kind == Kind::Table;
        let begun = self.call.counts_checks.then(Instant::now);
        let lifted = lift(answer, input.rows, &self.signature.results, table);
        if let Some(begun) = begun {
            self.call.meter.cpu += begun.elapsed();
        }
        lifted.map_err(|message| self.call.wrong(message))
    }

    /// Whether the meter's CPU time includes what the host spends on checking answers. It is off at
    /// first: reading the clock costs as much as a small call. Whoever pays for calls that fail turns
    /// it on, since an answer can be made so that checking it costs more than making it.
    pub fn count_checks(&mut self, on: bool) {
        self.call.counts_checks = on;
    }

    /// Binds again what was bound before; purity means: to the same signature.
    async fn again(&mut self) -> Result<Live, Error> {
        let (live, signature) = fresh(&mut self.call).await?;
        if signature != self.signature {
            return Err(self.call.changed());
        }
        Ok(live)
    }
}

/// A fresh instance, bound, with its signature checked.
async fn fresh(call: &mut Call) -> Result<(Live, Signature), Error> {
    let mut instance = call.instance().await?;
    let args = call.offer.lend();
    let answer = instance.bind(&call.name, &args.arguments(), &call.config).await;
    call.meter.cpu += instance.used().cpu;
    let (bound, found) = answer?.map_err(|e| binding::refused(&call.site, e))?;
    let signature = binding::signature(found, call.kind, &call.args).map_err(|message| call.wrong(message))?;
    Ok((Box::new((instance, bound)), signature))
}
