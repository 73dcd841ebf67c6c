//! What compiling a component may take.
//!
//! Components of eight toolchains take Cranelift 0.5 to 1.3 s of CPU and 20 to 35 MiB per MiB of code
//! (the latter with two threads) beside a few MiB of its own. The limits leave four times that for a
//! slow machine, and a fixed part for small files that are dense.

use std::time::Duration;

const MIB: u64 = 1 << 20;

/// CPU time, all threads together: 5 s and 5 s per MiB. Whole seconds, as the system counts them.
pub(crate) fn cpu(wasm_bytes: u64) -> Duration {
    Duration::from_secs(5 + (5 * wasm_bytes).div_ceil(MIB))
}

/// Bytes of memory: 256 MiB and 32 MiB per MiB.
pub(crate) fn memory(wasm_bytes: u64) -> u64 {
    256 * MIB + 32 * wasm_bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_file() {
        assert_eq!((cpu(0), memory(0)), (Duration::from_secs(5), 256 * MIB));
        assert_eq!((cpu(1), cpu(MIB)), (Duration::from_secs(6), Duration::from_secs(10)));
        assert_eq!((cpu(18 * MIB), memory(18 * MIB)), (Duration::from_secs(95), 832 * MIB));
    }
}
