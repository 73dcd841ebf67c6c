//! Relations are bound one after the other, each along all ways on which rows reach it.
//!
//! A *way* leads from an origin (a source table, or an aggregate's groups) through the steps that rows have passed so
//! far. A table has one, a relation as many as the one that it is made from, a union those of all its branches. Steps
//! are bound once per way, since columns differ in where they come from; an aggregate is one for all ways, and from it
//! leads a single one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use rowmill_change::{Definition, TableName, TablePattern};
use rowmill_operators::step::{Operator, Project, Step};
use rowmill_operators::{Entry, Stream, aggregate};
use rowmill_plan::problem::{Fault, Problem, child};
use rowmill_plan::{Collate, Plan, Relation, StepKind, Upstream, is_glob};

use crate::aggregate::Surroundings;
use crate::call::Binder;
use crate::columns::Columns;
use crate::components::Components;
use crate::show::{RelationView, StepView};
use crate::tree::Trees;
use crate::union;

/// How rows come to where they are.
#[derive(Clone)]
pub(crate) struct Way {
    /// The branch that they are in.
    pub(crate) branch: usize,
    /// The source table that they come from, also behind an aggregate (the first of several).
    pub(crate) table: usize,
    /// The columns at the way's origin.
    pub(crate) input: SchemaRef,
    pub(crate) columns: Columns,
    /// The aggregates that they have passed.
    pub(crate) nodes: Vec<usize>,
    /// The key of the last one's groups, with how its texts are told apart.
    pub(crate) groups: Option<(Vec<String>, Collate)>,
    /// What the unions on the way call it.
    pub(crate) tags: Vec<String>,
    /// A transform has made several rows of one.
    pub(crate) expanded: bool,
}

/// An aggregate, whose stream is put together when everything is bound.
pub(crate) struct BoundNode {
    pub(crate) relation: String,
    pub(crate) aggregate: aggregate::Aggregate,
    /// Where its changelog begins.
    pub(crate) root: usize,
    pub(crate) input: SchemaRef,
    /// For messages.
    pub(crate) table: usize,
    /// The columns of the groups' key.
    pub(crate) key: Vec<usize>,
}

/// Relations on their way to a graph.
pub(crate) struct Relations<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) tables: &'a [&'a dyn Definition],
    /// The schema of tables that are named without one.
    pub(crate) source_database: &'a str,
    pub(crate) components: Components,
    pub(crate) trees: Trees,
    pub(crate) nodes: Vec<BoundNode>,
    pub(crate) views: Vec<RelationView>,
    /// Where a MariaDB server would answer something else than the steps do.
    pub(crate) mariadb: Vec<Problem>,
    /// Of each source table; what it is made of.
    pub(crate) roots: Vec<usize>,
    /// The relations whose rows reach an aggregate of another one.
    leading: HashSet<&'a str>,
    /// Of the relations that could be bound.
    ways: BTreeMap<String, Vec<Way>>,
}

impl<'a> Relations<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        tables: &'a [&'a dyn Definition],
        source_database: &'a str,
        components: Components,
    ) -> Self {
        let mut trees = Trees::default();
        Self {
            roots: tables.iter().map(|_| trees.root()).collect(),
            leading: plan.leading_to_state(),
            plan,
            tables,
            source_database,
            components,
            trees,
            nodes: Vec::new(),
            views: Vec::new(),
            mariadb: Vec::new(),
            ways: BTreeMap::new(),
        }
    }

    /// Binds all of them.
    pub(crate) async fn bind(&mut self) -> Vec<Problem> {
        let plan = self.plan;
        let mut problems = self.called_like_tables();
        for relation in &plan.relations {
            match &relation.from {
                Upstream::EachTable => {
                    for table in 0..self.tables.len() {
                        let name = self.tables[table].name().to_string();
                        let way = self.table_way(table);
                        let bound = self.steps(relation, &name, vec![way]).await;
                        problems.extend(self.known(&name, bound).into_iter().map(|problem| match self.tables.len() {
                            1 => problem,
                            _ => Problem { message: format!("table {name}: {}", problem.message), ..problem },
                        }));
                    }
                }
                from => {
                    let ways = match self.sources(relation, from) {
                        // What it is made from has problems of its own.
                        Ok(None) => continue,
                        Ok(Some(ways)) => Ok(ways),
                        Err(found) => Err(found),
                    };
                    let bound = match ways {
                        Ok(ways) => self.steps(relation, &relation.name, ways).await,
                        Err(found) => Err(found),
                    };
                    for problem in self.known(&relation.name, bound) {
                        // Several ways have the same.
                        if !problems.contains(&problem) {
                            problems.push(problem);
                        }
                    }
                }
            }
        }
        problems
    }

    fn known(&mut self, name: &str, bound: Result<Vec<Way>, Vec<Problem>>) -> Vec<Problem> {
        match bound {
            Ok(ways) => {
                self.ways.insert(name.to_owned(), ways);
                Vec::new()
            }
            Err(found) => found,
        }
    }

    fn called_like_tables(&self) -> Vec<Problem> {
        let views = self.plan.relations.iter().filter(|relation| relation.from != Upstream::EachTable);
        let like = views.filter(|relation| self.tables.iter().any(|table| table.name().name == relation.name));
        like.map(|relation| rowmill_plan::called_like_a_table(&relation.name)).collect()
    }

    /// The way on which rows of a table begin.
    fn table_way(&self, table: usize) -> Way {
        let columns = Columns::of(self.tables[table]);
        Way {
            branch: self.roots[table],
            table,
            input: columns.schema(),
            columns,
            nodes: Vec::new(),
            groups: None,
            tags: Vec::new(),
            expanded: false,
        }
    }

    /// The ways to what was bound under this name.
    pub(crate) fn bound_ways(&self, name: &str) -> Option<Vec<Way>> {
        self.ways.get(name).cloned()
    }

    /// What each name of the plan stands for that is none of a relation.
    pub(crate) fn meant(&self) -> BTreeMap<String, Vec<TableName>> {
        let relations = self.plan.relations.iter().flat_map(|relation| relation.from.names()).map(|(name, _)| name);
        let names = relations.chain(self.plan.sink.tables.iter().map(|target| target.from.as_str()));
        let tables = names.filter(|name| !self.plan.is_relation(name));
        let meant = |name: &str| self.tables_of(name).into_iter().map(|table| self.tables[table].name().clone());
        tables.map(|name| (name.to_owned(), meant(name).collect())).collect()
    }

    /// The tables that a name means.
    fn tables_of(&self, name: &str) -> Vec<usize> {
        let pattern = TablePattern::parse(name, Some(self.source_database));
        let meant = |table: &usize| {
            let name = self.tables[*table].name();
            pattern.matches(&name.schema, &name.name)
        };
        (0..self.tables.len()).filter(meant).collect()
    }

    /// The ways to the rows of a relation or a table. `None`: the relation could not be bound.
    pub(crate) fn ways(&self, name: &str, at: &str) -> Result<Option<Vec<Way>>, Problem> {
        if self.plan.is_relation(name) {
            return Ok(self.ways.get(name).cloned());
        }
        let tables = self.tables_of(name);
        if tables.is_empty() {
            // Not the view itself, nor what is made from it.
            let views = self.plan.relations.iter().filter(|relation| self.ways.contains_key(&relation.name));
            let views = views.map(|relation| relation.name.clone());
            let tables = self.tables.iter().map(|table| match table.name().schema == self.source_database {
                true => table.name().name.clone(),
                false => format!("{}.{}", table.name().schema, table.name().name),
            });
            let known: Vec<String> = views.chain(tables).collect();
            let mut problem = Problem::configuration(format!("there is no view or table {name:?} here"))
                .at(at)
                .needed(format!("one of: {}", known.join(", ")));
            let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
            if let Some(nearest) = nearest.filter(|known| strsim::damerau_levenshtein(known, name) <= 2) {
                problem = problem.fix(format!("did you mean {nearest}?"));
            }
            return Err(problem);
        }
        Ok(Some(tables.into_iter().map(|table| self.table_way(table)).collect()))
    }

    /// The ways to what a relation is made from, in branches of its own.
    fn sources(&mut self, relation: &Relation, from: &Upstream) -> Result<Option<Vec<Way>>, Vec<Problem>> {
        let mut branches = Vec::new();
        let mut problems = Vec::new();
        let mut missing = false;
        for (name, at) in from.names() {
            let at = format!("{}{at}", relation.pointer());
            if let Some(problem) = no_glob(name, &at).filter(|_| matches!(from, Upstream::One(_))) {
                problems.push(problem);
                continue;
            }
            match self.ways(name, &at) {
                Ok(Some(ways)) => branches.push((name.to_owned(), ways)),
                Ok(None) => missing = true,
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() || missing {
            return if problems.is_empty() { Ok(None) } else { Err(problems) };
        }
        match from {
            Upstream::Union { tag, .. } => {
                let aligned = union::align(self, relation, &branches, tag.as_deref())?;
                Ok(Some(aligned))
            }
            _ => {
                let mut ways: Vec<Way> = branches.into_iter().flat_map(|(_, ways)| ways).collect();
                ways.iter_mut().for_each(|way| way.branch = self.trees.branch(way.branch));
                Ok(Some(ways))
            }
        }
    }

    /// Binds the steps of a relation along its ways.
    async fn steps(&mut self, relation: &Relation, name: &str, mut ways: Vec<Way>) -> Result<Vec<Way>, Vec<Problem>> {
        if relation.from == Upstream::EachTable {
            ways.iter_mut().for_each(|way| way.branch = self.trees.branch(way.branch));
        }
        let last_aggregate = relation.steps.iter().rposition(|step| matches!(step.kind, StepKind::Aggregate(_)));
        let leads_on = self.leading.contains(relation.name.as_str());
        let mut views = Vec::new();
        let input = ways.first().map(|way| way.columns.clone());
        for (index, step) in relation.steps.iter().enumerate() {
            let upstream = leads_on || last_aggregate.is_some_and(|last| index <= last);
            if let StepKind::Aggregate(aggregate) = &step.kind {
                let feeds = leads_on || last_aggregate != Some(index);
                let surroundings = Surroundings {
                    name: format!("{name}/{}", step.id),
                    feeds,
                    first: ways.iter().all(|way| way.nodes.is_empty()),
                    retracts: ways.iter().any(|way| !way.nodes.is_empty()) || !self.plan.source.append_only,
                };
                let (way, view) = self.aggregate(relation, name, index, aggregate, &surroundings, &ways).await?;
                views.push(view);
                ways = vec![way];
                continue;
            }
            for (number, way) in ways.iter_mut().enumerate() {
                let view = self.step(relation, index, way, upstream).await?;
                if number == 0 {
                    views.push(view);
                }
            }
        }
        self.views.push(RelationView::new(name, &relation.from, input.as_ref(), views));
        Ok(ways)
    }

    fn binder<'b>(&'b mut self, relation: &Relation, step: &'b rowmill_plan::Step, index: usize) -> Binder<'b> {
        Binder {
            plan: self.plan,
            step,
            pointer: relation.step_pointer(index, step.kind.name()),
            components: &mut self.components,
            calls: Vec::new(),
            mariadb: Vec::new(),
            upstream: false,
            pure: true,
        }
    }

    /// Binds a step without state along one way.
    async fn step(
        &mut self,
        relation: &Relation,
        index: usize,
        way: &mut Way,
        upstream: bool,
    ) -> Result<StepView, Vec<Problem>> {
        let step = &relation.steps[index];
        let before = way.columns.clone();
        let mut binder = self.binder(relation, step, index);
        binder.upstream = upstream;
        binder.pure = upstream || !way.nodes.is_empty();
        let operator = match &step.kind {
            StepKind::Filter(call) => Operator::Filter(binder.filter(call, &before).await?),
            StepKind::Map(entries) => {
                let (map, after) = binder.map(entries, &before).await?;
                way.columns = after;
                Operator::Map(map)
            }
            StepKind::Transform(call) => {
                let (transform, after) = binder.transform(call, &before).await?;
                way.columns = after;
                way.expanded = true;
                Operator::Transform(transform)
            }
            kind => {
                let (columns, after) = before.project(kind, &binder.pointer)?;
                way.columns = after;
                Operator::Project(Project { columns })
            }
        };
        let view = StepView::new(step, &before, &way.columns, std::mem::take(&mut binder.calls), None);
        let mariadb = std::mem::take(&mut binder.mariadb);
        self.mariadb.extend(mariadb);
        let output = way.columns.schema();
        self.trees.step(way.branch, Step { id: step.id.clone(), on_error: step.on_error, output, operator });
        Ok(view)
    }

    /// Binds an aggregate, into which all ways lead. Answers the one that leads out of it.
    async fn aggregate(
        &mut self,
        relation: &Relation,
        name: &str,
        index: usize,
        aggregate: &rowmill_plan::Aggregate,
        surroundings: &Surroundings,
        ways: &[Way],
    ) -> Result<(Way, StepView), Vec<Problem>> {
        let internal = |message: &str| vec![Problem::new(Fault::Internal, message)];
        let first = ways.first().ok_or_else(|| internal("an aggregate that nothing leads to"))?;
        let schema = first.columns.schema();
        if ways.iter().any(|way| way.columns.schema().fields() != schema.fields()) {
            return Err(internal("the ways into an aggregate have different columns"));
        }
        let step = &relation.steps[index];
        let mut binder = self.binder(relation, step, index);
        binder.upstream = true;
        let bound = binder.aggregate(aggregate, &first.columns, surroundings).await?;
        let (calls, mariadb) = (std::mem::take(&mut binder.calls), std::mem::take(&mut binder.mariadb));
        self.mariadb.extend(mariadb);
        let view = StepView::new(step, &first.columns, &bound.columns, calls, Some(bound.view));
        let node = self.nodes.len();
        for way in ways {
            self.trees.aggregate(way.branch, Entry { node, tags: way.tags.clone().into() });
        }
        let root = self.trees.root();
        let input = bound.columns.schema();
        self.nodes.push(BoundNode {
            relation: name.to_owned(),
            aggregate: bound.aggregate,
            root,
            input: Arc::clone(&input),
            table: first.table,
            key: (0..bound.key.len()).collect(),
        });
        let way = Way {
            branch: root,
            table: first.table,
            input,
            columns: bound.columns,
            nodes: first.nodes.iter().copied().chain([node]).collect(),
            groups: Some((bound.key, aggregate.collate)),
            tags: Vec::new(),
            expanded: false,
        };
        Ok((way, view))
    }

    /// The stream of an origin, when everything that reads it is bound.
    pub(crate) fn stream(
        &mut self,
        root: usize,
        table: usize,
        input: SchemaRef,
        key: impl FnOnce(bool) -> Vec<usize>,
    ) -> Result<Stream, Problem> {
        let tree = self.trees.take(root);
        let key = key(tree.leads_to_state());
        let stream = Stream::new(self.tables[table].name().to_string(), input, key, tree);
        stream.map_err(|error| Problem::new(Fault::Internal, error.to_string()))
    }
}

/// The pointer of the first glob of a list of names, for what can't be one.
pub(crate) fn no_glob(name: &str, at: &str) -> Option<Problem> {
    is_glob(name).then(|| {
        Problem::configuration(format!("{name} stands for several tables"))
            .at(at)
            .needed("one table or view")
            .fix(format!("make it a view: views: {{ all: {{ from: \"{name}\" }} }}"))
    })
}

/// The pointer of a call's argument, configuration key, …
pub(crate) fn under(pointer: &str, keys: &[&str]) -> String {
    keys.iter().fold(pointer.to_owned(), |pointer, key| child(&pointer, key))
}
