//! What an aggregate asks of the rest of the pipeline.
//!
//! An aggregate takes out what it once put in, so it must have seen every row from the first;
//! and what it gives out are changes: a result that was written is taken back for the next. The
//! order of its results is that of the groups that changed, no longer that of the source.

use super::reader::Reader;
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{Aggregate, Emit, Late, Mode, Sink, Source, Start, Step, StepKind};

/// A step of the kind `name` behind an aggregate.
pub(super) fn ensure_follows(reader: &mut Reader<'_>, name: &str, at: &str) -> bool {
    let follows = name != "transform";
    if !follows {
        let fix = "put the transform before the aggregate, or into a pipeline that reads this one's target";
        reader.later(at, "a transform after an aggregate", fix);
    }
    follows
}

/// An aggregate behind an aggregate. `at`: its value.
pub(super) fn ensure_without_window(reader: &mut Reader<'_>, aggregate: &Aggregate, at: &str) -> bool {
    if aggregate.window.is_some() {
        reader.report_key(
            &child(at, "window"),
            Problem::configuration("a window after another aggregate")
                .needed("the order of the source, which results of an aggregate do not have")
                .fix("put the window into the first aggregate; a later one can group by its window_start"),
        );
    }
    aggregate.window.is_none()
}

/// The source begins with all rows.
pub(super) fn ensure_from_the_first_row(reader: &mut Reader<'_>, source: &Source, steps: &[Step]) {
    let found = match source.start {
        Start::Snapshot => return,
        Start::Latest => "latest",
        Start::Earliest => "earliest",
        Start::File { .. } => "a position in a binlog file",
        Start::Gtid(_) => "a GTID set",
    };
    let Some((index, _)) = aggregates(steps).next() else { return };
    reader.report(
        Problem::configuration(format!("steps[{index}] is an aggregate, which needs source.start: snapshot"))
            .at("/source/start")
            .found(found)
            .needed("all rows from the first, since a delete of one that was there before could not be taken out")
            .fix("leave source.start out"),
    );
}

/// An append sink gets only results that are final.
pub(super) fn ensure_final(reader: &mut Reader<'_>, sink: &Sink, steps: &[Step]) {
    let mut aggregates = aggregates(steps);
    let (first, second) = (aggregates.next(), aggregates.next());
    let Some((index, aggregate)) = first.filter(|_| sink.mode == Mode::Append) else { return };
    let closes = |aggregate: &Aggregate| {
        aggregate.window.as_ref().is_some_and(|window| window.emit == Emit::Close && window.late == Late::Drop)
    };
    let found = match second {
        None if closes(aggregate) => return,
        None => format!("results that change, of steps[{index}]"),
        Some((index, _)) => format!("a second aggregate, steps[{index}]"),
    };
    reader.report(
        Problem::configuration("sink.mode: append after an aggregate")
            .at("/sink/mode")
            .found(found)
            .needed("results that are written once: of one aggregate, whose window has emit: close and late: drop")
            .fix("write mode: upsert"),
    );
}

fn aggregates(steps: &[Step]) -> impl Iterator<Item = (usize, &Aggregate)> {
    steps.iter().enumerate().filter_map(|(index, step)| match &step.kind {
        StepKind::Aggregate(aggregate) => Some((index, aggregate)),
        _ => None,
    })
}
