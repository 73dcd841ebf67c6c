//! What `run`, `update`, `evaluate` and `snapshot` answer.

use std::collections::BTreeSet;

use crate::Verdict;
use crate::column::{Column, Field};
use crate::rng::Rng;
use crate::words;

/// A result of rows.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Of a table function.
    pub parents: Option<Vec<u8>>,
    /// The results.
    pub columns: Vec<Column>,
    /// Row, code and message.
    pub errors: Vec<(u32, String, String)>,
}

/// An answer, and what must become of it.
#[derive(Clone, Debug)]
pub struct Run {
    /// The result, or a refusal of the whole batch.
    pub answer: Result<Output, String>,
    /// Panics instead.
    pub panics: bool,
    /// What a host must make of it.
    pub verdict: Verdict,
    /// Input rows that must be in error, if it is right.
    pub failing: BTreeSet<usize>,
}

/// States, and what must become of them.
#[derive(Clone, Debug)]
pub struct State {
    /// Rows of each group.
    pub rows: Option<Vec<u8>>,
    /// The columns.
    pub columns: Vec<Column>,
    /// How many rows they have.
    pub len: usize,
    /// What a host must make of it.
    pub verdict: Verdict,
}

/// The answer of a seed to `rows` rows.
pub fn run(seed: u64, fields: &[Field], rows: usize, table: bool) -> Run {
    let mut rng = Rng::new(seed, 0x100 + rows as u64);
    let parents: Option<Vec<usize>> =
        table.then(|| (0..rows).flat_map(|row| vec![row; *rng.pick(&[0, 1, 1, 3])]).collect());
    let out = parents.as_ref().map_or(rows, Vec::len);
    let parent = |row: usize| parents.as_ref().map_or(row, |parents| parents[row]);
    let mut columns: Vec<Column> = fields.iter().map(|field| Column::right(&mut rng, field, out)).collect();
    let mut failing = BTreeSet::new();
    if rng.one_in(3) {
        for _ in 0..rng.below(3) {
            let (at, row) = (rng.below(fields.len()), rng.below(out));
            if row < out && columns[at].spoil(&fields[at], row, out) {
                failing.insert(parent(row));
            }
        }
    }
    let errors = flagged(&mut rng, rows);
    failing.extend(errors.iter().map(|(row, ..)| *row as usize));
    let parents = parents.map(|parents| parents.iter().flat_map(|row| (*row as u32).to_le_bytes()).collect());
    let mut output = Output { parents, columns, errors };
    let mut run = Run { answer: Ok(Output::default()), panics: rng.one_in(20), verdict: Verdict::Right, failing };
    if run.panics {
        run.verdict = Verdict::Refused;
    }
    if rng.one_in(3) {
        bend(&mut rng, &mut output, fields, rows, out);
        run.verdict = Verdict::Refused;
    }
    run.answer = Ok(output);
    if rng.one_in(16) {
        run.answer = Err(words::message(&mut rng));
        run.verdict = Verdict::Refused;
    }
    run
}

/// The row errors of a seed's `update`.
pub fn errors(seed: u64, rows: usize) -> (Vec<(u32, String, String)>, Verdict) {
    let mut rng = Rng::new(seed, 0x200 + rows as u64);
    let mut errors = flagged(&mut rng, rows);
    if !rng.one_in(6) {
        return (errors, Verdict::Right);
    }
    errors.push((rows as u32 + rng.below(5) as u32, "beyond".to_owned(), String::new()));
    (errors, Verdict::Refused)
}

/// The states of a seed for so many groups.
pub fn snapshot(seed: u64, fields: &[Field], groups: usize) -> State {
    let mut rng = Rng::new(seed, 0x300 + groups as u64);
    let counts: Option<Vec<u32>> = rng.one_in(2).then(|| (0..groups).map(|_| rng.below(4) as u32).collect());
    let len = counts.as_ref().map_or(groups, |counts| counts.iter().sum::<u32>() as usize);
    let mut columns: Vec<Column> = fields.iter().map(|field| Column::right(&mut rng, field, len)).collect();
    let mut rows: Option<Vec<u8>> = counts.map(|counts| counts.into_iter().flat_map(u32::to_le_bytes).collect());
    let mut verdict = Verdict::Right;
    if rng.one_in(3) {
        verdict = Verdict::Refused;
        match rng.below(4) {
            0 => rows = Some(vec![0xff; groups * 4 + 4]),
            1 => rows = Some(vec![0xff; groups * 4 + 1]),
            2 => columns.clear(),
            _ => {
                let at = rng.below(columns.len());
                columns[at].bend(&mut rng, fields[at].data_type, len);
            }
        }
    } else if len > 0 && rng.one_in(4) {
        let (at, row) = (rng.below(fields.len()), rng.below(len));
        if columns[at].spoil(&fields[at], row, len) {
            verdict = Verdict::Refused;
        }
    }
    State { rows, columns, len, verdict }
}

/// Row errors as a host takes them: unsorted, some rows twice, no more than there are rows.
fn flagged(rng: &mut Rng, rows: usize) -> Vec<(u32, String, String)> {
    if rows == 0 || !rng.one_in(3) {
        return Vec::new();
    }
    (0..rng.below(4).min(rows)).map(|_| (rng.below(rows) as u32, words::name(rng), words::message(rng))).collect()
}

/// Breaks the contract.
fn bend(rng: &mut Rng, output: &mut Output, fields: &[Field], rows: usize, out: usize) {
    match rng.below(6) {
        0 => drop(output.columns.pop()),
        1 => output.columns.push(Column::default()),
        2 => output.errors.push((rows as u32 + rng.below(3) as u32, "beyond".to_owned(), String::new())),
        3 => output.errors.push((u32::MAX, "beyond".to_owned(), String::new())),
        4 => match &mut output.parents {
            None => output.parents = Some(vec![0; out * 4]),
            Some(parents) => match rng.below(4) {
                0 => output.parents = None,
                1 => parents.push(0),
                2 => parents.extend_from_slice(&u32::MAX.to_le_bytes()),
                // A row that is there, for which there are no columns.
                _ => parents.extend_from_slice(&(rows as u32).to_le_bytes()),
            },
        },
        _ => {
            let at = rng.below(fields.len());
            output.columns[at].bend(rng, fields[at].data_type, out);
        }
    }
}
