//! Random operations, closings and crashes against plain maps: what the store holds is always what
//! was written since the checkpoint, and after a crash the checkpoint.

use std::ops::Bound;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use rowmill_state::{Store, Writes};

use crate::{Contents, contents, crashed_copy, open};

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Entry>),
    Remove(u8, u16, u16),
    Commit(Vec<Entry>),
    Back,
    Clear,
    Close,
    Crash,
}

/// A table, a key, and the length of the new value, or none for a removal.
type Entry = (u8, u16, Option<u16>);

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    // Values of a few kilobytes, so that a few hundred records make trees of several levels.
    vec((0..3_u8, 0..400_u16, prop::option::weighted(0.8, 0..3_000_u16)), 0..60)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => entries().prop_map(Step::Write),
        2 => (0..3_u8, 0..400_u16, 0..60_u16).prop_map(|(table, from, count)| Step::Remove(table, from, count)),
        4 => entries().prop_map(Step::Commit),
        1 => Just(Step::Back),
        1 => Just(Step::Close),
        2 => Just(Step::Crash),
    ]
    .prop_flat_map(|step| prop_oneof![99 => Just(step), 1 => Just(Step::Clear)])
}

#[derive(Clone, Default)]
struct Model {
    now: Contents,
    /// Contents and manifest, oldest first; at most two.
    kept: Vec<(Contents, Vec<u8>)>,
}

impl Model {
    fn apply(&mut self, entries: &[Entry], version: usize) {
        for (table, key, value) in entries {
            let records = self.now.entry(table.to_string()).or_default();
            match value {
                Some(bytes) => drop(records.insert(key.to_be_bytes().to_vec(), value_of(*bytes, version))),
                None => drop(records.remove(key.to_be_bytes().as_slice())),
            }
        }
        self.now.retain(|_, records| !records.is_empty());
    }

    fn back_to_the_checkpoint(&mut self) {
        if let Some((contents, _)) = self.kept.last() {
            self.now = contents.clone();
        }
    }
}

fn value_of(bytes: u16, version: usize) -> Vec<u8> {
    vec![u8::try_from(version % 251).unwrap(); usize::from(bytes)]
}

fn writes(entries: &[Entry], version: usize) -> Vec<Writes> {
    let one = |(table, key, value): &Entry| Writes {
        table: table.to_string(),
        entries: vec![(Box::from(key.to_be_bytes()), value.map(|bytes| value_of(bytes, version).into()))],
    };
    entries.iter().map(one).collect()
}

fn ensure_equal(store: &Store, model: &Model) {
    assert_eq!(contents(store), model.now);
    let kept: Vec<_> = [store.previous(), store.checkpoint()].into_iter().flatten().map(|one| one.manifest).collect();
    assert_eq!(kept, model.kept.iter().map(|(_, manifest)| manifest.clone()).collect::<Vec<_>>());
}

fn run(steps: &[Step]) {
    let parent = tempfile::tempdir().unwrap();
    let mut folder: PathBuf = parent.path().join("0");
    let mut store = open(&folder);
    let mut model = Model::default();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Write(entries) => {
                store.write(&writes(entries, at)).unwrap();
                model.apply(entries, at);
            }
            Step::Remove(table, from, count) => {
                let keys = from.to_be_bytes()..(from + count).to_be_bytes();
                let (from, to) = (Bound::Included(keys.start.as_slice()), Bound::Excluded(keys.end.as_slice()));
                let removed = store.remove_range(&table.to_string(), from, to).unwrap();
                let records = model.now.entry(table.to_string()).or_default();
                let before = records.len();
                records.retain(|key, _| !(keys.start.as_slice()..keys.end.as_slice()).contains(&key.as_slice()));
                assert_eq!(removed as usize, before - records.len());
                model.apply(&[], at);
            }
            Step::Commit(entries) => {
                let manifest = at.to_string().into_bytes();
                store.commit(&writes(entries, at), &manifest).unwrap();
                model.apply(entries, at);
                model.kept.push((model.now.clone(), manifest));
                let old = model.kept.len().saturating_sub(2);
                model.kept.drain(..old);
            }
            Step::Back => {
                assert_eq!(store.restore_previous().is_ok(), model.kept.len() == 2);
                if model.kept.len() == 2 {
                    model.kept.pop();
                    model.back_to_the_checkpoint();
                }
            }
            Step::Clear => {
                store.clear().unwrap();
                model = Model::default();
            }
            Step::Close => {
                drop(store);
                store = open(&folder);
                model.back_to_the_checkpoint();
            }
            Step::Crash => {
                let copy = crashed_copy(&folder, &parent.path().join((at + 1).to_string()));
                drop(store);
                folder = copy;
                store = open(&folder);
                model.back_to_the_checkpoint();
                if model.kept.is_empty() {
                    // Nothing to go back to: what is left of a first fill is anybody's guess.
                    store.clear().unwrap();
                    model = Model::default();
                }
            }
        }
        ensure_equal(&store, &model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_store_holds_what_a_map_holds(steps in vec(step(), 1..40)) {
        run(&steps);
    }
}
