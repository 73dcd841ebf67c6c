//! `state`: the folder of the aggregates, looked at, written into a savepoint, read from one.

use rowmill_run::Error;
use serde::Serialize;

use super::pipeline::Opened;
use super::report;
use crate::args::State;
use crate::diagnostics::Exit;
use crate::environment::state_root;

impl Opened {
    /// `rowmill state`.
    pub(super) async fn state(&self, command: State) -> Exit {
        let name = &self.pipeline.name;
        match command {
            State::List { json } => {
                let listing = rowmill_run::state_list(&self.pipeline, state_root().as_deref()).await;
                self.told(listing, json, |listing| report::state(name, listing))
            }
            State::Export { dir, json } => {
                let savepoint = rowmill_run::state_export(&self.pipeline, state_root().as_deref(), &dir).await;
                self.told(savepoint, json, |savepoint| {
                    let wrote = report::savepoint("the state of", name, "was written into", savepoint);
                    format!("{wrote}\nmove the folder, then: rowmill state FILE import DIR")
                })
            }
            State::Import { dir, json } => {
                let savepoint = rowmill_run::state_import(&self.pipeline, state_root().as_deref(), &dir).await;
                self.told(savepoint, json, |savepoint| {
                    let read = report::savepoint("the state of", name, "was read into", savepoint);
                    format!("{read}\n`rowmill run` goes on from it")
                })
            }
        }
    }

    fn told<T: Serialize>(&self, result: Result<T, Error>, json: bool, text: impl FnOnce(&T) -> String) -> Exit {
        match result {
            Ok(value) if json => report::json(&value),
            Ok(value) => report::print(&text(&value)),
            Err(error) => self.failed(error),
        }
    }
}
