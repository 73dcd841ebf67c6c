//! The command line: what can be typed, what it means, and the help that teaches it.
//!
//! Only parsing happens here. What a later version brings (aggregates, other languages) is not
//! offered; a value that people will try anyway is refused by name.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use rowmill_flow::plan::Limits;
use rowmill_flow::units::{parse_duration, parse_size};

const EXAMPLES: &str = "\
Examples:
  rowmill demo                          everything in two minutes, with a server of its own
  rowmill check orders.yaml             what would stop a run, all problems at once
  rowmill run orders.yaml               until Ctrl-C; starts again where it stopped
  rowmill verify orders.yaml            is the target what the source and the steps say?
  rowmill udf new price --lang rust     a component to begin with

Exit codes:
  0  done
  1  the pipeline stopped on an error that a retry can't mend
  2  usage or file error
  3  a server could not be reached or fails preflight
  4  verify found differences";

/// MySQL-to-MySQL dataflows whose logic runs in sandboxed Wasm components.
///
/// A pipeline file names tables to read, steps and a table to write. rowmill copies the rows,
/// then follows every change, and writes the result exactly once.
#[derive(Debug, Parser)]
#[command(name = "rowmill", version, arg_required_else_help = true, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Args {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) common: Common,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// How to write log lines and problems, on stderr.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log: LogFormat,
    /// Only warnings and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// More log lines; twice: still more.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Serve Prometheus metrics at http://ADDR/metrics. A port alone listens on 127.0.0.1 only.
    #[arg(long, global = true, value_name = "ADDR", value_parser = metrics_address)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Colors and the live line: auto is yes on a terminal unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// When to use colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Also into a file.
    Always,
    /// Not at all.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a pipeline until Ctrl-C (SIGINT) or SIGTERM; it then finishes the epoch and exits 0.
    #[command(
        after_help = "Examples:\n  rowmill run orders.yaml\n  rowmill run orders.yaml --until-caught-up && rowmill verify orders.yaml\n  rowmill run orders.yaml --log json --metrics 9400"
    )]
    Run {
        /// The pipeline file (YAML).
        file: PathBuf,
        /// Exit 0 when everything that the source had at the start is committed in the target.
        #[arg(long)]
        until_caught_up: bool,
    },
    /// Check everything that `run` checks before it moves a row, and report all problems at once.
    Check {
        /// The pipeline file (YAML).
        file: PathBuf,
    },
    /// Show the plan: per step its columns in and out, function, component digest, limits.
    Plan {
        /// The pipeline file (YAML).
        file: PathBuf,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Show how far a pipeline is, from the progress table in its target.
    Status {
        /// The pipeline file (YAML).
        file: PathBuf,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Compute the target anew from a consistent snapshot of the source and compare; exit 4 if they differ.
    ///
    /// Works while the pipeline runs, without holding it up, and when it is stopped.
    Verify {
        /// The pipeline file (YAML).
        file: PathBuf,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Forget the progress of a pipeline, so that its next run starts anew.
    Reset {
        /// The pipeline file (YAML).
        file: PathBuf,
        /// Also drop the target table.
        #[arg(long)]
        drop_target: bool,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
    /// Look into components, try them on a file, begin a new one.
    #[command(subcommand, arg_required_else_help = true)]
    Udf(Udf),
    /// Start a private server with a busy shop, run the pipelines of examples/ on it, verify, clean up.
    Demo {
        /// How long the shop keeps changing.
        #[arg(long, value_name = "N", default_value_t = 20)]
        seconds: u64,
        /// On which server; MySQL if it is installed, else MariaDB.
        #[arg(long, value_name = "KIND")]
        server: Option<ServerKind>,
    },
}

/// A product of database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServerKind {
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

impl From<ServerKind> for rowmill_devserver::Kind {
    fn from(kind: ServerKind) -> Self {
        match kind {
            ServerKind::Mysql => Self::MySql,
            ServerKind::Mariadb => Self::MariaDb,
        }
    }
}

/// Work on components.
#[derive(Debug, Subcommand)]
pub(crate) enum Udf {
    /// Show a component: digest, size, interface version, functions with types and docs, imports.
    #[command(after_help = "Examples:\n  rowmill udf inspect ./price.wasm\n  rowmill udf inspect std/text --json")]
    Inspect {
        /// A component file, or a built-in one such as std/text.
        wasm: String,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Run a function on the rows of a file, under the limits that a pipeline would set.
    ///
    /// Results are JSON lines on stdout; what they cost (ns/row, CPU, peak memory) is on stderr.
    /// Columns get their types from the values; `price:decimal(10,2)` in --args names another.
    #[command(
        after_help = "Examples:\n  rowmill udf run ./price.wasm#total --input orders.jsonl --args price,qty\n  rowmill udf run std/text#trim --input people.csv --args name\n  rowmill udf run std/sql#filter --input orders.csv --config '{\"where\": \"qty > 3\"}'\n  rowmill udf run ./fx.wasm#convert --input o.csv --args 'price:decimal(10,2),=\"EUR\"' --limits wall=1s"
    )]
    Run {
        /// Component and function: ./price.wasm#total, std/text#trim.
        #[arg(value_name = "WASM#FN")]
        function: String,
        /// Rows: .jsonl (an object per line) or .csv (names in the first line; empty is NULL).
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// The function's configuration: a JSON object.
        #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json_object)]
        config: serde_json::Value,
        /// Arguments, separated by commas: a column, column:type, or =JSON for a literal [default: all columns].
        #[arg(long, value_name = "LIST", value_parser = arguments)]
        args: Option<Arguments>,
        /// Limits other than the defaults: memory=64MiB,cpu_base=100ms,cpu_per_row=50us,wall=5s,output=64MiB.
        #[arg(long, value_name = "LIST", default_value = "", value_parser = limits, hide_default_value = true)]
        limits: Limits,
        /// Rows per call.
        #[arg(long, value_name = "ROWS", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        batch: u32,
    },
    /// Write a project for a new component, one that builds and passes its own test.
    #[command(
        after_help = "Examples:\n  rowmill udf new price --lang rust\n  rowmill udf new keep_big --lang rust --kind filter"
    )]
    New {
        /// The component's name; also that of the folder.
        #[arg(value_parser = project_name)]
        name: String,
        /// The language.
        #[arg(long, value_parser = language)]
        lang: Language,
        /// What the function does: scalar (n rows in, n values out), filter (n bits out) or table (rows out).
        #[arg(long, default_value = "scalar", value_parser = kind)]
        kind: Kind,
    },
}

/// A language that components can be begun in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// With the SDK of this repository.
    Rust,
}

/// What a new component's function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// n rows in, n values out.
    Scalar,
    /// n rows in, n bits out.
    Filter,
    /// One row in, any number out.
    Table,
}

impl Kind {
    /// The word in the interface.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Filter => "filter",
            Self::Table => "table",
        }
    }
}

/// The arguments of `udf run`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arguments(pub(crate) Vec<Argument>);

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    /// A column of the file, and its type if not the one that its values suggest.
    Column { name: String, data_type: Option<arrow_schema::DataType> },
    /// A constant.
    Literal(serde_json::Value),
}

/// `9400` or `127.0.0.1:9400`.
fn metrics_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| "needed a port such as 9400, or an address such as 127.0.0.1:9400".to_owned())
}

fn json_object(text: &str) -> Result<serde_json::Value, String> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("needed a JSON object: {error}"))?;
    if value.is_object() { Ok(value) } else { Err("needed a JSON object such as {\"threshold\": 0.9}".to_owned()) }
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "rust" => Ok(Language::Rust),
        "c" | "go" | "python" | "js" => Err(format!("{text} is not supported in this version; needed rust")),
        _ => Err("needed rust".to_owned()),
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "scalar" => Ok(Kind::Scalar),
        "filter" => Ok(Kind::Filter),
        "table" => Ok(Kind::Table),
        "aggregate" => Err("aggregate is not supported in this version; needed scalar, filter or table".to_owned()),
        _ => Err("needed scalar, filter or table".to_owned()),
    }
}

fn project_name(text: &str) -> Result<String, String> {
    let valid = (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if valid {
        Ok(text.to_owned())
    } else {
        Err("needed 1 to 64 of a-z, 0-9, - and _, beginning with a letter".to_owned())
    }
}

/// Splits at commas that stand outside of parentheses, braces, brackets and JSON strings.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted, mut escaped) = (Vec::new(), 0, 0i32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

fn arguments(text: &str) -> Result<Arguments, String> {
    if text.trim().is_empty() {
        return Ok(Arguments(Vec::new()));
    }
    split(text).into_iter().map(argument).collect::<Result<_, _>>().map(Arguments)
}

fn argument(text: &str) -> Result<Argument, String> {
    if let Some(json) = text.strip_prefix('=') {
        let value: serde_json::Value = serde_json::from_str(json)
            .map_err(|error| format!("{json:?} is no JSON literal: {error}; a text is written =\"text\""))?;
        return if value.is_array() || value.is_object() {
            Err(format!("{json:?} is no literal; needed a number, a text, true, false or null"))
        } else {
            Ok(Argument::Literal(value))
        };
    }
    let (name, data_type) = match text.split_once(':') {
        None => (text, None),
        Some((name, data_type)) => {
            let parsed = rowmill_flow::type_name::parse(data_type).ok_or_else(|| {
                let names = rowmill_flow::type_name::NAMES.join(", ");
                format!("no such type: {data_type}; needed one of {names}")
            })?;
            (name, Some(parsed))
        }
    };
    if name.is_empty() {
        return Err("an empty column name; needed a list such as price,qty".to_owned());
    }
    Ok(Argument::Column { name: name.to_owned(), data_type })
}

fn limits(text: &str) -> Result<Limits, String> {
    let mut limits = Limits::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("found {part:?}, needed for example memory=64MiB"))?;
        let size = || {
            parse_size(value)
                .filter(|size| *size > 0)
                .ok_or_else(|| format!("{key} is {value:?}, needed a size such as 64MiB"))
        };
        let duration =
            || parse_duration(value).ok_or_else(|| format!("{key} is {value:?}, needed a duration such as 100ms"));
        match key {
            "memory" => limits.memory = size()?,
            "output" => limits.output = size()?,
            "cpu_base" => limits.cpu_base = duration()?,
            "cpu_per_row" => limits.cpu_per_row = duration()?,
            "wall" => limits.wall = duration()?,
            _ => {
                return Err(format!("no such limit: {key}; needed memory, cpu_base, cpu_per_row, wall or output"));
            }
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("rowmill").chain(line.split(' ')))
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn commands_of_the_interface_parse() {
        for line in [
            "run p.yaml",
            "run p.yaml --until-caught-up --log json -q --metrics 9400",
            "check p.yaml -vv --color never",
            "plan p.yaml --json",
            "status p.yaml --json",
            "verify p.yaml --json",
            "reset p.yaml --drop-target --yes",
            "udf inspect x.wasm --json",
            "udf run x.wasm#f --input rows.jsonl --args a,b --limits wall=1s,memory=1MiB",
            "udf new price --lang rust --kind table",
            "demo --seconds 5",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn what_comes_later_is_not_offered() {
        for (line, text) in [
            ("run p.yaml --rebuild", "unexpected argument '--rebuild'"),
            ("serve", "unrecognized subcommand 'serve'"),
            ("udf new x --lang go", "go is not supported in this version; needed rust"),
            ("udf new x --lang rust --kind aggregate", "aggregate is not supported in this version"),
            ("udf new X --lang rust", "beginning with a letter"),
            ("udf run x --input y --limits wall=5", "needed a duration such as 100ms"),
            ("udf run x --input y --limits fuel=5", "no such limit: fuel"),
            ("udf run x --input y --args a:double", "no such type: double"),
            ("run p.yaml --metrics here", "needed a port such as 9400"),
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(text), "{line}: {error}");
        }
    }

    #[test]
    fn a_port_alone_is_loopback() {
        assert_eq!(metrics_address("9400"), Ok(([127, 0, 0, 1], 9400).into()));
        assert_eq!(metrics_address(":9400"), Ok(([127, 0, 0, 1], 9400).into()));
        assert_eq!(metrics_address("0.0.0.0:80"), Ok(([0, 0, 0, 0], 80).into()));
    }

    #[test]
    fn arguments_are_columns_types_and_literals() {
        let list = arguments("price:decimal(10,2), qty,=\"a,b\",=3").expect("a list");
        assert_eq!(
            list.0,
            [
                Argument::Column {
                    name: "price".to_owned(),
                    data_type: Some(arrow_schema::DataType::Decimal128(10, 2))
                },
                Argument::Column { name: "qty".to_owned(), data_type: None },
                Argument::Literal("a,b".into()),
                Argument::Literal(3.into()),
            ]
        );
    }

    /// The first screen: what a newcomer reads. Wrapped by `max_term_width`.
    #[test]
    fn help_teaches() {
        let help = Args::command().term_width(100).render_help().to_string();
        let expected = include_str!("help.txt");
        if help != expected && std::env::var_os("ROWMILL_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/help.txt");
            std::fs::write(path, &help).expect("written");
            return;
        }
        assert_eq!(help, expected, "run the test with ROWMILL_BLESS=1 to accept");
    }
}
