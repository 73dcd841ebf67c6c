//! Names of columns and tables, as MySQL takes them.

use crate::problem::{Problem, child};

/// What MySQL takes as a name: 1 to 64 characters without spaces around them (MySQL manual, *Schema Object Names*).
/// Backticks are not told apart from quoting.
pub(super) fn is_identifier(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && name.trim() == name && !name.contains(['`', '\0'])
}

/// The same for a table or a schema that stands alone, whose name is also that of files.
pub fn is_table_name(name: &str) -> bool {
    is_identifier(name) && !name.contains(['.', '/', '\\'])
}

/// What is wrong with a list of columns at `at`: for a front end that could not read what is around it.
pub fn column_list(names: &[String], at: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    Names::default().list(names, at, &mut problems);
    problems
}

/// Columns that stand side by side, whose names differ as MySQL compares them: without regard to case.
#[derive(Default)]
pub(super) struct Names {
    seen: Vec<String>,
}

impl Names {
    pub(super) fn take(&mut self, name: &str, at: String, problems: &mut Vec<Problem>) {
        if !is_identifier(name) {
            problems.push(
                Problem::configuration(format!("{name:?} is no column name"))
                    .at(at)
                    .needed("1 to 64 characters without a backtick"),
            );
            return;
        }
        let folded = name.to_lowercase();
        if self.seen.contains(&folded) {
            problems.push(
                Problem::configuration(format!("column {name} is listed twice"))
                    .at(at)
                    .fix("leave one of them out (case makes no difference)"),
            );
            return;
        }
        self.seen.push(folded);
    }

    /// The items of a list, at least one.
    pub(super) fn list(&mut self, names: &[String], at: &str, problems: &mut Vec<Problem>) {
        if names.is_empty() {
            problems.push(Problem::configuration("a list without columns").at(at).needed("at least one column"));
        }
        for (index, name) in names.iter().enumerate() {
            self.take(name, child(at, index), problems);
        }
    }

    /// The keys of a mapping, at least one.
    pub(super) fn keys<'n>(
        &mut self,
        names: impl ExactSizeIterator<Item = &'n String>,
        at: &str,
        problems: &mut Vec<Problem>,
    ) {
        if names.len() == 0 {
            problems.push(Problem::configuration("a mapping without columns").at(at).needed("at least one column"));
        }
        for name in names {
            self.take(name, child(at, name), problems);
        }
    }
}
