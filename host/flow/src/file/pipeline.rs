//! The top of the file, source and sink.

use super::reader::{Need, Reader, describe, need};
use super::steps;
use super::tree::Node;
use crate::plan::{
    Batch, Epoch, Existing, Limits, Mode, OnError, Pipeline, Secret, Sink, Source, Start, TABLE, ZeroDates,
};
use crate::problem::Problem;
use crate::units::{parse_duration, parse_size};

const KEYS: &[&str] =
    &["pipeline", "source", "steps", "sink", "on_error", "limits", "schema_change", "parallel", "batch", "epoch"];
const SOURCE_KEYS: &[&str] = &["url", "tables", "start", "allow_unlogged_cascades", "zero_dates"];
const SINK_KEYS: &[&str] = &["url", "table", "key", "existing", "meta", "mode", "create"];
const LIMIT_KEYS: &[&str] = &["memory", "cpu_base", "cpu_per_row", "wall", "output"];

const NAME: Need = need("a name of 1 to 63 of a-z, 0-9 and -", "pipeline: clean-orders");
const URL: Need = need(
    "a URL such as mysql://user:password@host:3306/database",
    "url: mysql://reader:${PASSWORD}@127.0.0.1:3306/shop",
);
const TABLES: Need = need("a list of table names", "tables: [orders]");
const SOURCE: Need = need("a mapping with url and tables", "source: { url: …, tables: [orders] }");
const SINK: Need = need("a mapping with url", "sink: { url: mysql://… }");
const SIZE: Need = need("a size in bytes, KiB, MiB or GiB", "64MiB");
const DURATION: Need = need("a duration in us, ms, s or m", "100ms");

/// A page of linear memory; less can't be given.
const MEMORY_MIN: u64 = 64 << 10;
/// What a 32-bit component can address.
const MEMORY_MAX: u64 = 4 << 30;

/// Decodes the file. `None`: something was reported.
pub(super) fn pipeline(reader: &mut Reader<'_>, root: &Node) -> Option<Pipeline> {
    let need_root = need("a mapping with pipeline, source and sink", "pipeline: clean-orders");
    let fields = reader.fields(root, "", need_root, KEYS)?;
    let name = match fields.get("pipeline") {
        Some((node, at)) => name(reader, node, &at),
        None => {
            reader.missing(&fields, "pipeline", NAME);
            None
        }
    };
    let source = match fields.get("source") {
        Some((node, at)) => source(reader, node, &at),
        None => {
            reader.missing(&fields, "source", SOURCE);
            None
        }
    };
    let on_error = match fields.get("on_error") {
        Some((node, at)) => on_error(reader, node, &at).unwrap_or_default(),
        None => OnError::default(),
    };
    let limits = match fields.get("limits") {
        Some((node, at)) => limits(reader, node, &at, Limits::default()),
        None => Limits::default(),
    };
    let steps = match fields.get("steps") {
        Some((node, at)) => steps::steps(reader, node, &at, on_error, &limits),
        None => Some(Vec::new()),
    };
    let sink = match fields.get("sink") {
        Some((node, at)) => sink(reader, node, &at, source.as_ref()),
        None => {
            reader.missing(&fields, "sink", SINK);
            None
        }
    };
    if let Some((node, at)) = fields.get("schema_change") {
        reader.choice(node, &at, &[("fail", ())], &["evolve", "ignore"]);
    }
    if let Some((node, at)) = fields.get("parallel") {
        parallel(reader, node, &at);
    }
    let batch = fields.get("batch").map_or(Some(Batch::default()), |(node, at)| {
        let default = Batch::default();
        rows_and_bytes(reader, node, &at, default.rows, default.bytes).map(|(rows, bytes)| Batch { rows, bytes })
    });
    let epoch = fields.get("epoch").map_or(Some(Epoch::default()), |(node, at)| {
        let default = Epoch::default();
        rows_and_bytes(reader, node, &at, default.rows, default.bytes).map(|(rows, bytes)| Epoch { rows, bytes })
    });
    Some(Pipeline {
        name: name?,
        source: source?,
        steps: steps?,
        sink: sink?,
        on_error,
        limits,
        batch: batch?,
        epoch: epoch?,
    })
}

fn name(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<String> {
    let text = reader.text(node, at, NAME)?.value;
    let valid = (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !valid {
        reader.mismatch(node, at, NAME);
    }
    valid.then_some(text)
}

fn source(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Source> {
    let fields = reader.fields(node, at, SOURCE, SOURCE_KEYS)?;
    let url = match fields.get("url") {
        Some((node, at)) => url(reader, node, &at),
        None => {
            reader.missing(&fields, "url", URL);
            None
        }
    };
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
    Some(Source {
        url: url?,
        tables: tables?,
        start: start?,
        allow_unlogged_cascades: cascades?,
        zero_dates: zero_dates?,
    })
}

/// Checks what can be seen without parsing the URL as the driver will.
fn url(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Secret> {
    let secret = reader.secret(node, at, URL)?;
    let problem = match secret.expose().split_once("://") {
        Some(("mysql", rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            if rest.is_empty() || host.starts_with(['/', ':']) || host.is_empty() {
                Some("a URL without a host".to_owned())
            } else {
                None
            }
        }
        Some((scheme, _)) => Some(format!("the scheme {scheme}://")),
        None => Some("a text that is no URL".to_owned()),
    };
    match problem {
        None => Some(secret),
        Some(found) => {
            reader.report(
                Problem::configuration(format!("{} is no mysql:// URL", super::reader::dotted(at)))
                    .at(at)
                    .found(found)
                    .needed(URL.what),
            );
            None
        }
    }
}

/// The database that a URL names.
fn database(url: &Secret) -> Option<&str> {
    let rest = url.expose().strip_prefix("mysql://")?;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let database = rest.split('?').next()?.split_once('/')?.1;
    (!database.is_empty()).then_some(database)
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
        let problem = if tables.contains(&name) {
            Some(Problem::configuration(format!("table {name} is listed twice")).fix("leave one out"))
        } else {
            table_pattern(&name)
        };
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

/// `table`, `db.table`, with `*` and `?`.
fn table_pattern(name: &str) -> Option<Problem> {
    let wrong = |found: &str| {
        Some(
            Problem::configuration(format!("{name:?} is no table name or pattern"))
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
    if !matches!(node.data, super::tree::Data::Mapping(_)) {
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

fn sink(reader: &mut Reader<'_>, node: &Node, at: &str, source: Option<&Source>) -> Option<Sink> {
    let fields = reader.fields(node, at, SINK, SINK_KEYS)?;
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
    Some(Sink { url: url?, table: table?, key: key?, existing: existing?, meta: meta?, mode: mode?, create: create? })
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

pub(super) fn on_error(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<OnError> {
    let choices = [("fail", OnError::Fail), ("skip", OnError::Skip)];
    reader.choice(node, at, &choices, &["dead_letter"])
}

/// Limits over those of the pipeline, or the defaults.
pub(super) fn limits(reader: &mut Reader<'_>, node: &Node, at: &str, base: Limits) -> Limits {
    let mut limits = base;
    let mapping = need("a mapping of limits", "limits: { memory: 64MiB, wall: 5s }");
    let Some(fields) = reader.fields(node, at, mapping, LIMIT_KEYS) else {
        return limits;
    };
    if let Some((node, at)) = fields.get("memory") {
        let need = need("a size from 64KiB to 4GiB", "memory: 64MiB");
        let range = MEMORY_MIN..=MEMORY_MAX;
        let size = reader.parsed(node, &at, need, |text| parse_size(text).filter(|size| range.contains(size)));
        limits.memory = size.unwrap_or(limits.memory);
    }
    if let Some((node, at)) = fields.get("output") {
        let size = reader.parsed(node, &at, SIZE, |text| parse_size(text).filter(|size| *size > 0));
        limits.output = size.unwrap_or(limits.output);
    }
    for (key, place) in
        [("cpu_base", &mut limits.cpu_base), ("cpu_per_row", &mut limits.cpu_per_row), ("wall", &mut limits.wall)]
    {
        if let Some((node, at)) = fields.get(key) {
            let duration = reader.parsed(node, &at, DURATION, |text| {
                parse_duration(text).filter(|duration| key == "cpu_per_row" || !duration.is_zero())
            });
            *place = duration.unwrap_or(*place);
        }
    }
    limits
}

fn rows_and_bytes(reader: &mut Reader<'_>, node: &Node, at: &str, rows: usize, bytes: usize) -> Option<(usize, usize)> {
    let mapping = need("a mapping with rows and bytes", "{ rows: 8192, bytes: 4MiB }");
    let fields = reader.fields(node, at, mapping, &["rows", "bytes"])?;
    let rows = fields.get("rows").map_or(Some(rows), |(node, at)| {
        let need = need("a number of rows from 1 to 10000000", "rows: 8192");
        reader.parsed(node, &at, need, |text| text.parse().ok().filter(|rows| (1..=10_000_000).contains(rows)))
    });
    let bytes = fields.get("bytes").map_or(Some(bytes), |(node, at)| {
        let need = need("a size from 1KiB to 1GiB", "bytes: 4MiB");
        reader.parsed(node, &at, need, |text| {
            let size = parse_size(text).filter(|size| (1 << 10..=1 << 30).contains(size))?;
            usize::try_from(size).ok()
        })
    });
    Some((rows?, bytes?))
}

fn parallel(reader: &mut Reader<'_>, node: &Node, at: &str) {
    let need = need("the number 1", "parallel: 1");
    let lanes = reader.parsed(node, at, need, |text| text.parse::<u32>().ok().filter(|lanes| *lanes > 0));
    if lanes.is_some_and(|lanes| lanes > 1) {
        reader.later(at, "parallel above 1", "leave the key out, or write 1");
    }
}
