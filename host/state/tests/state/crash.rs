//! Killed for real, at any moment: a child process writes and commits until it dies, and what it
//! leaves behind is a checkpoint that it had announced, or the one it was about to announce.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rowmill_state::Writes;

use crate::{Contents, contents, open};

const FOLDER: &str = "ROWMILL_STATE_KILLED";

/// What checkpoint `sequence` holds: each round writes some records, and removes some.
fn round(sequence: u64) -> Vec<Writes> {
    let entry = |at: u64| {
        let number = (sequence * 7_919 + at * 104_729) % 5_000;
        let value = (number % 11 != sequence % 11).then(|| vec![u8::try_from(sequence % 251).unwrap(); 200].into());
        (Box::from(number.to_be_bytes()), value)
    };
    vec![Writes { table: "groups".into(), entries: (0..600).map(entry).collect() }]
}

fn expected(sequence: u64) -> Contents {
    let mut groups = std::collections::BTreeMap::new();
    for (key, value) in (1..=sequence).flat_map(round).flat_map(|writes| writes.entries) {
        match value {
            Some(value) => drop(groups.insert(key.into_vec(), value.into_vec())),
            None => drop(groups.remove(&*key)),
        }
    }
    Contents::from([("groups".to_owned(), groups)])
}

/// The child. Half of a round is written before the commit, half with it.
#[test]
fn write_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = open(Path::new(&folder));
    let first = store.checkpoint().map_or(0, |checkpoint| checkpoint.sequence) + 1;
    for sequence in first.. {
        let [all] = <[Writes; 1]>::try_from(round(sequence)).unwrap();
        let (early, late) = all.entries.split_at(300);
        let part = |entries: &[_]| [Writes { table: all.table.clone(), entries: entries.to_vec() }];
        store.write(&part(early)).unwrap();
        let committed = store.commit(&part(late), sequence.to_string().as_bytes()).unwrap();
        println!("committed {}", committed.sequence);
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn a_killed_process_leaves_its_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut announced = 0;
    for kill in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::write_until_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            if let Some(sequence) = line.unwrap().strip_prefix("committed ") {
                announced = sequence.parse().unwrap();
                seen += 1;
            }
            if seen == 3 {
                // At another moment of the round each time.
                std::thread::sleep(Duration::from_micros(kill * 1_700));
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();

        let store = open(folder.path());
        let newest = store.checkpoint().unwrap();
        assert!(newest.sequence >= announced, "{} was announced, {} is there", announced, newest.sequence);
        assert_eq!(newest.manifest, newest.sequence.to_string().into_bytes());
        assert_eq!(contents(&store), expected(newest.sequence));
        assert_eq!(store.previous().unwrap().sequence, newest.sequence - 1);
        if kill % 4 == 3 {
            store.restore_previous().unwrap();
            assert_eq!(contents(&store), expected(newest.sequence - 1));
        }
    }
}
