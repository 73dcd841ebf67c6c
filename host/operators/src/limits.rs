//! The limits of a plan as those of a sandbox.

use rowmill_plan::Limits;

/// What a step's component may use, in the words of the sandbox.
pub fn wasm_limits(limits: Limits) -> rowmill_wasm::Limits {
    rowmill_wasm::Limits {
        memory: limits.memory,
        cpu_base: limits.cpu_base,
        cpu_per_row: limits.cpu_per_row,
        wall: limits.wall,
        output: limits.output,
        ..rowmill_wasm::Limits::default()
    }
}
