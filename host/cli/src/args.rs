//! The command line: what can be typed, what it means, and the help that teaches it.
//!
//! Only parsing happens here. What a later version brings (other languages) is not offered; a
//! value that people will try anyway is refused by name.

mod values;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

pub(crate) use values::{Argument, Arguments, Columns, RunLimits};
use values::{arguments, columns, json_object, kind, language, limits, metrics_address, project_name};

const EXAMPLES: &str = "\
Examples:
  rowmill check orders.yaml             what would stop a run: all problems that show
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
#[command(name = "rowmill", bin_name = "rowmill", version, arg_required_else_help = true, after_help = EXAMPLES)]
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
        after_help = "Examples:\n  rowmill run orders.yaml\n  rowmill run orders.yaml --until-caught-up && rowmill verify orders.yaml\n  rowmill run orders.yaml --log json --metrics 9400\n  rowmill run totals.yaml --rebuild"
    )]
    Run {
        /// The pipeline file (YAML).
        file: PathBuf,
        /// Exit 0 when everything that the source had at the start is committed in the target.
        #[arg(long)]
        until_caught_up: bool,
        /// Read the source anew and reconcile the target with it; the way out when progress, state or target
        /// are lost, damaged or of another plan.
        ///
        /// Reads a new snapshot, writes every row that it gives, and deletes the rows that it does not give
        /// from tables that the pipeline created. In other tables, and under `existing: keep`, such rows
        /// are left and counted. Readers of the target see old rows until then. A rebuild that is
        /// interrupted is begun anew by the next run.
        #[arg(long)]
        rebuild: bool,
        /// With --rebuild: delete rows that the source does not give from every target, whoever wrote them.
        #[arg(long, requires = "rebuild")]
        delete_extra: bool,
    },
    /// Check everything that `run` checks before it moves a row, and report the problems together.
    Check {
        /// The pipeline file (YAML).
        file: PathBuf,
    },
    /// Show the plan: per step its columns in and out, function, component digest, limits, state.
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
    /// Look at the state of the aggregates, or move it: list, export DIR, import DIR.
    ///
    /// The accumulators of all groups lie in the pipeline's state folder: `state:` in its file, else
    /// ~/.local/state/rowmill/NAME/state. The pipeline must be stopped.
    #[command(
        arg_required_else_help = true,
        after_help = "Examples:\n  rowmill state totals.yaml list\n  rowmill state totals.yaml export /backup/totals     on the old machine, the pipeline stopped\n  rowmill state totals.yaml import /backup/totals     on the new one; `rowmill run` then goes on\n\nA savepoint goes with the target's progress that it was made with. A state that is lost can be made\nanew from the source at any time: rowmill run FILE --rebuild"
    )]
    State {
        /// The pipeline file (YAML).
        file: PathBuf,
        /// What to do with it.
        #[command(subcommand)]
        command: State,
    },
    /// Forget the progress of a pipeline and the state of its aggregates, so that its next run starts anew.
    ///
    /// The rows of the target stay, and the next run refuses a target that holds rows, unless --drop-target
    /// drops it or `rowmill run FILE --rebuild` reconciles it. A process that is still running stops at its
    /// next commit. Works whatever is left of the progress.
    Reset {
        /// The pipeline file (YAML).
        file: PathBuf,
        /// Also drop the target tables, those that this pipeline created.
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
    #[cfg(feature = "demo")]
    Demo {
        /// How long the shop keeps changing.
        #[arg(long, value_name = "N", default_value_t = 20)]
        seconds: u64,
        /// On which server; MySQL if it is installed, else MariaDB.
        #[arg(long, value_name = "KIND")]
        server: Option<ServerKind>,
    },
}

impl Command {
    /// Whether it takes care of signals, since it has something to finish.
    pub(crate) fn ends_by_itself(&self) -> bool {
        match self {
            Command::Run { .. } => true,
            #[cfg(feature = "demo")]
            Command::Demo { .. } => true,
            _ => false,
        }
    }
}

/// What `state` does.
#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Show the state folder: its checkpoints, and how many entries each aggregate keeps.
    List {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Write the newest checkpoint into a new folder: a savepoint, which can be moved to another machine.
    Export {
        /// Where to; must be empty or missing.
        dir: PathBuf,
        /// Say what was written as JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Read a savepoint into the pipeline's state folder, which must be empty or missing.
    Import {
        /// A folder that `export` wrote.
        dir: PathBuf,
        /// Say what was read as JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

/// A product of database server.
#[cfg(feature = "demo")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServerKind {
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

#[cfg(feature = "demo")]
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
    /// An aggregate runs over all rows as one group, or by the columns of --by.
    #[command(
        after_help = "Examples:\n  rowmill udf run ./price.wasm#total --input orders.jsonl --args price,qty\n  rowmill udf run std/text#trim --input people.csv --args name\n  rowmill udf run std/sql#filter --input orders.csv --config '{\"where\": \"qty > 3\"}'\n  rowmill udf run std/stats#sum --input orders.csv --args 'price:decimal(10,2)' --by country\n  rowmill udf run ./fx.wasm#convert --input o.csv --args 'price:decimal(10,2),=\"EUR\"' --limits wall=1s"
    )]
    Run(Box<UdfRun>),
    /// Write a project for a new component, one that builds and passes its own test.
    #[command(
        after_help = "Examples:\n  rowmill udf new price --lang rust\n  rowmill udf new keep_big --lang rust --kind filter\n  rowmill udf new mean --lang rust --kind aggregate"
    )]
    New {
        /// The component's name; also that of the folder.
        #[arg(value_parser = project_name)]
        name: String,
        /// The language.
        #[arg(long, value_parser = language)]
        lang: Language,
        /// What the function does: scalar (n rows in, n values out), filter (n bits out), table (rows out)
        /// or aggregate (a value per group).
        #[arg(long, default_value = "scalar", value_parser = kind)]
        kind: Kind,
    },
}

/// What `udf run` runs, and on what.
#[derive(Debug, clap::Args)]
pub(crate) struct UdfRun {
    /// Component and function: ./price.wasm#total, std/text#trim.
    #[arg(value_name = "WASM#FN")]
    pub(crate) function: String,
    /// Rows: .jsonl (an object per line) or .csv (names in the first line; empty is NULL).
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The function's configuration: a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json_object)]
    pub(crate) config: serde_json::Value,
    /// Arguments, separated by commas: a column, column:type, or =JSON for a literal [default: all columns].
    #[arg(long, value_name = "LIST", value_parser = arguments)]
    pub(crate) args: Option<Arguments>,
    /// Columns that make a group, for an aggregate: country,status [default: one group of all rows].
    #[arg(long, value_name = "LIST", value_parser = columns)]
    pub(crate) by: Option<Columns>,
    /// Limits other than the defaults: memory=64MiB,cpu_base=100ms,cpu_per_row=50us,wall=5s,output=64MiB
    /// (memory=256MiB for aggregates).
    #[arg(long, value_name = "LIST", default_value = "", value_parser = limits, hide_default_value = true)]
    pub(crate) limits: RunLimits,
    /// Rows per call.
    #[arg(long, value_name = "ROWS", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) batch: u32,
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
    /// The rows of a group in, one value out.
    Aggregate,
}

impl Kind {
    /// The word in the interface.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Filter => "filter",
            Self::Table => "table",
            Self::Aggregate => "aggregate",
        }
    }
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
            "run p.yaml --rebuild",
            "run p.yaml --rebuild --delete-extra",
            "state p.yaml list --json",
            "state p.yaml export savepoint",
            "state p.yaml import savepoint --json",
            "check p.yaml -vv --color never",
            "plan p.yaml --json",
            "status p.yaml --json",
            "verify p.yaml --json",
            "reset p.yaml --drop-target --yes",
            "udf inspect x.wasm --json",
            "udf run x.wasm#f --input rows.jsonl --args a,b --limits wall=1s,memory=1MiB",
            "udf run x.wasm#f --input rows.csv --args a --by b,c",
            "udf new price --lang rust --kind table",
            "udf new price --lang rust --kind aggregate",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn what_comes_later_is_not_offered() {
        for (line, text) in [
            ("state p.yaml move", "unexpected argument 'move'"),
            ("state p.yaml export", "<DIR>"),
            ("state list", "<FILE>"),
            ("serve", "unrecognized subcommand 'serve'"),
            ("udf new x --lang go", "go is not supported in this version; needed rust"),
            ("udf new x --lang rust --kind window", "needed scalar, filter, table or aggregate"),
            ("udf run x --input y --by ,", "an empty column name"),
            ("udf new X --lang rust", "beginning with a letter"),
            ("udf run x --input y --limits wall=5", "needed a duration such as 100ms"),
            ("udf run x --input y --limits fuel=5", "no such limit: fuel"),
            ("udf run x --input y --args a:double", "no such type: double"),
            ("run p.yaml --metrics here", "needed a port such as 9400"),
            ("run p.yaml --delete-extra", "--rebuild"),
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(text), "{line}: {error}");
        }
    }

    #[cfg(feature = "demo")]
    #[test]
    fn the_demo_is_a_command() {
        assert!(parse("demo --seconds 5").is_ok());
    }

    /// The first screen: what a newcomer reads. Wrapped by `max_term_width`.
    #[test]
    fn help_teaches() {
        // Tests of the whole workspace have the demo, of this package alone don't.
        let help = Args::command().mut_subcommands(|command| {
            let is_demo = command.get_name() == "demo";
            command.hide(is_demo)
        });
        let help = help.term_width(100).render_help().to_string();
        let expected = include_str!("help.txt");
        if help != expected && std::env::var_os("ROWMILL_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/help.txt");
            std::fs::write(path, &help).expect("written");
            return;
        }
        assert_eq!(help, expected, "run the test with ROWMILL_BLESS=1 to accept");
    }
}
