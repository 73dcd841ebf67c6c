//! What a running process says of itself, below what the target has stored of it.

use std::fmt::Write as _;

use rowmill_observe::{Status, StepMeter};

use super::{grouped, size};
use crate::live::searching;

/// Lines of a name and a text, for people.
pub(super) fn lines(status: &Status) -> Vec<(String, String)> {
    let mut lines = vec![(
        "running".to_owned(),
        format!(
            "{}; since it started {} in, {} out, {} deleted, {} skipped, {}",
            status.phase.name(),
            counted(status.rows_in, "row", "rows"),
            grouped(status.rows_out),
            grouped(status.rows_deleted),
            grouped(status.skipped),
            counted(status.retries, "retry", "retries"),
        ),
    )];
    if let Some(search) = &status.search {
        lines.push((search.step.clone(), searching(search)));
    }
    if status.targets.len() > 1 {
        lines.extend(status.targets.iter().map(|target| {
            let (rows, deleted) = (counted(target.rows_out, "row", "rows"), grouped(target.rows_deleted));
            (target.table.clone(), format!("{rows} out, {deleted} deleted"))
        }));
    }
    lines.extend(status.steps.iter().map(|step| (step.step.clone(), meter(step))));
    lines
}

fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { several })
}

/// `./clean.wasm#trim: 1,200 calls, 9,600,000 rows, 0.52 s of CPU, 9MiB, 3 errors; matched=12`.
fn meter(step: &StepMeter) -> String {
    let mut out = format!(
        "{}: {}, {}, {:.3} s of CPU, {}",
        step.function,
        counted(step.calls, "call", "calls"),
        counted(step.rows, "row", "rows"),
        step.cpu.as_secs_f64(),
        size(step.memory_peak)
    );
    for (number, one, several) in [(step.errors, "error", "errors"), (step.traps, "trap", "traps")] {
        if number > 0 {
            let _ = write!(out, ", {}", counted(number, one, several));
        }
    }
    for (at, (name, value)) in step.counters.iter().enumerate() {
        let _ = write!(out, "{} {name}={}", if at == 0 { ";" } else { "," }, grouped(*value));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rowmill_observe::Phase;

    use super::*;

    #[test]
    fn a_process_says_what_its_steps_cost_and_count() {
        let step = StepMeter {
            step: "clean".to_owned(),
            function: "./clean.wasm#trim".to_owned(),
            calls: 1,
            rows: 9_600,
            cpu: Duration::from_millis(52),
            memory_peak: 3 << 20,
            errors: 2,
            counters: [("a".to_owned(), 1_000), ("b".to_owned(), 2)].into(),
            ..StepMeter::default()
        };
        let status = Status { phase: Phase::Streaming, rows_in: 1, retries: 2, steps: vec![step], ..Status::default() };
        let shown: Vec<String> = lines(&status).iter().map(|(name, text)| format!("{name}: {text}")).collect();
        assert_eq!(
            shown,
            [
                "running: streaming; since it started 1 row in, 0 out, 0 deleted, 0 skipped, 2 retries",
                "clean: ./clean.wasm#trim: 1 call, 9,600 rows, 0.052 s of CPU, 3MiB, 2 errors; a=1,000, b=2",
            ]
        );
    }
}
