//! How fast the store is, and how large it gets: `cargo bench -p rowmill-state`.
//!
//! Fills a table with records of 20 + 60 bytes in batches of sorted keys that lie anywhere, makes
//! a checkpoint, reads random keys, then changes random records between checkpoints.
//! `RECORDS`, `CHANGED` (records changed per checkpoint) and `BATCH` set the sizes.

#![allow(clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]

use std::time::{Duration, Instant};

use rowmill_state::{Key, Options, Store, Value, Writes};

fn main() -> anyhow::Result<()> {
    let (records, changed, batch) = (size("RECORDS", 2_000_000), size("CHANGED", 500_000), size("BATCH", 250_000));
    let folder = tempfile::Builder::new().prefix("state").tempdir_in(std::env::var("FOLDER").unwrap_or(".".into()))?;
    let folder = folder.path().join("state");
    let store = Store::open(&folder, Options::default())?;
    let mut random = Random(7);

    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for first in (0..records).step_by(batch) {
        let writes = writes((first..records.min(first + batch)).map(|at| (at as u64, 0)));
        let one = Instant::now();
        store.write(&writes)?;
        slowest = slowest.max(one.elapsed());
    }
    report("fill", records, start.elapsed(), &store);
    println!("    slowest batch of {batch}: {slowest:.2?}");
    let one = Instant::now();
    store.commit(&[], b"{}")?;
    report("first commit", 1, one.elapsed(), &store);

    read(&store, &mut random, records)?;
    for round in 1..=size("ROUNDS", 4) as u64 {
        let start = Instant::now();
        let mut left = changed;
        while left > 0 {
            let count = left.min(batch);
            left -= count;
            store.write(&writes((0..count).map(|_| (random.next() % records as u64, round))))?;
        }
        report("change", changed, start.elapsed(), &store);
        let one = Instant::now();
        store.commit(&[], b"{}")?;
        report("commit", 1, one.elapsed(), &store);
    }
    // Evictions come in small batches, many between two checkpoints.
    for _ in 0..2 {
        let start = Instant::now();
        let (batch, batches) = (8_192, changed / 8_192);
        for _ in 0..batches {
            store.write(&writes((0..batch).map(|_| (random.next() % records as u64, 9))))?;
        }
        report("change in batches of 8,192", batch * batches, start.elapsed(), &store);
        let one = Instant::now();
        store.commit(&[], b"{}")?;
        report("commit", 1, one.elapsed(), &store);
    }
    read(&store, &mut random, records)?;
    let one = Instant::now();
    drop(store);
    println!("{:<28}{:>10.2?}", "close", one.elapsed());
    let one = Instant::now();
    let store = Store::open(&folder, Options::default())?;
    report("open", 1, one.elapsed(), &store);
    Ok(())
}

fn read(store: &Store, random: &mut Random, records: usize) -> anyhow::Result<()> {
    let (calls, keys) = (50, 8_192);
    let start = Instant::now();
    for _ in 0..calls {
        let keys: Vec<Key> = (0..keys).map(|_| key(random.next() % records as u64)).collect();
        anyhow::ensure!(store.read("groups", &keys)?.iter().all(Option::is_some), "a record is missing");
    }
    report("read 8,192 at a time", calls * keys, start.elapsed(), store);
    Ok(())
}

fn report(what: &str, records: usize, took: Duration, store: &Store) {
    let rate = if records > 1 { format!("{:.0}k/s", records as f64 / took.as_secs_f64() / 1e3) } else { String::new() };
    let file = store.bytes_on_disk().map_or(0, |bytes| bytes >> 20);
    println!(
        "{what:<28}{took:>10.2?}{rate:>10}   file {file:>6} MiB   memory {} (most {})",
        rss("VmRSS"),
        rss("VmHWM")
    );
}

fn writes(numbers: impl Iterator<Item = (u64, u64)>) -> Vec<Writes> {
    let mut entries: Vec<_> = numbers.map(|(number, version)| (key(number), Some(value(number, version)))).collect();
    entries.sort();
    vec![Writes { table: "groups".into(), entries }]
}

fn key(number: u64) -> Key {
    let mut key = [0; 20];
    key[..8].copy_from_slice(&Random(number).next().to_be_bytes());
    key[8..16].copy_from_slice(&number.to_be_bytes());
    Box::new(key)
}

fn value(number: u64, version: u64) -> Value {
    let mut value = [0; 60];
    value[..8].copy_from_slice(&number.to_le_bytes());
    value[8..16].copy_from_slice(&version.to_le_bytes());
    Box::new(value)
}

/// SplitMix64: spreads what it is given over all bits.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A line of /proc/self/status, in MiB.
fn rss(line: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|text| text.strip_prefix(line)?.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.map_or("?".into(), |kib| format!("{} MiB", kib >> 10))
}
