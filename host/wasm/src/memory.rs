//! The memory limit of one instance.
//!
//! A refused growth is no error by itself: the guest sees -1 and may cope. Usually its
//! allocator gives up and it traps, with a message that says nothing about memory. So a
//! refusal is remembered, and the trap that follows is reported as the memory limit.

use wasmtime::ResourceLimiter;

/// What a table element costs the host.
const TABLE_ELEMENT_BYTES: u64 = 16;

/// Core instances, tables and memories of one component. A Python component has 27 core
/// modules, each an instance; ten times that is no component any toolchain makes.
const PARTS_MAX: usize = 300;

/// Counts the linear memories and tables of an instance, all together.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: u64,
    used: u64,
    last: u64,
    peak: u64,
    refused: bool,
}

impl Memory {
    pub(crate) fn new(limit: u64) -> Memory {
        Memory { limit, used: 0, last: 0, peak: 0, refused: false }
    }

    /// A call begins: forget refusals of earlier ones.
    pub(crate) fn begin(&mut self) {
        self.refused = false;
    }

    /// Bytes in use. Linear memory never shrinks, so this is the peak of the instance.
    pub(crate) fn used(&self) -> u64 {
        self.used.max(self.peak)
    }

    /// Whether a growth was refused in this call.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    fn grow(&mut self, bytes: u64) -> bool {
        if self.used.saturating_add(bytes) > self.limit {
            self.refused = true;
            return false;
        }
        self.used += bytes;
        self.last = bytes;
        self.peak = self.peak.max(self.used);
        true
    }

    fn undo(&mut self) {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last));
        self.refused = true;
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current) as u64))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let elements = desired.saturating_sub(current) as u64;
        Ok(self.grow(elements.saturating_mul(TABLE_ELEMENT_BYTES)))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}
