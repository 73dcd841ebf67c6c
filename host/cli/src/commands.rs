//! From a parsed command line to the call that does the work.

#[cfg(feature = "demo")]
mod demo;
mod pipeline;
mod report;
mod state;

use rowmill_plan::problem::{Fault, Problem};
use rowmill_run::Rebuild;

use crate::args::{Args, Command};
use crate::diagnostics::{Diagnostics, Exit};
use crate::terminal::Terminal;
use crate::{signal, udf};
use pipeline::{How, Opened};

/// Runs the command on a runtime of its own and prints what went wrong.
pub(crate) fn run(args: Args, terminal: Terminal, diagnostics: Diagnostics) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let problem = Problem::new(Fault::Internal, "the runtime can't be started").found(error.to_string());
            diagnostics.print(None, &[problem]);
            return Exit::Stopped;
        }
    };
    let exit = runtime.block_on(dispatch(args, &terminal, diagnostics)).unwrap_or_else(|exit| exit);
    // What is still running on its threads was given up, and nobody waits for it.
    runtime.shutdown_background();
    exit
}

async fn dispatch(args: Args, terminal: &Terminal, diagnostics: Diagnostics) -> Result<Exit, Exit> {
    let open = |file: &std::path::Path| Opened::read(file, diagnostics);
    if !args.command.ends_by_itself() {
        signal::end_at_once();
    }
    Ok(match args.command {
        Command::Run { file, until_caught_up, rebuild, delete_extra } => {
            let rebuild = rebuild.then_some(Rebuild { delete_extra });
            open(&file)?.run(How { until_caught_up, rebuild }, &args.common, terminal).await
        }
        Command::Check { file } => open(&file)?.check().await,
        Command::Plan { file, json } => open(&file)?.plan(json).await,
        Command::Status { file, json } => open(&file)?.status(json).await,
        Command::Verify { file, json } => open(&file)?.verify(json).await,
        Command::State { file, command } => open(&file)?.state(command).await,
        Command::Reset { file, drop_target, yes } => open(&file)?.reset(drop_target, yes).await,
        #[cfg(feature = "demo")]
        Command::Demo { seconds, server } => demo::demo(server.map(Into::into), seconds, terminal).await,
        Command::Udf(command) => match udf::udf(command).await {
            Ok(exit) => exit,
            Err(problems) => {
                diagnostics.print(None, &problems);
                Exit::before_start(&problems)
            }
        },
    })
}
