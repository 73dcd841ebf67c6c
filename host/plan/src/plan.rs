//! All of it.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::limits::{Batch, Epoch, Limits, OnError};
use crate::relation::Relation;
use crate::sink::Sink;
use crate::source::Source;
use crate::step::Step;

/// One source, relations made from its tables, one sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `[a-z0-9-]{1,63}`: the identity under which progress is kept in the target.
    pub name: String,
    /// Where rows come from.
    pub source: Source,
    /// What is made of them, each after those that it is made from.
    pub relations: Vec<Relation>,
    /// Where they go.
    pub sink: Sink,
    /// What a failing row does, unless its step says otherwise.
    pub on_error: OnError,
    /// What a component may use, unless its step says otherwise.
    pub limits: Limits,
    /// When a batch closes.
    pub batch: Batch,
    /// When an epoch closes, at the latest.
    pub epoch: Epoch,
    /// The folder of the aggregates' state. `None`: under the user's state directory, by the pipeline's name.
    pub state: Option<PathBuf>,
}

impl Plan {
    /// Whether there are aggregates, and so state.
    pub fn has_aggregates(&self) -> bool {
        self.relations.iter().any(Relation::has_aggregate)
    }

    /// All steps, with their relations.
    pub fn steps(&self) -> impl Iterator<Item = (&Relation, &Step)> {
        self.relations.iter().flat_map(|relation| relation.steps.iter().map(move |step| (relation, step)))
    }

    /// Whether a name is that of a relation, rather than of a table of the source.
    pub fn is_relation(&self, name: &str) -> bool {
        self.relations.iter().any(|relation| relation.name == name)
    }

    /// The relations, and tables, whose rows reach an aggregate of another relation.
    pub fn leading_to_state(&self) -> HashSet<&str> {
        let mut leading = HashSet::new();
        for relation in self.relations.iter().rev() {
            if relation.has_aggregate() || leading.contains(relation.name.as_str()) {
                leading.extend(relation.from.names().into_iter().map(|(name, _)| name));
            }
        }
        leading
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::DataType;

    use super::*;
    use crate::{Arg, Call, ComponentRef, Secret, SinkTable, Start, StepKind, Tls, ZeroDates};

    #[test]
    fn a_plan_is_plain_data_and_hides_passwords() {
        let pipeline = Plan {
            name: "clean-orders".to_owned(),
            source: Source {
                url: Secret::new("mysql://reader:hunter2@127.0.0.1:3306/shop"),
                tls: Tls::default(),
                tables: vec!["orders".to_owned()],
                start: Start::File { file: "binlog.000012".to_owned(), position: 4 },
                allow_unlogged_cascades: false,
                zero_dates: ZeroDates::Null,
                append_only: false,
                ignore_statements: vec!["percona.*".to_owned()],
            },
            relations: vec![Relation::each_table(vec![Step {
                id: "map-1".to_owned(),
                kind: StepKind::Map(vec![(
                    "total".to_owned(),
                    Call::Udf {
                        component: ComponentRef::Std("text".to_owned()),
                        function: Some("trim".to_owned()),
                        args: vec![
                            Arg::Column { name: "name".to_owned(), cast: Some(DataType::Utf8) },
                            Arg::Literal(3.into()),
                        ],
                        config: serde_json::json!({}),
                    },
                )]),
                on_error: OnError::Skip,
                limits: Limits::default(),
            }])],
            sink: Sink {
                url: Secret::new("mysql://writer:hunter2@127.0.0.1:3307/mart"),
                tls: Tls::default(),
                meta: "rowmill".to_owned(),
                tables: vec![SinkTable { table: "${table}_clean".to_owned(), ..SinkTable::each_table() }],
            },
            on_error: OnError::Fail,
            limits: Limits::default(),
            batch: Batch::default(),
            epoch: Epoch::default(),
            state: None,
        };
        let text = serde_json::to_string(&pipeline).expect("plain data");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains(r#""cpu_base":"100ms""#), "{text}");
        let again: Plan = serde_json::from_str(&text).expect("plain data");
        assert_eq!(again.relations, pipeline.relations);
        let calls = pipeline.relations[0].steps[0].kind.calls(pipeline.relations[0].step_pointer(0, "map"));
        assert_eq!(calls[0].0, "/steps/0/map/total");
    }

    #[test]
    fn targets_for_each_table_are_known_by_their_names() {
        let sink = |table: &str| SinkTable { table: table.to_owned(), ..SinkTable::each_table() };
        assert_eq!(sink("${table}_clean").table_for("orders"), "orders_clean");
        assert_eq!((sink("a").fixed_table(), sink("${table}_a").fixed_table()), (Some("a"), None));
        for (table, name, may_be) in [
            ("a", "a", true),
            ("a", "b", false),
            ("${table}_a", "orders_a", true),
            ("${table}_a", "orders_b", false),
            ("${table}_a", "_a", false),
            ("x_${table}_of_${table}", "x_o_of_o", true),
            ("x_${table}_of_${table}", "x_o_of_p", false),
            ("${table}", "été", true),
        ] {
            assert_eq!(sink(table).may_be_table(name, false), may_be, "{table} {name}");
        }
        assert!(!sink("${table}_Clean").may_be_table("orders_clean", false));
        assert!(
            sink("${table}_Clean").may_be_table("orders_clean", true) && !sink("Clean").may_be_table("cleaner", true)
        );
        assert!(SinkTable::each_table().may_be_table("orders", false));
    }
}
