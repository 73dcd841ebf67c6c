//! How a table's definition differs from the one that is stored, in words.

use super::{Column, ColumnData, TableDef};

impl TableDef {
    /// How `other` differs from this definition in what matters for reading rows, in words;
    /// `None` if it does not. Defaults and visibility may change freely.
    pub fn difference(&self, other: &TableDef) -> Option<String> {
        for (i, column) in self.columns.iter().enumerate() {
            let Some(now) = other.columns.get(i) else {
                return Some(format!("column '{}' is gone", column.name));
            };
            if now.name != column.name {
                return Some(if other.columns.iter().any(|c| c.name == column.name) {
                    format!("column {} is now '{}' instead of '{}'", i + 1, now.name, column.name)
                } else if self.columns.iter().any(|c| c.name == now.name) {
                    format!("column '{}' is gone", column.name)
                } else {
                    format!("column '{}' is gone or was renamed to '{}'", column.name, now.name)
                });
            }
            if let Some(difference) = column.difference(now) {
                return Some(difference);
            }
        }
        if let Some(new) = other.columns.get(self.columns.len()) {
            return Some(format!("column '{}' is new", new.name));
        }
        if self.primary_key != other.primary_key {
            let names = |t: &TableDef| {
                let names: Vec<&str> = t.primary_key.iter().map(|&i| t.columns[i].name.as_str()).collect();
                format!("({})", names.join(", "))
            };
            return Some(format!("the primary key was {} and is now {}", names(self), names(other)));
        }
        if self.row_key() != other.row_key() {
            return Some("the unique key by which its rows are told apart is another one now".to_owned());
        }
        None
    }
}

impl Column {
    /// How a column of the same name and place differs from this one.
    fn difference(&self, other: &Column) -> Option<String> {
        if other.mysql_type != self.mysql_type {
            return Some(format!("column '{}' was {} and is now {}", self.name, self.mysql_type, other.mysql_type));
        }
        if other.collation != self.collation {
            return Some(format!(
                "the collation of column '{}' was {} and is now {}",
                self.name,
                self.collation.as_deref().unwrap_or("none"),
                other.collation.as_deref().unwrap_or("none")
            ));
        }
        if other.data != self.data {
            return Some(match &other.data {
                // Its text says all of such a type.
                ColumnData::Enum { .. } | ColumnData::Set { .. } => format!(
                    "the type of column '{}' is written as before, but this version reads its labels differently \
                     than the one that kept the definition",
                    self.name
                ),
                // MariaDB's JSON is a LONGTEXT with a check.
                _ => format!(
                    "column '{}' is {} as before, but its values are of another kind now, such as JSON",
                    self.name, self.mysql_type
                ),
            });
        }
        if other.nullable != self.nullable {
            let null = |n: bool| if n { "NULL" } else { "NOT NULL" };
            return Some(format!(
                "column '{}' was {} and is now {}",
                self.name,
                null(self.nullable),
                null(other.nullable)
            ));
        }
        if other.generated != self.generated {
            return Some(format!("how column '{}' is generated changed", self.name));
        }
        None
    }
}
