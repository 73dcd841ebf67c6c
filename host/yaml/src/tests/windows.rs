//! Windows of aggregate steps: their shapes and their times.

use std::time::Duration;

use super::aggregates::{WINDOW, aggregate, refused, totals, with};
use rowmill_plan::WindowShape;

#[track_caller]
fn shape(window: &str) -> WindowShape {
    aggregate(&with(WINDOW, &format!("{{ {window}, on: created_at }}"))).window.expect("a window").shape
}

#[track_caller]
pub(super) fn wrong_window(window: &str, expected: &str) {
    refused(&with(WINDOW, window), expected);
}

#[test]
fn windows_have_four_shapes() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    assert_eq!(shape("tumble: 1.5h"), WindowShape::Tumble { size: minutes(90) });
    assert_eq!(shape("hop: { size: 1h, slide: 25m }"), WindowShape::Hop { size: minutes(60), slide: minutes(25) });
    assert_eq!(shape("hop: { size: 1000us, slide: 1us }"), {
        WindowShape::Hop { size: Duration::from_millis(1), slide: Duration::from_micros(1) }
    });
    assert_eq!(shape("session: 30m"), WindowShape::Session { gap: minutes(30) });
    assert_eq!(shape("session: { gap: 30m }"), WindowShape::Session { gap: minutes(30) });
    assert_eq!(shape("cumulate: { size: 1d, step: 1h }"), {
        WindowShape::Cumulate { size: minutes(1440), step: minutes(60) }
    });
}

#[test]
fn a_window_has_one_shape_and_a_time() {
    wrong_window(
        "{ on: created_at }",
        "8:15: a window without a shape; needed tumble, hop, session or cumulate; fix: for example window: { tumble: 1h, on: created_at }",
    );
    wrong_window(
        "{ tumble: 1h, on: created_at, session: 5m }",
        "8:45: a window with more than one shape; found tumble and session; needed one shape per window",
    );
    wrong_window(
        "{ tumble: 1h }",
        "8:15: steps[1].aggregate.window.on is missing; needed the column of the event time; fix: for example on: created_at",
    );
    wrong_window(
        "1h",
        "8:15: steps[1].aggregate.window must be a mapping with a shape and on; found the text \"1h\"; fix: for example window: { tumble: 1h, on: created_at }",
    );
    wrong_window(
        "{ tumble: 1h, on: created_at, late: keep }",
        "8:51: steps[1].aggregate.window.late must be drop or update; found the text \"keep\"",
    );
    wrong_window(
        "{ tumble: 1h, on: created_at, emit: closed }",
        "8:51: steps[1].aggregate.window.emit must be update or close; found the text \"closed\"; fix: did you mean close?",
    );
    wrong_window(
        "{ session: {}, on: created_at }",
        "8:26: steps[1].aggregate.window.session.gap is missing; needed a duration above 0 in whole us, ms, s, m, h or d; fix: for example session: { gap: 30m }",
    );
    wrong_window(
        "{ cumulate: { size: 1h }, on: created_at }",
        "8:27: steps[1].aggregate.window.cumulate.step is missing; needed a duration above 0 in whole us, ms, s, m, h or d; fix: for example cumulate: { size: 1d, step: 1h }",
    );
}

#[test]
fn times_are_whole_microseconds() {
    let positive = "a duration above 0 in whole us, ms, s, m, h or d";
    for (window, place, key, found, example) in [
        ("tumble: 0s", 25, "tumble", "the text \"0s\"", "tumble: 1h"),
        ("tumble: 60", 25, "tumble", "the number 60", "tumble: 1h"),
        ("tumble: 1500ns", 25, "tumble", "the text \"1500ns\"", "tumble: 1h"),
        ("tumble: { size: 1h }", 25, "tumble", "a mapping", "tumble: 1h"),
        ("hop: { size: 1h, slide: 0m }", 41, "hop.slide", "the text \"0m\"", "5m"),
        ("cumulate: { size: 0h, step: 1h }", 35, "cumulate.size", "the text \"0h\"", "5m"),
        ("session: 0s", 26, "session", "the text \"0s\"", "session: 30m"),
        ("session: { gap: 0s }", 33, "session.gap", "the text \"0s\"", "session: 30m"),
        ("tumble: 1h, idle: 0s", 35, "idle", "the text \"0s\"", "idle: 30s"),
    ] {
        wrong_window(
            &format!("{{ {window}, on: created_at }}"),
            &format!(
                "8:{place}: steps[1].aggregate.window.{key} must be {positive}; found {found}; fix: for example {example}"
            ),
        );
    }
    wrong_window(
        "{ tumble: 1h, on: created_at, lateness: 1ns }",
        "8:55: steps[1].aggregate.window.lateness must be a duration in whole us, ms, s, m, h or d; found the text \"1ns\"; fix: for example lateness: 5m",
    );
    refused(
        &totals("collate: binary", "ttl: 0d").replace(", distinct: true", ""),
        &format!("13:12: steps[1].aggregate.ttl must be {positive}; found the text \"0d\"; fix: for example ttl: 30d"),
    );
}

#[test]
fn windows_of_a_row_are_few() {
    wrong_window(
        "{ hop: { size: 1h, slide: 2h }, on: created_at }",
        "8:41: a slide larger than the window; found a slide of 2h and a size of 1h; needed slide at most size, since rows between the windows would be left out; fix: put a filter before the aggregate if that is meant",
    );
    wrong_window(
        "{ hop: { size: 1h, slide: 3s }, on: created_at }",
        "8:41: too many windows per row; found 1200 windows; needed at most 1000; fix: make slide larger or size smaller",
    );
    wrong_window(
        "{ cumulate: { size: 1h, step: 7m }, on: created_at }",
        "8:35: a size that is no multiple of step; found a size of 1h and a step of 7m; needed a size that the steps fill without rest; fix: for example cumulate: { size: 1d, step: 1h }",
    );
    wrong_window(
        "{ cumulate: { size: 1d, step: 1m }, on: created_at }",
        "8:45: too many windows per row; found 1440 windows; needed at most 1000; fix: make step larger or size smaller",
    );
}
