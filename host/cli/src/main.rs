//! The rowmill command line: parse, call, report.

mod args;
mod commands;
mod diagnostics;
mod environment;
mod live;
mod log;
mod metrics;
mod output;
mod signal;
mod template;
mod terminal;
mod udf;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;
use crate::diagnostics::Diagnostics;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    if environment::is_compile_worker() {
        return rowmill_wasm::compile_worker();
    }
    let args = Args::parse();
    let terminal = Terminal::new(&args.common);
    let diagnostics = Diagnostics::new(args.common.log, terminal.color);
    commands::run(args, terminal, diagnostics).into()
}
