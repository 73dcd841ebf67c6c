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
