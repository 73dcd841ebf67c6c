//! `window`: which windows a row belongs to, and when they end.

use std::time::Duration;

use super::limits::duration;
use super::reader::{Fields, Need, Reader, need};
use super::tree::{Data, Node};
use super::wording::one_of;
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{Emit, Late, Window, WindowShape};

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
        Some((node, at)) => reader.text(node, &at, ON),
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
    Some(WindowShape::Hop { size, slide })
}

fn cumulate(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<WindowShape> {
    const CUMULATE: Need = need("a mapping with size and step", "cumulate: { size: 1d, step: 1h }");
    let (size, step) = pair(reader, node, at, CUMULATE, ["size", "step"])?;
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
