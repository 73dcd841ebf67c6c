//! The smallest rows that still break a law.

use super::laws::Law;
use super::rows::{Item, Subject};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// Attempts at most; each runs the law once.
const ATTEMPTS: usize = 400;

/// Checks a law; a panic of the function breaks it too.
pub(super) fn holds(law: &Law, subject: &Subject<'_>, items: &[Item], groups: u32) -> Result<(), String> {
    quieten();
    QUIET.set(true);
    let checked = catch_unwind(AssertUnwindSafe(|| (law.check)(subject, items, groups)));
    QUIET.set(false);
    checked.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("it panics: {}", text.unwrap_or_else(|| "without a message".to_owned())))
    })
}

thread_local! {
    /// Whether this thread is inside a law: its panics are reported at the end, once.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the hundreds of panics of shrinking out of the test's output.
fn quieten() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
}

/// Leaves out what can be left out, and returns what is left with what differs then.
pub(super) fn shrink(
    law: &Law,
    subject: &Subject<'_>,
    mut items: Vec<Item>,
    groups: u32,
    mut difference: String,
) -> (Vec<Item>, String) {
    let mut attempts = 0;
    let mut fails = |candidate: &[Item]| {
        attempts += 1;
        if attempts > ATTEMPTS { None } else { holds(law, subject, candidate, groups).err() }
    };
    let mut length = items.len().div_ceil(2);
    while length > 0 {
        let mut start = 0;
        let mut smaller = false;
        while start < items.len() {
            let mut candidate = items.clone();
            candidate.drain(start..(start + length).min(items.len()));
            match fails(&candidate) {
                Some(found) => {
                    (items, difference, smaller) = (candidate, found, true);
                }
                None => start += length,
            }
        }
        if !smaller || length > 1 {
            length /= 2;
        }
    }
    let mut together = items.clone();
    together.iter_mut().for_each(|item| item.group = 0);
    if let Some(found) = fails(&together) {
        (items, difference) = (together, found);
    }
    let simpler: [fn(&mut Item); 4] =
        [|item| item.left = None, |item| item.cuts.0 = false, |item| item.cuts.1 = false, |item| item.group = 0];
    for position in 0..items.len() {
        for change in simpler {
            let mut candidate = items.clone();
            change(&mut candidate[position]);
            if let Some(found) = fails(&candidate) {
                (items, difference) = (candidate, found);
            }
        }
    }
    (items, difference)
}
