//! A flipped byte anywhere in the state's file is reported, or it lies where no checkpoint looks.

use std::fs;
use std::path::Path;

use rowmill_state::{Checkpoint, Error, Options, Store, Writes};

use crate::{Contents, contents, open, put, try_contents};

/// A checkpoint with what it holds.
type Known = (Checkpoint, Contents);

/// A state with two checkpoints, more writes behind them, and pages used, freed and used again.
fn make(folder: &Path) -> Vec<Known> {
    let store = open(folder);
    let mut known = Vec::new();
    for round in 0..5_u32 {
        let entry = |at: u32| {
            let number = at.wrapping_mul(2_654_435_761) % 1_500;
            let value = (number % 5 != round).then(|| vec![u8::try_from(round).unwrap(); 120].into_boxed_slice());
            (Box::from(number.to_be_bytes()), value)
        };
        let all: Vec<_> = (round * 100..round * 100 + 900).map(entry).collect();
        for part in all.chunks(300) {
            store.write(&[Writes { table: "groups".into(), entries: part.to_vec() }]).unwrap();
        }
        if round < 4 {
            let checkpoint = store.commit(&[put("emitted", &[("a", &round.to_string())])], &[b'm'; 50]).unwrap();
            known.push((checkpoint, contents(&store)));
        }
    }
    known.split_off(2)
}

#[derive(Debug, Default)]
struct Outcomes {
    reported: usize,
    /// The byte is not part of any checkpoint.
    harmless: usize,
    /// It made the store go back to the checkpoint before, contents and manifest.
    older: usize,
}

/// Flips one bit and looks at everything.
fn flip(folder: &Path, whole: &[u8], known: &[Known], byte: usize, bit: u8, outcomes: &mut Outcomes) {
    let mut damaged = whole.to_vec();
    damaged[byte] ^= 1 << bit;
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("state.redb"), damaged).unwrap();
    let seen = Store::open(folder, Options::default()).and_then(|store| {
        let newest = (store.checkpoint(), try_contents(&store)?);
        // Going back is as safe; every other time, because each of these steps syncs the disk.
        if byte.is_multiple_of(2) && store.previous().is_some() {
            let previous = store.restore_previous()?;
            assert!(known.contains(&(previous, try_contents(&store)?)), "byte {byte}, bit {bit}: previous");
        }
        Ok(newest)
    });
    match seen {
        Ok((checkpoint, contents)) => {
            let checkpoint = checkpoint.expect("a state with checkpoints never looks like one without");
            match known.iter().position(|known| *known == (checkpoint.clone(), contents.clone())) {
                Some(1) => outcomes.harmless += 1,
                Some(_) => outcomes.older += 1,
                None => panic!("byte {byte}, bit {bit}: not a checkpoint"),
            }
        }
        Err(Error::Damaged { file, what, .. }) => {
            assert!(file.ends_with("state.redb") && !what.is_empty());
            outcomes.reported += 1;
        }
        // The number of redb's own format is in the file, too.
        Err(Error::Version { .. }) => outcomes.reported += 1,
        Err(other) => panic!("byte {byte}, bit {bit}: {other:?}"),
    }
}

#[test]
fn every_flipped_byte_of_the_header_is_found_or_harmless() {
    let parent = tempfile::tempdir().unwrap();
    for (name, closed) in [("closed", true), ("crashed", false)] {
        let folder = parent.path().join(name);
        let known = make(&folder);
        let store = (!closed).then(|| open(&folder));
        let whole = fs::read(folder.join("state.redb")).unwrap();
        drop(store);
        let mut outcomes = Outcomes::default();
        // What redb uses of its header, then some of the padding behind it.
        for byte in (0..320).chain((320..4_096).step_by(101)) {
            let bit = u8::try_from(byte % 8).unwrap();
            flip(&parent.path().join("flipped"), &whole, &known, byte, bit, &mut outcomes);
        }
        println!("{name}: {outcomes:?}");
        // The active one of two commit slots, and the fields that say where things are.
        assert!(outcomes.reported > 100 && outcomes.older == 0, "{name}: {outcomes:?}");
    }
}

#[test]
fn a_flipped_byte_anywhere_is_found_or_harmless() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    let known = make(&folder);
    let whole = fs::read(folder.join("state.redb")).unwrap();
    let mut outcomes = Outcomes::default();
    // Zeroes are where nothing was ever written; one position in sixteen of them is enough.
    for byte in (512..whole.len()).step_by(1_499) {
        if whole[byte] != 0 || byte % 16 == 0 {
            let bit = u8::try_from(byte % 8).unwrap();
            flip(&parent.path().join("flipped"), &whole, &known, byte, bit, &mut outcomes);
        }
    }
    println!("{} bytes: {outcomes:?}", whole.len());
    assert!(outcomes.reported > 100 && outcomes.older == 0, "{outcomes:?}");
}
