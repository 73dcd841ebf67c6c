//! What the sink knows of a target table, and the parts of statements that follow from it.

use rowmill_change::{KEY_HASH, TableName, TargetTable, quote};

use super::compact::Rules;
use super::grants::Grants;
use super::hold::Room;
use super::key_hash;
use super::session::Session;
use super::{Mode, SinkOptions};
use crate::endpoint::{Conn, Flavor};
use crate::error::{Doing, Error, Result};
use crate::statement::Statement;
use crate::table::{ColumnData, TableDef, read_definition};

/// A column that is written.
#[derive(Debug, Clone)]
pub(super) struct ColumnShape {
    pub(super) name: String,
    /// Its type in the target.
    pub(super) data: ColumnData,
    /// Which values it holds.
    pub(super) room: Room,
}

/// A target table.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) table: TableName,
    pub(super) columns: Vec<ColumnShape>,
    /// Positions of the key's columns without ordinality.
    pub(super) event_key: Vec<usize>,
    pub(super) ordinality: Option<usize>,
    /// The table has the hidden key column, and it is computed here.
    pub(super) hashed: bool,
    pub(super) rules: Rules,
    /// `LOAD DATA … REPLACE` may be used; otherwise why not.
    pub(super) bulk: std::result::Result<(), String>,
    /// `LOAD DATA LOCAL INFILE '…'` and all that follows.
    pub(super) load: Statement,
    /// `INTO t (…) VALUES `, after `INSERT ` or `REPLACE `.
    pub(super) insert: Statement,
    /// What follows the values of an INSERT that updates rows which are there.
    pub(super) on_duplicate: Statement,
    /// `DELETE FROM t WHERE `.
    pub(super) delete: Statement,
}

/// What lies around a table and decides how it may be written.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    pub(super) triggers: bool,
    /// Tables with a foreign key that points at it.
    pub(super) children: Vec<String>,
    /// Triggers would be seen if there were any.
    pub(super) triggers_visible: bool,
}

impl Surroundings {
    pub(super) async fn read(conn: &mut Conn, table: &TableName, grants: &Grants) -> Result<Surroundings> {
        const DOING: &str = "reading the target's triggers and foreign keys";
        let triggers: Option<u8> = conn
            .exec_first(
                "SELECT 1 FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ? LIMIT 1",
                (&table.schema, &table.name),
            )
            .await
            .doing(DOING)?;
        let children = conn
            .exec(
                "SELECT DISTINCT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.KEY_COLUMN_USAGE \
                 WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME = ?",
                (&table.schema, &table.name),
            )
            .await
            .doing(DOING)?;
        // Nobody but its owner adds triggers to a table that a pipeline created.
        let own = created_by(conn, table).await?.is_some_and(|by| !by.is_empty());
        Ok(Surroundings {
            triggers: triggers.is_some(),
            children,
            triggers_visible: own || grants.has("TRIGGER", table),
        })
    }
}

/// Positions in the definition of the columns of the key by which rows are found: the primary or
/// unique key that covers exactly the target's key columns.
pub(super) fn matching_key(target: &TargetTable, def: &TableDef, hashed: bool) -> Option<Vec<usize>> {
    let mut wanted: Vec<&str> = Vec::new();
    if hashed {
        wanted.push(KEY_HASH);
        wanted.extend(target.ordinality.map(|i| target.schema.field(i).name().as_str()));
    } else {
        wanted.extend(target.key.iter().map(|&i| target.schema.field(i).name().as_str()));
    }
    let mut wanted: Vec<Option<usize>> = wanted.iter().map(|name| position(def, name)).collect();
    wanted.sort_unstable();
    let covers = |key: &[usize]| {
        let mut key: Vec<Option<usize>> = key.iter().map(|&i| Some(i)).collect();
        key.sort_unstable();
        key == wanted
    };
    if covers(&def.primary_key) {
        return Some(def.primary_key.clone());
    }
    def.unique_keys.iter().find(|k| !k.nullable && !k.partial && covers(&k.columns)).map(|k| k.columns.clone())
}

/// Column names are compared as MySQL compares them, without regard to case.
pub(super) fn position(def: &TableDef, name: &str) -> Option<usize> {
    def.columns.iter().position(|c| c.name.to_lowercase() == name.to_lowercase())
}

/// The target lost a column since it was checked.
pub(super) fn no_column(target: &TargetTable, name: &str) -> Error {
    let problem = crate::error::Problem::new(
        format!("table {}", target.table),
        format!("no column '{name}'"),
        "the column",
        "add it, or let the table be created again",
    );
    Error::Target { problems: vec![problem] }
}

/// Columns that nothing of ours writes: not the plan's, not generated, not the hidden key.
pub(super) fn unwritten(target: &TargetTable, def: &TableDef) -> Vec<usize> {
    let written = |name: &str| {
        name == KEY_HASH || target.schema.fields().iter().any(|f| f.name().to_lowercase() == name.to_lowercase())
    };
    (0..def.columns.len()).filter(|&i| def.columns[i].generated.is_none() && !written(&def.columns[i].name)).collect()
}

/// True if a unique key other than the one rows are found by could hold two of our rows apart.
pub(super) fn has_second_key(target: &TargetTable, def: &TableDef, hashed: bool) -> bool {
    let found_by = matching_key(target, def, hashed);
    let unwritten = unwritten(target, def);
    // A key over an AUTO_INCREMENT column that the server fills never collides.
    let harmless = |key: &[usize]| key.iter().any(|&i| def.columns[i].auto_increment && unwritten.contains(&i));
    let primary = std::iter::once(def.primary_key.as_slice()).filter(|k| !k.is_empty());
    // Partial keys list only some of their columns, and never are the one rows are found by.
    let others = def.unique_keys.iter().map(|k| (k.columns.as_slice(), k.partial));
    let mut found = false;
    primary.map(|k| (k, false)).chain(others).any(|(key, partial)| {
        let this_one = !found && !partial && found_by.as_deref() == Some(key);
        found |= this_one;
        !this_one && !harmless(key)
    })
}

impl Shape {
    /// Reads the table as it is now and prepares its statements.
    pub(super) async fn read(session: &mut Session, target: &TargetTable, grants: &Grants) -> Result<Shape> {
        let def = read_definition(&mut session.conn, &target.table)
            .await?
            .ok_or_else(|| Error::TableMissing { table: target.table.clone() })?;
        let around = Surroundings::read(&mut session.conn, &target.table, grants).await?;
        let shape = Shape::new(target, &def, &around, session)?;
        match &shape.bulk {
            Ok(()) => tracing::debug!(table = %target.table, "target takes bulk loads"),
            Err(why) => tracing::info!(table = %target.table, %why, "target is written by INSERT, not LOAD DATA"),
        }
        Ok(shape)
    }

    fn new(target: &TargetTable, def: &TableDef, around: &Surroundings, session: &Session) -> Result<Shape> {
        let hashed = key_hash::is_added(target, def);
        let mut columns = Vec::with_capacity(target.schema.fields().len());
        for field in target.schema.fields() {
            let Some(i) = position(def, field.name()) else {
                return Err(no_column(target, field.name()));
            };
            let column = &def.columns[i];
            let room = Room::new(field.data_type(), column, &session.limits);
            columns.push(ColumnShape { name: column.name.clone(), data: column.data.clone(), room });
        }
        let delete_first = target.options.mode == Mode::Upsert && has_second_key(target, def, hashed);
        let unwritten = unwritten(target, def);
        let bulk = if !session.local_infile {
            Err("the server's local_infile is OFF".to_owned())
        } else if around.triggers {
            Err("it has triggers".to_owned())
        } else if !around.triggers_visible {
            Err("whether it has triggers cannot be seen without the TRIGGER privilege".to_owned())
        } else if let Some(child) = around.children.first() {
            Err(format!("a foreign key of {child} points at it"))
        } else if let Some(&i) = unwritten.first() {
            Err(format!("its column {} is not written by the pipeline", quote(&def.columns[i].name)))
        } else {
            Ok(())
        };
        let event_key = target.event_key();
        let mut shape = Shape {
            table: target.table.clone(),
            columns,
            event_key,
            ordinality: target.ordinality,
            hashed,
            rules: Rules { mode: target.options.mode, ordinality: target.ordinality, delete_first },
            bulk,
            load: Statement::new(""),
            insert: Statement::new(""),
            on_duplicate: Statement::new(""),
            delete: Statement::new("DELETE FROM ").table(&target.table).text(" WHERE "),
        };
        shape.load = shape.load_statement();
        shape.insert = shape.insert_statement();
        shape.on_duplicate = shape.on_duplicate_clause(session.flavor);
        Ok(shape)
    }

    /// The columns by which an event's rows are found.
    pub(super) fn key_columns(&self) -> Vec<Statement> {
        let name = |name: &str| Statement::new("").name(name);
        if self.hashed {
            return vec![name(KEY_HASH)];
        }
        self.event_key.iter().map(|&i| name(&self.columns[i].name)).collect()
    }

    /// All columns in the order in which values are written: the hidden key last.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str()).chain(self.hashed.then_some(KEY_HASH))
    }

    /// The file's name is only shown in the server's process list; the handler serves no file.
    fn load_statement(&self) -> Statement {
        let mut fields = Vec::new();
        let mut set = Vec::new();
        for (i, column) in self.columns.iter().enumerate() {
            let (before, after) = match column.data {
                ColumnData::FixedBinary { .. }
                | ColumnData::Binary { .. }
                | ColumnData::Geometry
                | ColumnData::Vector => ("UNHEX(", ")"),
                // As plain text a BIT would take the digits' character codes.
                ColumnData::Bit { .. } => ("CAST(", " AS UNSIGNED)"),
                _ => {
                    fields.push(Statement::new("").name(&column.name));
                    continue;
                }
            };
            let variable = Statement::new("@c").number(i as u64);
            set.push(Statement::new("").name(&column.name).text(" = ").text(before).part(&variable).text(after));
            fields.push(variable);
        }
        if self.hashed {
            fields.push(Statement::new("@k"));
            set.push(Statement::new("").name(KEY_HASH).text(" = UNHEX(@k)"));
        }
        let part = |list: Statement, part: &Statement| list.part(part);
        let statement = Statement::new("LOAD DATA LOCAL INFILE 'rowmill' REPLACE INTO TABLE ")
            .table(&self.table)
            .text(" CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' ")
            .text("LINES TERMINATED BY '\\n' STARTING BY '' (")
            .list(", ", &fields, part)
            .text(")");
        if set.is_empty() { statement } else { statement.text(" SET ").list(", ", &set, part) }
    }

    fn insert_statement(&self) -> Statement {
        Statement::new("INTO ")
            .table(&self.table)
            .text(" (")
            .list(", ", self.names(), Statement::name)
            .text(") VALUES ")
    }

    fn on_duplicate_clause(&self, flavor: Flavor) -> Statement {
        let (alias, before, after) = match flavor {
            Flavor::MySql => (" AS rowmill_new", " = rowmill_new.", ""),
            Flavor::MariaDb => ("", " = VALUES(", ")"),
        };
        let assign = |list: Statement, name: &str| list.name(name).text(before).name(name).text(after);
        Statement::new(alias).text(" ON DUPLICATE KEY UPDATE ").list(", ", self.names(), assign)
    }
}

/// The schema of the progress tables where the pipeline file names none.
const META: &str = "rowmill";

/// The pipeline in the words of its tables' comments. Names are unique in a schema of progress tables only.
pub(super) fn creator(options: &SinkOptions) -> String {
    match options.meta == META {
        true => options.pipeline.clone(),
        false => format!("{} of schema {}", options.pipeline, options.meta),
    }
}

/// The comment of a table that a pipeline created.
pub(super) fn created_comment(creator: &str) -> String {
    format!("created by rowmill for pipeline {creator}")
}

/// Which [pipeline](creator) created the table; an empty name if none did, `None` if there is no such table.
pub(super) async fn created_by(conn: &mut Conn, table: &TableName) -> Result<Option<String>> {
    let comment: Option<String> = conn
        .exec_first(
            "SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
            (&table.schema, &table.name),
        )
        .await
        .doing("reading the target's comment")?;
    let prefix = created_comment("");
    Ok(comment.map(|c| c.strip_prefix(&prefix).unwrap_or_default().to_owned()))
}
