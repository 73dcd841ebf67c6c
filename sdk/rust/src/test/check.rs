//! `aggregate::<total>().check()`: the laws of an aggregate on random rows.

use super::generate::{self, Random};
use super::laws::LAWS;
use super::rows::{Item, Subject, events, taken};
use super::shrink::{holds, shrink};
use super::{column_of, widen};
use crate::aggregate::AggregateFunction;
use crate::cell::{Cell, Nullable};
use crate::contract::{Argument, Column, DataType, DecimalType, Field};
use crate::function::{Arity, Parameter};
use std::fmt::Write;

/// A check of the aggregate `F` in the making.
///
/// ```
/// use rowmill_sdk::{State, aggregate, test};
///
/// #[derive(Default, State)]
/// struct Total {
///     cents: i128,
/// }
///
/// /// The sum of the amounts.
/// #[aggregate]
/// impl Total {
///     fn update(&mut self, cents: i64) {
///         self.cents += i128::from(cents);
///     }
///     fn retract(&mut self, cents: i64) {
///         self.cents -= i128::from(cents);
///     }
///     fn merge(&mut self, other: Self) {
///         self.cents += other.cents;
///     }
///     fn finish(&self) -> Option<i64> {
///         i64::try_from(self.cents).ok()
///     }
/// }
///
/// test::aggregate::<total>().check();
/// ```
///
/// Random rows come and, where the function can take rows out, go; on them is checked that
///
/// - batches may be cut anywhere, and group numbers mean nothing;
/// - a row that is refused leaves no trace, and is refused because of itself alone;
/// - a row that was taken out leaves no trace in results and states (`retract`);
/// - merging is associative and commutative, adds what `update` adds, and the empty state adds
///   nothing (`merge`);
/// - a state that was restored is what was snapshot, and neither `snapshot` nor `evaluate` change
///   anything; an evicted group is empty.
///
/// Results are compared to the byte: a sum of `f64` in the order of the rows is not associative
/// and fails. Of floats there are no NaN and no infinities unless [`Check::arg`] gives them.
pub fn aggregate<F: AggregateFunction + Default + 'static>() -> Check {
    aggregate_of(F::default())
}

/// A check of an aggregate that is implemented by hand.
pub fn aggregate_of(function: impl AggregateFunction + 'static) -> Check {
    Check {
        function: Box::new(function),
        args: Vec::new(),
        attributes: Vec::new(),
        config: serde_json::Value::Object(serde_json::Map::new()),
        seed: 1,
        cases: 100,
    }
}

/// An aggregate with what is fixed about its rows; see [`aggregate()`].
pub struct Check {
    function: Box<dyn AggregateFunction>,
    args: Vec<Given>,
    attributes: Vec<(usize, String, String)>,
    config: serde_json::Value,
    seed: u64,
    cases: usize,
}

/// What an argument is.
enum Given {
    /// Random values of the accepted types.
    Any,
    /// Values to choose from.
    Values(Field, usize, Column),
    Literal(Argument),
}

/// Rows to choose from; few, so that equal rows occur.
const ROWS: usize = 24;
/// Groups.
const GROUPS: u32 = 4;

impl Check {
    /// The next argument: the values that rows choose from, `Option`s where NULL occurs.
    #[must_use]
    pub fn arg<N: Nullable>(mut self, values: impl IntoIterator<Item = N>) -> Self {
        let (rows, column) = column_of(values);
        let (field, column) = self.field::<N>(rows, column);
        self.args.push(Given::Values(field, rows, column));
        self
    }

    /// The next argument: random values of the accepted types. Arguments at the end that are not
    /// given are random too.
    #[must_use]
    pub fn any(mut self) -> Self {
        self.args.push(Given::Any);
        self
    }

    /// The next argument as a literal.
    #[must_use]
    pub fn literal<N: Nullable>(mut self, value: N) -> Self {
        let (rows, column) = column_of([value]);
        let (field, column) = self.field::<N>(rows, column);
        self.args.push(Given::Literal(Argument { field, literal: Some(column) }));
        self
    }

    /// Adds a fact to the last argument, such as `collation`.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: &str) -> Self {
        let position = self.args.len().checked_sub(1).expect("an argument comes before its attributes");
        self.attributes.push((position, key.to_owned(), value.to_owned()));
        self
    }

    /// The configuration, a JSON object.
    #[must_use]
    pub fn config(mut self, config: serde_json::Value) -> Self {
        self.config = config;
        self
    }

    /// The seed of the random rows, to repeat what a failure names.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many sets of rows, instead of 100.
    #[must_use]
    pub fn cases(mut self, cases: usize) -> Self {
        self.cases = cases;
        self
    }

    fn field<N: Nullable>(&self, rows: usize, column: Column) -> (Field, Column) {
        let parameters = self.function.info().parameters;
        let position = self.args.len();
        let parameter = parameters.get(position).or(parameters.last().filter(|last| last.arity == Arity::Repeated));
        let name = parameter.map_or_else(|| format!("arg{position}"), |parameter| parameter.name.clone());
        let field = Field { nullable: N::NULLABLE, ..Field::new(name, N::Cell::data_type()) };
        widen::argument(parameter, field, rows, column)
    }

    /// Checks all laws on random rows, for each type that a random argument can have. Panics with
    /// the seed and the smallest rows that break a law.
    pub fn check(&self) {
        let parameters = self.function.info().parameters;
        let mut first = true;
        for types in self.types(&parameters) {
            for case in 0..self.cases {
                let seed = self.seed.wrapping_add(case as u64);
                let mut random = Random(seed);
                let (args, columns) = self.rows(&mut random, &parameters, &types);
                let subject = match Subject::new(&*self.function, args, columns, &self.config) {
                    Ok(subject) => subject,
                    // The first types are those that the function prefers; of others it may want less.
                    Err(error) if first => panic!("{error}"),
                    Err(_) => break,
                };
                first = false;
                let items = items(&mut random, subject.signature.retract);
                for law in &LAWS {
                    if let Err(difference) = holds(law, &subject, &items, GROUPS) {
                        let (items, difference) = shrink(law, &subject, items, GROUPS, difference);
                        panic!("{}", self.report(seed, law.sentence, &subject, &items, &difference));
                    }
                }
            }
        }
    }

    /// The types of random arguments: the preferred ones, then each other one by itself.
    fn types(&self, parameters: &[Parameter]) -> Vec<Vec<DataType>> {
        let needed = parameters.iter().filter(|parameter| parameter.arity == Arity::One).count();
        let choices: Vec<Vec<DataType>> = (0..self.args.len().max(needed))
            .map(|position| match self.args.get(position) {
                None | Some(Given::Any) => accepted(parameters.get(position).or(parameters.last())),
                Some(Given::Values(field, ..)) => vec![field.data_type],
                Some(Given::Literal(argument)) => vec![argument.field.data_type],
            })
            .collect();
        let preferred: Vec<DataType> = choices.iter().map(|types| types[0]).collect();
        let mut all = vec![preferred.clone()];
        for (position, types) in choices.iter().enumerate() {
            for data_type in &types[1..] {
                let mut other = preferred.clone();
                other[position] = *data_type;
                all.push(other);
            }
        }
        all
    }

    /// The arguments and their rows.
    fn rows(&self, random: &mut Random, parameters: &[Parameter], types: &[DataType]) -> (Vec<Argument>, Vec<Column>) {
        let one = |(position, data_type): (usize, &DataType)| match self.args.get(position) {
            Some(Given::Literal(argument)) => (argument.clone(), Column::default()),
            Some(Given::Values(field, rows, column)) if *rows > 0 => {
                let chosen: Vec<usize> = (0..ROWS).map(|_| random.below(*rows)).collect();
                (Argument { field: field.clone(), literal: None }, taken(column, field.data_type, &chosen))
            }
            _ => {
                let parameter = parameters.get(position);
                let name = parameter.map_or_else(|| format!("arg{position}"), |parameter| parameter.name.clone());
                let field = Field::new(name, *data_type);
                (Argument { field, literal: None }, generate::column(random, *data_type, ROWS))
            }
        };
        let (mut args, columns): (Vec<Argument>, Vec<Column>) = types.iter().enumerate().map(one).unzip();
        for (position, key, value) in &self.attributes {
            args[*position].field = args[*position].field.clone().with(key, value);
        }
        (args, columns)
    }

    fn report(&self, seed: u64, law: &str, subject: &Subject<'_>, items: &[Item], difference: &str) -> String {
        let mut text = format!("`{}` breaks a law: {law}\n  {difference}\n  rows:\n", self.function.info().name);
        for event in events(items) {
            let (cut, sign) = (if event.cut { " (a batch begins)" } else { "" }, if event.out { '-' } else { '+' });
            let row = subject.show(event.row);
            // Writing into a string cannot fail.
            let _ = writeln!(text, "    {sign} group {}: {row}{cut}", event.group);
        }
        let types: Vec<String> = subject.args.iter().map(|argument| argument.field.data_type.to_string()).collect();
        let _ = write!(text, "  arguments: {}; to repeat: .seed({seed}).cases(1)", types.join(", "));
        text
    }
}

/// The types to try for a parameter.
fn accepted(parameter: Option<&Parameter>) -> Vec<DataType> {
    let accepts = parameter.map(|parameter| parameter.accepts.clone()).unwrap_or_default();
    let decimal = |precision, scale| DataType::Decimal(DecimalType { precision, scale });
    if accepts.is_empty() {
        return vec![
            DataType::Int64,
            DataType::Utf8,
            DataType::Float64,
            decimal(10, 2),
            DataType::Datetime,
            DataType::Boolean,
        ];
    }
    let concrete = |data_type| match data_type {
        DataType::Decimal(DecimalType { precision: 0, .. }) => decimal(10, 2),
        other => other,
    };
    accepts.into_iter().map(concrete).collect()
}

/// Rows that come and, if they may, go.
fn items(random: &mut Random, retract: bool) -> Vec<Item> {
    let count = random.below(30);
    let item = |random: &mut Random| {
        let came = random.below(1000);
        let left = (retract && random.once_in(2)).then(|| came + 1 + random.below(1000 - came));
        Item {
            row: random.below(ROWS),
            group: random.below(GROUPS as usize) as u32,
            came,
            left,
            cuts: (random.once_in(4), random.once_in(4)),
        }
    };
    (0..count).map(|_| item(random)).collect()
}
