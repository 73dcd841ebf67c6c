//! The plan's options in the words of the source, and the meters of its steps.

use rowmill_mysql::Endpoint;
use rowmill_mysql::binlog::{self, ChangesOptions, Images};
use rowmill_mysql::snapshot::SnapshotOptions;

use crate::status::StepMeter;
use rowmill_bind::BoundTable;
use rowmill_operators::step::Used;
use rowmill_plan::{Plan, Start, ZeroDates};

pub(crate) fn snapshot_options(plan: &Plan, endpoint: &Endpoint) -> SnapshotOptions {
    SnapshotOptions {
        batch_rows: plan.batch.rows,
        batch_bytes: plan.batch.bytes,
        zero_dates: zero_dates(plan),
        ..SnapshotOptions::new(endpoint.clone())
    }
}

pub(crate) fn changes_options(plan: &Plan, endpoint: &Endpoint, images: Images) -> ChangesOptions {
    ChangesOptions {
        images,
        batch_rows: plan.batch.rows,
        batch_bytes: plan.batch.bytes,
        zero_dates: zero_dates(plan),
        ignore_statements: plan.source.ignore_statements.clone(),
        tables_existed: matches!(plan.source.start, Start::Snapshot | Start::Latest),
        ..ChangesOptions::new(endpoint.clone())
    }
}

fn zero_dates(plan: &Plan) -> binlog::ZeroDates {
    match plan.source.zero_dates {
        ZeroDates::Null => binlog::ZeroDates::Null,
        ZeroDates::Error => binlog::ZeroDates::Error,
    }
}

/// One meter per call, summed over tables.
pub(crate) fn meters(tables: &[BoundTable]) -> Vec<StepMeter> {
    let mut meters: Vec<StepMeter> = Vec::new();
    for table in tables {
        for (step, Used { function, meter, errors, counters }) in table.flow.meters() {
            let found = meters.iter().position(|known| known.step == step && known.function == function);
            let index = found.unwrap_or_else(|| {
                let (step, function) = (step.to_owned(), function.to_owned());
                meters.push(StepMeter { step, function, ..StepMeter::default() });
                meters.len() - 1
            });
            let known = &mut meters[index];
            known.calls += meter.calls;
            known.rows += meter.rows;
            known.cpu += meter.cpu;
            known.wall += meter.wall;
            known.memory_peak = known.memory_peak.max(meter.memory_peak);
            known.errors += errors;
            known.traps += meter.traps;
            for (name, count) in counters {
                *known.counters.entry(name.clone()).or_default() += count;
            }
        }
    }
    meters
}
