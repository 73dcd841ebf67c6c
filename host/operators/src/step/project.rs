//! `select`, `drop` and `rename`: columns move, nothing runs.

use std::sync::Arc;

use super::Frame;

/// Column i of the output is column `columns[i]` of the input.
pub struct Project {
    /// For each column after the step, its number before.
    pub columns: Vec<usize>,
}

impl Project {
    pub(crate) fn run(&self, frame: Frame) -> Frame {
        Frame { columns: self.columns.iter().map(|&column| Arc::clone(&frame.columns[column])).collect(), ..frame }
    }
}
