//! From a parsed command line to the call that does the work.

use rowmill_flow::problem::{Fault, Problem};

use crate::args::{Args, Command};
use crate::diagnostics::{Diagnostics, Exit};
use crate::terminal::Terminal;
use crate::udf;

/// Runs the command on a runtime of its own and prints what went wrong.
pub(crate) fn run(args: Args, _terminal: Terminal, diagnostics: Diagnostics) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let problem = Problem::new(Fault::Internal, "the runtime can't be started").found(error.to_string());
            diagnostics.print(None, &[problem]);
            return Exit::Stopped;
        }
    };
    runtime.block_on(async {
        match args.command {
            Command::Udf(command) => match udf::udf(command).await {
                Ok(exit) => exit,
                Err(problems) => {
                    diagnostics.print(None, &problems);
                    Exit::before_start(&problems)
                }
            },
            Command::Check { file } | Command::Plan { file, .. } => match rowmill_flow::file::load(&file) {
                Ok(_) => Exit::Done,
                Err(refused) => {
                    diagnostics.print(Some(&refused.document), &refused.problems);
                    Exit::before_start(&refused.problems)
                }
            },
            _ => {
                diagnostics.print(None, &[Problem::new(Fault::Internal, "this command is not wired yet")]);
                Exit::Stopped
            }
        }
    })
}
