//! The plan: what a pipeline does, as plain data.
//!
//! A plan says nothing about how it was written down; the YAML file ([`crate::file`]) is one
//! way, a SQL text or an API call can be others, and another engine can read it. So nothing
//! here does I/O, holds a connection or knows a line number, and what a front end leaves out
//! has already been replaced by its default: `on_error` and `limits` of a step are the ones
//! in force.
//!
//! Places in a plan are JSON pointers that follow the file's shape: `/source/tables/0`,
//! `/steps/3/filter`, `/steps/3/map/total/args/1`, `/steps/3/filter/config/threshold`. The
//! functions named `…_pointer` make them, so that binder and loader can't disagree.

use std::path::PathBuf;
use std::time::Duration;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::child;
pub use crate::secret::Secret;
use crate::{type_name, units};

/// One source, a list of steps, one sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
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

impl Pipeline {
    /// Whether there are aggregates, and so state.
    pub fn has_aggregates(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.kind, StepKind::Aggregate(_)))
    }
}

/// The tables that are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `mysql://user:password@host:port/database`.
    pub url: Secret,
    /// Encryption of its connections.
    #[serde(default)]
    pub tls: Tls,
    /// `table`, `db.table`, or globs of these; at least one.
    pub tables: Vec<String>,
    /// Where a first start begins.
    pub start: Start,
    /// Accept tables whose cascading foreign keys change rows that the server doesn't log.
    pub allow_unlogged_cascades: bool,
    /// What `0000-00-00` becomes.
    pub zero_dates: ZeroDates,
    /// Rows are never updated nor deleted; one that is stops the pipeline. Aggregates that can't take
    /// rows out again ask for it.
    pub append_only: bool,
    /// Tables that statements in the log may change instead of rows: `db.table` or globs of it.
    #[serde(default)]
    pub ignore_statements: Vec<String>,
}

/// Encryption of the connections to a server, beside what its address says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// Whether there has to be some. `None`: as the address says, and `preferred` without a word there.
    pub mode: Option<TlsMode>,
    /// Certificates of the authorities that may have signed the server's.
    pub ca: Option<PathBuf>,
}

/// How much encryption is asked for; named as by MySQL's own clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// Never.
    Disabled,
    /// If the server has it, with any certificate.
    Preferred,
    /// Always, with any certificate.
    Required,
    /// Always, with a certificate signed by a known authority.
    VerifyCa,
    /// Always, with a certificate signed by a known authority for this host.
    VerifyIdentity,
}

impl TlsMode {
    /// All of them.
    pub const ALL: [TlsMode; 5] =
        [TlsMode::Disabled, TlsMode::Preferred, TlsMode::Required, TlsMode::VerifyCa, TlsMode::VerifyIdentity];

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            TlsMode::Disabled => "disabled",
            TlsMode::Preferred => "preferred",
            TlsMode::Required => "required",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyIdentity => "verify-identity",
        }
    }
}

/// Where a first start begins; later ones go on from the stored progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The tables as they are, then every change.
    #[default]
    Snapshot,
    /// Only changes from now on.
    Latest,
    /// Every change that the server still has.
    Earliest,
    /// Every change from a place in a binlog file.
    File {
        /// `binlog.000012`.
        file: String,
        /// Byte offset of an event, 4 for the first.
        position: u64,
    },
    /// Every change that is not in this set.
    Gtid(String),
}

/// What a date that isn't one becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZeroDates {
    /// NULL.
    #[default]
    Null,
    /// A row error.
    Error,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the pipeline; `<kind>-<n>` where nobody chose one.
    pub id: String,
    /// What it does.
    #[serde(flatten)]
    pub kind: StepKind,
    /// What a failing row does.
    pub on_error: OnError,
    /// What its components may use.
    pub limits: Limits,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Keeps the rows for which the call says true.
    Filter(Call),
    /// Replaces columns in place and appends new ones, in this order.
    Map(Vec<(String, Call)>),
    /// Appends the columns of a table function and `ordinality`, one row per output row.
    Transform(Call),
    /// Keeps these columns, in this order.
    Select(Vec<String>),
    /// Removes these columns.
    Drop(Vec<String>),
    /// Gives columns (first) another name (second).
    Rename(Vec<(String, String)>),
    /// One row per group.
    Aggregate(Aggregate),
}

/// What an aggregate step computes: one row per group, of the columns `by`, `window_start` and
/// `window_end` if there is a window, and `values`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The columns whose values make a group; NULL is a value. At `aggregate/by/<n>`.
    pub by: Vec<String>,
    /// Cuts the groups by event time.
    pub window: Option<Window>,
    /// The result columns, in order. At `aggregate/values/<name>`.
    pub values: Vec<(String, AggregateCall)>,
    /// Forgets the state of groups that nothing has changed for so long, by the source's commit times.
    #[serde(default, with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// How texts in `by` are compared.
    pub collate: Collate,
}

/// A result column of an aggregate step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AggregateCall {
    /// An aggregate function; an expression is a call such as `sum(total)` in `std/stats`.
    pub call: Call,
    /// Only the rows for which this is true take part. At `<value>/where`.
    pub filter: Option<Call>,
    /// Of rows with equal arguments only one takes part.
    pub distinct: bool,
}

/// How texts are compared when rows are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Collate {
    /// As their column's collation says.
    #[default]
    Column,
    /// By their bytes.
    Binary,
}

/// A window on event time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Which windows a row belongs to.
    pub shape: WindowShape,
    /// The column of the event time. At `aggregate/window/on`.
    pub on: String,
    /// How far behind the newest event time the watermark is.
    #[serde(with = "units::duration")]
    pub lateness: Duration,
    /// What a row does whose window is closed.
    pub late: Late,
    /// When results are written.
    pub emit: Emit,
    /// A source without changes for so long lets the watermark advance by that time, again and again.
    #[serde(default, with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
}

/// Which windows a row belongs to. Windows are aligned to 1970-01-01 00:00:00 of the column's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowShape {
    /// One after the other.
    Tumble {
        /// From start to end.
        #[serde(with = "units::duration")]
        size: Duration,
    },
    /// Overlapping, a new one begins every `slide`.
    Hop {
        /// From start to end.
        #[serde(with = "units::duration")]
        size: Duration,
        /// From start to start; at most `size`.
        #[serde(with = "units::duration")]
        slide: Duration,
    },
    /// Windows with the same start that end every `step`, the last after `size`.
    Cumulate {
        /// From start to the last end; a multiple of `step`.
        #[serde(with = "units::duration")]
        size: Duration,
        /// From end to end.
        #[serde(with = "units::duration")]
        step: Duration,
    },
    /// From a row to `gap` after the last row of its group that is closer than `gap` to the one before.
    Session {
        /// The silence that ends it.
        #[serde(with = "units::duration")]
        gap: Duration,
    },
}

/// What a row does whose window is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Late {
    /// It is counted and left out; the state of closed windows is freed.
    #[default]
    Drop,
    /// It is counted and changes its window's result all the same; closed windows keep their state.
    Update,
}

/// When the results of a window are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Emit {
    /// Whenever they change.
    #[default]
    Update,
    /// When the window closes.
    Close,
}

impl StepKind {
    /// The word in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Filter(_) => "filter",
            Self::Map(_) => "map",
            Self::Transform(_) => "transform",
            Self::Select(_) => "select",
            Self::Drop(_) => "drop",
            Self::Rename(_) => "rename",
            Self::Aggregate(_) => "aggregate",
        }
    }

    /// The calls of components, each with its JSON pointer. `index`: the step's place in the pipeline.
    pub fn calls(&self, index: usize) -> Vec<(String, &Call)> {
        let pointer = step_pointer(index, self.name());
        match self {
            Self::Filter(call) | Self::Transform(call) => vec![(pointer, call)],
            Self::Map(columns) => columns.iter().map(|(column, call)| (child(&pointer, column), call)).collect(),
            Self::Select(_) | Self::Drop(_) | Self::Rename(_) => Vec::new(),
            Self::Aggregate(aggregate) => {
                let values = child(&pointer, "values");
                let calls = aggregate.values.iter().flat_map(|(name, value)| {
                    let at = child(&values, name);
                    let filter = value.filter.as_ref().map(|filter| (child(&at, "where"), filter));
                    [(at, &value.call)].into_iter().chain(filter)
                });
                calls.collect()
            }
        }
    }
}

/// `/steps/3/filter`; `key` may also be `id`, `on_error`, `limits`.
pub fn step_pointer(index: usize, key: &str) -> String {
    child(&format!("/steps/{index}"), key)
}

/// What runs in a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// An expression for `std/sql`. Spans in it are relative to the call's own pointer.
    Expression(String),
    /// A function by name.
    Udf {
        /// Where the component is.
        component: ComponentRef,
        /// The function; `None`: the only one of the right kind.
        function: Option<String>,
        /// What it is called with, in order. At `<call>/args/<n>`.
        args: Vec<Arg>,
        /// A JSON object. At `<call>/config/<key>`.
        config: Value,
    },
}

/// Where a component is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentRef {
    /// A file. Relative paths have been resolved against the folder of the pipeline file.
    Path(PathBuf),
    /// A built-in component, by its name after `std/`.
    Std(String),
}

/// As in the file: `./fraud.wasm`, `std/text`.
impl std::fmt::Display for ComponentRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Std(name) => write!(f, "std/{name}"),
        }
    }
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arg {
    /// A column of the step's input.
    Column {
        /// Its name.
        name: String,
        /// Convert to this type first, though that may lose something.
        #[serde(default, with = "type_name::optional", skip_serializing_if = "Option::is_none")]
        cast: Option<DataType>,
    },
    /// A constant, known when the function is bound: null, a boolean, a number or a string.
    Literal(Value),
}

/// The table that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    /// `mysql://user:password@host:port/database`.
    pub url: Secret,
    /// Encryption of its connections.
    #[serde(default)]
    pub tls: Tls,
    /// Name of the target table; `${table}` in it is the source table's. `None`: the source table's name.
    /// Use [`Sink::table_for`].
    pub table: Option<String>,
    /// Key columns of the target. `None`: derived from the source's primary key.
    pub key: Option<Vec<String>>,
    /// What a first start does with a target that holds rows.
    pub existing: Existing,
    /// Schema of the progress tables.
    pub meta: String,
    /// How rows are written.
    pub mode: Mode,
    /// Create the table when it is missing.
    pub create: bool,
}

impl Sink {
    /// The target table's name for a source table.
    pub fn table_for(&self, source: &str) -> String {
        self.table.as_ref().map_or_else(|| source.to_owned(), |table| table.replace(TABLE, source))
    }

    /// The target table's name, where it is the same for every source table.
    pub fn fixed_table(&self) -> Option<&str> {
        self.table.as_deref().filter(|table| !table.contains(TABLE))
    }

    /// Whether a target table can have this name, whatever the source table's is. `folds`: the server keeps names in
    /// lower case.
    pub fn may_be_table(&self, name: &str, folds: bool) -> bool {
        if folds && let Some(table) = &self.table {
            return Sink { table: Some(table.to_lowercase()), ..self.clone() }
                .may_be_table(&name.to_lowercase(), false);
        }
        let Some(table) = &self.table else { return true };
        let Some((before, after)) = table.split_once(TABLE) else { return table == name };
        let source = name.strip_prefix(before).and_then(|rest| {
            // The first of several tells the source table's name by what is left for each.
            let others = after.matches(TABLE).count();
            let fixed = after.len() - others * TABLE.len();
            let length = rest.len().checked_sub(fixed)? / (others + 1);
            rest.get(..length)
        });
        source.is_some_and(|source| !source.is_empty() && self.table_for(source) == name)
    }
}

/// Stands for the source table's name in [`Sink::table`].
pub const TABLE: &str = "${table}";

/// What a first start does with a target that holds rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Stops.
    #[default]
    Refuse,
    /// Writes into it.
    Keep,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Updates and deletes follow the key.
    #[default]
    Upsert,
    /// Inserts only; an update or a delete is an error.
    Append,
}

/// What a row that a component flags, or traps on, does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Stops the pipeline.
    #[default]
    Fail,
    /// Leaves the row out, counts it and logs it.
    Skip,
}

/// What a component may use. Each call of a function stays under `cpu_base + rows * cpu_per_row`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of linear memory of one instance.
    pub memory: u64,
    /// CPU time of one call, whatever its size.
    #[serde(with = "units::duration")]
    pub cpu_base: Duration,
    /// CPU time added for each row of the call.
    #[serde(with = "units::duration")]
    pub cpu_per_row: Duration,
    /// Elapsed time of one call.
    #[serde(with = "units::duration")]
    pub wall: Duration,
    /// Bytes that one call may return.
    pub output: u64,
}

/// Bytes of memory of an aggregate step where neither it nor the pipeline sets them: the default of
/// [`Limits::memory`] there. It holds the groups that are worked on; the others are on disk and
/// come back when they are needed, so half of it is slower and twice of it faster where there are
/// more than about a million groups, with the same results.
pub const AGGREGATE_MEMORY: u64 = 256 << 20;

/// Defaults of the file: roomy for ordinary functions, deadly for a loop without end within 6 s.
impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            cpu_base: Duration::from_millis(100),
            cpu_per_row: Duration::from_micros(50),
            wall: Duration::from_secs(5),
            output: 64 << 20,
        }
    }
}

impl From<Limits> for rowmill_wasm::Limits {
    fn from(limits: Limits) -> Self {
        Self {
            memory: limits.memory,
            cpu_base: limits.cpu_base,
            cpu_per_row: limits.cpu_per_row,
            wall: limits.wall,
            output: limits.output,
            ..Self::default()
        }
    }
}

/// When a batch closes, if the stream has more to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Rows.
    pub rows: usize,
    /// Bytes.
    pub bytes: usize,
}

/// 8,192 rows amortise a call to well below 1 ns/row; 4 MiB stay in the cache of a server.
impl Default for Batch {
    fn default() -> Self {
        Self { rows: 8_192, bytes: 4 << 20 }
    }
}

/// When an epoch closes, at the latest; it also closes when the stream is dry, but then not sooner than `pace`
/// after the commit before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Rows.
    pub rows: usize,
    /// Bytes.
    pub bytes: usize,
    /// Source transactions that follow each other are committed together for so long. Zero: each as soon as the
    /// target can take it.
    #[serde(with = "units::duration", default)]
    pub pace: Duration,
}

/// Two epochs are in memory at most: 64 MiB of rows. A hundred commits a second cost the servers little.
impl Default for Epoch {
    fn default() -> Self {
        Self { rows: 65_536, bytes: 32 << 20, pace: Duration::from_millis(10) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_plain_data_and_hides_passwords() {
        let pipeline = Pipeline {
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
        let again: Pipeline = serde_json::from_str(&text).expect("plain data");
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
