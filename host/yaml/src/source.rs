//! `source`: the tables that are read, and where a first start begins.

use super::reader::{Need, Reader, need};
use super::tls::tls;
use super::tree::{Data, Node};
use super::url::{URL, database, url};
use rowmill_plan::problem::Problem;
use rowmill_plan::{Secret, Source, Start, ZeroDates};

const KEYS: &[&str] = &[
    "url",
    "tls",
    "tls_ca",
    "tables",
    "start",
    "allow_unlogged_cascades",
    "zero_dates",
    "append_only",
    "ignore_statements",
];
const TABLES: Need = need("a list of table names", "tables: [orders]");
/// The value of `source`.
pub(super) const SOURCE: Need = need("a mapping with url and tables", "source: { url: …, tables: [orders] }");

pub(super) fn source(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Source> {
    let fields = reader.fields(node, at, SOURCE, KEYS)?;
    let url = match fields.get("url") {
        Some((node, at)) => url(reader, node, &at),
        None => {
            reader.missing(&fields, "url", URL);
            None
        }
    };
    let tls = tls(reader, &fields);
    let tables = match fields.get("tables") {
        Some((node, at)) => tables(reader, node, &at, url.as_ref()),
        None => {
            reader.missing(&fields, "tables", TABLES);
            None
        }
    };
    let start = match fields.get("start") {
        Some((node, at)) => start(reader, node, &at),
        None => Some(Start::default()),
    };
    let cascades = fields.get("allow_unlogged_cascades").map_or(Some(false), |(node, at)| {
        reader.boolean(node, &at, need("true or false", "allow_unlogged_cascades: true"))
    });
    let zero_dates = fields.get("zero_dates").map_or(Some(ZeroDates::default()), |(node, at)| {
        let choices = [("null", ZeroDates::Null), ("error", ZeroDates::Error)];
        reader.choice(node, &at, &choices, &[])
    });
    let append_only = fields
        .get("append_only")
        .map_or(Some(false), |(node, at)| reader.boolean(node, &at, need("true or false", "append_only: true")));
    let ignored = fields.get("ignore_statements").map_or(Some(Vec::new()), |(node, at)| ignored(reader, node, &at));
    Some(Source {
        url: url?,
        tls: tls?,
        tables: tables?,
        start: start?,
        allow_unlogged_cascades: cascades?,
        zero_dates: zero_dates?,
        append_only: append_only?,
        ignore_statements: ignored?,
    })
}

fn tables(reader: &mut Reader<'_>, node: &Node, at: &str, url: Option<&Secret>) -> Option<Vec<String>> {
    let items = reader.list(node, at, TABLES)?;
    if items.is_empty() {
        reader.report(
            Problem::configuration("source.tables is empty")
                .at(at)
                .needed("at least one table")
                .fix("for example tables: [orders]"),
        );
        return None;
    }
    let mut tables = Vec::new();
    let mut complete = true;
    for (node, at) in items {
        let Some(text) = reader.text(node, &at, need("a table name", "tables: [orders]")) else {
            complete = false;
            continue;
        };
        let name = text.value;
        let problem = table_pattern(&name);
        let unqualified = !name.contains('.') && url.is_some_and(|url| database(url).is_none());
        if let Some(problem) = problem {
            reader.report(problem.at(at));
            complete = false;
        } else if unqualified {
            reader.report(
                Problem::configuration(format!("no database is named for table {name}"))
                    .at(at)
                    .needed("a database in source.url, or db.table")
                    .fix(format!("write tables: [shop.{name}] or url: mysql://…/shop")),
            );
            complete = false;
        } else {
            tables.push(name);
        }
    }
    complete.then_some(tables)
}

fn ignored(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<String>> {
    let mut patterns = Vec::new();
    let mut complete = true;
    for (node, at) in reader.list(node, at, need("a list of db.table", "ignore_statements: [\"percona.*\"]"))? {
        let text = reader.text(node, &at, need("db.table", "ignore_statements: [\"percona.*\"]"));
        let Some(name) = text.map(|text| text.value) else {
            complete = false;
            continue;
        };
        let unqualified = || {
            let problem = Problem::configuration(format!("{name:?} names no database"));
            (!name.contains('.')).then(|| problem.needed("db.table, also with * and ?").fix(format!("write db.{name}")))
        };
        match table_pattern(&name).or_else(unqualified) {
            Some(problem) => {
                reader.report(problem.at(at));
                complete = false;
            }
            None => patterns.push(name),
        }
    }
    complete.then_some(patterns)
}

/// `table`, `db.table`, with `*` and `?`.
fn table_pattern(name: &str) -> Option<Problem> {
    let wrong = |found: &str| {
        Some(
            Problem::configuration(format!("{name:?} is not a table name or pattern"))
                .found(found)
                .needed("table, db.table, or a pattern with * and ? such as \"orders_*\""),
        )
    };
    if name.is_empty() || name.trim() != name {
        return wrong("an empty name or spaces around it");
    }
    if name.contains('`') {
        return wrong("a backtick; names are written without quotes");
    }
    if name.contains(['[', ']', '{', '}']) {
        return wrong("a bracket");
    }
    let parts: Vec<&str> = name.split('.').collect();
    if parts.len() > 2 {
        return wrong("more than one dot");
    }
    if parts.iter().any(|part| part.is_empty()) {
        return wrong("nothing before or after the dot");
    }
    if parts.iter().any(|part| part.chars().count() > 64) {
        return wrong("a name of more than 64 characters");
    }
    None
}

fn start(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Start> {
    const START: Need = need(
        "snapshot, latest, earliest, { file: …, position: … } or { gtid: … }",
        "start: { file: binlog.000012, position: 4 }",
    );
    if !matches!(node.data, Data::Mapping(_)) {
        return reader.parsed(node, at, START, |text| match text {
            "snapshot" => Some(Start::Snapshot),
            "latest" => Some(Start::Latest),
            "earliest" => Some(Start::Earliest),
            _ => None,
        });
    }
    let fields = reader.fields(node, at, START, &["file", "position", "gtid"])?;
    match (fields.get("file"), fields.get("position"), fields.get("gtid")) {
        (None, None, Some((node, at))) => {
            let set = need("a GTID set", "gtid: \"3E11FA47-71CA-11E1-9E33-C80AA9429562:1-23\"");
            reader.text(node, &at, set).map(|text| Start::Gtid(text.value))
        }
        (Some((file, file_at)), Some((position, position_at)), None) => {
            let file = reader.text(file, &file_at, need("a binlog file name", "file: binlog.000012"));
            let offset = need("a byte offset of at least 4", "position: 4");
            let position = reader
                .parsed(position, &position_at, offset, |text| text.parse().ok().filter(|offset: &u64| *offset >= 4));
            Some(Start::File { file: file?.value, position: position? })
        }
        _ => {
            reader.mismatch(node, at, START);
            None
        }
    }
}
