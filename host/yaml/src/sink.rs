//! `sink`: the table that is written.

use super::reader::{Need, Reader, need};
use super::steps;
use super::tls::tls;
use super::tree::Node;
use super::url::{URL, database, url};
use rowmill_plan::problem::Problem;
use rowmill_plan::{Existing, Mode, Sink, is_table_name};

const KEYS: &[&str] = &["url", "tls", "tls_ca", "table", "key", "existing", "meta", "mode", "create"];
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
    let table = fields.get("table").map_or(Some(None), |(node, at)| target_table(reader, node, &at).map(Some));
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
        let valid = is_table_name(&text);
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

fn target_table(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<String> {
    const TARGET: Need = need("a table name of 1 to 64 characters", "table: \"${table}_clean\"");
    Some(reader.text_keeping(node, at, TARGET, &["table"])?.value)
}
