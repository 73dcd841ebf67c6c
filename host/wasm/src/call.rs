//! What a bound call is made of, whatever its shape: kept to bind again, and metered.
//!
//! [`Function`](crate::Function) and [`Aggregate`](crate::Aggregate) differ in what they
//! call and in what becomes of a lost instance. What they share is here: finding the
//! function, widening its arguments, making instances, and counting what calls use.

use std::collections::BTreeMap;
use std::sync::Arc;

use rowmill_foreign::line;
use wasmtime::component::ResourceAny;

use crate::binding::{Argument, Offer};
use crate::bindings::types::ColumnResult;
use crate::bounds::COUNTERS_MAX;
use crate::catalog::Kind;
use crate::component::{Component, Identity};
use crate::error::{Error, Place, Site};
use crate::instance::Instance;
use crate::limits::{Limits, Meter};
use crate::log::Quota;

/// An instance and what is bound in it. Boxed: it is taken out and put back at each call.
pub(crate) type Live = Box<(Instance, ResourceAny)>;

/// A function of a component with the arguments and the configuration of one step.
pub(crate) struct Call {
    pub(crate) component: Component,
    pub(crate) site: Arc<Site>,
    pub(crate) limits: Limits,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) args: Vec<Argument>,
    /// The configuration as JSON text.
    pub(crate) config: String,
    pub(crate) offer: Offer,
    pub(crate) meter: Meter,
    /// What the function counted through `host.count`, by name.
    pub(crate) counters: BTreeMap<String, u64>,
    /// Of log lines, for all instances together.
    quota: Quota,
    /// The meter has what checking the answers costs, too.
    pub(crate) counts_checks: bool,
}

impl Call {
    /// Finds the function and widens the arguments to what it accepts; `aggregate` says
    /// which shape the caller can run.
    pub(crate) async fn new(
        component: &Component,
        identity: &Identity,
        limits: &Limits,
        function: &str,
        args: &[Argument],
        config: &serde_json::Value,
        aggregate: bool,
    ) -> Result<Call, Error> {
        let description = component.describe_under(limits).await?;
        let Some(info) = description.function(function) else {
            return Err(Error::NoFunction {
                site: component.site(identity, None),
                function: function.to_owned(),
                available: description.functions.iter().map(|f| f.name.clone()).collect(),
            });
        };
        let site = component.site(identity, Some(function));
        if aggregate != (info.kind == Kind::Aggregate) {
            return Err(Error::Kind { site, found: info.kind });
        }
        let config = match config {
            serde_json::Value::Null => "{}".to_owned(),
            serde_json::Value::Object(_) => config.to_string(),
            _ => {
                let message = "the configuration is one value, needed keys with values".to_owned();
                let place = Place::Call;
                return Err(Error::Bind { site, place, message });
            }
        };
        Ok(Call {
            component: component.clone(),
            limits: limits.clone(),
            name: function.to_owned(),
            kind: info.kind,
            args: args.to_vec(),
            config,
            offer: Offer::new(&site, info, args)?,
            meter: Meter::default(),
            counters: BTreeMap::new(),
            quota: Quota::new(site.clone(), limits.log_lines),
            counts_checks: false,
            site,
        })
    }

    /// A fresh instance, nothing bound in it yet.
    pub(crate) async fn instance(&mut self) -> Result<Instance, Error> {
        let pool = Arc::clone(self.component.pool());
        let instance = loop {
            let permit = match self.kind {
                Kind::Aggregate => pool.permit_to_keep().await.ok_or_else(|| Error::NoRoom {
                    site: self.site.clone(),
                    found: format!("{} instances of aggregates in this process", pool.kept_max()),
                })?,
                _ => pool.permit().await,
            };
            let (site, quota) = (self.site.clone(), self.quota.clone());
            match Instance::new(&self.component, site, &self.limits, quota, permit).await {
                Err(Error::NoRoom { .. }) if pool.make_room().await => {}
                made => break made?,
            }
        };
        self.meter.instances += 1;
        self.meter.cpu += instance.used().cpu;
        Ok(instance)
    }

    /// Counts a call that ended, and gives the instance back if it can be called again.
    /// `rows` are those that the call took in.
    pub(crate) fn settle(&mut self, mut live: Live, rows: usize) -> Option<Live> {
        let used = live.0.used();
        self.meter.calls += 1;
        self.meter.rows += rows as u64;
        self.meter.cpu += used.cpu;
        self.meter.wall += used.wall;
        self.meter.memory_peak = self.meter.memory_peak.max(used.memory);
        if live.0.is_spent() {
            self.meter.traps += 1;
            return None;
        }
        for (name, delta) in live.0.take_counters().into_iter().flatten() {
            if let Some(value) = self.counters.get_mut(&name) {
                *value = value.saturating_add(delta);
            } else if self.counters.len() < COUNTERS_MAX {
                self.counters.insert(name, delta);
            }
        }
        Some(live)
    }

    /// Counts the columns that a call gave.
    pub(crate) fn received(&mut self, columns: &[ColumnResult]) {
        self.meter.output_bytes += columns.iter().map(size).sum::<u64>();
    }

    /// The function's own refusal of a call.
    pub(crate) fn refused(&self, message: String) -> Error {
        let site = self.site.clone();
        Error::Call { site, message: line(&message).into_owned() }
    }

    /// An answer that is not as the contract says.
    pub(crate) fn wrong(&self, message: String) -> Error {
        Error::wrong_answer(&self.site, &message)
    }

    /// A mistake of the host.
    pub(crate) fn misfit(&self, message: String) -> Error {
        let site = self.site.clone();
        Error::Input { site, message }
    }

    /// A signature that differs from the one bound first.
    pub(crate) fn changed(&self) -> Error {
        self.wrong("another signature when the same call was bound again".to_owned())
    }
}

fn size(column: &ColumnResult) -> u64 {
    let part = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    (column.values.len() + part(&column.offsets) + part(&column.validity)) as u64
}
