//! Unions: branches are brought to the same columns, and rows keep the name of the branch that they are of.
//!
//! Columns are matched by their names. Where branches have different types the union has the one that holds the values
//! of all of them without loss: wider integers, DOUBLE for FLOAT, decimals with more digits, longer texts of the same
//! collation. Everything else is refused: a value that changes on its way would be a wrong row, and texts under two
//! collations are not compared alike.
//!
//! Two branches can have rows with the same key. So the tag is part of the key of all that is made from a union.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field};
use rowmill_operators::step::{Align, Aligned, Operator, Step};
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{OnError, Relation, TABLE_TAG, is_glob, type_name};

use crate::columns::{Column, Columns, Origin, same_name};
use crate::relation::{Relations, Way};

/// MySQL's limit of a name is 64 characters; a table's with its schema has two and a dot.
const NAME_CHARS: usize = 64;
/// More tables than anybody has as shards; unions of unions multiply.
const WAYS_MAX: usize = 1_000;
const TABLE_CHARS: usize = 2 * NAME_CHARS + 1;

/// Aligns the ways of a union's branches, each in a branch of its own.
pub(crate) fn align(
    relations: &mut Relations<'_>,
    relation: &Relation,
    branches: &[(String, Vec<Way>)],
    tag: Option<&str>,
) -> Result<Vec<Way>, Vec<Problem>> {
    let labels = labels(relations, branches, tag);
    let ways: usize = branches.iter().map(|(_, ways)| ways.len()).sum();
    if ways > WAYS_MAX {
        return Err(vec![
            Problem::configuration(format!("rows would reach the view {} in too many ways", relation.name))
                .at(child(&relation.pointer(), "from"))
                .found(format!("{ways} ways from tables through views"))
                .needed(format!("at most {WAYS_MAX}, since steps are bound for each"))
                .fix("make unions of the views of one union less often"),
        ]);
    }
    let all: Vec<(&str, &Way)> =
        branches.iter().flat_map(|(name, ways)| ways.iter().map(move |way| (name.as_str(), way))).collect();
    ensure_once(relations, relation, &all, &labels)?;
    let Some(common) = common(&all, &child(&relation.pointer(), "from"))? else { return Ok(Vec::new()) };
    let mut tagged = common.clone();
    for (name, texts) in &labels {
        let at = child(&relation.pointer(), if tag.is_some() { "tag" } else { "from" });
        let mut columns = Columns(tagged.into_iter().map(|field| Column { field, origin: Origin::Computed }).collect());
        columns.append(tag_field(name, texts), Origin::Computed, &at).map_err(|problem| vec![problem])?;
        tagged = columns.0.into_iter().map(|column| column.field).collect();
    }
    let mut aligned = Vec::new();
    for (number, (_, way)) in all.into_iter().enumerate() {
        let mut way = way.clone();
        way.branch = relations.trees.branch(way.branch);
        let first_tag = way.tags.len();
        way.tags.extend(labels.iter().map(|(_, texts)| texts[number].clone()));
        let mut columns: Vec<Aligned> = Vec::new();
        let mut after = Vec::new();
        for field in &common {
            let column = way.columns.position(field.name()).unwrap_or_default();
            columns.push(Aligned::Column(column));
            after.push(Column { field: Arc::clone(field), origin: way.columns.0[column].origin });
        }
        for (tag, field) in tagged[common.len()..].iter().enumerate() {
            columns.push(Aligned::Tag(labels[tag].1[number].clone()));
            after.push(Column { field: Arc::clone(field), origin: Origin::Tag(first_tag + tag) });
        }
        way.columns = Columns(after);
        let (output, operator) = (way.columns.schema(), Operator::Align(Align { columns }));
        let step = Step { id: relation.name.clone(), on_error: OnError::Fail, output, operator };
        relations.trees.step(way.branch, step);
        aligned.push(way);
    }
    Ok(aligned)
}

/// A table that comes along two ways under the same tags would have each row twice.
fn ensure_once(
    relations: &Relations<'_>,
    relation: &Relation,
    ways: &[(&str, &Way)],
    labels: &[(String, Vec<String>)],
) -> Result<(), Vec<Problem>> {
    let mut seen = HashMap::new();
    for (number, (name, way)) in ways.iter().enumerate() {
        let tags: Vec<&String> = way.tags.iter().chain(labels.iter().map(|(_, texts)| &texts[number])).collect();
        if let Some(before) = seen.insert((way.table, tags), name) {
            let table = relations.tables[way.table].name();
            return Err(vec![
                Problem::configuration(format!("table {table} would be in the union twice"))
                    .at(child(&relation.pointer(), "from"))
                    .found(format!("{before} and {name}"))
                    .needed("each row once")
                    .fix("leave one of them out, or tell them apart by a tag"),
            ]);
        }
    }
    Ok(())
}

/// The tag columns of a union, each with its text for every way.
fn labels(relations: &Relations<'_>, branches: &[(String, Vec<Way>)], tag: Option<&str>) -> Vec<(String, Vec<String>)> {
    let mut labels = Vec::new();
    if let Some(tag) = tag.filter(|tag| *tag != TABLE_TAG) {
        let texts = branches.iter().flat_map(|(name, ways)| ways.iter().map(|_| name.clone()));
        labels.push((tag.to_owned(), texts.collect()));
    }
    if labels.is_empty() || branches.iter().any(|(name, _)| is_glob(name)) {
        let table = |way: &Way| {
            let name = relations.tables[way.table].name();
            format!("{}.{}", name.schema, name.name)
        };
        let texts = branches.iter().flat_map(|(_, ways)| ways.iter().map(table));
        labels.push((TABLE_TAG.to_owned(), texts.collect()));
    }
    labels
}

fn tag_field(name: &str, texts: &[String]) -> Field {
    let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or_default();
    let chars = if name == TABLE_TAG || longest > NAME_CHARS { TABLE_CHARS } else { NAME_CHARS };
    // Names of tables can be anything.
    let collation = if texts.iter().all(|text| text.is_ascii()) { "ascii_bin" } else { "utf8mb4_bin" };
    let facts = [
        ("mysql-type".to_owned(), format!("varchar({chars})")),
        ("max-chars".to_owned(), chars.to_string()),
        ("collation".to_owned(), collation.to_owned()),
    ];
    Field::new(name, DataType::Utf8, false).with_metadata(facts.into_iter().collect::<HashMap<_, _>>())
}

/// The columns that all branches have, in the order of the first one; `None` without a branch.
fn common(branches: &[(&str, &Way)], at: &str) -> Result<Option<Vec<Arc<Field>>>, Vec<Problem>> {
    let Some(((first, way), others)) = branches.split_first() else { return Ok(None) };
    let mut fields: Vec<Field> = way.columns.0.iter().map(|column| Field::clone(&column.field)).collect();
    let mut problems = Vec::new();
    let names = |columns: &Columns| {
        let names: Vec<&str> = columns.0.iter().map(|column| column.field.name().as_str()).collect();
        names.join(", ")
    };
    for (name, other) in others {
        let lacks = |fields: &[Field], columns: &Columns| fields.iter().any(|f| columns.position(f.name()).is_none());
        if fields.len() != other.columns.0.len() || lacks(&fields, &other.columns) {
            problems.push(
                Problem::configuration(format!("the columns of {first} and {name} differ"))
                    .at(at)
                    .found(format!("({}) and ({})", names(&way.columns), names(&other.columns)))
                    .needed("the same names in every branch of a union")
                    .fix("make a view of each branch, with `select`, `rename` or `map` to the columns that all have"),
            );
            continue;
        }
        for field in &mut fields {
            let Some(column) = other.columns.position(field.name()) else { continue };
            let found = other.columns.0[column].field.as_ref();
            match widen(field, found) {
                Some(wide) => *field = wide,
                None => problems.push(
                    Problem::configuration(format!(
                        "column {} has types in {first} and {name} that no type holds without loss",
                        field.name()
                    ))
                    .at(at)
                    .found(format!("{} and {}", shown(field), shown(found)))
                    .needed("equal types, or integers, decimals or texts of the same collation of different size")
                    .fix("bring one of them to the other's type in a view: - map: { … }"),
                ),
            }
        }
    }
    let alike = |one: &Field, other: &Field| same_name(one.name(), other.name());
    debug_assert!(fields.iter().enumerate().all(|(index, field)| !fields[..index].iter().any(|f| alike(f, field))));
    if problems.is_empty() { Ok(Some(fields.into_iter().map(Arc::new).collect())) } else { Err(problems) }
}

fn shown(field: &Field) -> String {
    let own = field.metadata().get("mysql-type").cloned();
    let shown = own.unwrap_or_else(|| type_name::format(field.data_type()));
    match field.metadata().get("collation") {
        Some(collation) => format!("{shown} collate {collation}"),
        None => shown,
    }
}

/// The field that holds the values of both without loss, called like the first.
fn widen(one: &Field, other: &Field) -> Option<Field> {
    let nullable = one.is_nullable() || other.is_nullable();
    let wide = |data_type: DataType, facts: HashMap<String, String>| {
        Field::new(one.name(), data_type, nullable).with_metadata(facts)
    };
    if one.data_type() != other.data_type() {
        // The facts of both speak of their own types.
        return widened(one.data_type(), other.data_type()).map(|data_type| wide(data_type, HashMap::new()));
    }
    let (left, right) = (one.metadata(), other.metadata());
    if left.get("collation") != right.get("collation") || left.get("type") != right.get("type") {
        return None;
    }
    let mut facts: HashMap<String, String> =
        left.iter().filter(|(key, value)| right.get(key) == Some(value)).map(|(k, v)| (k.clone(), v.clone())).collect();
    for size in ["max-chars", "fsp"] {
        let number = |field: &Field| field.metadata().get(size).and_then(|text| text.parse::<u64>().ok());
        if let (Some(left), Some(right)) = (number(one), number(other)) {
            facts.insert(size.to_owned(), left.max(right).to_string());
        }
    }
    Some(wide(one.data_type().clone(), facts))
}

fn widened(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType::{
        Decimal128, Decimal256, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64,
    };
    const SIGNED: [DataType; 4] = [Int8, Int16, Int32, Int64];
    const UNSIGNED: [DataType; 4] = [UInt8, UInt16, UInt32, UInt64];
    let rank = |types: &[DataType; 4], wanted: &DataType| types.iter().position(|known| known == wanted);
    match (rank(&SIGNED, one), rank(&UNSIGNED, one), rank(&SIGNED, other), rank(&UNSIGNED, other)) {
        (Some(one), _, Some(other), _) => return Some(SIGNED[one.max(other)].clone()),
        (_, Some(one), _, Some(other)) => return Some(UNSIGNED[one.max(other)].clone()),
        // The next wider signed type holds an unsigned one.
        (Some(signed), _, _, Some(unsigned)) | (_, Some(unsigned), Some(signed), _) => {
            return SIGNED.get(signed.max(unsigned + 1)).cloned();
        }
        _ => {}
    }
    let digits = |data_type: &DataType| match data_type {
        Decimal128(precision, scale) | Decimal256(precision, scale) => Some((*precision, *scale)),
        _ => None,
    };
    if let (Some((p, s)), Some((q, t))) = (digits(one), digits(other)) {
        let scale = s.max(t);
        let whole = (i16::from(p) - i16::from(s)).max(i16::from(q) - i16::from(t));
        // MySQL's DECIMAL has 65 digits at most (manual, "Fixed-Point Types").
        let precision = u8::try_from(whole + i16::from(scale)).ok().filter(|precision| *precision <= 65)?;
        return Some(if precision <= 38 { Decimal128(precision, scale) } else { Decimal256(precision, scale) });
    }
    matches!((one, other), (Float32, Float64) | (Float64, Float32)).then_some(Float64)
}

#[cfg(test)]
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    fn field(data_type: DataType, facts: &[(&str, &str)]) -> Field {
        let facts = facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Field::new("c", data_type, false).with_metadata(facts.collect::<HashMap<_, _>>())
    }

    #[test]
    fn types_are_widened_without_loss_or_not_at_all() {
        use DataType::{
            Date32, Decimal128, Decimal256, Float32, Float64, Int8, Int16, Int32, Int64, UInt16, UInt64, Utf8,
        };
        for (one, other, both) in [
            (Int16, Int64, Some(Int64)),
            (Int8, UInt16, Some(Int32)),
            (UInt64, Int8, None),
            (Float32, Float64, Some(Float64)),
            (Int32, Float64, None),
            (Decimal128(10, 2), Decimal128(8, 4), Some(Decimal128(12, 4))),
            (Decimal128(38, 0), Decimal128(4, 3), Some(Decimal256(41, 3))),
            (Decimal256(65, 0), Decimal128(4, 3), None),
            (Date32, DataType::Timestamp(TimeUnit::Microsecond, None), None),
            (Utf8, DataType::Binary, None),
        ] {
            assert_eq!(widened(&one, &other), both, "{one} {other}");
            assert_eq!(widened(&other, &one), both, "{other} {one}");
        }
    }

    #[test]
    fn texts_of_one_collation_become_longer_and_of_two_are_refused() {
        let text = |chars: &str, collation: &str| {
            let kind = format!("varchar({chars})");
            field(DataType::Utf8, &[("mysql-type", &kind), ("max-chars", chars), ("collation", collation)])
        };
        let both = widen(&text("10", "latin1_bin"), &text("40", "latin1_bin").with_nullable(true)).unwrap();
        assert_eq!(both.metadata().get("max-chars").map(String::as_str), Some("40"));
        assert_eq!(both.metadata().get("collation").map(String::as_str), Some("latin1_bin"));
        assert!(both.is_nullable() && !both.metadata().contains_key("mysql-type"));
        assert_eq!(widen(&text("10", "latin1_bin"), &text("10", "utf8mb4_bin")), None);
        let same = widen(&text("10", "latin1_bin"), &text("10", "latin1_bin")).unwrap();
        assert_eq!(same.metadata().get("mysql-type").map(String::as_str), Some("varchar(10)"));
        let json = field(DataType::Utf8, &[("type", "json")]);
        assert_eq!(widen(&json, &field(DataType::Utf8, &[])), None);
    }
}
