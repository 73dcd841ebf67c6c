//! What single numbers can be.

use crate::problem::{Problem, child};
use crate::units::format_duration;
use crate::{BYTES, Limits, MEMORY, PACE_MAX, Plan, ROWS};

/// Checks the sizes of batches and epochs, and the limits of the plan and of each step.
pub(super) fn check(plan: &Plan, problems: &mut Vec<Problem>) {
    let sizes = [("/batch", plan.batch.rows, plan.batch.bytes), ("/epoch", plan.epoch.rows, plan.epoch.bytes)];
    for (at, rows, bytes) in sizes {
        for (key, value, range) in [("rows", rows, &ROWS), ("bytes", bytes, &BYTES)] {
            if !range.contains(&value) {
                let problem = Problem::configuration(format!("{value} {key} in {}", &at[1..])).at(child(at, key));
                problems.push(problem.needed(format!("{} to {}", range.start(), range.end())));
            }
        }
    }
    if plan.epoch.pace > PACE_MAX {
        let problem = Problem::configuration(format!("a pace of {}", format_duration(plan.epoch.pace)));
        problems.push(problem.at("/epoch/pace").needed(format!("at most {}", format_duration(PACE_MAX))));
    }
    limits(&plan.limits, "/limits", problems);
    for relation in &plan.relations {
        for (index, step) in relation.steps.iter().enumerate() {
            limits(&step.limits, &relation.step_pointer(index, "limits"), problems);
        }
    }
}

fn limits(limits: &Limits, at: &str, problems: &mut Vec<Problem>) {
    if !MEMORY.contains(&limits.memory) {
        let problem = Problem::configuration(format!("{} bytes of memory", limits.memory)).at(child(at, "memory"));
        problems.push(problem.needed(format!("{} to {}", MEMORY.start(), MEMORY.end())));
    }
    let nothing =
        [("output", limits.output == 0), ("cpu_base", limits.cpu_base.is_zero()), ("wall", limits.wall.is_zero())];
    for (key, _) in nothing.into_iter().filter(|(_, nothing)| *nothing) {
        let problem = Problem::configuration(format!("a limit of 0 for {key}")).at(child(at, key));
        problems.push(problem.needed("more, since no call could ever end"));
    }
}
