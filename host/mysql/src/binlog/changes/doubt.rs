//! Whether a statement can have changed rows of the tables that are read: what the server says.
//!
//! # Why an answer holds for a statement of the past
//!
//! The server says how things are now: which names are tables, which triggers, foreign keys and functions
//! there are. What was there when the statement ran, and is no more, was dropped or replaced by a definition
//! in the log behind it. So the log is read on, from the start of the statement's transaction, or from the
//! end of the statement if it is a definition itself, to where the log ended when the server had been asked.
//! If such a definition is there that may concern the statement, nothing is shown, and the stream stops. With
//! none, what was found holds at every place in between, and on from there until the stream itself meets a
//! definition that drops or adds something of the kind. So an answer is kept until then, and what lies before
//! the end of a look ahead need not be read for another one.
//!
//! What the user may not see counts as there. Views and functions are seen with SELECT on all tables, triggers
//! with TRIGGER; foreign keys, on MariaDB, with a privilege other than SELECT, as TRIGGER is.
//!
//! The question is asked by a task of its own: whoever waits for the stream may stop waiting and come back.

use std::collections::BTreeSet;

use rowmill_change::{Position, TableName};
use tokio::task::JoinHandle;

use super::super::ahead::{Passed, look_through};
use super::super::client_charset::ClientCharsets;
use super::super::sql::Effects;
use crate::endpoint::{Conn, Endpoint, Flavor};
use crate::error::{Doing, Error, Result};
use crate::position::current_position;
use crate::preflight::Grants;
use crate::table::match_of;

const DOING: &str = "looking for what a statement in the binary log changes";

/// A statement whose effects the server is being asked about.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) effects: Effects,
    /// The statement, for the message.
    pub(super) text: String,
    /// Before it.
    pub(super) position: Position,
    task: JoinHandle<Result<Answer>>,
}

/// What the server says.
#[derive(Debug)]
pub(super) enum Answer {
    /// Everything that the statement can write to is known and not read; so it was up to the place up to which the
    /// log was looked through.
    Harmless(Seen),
    /// Why that cannot be shown.
    Unknown(String),
}

/// Whom to ask.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) endpoint: Endpoint,
    pub(super) flavor: Flavor,
    pub(super) charsets: ClientCharsets,
    /// What of the log was looked through before.
    pub(super) seen: Option<Seen>,
}

/// What of the log was looked through: everything from where the stream was to a place.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    to: Position,
    passed: Passed,
}

impl Doubt {
    /// Begins to ask. `effects` has neither temporary nor ignored tables, nor any that is read as a target; `from` is
    /// where the log is read on.
    pub(super) fn raise(asked: Asked, effects: Effects, text: String, position: Position, from: Position) -> Doubt {
        let known = effects.clone();
        let task = tokio::spawn(async move { answer(&asked, &known, from).await });
        Doubt { effects, text, position, task }
    }

    /// Waits for the answer. Cancel-safe.
    pub(super) async fn answer(&mut self) -> Result<Answer> {
        (&mut self.task).await.map_err(|error| Error::internal(format!("a look at the server: {error}")))?
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(asked: &Asked, effects: &Effects, from: Position) -> Result<Answer> {
    // Milliseconds; with very many tables seconds, with a blocked lock more. The connection is watched.
    let mut conn = asked.endpoint.connect().await?;
    if let Some(reason) = objection(&mut conn, effects).await? {
        return Ok(Answer::Unknown(reason));
    }
    let end = current_position(&mut conn, asked.flavor).await?;
    drop(conn);
    let (from, mut passed) = match asked.seen.clone().filter(|seen| seen.to.reached(&from)) {
        Some(Seen { to, passed }) => (to, passed),
        None => (from, Passed::default()),
    };
    look_through(&asked.endpoint, asked.flavor, &asked.charsets, &from, &end, &mut passed).await?;
    Ok(match passed.hiding(effects) {
        None => Answer::Harmless(Seen { to: end, passed }),
        Some(later) => Answer::Unknown(format!(
            "what it changes can't be told any more, since the statement '{}' came after it",
            rowmill_foreign::line(later)
        )),
    })
}

/// Why what the statement can write to is not known, or not all harmless, as things are now.
async fn objection(conn: &mut Conn, effects: &Effects) -> Result<Option<String>> {
    let grants = Grants::read(conn).await?;
    let only_reads = effects.targets.is_empty() && effects.calls.is_empty();
    if !(grants.are_everywhere("SELECT") || only_reads && effects.vouched) {
        return Ok(Some(
            "views and functions have a part in what it changes, and the source's user may not see all of them (that \
             needs SELECT ON *.*)"
                .to_owned(),
        ));
    }
    if !effects.targets.is_empty() && !grants.are_everywhere("TRIGGER") {
        return Ok(Some(
            "triggers and foreign keys have a part in what it changes, and the source's user may not see all of them \
             (that needs TRIGGER ON *.*)"
                .to_owned(),
        ));
    }
    for call in &effects.calls {
        let found: Option<(String, String)> = conn
            .exec_first(
                "SELECT ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_NAME = ?",
                (call,),
            )
            .await
            .doing(DOING)?;
        if let Some((schema, name)) = found {
            return Ok(Some(format!("it may call the stored function or procedure {}", TableName::new(schema, name))));
        }
    }
    for name in effects.targets.union(&effects.reads) {
        const TABLES: &[&str] = &["BASE TABLE", "SYSTEM VERSIONED"];
        const READABLE: &[&str] = &["SYSTEM VIEW", "SEQUENCE"];
        let kind = match_of(conn, name).await?.map(|found| found.kind);
        let is = |kinds: &[&str]| kind.as_deref().is_some_and(|kind| kinds.contains(&kind));
        let is_target = effects.targets.contains(name);
        if kind.is_none() && !is_target && effects.vouched {
            continue;
        }
        if !is(TABLES) && (is_target || !is(READABLE)) {
            return Ok(Some(match kind.as_deref() {
                Some("VIEW") => format!("{name} is a view"),
                Some(kind) => format!("{name} is a {}", kind.to_ascii_lowercase()),
                None => format!("there is no table {name}"),
            }));
        }
    }
    for target in &effects.targets {
        if let Some(reason) = further_writes(conn, target).await? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// What else is written when this table is.
async fn further_writes(conn: &mut Conn, target: &TableName) -> Result<Option<String>> {
    let args = || (&target.schema, &target.name);
    let trigger: Option<String> = conn
        .exec_first(
            "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ?",
            args(),
        )
        .await
        .doing(DOING)?;
    if let Some(trigger) = trigger {
        return Ok(Some(format!("{target} has the trigger '{}'", rowmill_foreign::line(&trigger))));
    }
    let cascade: Option<(String, String)> = conn
        .exec_first(
            "SELECT CONSTRAINT_SCHEMA, TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS \
             WHERE UNIQUE_CONSTRAINT_SCHEMA = ? AND REFERENCED_TABLE_NAME = ? \
             AND (DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') \
             OR UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT'))",
            args(),
        )
        .await
        .doing(DOING)?;
    Ok(cascade.map(|(schema, table)| {
        format!("a foreign key changes rows of {} with those of {target}", TableName::new(schema, table))
    }))
}

/// What was found out and still holds.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Effects that were shown to be harmless.
    pub(super) harmless: BTreeSet<Effects>,
    /// No definition that could make them otherwise lies before this place.
    pub(super) seen: Option<Seen>,
}
