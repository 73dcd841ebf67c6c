//! Which values the columns of a target hold, seen before a statement is made of them.
//!
//! An Arrow type has values that a column lacks: NaN, a date after 9999, a JSON document that is nested
//! deeper than the server reads, a text of more characters than the column was made for. The rule for
//! each ([`Rule`]) is applied twice: by [`Holds`] to whole columns, for those who can still do something
//! about a row, and by the encoder to every value that it writes. It is the same code, so what
//! [`Holds`] lets through, the encoder writes.
//!
//! # What it costs
//!
//! A column that holds every value of its Arrow type costs nothing. Others cost a comparison per value,
//! text one of its length, JSON a pass over its bytes. Nothing is allocated unless a value is refused,
//! or one for FLOAT(M,D) or DOUBLE(M,D) has to be compared digit by digit.

use std::ops::RangeInclusive;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::Target;
use super::encode::{Cells, Limits, Rule};
use super::shape::{ColumnShape, position};
use crate::endpoint::{Conn, Flavor, flavor};
use crate::error::{Doing, Error, Result};
use crate::table::{Column, ColumnData, read_definition};

const SECOND: i64 = 1_000_000;

/// Reads what the server's types hold.
pub(super) async fn limits(conn: &mut Conn, flavor: Flavor) -> Result<Limits> {
    // MySQL documents both, the same for 8.0 and since.
    const MYSQL: Limits = Limits { json_depth: Some(100), timestamp: (SECOND, (1 << 31) * SECOND - 1) };
    if flavor == Flavor::MySql {
        return Ok(MYSQL);
    }
    // MariaDB documents neither, and raised the second in 11.5: it is asked.
    let (deep, late): (Option<bool>, Option<bool>) = conn
        .query_first(
            "SELECT JSON_VALID(CONCAT(REPEAT('[', 32), REPEAT(']', 32))), FROM_UNIXTIME(2147483648) IS NOT NULL",
        )
        .await
        .doing("asking what the server's types hold")?
        .unwrap_or_default();
    let seconds: i64 = if late == Some(true) { 1 << 32 } else { 1 << 31 };
    Ok(Limits { json_depth: (deep != Some(true)).then_some(31), timestamp: (1, seconds * SECOND - 1) })
}

/// What one column holds.
#[derive(Debug, Clone)]
pub(super) struct Room {
    data: ColumnData,
    rule: Rule,
    not_null: bool,
}

impl Room {
    /// Of arrays of this type, a column of the target.
    pub(super) fn new(array: &DataType, column: &Column, limits: &Limits) -> Room {
        Room { data: column.data.clone(), rule: Rule::new(array, column, limits), not_null: !column.nullable }
    }

    /// The array's values with this room.
    pub(super) fn cells(&self, array: &dyn Array) -> std::result::Result<Cells, String> {
        Cells::new(array, &self.data, self.rule.clone(), self.not_null)
    }
}

/// A value that its column does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unholdable {
    /// The row of the array.
    pub row: usize,
    /// Why, as the end of a sentence that begins with the value: "is NaN, which MySQL cannot store".
    pub reason: String,
}

/// Which values the columns of a target hold.
#[derive(Debug, Clone)]
pub struct Holds {
    columns: Vec<(String, Room)>,
}

impl Holds {
    pub(super) fn of(columns: &[ColumnShape]) -> Holds {
        Holds { columns: columns.iter().map(|column| (column.name.clone(), column.room.clone())).collect() }
    }

    /// Reads it from the server, for those who have no [`Sink`](super::Sink).
    pub async fn read(conn: &mut Conn, target: &Target) -> Result<Holds> {
        let (flavor, _) = flavor(conn).await?;
        let limits = limits(conn, flavor).await?;
        let def = read_definition(conn, &target.table).await?;
        let def = def.ok_or_else(|| Error::TableMissing { table: target.table.clone() })?;
        let mut columns = Vec::with_capacity(target.schema.fields().len());
        for field in target.schema.fields() {
            let found = position(&def, field.name()).map(|i| &def.columns[i]);
            let column = found.ok_or_else(|| super::shape::no_column(target, field.name()))?;
            columns.push((column.name.clone(), Room::new(field.data_type(), column, &limits)));
        }
        Ok(Holds { columns })
    }

    /// The values of `array` that column `column` of the target's schema does not hold, in order. The
    /// array has the type of that column's field.
    pub fn unholdable(&self, column: usize, array: &ArrayRef) -> Result<Vec<Unholdable>> {
        let wrong = |message: String| Error::internal(format!("column {column} of the target: {message}"));
        let (_, room) = self.columns.get(column).ok_or_else(|| wrong("there is no such column".into()))?;
        let cells = room.cells(array).map_err(wrong)?;
        if cells.holds_all() {
            return Ok(Vec::new());
        }
        let refused = |row| Some(Unholdable { row, reason: cells.check(row).err()? });
        Ok((0..array.len()).filter_map(refused).collect())
    }

    /// The first and the last microsecond that a column holds, if it is one of dates with times.
    pub fn times(&self, column: usize) -> Option<RangeInclusive<i64>> {
        self.columns.get(column).and_then(|(_, room)| room.rule.times())
    }

    /// The name of a column in the target.
    pub fn name(&self, column: usize) -> Option<&str> {
        self.columns.get(column).map(|(name, _)| name.as_str())
    }
}
