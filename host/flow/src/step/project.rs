//! `select`, `drop` and `rename`: columns move, nothing runs.

use std::sync::Arc;

use super::Frame;

/// Column i of the output is column `columns[i]` of the input.
pub(crate) struct Project {
    pub(crate) columns: Vec<usize>,
}

impl Project {
    pub(crate) fn run(&self, frame: Frame) -> Frame {
        Frame { columns: self.columns.iter().map(|&column| Arc::clone(&frame.columns[column])).collect(), ..frame }
    }
}
