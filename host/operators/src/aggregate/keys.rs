//! The bytes by which rows are grouped.
//!
//! Key columns become one byte string per row (`arrow-row`): equal strings are equal keys, NULL is a
//! value, and -0.0 is 0.0. Texts whose collation takes different spellings for equal go in by their
//! weights; how such a key is spelled is then kept beside it, as `Keys::spell` says.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, Field};
use rowmill_collation::{Collation, Rule};

use crate::error::Error;
use rowmill_plan::Collate;

/// Makes keys of columns, and columns of keys.
pub struct Keys {
    converter: RowConverter,
    /// Per column: the rule, where texts are compared by weight.
    rules: Vec<Option<Rule>>,
    /// The original values of the columns with a rule; `None` if there are none.
    spelling: Option<RowConverter>,
}

/// How texts of a field are compared where that is not by their bytes; the error says that it isn't known.
pub fn rule(field: &Field, collate: Collate) -> Result<Option<Rule>, String> {
    if *field.data_type() != DataType::Utf8 || collate == Collate::Binary {
        return Ok(None);
    }
    let Some(name) = field.metadata().get("collation") else { return Ok(None) };
    let rule = Collation::named(name).rule().map_err(|_| format!("the collation {name} can't be grouped by"))?;
    Ok(Some(rule).filter(|rule| !rule.is_bytes()))
}

impl Keys {
    /// For columns of these fields. The error names the field at fault.
    pub fn new(fields: &[&Field], collate: Collate) -> Result<Keys, (usize, String)> {
        let mut rules = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            if field.metadata().get("type").is_some_and(|kind| kind == "json") {
                return Err((index, "JSON documents can't be grouped by".to_owned()));
            }
            rules.push(rule(field, collate).map_err(|message| (index, message))?);
        }
        let sort = |(index, field): (usize, &&Field)| match rules[index] {
            Some(_) => SortField::new(DataType::Binary),
            None => SortField::new(field.data_type().clone()),
        };
        let converter = RowConverter::new(fields.iter().enumerate().map(sort).collect());
        let converter = converter.map_err(|error| (0, error.to_string()))?;
        let spelled: Vec<SortField> = rules.iter().flatten().map(|_| SortField::new(DataType::Utf8)).collect();
        let spelling = match spelled.is_empty() {
            true => None,
            false => Some(RowConverter::new(spelled).map_err(|error| (0, error.to_string()))?),
        };
        Ok(Keys { converter, rules, spelling })
    }

    /// The key of each row.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Rows, Error> {
        let canonical: Vec<ArrayRef> =
            columns.iter().zip(&self.rules).map(|(column, rule)| canonical(column, *rule)).collect();
        Ok(self.converter.convert_columns(&canonical)?)
    }

    /// How the keys of these rows are spelled, where the keys themselves don't say it.
    pub(crate) fn spell(&self, columns: &[ArrayRef]) -> Result<Option<Rows>, Error> {
        let Some(converter) = &self.spelling else { return Ok(None) };
        let spelled: Vec<ArrayRef> =
            columns.iter().zip(&self.rules).filter(|(_, rule)| rule.is_some()).map(|(c, _)| Arc::clone(c)).collect();
        Ok(Some(converter.convert_columns(&spelled)?))
    }

    /// Whether keys have a spelling of their own.
    pub(crate) fn are_spelled(&self) -> bool {
        self.spelling.is_some()
    }

    /// The columns of keys, with their spellings (empty where there is none).
    pub(crate) fn decode(&self, keys: &[&[u8]], shown: &[&[u8]]) -> Result<Vec<ArrayRef>, Error> {
        let parser = self.converter.parser();
        let mut columns = self.converter.convert_rows(keys.iter().map(|key| parser.parse(key)))?;
        if let Some(converter) = &self.spelling {
            let parser = converter.parser();
            let mut spelled = converter.convert_rows(shown.iter().map(|row| parser.parse(row)))?.into_iter();
            for (column, rule) in columns.iter_mut().zip(&self.rules) {
                if rule.is_some()
                    && let Some(texts) = spelled.next()
                {
                    *column = texts;
                }
            }
        }
        Ok(columns)
    }
}

/// The column in the form in which equal values are equal bytes: texts by their weights, where there is a
/// rule.
pub fn canonical(column: &ArrayRef, rule: Option<Rule>) -> ArrayRef {
    match (column.data_type(), rule) {
        (DataType::Utf8, Some(rule)) => {
            let mut key = Vec::new();
            let weights = column.as_string::<i32>().iter().map(|text| {
                text.map(|text| {
                    key.clear();
                    rule.key(text, &mut key);
                    key.clone()
                })
            });
            Arc::new(weights.collect::<BinaryArray>())
        }
        (DataType::Float64, _) => Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(|v| v + 0.0)),
        (DataType::Float32, _) => Arc::new(column.as_primitive::<Float32Type>().unary::<_, Float32Type>(|v| v + 0.0)),
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_array::{Float64Array, StringArray};

    use super::*;

    fn text(collation: &str) -> Field {
        Field::new("name", DataType::Utf8, true)
            .with_metadata(HashMap::from([("collation".to_owned(), collation.to_owned())]))
    }

    #[test]
    fn spellings_that_a_collation_takes_for_equal_share_a_key() {
        let field = text("utf8mb4_0900_ai_ci");
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("Müller"), Some("MULLER"), Some("Miller"), None]));
        let keys = Keys::new(&[&field], Collate::Column).unwrap();
        let rows = keys.encode(std::slice::from_ref(&names)).unwrap();
        assert_eq!(rows.row(0), rows.row(1));
        assert_ne!(rows.row(0), rows.row(2));
        let shown = keys.spell(std::slice::from_ref(&names)).unwrap().unwrap();
        let back = keys.decode(&[rows.row(1).data(), rows.row(3).data()], &[shown.row(0).data(), shown.row(3).data()]);
        assert_eq!(back.unwrap()[0].as_string::<i32>().iter().collect::<Vec<_>>(), [Some("Müller"), None]);

        let bytes = Keys::new(&[&field], Collate::Binary).unwrap();
        assert!(!bytes.are_spelled());
        let rows = bytes.encode(&[names]).unwrap();
        assert_ne!(rows.row(0), rows.row(1));
    }

    #[test]
    fn zeros_of_both_signs_are_one_group() {
        let field = Field::new("x", DataType::Float64, true);
        let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0]));
        let rows = Keys::new(&[&field], Collate::Column).unwrap().encode(&[zeros]).unwrap();
        assert_eq!(rows.row(0), rows.row(1));
    }

    #[test]
    fn what_has_no_equality_is_refused() {
        let json = Field::new("j", DataType::Utf8, true)
            .with_metadata(HashMap::from([("type".to_owned(), "json".to_owned())]));
        assert!(Keys::new(&[&json], Collate::Column).is_err());
        assert!(Keys::new(&[&text("utf8mb4_ja_0900_as_cs")], Collate::Column).is_err());
        assert!(Keys::new(&[&text("utf8mb4_ja_0900_as_cs")], Collate::Binary).is_ok());
    }
}
