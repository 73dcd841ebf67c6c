//! The states of groups: accumulators that leave a component as columns and enter again.
//!
//! What leaves is checked as all that comes back is. A state has no row errors: the rows
//! that went in were right, so a value that is not is the function's mistake, and the
//! host must not store it.

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::Field;
use rowmill_foreign::line;

use crate::binding::{self, LentFields};
use crate::bindings::{aggregate_function as wit, types};
use crate::data_type::{self, JSON_KEY};
use crate::lift::{lift_numbers, lift_whole};
use crate::lower::{is_plain, lower, plain};

/// The columns of a state that leaves the component.
///
/// Equal when version, fields and their metadata are, which is what makes a stored state
/// one that can be merged as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSchema {
    /// The component's own number for this layout.
    pub version: u32,
    /// The columns; their attributes are the fields' metadata.
    pub fields: Vec<Field>,
}

/// The states of a list of groups.
#[derive(Clone, Debug)]
pub struct States {
    /// How many rows each group's state takes; none: one each.
    pub rows: Option<UInt32Array>,
    /// The columns of the schema. The rows of a group follow those of the one before it.
    pub columns: Vec<ArrayRef>,
}

impl States {
    /// How many rows the columns have.
    pub(crate) fn len(&self, groups: usize) -> usize {
        self.columns.first().map_or(groups, Array::len)
    }

    /// Checks what the host hands over against the schema.
    pub(crate) fn ensure_fits(&self, schema: &StateSchema, groups: usize) -> Result<(), String> {
        let rows = match &self.rows {
            Some(rows) if rows.len() != groups || rows.null_count() > 0 => {
                return Err(format!("row counts of {} states, needed those of {groups} groups", rows.len()));
            }
            Some(rows) => rows.values().iter().map(|rows| u64::from(*rows)).sum(),
            None => groups as u64,
        };
        if self.columns.len() != schema.fields.len() {
            return Err(format!("{} state columns, needed {}", self.columns.len(), schema.fields.len()));
        }
        for (column, field) in self.columns.iter().zip(&schema.fields) {
            if column.len() as u64 != rows || column.data_type() != field.data_type() {
                return Err(format!(
                    "state {} with {} rows of {}, needed {rows} of {}",
                    field.name(),
                    column.len(),
                    column.data_type(),
                    field.data_type()
                ));
            }
            if !field.is_nullable() && column.null_count() > 0 {
                return Err(format!("state {} with NULLs, needed none", field.name()));
            }
        }
        Ok(())
    }

    /// The columns from row 0 of their buffers; none if all are so already.
    pub(crate) fn made(&self) -> Result<Option<Vec<ArrayRef>>, String> {
        if self.columns.iter().all(|column| is_plain(column.as_ref())) {
            return Ok(None);
        }
        self.columns.iter().map(|column| plain(column.as_ref())).collect::<Result<_, _>>().map(Some)
    }

    /// Lends the columns, as [`made`](States::made) makes them.
    pub(crate) fn lower<'a>(&self, columns: &'a [ArrayRef]) -> Result<Vec<types::ColumnParam<'a>>, String> {
        let lend = |column: &'a ArrayRef| {
            lower(column.as_ref()).ok_or_else(|| format!("a state of {}, which cannot cross", column.data_type()))
        };
        columns.iter().map(lend).collect()
    }

    /// The row counts as lent.
    pub(crate) fn counts(&self) -> Option<&[u8]> {
        self.rows.as_ref().map(numbers)
    }
}

/// Group numbers, or rows of states, as lent. The buffer of a slice is the slice's.
pub(crate) fn numbers(array: &UInt32Array) -> &[u8] {
    array.values().inner().as_slice()
}

/// Checks the states of `groups` groups and makes arrays of them; the error says what is
/// wrong with them.
pub(crate) fn lift_states(answer: wit::StateResult, groups: usize, fields: &[Field]) -> Result<States, String> {
    let (counts, rows) = match answer.rows {
        Some(counts) => {
            let counts = lift_numbers(counts, "row counts of states")?;
            if counts.len() != groups {
                return Err(format!("row counts of {} states, needed those of {groups} groups", counts.len()));
            }
            // A u64 holds the sum of as many u32 as a u32 can count.
            let rows: u64 = counts.iter().map(|rows| u64::from(*rows)).sum();
            match u32::try_from(rows) {
                Ok(rows) => (Some(UInt32Array::new(counts, None)), rows as usize),
                Err(_) => return Err(format!("states of {rows} rows in one call")),
            }
        }
        None => (None, groups),
    };
    let columns = lift_whole(fields, answer.columns, rows, "state")?;
    Ok(States { rows: counts, columns })
}

/// Checks a guest's schema; the error says what is wrong with it.
pub(crate) fn schema(found: wit::StateSchemaResult) -> Result<StateSchema, String> {
    // Dropping it, as is done in results, would make two schemas equal that are not.
    let taken = |field: &&types::FieldResult| field.attributes.iter().any(|attribute| attribute.key == JSON_KEY);
    let taken = found.fields.iter().find(taken).map(|field| line(&field.name).into_owned());
    let fields = binding::fields(found.fields, "state")?;
    match taken {
        Some(name) => Err(format!("a signature with the attribute {JSON_KEY} at state {name}, a name that is taken")),
        None => Ok(StateSchema { version: found.version, fields }),
    }
}

/// A schema in the form that crosses, which the parameter points into.
pub(crate) struct Crossing {
    version: u32,
    fields: Vec<types::FieldResult>,
}

impl Crossing {
    pub(crate) fn new(schema: &StateSchema) -> Result<Crossing, String> {
        let cross = |field: &Field| {
            data_type::field_to_wit(field)
                .ok_or_else(|| format!("state {} of {}, which cannot cross", field.name(), field.data_type()))
        };
        let fields = schema.fields.iter().map(cross).collect::<Result<_, _>>()?;
        Ok(Crossing { version: schema.version, fields })
    }

    pub(crate) fn lend(&self) -> LentFields<'_> {
        LentFields::new(&self.fields)
    }

    /// The parameter, of fields that were lent.
    pub(crate) fn schema<'a>(&self, fields: &'a [types::FieldParam<'a>]) -> wit::StateSchemaParam<'a> {
        wit::StateSchemaParam { version: self.version, fields }
    }
}
