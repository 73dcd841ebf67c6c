//! The rowmill command line: parse, call, report. A library, so that tests and benchmarks can have a binary of it too.

mod args;
mod commands;
mod diagnostics;
mod environment;
mod live;
mod log;
mod metrics;
mod output;
mod signal;
mod socket;
mod template;
mod terminal;
mod udf;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use clap::Parser as _;
use rowmill_foreign::Printable;

use crate::args::Args;
use crate::diagnostics::{Diagnostics, Exit};
use crate::output::Form;
use crate::terminal::Terminal;

/// The whole program.
pub fn main() -> ExitCode {
    if environment::is_compile_worker() {
        return rowmill_wasm::compile_worker();
    }
    std::panic::set_hook(Box::new(panicked));
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error).into(),
    };
    let terminal = Terminal::new(&args.common);
    let diagnostics = Diagnostics::new(args.common.log, terminal.color);
    commands::run(args, terminal, diagnostics).into()
}

/// Prints what clap says instead of arguments: help and the version, which were asked for, or what is wrong.
/// It quotes the arguments as they were given, so it goes through [`output`] like every foreign text.
fn usage(error: &clap::Error) -> Exit {
    let asked = !error.use_stderr();
    let color = terminal::colored_by_default(!asked);
    let text = if color { error.render().ansi().to_string() } else { error.render().to_string() };
    if asked {
        output::print(&text, Form::text(color));
        return Exit::Done;
    }
    output::report(&text, Form::text(color));
    Exit::Usage
}

/// Prints a panic on one line, since its message can hold whatever was at hand; with the backtrace if
/// `RUST_BACKTRACE` asks for it.
fn panicked(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let mut text = format!("panicked at {}: {}\n", Printable(&place), Printable(message));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        text.push_str(&backtrace.to_string());
    }
    output::report(&text, Form::Plain);
}
