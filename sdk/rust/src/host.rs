//! What a component can ask of the host: log lines and counters.
//!
//! Natively, log lines go to stderr and counters nowhere. Neither changes a result.

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is wrong.
    Error,
    /// Something looks wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For whoever debugs the function.
    Debug,
}

/// Writes a line to the host's log, with the names of pipeline, step and component. The host
/// limits the lines per call; never log per row.
pub fn log(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    {
        use crate::__glue::bindings::rowmill::udf::host;
        let level = match level {
            Level::Error => host::Level::Error,
            Level::Warn => host::Level::Warn,
            Level::Info => host::Level::Info,
            Level::Debug => host::Level::Debug,
        };
        host::log(level, message);
    }
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?}: {message}");
}

/// Adds to a counter of the function, which appears in the host's metrics.
pub fn count(counter: &str, delta: u64) {
    #[cfg(target_family = "wasm")]
    crate::__glue::bindings::rowmill::udf::host::count(counter, delta);
    #[cfg(not(target_family = "wasm"))]
    let _ = (counter, delta);
}
