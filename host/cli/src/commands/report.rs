//! What the commands print on stdout.

use std::fmt::Write as _;
use std::io::Write as _;

use rowmill_flow::{ColumnView, PlanView, StoredStatus, VerifyReport};
use serde::Serialize;

use crate::diagnostics::Exit;

/// Prints lines; a closed pipe is no error.
pub(super) fn print(text: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}");
    Exit::Done
}

/// Prints one JSON document.
pub(super) fn json(value: &impl Serialize) -> Exit {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(&text),
        Err(_) => Exit::Stopped,
    }
}

/// `rowmill plan` for people.
pub(super) fn plan(plan: &PlanView) -> String {
    let mut out = format!("pipeline {}\n", plan.pipeline);
    for table in &plan.tables {
        let _ = writeln!(out, "\nfrom {}", table.source);
        columns(&mut out, &table.columns, &[]);
        for step in &table.steps {
            let _ = writeln!(out, "  {} ({}, on_error {})", step.id, step.kind, step.on_error);
            for call in &step.calls {
                let limits = &call.limits;
                let _ = writeln!(out, "      {}  sha256 {}", call.function, call.digest.get(..16).unwrap_or_default());
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
            columns(&mut out, &step.output, &step.input);
        }
        let _ = writeln!(out, "into {}, key ({})", table.target, table.key.join(", "));
    }
    out.push_str(&format!("\ndigest {}", plan.digest));
    out
}

/// Columns that are not in `known` already.
fn columns(out: &mut String, columns: &[ColumnView], known: &[ColumnView]) {
    for column in columns.iter().filter(|column| !known.contains(column)) {
        let null = if column.nullable { "" } else { " NOT NULL" };
        let _ = writeln!(out, "      {} {}{null}", column.name, column.data_type);
    }
    for gone in known.iter().filter(|known| !columns.iter().any(|column| column.name == known.name)) {
        let _ = writeln!(out, "      - {}", gone.name);
    }
}

/// `rowmill status` for people.
pub(super) fn status(status: &StoredStatus) -> String {
    let mut out = format!("pipeline {}: {}", status.pipeline, status.phase);
    let mut line = |name: &str, value: String| {
        let _ = write!(out, "\n  {name:<20}{value}");
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
        line("updated at", format!("{} UTC", progress.updated_at));
        line("last process", progress.owner.clone());
        if let Some(stopped) = &progress.stopped {
            line("stopped at", format!("{} UTC: {}", stopped.at, stopped.reason));
        }
    }
    if let Some(error) = &status.source_error {
        line("source", error.clone());
    }
    out
}

/// `rowmill verify` for people.
pub(super) fn verify(report: &VerifyReport) -> String {
    if report.is_equal() {
        return format!(
            "equal: {} rows in the target are what {} rows of the source give, at {}",
            report.rows_target, report.rows_source, report.position
        );
    }
    let mut out = format!("{} keys differ at {}", report.differing, report.position);
    for difference in &report.differences {
        let kind = format!("{:?}", difference.kind).to_lowercase();
        let _ = write!(out, "\n  {kind:<10}{} {}", difference.table, difference.key);
    }
    let more = report.differing - report.differences.len() as u64;
    if more > 0 {
        let _ = write!(out, "\n  and {more} more");
    }
    out
}
