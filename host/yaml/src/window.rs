//! `window`: which windows a row belongs to, and when they end.

use std::time::Duration;

use super::limits::duration;
use super::reader::{Fields, Need, Reader, need};
use super::steps;
use super::tree::{Data, Node};
use super::wording::one_of;
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::units::format_duration;
use rowmill_plan::{Emit, Late, Window, WindowShape};

/// The columns that a window adds to the result.
pub(super) const COLUMNS: [&str; 2] = ["window_start", "window_end"];
/// Each row is added to all its windows, so this is what one row may cost. Twice as many are
/// twice the work and the state; a finer grain than a thousandth of a window is seldom meant.
const WINDOWS_PER_ROW_MAX: u128 = 1_000;

const SHAPES: &[&str] = &["tumble", "hop", "session", "cumulate"];
const KEYS: &[&str] = &["tumble", "hop", "session", "cumulate", "on", "lateness", "late", "emit", "idle"];
const WINDOW: Need = need("a mapping with a shape and on", "window: { tumble: 1h, on: created_at }");
const ON: Need = need("the column of the event time", "on: created_at");

macro_rules! positive {
    ($example:literal) => {
        need("a duration above 0 in whole us, ms, s, m, h or d", $example)
    };
}

/// Decodes the value of `window`.
pub(super) fn window(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Window> {
    let fields = reader.fields(node, at, WINDOW, KEYS)?;
    let shape = shape(reader, &fields);
    let on = match fields.get("on") {
        Some((node, at)) => {
            let name = reader.text(node, &at, ON);
            name.filter(|name| steps::unique(reader, &name.value, &at, &mut Vec::new()))
        }
        None => {
            if !fields.unknown {
                reader.missing(&fields, "on", ON);
            }
            None
        }
    };
    let lateness = fields.get("lateness").map_or(Some(Duration::ZERO), |(node, at)| {
        let need = need("a duration in whole us, ms, s, m, h or d", "lateness: 5m");
        duration(reader, node, &at, need, true)
    });
    let late = fields.get("late").map_or(Some(Late::default()), |(node, at)| {
        reader.choice(node, &at, &[("drop", Late::Drop), ("update", Late::Update)], &[])
    });
    let emit = fields.get("emit").map_or(Some(Emit::default()), |(node, at)| {
        reader.choice(node, &at, &[("update", Emit::Update), ("close", Emit::Close)], &[])
    });
    let idle = fields
        .get("idle")
        .map_or(Some(None), |(node, at)| duration(reader, node, &at, positive!("idle: 30s"), false).map(Some));
    Some(Window { shape: shape?, on: on?.value, lateness: lateness?, late: late?, emit: emit?, idle: idle? })
}

fn shape(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<WindowShape> {
    // In the order of the file, so that the message points at the second.
    let present: Vec<&'static str> =
        fields.entries.iter().filter_map(|(key, _)| SHAPES.iter().copied().find(|shape| shape == key)).collect();
    let [name] = present[..] else {
        match present[..] {
            // A misspelt shape has been reported already.
            [] if fields.unknown => {}
            [] => reader.report(
                Problem::configuration("a window without a shape")
                    .at(fields.pointer.clone())
                    .needed(one_of(SHAPES))
                    .fix(format!("for example {}", WINDOW.example)),
            ),
            _ => reader.report_key(
                &child(&fields.pointer, present[1]),
                Problem::configuration("a window with more than one shape")
                    .found(present.join(" and "))
                    .needed("one shape per window"),
            ),
        }
        return None;
    };
    let (node, at) = fields.get(name)?;
    let at = at.as_str();
    match name {
        "tumble" => duration(reader, node, at, positive!("tumble: 1h"), false).map(|size| WindowShape::Tumble { size }),
        "hop" => hop(reader, node, at),
        "cumulate" => cumulate(reader, node, at),
        _ => session(reader, node, at),
    }
}

fn session(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<WindowShape> {
    const GAP: Need = positive!("session: 30m");
    if !matches!(node.data, Data::Mapping(_)) {
        return duration(reader, node, at, GAP, false).map(|gap| WindowShape::Session { gap });
    }
    let fields = reader.fields(node, at, GAP, &["gap"])?;
    let Some((node, at)) = fields.get("gap") else {
        if !fields.unknown {
            reader.missing(&fields, "gap", positive!("session: { gap: 30m }"));
        }
        return None;
    };
    duration(reader, node, &at, GAP, false).map(|gap| WindowShape::Session { gap })
}

fn hop(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<WindowShape> {
    const HOP: Need = need("a mapping with size and slide", "hop: { size: 1h, slide: 5m }");
    let (size, slide) = pair(reader, node, at, HOP, ["size", "slide"])?;
    if slide > size {
        reader.report(
            Problem::configuration("a slide larger than the window")
                .at(child(at, "slide"))
                .found(format!("a slide of {} and a size of {}", format_duration(slide), format_duration(size)))
                .needed("slide at most size, since rows between the windows would be left out")
                .fix("put a filter before the aggregate if that is meant"),
        );
        return None;
    }
    let per_row = size.as_nanos().div_ceil(slide.as_nanos());
    ensure_few(reader, &child(at, "slide"), per_row, "slide")?;
    Some(WindowShape::Hop { size, slide })
}

fn cumulate(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<WindowShape> {
    const CUMULATE: Need = need("a mapping with size and step", "cumulate: { size: 1d, step: 1h }");
    let (size, step) = pair(reader, node, at, CUMULATE, ["size", "step"])?;
    if !size.as_nanos().is_multiple_of(step.as_nanos()) {
        reader.report(
            Problem::configuration("a size that is no multiple of step")
                .at(child(at, "size"))
                .found(format!("a size of {} and a step of {}", format_duration(size), format_duration(step)))
                .needed("a size that the steps fill without rest")
                .fix(format!("for example {}", CUMULATE.example)),
        );
        return None;
    }
    ensure_few(reader, &child(at, "step"), size.as_nanos() / step.as_nanos(), "step")?;
    Some(WindowShape::Cumulate { size, step })
}

/// Two durations, both needed.
fn pair(reader: &mut Reader<'_>, node: &Node, at: &str, need: Need, keys: [&str; 2]) -> Option<(Duration, Duration)> {
    let fields = reader.fields(node, at, need, &keys)?;
    let [first, second] = keys.map(|key| match fields.get(key) {
        Some((node, at)) => duration(reader, node, &at, positive!("5m"), false),
        None => {
            if !fields.unknown {
                reader.missing(&fields, key, Need { example: need.example, ..positive!("") });
            }
            None
        }
    });
    Some((first?, second?))
}

fn ensure_few(reader: &mut Reader<'_>, at: &str, per_row: u128, finer: &str) -> Option<()> {
    if per_row > WINDOWS_PER_ROW_MAX {
        reader.report(
            Problem::configuration("too many windows per row")
                .at(at)
                .found(format!("{per_row} windows"))
                .needed(format!("at most {WINDOWS_PER_ROW_MAX}"))
                .fix(format!("make {finer} larger or size smaller")),
        );
    }
    (per_row <= WINDOWS_PER_ROW_MAX).then_some(())
}
