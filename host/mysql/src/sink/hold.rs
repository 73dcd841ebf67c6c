//! Which values the columns of a target hold, seen before a statement is made of them.
//!
//! An Arrow type has values that a column lacks: NaN, a date after 9999, a JSON document that is nested
//! deeper than the server reads, a text of more characters than the column was made for. The rule for
//! each ([`Rule`]) is applied twice: by [`TargetHolds`] to whole columns, for those who can still do something
//! about a row, and by the encoder to every value that it writes. It is the same code, so what
//! [`TargetHolds`] lets through, the encoder writes.
//!
//! # What it costs
//!
//! A column that holds every value of its Arrow type costs nothing. Others cost a comparison per value,
//! text one of its length, JSON a pass over its bytes. Nothing is allocated unless a value is refused,
//! or one for FLOAT(M,D) or DOUBLE(M,D) has to be compared digit by digit.

use std::ops::RangeInclusive;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{ArrowError, DataType};
use rowmill_change::{Holds, TargetTable, Unholdable};

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

/// Which values the columns of a target hold.
#[derive(Debug, Clone)]
pub struct TargetHolds {
    columns: Vec<(String, Room)>,
}

impl TargetHolds {
    pub(super) fn of(columns: &[ColumnShape]) -> TargetHolds {
        TargetHolds { columns: columns.iter().map(|column| (column.name.clone(), column.room.clone())).collect() }
    }

    /// Reads it from the server, for those who have no [`Sink`](super::Sink).
    pub async fn read(conn: &mut Conn, target: &TargetTable) -> Result<TargetHolds> {
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
        Ok(TargetHolds { columns })
    }
}

impl Holds for TargetHolds {
    fn unholdable(&self, column: usize, array: &ArrayRef) -> std::result::Result<Vec<Unholdable>, ArrowError> {
        let wrong = |message: String| ArrowError::SchemaError(format!("column {column} of the target: {message}"));
        let (_, room) = self.columns.get(column).ok_or_else(|| wrong("there is no such column".into()))?;
        let cells = room.cells(array).map_err(wrong)?;
        if cells.holds_all() {
            return Ok(Vec::new());
        }
        let refused = |row| Some(Unholdable { row, reason: cells.check(row).err()? });
        Ok((0..array.len()).filter_map(refused).collect())
    }

    fn times(&self, column: usize) -> Option<RangeInclusive<i64>> {
        self.columns.get(column).and_then(|(_, room)| room.rule.times())
    }

    fn name(&self, column: usize) -> Option<&str> {
        self.columns.get(column).map(|(name, _)| name.as_str())
    }
}
