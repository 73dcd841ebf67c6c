//! The check of an aggregate's laws finds what breaks them.

use rowmill_sdk::test::aggregate;
use rowmill_sdk::{AggregateFunction, RowError, State, aggregate};
use std::panic::catch_unwind;

/// What the check of a broken aggregate says.
fn broken<F: AggregateFunction + Default + 'static>() -> String {
    let panic = catch_unwind(|| aggregate::<F>().check()).expect_err("the aggregate is broken");
    panic.downcast_ref::<String>().expect("a message").clone()
}

/// The texts of a report, each of which must be there.
fn assert_says(report: &str, texts: &[&str]) {
    for text in texts {
        assert!(report.contains(text), "needed {text:?} in:\n{report}");
    }
}

#[derive(Default, State)]
struct Naive {
    sum: f64,
}

#[aggregate]
impl Naive {
    fn update(&mut self, x: f64) {
        self.sum += x;
    }
    fn retract(&mut self, x: f64) {
        self.sum -= x;
    }
    fn finish(&self) -> f64 {
        self.sum
    }
}

#[test]
fn a_sum_of_floats_in_the_order_of_rows_is_found() {
    let report = broken::<naive>();
    assert_says(&report, &["taking rows out undoes taking them in", "arguments: float64; to repeat: .seed("]);
    // Two rows that leave or one that stays and one that leaves are enough.
    assert!(report.lines().filter(|line| line.trim_start().starts_with(['+', '-'])).count() <= 4, "{report}");
}

#[derive(Default, State)]
struct Forgets {
    sum: i128,
    rows: u32,
}

#[aggregate]
impl Forgets {
    fn update(&mut self, x: Option<i64>) {
        self.rows += 1;
        self.sum += i128::from(x.unwrap_or(0));
    }
    fn retract(&mut self, x: Option<i64>) {
        // The mistake: rows without a value are counted, but not uncounted.
        if let Some(x) = x {
            self.rows -= 1;
            self.sum -= i128::from(x);
        }
    }
    fn finish(&self) -> u32 {
        self.rows
    }
}

#[test]
fn the_smallest_rows_are_shown() {
    let report = broken::<forgets>();
    let expected = "`forgets` breaks a law: taking rows out undoes taking them in\n  \
                    result of group 0: expected [0], found [1]\n  rows:\n    \
                    + group 0: x = NULL\n    - group 0: x = NULL\n";
    assert!(report.starts_with(expected), "{report}");
}

#[derive(Default, State)]
struct First {
    x: Option<i64>,
}

#[aggregate]
impl First {
    fn update(&mut self, x: i64) {
        self.x.get_or_insert(x);
    }
    fn merge(&mut self, other: Self) {
        self.x = self.x.or(other.x);
    }
    fn finish(&self) -> Option<i64> {
        self.x
    }
}

#[test]
fn a_merge_that_depends_on_the_order_is_found() {
    assert_says(&broken::<first>(), &["merging is associative and commutative", "result of merging"]);
}

#[derive(Default, State)]
struct Small {
    sum: i64,
}

#[aggregate]
impl Small {
    fn update(&mut self, x: i8) -> Result<(), RowError> {
        // The mistake: whether the row is refused depends on the rows before it.
        if self.sum + i64::from(x) > 200 {
            return Err("too much".into());
        }
        self.sum += i64::from(x);
        Ok(())
    }
    fn finish(&self) -> i64 {
        self.sum
    }
}

#[test]
fn an_error_that_depends_on_the_state_is_found() {
    assert_says(&broken::<small>(), &["refused because of itself alone", "what depends on state errs in `evaluate`"]);
}

#[derive(Default, State)]
struct Overflows {
    sum: i64,
}

#[aggregate]
impl Overflows {
    fn update(&mut self, x: i64) {
        self.sum += x;
    }
    fn finish(&self) -> i64 {
        self.sum
    }
}

#[test]
fn a_panic_is_shown_with_its_rows() {
    assert_says(&broken::<overflows>(), &["it panics: attempt to add with overflow", "+ group 0: x = "]);
}
