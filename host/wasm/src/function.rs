//! A function bound to arguments: what the dataflow calls.
//!
//! It owns all that binding took, so that after a trap, a timeout or a dropped call the
//! next [`Function::run`] makes a fresh instance and binds again. Functions are pure, so
//! that instance computes what the lost one would have.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, TimestampMicrosecondArray, UInt8Array, UInt64Array};
use smallvec::SmallVec;
use wasmtime::component::ResourceAny;

use crate::binding::{self, Argument, Offer, RowFact, Signature};
use crate::bindings::types;
use crate::catalog::Kind;
use crate::component::{Component, Identity};
use crate::error::{Error, Place, Site};
use crate::instance::Instance;
use crate::lift::{Output, lift};
use crate::limits::{Limits, Meter};
use crate::lower::{fact, is_plain, lower, plain};
use crate::widen;

/// Columns of a call that are handed over without an allocation.
const COLUMNS: usize = 4;

/// The rows of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// How many rows.
    pub rows: usize,
    /// The columns of [`Signature::reads`], in the types of the arguments as bound.
    pub columns: &'a [ArrayRef],
    /// 0..3 = +I -U +U -D, if [`RowFact::ChangeKind`] is asked for.
    pub ops: Option<&'a UInt8Array>,
    /// If [`RowFact::CommitTime`] is asked for.
    pub commit_time: Option<&'a TimestampMicrosecondArray>,
    /// If [`RowFact::Seed`] is asked for.
    pub seeds: Option<&'a UInt64Array>,
}

/// A function bound to arguments and a configuration.
pub struct Function {
    component: Component,
    site: Arc<Site>,
    limits: Limits,
    name: String,
    kind: Kind,
    args: Vec<Argument>,
    config: String,
    offer: Offer,
    signature: Signature,
    live: Option<Box<(Instance, ResourceAny)>>,
    meter: Meter,
    counters: BTreeMap<String, u64>,
}

// Without the configuration, which may hold secrets.
impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("site", &self.site).field("signature", &self.signature).finish_non_exhaustive()
    }
}

impl Function {
    /// Makes an instance and binds a function of it.
    ///
    /// `config` has to be a JSON object (null counts as an empty one). Arguments are
    /// widened to what the catalog says that the function accepts.
    pub async fn bind(
        component: &Component,
        identity: &Identity,
        limits: &Limits,
        function: &str,
        args: &[Argument],
        config: &serde_json::Value,
    ) -> Result<Function, Error> {
        let description = component.describe_under(limits).await?;
        let Some(info) = description.function(function) else {
            return Err(Error::NoFunction {
                site: component.site(identity, None),
                function: function.to_owned(),
                available: description.functions.iter().map(|f| f.name.clone()).collect(),
            });
        };
        let site = component.site(identity, Some(function));
        if info.kind == Kind::Aggregate {
            return Err(Error::Aggregate { site });
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
        let mut bound = Function {
            component: component.clone(),
            limits: limits.clone(),
            name: function.to_owned(),
            kind: info.kind,
            args: args.to_vec(),
            config,
            offer: Offer::new(&site, info, args)?,
            signature: Signature { reads: Vec::new(), facts: Vec::new(), results: Vec::new() },
            live: None,
            meter: Meter::default(),
            counters: BTreeMap::new(),
            site,
        };
        let (live, signature) = bound.fresh().await?;
        bound.live = Some(Box::new(live));
        bound.signature = signature;
        Ok(bound)
    }

    /// What it reads and gives.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Scalar, filter or table function.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The component it comes from.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// What its calls used so far.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.meter
    }

    /// What the function counted through `host.count`, by name.
    #[must_use]
    pub fn counters(&self) -> &BTreeMap<String, u64> {
        &self.counters
    }

    /// Bytes of memory that its instance holds now; 0 without one.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.live.as_ref().map_or(0, |live| live.0.memory())
    }

    /// Drops the instance, whose memory never shrinks; the next run makes a fresh one.
    pub fn recycle(&mut self) {
        self.live = None;
    }

    /// Runs it on a batch.
    ///
    /// A row that the function can't do is in [`Output::errors`]. An error with
    /// [`Error::is_trap`] or [`Error::is_limit`] ended the instance; running the rows in
    /// halves finds the one at fault. If the future is dropped, so is the instance.
    pub async fn run(&mut self, input: &Input<'_>) -> Result<Output, Error> {
        let rows = self.ensure_fits(input)?;
        let mut live = match self.live.take() {
            Some(live) => live,
            // Boxed: this future is then as small as the call's.
            None => Box::new(Box::pin(self.again()).await?),
        };
        let (instance, bound) = &mut *live;
        let made = self.made(input)?;
        let columns = self.lower(made.as_deref().unwrap_or(input.columns), input)?;
        let answer = instance.run(*bound, types::Batch { rows, columns: &columns }).await;
        let used = instance.used();
        self.meter.calls += 1;
        self.meter.rows += u64::from(rows);
        self.meter.cpu += used.cpu;
        self.meter.wall += used.wall;
        self.meter.memory_peak = self.meter.memory_peak.max(used.memory);
        if instance.is_spent() {
            self.meter.traps += 1;
        } else {
            if let Some(counters) = instance.take_counters() {
                self.add(counters);
            }
            self.live = Some(live);
        }
        let answer = answer?.map_err(|message| Error::Call { site: self.site.clone(), message })?;
        self.meter.output_bytes += answer.columns.iter().map(size).sum::<u64>();
        let table = self.kind == Kind::Table;
        lift(answer, input.rows, &self.signature.results, table).map_err(|message| self.wrong(message))
    }

    fn add(&mut self, counters: BTreeMap<String, u64>) {
        for (name, delta) in counters {
            let value = self.counters.entry(name).or_default();
            *value = value.saturating_add(delta);
        }
    }

    fn wrong(&self, message: String) -> Error {
        let site = self.site.clone();
        Error::WrongAnswer { site, message }
    }

    fn misfit(&self, message: String) -> Error {
        let site = self.site.clone();
        Error::Input { site, message }
    }

    /// A fresh instance, bound, with its signature checked.
    async fn fresh(&mut self) -> Result<((Instance, ResourceAny), Signature), Error> {
        let mut instance = Instance::new(&self.component, self.site.clone(), &self.limits).await?;
        self.meter.instances += 1;
        let (name, config) = (&self.name, &self.config);
        let args = self.offer.lend();
        let answer = instance.bind(name, &args.arguments(), config).await?;
        let (bound, found) = answer.map_err(|e| binding::refused(&self.site, e))?;
        let signature = binding::signature(found, self.kind, &self.args).map_err(|message| self.wrong(message))?;
        Ok(((instance, bound), signature))
    }

    /// Binds again what was bound before; purity means: to the same signature.
    async fn again(&mut self) -> Result<(Instance, ResourceAny), Error> {
        let (live, signature) = self.fresh().await?;
        if signature != self.signature {
            let message = "another signature when the same call was bound again";
            return Err(self.wrong(message.to_owned()));
        }
        Ok(live)
    }

    /// Checks what the host hands over, so that a mistake of ours is not blamed on the guest.
    fn ensure_fits(&self, input: &Input<'_>) -> Result<u32, Error> {
        let Ok(rows) = u32::try_from(input.rows) else {
            return Err(self.misfit(format!("{} rows in one call", input.rows)));
        };
        let reads = &self.signature.reads;
        if input.columns.len() != reads.len() {
            let found = input.columns.len();
            return Err(self.misfit(format!("{found} columns, needed {}", reads.len())));
        }
        for (column, read) in input.columns.iter().zip(reads) {
            let field = &self.args[*read].field;
            if column.len() != input.rows || column.data_type() != field.data_type() {
                return Err(self.misfit(format!(
                    "column {} with {} rows of {}, needed {} of {}",
                    field.name(),
                    column.len(),
                    column.data_type(),
                    input.rows,
                    field.data_type()
                )));
            }
        }
        Ok(rows)
    }

    /// The columns in the types that cross, from row 0 of their buffers; none if all are so already.
    fn made(&self, input: &Input<'_>) -> Result<Option<Vec<ArrayRef>>, Error> {
        let casts = || self.signature.reads.iter().map(|read| &self.offer.casts[*read]);
        if casts().all(Option::is_none) && input.columns.iter().all(|column| is_plain(column.as_ref())) {
            return Ok(None);
        }
        let made = input.columns.iter().zip(casts()).map(|(column, cast)| {
            let column = match cast {
                Some(to) => widen::cast(column, to).map_err(|e| self.misfit(e))?,
                None => column.clone(),
            };
            match is_plain(column.as_ref()) {
                true => Ok(column),
                false => plain(column.as_ref()).map_err(|e| self.misfit(e)),
            }
        });
        made.collect::<Result<_, _>>().map(Some)
    }

    fn lower<'a>(
        &self,
        columns: &'a [ArrayRef],
        input: &Input<'a>,
    ) -> Result<SmallVec<[types::ColumnParam<'a>; COLUMNS]>, Error> {
        let mut lowered = SmallVec::with_capacity(columns.len() + self.signature.facts.len());
        for column in columns {
            let column =
                lower(column.as_ref()).ok_or_else(|| self.misfit(format!("a column of {}", column.data_type())))?;
            lowered.push(column);
        }
        for wanted in &self.signature.facts {
            let found = match wanted {
                RowFact::ChangeKind => input.ops.map(|f| (f.len(), fact(f))),
                RowFact::CommitTime => input.commit_time.map(|f| (f.len(), fact(f))),
                RowFact::Seed => input.seeds.map(|f| (f.len(), fact(f))),
            };
            match found {
                Some((rows, fact)) if rows == input.rows => lowered.push(fact),
                _ => return Err(self.misfit(format!("no {wanted:?} for each row"))),
            }
        }
        Ok(lowered)
    }
}

fn size(column: &types::ColumnResult) -> u64 {
    let part = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    (column.values.len() + part(&column.offsets) + part(&column.validity)) as u64
}
