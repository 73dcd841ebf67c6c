//! The latest status of every pipeline as Prometheus text.
//!
//! Nothing is counted here. The text format (version 0.0.4) is written by hand: that is smaller than a registry that would
//! hold every number a second time. Counters begin at 0 with the process, which Prometheus expects.

use std::fmt::Write as _;
use std::time::SystemTime;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, StringArray};
use arrow_schema::{DataType, TimeUnit};
use rowmill_foreign::Printable;

use crate::status::{AggregateStatus, CheckpointStatus, Phase, Status, StepMeter, TargetStatus};

/// What a pipeline's number is called, what it means, and where it is.
type Family<T> = (&'static str, &'static str, &'static str, fn(&T) -> Option<f64>);

const PIPELINE: &[Family<Status>] = &[
    ("rowmill_rows_in_total", "counter", "Rows and row changes read from the source.", |s| Some(number(s.rows_in))),
    ("rowmill_rows_out_total", "counter", "Rows written to the target.", |s| Some(number(s.rows_out))),
    ("rowmill_rows_deleted_total", "counter", "Rows deleted in the target.", |s| Some(number(s.rows_deleted))),
    ("rowmill_rows_skipped_total", "counter", "Rows left out because of on_error: skip.", |s| Some(number(s.skipped))),
    ("rowmill_epochs_total", "counter", "Committed epochs.", |s| Some(number(s.epochs))),
    ("rowmill_split_transactions_total", "counter", "Source transactions committed in parts.", |s| {
        Some(number(s.split_transactions))
    }),
    ("rowmill_retries_total", "counter", "Transactions and streams that were tried again.", |s| {
        Some(number(s.retries))
    }),
    ("rowmill_bytes_in_flight", "gauge", "Bytes of batches between source and sink.", |s| {
        Some(number(s.bytes_in_flight))
    }),
    ("rowmill_lag_seconds", "gauge", "Age of the source's state that the target shows.", |s| {
        s.lag().map(|lag| lag.as_secs_f64())
    }),
    ("rowmill_source_silence_seconds", "gauge", "Since the source was last heard of, while it is listened to.", |s| {
        s.silent_for().map(|silent| silent.as_secs_f64())
    }),
    ("rowmill_snapshot_rows_done", "gauge", "Rows of the snapshot read so far.", |s| match s.phase {
        Phase::Snapshot { done, .. } => Some(number(done)),
        _ => None,
    }),
    ("rowmill_snapshot_rows_estimate", "gauge", "Rows of the snapshot as the server estimates.", |s| match s.phase {
        Phase::Snapshot { total, .. } => Some(number(total)),
        _ => None,
    }),
    ("rowmill_state_disk_bytes", "gauge", "Bytes of the aggregates' state on disk, at the newest checkpoint.", |s| {
        s.checkpoint.as_ref().map(|_| number(s.state_bytes))
    }),
    ("rowmill_checkpoint_age_seconds", "gauge", "Time since the newest checkpoint of this process.", |s| {
        s.checkpoint.as_ref().and_then(age_seconds)
    }),
    ("rowmill_checkpoint_duration_seconds", "gauge", "From the newest checkpoint's barrier to the disk.", |s| {
        s.checkpoint.as_ref().map(|checkpoint| checkpoint.took.as_secs_f64())
    }),
];

const TARGET: &[Family<TargetStatus>] = &[
    ("rowmill_target_rows_out_total", "counter", "Rows written to one table.", |t| Some(number(t.rows_out))),
    ("rowmill_target_rows_deleted_total", "counter", "Rows deleted in one table.", |t| Some(number(t.rows_deleted))),
];

const AGGREGATE: &[Family<AggregateStatus>] = &[
    ("rowmill_aggregate_groups", "gauge", "Groups, those on disk included.", |a| Some(number(a.groups))),
    ("rowmill_aggregate_groups_in_memory", "gauge", "Groups in memory.", |a| Some(number(a.groups_in_memory))),
    ("rowmill_aggregate_memory_bytes", "gauge", "Bytes in memory, the component's included.", |a| {
        Some(number(a.memory))
    }),
    (
        "rowmill_aggregate_watermark_seconds",
        "gauge",
        "The watermark, as seconds since 1970 of the column's calendar.",
        |a| a.watermark.as_deref().and_then(unix_seconds),
    ),
    ("rowmill_aggregate_late_rows_total", "counter", "Rows that came after their window was closed.", |a| {
        Some(number(a.late))
    }),
    ("rowmill_aggregate_expired_rows_total", "counter", "Rows taken out of groups whose time to live was over.", |a| {
        Some(number(a.expired))
    }),
    ("rowmill_aggregate_evicted_groups_total", "counter", "Groups that left the memory for the disk.", |a| {
        Some(number(a.evicted))
    }),
];

const STEP: &[Family<StepMeter>] = &[
    ("rowmill_step_calls_total", "counter", "Calls of the component.", |m| Some(number(m.calls))),
    ("rowmill_step_rows_total", "counter", "Rows given to the component.", |m| Some(number(m.rows))),
    ("rowmill_step_cpu_seconds_total", "counter", "CPU time in the component.", |m| Some(m.cpu.as_secs_f64())),
    ("rowmill_step_wall_seconds_total", "counter", "Elapsed time of its calls.", |m| Some(m.wall.as_secs_f64())),
    ("rowmill_step_memory_peak_bytes", "gauge", "Largest linear memory seen.", |m| Some(number(m.memory_peak))),
    ("rowmill_step_errors_total", "counter", "Rows flagged by the component.", |m| Some(number(m.errors))),
    ("rowmill_step_traps_total", "counter", "Traps and limits hit.", |m| Some(number(m.traps))),
];

/// Prometheus has one number type; above 2^53 the last digits go.
#[allow(clippy::cast_precision_loss, reason = "the format's only number type")]
fn number(value: u64) -> f64 {
    value as f64
}

/// A table's name as people write it in a query: `shop`.`orders` as shop.orders.
fn plain(table: &str) -> String {
    table.replace('`', "")
}

fn age_seconds(checkpoint: &CheckpointStatus) -> Option<f64> {
    SystemTime::now().duration_since(checkpoint.at).ok().map(|age| age.as_secs_f64())
}

/// `2026-05-06T07:08:09.5` as seconds since 1970; `None` for what is no such text.
fn unix_seconds(text: &str) -> Option<f64> {
    let texts = StringArray::from(vec![text]);
    let times = arrow_cast::cast(&texts, &DataType::Timestamp(TimeUnit::Microsecond, None)).ok()?;
    let times = times.as_primitive::<TimestampMicrosecondType>();
    #[allow(clippy::cast_precision_loss, reason = "the format's only number type")]
    times.is_valid(0).then(|| times.value(0) as f64 / 1e6)
}

/// The statuses of all pipelines of a process as Prometheus text, version 0.0.4.
pub fn prometheus(statuses: &[Status]) -> String {
    let mut out = String::new();
    family(&mut out, "rowmill_phase", "gauge", "1 for the phase that the pipeline is in.");
    for status in statuses {
        for phase in Phase::NAMES {
            let value = if status.phase.name() == phase { 1.0 } else { 0.0 };
            sample(&mut out, "rowmill_phase", &[("pipeline", &status.pipeline), ("phase", phase)], value);
        }
    }
    for (name, kind, help, value) in PIPELINE {
        family(&mut out, name, kind, help);
        for status in statuses {
            if let Some(value) = value(status) {
                sample(&mut out, name, &[("pipeline", &status.pipeline)], value);
            }
        }
    }
    for (name, kind, help, value) in TARGET {
        family(&mut out, name, kind, help);
        for status in statuses {
            for target in &status.targets {
                let labels = [("pipeline", &*status.pipeline), ("table", &*plain(&target.table))];
                if let Some(value) = value(target) {
                    sample(&mut out, name, &labels, value);
                }
            }
        }
    }
    for (name, kind, help, value) in AGGREGATE {
        family(&mut out, name, kind, help);
        for status in statuses {
            for aggregate in &status.aggregates {
                let table = plain(&aggregate.table);
                let labels = [("pipeline", &*status.pipeline), ("table", &*table), ("step", &*aggregate.step)];
                if let Some(value) = value(aggregate) {
                    sample(&mut out, name, &labels, value);
                }
            }
        }
    }
    for (name, kind, help, value) in STEP {
        family(&mut out, name, kind, help);
        for status in statuses {
            for meter in &status.steps {
                let labels = [("pipeline", &*status.pipeline), ("step", &*meter.step), ("function", &*meter.function)];
                if let Some(value) = value(meter) {
                    sample(&mut out, name, &labels, value);
                }
            }
        }
    }
    let name = "rowmill_component_counter_total";
    family(&mut out, name, "counter", "What a component counts itself.");
    for status in statuses {
        for meter in &status.steps {
            for (counter, value) in &meter.counters {
                let labels = [
                    ("pipeline", &*status.pipeline),
                    ("step", &*meter.step),
                    ("function", &*meter.function),
                    ("counter", counter),
                ];
                sample(&mut out, name, &labels, number(*value));
            }
        }
    }
    out
}

// Writing to a String can't fail.
fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    out.push_str(name);
    for (index, (label, text)) in labels.iter().enumerate() {
        // The format knows no escapes but these, and takes all other characters as they are; whoever
        // looks at a scrape on a terminal must not be harmed by them.
        let text = Printable(text).to_string().replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(out, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
    }
    let _ = writeln!(out, "}} {value}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status() -> Status {
        Status {
            pipeline: "clean-orders".to_owned(),
            phase: Phase::Streaming,
            rows_in: 1200,
            as_of: Some(SystemTime::now()),
            caught_up: true,
            targets: vec![TargetStatus { table: "`mart`.`orders`".to_owned(), rows_out: 1100, rows_deleted: 2 }],
            steps: vec![StepMeter {
                step: "map-1".to_owned(),
                function: "a\"b\\c#total".to_owned(),
                calls: 3,
                cpu: Duration::from_millis(1500),
                counters: [("rows \"odd\"".to_owned(), 7)].into(),
                ..StepMeter::default()
            }],
            ..Status::default()
        }
    }

    #[test]
    fn the_text_has_help_type_and_samples() {
        let text = prometheus(&[status()]);
        for line in [
            "# HELP rowmill_rows_in_total Rows and row changes read from the source.",
            "# TYPE rowmill_rows_in_total counter",
            "rowmill_rows_in_total{pipeline=\"clean-orders\"} 1200",
            "rowmill_target_rows_out_total{pipeline=\"clean-orders\",table=\"mart.orders\"} 1100",
            "rowmill_target_rows_deleted_total{pipeline=\"clean-orders\",table=\"mart.orders\"} 2",
            "rowmill_lag_seconds{pipeline=\"clean-orders\"} 0",
            "rowmill_phase{pipeline=\"clean-orders\",phase=\"streaming\"} 1",
            "rowmill_phase{pipeline=\"clean-orders\",phase=\"snapshot\"} 0",
            "rowmill_component_counter_total{pipeline=\"clean-orders\",step=\"map-1\",function=\"a\\\"b\\\\c#total\",counter=\"rows \\\"odd\\\"\"} 7",
            "rowmill_step_cpu_seconds_total{pipeline=\"clean-orders\",step=\"map-1\",function=\"a\\\"b\\\\c#total\"} 1.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("rowmill_snapshot_rows_done{"), "not in a snapshot");
        let mut foreign = status();
        foreign.steps[0].function = "a\n\u{1b}[2J\u{9b}\u{202e}\"} 1".to_owned();
        let shown = prometheus(&[foreign]);
        assert!(shown.contains(r#"function="a\\n\\u{1b}[2J\\u{9b}\\u{202e}\"} 1"} 3"#), "{shown}");
        assert_eq!(shown.lines().count(), text.lines().count());
        let families: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let mut once = families.clone();
        once.dedup();
        assert_eq!(families, once);
    }

    #[test]
    fn aggregates_have_samples_of_their_own() {
        let mut aggregate = AggregateStatus::default();
        (aggregate.table, aggregate.step) = ("`shop`.`orders`".to_owned(), "aggregate-1".to_owned());
        (aggregate.groups, aggregate.memory, aggregate.late) = (12, 4096, 3);
        aggregate.watermark = Some("1970-01-02T00:00:00.500".to_owned());
        let took = Duration::from_millis(250);
        let checkpoint = CheckpointStatus { position: "binlog.000001:4".to_owned(), at: SystemTime::now(), took };
        let text = prometheus(&[Status {
            aggregates: vec![aggregate],
            checkpoint: Some(checkpoint),
            state_bytes: 8192,
            ..status()
        }]);
        let labels = "{pipeline=\"clean-orders\",table=\"shop.orders\",step=\"aggregate-1\"}";
        for line in [
            format!("rowmill_aggregate_groups{labels} 12"),
            format!("rowmill_aggregate_memory_bytes{labels} 4096"),
            format!("rowmill_aggregate_watermark_seconds{labels} 86400.5"),
            format!("rowmill_aggregate_late_rows_total{labels} 3"),
            "rowmill_state_disk_bytes{pipeline=\"clean-orders\"} 8192".to_owned(),
            "rowmill_checkpoint_duration_seconds{pipeline=\"clean-orders\"} 0.25".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.contains("rowmill_checkpoint_age_seconds{"), "{text}");
        let without = prometheus(&[status()]);
        assert!(!without.contains("rowmill_state_disk_bytes{"), "no aggregates, no state");
        assert_eq!(unix_seconds("soon"), None);
    }
}
