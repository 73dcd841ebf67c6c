//! Every column type in every role: read by a filter and a map, a group's key, the event time of a window, the
//! argument of an aggregate, the target's key and the key that a message names, on both servers.
//!
//! A role's tables go through one pipeline by a pattern. What comes out is compared, as whole tables and by
//! `verify`, with what the source's server says of the same rows. What a type can't be is refused by `check`.

mod columns;
mod groups;
mod keys;
mod list;
mod refused;
mod timestamps;
mod unions;
mod windows;

use rowmill_devserver::Kind;

use crate::harness::{Workspace, shared};
use list::Type;

const KINDS: [Kind; 2] = [Kind::MySql, Kind::MariaDb];

fn workspace(kind: Kind, role: &str) -> Workspace<'static> {
    Workspace::new(shared(kind), shared(kind), &format!("types_{role}_{}", kind.name()))
}

/// A pipeline over tables of a pattern, each into a table of its own.
fn write_pipeline(workspace: &Workspace<'_>, name: &str, tables: &str, rest: &str) {
    workspace.write_pipeline(&format!(
        "
pipeline: {name}
source: {{ url: \"${{SOURCE}}\", tables: [{tables}] }}
sink: {{ url: \"${{TARGET}}\", table: \"${{table}}_{name}\", meta: \"${{META}}\" }}
{rest}
"
    ));
}

/// A table of a type, with each value twice, NULL among them: `id`, the column `c`, and what groups are made and
/// sums are computed of.
fn create(table: &str, of: &Type) -> String {
    let values = of.values.iter().copied().chain(["NULL"]).flat_map(|value| [value, value]);
    let rows = values.enumerate().map(|(id, value)| format!("({id}, {}, {value}, {})", id % 3, id * id));
    let rows: Vec<String> = rows.collect();
    format!(
        "CREATE TABLE {table} (id INT PRIMARY KEY, k INT NOT NULL, c {} NULL, v INT NOT NULL) CHARACTER SET utf8mb4;
         INSERT INTO {table} VALUES {};\n",
        of.sql,
        rows.join(", ")
    )
}

/// Changes to such a table: values that move to other groups, to NULL and from it, groups that go and come.
fn change(table: &str, of: &Type) -> String {
    let (first, last) = (of.values[0], of.values.len() * 2);
    format!(
        "UPDATE {table} SET v = v + 100 WHERE id % 2 = 0; UPDATE {table} SET c = NULL, k = k + 1 WHERE id = 0;
         UPDATE {table} SET c = {first} WHERE id = {last}; DELETE FROM {table} WHERE id IN (2, 3);
         INSERT INTO {table} VALUES (1000, 1, {first}, 7), (1001, 9, NULL, 8);\n"
    )
}

/// The rows of a query in the order of their texts, times in UTC.
fn rows(sql: impl Fn(&str) -> String, query: &str) -> Vec<String> {
    let mut rows: Vec<String> = sql(&format!("SET time_zone = '+00:00'; {query}")).lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

/// Target and source give the same rows.
#[track_caller]
fn assert_same(workspace: &Workspace<'_>, what: &str, source: &str, target: &str) {
    let expected = rows(|sql| workspace.source_sql(sql), source);
    let found = rows(|sql| workspace.target_sql(sql), target);
    assert!(!expected.is_empty(), "{what}: nothing to compare");
    assert_eq!(found, expected, "{what} ({})\n{source}\n{target}", workspace.source.kind().name());
}
