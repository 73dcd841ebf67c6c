//! What the parts of an aggregate ask of each other.

use std::time::Duration;

use super::names::Names;
use crate::problem::{Problem, child};
use crate::units::format_duration;
use crate::{Aggregate, Window, WindowShape};

/// The columns that a window adds to the result.
pub const WINDOW_COLUMNS: [&str; 2] = ["window_start", "window_end"];

/// Each row is added to all its windows, so this is what one row may cost. Twice as many are
/// twice the work and the state; a finer grain than a thousandth of a window is seldom meant.
const WINDOWS_PER_ROW_MAX: u128 = 1_000;

/// Checks the aggregate at `at`.
pub(super) fn check(aggregate: &Aggregate, at: &str, problems: &mut Vec<Problem>) {
    let (by, values) = (child(at, "by"), child(at, "values"));
    if aggregate.by.is_empty() && aggregate.window.is_none() {
        problems.push(
            Problem::configuration("an aggregate without by and window")
                .at_key(at)
                .needed("columns that make a group, or a window")
                .fix("for one group of all rows, map a constant column before it: - map: { everything: \"1\" }, and write by: [everything]"),
        );
    }
    // Results have the columns of both.
    let mut names = Names::default();
    if !aggregate.by.is_empty() {
        names.list(&aggregate.by, &by, problems);
    }
    names.keys(aggregate.values.iter().map(|(name, _)| name), &values, problems);
    if let Some(found) = &aggregate.window {
        let own = aggregate.by.iter().enumerate().map(|(index, column)| (column, child(&by, index)));
        let own = own.chain(aggregate.values.iter().map(|(column, _)| (column, child(&values, column))));
        problems.extend(own.filter_map(|(column, at)| not_of_the_window(column, at)));
        window(found, &child(at, "window"), problems);
    }
    let Some(ttl) = aggregate.ttl else { return };
    let ttl_at = child(at, "ttl");
    positive(ttl, ttl_at.clone(), problems);
    if aggregate.window.is_some() {
        problems.push(
            Problem::configuration("ttl together with a window")
                .at_key(ttl_at)
                .needed("one of the two: windows end by themselves")
                .fix("leave ttl out"),
        );
    }
    for (name, _) in aggregate.values.iter().filter(|(_, value)| value.distinct) {
        problems.push(
            Problem::configuration("distinct together with ttl")
                .at_key(child(&child(&values, name), "distinct"))
                .needed("one of the two: values that were seen can't be forgotten one by one")
                .fix("use count_distinct, which is forgotten with its group, or leave ttl out"),
        );
    }
}

fn not_of_the_window(column: &str, at: String) -> Option<Problem> {
    WINDOW_COLUMNS.iter().any(|name| name.eq_ignore_ascii_case(column)).then(|| {
        Problem::configuration(format!("column {column} is one that the window makes"))
            .at(at)
            .needed(format!("other names than {}", WINDOW_COLUMNS.join(" and ")))
            .fix("choose another name; a column of that name is renamed by a step before: - rename: { … }")
    })
}

fn window(window: &Window, at: &str, problems: &mut Vec<Problem>) {
    Names::default().take(&window.on, child(at, "on"), problems);
    if !window.lateness.is_zero() {
        positive(window.lateness, child(at, "lateness"), problems);
    }
    if let Some(idle) = window.idle {
        positive(idle, child(at, "idle"), problems);
    }
    let at = child(at, window.shape.name());
    match window.shape {
        WindowShape::Tumble { size } => _ = positive(size, at, problems),
        WindowShape::Session { gap } => _ = positive(gap, at, problems),
        WindowShape::Hop { size, slide } => {
            let (size_at, slide_at) = (child(&at, "size"), child(&at, "slide"));
            // Both are looked at.
            if !(positive(size, size_at, problems) & positive(slide, slide_at.clone(), problems)) {
                return;
            }
            if slide > size {
                problems.push(
                    Problem::configuration("a slide larger than the window")
                        .at(slide_at)
                        .found(format!("a slide of {} and a size of {}", format_duration(slide), format_duration(size)))
                        .needed("slide at most size, since rows between the windows would be left out")
                        .fix("put a filter before the aggregate if that is meant"),
                );
                return;
            }
            problems.extend(too_many(size.as_nanos().div_ceil(slide.as_nanos()), slide_at, "slide"));
        }
        WindowShape::Cumulate { size, step } => {
            let (size_at, step_at) = (child(&at, "size"), child(&at, "step"));
            if !(positive(size, size_at.clone(), problems) & positive(step, step_at.clone(), problems)) {
                return;
            }
            if !size.as_nanos().is_multiple_of(step.as_nanos()) {
                problems.push(
                    Problem::configuration("a size that is no multiple of step")
                        .at(size_at)
                        .found(format!("a size of {} and a step of {}", format_duration(size), format_duration(step)))
                        .needed("a size that the steps fill without rest")
                        .fix("for example cumulate: { size: 1d, step: 1h }"),
                );
                return;
            }
            problems.extend(too_many(size.as_nanos() / step.as_nanos(), step_at, "step"));
        }
    }
}

fn positive(duration: Duration, at: String, problems: &mut Vec<Problem>) -> bool {
    let problem = match duration.is_zero() {
        true => Problem::configuration("a duration of 0").needed("a duration above 0"),
        // As MySQL keeps times.
        false if !duration.subsec_nanos().is_multiple_of(1_000) => {
            Problem::configuration("a duration with a part of a microsecond").needed("whole microseconds")
        }
        false => return true,
    };
    problems.push(problem.at(at));
    false
}

fn too_many(per_row: u128, at: String, finer: &str) -> Option<Problem> {
    (per_row > WINDOWS_PER_ROW_MAX).then(|| {
        Problem::configuration("too many windows per row")
            .at(at)
            .found(format!("{per_row} windows"))
            .needed(format!("at most {WINDOWS_PER_ROW_MAX}"))
            .fix(format!("make {finer} larger or size smaller"))
    })
}
