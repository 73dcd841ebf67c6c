//! Temporary tables that sessions made in the part of the log that was read.
//!
//! A temporary table belongs to one session and hides a table of its name from it. All of them end with
//! their server.

use std::collections::BTreeSet;
use std::sync::Arc;

use rowmill_change::TableName;

/// The tables, by the number of their session and their folded names.
#[derive(Debug, Clone, Default)]
pub(crate) struct TemporaryTables {
    now: Arc<BTreeSet<(u32, TableName)>>,
    /// As they were where reading begins anew after a lost connection.
    delivered: Arc<BTreeSet<(u32, TableName)>>,
}

impl TemporaryTables {
    pub(crate) fn add(&mut self, session: u32, name: TableName) {
        Arc::make_mut(&mut self.now).insert((session, name));
    }

    pub(crate) fn remove(&mut self, session: u32, name: TableName) {
        if !self.now.is_empty() {
            Arc::make_mut(&mut self.now).remove(&(session, name));
        }
    }

    pub(crate) fn contains(&self, session: u32, name: TableName) -> bool {
        !self.now.is_empty() && self.now.contains(&(session, name))
    }

    /// The server started anew.
    pub(crate) fn clear(&mut self) {
        self.now = Arc::default();
    }

    /// What was read so far is delivered.
    pub(crate) fn deliver(&mut self) {
        self.delivered = Arc::clone(&self.now);
    }

    /// What was read and not delivered comes again.
    pub(crate) fn rewind(&mut self) {
        self.now = Arc::clone(&self.delivered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_finds_the_tables_as_they_were() {
        let name = || TableName::new("shop", "t");
        let mut tables = TemporaryTables::default();
        tables.add(7, name());
        assert!(tables.contains(7, name()) && !tables.contains(8, name()));
        tables.deliver();
        tables.remove(7, name());
        assert!(!tables.contains(7, name()));
        tables.rewind();
        assert!(tables.contains(7, name()));
        tables.clear();
        assert!(!tables.contains(7, name()));
    }
}
