//! `rowmill udf …`: work on components without a pipeline or a server.

mod aggregate;
mod inspect;
mod new;
mod open;
mod rows;
mod run;
mod value;

use rowmill_plan::problem::Problem;

use crate::args::Udf;
use crate::diagnostics::Exit;

/// Runs one of the commands. Results go to stdout, the rest to stderr.
pub(crate) async fn udf(command: Udf) -> Result<Exit, Vec<Problem>> {
    match command {
        Udf::Inspect { wasm, json } => inspect::inspect(&wasm, json).await,
        Udf::Run(call) => run::run(*call).await,
        Udf::New { name, lang, kind } => new::new(&std::env::current_dir().unwrap_or_default(), &name, lang, kind),
    }
    .map_err(|problem| vec![*problem])
}
