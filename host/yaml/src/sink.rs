//! `sink`: the table that is written.

use super::reader::{Need, Reader, need};
use super::steps;
use super::tls::tls;
use super::tree::Node;
use super::url::{URL, database, url};
use super::word::describe;
use rowmill_plan::problem::Problem;
use rowmill_plan::{Existing, Mode, Sink, Source, TABLE};

const KEYS: &[&str] = &["url", "tls", "tls_ca", "table", "key", "existing", "meta", "mode", "create"];
/// The value of `sink`.
pub(super) const SINK: Need = need("a mapping with url", "sink: { url: mysql://… }");

pub(super) fn sink(reader: &mut Reader<'_>, node: &Node, at: &str, source: Option<&Source>) -> Option<Sink> {
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
    let table = fields.get("table").map_or(Some(None), |(node, at)| target_table(reader, node, &at, source).map(Some));
    let key = fields.get("key").map_or(Some(None), |(node, at)| {
        steps::columns(reader, node, &at, need("a list of columns", "key: [id]")).map(Some)
    });
    let existing = fields.get("existing").map_or(Some(Existing::default()), |(node, at)| {
        let choices = [("refuse", Existing::Refuse), ("keep", Existing::Keep)];
        reader.choice(node, &at, &choices, &[])
    });
    let meta = fields.get("meta").map_or(Some("rowmill".to_owned()), |(node, at)| {
        let schema = need("a schema name of 1 to 64 characters", "meta: rowmill");
        let text = reader.text(node, &at, schema)?.value;
        let valid = identifier(&text);
        if !valid {
            reader.mismatch(node, &at, schema);
        }
        valid.then_some(text)
    });
    let mode = fields.get("mode").map_or(Some(Mode::default()), |(node, at)| {
        reader.choice(node, &at, &[("upsert", Mode::Upsert), ("append", Mode::Append)], &[])
    });
    let create = fields
        .get("create")
        .map_or(Some(true), |(node, at)| reader.boolean(node, &at, need("true or false", "create: false")));
    Some(Sink {
        url: url?,
        tls: tls?,
        table: table?,
        key: key?,
        existing: existing?,
        meta: meta?,
        mode: mode?,
        create: create?,
    })
}

fn target_table(reader: &mut Reader<'_>, node: &Node, at: &str, source: Option<&Source>) -> Option<String> {
    const TARGET: Need = need("a table name of 1 to 64 characters", "table: \"${table}_clean\"");
    let table = reader.text_keeping(node, at, TARGET, &["table"])?.value;
    let fixed = !table.contains(TABLE);
    if !identifier(&table.replace(TABLE, "t")) {
        reader.mismatch(node, at, TARGET);
        return None;
    }
    let several = source.is_some_and(|source| source.tables.len() > 1);
    if fixed && several {
        reader.report(
            Problem::configuration("several source tables would be written into one target table")
                .at(at)
                .found(describe(node))
                .needed("a target for each, since rows of two tables can have the same key")
                .fix(format!("write table: \"${{table}}_{table}\", or one pipeline per table")),
        );
        return None;
    }
    Some(table)
}

/// What MySQL takes as a name without a schema before it.
pub(super) fn identifier(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && name.trim() == name && !name.contains(['`', '.', '/', '\\', '\0'])
}
