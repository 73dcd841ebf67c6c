//! What the core and a server say of the same expressions over the same rows.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use rowmill_devserver::{Kind, Server};
use rowmill_udf_sql::Program;

mod show;

/// A table on a server, and its rows as the component gets them.
pub(crate) struct Table<'a> {
    pub(crate) server: &'a Server,
    pub(crate) kind: Kind,
    pub(crate) from: &'a str,
    pub(crate) fields: Vec<Field>,
    pub(crate) columns: Vec<ArrayRef>,
}

/// An expression and what the core says of it.
pub(crate) struct Asked {
    pub(crate) expression: String,
    pub(crate) ours: Ours,
    /// The core knows that MariaDB says something else.
    pub(crate) varies: bool,
}

pub(crate) enum Ours {
    Refused(String),
    Rows { shown: Vec<String>, errors: Vec<usize>, data_type: DataType },
}

impl Table<'_> {
    /// What the core says.
    pub(crate) fn ours(&self, expression: &str) -> Asked {
        let asked = |ours, varies| Asked { expression: expression.to_owned(), ours, varies };
        let program = match Program::bind(&self.fields, &[("x", expression)]) {
            Ok(program) => program,
            Err((_, error)) => return asked(Ours::Refused(error.message), true),
        };
        let reads: Vec<ArrayRef> = program.reads().iter().map(|read| self.columns[*read].clone()).collect();
        let field = program.fields().next().unwrap().clone();
        let fsp = field.metadata().get("fsp").and_then(|fsp| fsp.parse().ok()).unwrap_or(6);
        let computed = program.run(self.columns[0].len(), &reads).unwrap();
        let array = &computed.columns[0];
        assert_eq!(array.data_type(), field.data_type(), "{expression}");
        assert!(
            field.is_nullable() || array.null_count() == 0 || !computed.errors.is_empty(),
            "{expression} says it has no NULLs"
        );
        if let Some(most) = field.metadata().get("max-chars").and_then(|most| most.parse::<usize>().ok())
            && let Some(texts) = array.as_string_opt::<i32>()
        {
            for text in texts.iter().flatten() {
                assert!(text.chars().count() <= most, "{expression} says {most} characters at most, found {text}");
            }
        }
        let shown = (0..array.len()).map(|row| show::show(array, row, fsp)).collect();
        let errors = computed.errors.iter().map(|error| error.row).collect();
        asked(Ours::Rows { shown, errors, data_type: array.data_type().clone() }, !program.varies().is_empty())
    }

    /// How the server's answers differ, if they do.
    pub(crate) fn differences(&self, asked: &[Asked]) -> Vec<Option<String>> {
        let theirs = self.theirs(asked);
        asked.iter().zip(&theirs).map(|(asked, theirs)| difference(&asked.ours, theirs.as_deref())).collect()
    }

    /// The rows of each expression; None where the server refuses. A script ends at its first error, so the rest of
    /// it is asked again.
    fn theirs(&self, asked: &[Asked]) -> Vec<Option<Vec<String>>> {
        const MARK: &str = "-- next --";
        let collation = match self.kind {
            Kind::MySql => "utf8mb4_0900_ai_ci",
            Kind::MariaDb => "utf8mb4_uca1400_nopad_ai_ci",
        };
        let mut answers = Vec::new();
        while answers.len() < asked.len() {
            let mut script = format!("SET time_zone = '+00:00', collation_connection = {collation};\n");
            for Asked { expression, ours, .. } in &asked[answers.len()..] {
                // A binary string need not be UTF-8; of what we refuse nothing is looked at but that.
                let shown = match ours {
                    Ours::Rows { data_type: DataType::Binary, .. } | Ours::Refused(_) => format!("HEX({expression})"),
                    _ => format!("({expression})"),
                };
                script += &format!("SELECT '{MARK}';\nSELECT {shown} FROM {} ORDER BY id;\n", self.from);
            }
            script += &format!("SELECT '{MARK}';\n");
            let said = self.server.answers(&script).unwrap();
            let mut rows: Vec<Vec<String>> = Vec::new();
            for line in said.lines() {
                match rows.last_mut() {
                    _ if line == MARK => rows.push(Vec::new()),
                    Some(rows) => rows.push(line.to_owned()),
                    None => panic!("{line}"),
                }
            }
            // After the last mark come no rows; those of a statement that failed are not all.
            let failed = rows.len() <= asked.len() - answers.len();
            rows.pop();
            answers.extend(rows.into_iter().map(Some));
            if failed {
                answers.push(None);
            }
        }
        answers
    }
}

fn difference(ours: &Ours, theirs: Option<&[String]>) -> Option<String> {
    match (ours, theirs) {
        (Ours::Refused(_), None) => None,
        (Ours::Refused(message), Some(theirs)) => Some(format!("we refuse: {message}; theirs: {theirs:?}")),
        (Ours::Rows { errors, .. }, None) => errors.is_empty().then(|| "they refuse, we don't".to_owned()),
        (Ours::Rows { errors, .. }, Some(theirs)) if !errors.is_empty() => {
            Some(format!("we refuse row {}, they don't: {theirs:?}", errors[0] + 1))
        }
        (Ours::Rows { shown, data_type, .. }, Some(theirs)) => {
            if shown.len() != theirs.len() {
                return Some(format!("{} rows against {}: {theirs:?}", shown.len(), theirs.len()));
            }
            let row = shown.iter().zip(theirs).position(|(a, b)| !is_same(a, b, data_type))?;
            Some(format!("row {}: ours {:?}, theirs {:?}", row + 1, shown[row], theirs[row]))
        }
    }
}

fn is_same(a: &str, b: &str, data_type: &DataType) -> bool {
    let float = matches!(data_type, DataType::Float32 | DataType::Float64);
    let decimal = matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..));
    a == b
        || (decimal && plain(a) == plain(b))
        || (float
            && match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => (a - b).abs() <= a.abs().max(b.abs()) * 4e-16,
                _ => false,
            })
}

/// Without zeros at the end: in a decimal column MySQL shows an integer's branch of CASE without its fraction.
fn plain(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
