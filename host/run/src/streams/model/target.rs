//! The target: rows by key, and the progress that every commit moves with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_cast::display::array_value_to_string;
use rand::Rng;
use rowmill_change::{Answer, Committed, Epoch, Holds, Target, Write, Written};
use rowmill_mysql::Error;

use super::super::Case;
use super::{End, Model, Point, World};

/// The target's rows by key, as text.
#[derive(Clone, Debug, Default)]
pub(in crate::streams) struct Rows(BTreeMap<String, String>);

impl Rows {
    fn apply(&mut self, write: &Write, converging: bool) {
        for event in 0..write.fresh.len() {
            let key = text(&write.keys, event);
            let rows = write.offsets[event]..write.offsets[event + 1];
            // Where the target converges, rows of later are there.
            if write.fresh[event] && !converging {
                assert!(!self.0.contains_key(&key), "{key} is there already");
            }
            match rows.len() {
                0 => drop(self.0.remove(&key)),
                _ => {
                    // The hash of a key that can be NULL is not what is looked at.
                    let schema = write.rows.schema();
                    let shown = schema.fields().iter().zip(write.rows.columns()).filter(|(f, _)| f.name() != "_key");
                    let columns: Vec<ArrayRef> = shown.map(|(_, column)| column.clone()).collect();
                    self.0.insert(key, text(&columns, rows.start as usize));
                }
            }
        }
    }

    pub(in crate::streams) fn sorted(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.0.values().cloned().collect();
        rows.sort();
        rows
    }
}

/// The values of a row, NULL as such.
pub(crate) fn text(columns: &[ArrayRef], row: usize) -> String {
    let value = |column: &ArrayRef| match column.is_null(row) {
        true => "NULL".to_owned(),
        false => array_value_to_string(column, row).unwrap(),
    };
    columns.iter().map(value).collect::<Vec<_>>().join("|")
}

impl World {
    /// What an idle source let pass must not be forgotten by who dies soon after it: so many do, in the midst of much.
    fn hurry_after_a_pause(&mut self, epoch: &Epoch) {
        let at = epoch.progress.position.as_ref();
        let is_pause = at.is_some() && at == self.standing.as_ref().and_then(|standing| standing.position.as_ref());
        if is_pause && epoch.progress.rows_in == 0 && !self.ends.is_empty() {
            self.hurries = 40;
            let soon = self.passed.get(&Point::Follow).copied().unwrap_or(0) + self.random.random_range(4..24);
            self.ends.insert(Point::Follow, (soon, End::Killed));
        }
    }

    fn commit(&mut self, epoch: &Epoch) {
        let update = &epoch.progress;
        for write in &epoch.writes {
            self.rows.resize_with(self.rows.len().max(write.target + 1), Rows::default);
            self.rows[write.target].apply(write, update.converging);
        }
        let standing = self.standing.get_or_insert_default();
        let before = standing.clone();
        standing.commits += 1;
        if let Some(position) = &update.position {
            assert!(before.position.as_ref().is_none_or(|before| position.reached(before)), "the position went back");
            let pause = Case::done(position);
            let whole = position.rows == 0 || position.rows >= self.case.epoch as u64;
            assert!(whole, "{position} cuts a transaction that fits into an epoch");
            // Nothing but time has passed.
            if before.position.as_ref() == Some(position) && update.rows_in == 0 && self.case.pauses.contains(&pause) {
                self.paused.insert(pause);
            }
            standing.position = Some(position.clone());
        }
        standing.snapshot.clone_from(&update.snapshot);
        standing.converge_until.clone_from(&update.converge_until);
        if update.aggregates.is_some() {
            standing.aggregates.clone_from(&update.aggregates);
        }
        self.before = Some(before).filter(|before| before.position.is_some());
    }
}

impl Target for Model {
    type Error = Error;

    fn commit(&mut self, epoch: Epoch) -> Answer<'_, Committed, Error> {
        Box::pin(async move {
            self.world().hurry_after_a_pause(&epoch);
            let point = match &epoch.progress {
                _ if self.world().handle.is_stopping() => Point::Drain,
                update if update.position.is_none() => Point::Publish,
                update if update.snapshot.is_some() => Point::Copy,
                _ => Point::Follow,
            };
            self.take_time().await;
            self.pass(point).await;
            self.world().commit(&epoch);
            self.pass(point).await;
            self.take_time().await;
            let mut targets = Vec::<Written>::new();
            for write in &epoch.writes {
                targets.resize(targets.len().max(write.target + 1), Written::default());
                targets[write.target].rows += write.rows.num_rows() as u64;
            }
            Ok(Committed { targets, bulk: false, retries: 0 })
        })
    }

    fn record_stop<'a>(&'a mut self, reason: &'a str) -> Answer<'a, (), Error> {
        panic!("the pipeline stopped: {reason}")
    }

    fn holds(&self, _: usize) -> Option<Arc<dyn Holds>> {
        None
    }
}
