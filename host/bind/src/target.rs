//! Targets: where the rows of a relation go, under which key, along every way that leads to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use rowmill_change::{TableName, TargetOptions, TargetTable};
use rowmill_collation::Rule;
use rowmill_operators::aggregate::keys::{self, Keys};
use rowmill_operators::{KeyPart, Writer};
use rowmill_plan::problem::Problem;
use rowmill_plan::{Collate, Existing, Mode, SinkTable};

use crate::key::{self, Key};
use crate::relation::{Relations, Way, no_glob};
use crate::show::TargetView;

/// A target table, bound.
pub struct BoundTarget {
    /// The table.
    pub table: TargetTable,
    /// The relation, or the source's table, whose rows it holds.
    pub relation: String,
    /// The aggregates that its rows come through, in order.
    pub nodes: Vec<usize>,
    /// The columns that say when a window starts and ends.
    pub window: Option<(usize, usize)>,
    /// After an aggregate: the columns that make its groups' key, with the rule of those texts whose spelling depends
    /// on which row came first.
    pub group_columns: Vec<(usize, Option<Rule>)>,
    /// What is shown of it.
    pub view: TargetView,
}

/// The keys that targets find rows by, for each origin of a stream.
#[derive(Default)]
pub(crate) struct KeysRead {
    /// By source table.
    pub(crate) tables: BTreeMap<usize, BTreeSet<Vec<usize>>>,
    /// By aggregate.
    pub(crate) nodes: BTreeMap<usize, BTreeSet<Vec<usize>>>,
}

/// The one key of a set; `None` if there are others, or none.
pub(crate) fn only(keys: Option<&BTreeSet<Vec<usize>>>) -> Option<&Vec<usize>> {
    keys.filter(|keys| keys.len() == 1).and_then(|keys| keys.first())
}

impl Relations<'_> {
    /// Binds a target of the plan. `read`: of each origin of a stream the keys that targets find its rows by.
    pub(crate) fn target(
        &mut self,
        target: &SinkTable,
        database: &str,
        bound: &mut Vec<BoundTarget>,
        read: &mut KeysRead,
    ) -> Vec<Problem> {
        if target.is_for_each_table() {
            let mut problems = Vec::new();
            for table in 0..self.tables.len() {
                let name = self.tables[table].name().clone();
                let result = self.write(target, &name.to_string(), target.table_for(&name.name), database, bound, read);
                problems.extend(result.err().into_iter().flatten().map(|problem| match self.tables.len() {
                    1 => problem,
                    _ => Problem { message: format!("table {name}: {}", problem.message), ..problem },
                }));
            }
            return problems;
        }
        if let Some(problem) = no_glob(&target.from, &target.pointer("from")) {
            return vec![problem];
        }
        self.write(target, &target.from, target.table.clone(), database, bound, read).err().unwrap_or_default()
    }

    fn write(
        &mut self,
        target: &SinkTable,
        from: &str,
        name: String,
        database: &str,
        bound: &mut Vec<BoundTarget>,
        read: &mut KeysRead,
    ) -> Result<(), Vec<Problem>> {
        let ways = match target.is_for_each_table() {
            true => self.bound_ways(from),
            false => self.ways(from, &target.pointer("from")).map_err(|problem| vec![problem])?,
        };
        // What it is made from has problems of its own.
        let Some(ways) = ways else { return Ok(()) };
        let mut keys: Vec<Key> = Vec::new();
        for way in &ways {
            let table = self.tables[way.table];
            keys.push(match &way.groups {
                None => key::resolve(target, table, way)?,
                Some((groups, _)) => key::resolve_groups(target, groups, way)?,
            });
        }
        let (Some(way), Some(key)) = (ways.first(), keys.first()) else { return Ok(()) };
        self.ensure_one_key(target, &ways, &keys)?;
        let (table, hash) = self.table(target, TableName { schema: database.to_owned(), name }, way, key)?;
        let number = bound.len();
        let fresh = target.existing == Existing::Refuse || target.mode == Mode::Append;
        let rows = way.columns.schema();
        let window = |wanted: &str| {
            let group = way.groups.as_ref()?.0.iter().position(|name| name == wanted)?;
            let column = key.parts.iter().position(|part| matches!(part, KeyPart::Column(at, _) if *at == group))?;
            Some(key.target[column])
        };
        let rule = |&column: &usize| {
            let rule = keys::rule(way.columns.0[column].field.as_ref(), Collate::Column).ok().flatten();
            (column, rule)
        };
        let groups = way.groups.is_some().then(|| key.target.iter().map(rule).collect());
        bound.push(BoundTarget {
            view: TargetView::new(&table, from),
            table,
            relation: from.to_owned(),
            nodes: way.nodes.clone(),
            window: window("window_start").zip(window("window_end")),
            group_columns: groups.unwrap_or_default(),
        });
        let mut hash = hash;
        for (way, key) in ways.iter().zip(keys) {
            let source: Vec<usize> = key.source().collect();
            match way.nodes.last() {
                Some(&node) => read.nodes.entry(node).or_default().insert(source),
                None => read.tables.entry(way.table).or_default().insert(source),
            };
            let writer = Writer::new(number, Arc::clone(&rows), key.parts, hash.take(), fresh);
            self.trees.write(way.branch, writer);
        }
        Ok(())
    }

    /// The rows of all branches of a union are found by the same columns.
    fn ensure_one_key(&self, target: &SinkTable, ways: &[Way], keys: &[Key]) -> Result<(), Vec<Problem>> {
        let Some(first) = keys.first() else { return Ok(()) };
        let names = |way: &Way, key: &Key| {
            let names = key.target.iter().map(|&column| way.columns.0[column].field.name().as_str());
            format!("({})", names.collect::<Vec<_>>().join(", "))
        };
        let differs = |(_, key): &(&Way, &Key)| key.target != first.target || key.ordinality != first.ordinality;
        let Some((way, key)) = ways.iter().zip(keys).find(differs) else { return Ok(()) };
        Err(vec![
            Problem::configuration("the branches of a union have different keys")
                .at(target.pointer("key").trim_end_matches("/key"))
                .found(format!(
                    "{} of {} and {} of {}",
                    names(&ways[0], first),
                    self.tables[ways[0].table].name(),
                    names(way, key),
                    self.tables[way.table].name(),
                ))
                .needed("the same columns in the same order")
                .fix("name columns that are unique in every branch: key: […], the tag included"),
        ])
    }

    /// The table, and what makes the hash of a key that can be NULL.
    fn table(
        &self,
        target: &SinkTable,
        name: TableName,
        way: &Way,
        key: &Key,
    ) -> Result<(TargetTable, Option<Keys>), Vec<Problem>> {
        let mut fields: Vec<Arc<Field>> = way.columns.schema().fields().iter().cloned().collect();
        let mut target_key = key.target.clone();
        let key_fields: Vec<Field> = key.source().map(|column| way.input.field(column).clone()).collect();
        let mut hash = None;
        if let Some((_, collate)) = &way.groups
            && key_fields.iter().any(Field::is_nullable)
        {
            // MySQL's primary keys hold no NULL, groups may.
            target_key = vec![fields.len()];
            fields.push(Arc::new(rowmill_change::key_hash_field()));
            let keys = Keys::new(&key_fields.iter().collect::<Vec<_>>(), *collate);
            let at = target.pointer("key");
            hash = Some(keys.map_err(|(_, message)| vec![Problem::configuration(message).at(at)])?);
        }
        let source = self.tables[way.table].name();
        let same_server = self.plan.source.url.expose() == self.plan.sink.url.expose();
        if same_server && self.tables.iter().any(|table| *table.name() == name) {
            let at = match target.is_for_each_table() {
                true => target.pointer("table"),
                false => target.pointer("from").trim_end_matches("/from").to_owned(),
            };
            let found = self.tables.iter().find(|table| *table.name() == name).map_or(source, |table| table.name());
            return Err(vec![
                Problem::configuration("the target is the source table itself")
                    .at(at)
                    .found(found.to_string())
                    .needed("another table or another server"),
            ]);
        }
        let options = TargetOptions {
            mode: match target.mode {
                Mode::Upsert => rowmill_change::Mode::Upsert,
                Mode::Append => rowmill_change::Mode::Append,
            },
            existing: match target.existing {
                Existing::Refuse => rowmill_change::Existing::Refuse,
                Existing::Keep => rowmill_change::Existing::Keep,
            },
            create: target.create,
        };
        let schema = Arc::new(Schema::new(fields));
        Ok((TargetTable { table: name, schema, key: target_key, ordinality: key.ordinality, options }, hash))
    }
}

/// Two targets of one name: their keys could meet.
pub(crate) fn shared(targets: &[BoundTarget]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        if let Some(other) = targets[..index].iter().find(|other| other.table.table == target.table.table) {
            problems.push(
                Problem::configuration(format!(
                    "tables {} and {} would both write into {}, where their keys could meet",
                    other.relation, target.relation, target.table.table
                ))
                .at("/sink/table")
                .needed("one target table for each source table")
                .fix("table: \"${table}\", or for instance \"${table}_clean\""),
            );
        }
    }
    problems
}
