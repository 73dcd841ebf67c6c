//! What stderr is, and how log lines get there without tearing the live line.
//!
//! Log lines and the live line share stderr. Both go through one [`MultiProgress`]: before a log
//! line is written, the live lines are taken away, and drawn again after it.

use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{EnvFilter, fmt};

use crate::args::{Color, Common, LogFormat};
use crate::output::Form;
use crate::{log, output};

/// What was decided about stderr, once.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    /// Whether to use colors.
    pub(crate) color: bool,
    /// Whether live lines are shown: a terminal, text, not quiet.
    pub(crate) live: bool,
    /// Where live lines are drawn.
    pub(crate) lines: MultiProgress,
}

impl Terminal {
    /// Decides, and sets up logging for the process. `RUST_LOG` wins over `-q` and `-v`.
    pub(crate) fn new(common: &Common) -> Self {
        #[allow(clippy::disallowed_methods, reason = "asked, not written to")]
        let terminal = io::stderr().is_terminal();
        let color = match common.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && wanted(),
        };
        let live = terminal && !dumb() && !common.quiet && common.log == LogFormat::Text;
        let target = if live { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
        let this = Self { color, live, lines: MultiProgress::with_draw_target(target) };
        this.log(common);
        this
    }

    fn log(&self, common: &Common) {
        // Dependencies speak up only when asked twice; ours at the usual level: a target stands for all that begin with it.
        let level = match (common.quiet, common.verbose) {
            (true, _) => "warn",
            (false, 0) => "warn,rowmill=info",
            (false, 1) => "info,rowmill=debug",
            (false, _) => "debug,rowmill=trace",
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        let form = match common.log {
            LogFormat::Text => Form::text(self.color),
            LogFormat::Json => Form::Json,
        };
        let builder = fmt().with_env_filter(filter).with_writer(Lines(self.lines.clone(), form));
        // A second subscriber can only be set by a test, which keeps the first.
        let _ = match common.log {
            LogFormat::Text => {
                let builder = builder.fmt_fields(log::fields()).with_ansi(self.color);
                builder.with_target(common.verbose > 0).try_init()
            }
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
    }
}

/// Whether to use colors on stdout or stderr before anybody can have said so on the command line.
pub(crate) fn colored_by_default(stderr: bool) -> bool {
    #[allow(clippy::disallowed_methods, reason = "asked, not written to")]
    let terminal = if stderr { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    terminal && wanted() && !dumb()
}

/// <https://no-color.org>
fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Makes writers that step in front of the live lines.
struct Lines(MultiProgress, Form);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone(), self.1)
    }
}

/// Writes one log line; the formatter hands it over in one piece.
struct Line(MultiProgress, Form);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| output::record(bytes, self.1)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
