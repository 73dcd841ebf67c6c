//! Rows without aggregates: what is copied, and what follows.

use super::account::*;
use super::rows::*;
use super::*;

#[test]
fn rows_follow_their_source() {
    let steps = "
  - filter: \"n IS NULL OR n > -2\"
  - map: { twice: \"n * 2\" }
  - select: [id, g, twice]";
    check(steps, 10 * SECOND, |changes, _| {
        let rows = rows_after(changes);
        let kept = rows.iter().filter(|row| row.n.is_none_or(|n| n > -2));
        kept.map(|row| format!("{}|{}|{}", row.id, shown(row.g), shown(row.n.map(|n| n * 2)))).collect()
    });
}

/// Batches whose results are larger than a limit are run in pieces; who is told to stop gives that up, and the batch is
/// read again by the next start, whatever of its transaction came before it.
#[test]
fn a_batch_that_a_stop_gave_up_is_read_again() {
    let steps = "
  - map: { long: \"REPEAT(COALESCE(name, '-'), 100)\" }
  - select: [id, long]
limits: { output: 1KiB }";
    let streams = Streams { stops: true, ..Streams::spread(10 * SECOND) };
    check_streams(steps, &streams, |Case { changes, .. }| {
        let long = |row: &Row| row.name.unwrap_or("-").repeat(100);
        rows_after(changes).iter().map(|row| format!("{}|{}", row.id, long(row))).collect()
    });
}
