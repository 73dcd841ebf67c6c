//! What the components' calls have cost, per function.

use rowmill_observe::StepMeter;
use rowmill_operators::Graph;
use rowmill_operators::step::Used;

/// One meter per step and function, summed over the tables and ways that lead through it.
pub(crate) fn meters(graph: &Graph) -> Vec<StepMeter> {
    let mut meters: Vec<StepMeter> = Vec::new();
    for (step, Used { function, meter, errors, counters }) in graph.meters() {
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
    meters
}
