//! `fold::<total>().arg([…]).run()`: an aggregate over given rows.

use super::rows::{Event, Numbers, Subject};
use super::{Ran, column_of, widen};
use crate::aggregate::{AggregateFunction, BoundAggregate};
use crate::cell::{Cell, Nullable};
use crate::contract::{Argument, BindError, Column, Field};
use crate::param::Owned;

/// A run of the aggregate `F` in the making.
///
/// ```
/// # use rowmill_sdk::{State, aggregate};
/// # #[derive(Default, State)]
/// # struct Total { cents: i64 }
/// # /// The sum.
/// # #[aggregate]
/// # impl Total {
/// #     fn update(&mut self, cents: i64) { self.cents += cents }
/// #     fn retract(&mut self, cents: i64) { self.cents -= cents }
/// #     fn finish(&self) -> i64 { self.cents }
/// # }
/// use rowmill_sdk::test::fold;
///
/// let folded = fold::<total>().arg([Some(5i64), None, Some(7), Some(5)])
///     .groups([0, 0, 1, 0]).retract([false, false, false, true]).run();
/// assert_eq!(folded.values::<i64>(), [Some(0), Some(7)]);
/// ```
pub fn fold<F: AggregateFunction + Default + 'static>() -> Fold {
    fold_of(F::default())
}

/// A run of an aggregate that is implemented by hand.
pub fn fold_of(function: impl AggregateFunction + 'static) -> Fold {
    Fold {
        function: Box::new(function),
        args: Vec::new(),
        config: serde_json::Value::Object(serde_json::Map::new()),
        groups: Vec::new(),
        retract: Vec::new(),
    }
}

/// An aggregate with its rows and configuration; see [`fold()`].
pub struct Fold {
    function: Box<dyn AggregateFunction>,
    args: Vec<(Argument, usize, Column)>,
    config: serde_json::Value,
    groups: Vec<u32>,
    retract: Vec<bool>,
}

impl Fold {
    /// The next argument: its values, `Option`s where NULL occurs.
    #[must_use]
    pub fn arg<N: Nullable>(self, values: impl IntoIterator<Item = N>) -> Self {
        let (rows, column) = column_of(values);
        let field = Field { nullable: N::NULLABLE, ..Field::new(self.parameter_name(), N::Cell::data_type()) };
        self.column(field, rows, column)
    }

    /// The next argument as a column of buffers, for types and facts of any kind.
    #[must_use]
    pub fn column(mut self, field: Field, rows: usize, column: Column) -> Self {
        let parameters = self.function.info().parameters;
        let (field, column) = widen::argument(parameters.get(self.args.len()), field, rows, column);
        self.args.push((Argument { field, literal: None }, rows, column));
        self
    }

    /// The next argument as a literal.
    #[must_use]
    pub fn literal<N: Nullable>(mut self, value: N) -> Self {
        let (rows, column) = column_of([value]);
        let field = Field::new(self.parameter_name(), N::Cell::data_type());
        let parameters = self.function.info().parameters;
        let (field, column) = widen::argument(parameters.get(self.args.len()), field, rows, column);
        self.args.push((Argument { field, literal: Some(column) }, rows, Column::default()));
        self
    }

    /// Adds a fact to the last argument, such as `collation`.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: &str) -> Self {
        let (argument, ..) = self.args.last_mut().expect("an argument comes before its attributes");
        argument.field = argument.field.clone().with(key, value);
        self
    }

    fn parameter_name(&self) -> String {
        let position = self.args.len();
        let parameters = self.function.info().parameters;
        parameters.get(position).map_or_else(|| format!("arg{position}"), |p| p.name.clone())
    }

    /// The configuration, a JSON object.
    #[must_use]
    pub fn config(mut self, config: serde_json::Value) -> Self {
        self.config = config;
        self
    }

    /// The rows' groups, dense from 0; otherwise all rows are of group 0.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = u32>) -> Self {
        self.groups = groups.into_iter().collect();
        self
    }

    /// Which rows are taken out; otherwise all go in.
    #[must_use]
    pub fn retract(mut self, rows: impl IntoIterator<Item = bool>) -> Self {
        self.retract = rows.into_iter().collect();
        self
    }

    /// Binds the function.
    pub fn bind(&self) -> Result<Box<dyn BoundAggregate>, BindError> {
        let args: Vec<Argument> = self.args.iter().map(|(argument, ..)| argument.clone()).collect();
        self.function.bind(&args, self.config.clone())
    }

    /// The error with which the function refuses to bind.
    pub fn bind_error(&self) -> BindError {
        match self.bind() {
            Ok(_) => panic!("the function was bound, although an error was expected"),
            Err(error) => error,
        }
    }

    /// Takes all rows in or out, at once and one by one with the state leaving and coming back in
    /// between, and returns the results of the groups.
    pub fn run(&self) -> Folded {
        let mut lengths = self.args.iter().filter(|(arg, ..)| arg.literal.is_none()).map(|(_, rows, _)| *rows);
        let rows = lengths.next().unwrap_or_else(|| self.groups.len().max(1));
        assert!(lengths.all(|other| other == rows), "arguments of different lengths");
        assert!(self.groups.is_empty() || self.groups.len() == rows, "a group is needed for each of {rows} rows");
        assert!(self.retract.len() <= rows, "more rows are taken out than the {rows} there are");
        let (args, columns) = self.args.iter().map(|(argument, _, column)| (argument.clone(), column.clone())).unzip();
        let subject = Subject::new(&*self.function, args, columns, &self.config);
        let subject = subject.unwrap_or_else(|error| panic!("{error}"));
        let event = |row: usize| Event {
            row,
            group: self.groups.get(row).copied().unwrap_or(0),
            out: self.retract.get(row).copied().unwrap_or(false),
            cut: false,
        };
        let events: Vec<Event> = (0..rows).map(event).collect();
        let groups = Numbers::plain(self.groups.iter().max().map_or(1, |most| most + 1));
        let checked = |result: Result<_, String>| result.unwrap_or_else(|error: String| panic!("{error}"));

        let mut bound = subject.fresh();
        let refused = checked(subject.feed(&mut *bound, &events, &groups));
        let output = bound.evaluate(&groups.all()).unwrap_or_else(|error| panic!("{error}"));
        let results = subject.results(&mut *bound, &groups).unwrap_or_else(|error| panic!("{error}"));

        let mut single = subject.fresh();
        for event in &events {
            checked(subject.feed(&mut *single, &[*event], &groups));
            let state = single.snapshot(&groups.all()).unwrap_or_else(|error| panic!("{error}"));
            single = subject.fresh();
            let restored = single.merge(groups.count(), &groups.all(), state);
            restored.unwrap_or_else(|error| panic!("a state was not taken back: {error}"));
        }
        let again = subject.results(&mut *single, &groups).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, results, "row by row, with the state restored in between, the results differ");
        let ran = Ran::new(output, subject.signature.call.results.clone(), groups.all().len());
        Folded { results: ran, refused }
    }
}

/// What a run gave.
#[derive(Debug)]
pub struct Folded {
    /// The results, a row per group.
    pub results: Ran,
    /// The refused rows with their codes.
    pub refused: Vec<(usize, String)>,
}

impl Folded {
    /// The values of the only result, one per group, `None` for NULL.
    pub fn values<T: Owned>(&self) -> Vec<Option<T>> {
        self.results.values()
    }

    /// The values of a result by name, one per group, `None` for NULL.
    pub fn column<T: Owned>(&self, name: &str) -> Vec<Option<T>> {
        self.results.column(name)
    }

    /// The groups whose result is an error, with its code.
    pub fn error_codes(&self) -> Vec<(u32, &str)> {
        self.results.error_codes()
    }
}
