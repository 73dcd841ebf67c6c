//! All of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::limits::{Batch, Epoch, Limits, OnError};
use crate::sink::Sink;
use crate::source::Source;
use crate::step::{Step, StepKind};

/// One source, a list of steps, one sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `[a-z0-9-]{1,63}`: the identity under which progress is kept in the target.
    pub name: String,
    /// Where rows come from.
    pub source: Source,
    /// What happens to them, in order; may be empty.
    pub steps: Vec<Step>,
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
        self.steps.iter().any(|step| matches!(step.kind, StepKind::Aggregate(_)))
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::DataType;

    use super::*;
    use crate::{Arg, Call, ComponentRef, Existing, Mode, Secret, Start, Tls, ZeroDates};

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
            steps: vec![Step {
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
            }],
            sink: Sink {
                url: Secret::new("mysql://writer:hunter2@127.0.0.1:3307/mart"),
                tls: Tls::default(),
                table: Some("${table}_clean".to_owned()),
                key: None,
                existing: Existing::Refuse,
                meta: "rowmill".to_owned(),
                mode: Mode::Upsert,
                create: true,
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
        assert_eq!(again.steps, pipeline.steps);
        assert_eq!(pipeline.sink.table_for("orders"), "orders_clean");
        let sink = |table: &str| Sink { table: Some(table.to_owned()), ..pipeline.sink.clone() };
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
        assert!(Sink { table: None, ..pipeline.sink.clone() }.may_be_table("orders", false));
        let calls = pipeline.steps[0].kind.calls(0);
        assert_eq!(calls[0].0, "/steps/0/map/total");
    }
}
