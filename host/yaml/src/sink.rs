//! `sink`: the tables that are written.

use super::reader::{Fields, Need, Reader, need};
use super::steps;
use super::tls::tls;
use super::tree::Node;
use super::url::{URL, database, url};
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{Existing, Mode, Sink, SinkTable, TABLE, is_table_name};

const KEYS: &[&str] = &["url", "tls", "tls_ca", "table", "tables", "key", "existing", "meta", "mode", "create"];
const TABLE_KEYS: &[&str] = &["from", "key", "existing", "mode", "create"];
const TABLES: Need = need("a mapping from target tables to what they hold", "tables: { paid_orders: { from: paid } }");
const FROM: Need = need("a view or a table of the source", "from: paid");
/// The value of `sink`.
pub(super) const SINK: Need = need("a mapping with url", "sink: { url: mysql://… }");

pub(super) fn sink(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Sink> {
    let fields = reader.fields(node, at, SINK, KEYS)?;
    let url = match fields.get("url") {
        Some((node, at)) => url(reader, node, &at).filter(|url| {
            let named = database(url).is_some();
            if !named {
                reader.report(
                    Problem::configuration("sink.url names no database")
                        .at(at.clone())
                        .needed("the database of the target table at its end")
                        .fix("for example url: mysql://writer@127.0.0.1:3307/mart"),
                );
            }
            named
        }),
        None => {
            reader.missing(&fields, "url", URL);
            None
        }
    };
    let tls = tls(reader, &fields);
    let meta = fields.get("meta").map_or(Some("rowmill".to_owned()), |(node, at)| {
        let schema = need("a schema name of 1 to 64 characters", "meta: rowmill");
        let text = reader.text(node, &at, schema)?.value;
        let valid = is_table_name(&text);
        if !valid {
            reader.mismatch(node, &at, schema);
        }
        valid.then_some(text)
    });
    let defaults = options(reader, &fields, SinkTable::each_table());
    let tables = match fields.get("tables") {
        Some((node, at)) => {
            for key in ["table", "key"] {
                if let Some((_, at)) = fields.get(key) {
                    let problem = Problem::configuration(format!("sink.{key} together with sink.tables"));
                    reader.report_key(&at, problem.needed("one of the two").fix(format!("put {key} into its table")));
                }
            }
            tables(reader, node, &at, defaults.as_ref())
        }
        None => {
            let name = fields.get("table").map_or(Some(TABLE.to_owned()), |(node, at)| target_table(reader, node, &at));
            let key = key(reader, &fields);
            name.zip(key).zip(defaults).map(|((table, key), target)| vec![SinkTable { table, key, ..target }])
        }
    };
    Some(Sink { url: url?, tls: tls?, meta: meta?, tables: tables? })
}

/// What a target says of itself beside its key, on top of what is in force.
fn options(reader: &mut Reader<'_>, fields: &Fields<'_>, base: SinkTable) -> Option<SinkTable> {
    let existing = fields.get("existing").map_or(Some(base.existing), |(node, at)| {
        let choices = [("refuse", Existing::Refuse), ("keep", Existing::Keep)];
        reader.choice(node, &at, &choices, &[])
    });
    let mode = fields.get("mode").map_or(Some(base.mode), |(node, at)| {
        reader.choice(node, &at, &[("upsert", Mode::Upsert), ("append", Mode::Append)], &[])
    });
    let create = fields
        .get("create")
        .map_or(Some(base.create), |(node, at)| reader.boolean(node, &at, need("true or false", "create: false")));
    Some(SinkTable { existing: existing?, mode: mode?, create: create?, ..base })
}

fn key(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Option<Vec<String>>> {
    fields.get("key").map_or(Some(None), |(node, at)| {
        steps::columns(reader, node, &at, need("a list of columns", "key: [id]")).map(Some)
    })
}

/// Several targets, by their names.
fn tables(reader: &mut Reader<'_>, node: &Node, at: &str, defaults: Option<&SinkTable>) -> Option<Vec<SinkTable>> {
    let entries = reader.open(node, at, TABLES)?.entries;
    if entries.is_empty() {
        reader.mismatch(node, at, TABLES);
        return None;
    }
    let mut targets = Vec::new();
    let mut complete = true;
    for (name, node) in entries {
        match target(reader, name, node, &child(at, name), defaults) {
            Some(target) => targets.push(target),
            None => complete = false,
        }
    }
    complete.then_some(targets)
}

fn target(
    reader: &mut Reader<'_>,
    name: &str,
    node: &Node,
    at: &str,
    defaults: Option<&SinkTable>,
) -> Option<SinkTable> {
    let fields = reader.fields(node, at, need("a mapping with from", "paid_orders: { from: paid }"), TABLE_KEYS)?;
    let from = match fields.get("from") {
        Some((node, at)) => reader.text(node, &at, FROM).map(|text| text.value),
        None => {
            reader.missing(&fields, "from", FROM);
            None
        }
    };
    let key = key(reader, &fields);
    let target = options(reader, &fields, defaults.cloned().unwrap_or_else(SinkTable::each_table));
    Some(SinkTable { from: from?, table: name.to_owned(), key: key?, ..target? })
}

fn target_table(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<String> {
    const TARGET: Need = need("a table name of 1 to 64 characters", "table: \"${table}_clean\"");
    Some(reader.text_keeping(node, at, TARGET, &["table"])?.value)
}
