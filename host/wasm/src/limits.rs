//! What a component may use, and what its calls did use.

use std::time::Duration;

/// The limits of every call into a component. Each has a default and a meter.
///
/// Not counted: the engine's own structures per instance (some 20 KiB), compiled code
/// (shared by all instances of a component), and the rows that the host itself holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory and tables of one instance. A growth above it is refused;
    /// the guest then usually traps, and the error says "memory". Default 64 MiB.
    pub memory: u64,
    /// CPU time of a call whatever its rows; also that of instantiation, `describe` and
    /// `bind`. Default 100 ms.
    pub cpu_base: Duration,
    /// CPU time added per row of a call; where an aggregate is called with groups or
    /// states, per group or row of state. Default 50 µs.
    pub cpu_per_row: Duration,
    /// Wall time of a call, waiting for a worker thread included. Default 5 s.
    pub wall: Duration,
    /// Bytes that may be handed to the host in one crossing: the answer of a call, or what the guest
    /// passes to one host function, a log line for example. Each crossing has them anew; how many there
    /// can be is limited by the CPU time. Default 64 MiB.
    pub output: u64,
    /// Log lines (stdout, stderr and `host.log`) per second and bound function; those above it
    /// are counted and dropped. Default 100.
    pub log_lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory: 64 << 20,
            cpu_base: Duration::from_millis(100),
            cpu_per_row: Duration::from_micros(50),
            wall: Duration::from_secs(5),
            output: 64 << 20,
            log_lines: 100,
        }
    }
}

impl Limits {
    /// The CPU time that a call with `rows` rows may take.
    #[must_use]
    pub fn cpu(&self, rows: usize) -> Duration {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.cpu_base.saturating_add(self.cpu_per_row.saturating_mul(rows))
    }
}

/// What the calls of one function used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Calls of `run`, or of an aggregate's functions; failed ones included.
    pub calls: u64,
    /// Rows handed to `run` or `update`.
    pub rows: u64,
    /// CPU time inside the guest, that of making and binding instances included. Calls shorter than a tick (10 ms) are measured by the
    /// monotonic clock, which can only overstate it: reading a thread's CPU clock costs
    /// as much as a small call.
    pub cpu: Duration,
    /// Wall time of the calls.
    pub wall: Duration,
    /// The largest linear memory of an instance, in bytes.
    pub memory_peak: u64,
    /// Bytes of result and state columns.
    pub output_bytes: u64,
    /// Calls that ended an instance: traps, limits, timeouts.
    pub traps: u64,
    /// Instances made, the first one included.
    pub instances: u64,
}
