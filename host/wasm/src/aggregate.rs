//! An aggregate bound to arguments: what an aggregate step calls.
//!
//! # A lost instance is lost
//!
//! The accumulators live in the instance. A trap, a limit, a dropped call or an answer to
//! `update` that can't be read leaves nobody knowing what is in them, so each of these
//! ends the instance, and from then on every call is refused with [`Error::Spent`]. No
//! fresh instance is made behind the holder's back: its accumulators would be empty, and
//! the results wrong without a word. The holder decides: [`Aggregate::renew`], then
//! [`Aggregate::merge`] of the states that it has, then the rows since.
//!
//! # What is checked, and what is not
//!
//! What comes back is checked in full. Of what the host hands over are checked: types,
//! lengths, group numbers below `count`, abilities. That groups are distinct where the
//! contract says so, and empty at a restore, is the holder's to keep.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow_array::{Array, UInt32Array};
use arrow_buffer::BooleanBuffer;

use crate::binding::{self, Argument, Signature};
use crate::bindings::{aggregate_function as wit, types};
use crate::bounds::{MIGRATIONS_MAX, ensure_count};
use crate::call::{Call, Live};
use crate::component::{Component, Identity};
use crate::error::Error;
use crate::input::Input;
use crate::lift::{Output, RowError, lift, lift_errors};
use crate::limits::{Limits, Meter};
use crate::lower::{bitmap, plain_bitmap};
use crate::states::{self, Crossing, StateSchema, States, lift_states, numbers};

/// What a bound aggregate reads, gives and keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateSignature {
    /// What it reads and gives; the results have a row per group.
    pub call: Signature,
    /// The columns of the states that it gives and takes.
    pub state: StateSchema,
    /// The versions, from and to, between which it can migrate states; one of each pair is that of `state`.
    pub migrations: Vec<(u32, u32)>,
    /// Whether rows can be taken out again.
    pub retract: bool,
    /// Whether a state can be merged into a group that is not empty.
    pub merge: bool,
}

/// An aggregate function bound to arguments and a configuration, with its accumulators.
pub struct Aggregate {
    call: Call,
    signature: AggregateSignature,
    live: Option<Live>,
}

// Without the configuration, which may hold secrets.
impl std::fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aggregate")
            .field("site", &self.call.site)
            .field("signature", &self.signature)
            .field("spent", &self.is_spent())
            .finish_non_exhaustive()
    }
}

impl Aggregate {
    /// Makes an instance and binds an aggregate of it; every accumulator is empty.
    ///
    /// Arguments and configuration are as in [`Function::bind`](crate::Function::bind); a
    /// function of another kind is refused.
    pub async fn bind(
        component: &Component,
        identity: &Identity,
        limits: &Limits,
        function: &str,
        args: &[Argument],
        config: &serde_json::Value,
    ) -> Result<Aggregate, Error> {
        let mut call = Call::new(component, identity, limits, function, args, config, true).await?;
        let (live, signature) = fresh(&mut call).await?;
        Ok(Aggregate { call, signature, live: Some(live) })
    }

    /// What it reads, gives and keeps.
    #[must_use]
    pub fn signature(&self) -> &AggregateSignature {
        &self.signature
    }

    /// The component it comes from.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.call.component
    }

    /// What its calls used so far, those on earlier instances included.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.call.meter
    }

    /// What the function counted through `host.count`, by name.
    #[must_use]
    pub fn counters(&self) -> &BTreeMap<String, u64> {
        &self.call.counters
    }

    /// Bytes of memory that its instance holds now; 0 once it is spent.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.live.as_ref().map_or(0, |live| live.0.memory())
    }

    /// Whether an earlier call ended the instance: all accumulators are lost, and only
    /// [`Aggregate::renew`] can be called.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.live.is_none()
    }

    /// Replaces the instance by a fresh one, bound to the same signature, with every
    /// accumulator empty. Also a way to give back memory, which an instance never does.
    pub async fn renew(&mut self) -> Result<(), Error> {
        // First: the two need not fit the pool at once.
        self.live = None;
        let (live, signature) = fresh(&mut self.call).await?;
        if signature != self.signature {
            return Err(self.call.changed());
        }
        self.live = Some(live);
        Ok(())
    }

    /// Takes rows in, or out again where a bit of `retract` is set; row i is of group `groups[i]`.
    ///
    /// `count` is above every number in `groups`; the component makes room for as many. The
    /// rows in the errors, sorted and each at most once, left no trace.
    pub async fn update(
        &mut self,
        count: u32,
        groups: &UInt32Array,
        retract: Option<&BooleanBuffer>,
        input: &Input<'_>,
    ) -> Result<Vec<RowError>, Error> {
        let signature = &self.signature.call;
        let rows = self.call.ensure_fits(signature, input)?;
        self.ensure_numbers(groups, Some(count))?;
        if groups.len() != input.rows {
            return Err(self.call.misfit(format!("{} groups of {rows} rows", groups.len())));
        }
        let retract = self.retracted(retract, input.rows)?;
        let made = self.call.made(signature, input)?;
        let columns = self.call.lower(signature, made.as_deref().unwrap_or(input.columns), input)?;
        let batch = types::Batch { rows, columns: &columns };
        let mut live = self.take()?;
        let answer = live.0.update(live.1, count, numbers(groups), retract.as_deref().map(bitmap), batch).await;
        self.live = self.call.settle(live, input.rows);
        let flagged = answer?.map_err(|message| self.call.refused(message))?;
        lift_errors(flagged, input.rows).map_err(|message| {
            // Rows went in, and which ones is not known.
            self.live = None;
            self.call.wrong(message)
        })
    }

    /// The results of these groups, a row each; the row of an error is a position in `groups`.
    pub async fn evaluate(&mut self, groups: &UInt32Array) -> Result<Output, Error> {
        self.ensure_numbers(groups, None)?;
        let mut live = self.take()?;
        let answer = live.0.evaluate(live.1, numbers(groups)).await;
        self.live = self.call.settle(live, 0);
        let answer = answer?.map_err(|message| self.call.refused(message))?;
        self.call.received(&answer.columns);
        let results = &self.signature.call.results;
        lift(answer, groups.len(), results, false).map_err(|message| self.call.wrong(message))
    }

    /// The states of these groups, which are distinct.
    pub async fn snapshot(&mut self, groups: &UInt32Array) -> Result<States, Error> {
        self.ensure_numbers(groups, None)?;
        let mut live = self.take()?;
        let answer = live.0.snapshot(live.1, numbers(groups)).await;
        self.live = self.call.settle(live, 0);
        let answer = answer?.map_err(|message| self.call.refused(message))?;
        self.call.received(&answer.columns);
        lift_states(answer, groups.len(), &self.signature.state.fields).map_err(|message| self.call.wrong(message))
    }

    /// Takes states in: state i into group `groups[i]`.
    ///
    /// `count` is above every number in `groups`. Without the ability to merge, the groups
    /// are distinct and empty. The states are of [`AggregateSignature::state`].
    pub async fn merge(&mut self, count: u32, groups: &UInt32Array, states: &States) -> Result<(), Error> {
        self.ensure_numbers(groups, Some(count))?;
        let misfit = |message| self.call.misfit(message);
        states.ensure_fits(&self.signature.state, groups.len()).map_err(misfit)?;
        let made = states.made().map_err(misfit)?;
        let columns = states.lower(made.as_deref().unwrap_or(&states.columns)).map_err(misfit)?;
        let lent = wit::StateParam { rows: states.counts(), columns: &columns };
        let mut live = self.take()?;
        let answer = live.0.merge(live.1, states.len(groups.len()), count, numbers(groups), lent).await;
        self.live = self.call.settle(live, 0);
        answer?.map_err(|message| self.call.refused(message))
    }

    /// Forgets these groups; those never touched are no mistake.
    pub async fn evict(&mut self, groups: &UInt32Array) -> Result<(), Error> {
        self.ensure_numbers(groups, None)?;
        let mut live = self.take()?;
        let answer = live.0.evict(live.1, numbers(groups)).await;
        self.live = self.call.settle(live, 0);
        answer
    }

    /// Turns the states of `groups` groups from one schema into another. One of the two is
    /// this binding's own, and their versions are among [`AggregateSignature::migrations`].
    pub async fn migrate(
        &mut self,
        source: &StateSchema,
        target: &StateSchema,
        states: &States,
        groups: usize,
    ) -> Result<States, Error> {
        let misfit = |message| self.call.misfit(message);
        self.ensure_migrates(source, target)?;
        states.ensure_fits(source, groups).map_err(misfit)?;
        let made = states.made().map_err(misfit)?;
        let columns = states.lower(made.as_deref().unwrap_or(&states.columns)).map_err(misfit)?;
        let lent = wit::StateParam { rows: states.counts(), columns: &columns };
        let (from, to) = (Crossing::new(source).map_err(misfit)?, Crossing::new(target).map_err(misfit)?);
        let (from_parts, to_parts) = (from.lend(), to.lend());
        let from_fields: Vec<types::FieldParam<'_>> = from_parts.iter().collect();
        let to_fields: Vec<types::FieldParam<'_>> = to_parts.iter().collect();
        let (from, to) = (from.schema(&from_fields), to.schema(&to_fields));
        let rows = states.len(groups).max(groups);
        let mut live = self.take()?;
        let answer = live.0.migrate(live.1, rows, from, to, lent).await;
        self.live = self.call.settle(live, 0);
        let answer = answer?.map_err(|message| self.call.refused(message))?;
        self.call.received(&answer.columns);
        lift_states(answer, groups, &target.fields).map_err(|message| self.call.wrong(message))
    }

    fn take(&mut self) -> Result<Live, Error> {
        self.live.take().ok_or_else(|| Error::Spent { site: self.call.site.clone() })
    }

    /// Checks that all are numbers, below `count` if there is one.
    fn ensure_numbers(&self, groups: &UInt32Array, count: Option<u32>) -> Result<(), Error> {
        if groups.null_count() > 0 {
            return Err(self.call.misfit("groups with NULLs".to_owned()));
        }
        let Some(count) = count else { return Ok(()) };
        // No early exit: the loop is then short vector code.
        let highest = groups.values().iter().fold(0, |highest, group| highest.max(*group));
        match groups.is_empty() || highest < count {
            true => Ok(()),
            false => Err(self.call.misfit(format!("group {highest}, needed a number below the count of {count}"))),
        }
    }

    /// The bits of the rows to take out, as they are lent.
    fn retracted<'a>(
        &self,
        retract: Option<&'a BooleanBuffer>,
        rows: usize,
    ) -> Result<Option<Cow<'a, BooleanBuffer>>, Error> {
        let Some(bits) = retract else { return Ok(None) };
        if bits.len() != rows {
            return Err(self.call.misfit(format!("{} bits to retract of {rows} rows", bits.len())));
        }
        if !self.signature.retract && bits.has_true() {
            return Err(self.call.misfit("rows to take out of an aggregate that cannot retract".to_owned()));
        }
        Ok(Some(plain_bitmap(bits)))
    }

    fn ensure_migrates(&self, source: &StateSchema, target: &StateSchema) -> Result<(), Error> {
        let own = &self.signature.state;
        if (source == own) == (target == own) {
            let message = "two schemas to migrate between, needed exactly one that is the function's own";
            return Err(self.call.misfit(message.to_owned()));
        }
        let pair = (source.version, target.version);
        if !self.signature.migrations.contains(&pair) {
            let message =
                format!("states of version {} to migrate to version {}, which the function cannot", pair.0, pair.1);
            return Err(self.call.misfit(message));
        }
        Ok(())
    }
}

/// A fresh instance, bound, with its signature checked.
async fn fresh(call: &mut Call) -> Result<(Live, AggregateSignature), Error> {
    let mut instance = call.instance().await?;
    let args = call.offer.lend();
    let answer = instance.bind_aggregate(&call.name, &args.arguments(), &call.config).await?;
    let (bound, found) = answer.map_err(|e| binding::refused(&call.site, e))?;
    let signature = signature(found, call).map_err(|message| call.wrong(message))?;
    Ok((Box::new((instance, bound)), signature))
}

/// Checks a guest's signature; the error says what is wrong with it.
fn signature(found: wit::AggregateSignature, call: &Call) -> Result<AggregateSignature, String> {
    let state = states::schema(found.state)?;
    ensure_count(found.migrations.len(), MIGRATIONS_MAX, "migrations").map_err(|e| format!("a signature with {e}"))?;
    let migrations: Vec<(u32, u32)> = found.migrations.iter().map(|pair| (pair.source, pair.target)).collect();
    let own = state.version;
    if let Some((source, target)) = migrations.iter().find(|(source, target)| *source != own && *target != own) {
        return Err(format!("a migration from version {source} to {target}, needed its own version {own} on one side"));
    }
    Ok(AggregateSignature {
        call: binding::signature(found.call, call.kind, &call.args)?,
        state,
        migrations,
        retract: found.abilities.contains(wit::Ability::RETRACT),
        merge: found.abilities.contains(wit::Ability::MERGE),
    })
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;
    use crate::engine::{Engine, EngineOptions};

    /// No guest can do this: nothing tells it which of its instances it is. A bug of the
    /// host, or of the sandbox, could.
    #[tokio::test]
    async fn another_signature_at_a_renewal_is_refused_and_leaves_it_spent() {
        let engine = Engine::new(EngineOptions::default()).expect("an engine");
        let component = engine.load("honest", rowmill_test_guests::HONEST).await.expect("loads");
        let args = [Argument { field: Field::new("x", DataType::Int64, true), literal: None }];
        let (identity, limits) = (Identity::default(), Limits::default());
        let mut sum = Aggregate::bind(&component, &identity, &limits, "sum", &args, &serde_json::Value::Null)
            .await
            .expect("binds");
        sum.renew().await.expect("the same");
        sum.signature.state.version += 1;
        let error = sum.renew().await.expect_err("another");
        assert!(matches!(error, Error::WrongAnswer { .. }), "{error}");
        assert!(error.to_string().contains("another signature"), "{error}");
        assert!(sum.is_spent());
    }
}
