//! What is offered at bind time and what the guest answers to it.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use rowmill_foreign::{Printable, ensure_column_name, line};

use crate::bindings::types;
use crate::bounds::{ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, FIELDS_MAX, NAME_BYTES_MAX, ensure_bytes, ensure_count};
use crate::catalog::{FunctionInfo, Kind};
use crate::data_type;
use crate::error::{Error, Place, Site};
use crate::lower::{is_plain, lower, plain};
use crate::widen;

/// A column or a literal offered to a function.
#[derive(Clone, Debug)]
pub struct Argument {
    /// Name, type, nullability, and MySQL's facts as metadata.
    pub field: Field,
    /// The value of a literal, one row; none for a column.
    pub literal: Option<ArrayRef>,
}

/// A fact about each row that a function asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowFact {
    /// How the row changed; a function that asks is not pure.
    ChangeKind,
    /// When the change was committed; a function that asks is not pure.
    CommitTime,
    /// A number that follows from pipeline, step and row key.
    Seed,
}

/// What a bound function reads and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The arguments that each batch carries, by their positions, in this order.
    pub reads: Vec<usize>,
    /// The facts that each batch carries after them.
    pub facts: Vec<RowFact>,
    /// The fields of the results.
    pub results: Vec<Field>,
    /// Where a MariaDB server would answer something else than the function.
    pub mariadb: Vec<Differs>,
}

/// A place in a text of the configuration whose meaning a MariaDB server has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The result that the text makes.
    pub result: String,
    /// Bytes of the text.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// In what, on one line.
    pub what: String,
}

/// The attribute of a result that says so: a line for each place, `START END WHAT`.
const DIFFERS: &str = "mariadb-differs";

/// The arguments in the types in which they cross, kept to bind again after a trap.
#[derive(Debug)]
pub(crate) struct Offer {
    fields: Vec<types::FieldResult>,
    literals: Vec<Option<ArrayRef>>,
    /// Per argument the type to widen to; none where it crosses as it is.
    pub(crate) casts: Vec<Option<DataType>>,
}

impl Offer {
    /// Widens the arguments to what the function's parameters accept.
    pub(crate) fn new(site: &Arc<Site>, function: &FunctionInfo, args: &[Argument]) -> Result<Offer, Error> {
        let mut offer = Offer {
            fields: Vec::with_capacity(args.len()),
            literals: Vec::with_capacity(args.len()),
            casts: Vec::with_capacity(args.len()),
        };
        for (index, arg) in args.iter().enumerate() {
            let refuse = |message: String| Error::Bind { site: site.clone(), place: Place::Argument(index), message };
            let accepts = function.parameter(index, args.len()).map_or(&[][..], |parameter| &parameter.types);
            let field = widen::widened(&arg.field, accepts).map_err(refuse)?;
            let literal = match &arg.literal {
                Some(value) if value.len() == 1 => {
                    let value = widen::cast(value, field.data_type()).map_err(refuse)?;
                    Some(if is_plain(value.as_ref()) { value } else { plain(value.as_ref()).map_err(refuse)? })
                }
                Some(value) => {
                    let message = format!("a literal of {} rows, needed 1", value.len());
                    let site = site.clone();
                    return Err(Error::Input { site, message });
                }
                None => None,
            };
            let cast = (field.data_type() != arg.field.data_type()).then(|| field.data_type().clone());
            let crossing = data_type::field_to_wit(&field)
                .ok_or_else(|| refuse(format!("type {} cannot cross", field.data_type())))?;
            offer.fields.push(crossing);
            offer.literals.push(literal);
            offer.casts.push(cast);
        }
        Ok(offer)
    }

    /// Lends the arguments; [`Lent::arguments`] makes parameters of `bind` of them.
    pub(crate) fn lend(&self) -> Lent<'_> {
        Lent { fields: LentFields::new(&self.fields), literals: &self.literals }
    }
}

/// The parts of lent arguments, which the parameters point into.
pub(crate) struct Lent<'a> {
    fields: LentFields<'a>,
    literals: &'a [Option<ArrayRef>],
}

impl Lent<'_> {
    /// The parameters, in order.
    pub(crate) fn arguments(&self) -> Vec<types::Argument<'_>> {
        self.fields
            .iter()
            .zip(self.literals)
            .map(|(field, literal)| types::Argument { field, literal: literal.as_deref().and_then(lower) })
            .collect()
    }
}

/// The parts of lent fields, which the parameters point into.
pub(crate) struct LentFields<'a> {
    fields: &'a [types::FieldResult],
    attributes: Vec<Vec<types::AttributeParam<'a>>>,
}

impl<'a> LentFields<'a> {
    pub(crate) fn new(fields: &'a [types::FieldResult]) -> LentFields<'a> {
        let attributes = fields.iter().map(|field| field.attributes.iter().map(attribute).collect()).collect();
        LentFields { fields, attributes }
    }

    /// The parameters, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = types::FieldParam<'_>> {
        self.fields.iter().zip(&self.attributes).map(|(field, attributes)| types::FieldParam {
            name: &field.name,
            data_type: field.data_type,
            nullable: field.nullable,
            attributes,
        })
    }
}

fn attribute(attribute: &types::AttributeResult) -> types::AttributeParam<'_> {
    types::AttributeParam { key: &attribute.key, value: &attribute.value }
}

/// The error for a refused `bind`.
pub(crate) fn refused(site: &Arc<Site>, error: types::BindError) -> Error {
    Error::Bind {
        site: site.clone(),
        place: match error.place {
            types::Place::Call => Place::Call,
            types::Place::Argument(index) => Place::Argument(index as usize),
            types::Place::Config(key) => Place::Config(line(&key).into_owned()),
            types::Place::Text(span) => {
                Place::Text { key: line(&span.key).into_owned(), start: span.start as usize, end: span.end as usize }
            }
        },
        message: line(&error.message).into_owned(),
    }
}

/// Checks a guest's signature; the error says what is wrong with it.
pub(crate) fn signature(found: types::Signature, kind: Kind, args: &[Argument]) -> Result<Signature, String> {
    let mut results = results(found.results, kind)?;
    let mariadb = results.iter_mut().flat_map(differs).collect();
    // Each at most once: so no more than there are. Whatever is read is copied with each batch.
    if found.reads.len() > args.len() {
        let (reads, count) = (found.reads.len(), args.len());
        return Err(format!("a signature that reads {reads} arguments of {count}, needed each at most once"));
    }
    let mut reads: Vec<usize> = Vec::with_capacity(found.reads.len());
    let mut read_already = vec![false; args.len()];
    for read in found.reads {
        match args.get(read as usize) {
            Some(_) if std::mem::replace(&mut read_already[read as usize], true) => {
                return Err(format!("a signature that reads argument {read} twice"));
            }
            Some(Argument { literal: None, .. }) => reads.push(read as usize),
            Some(_) => return Err(format!("a signature that reads argument {read}, a literal")),
            None => {
                let count = args.len();
                return Err(format!("a signature that reads argument {read} of {count}"));
            }
        }
    }
    let mut facts = Vec::with_capacity(found.facts.len());
    for fact in found.facts {
        let fact = match fact {
            types::RowFact::ChangeKind => RowFact::ChangeKind,
            types::RowFact::CommitTime => RowFact::CommitTime,
            types::RowFact::Seed => RowFact::Seed,
        };
        if facts.contains(&fact) {
            return Err(format!("a signature that asks for {fact:?} twice"));
        }
        facts.push(fact);
    }
    Ok(Signature { reads, facts, results, mariadb })
}

/// Takes out of a result what it says of MariaDB: that is of the call, and no fact of the column.
fn differs(field: &mut Field) -> Vec<Differs> {
    let Some(lines) = field.metadata_mut().remove(DIFFERS) else { return Vec::new() };
    let read = |text: &str| {
        let mut parts = text.splitn(3, ' ');
        let (start, end) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
        let what = line(parts.next()?).into_owned();
        Some(Differs { result: field.name().clone(), start: start as usize, end: end as usize, what })
    };
    lines.lines().filter_map(read).collect()
}

/// Checks the results of a signature.
fn results(found: Vec<types::FieldResult>, kind: Kind) -> Result<Vec<Field>, String> {
    let results = fields(found, "result")?;
    for field in &results {
        ensure_column_name(field.name()).map_err(|e| format!("a signature in which a result has {e}"))?;
    }
    if kind == Kind::Filter && !matches!(results.as_slice(), [one] if one.data_type() == &DataType::Boolean) {
        let found = match results.as_slice() {
            [one] => data_type::field_type_name(one),
            more => format!("{} results", more.len()),
        };
        return Err(format!("a filter with {found}, needed one boolean"));
    }
    if results.is_empty() {
        return Err("a signature without results".to_owned());
    }
    Ok(results)
}

/// Checks the fields of a signature; `what` they are is for messages.
///
/// Names are compared without regard to case, as the servers compare the names of columns.
pub(crate) fn fields(found: Vec<types::FieldResult>, what: &str) -> Result<Vec<Field>, String> {
    ensure_count(found.len(), FIELDS_MAX, "fields").map_err(|e| format!("a signature with {e}, of {what}s"))?;
    let mut names = HashSet::with_capacity(found.len());
    for field in &found {
        ensure_field_name(&field.name).map_err(|e| format!("a signature in which a {what} has {e}"))?;
        if !names.insert(field.name.to_lowercase()) {
            return Err(format!("a signature with two {what}s {}", Printable(&field.name)));
        }
        ensure_attributes(&field.attributes)
            .map_err(|e| format!("a signature in which {what} {} has {e}", Printable(&field.name)))?;
    }
    let field = |field| data_type::field_to_arrow(field).map_err(|e| format!("a signature in which {what} {e}"));
    found.into_iter().map(field).collect()
}

/// What holds of results and of states. Short, because names stand in messages.
fn ensure_field_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("an empty name".to_owned());
    }
    ensure_bytes(name.len(), NAME_BYTES_MAX, "a name")
}

fn ensure_attributes(attributes: &[types::AttributeResult]) -> Result<(), String> {
    ensure_count(attributes.len(), ATTRIBUTES_MAX, "attributes")?;
    ensure_bytes(attributes.iter().map(|a| a.key.len() + a.value.len()).sum(), ATTRIBUTE_BYTES_MAX, "attributes")?;
    let mut keys = HashSet::with_capacity(attributes.len());
    match attributes.iter().find(|attribute| !keys.insert(attribute.key.as_str())) {
        // Dropping one would make two fields equal that are not.
        Some(twice) => Err(format!("two attributes {}", line(&twice.key))),
        None => Ok(()),
    }
}
