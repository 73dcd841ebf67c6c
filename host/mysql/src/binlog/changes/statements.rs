//! What each statement in the log means for the stream.
//!
//! Rows change by row events, and by nothing else that goes unnoticed. A statement that changes or replaces a
//! table that is read stops the stream. A statement that changes rows, and was logged as a text, goes on only
//! if all that it can write to is known and not read: tables that `ignore_statements` names, temporary tables that
//! this pass of the log has seen made, or what the server shows to be harmless (`doubt`).

use rowmill_change::{Position, TableName};

use super::super::client_charset::{Readings, UNREADABLE};
use super::super::query::Query;
use super::super::sql::{Definition, Effects, Statement, classify};
use super::doubt::{Answer, Asked, Doubt, Settled};
use super::{Changes, Transaction};
use crate::error::{Error, Result};

impl Changes {
    /// Takes a statement in.
    pub(super) fn query(&mut self, query: &Query<'_>, start: u64, seconds: u32) -> Result<()> {
        let (mut readings, decoded) = self.readings(query);
        let begun = self.transaction.as_ref().is_some_and(|t| t.begun);
        match readings.swap_remove(0) {
            Statement::Begin => {
                if self.transaction.is_none() {
                    self.begin(start, seconds, None, true, None)?;
                }
                self.in_transaction(|transaction| transaction.begun = true);
            }
            Statement::Commit => self.commit(),
            Statement::Rollback => {
                self.ensure_no_rows(query)?;
                self.commit();
            }
            Statement::RollbackToSavepoint => self.ensure_no_rows(query)?,
            Statement::Savepoint | Statement::XaEnd => {}
            Statement::XaBegin => self.in_transaction(|transaction| {
                transaction.begun = true;
                transaction.xa = true;
            }),
            Statement::XaFinish => self.commit(),
            Statement::Harmless if begun => {}
            Statement::Harmless => self.commit(),
            _ if !decoded => return Err(self.unclear(query, "it is in a character set that can't be decoded")),
            first => {
                let is_definition = matches!(first, Statement::Definition(_));
                let mut doubt: Option<Effects> = None;
                for reading in [first].into_iter().chain(readings) {
                    reading.creates().iter().for_each(|name| self.options.unread.note(&name.schema, &name.name));
                    let effects = match reading {
                        Statement::Definition(definition) => self.definition(query, definition)?,
                        Statement::Data(effects) => Some(effects),
                        _ => None,
                    };
                    match (&mut doubt, effects) {
                        (Some(doubt), Some(effects)) => doubt.merge(effects),
                        (None, effects) => doubt = effects,
                        (Some(_), None) => {}
                    }
                }
                if let Some(effects) = doubt {
                    self.data(query, effects, is_definition)?;
                }
                if !self.transaction.as_ref().is_some_and(|t| t.begun) {
                    self.commit();
                }
            }
        }
        Ok(())
    }

    /// Everything that the statement may mean, at least one thing, and whether its text could be decoded.
    fn readings(&self, query: &Query<'_>) -> (Vec<Statement>, bool) {
        let Readings { texts, decoded } = self.charsets.readings(query);
        let mut readings = Vec::new();
        for text in texts {
            // What SET STATEMENT sets is in the event, too: then it doesn't say how the text was read.
            let unsure = text.contains(['"', '\\', '[']) && text.to_ascii_lowercase().contains("sql_mode");
            let syntaxes = if unsure { query.syntax.under_every_mode().collect() } else { vec![query.syntax] };
            for syntax in syntaxes {
                let reading = classify(&text, &query.schema, syntax);
                if !readings.contains(&reading) {
                    readings.push(reading);
                }
            }
        }
        (readings, decoded)
    }

    fn in_transaction(&mut self, change: impl FnOnce(&mut Transaction)) {
        if let Some(transaction) = &mut self.transaction {
            change(transaction);
        }
    }

    /// For a rollback that was logged: rows of tables that can be rolled back would not stand.
    fn ensure_no_rows(&self, query: &Query<'_>) -> Result<()> {
        if self.transaction.as_ref().is_none_or(|t| t.rows == 0) {
            return Ok(());
        }
        Err(Error::UnsupportedEvent {
            event: format!("'{}' after changes of tables that are read", self.shown(query)),
            position: self.here(),
            fix: "don't mix tables with and without transactions in one transaction, and start over: \
                  rowmill run FILE --rebuild"
                .to_owned(),
        })
    }

    /// A definition: refused if it changes a table that is read. Its query, if it has one.
    fn definition(&mut self, query: &Query<'_>, definition: Definition) -> Result<Option<Effects>> {
        if let Some(schema) = &definition.drops_schema {
            if let Some(index) = self.names.find_in_schema(schema) {
                return Err(self.changed(query, index));
            }
            self.ensure_readable(query, [schema.as_str()])?;
        }
        if definition.is_temporary {
            let (names, session) = (&self.names, query.thread);
            definition.changed.iter().for_each(|name| self.temporary.remove(session, names.fold(name)));
            definition.created.iter().for_each(|name| self.temporary.add(session, names.fold(name)));
        } else {
            for name in &definition.changed {
                let folded = self.names.fold(name);
                if !definition.only_base_tables && self.temporary.contains(query.thread, folded.clone()) {
                    if definition.removes {
                        self.temporary.remove(query.thread, folded);
                    }
                } else if let Some(index) = self.names.find(name) {
                    return Err(self.changed(query, index));
                }
            }
            // Its first rows come with no row event: a statement made them. (IF NOT EXISTS makes none where it exists.)
            let fills = definition.query.is_some() && !definition.rows_follow;
            if fills && (definition.is_new || !self.options.tables_existed) {
                let read = definition.created.iter().find_map(|name| self.names.find(name));
                if let Some(index) = read {
                    return Err(self.changed(query, index));
                }
            }
            // A new table of this name: the one that was read went without a word in the log.
            for name in definition.created.iter().filter(|_| definition.is_new) {
                if let Some(index) = self.names.find(name)
                    && (self.options.tables_existed || self.decoders[index].has_rows_seen())
                {
                    return Err(self.changed(query, index));
                }
            }
            let names = definition.changed.iter().chain(definition.created.iter().filter(|_| definition.is_new));
            self.ensure_readable(query, names.flat_map(|name| [name.schema.as_str(), name.name.as_str()]))?;
        }
        if definition.rewires {
            self.settled = Settled::default();
        }
        if definition.rows_follow {
            self.in_transaction(|transaction| transaction.begun = true);
        }
        Ok(definition.query)
    }

    /// A statement that changes rows: refused if it changes a table that is read, a question to the server
    /// if it may.
    fn data(&mut self, query: &Query<'_>, mut effects: Effects, is_definition: bool) -> Result<()> {
        let read = effects.targets.iter().filter(|name| !self.is_temporary(query, name));
        if let Some(index) = read.clone().find_map(|name| self.names.find(name)) {
            return Err(self.changed(query, index));
        }
        let written: Vec<TableName> = read.cloned().collect();
        let is_ignored = |name: &TableName| self.ignored.find(&self.names.fold(name)).is_some();
        let only_ignored = !written.is_empty() && written.iter().all(is_ignored);
        match effects.opaque {
            Some(_) if only_ignored => effects.opaque = None,
            Some(reason) => return Err(self.unclear(query, reason)),
            None => {}
        }
        let names = effects.targets.iter().chain(&effects.reads);
        let names = names.flat_map(|name| [name.schema.as_str(), name.name.as_str()]);
        self.ensure_readable(query, names.chain(effects.calls.iter().map(String::as_str)))?;

        // Functions that it calls, or that a view calls which it reads, may still write elsewhere.
        effects.vouched = only_ignored;
        effects.targets = written.into_iter().filter(|name| !is_ignored(name)).collect();
        effects.reads.retain(|name| !self.is_temporary(query, name));
        let is_known = effects.is_nothing() || self.settled.harmless.contains(&effects);
        if !is_known {
            let asked = Asked {
                endpoint: self.options.endpoint.clone(),
                flavor: self.flavor,
                charsets: self.charsets.clone(),
                seen: self.settled.seen.clone(),
            };
            let (statement, position) = (self.shown(query), self.here());
            tracing::info!(
                statement = %rowmill_foreign::line(&statement),
                %position,
                "a statement was logged instead of rows: asking the source what it can have changed"
            );
            let offset = if is_definition { self.offset } else { position.offset };
            let from = Position { offset, rows: 0, ..position.clone() };
            self.doubt = Some(Doubt::raise(asked, effects, statement, position, from));
        }
        Ok(())
    }

    /// Waits for what the server says of the last statement, if it was asked. Cancel-safe.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let Some(doubt) = &mut self.doubt else { return Ok(()) };
        let answer = doubt.answer().await;
        let Some(mut doubt) = self.doubt.take() else { return Ok(()) };
        match answer? {
            Answer::Harmless(seen) => {
                self.settled.harmless.insert(std::mem::take(&mut doubt.effects));
                self.settled.seen = Some(seen);
                Ok(())
            }
            Answer::Unknown(reason) => Err(Error::UnclearStatement {
                statement: std::mem::take(&mut doubt.text),
                reason,
                position: doubt.position.clone(),
            }),
        }
    }

    fn is_temporary(&self, query: &Query<'_>, name: &TableName) -> bool {
        self.temporary.contains(query.thread, self.names.fold(name))
    }

    /// Refuses a statement with names that could not be decoded.
    fn ensure_readable<'n>(&self, query: &Query<'_>, names: impl IntoIterator<Item = &'n str>) -> Result<()> {
        match names.into_iter().any(|name| name.contains(UNREADABLE)) {
            true => Err(self.unclear(query, "it names tables in a character set that can't be decoded")),
            false => Ok(()),
        }
    }

    fn changed(&self, query: &Query<'_>, table: usize) -> Error {
        let table = self.decoders[table].table().def.name.clone();
        Error::SchemaChanged { table, statement: self.shown(query), position: self.here() }
    }

    fn unclear(&self, query: &Query<'_>, reason: &str) -> Error {
        Error::UnclearStatement { statement: self.shown(query), reason: reason.to_owned(), position: self.here() }
    }

    /// The statement's beginning, for messages.
    fn shown(&self, query: &Query<'_>) -> String {
        const CHARS_MAX: usize = 1_000;
        let text = self.charsets.readings(query).texts.into_iter().next().unwrap_or_default();
        let mut shown: String = text.chars().take(CHARS_MAX).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }
}
