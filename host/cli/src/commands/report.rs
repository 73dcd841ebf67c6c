//! What the commands print on stdout.
//!
//! Names, types, positions and reasons come from files, components and servers; anybody can have
//! written them into the target's progress. Each is shown through [`Printable`].

mod running;

use std::fmt::Write as _;
use std::path::Path;

use rowmill_bind::{CallView, ColumnView, PlanView, StateView, StepView};
use rowmill_foreign::Printable;
use rowmill_observe::{AggregateStatus, Status};
use rowmill_plan::units::format_size;
use rowmill_run::{Savepoint, StateListing, StoredStatus, VerifyReport};
use serde::Serialize;

use crate::diagnostics::Exit;
use crate::live::grouped;
use crate::output::{self, Form};

/// Prints lines; a closed pipe is no error.
pub(super) fn print(text: &str) -> Exit {
    output::print(&format!("{text}\n"), Form::Plain);
    Exit::Done
}

/// Prints one JSON document.
pub(super) fn json(value: &impl Serialize) -> Exit {
    match serde_json::to_string_pretty(value) {
        Ok(text) => {
            output::print(&format!("{text}\n"), Form::Json);
            Exit::Done
        }
        Err(_) => Exit::Stopped,
    }
}

/// `rowmill plan` for people.
pub(super) fn plan(plan: &PlanView) -> String {
    let mut out = format!("pipeline {}\n", Printable(&plan.pipeline));
    for table in &plan.tables {
        let _ = writeln!(out, "\nfrom {}", Printable(&table.source));
        columns(&mut out, &table.columns, &[]);
        steps(&mut out, &table.steps);
        let _ = writeln!(out, "into {}, key ({})", Printable(&table.target), Printable(&table.key.join(", ")));
    }
    for view in &plan.views {
        let _ = writeln!(out, "\nview {}, from {}", Printable(&view.name), Printable(&view.from.join(", ")));
        columns(&mut out, &view.columns, &[]);
        steps(&mut out, &view.steps);
    }
    for target in &plan.targets {
        let (table, from, key) = (&target.table, &target.from, target.key.join(", "));
        let _ = writeln!(out, "\ninto {}, from {}, key ({})", Printable(table), Printable(from), Printable(&key));
        columns(&mut out, &target.columns, &[]);
    }
    out.push_str(&format!("\ndigest {}", plan.digest));
    out
}

fn steps(out: &mut String, steps: &[StepView]) {
    for step in steps {
        let _ = writeln!(out, "  {} ({}, on_error {})", Printable(&step.id), step.kind, step.on_error);
        calls(out, &step.calls);
        columns(out, &step.output, &step.input);
        if let Some(view) = &step.state {
            step_state(out, view);
        }
    }
}

/// The functions of a step, each once, and what they may use: the same for all of a step.
fn calls(out: &mut String, calls: &[CallView]) {
    for (n, call) in calls.iter().enumerate() {
        if !calls[..n].iter().any(|before| before.function == call.function && before.digest == call.digest) {
            let _ = writeln!(
                out,
                "      {}  sha256 {}",
                Printable(&call.function),
                call.digest.get(..16).unwrap_or_default()
            );
        }
        let limits = &call.limits;
        if calls.get(n + 1).is_none_or(|next| next.limits != *limits) {
            let _ = writeln!(
                out,
                "      limits: memory {} MiB, cpu {:?} + {:?} per row, wall {:?}, output {} MiB",
                limits.memory >> 20,
                limits.cpu_base,
                limits.cpu_per_row,
                limits.wall,
                limits.output >> 20
            );
        }
    }
}

/// What an aggregate keeps for each group.
fn step_state(out: &mut String, state: &StateView) {
    let _ = writeln!(out, "      state per group of ({})", Printable(&state.key.join(", ")));
    if let Some(window) = &state.window {
        let _ = writeln!(out, "        window {}", Printable(window));
    }
    for value in &state.values {
        let columns: Vec<String> =
            value.columns.iter().map(|column| format!("{} {}", column.name, column.data_type)).collect();
        let _ = writeln!(
            out,
            "        {}, layout {}: {}",
            Printable(&value.value),
            value.version,
            Printable(&columns.join(", "))
        );
    }
}

/// Columns that are not in `known` already.
fn columns(out: &mut String, columns: &[ColumnView], known: &[ColumnView]) {
    for column in columns.iter().filter(|column| !known.contains(column)) {
        let null = if column.nullable { "" } else { " NOT NULL" };
        let _ = writeln!(out, "      {} {}{null}", Printable(&column.name), Printable(&column.data_type));
    }
    for gone in known.iter().filter(|known| !columns.iter().any(|column| column.name == known.name)) {
        let _ = writeln!(out, "      - {}", Printable(&gone.name));
    }
}

/// `rowmill status` for programs. `running`: what the process that holds the pipeline says of itself.
pub(super) fn status_json(
    status: &StoredStatus,
    running: Option<&Status>,
    state_folder: Option<&Path>,
) -> serde_json::Value {
    let mut value = serde_json::to_value(status).unwrap_or_default();
    value["running"] = serde_json::to_value(running).unwrap_or_default();
    if let Some(folder) = state_folder {
        value["state_folder"] = folder.display().to_string().into();
    }
    value
}

/// `rowmill status` for people. `state_folder`: of a plan with aggregates.
pub(super) fn status(status: &StoredStatus, running: Option<&Status>, state_folder: Option<&Path>) -> String {
    let mut out = format!("pipeline {}: {}", Printable(&status.pipeline), status.phase);
    let mut line = |name: &str, value: String| {
        let _ = write!(out, "\n  {:<20}{}", Printable(name).to_string(), Printable(&value));
    };
    if let Some(progress) = &status.progress {
        line("position", progress.position.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string));
        line("source is at", status.source_position.clone().unwrap_or_else(|| "not reachable".to_owned()));
        let seconds = status.lag_seconds.map(|seconds| format!("{seconds:.1} s"));
        let bytes = status.lag_bytes.map(|bytes| format!("{bytes} bytes of binlog"));
        let behind: Vec<String> = seconds.into_iter().chain(bytes).collect();
        if !behind.is_empty() {
            line("behind by", behind.join(", "));
        }
        line("rows in", progress.rows_in.to_string());
        line("rows out", progress.rows_out.to_string());
        line("skipped", progress.skipped.to_string());
        line("split transactions", progress.split_transactions.to_string());
        line("commits", progress.commits.to_string());
        for aggregate in &status.aggregates {
            line(&aggregate.step, self::aggregate(aggregate));
        }
        line("updated at", format!("{} UTC", progress.updated_at));
        line("last process", progress.owner.clone());
        if let Some(stopped) = &progress.stopped {
            line("stopped at", format!("{} UTC: {}", stopped.at, stopped.reason));
        }
    }
    for (name, text) in running.map(running::lines).unwrap_or_default() {
        line(&name, text);
    }
    if let Some(folder) = state_folder {
        let missing = if folder.is_dir() { "" } else { " (not there on this machine)" };
        line("state folder", format!("{}{missing}", folder.display()));
    }
    if !status.unread_tables.is_empty() {
        line("not read", format!("{}, which a pattern of source.tables means", status.unread_tables.join(", ")));
    }
    if let Some(error) = &status.source_error {
        line("source", error.clone());
    }
    out
}

/// `orders: 12,000 groups, 10,000 in memory (3MiB), watermark 2026-05-06T07:00:00`.
fn aggregate(aggregate: &AggregateStatus) -> String {
    let mut out = format!(
        "{}: {} group{}, {} in memory ({})",
        aggregate.table,
        grouped(aggregate.groups),
        if aggregate.groups == 1 { "" } else { "s" },
        grouped(aggregate.groups_in_memory),
        size(aggregate.memory)
    );
    if let Some(watermark) = &aggregate.watermark {
        let _ = write!(out, ", watermark {watermark}");
    }
    for (rows, what) in [(aggregate.late, "late"), (aggregate.expired, "expired")] {
        if rows > 0 {
            let _ = write!(out, ", {} {what} row{}", grouped(rows), if rows == 1 { "" } else { "s" });
        }
    }
    out
}

/// `rowmill state FILE list` for people.
pub(super) fn state(pipeline: &str, listing: &StateListing) -> String {
    let mut out = format!(
        "state of pipeline {} in {}: {}",
        Printable(pipeline),
        Printable(&listing.folder.display().to_string()),
        size(listing.bytes)
    );
    if listing.checkpoints.is_empty() {
        out.push_str("\n  no checkpoint yet");
    }
    for checkpoint in &listing.checkpoints {
        let _ = write!(
            out,
            "\n  checkpoint {} at {}, {:.0} s old",
            checkpoint.sequence,
            Printable(&checkpoint.position),
            checkpoint.age_seconds
        );
        if checkpoint.pending {
            out.push_str(", taken at the end of the snapshot");
        }
    }
    for (table, entries) in &listing.tables {
        let _ = write!(
            out,
            "\n  {}: {} entr{}",
            Printable(table),
            grouped(*entries),
            if *entries == 1 { "y" } else { "ies" }
        );
    }
    out
}

/// What `state FILE export` and `import` did.
pub(super) fn savepoint(what: &str, pipeline: &str, did: &str, savepoint: &Savepoint) -> String {
    format!(
        "{what} pipeline {} at {} {did} {}: {} entries, {}",
        Printable(pipeline),
        Printable(&savepoint.position),
        Printable(&savepoint.folder.display().to_string()),
        grouped(savepoint.entries),
        size(savepoint.bytes)
    )
}

/// The end of a counted noun.
pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Bytes for people: rounded up to KiB, or to MiB from one on.
fn size(bytes: u64) -> String {
    format_size(bytes.next_multiple_of(if bytes > 1 << 20 { 1 << 20 } else { 1 << 10 }))
}

/// `rowmill verify` for people.
pub(super) fn verify(report: &VerifyReport) -> String {
    let mut left_out = String::new();
    if report.left_out > 0 {
        let rows = usize::try_from(report.left_out).unwrap_or(usize::MAX);
        left_out = format!(
            "\n{} row{} of closed windows {} not compared: rows that came too late were dropped",
            grouped(report.left_out),
            plural(rows),
            if rows == 1 { "is" } else { "are" }
        );
    }
    let count = |rows: u64| format!("{} row{}", grouped(rows), if rows == 1 { "" } else { "s" });
    let mut more = String::new();
    if report.others > 0 {
        let _ = write!(
            more,
            "\nthe target also holds {} that the source does not give, which `existing: keep` allows",
            count(report.others)
        );
    }
    more.push_str(&left_out);
    if report.targets.len() > 1 {
        for target in &report.targets {
            let (differing, found) = (target.differing, grouped(target.rows_target));
            let what = match differing {
                0 => "equal".to_owned(),
                _ => format!("{} of its keys differ, it has {found}", grouped(differing)),
            };
            let _ = write!(more, "\n  {}: {}, {what}", Printable(&target.table), count(target.rows_expected));
        }
    }
    if report.is_equal() {
        return format!(
            "equal: the target holds what the steps make of the source, {}, at {}{more}",
            count(report.rows_expected),
            Printable(&report.position)
        );
    }
    let differ = if report.differing == 1 { "key differs" } else { "keys differ" };
    let mut out = format!("{} {differ} at {}:", report.differing, Printable(&report.position));
    let kinds = [(report.missing, "missing"), (report.extra, "extra"), (report.different, "different")];
    let kinds: Vec<String> =
        kinds.iter().filter(|(keys, _)| *keys > 0).map(|(keys, kind)| format!("{} {kind}", grouped(*keys))).collect();
    let _ = write!(out, " {}", kinds.join(", "));
    for difference in &report.differences {
        let kind = format!("{:?}", difference.kind).to_lowercase();
        let _ = write!(out, "\n  {kind:<10}{} {}", Printable(&difference.table), Printable(&difference.key));
    }
    let others = report.differing - report.differences.len() as u64;
    if others > 0 {
        let _ = write!(out, "\n  and {others} more");
    }
    out.push_str(&more);
    out
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rowmill_run::CheckpointListing;

    use super::*;

    #[test]
    fn an_aggregate_says_what_it_holds() {
        let mut status = AggregateStatus { table: "`shop`.`orders`".to_owned(), ..AggregateStatus::default() };
        (status.groups, status.groups_in_memory, status.memory) = (12_000, 10_000, 3 << 20);
        assert_eq!(aggregate(&status), "`shop`.`orders`: 12,000 groups, 10,000 in memory (3MiB)");
        (status.groups, status.groups_in_memory, status.memory) = (1, 1, 1025);
        (status.late, status.expired) = (1, 2_000);
        status.watermark = Some("2026-05-06T07:00:00".to_owned());
        assert_eq!(
            aggregate(&status),
            "`shop`.`orders`: 1 group, 1 in memory (2KiB), watermark 2026-05-06T07:00:00, 1 late row, 2,000 expired rows"
        );
    }

    #[test]
    fn a_state_lists_its_checkpoints_and_entries() {
        let checkpoint = |sequence, pending| CheckpointListing {
            sequence,
            position: format!("binlog.000001:{sequence}"),
            pending,
            age_seconds: 3.4,
        };
        let listing = StateListing {
            folder: PathBuf::from("state/totals"),
            bytes: 1_500_000,
            checkpoints: vec![checkpoint(8, false), checkpoint(7, true)],
            tables: vec![("`shop`.`orders`/aggregate-1".to_owned(), 1)],
        };
        assert_eq!(
            state("totals", &listing),
            "state of pipeline totals in state/totals: 2MiB\n  \
             checkpoint 8 at binlog.000001:8, 3 s old\n  \
             checkpoint 7 at binlog.000001:7, 3 s old, taken at the end of the snapshot\n  \
             `shop`.`orders`/aggregate-1: 1 entry"
        );
    }

    #[test]
    fn rows_that_were_not_compared_are_told() {
        let report = VerifyReport {
            position: "binlog.000001:4".to_owned(),
            rows_source: 9,
            rows_expected: 1,
            rows_target: 5,
            left_out: 2,
            others: 2,
            ..VerifyReport::default()
        };
        assert_eq!(
            verify(&report),
            "equal: the target holds what the steps make of the source, 1 row, at binlog.000001:4\n\
             the target also holds 2 rows that the source does not give, which `existing: keep` allows\n\
             2 rows of closed windows are not compared: rows that came too late were dropped"
        );
    }

    #[test]
    fn differences_are_counted_by_their_kind() {
        let difference = rowmill_run::Difference {
            table: "`mart`.`t`".to_owned(),
            key: "id=7".to_owned(),
            kind: rowmill_run::DifferenceKind::Extra,
        };
        let report = VerifyReport {
            position: "binlog.000001:4".to_owned(),
            differing: 3,
            missing: 1,
            extra: 2,
            differences: vec![difference],
            ..VerifyReport::default()
        };
        assert_eq!(
            verify(&report),
            "3 keys differ at binlog.000001:4: 1 missing, 2 extra\n  extra     `mart`.`t` id=7\n  and 2 more"
        );
    }
}
