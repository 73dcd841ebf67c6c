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
    let done = runtime.block_on(async {
        match args.command {
            Command::Udf(command) => udf::udf(command).await.map_err(|problems| (None, problems)),
            Command::Demo { .. } => Err((None, vec![not_wired()])),
            Command::Run { file, .. }
            | Command::Check { file }
            | Command::Plan { file, .. }
            | Command::Status { file, .. }
            | Command::Verify { file, .. }
            | Command::Reset { file, .. } => match rowmill_flow::file::load(&file) {
                Ok(loaded) => Err((Some(loaded.document), vec![not_wired()])),
                Err(refused) => Err((Some(refused.document), refused.problems)),
            },
        }
    });
    done.unwrap_or_else(|(document, problems)| {
        diagnostics.print(document.as_ref(), &problems);
        Exit::before_start(&problems)
    })
}

/// Goes when the last command has its function.
fn not_wired() -> Problem {
    Problem::new(Fault::Internal, "this command is not wired to the runtime yet")
}
