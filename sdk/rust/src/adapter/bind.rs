//! From offered arguments to slots that each batch fills.

use crate::column::View;
use crate::config::{self, Config};
use crate::contract::{Argument, Batch, BindError, Column, DataType, Field, RowFact, Signature};
use crate::function::{Arity, ConfigKey, FunctionInfo, Kind, Parameter};
use crate::param::Owned;

/// Where a parameter's column comes from.
pub struct Slot<V> {
    source: Source,
    /// A constant, repeated for the row count of the last batch.
    repeated: Option<(usize, V)>,
}

enum Source {
    /// A column of the batch.
    Column(usize, DataType),
    /// A literal, or the NULL of an argument left out: a column of one row.
    Constant(Column, DataType),
}

impl<V: View> Slot<V> {
    /// The column of this batch.
    #[inline]
    pub fn open(&mut self, batch: &mut Batch) -> Result<V, String> {
        let rows = batch.rows as usize;
        match &self.source {
            Source::Column(position, data_type) => {
                let column =
                    batch.columns.get_mut(*position).ok_or_else(|| format!("the batch has no column {position}"))?;
                V::open(std::mem::take(column), rows, *data_type)
            }
            Source::Constant(column, data_type) => match self.repeated.take() {
                Some((repeated, view)) if repeated == rows => Ok(view),
                _ => V::open(repeat(column, *data_type, rows), rows, *data_type),
            },
        }
    }

    /// Gives the column back after the run; constants are kept for the next batch.
    #[inline]
    pub fn close(&mut self, rows: usize, view: V) {
        if let Source::Constant(..) = self.source {
            self.repeated = Some((rows, view));
        }
    }
}

/// A column of one row, repeated.
fn repeat(one: &Column, data_type: DataType, rows: usize) -> Column {
    let null = one.validity.as_ref().is_some_and(|bits| bits.first().is_none_or(|b| b & 1 == 0));
    let bits = |bit: bool| crate::bitmap::Bitmap::all(rows, bit).into_bytes();
    let values = match data_type {
        DataType::Boolean => bits(one.values.first().is_some_and(|b| b & 1 == 1)),
        _ => one.values.repeat(rows),
    };
    let offsets = data_type.has_offsets().then(|| {
        let offset = |row: usize| ((row * one.values.len()) as u32).to_le_bytes();
        (0..=rows).flat_map(offset).collect()
    });
    Column { validity: null.then(|| bits(false)), offsets, values }
}

/// Binds the parameters of one function, in their order.
pub struct Binder<'a> {
    function: &'static str,
    parameters: &'static [&'static str],
    args: &'a [Argument],
    config: &'a serde_json::Value,
    next: usize,
    signature: Signature,
    /// A NULL in some argument makes the result NULL.
    null_in: bool,
}

impl<'a> Binder<'a> {
    /// Starts to bind; `parameters` are the names of the columns and literals.
    pub fn new(
        function: &'static str,
        parameters: &'static [&'static str],
        args: &'a [Argument],
        config: &'a serde_json::Value,
    ) -> Self {
        Self { function, parameters, args, config, next: 0, signature: Signature::default(), null_in: false }
    }

    /// The configuration.
    pub fn config<T: Config>(&self) -> Result<T, BindError> {
        config::read(self.config)
    }

    /// Refuses any configuration.
    pub fn no_config(&self) -> Result<(), BindError> {
        config::none(self.config)
    }

    fn next(&mut self, optional: bool) -> Result<Option<(usize, &'a Argument)>, BindError> {
        let position = self.next;
        self.next += 1;
        match self.args.get(position) {
            Some(argument) => Ok(Some((position, argument))),
            None if optional => Ok(None),
            None => Err(self.wrong_count()),
        }
    }

    #[cold]
    fn wrong_count(&self) -> BindError {
        BindError::call(format!(
            "`{}` takes {} argument{} ({}), found {}",
            self.function,
            self.parameters.len(),
            if self.parameters.len() == 1 { "" } else { "s" },
            self.parameters.join(", "),
            self.args.len()
        ))
    }

    fn ensure_type<V: View>(&self, position: usize, found: DataType) -> Result<(), BindError> {
        let accepts = V::accepts();
        if accepts.iter().any(|accepted| accepted.takes(found)) {
            return Ok(());
        }
        let names: Vec<String> = accepts.iter().map(DataType::to_string).collect();
        let cast = match accepts.first() {
            Some(first) => format!("; to convert with loss, write {{ column: …, as: {first} }}"),
            None => String::new(),
        };
        let name = self.parameters.get(position).copied().unwrap_or_default();
        let needed = names.join(" or ");
        Err(BindError::argument(position, format!("`{name}` takes {needed}, found {found}{cast}")))
    }

    /// The next parameter as a column. `sees_null`: the function handles NULL itself.
    pub fn column<V: View>(&mut self, sees_null: bool, optional: bool) -> Result<Slot<V>, BindError> {
        let Some((position, argument)) = self.next(optional)? else {
            let data_type = V::accepts().first().copied().unwrap_or(DataType::Utf8);
            let width = data_type.width().unwrap_or(usize::from(!data_type.has_offsets()));
            let null = Column {
                validity: Some(vec![0]),
                offsets: data_type.has_offsets().then(|| vec![0; 8]),
                values: vec![0; width],
            };
            self.null_in |= !sees_null;
            return Ok(Slot { source: Source::Constant(null, data_type), repeated: None });
        };
        let data_type = argument.field.data_type;
        self.ensure_type::<V>(position, data_type)?;
        self.null_in |= argument.field.nullable && !sees_null;
        let source = match &argument.literal {
            Some(literal) => {
                self.null_in |= literal.validity.is_some() && !sees_null;
                Source::Constant(literal.clone(), data_type)
            }
            None => {
                self.signature.reads.push(u32::try_from(position).unwrap_or(u32::MAX));
                Source::Column(self.signature.reads.len() - 1, data_type)
            }
        };
        Ok(Slot { source, repeated: None })
    }

    /// The next parameter as a literal; `None` when it is NULL or left out.
    pub fn literal<T: Owned>(&mut self, optional: bool) -> Result<Option<T>, BindError> {
        let Some((position, argument)) = self.next(optional)? else { return Ok(None) };
        let name = self.parameters.get(position).copied().unwrap_or_default();
        let Some(literal) = &argument.literal else {
            let message = format!("`{name}` takes a literal such as {{ value: 3 }}, found a column");
            return Err(BindError::argument(position, message));
        };
        self.ensure_type::<T::View>(position, argument.field.data_type)?;
        let view = T::View::open(literal.clone(), 1, argument.field.data_type)
            .map_err(|message| BindError::argument(position, message))?;
        let valid = view.validity().is_none_or(|bits| bits.get(0));
        if !valid && !optional {
            let message = format!("`{name}` takes a literal that is not NULL");
            return Err(BindError::argument(position, message));
        }
        Ok(valid.then(|| T::read_owned(&view, 0)))
    }

    /// A row fact; after all columns.
    pub fn fact<V: View>(&mut self, fact: RowFact) -> Slot<V> {
        let data_type = match fact {
            RowFact::ChangeKind => DataType::Uint8,
            RowFact::CommitTime => DataType::Timestamp,
            RowFact::Seed => DataType::Uint64,
        };
        let position = self.signature.reads.len() + self.signature.facts.len();
        self.signature.facts.push(fact);
        Slot { source: Source::Column(position, data_type), repeated: None }
    }

    /// Ends the parameters: no arguments are left over.
    pub fn finish(&self) -> Result<(), BindError> {
        match self.args.len() > self.parameters.len() {
            true => Err(self.wrong_count()),
            false => Ok(()),
        }
    }

    /// The signature of a function with one result, which can be NULL by itself or by NULL
    /// arguments. `like`: the argument whose facts the result takes over.
    pub fn signature(self, name: &str, data_type: DataType, nullable: bool, like: Option<usize>) -> Signature {
        let mut field = Field::new(name, data_type);
        field.nullable = nullable || self.null_in;
        let like = like.and_then(|position| self.args.get(position));
        if let Some(like) = like.filter(|like| like.field.data_type == data_type) {
            field.attributes.clone_from(&like.field.attributes);
        }
        self.signature_of(vec![field])
    }

    /// The signature of an aggregate with one result. A row with a NULL argument is skipped, so
    /// that only the result itself can be NULL.
    pub fn result(mut self, name: &str, data_type: DataType, nullable: bool, like: Option<usize>) -> Signature {
        self.null_in = false;
        self.signature(name, data_type, nullable, like)
    }

    /// The signature with these results.
    pub fn signature_of(self, results: Vec<Field>) -> Signature {
        Signature { results, ..self.signature }
    }
}

/// An entry of the catalog.
pub fn info(
    name: &str,
    kind: Kind,
    docs: &str,
    parameters: Vec<Parameter>,
    results: String,
    config: Vec<ConfigKey>,
) -> FunctionInfo {
    FunctionInfo { name: name.to_owned(), kind, docs: docs.to_owned(), parameters, results, config }
}

/// A parameter's entry in the catalog.
pub fn parameter<V: View>(name: &str, docs: &str, optional: bool) -> Parameter {
    Parameter {
        name: name.to_owned(),
        docs: docs.to_owned(),
        accepts: V::accepts(),
        arity: if optional { Arity::Optional } else { Arity::One },
    }
}

/// The results of a table function in words.
pub fn result_names(fields: &[Field]) -> String {
    let names: Vec<String> = fields.iter().map(|f| format!("{}: {}", f.name, f.data_type)).collect();
    names.join(", ")
}
