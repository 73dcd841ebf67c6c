//! The columns between two steps: names, types, and which of them are still the source's own.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use rowmill_change::Definition;

use super::call::wrong_name;
use rowmill_operators::step::ORDINALITY;
use rowmill_plan::StepKind;
use rowmill_plan::problem::{Problem, child};

/// One column between two steps.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) field: Arc<Field>,
    pub(crate) origin: Origin,
}

/// Where a column's values come from; keys must be the source's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This column of the source table, unchanged.
    Source(usize),
    /// 1…n within the rows of one source row.
    Ordinality,
    /// This column of the last aggregate's key, unchanged.
    Group(usize),
    /// This tag of the unions on the way.
    Tag(usize),
    /// A component.
    Computed,
}

/// All columns between two steps.
#[derive(Clone, Debug)]
pub(crate) struct Columns(pub(crate) Vec<Column>);

impl Columns {
    /// Those of a source table.
    pub(crate) fn of(table: &dyn Definition) -> Self {
        let fields = table.schema().fields().clone();
        let column =
            |(index, field): (usize, &Arc<Field>)| Column { field: Arc::clone(field), origin: Origin::Source(index) };
        Self(fields.iter().enumerate().map(column).collect())
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.0.iter().map(|column| Arc::clone(&column.field)).collect::<Vec<_>>()))
    }

    /// Column names are compared as MySQL does: without regard to case (MySQL manual, 11.2.3).
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|column| same_name(column.field.name(), name))
    }

    /// The column called `name`, or a problem at `pointer` that lists what there is.
    pub(crate) fn find(&self, name: &str, pointer: &str) -> Result<usize, Problem> {
        self.position(name).ok_or_else(|| {
            let names: Vec<&str> = self.0.iter().map(|column| column.field.name().as_str()).collect();
            let nearest = names.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
            let mut problem = Problem::configuration(format!("there is no column {name:?} here"))
                .at(pointer)
                .found(name)
                .needed(format!("one of: {}", names.join(", ")));
            if let Some(nearest) = nearest.filter(|known| strsim::damerau_levenshtein(known, name) <= 2) {
                problem = problem.fix(format!("did you mean {nearest}?"));
            }
            problem
        })
    }

    /// Puts a computed column in place of the one of its name, or at the end. Answers its number.
    pub(crate) fn put(&mut self, field: Field, origin: Origin) -> usize {
        let column = Column { field: Arc::new(field), origin };
        match self.position(column.field.name()) {
            Some(index) => {
                self.0[index] = column;
                index
            }
            None => {
                self.0.push(column);
                self.0.len() - 1
            }
        }
    }

    /// Appends a column; a name that is taken is a problem.
    pub(crate) fn append(&mut self, field: Field, origin: Origin, pointer: &str) -> Result<(), Problem> {
        if self.position(field.name()).is_some() {
            let name = field.name();
            let hint = match name == ORDINALITY {
                true => "a transform appends `ordinality`; one per pipeline is possible, and no column of that name",
                false => "rename or drop the column of that name before this step",
            };
            return Err(Problem::configuration(format!("column {name:?} exists already")).at(pointer).fix(hint));
        }
        self.0.push(Column { field: Arc::new(field), origin });
        Ok(())
    }

    /// What `select`, `drop` or `rename` does: which column goes where, and the columns after it.
    pub(crate) fn project(&self, kind: &StepKind, pointer: &str) -> Result<(Vec<usize>, Columns), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut found = |name: &str, pointer: String| match self.find(name, &pointer) {
            Ok(index) => Some(index),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let mut misnamed = Vec::new();
        let mut after = self.clone();
        let moves: Vec<usize> = match kind {
            StepKind::Select(names) => {
                names.iter().enumerate().filter_map(|(n, name)| found(name, child(pointer, n))).collect()
            }
            StepKind::Drop(names) => {
                let dropped: Vec<usize> =
                    names.iter().enumerate().filter_map(|(n, name)| found(name, child(pointer, n))).collect();
                (0..self.0.len()).filter(|index| !dropped.contains(index)).collect()
            }
            StepKind::Rename(names) => {
                for (old, new) in names {
                    if let Some(index) = found(old, child(pointer, old)) {
                        misnamed.extend(wrong_name(new, &child(pointer, old)));
                        let field = self.0[index].field.as_ref().clone().with_name(new);
                        after.0[index].field = Arc::new(field);
                    }
                }
                (0..self.0.len()).collect()
            }
            _ => Vec::new(),
        };
        problems.extend(misnamed);
        let after = Columns(moves.iter().map(|&index| after.0[index].clone()).collect());
        for (index, column) in after.0.iter().enumerate() {
            if after.0[..index].iter().any(|other| same_name(other.field.name(), column.field.name())) {
                problems.push(
                    Problem::configuration(format!("two columns would be called {:?}", column.field.name()))
                        .at(pointer)
                        .needed("names that differ in more than case"),
                );
            }
        }
        if after.0.is_empty() && problems.is_empty() {
            problems.push(Problem::configuration("no column is left").at(pointer).needed("at least the key"));
        }
        if problems.is_empty() { Ok((moves, after)) } else { Err(problems) }
    }
}

/// Whether MySQL would take both names for the same column.
pub fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}
