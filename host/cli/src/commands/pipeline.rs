//! `run`, `check`, `plan`, `status`, `verify`, `reset`: commands on a pipeline file. `state` has a file of its own.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rowmill_bind::Environment;
use rowmill_change::TableName;
use rowmill_foreign::Printable;
use rowmill_mysql::sink::{Kept, Why};
use rowmill_observe::Claim;
use rowmill_plan::Plan;
use rowmill_plan::problem::{Fault, Problem};
use rowmill_run::{Error, Rebuild, RunOptions};
use rowmill_yaml::Document;

use super::report;
use crate::args::Common;
use crate::diagnostics::{Diagnostics, Exit};
use crate::environment::state_root;
use crate::metrics::Metrics;
use crate::output::Form;
use crate::terminal::Terminal;
use crate::{environment, live, output, signal, socket};

/// A pipeline file that was read, and where its problems are printed.
pub(super) struct Opened {
    pub(super) pipeline: Arc<Plan>,
    pub(super) document: Document,
    diagnostics: Diagnostics,
}

/// How `run` was asked to run.
pub(super) struct How {
    pub(super) until_caught_up: bool,
    pub(super) rebuild: Option<Rebuild>,
}

impl Opened {
    /// Reads the file; prints what is wrong with it.
    pub(super) fn read(file: &Path, diagnostics: Diagnostics) -> Result<Self, Exit> {
        match rowmill_yaml::load(file) {
            Ok(loaded) => Ok(Self { pipeline: Arc::new(loaded.pipeline), document: loaded.document, diagnostics }),
            Err(refused) => {
                diagnostics.print(Some(&refused.document), &refused.problems);
                Err(Exit::before_start(&refused.problems))
            }
        }
    }

    fn environment(&self) -> Result<Environment, Exit> {
        environment::environment().map_err(|problem| self.refuse(vec![problem]))
    }

    fn refuse(&self, problems: Vec<Problem>) -> Exit {
        self.diagnostics.print(Some(&self.document), &problems);
        Exit::before_start(&problems)
    }

    /// Prints an error with its causes and answers the exit code.
    pub(super) fn failed(&self, error: Error) -> Exit {
        match error {
            Error::Plan(problems) => self.refuse(problems),
            Error::Progress { .. } => self.refuse(vec![error.problem()]),
            Error::MySql(ref cause) if unusable(cause) => {
                self.refuse(vec![Problem { fault: Fault::Server, ..error.problem() }])
            }
            error => {
                self.diagnostics.print(Some(&self.document), &[error.problem()]);
                Exit::Stopped
            }
        }
    }

    /// `rowmill run`.
    pub(super) async fn run(&self, how: How, common: &Common, terminal: &Terminal) -> Exit {
        let environment = match self.environment() {
            Ok(environment) => environment,
            Err(exit) => return exit,
        };
        let metrics = match common.metrics {
            None => None,
            Some(address) => match Metrics::listen(address).await {
                Ok(metrics) => Some(metrics),
                Err(problem) => return self.refuse(vec![problem]),
            },
        };
        let (handle, control) = rowmill_run::handle();
        let watcher = handle.watch();
        if let Some(metrics) = metrics {
            if let Some(address) = metrics.address() {
                tracing::info!("metrics at http://{address}/metrics");
            }
            tokio::spawn(metrics.serve(vec![watcher.clone()]));
        }
        let shown = {
            let terminal = terminal.clone();
            tokio::spawn(async move { live::show(&terminal, vec![watcher]).await })
        };
        let asked = tokio::spawn(socket::serve(Arc::clone(&self.pipeline), handle.clone()));
        let How { until_caught_up, rebuild } = how;
        signal::on_stop(move || handle.stop());
        let options = RunOptions { until_caught_up, rebuild };
        let result = rowmill_run::run(Arc::clone(&self.pipeline), environment, options, control).await;
        let _ = shown.await;
        // Its file goes with it.
        asked.abort();
        let _ = asked.await;
        match result {
            Ok(summary) => {
                tracing::info!(
                    rows_in = summary.rows_in,
                    rows_out = summary.rows_out,
                    rows_deleted = summary.rows_deleted,
                    skipped = summary.skipped,
                    epochs = summary.epochs,
                    "done"
                );
                Exit::Done
            }
            Err(error) => self.failed(error),
        }
    }

    /// `rowmill check`.
    pub(super) async fn check(&self) -> Exit {
        let environment = match self.environment() {
            Ok(environment) => environment,
            Err(exit) => return exit,
        };
        match rowmill_run::check(&self.pipeline, &environment).await {
            Ok(plan) => {
                self.diagnostics.warn(Some(&self.document), &plan.warnings);
                let steps = self.pipeline.steps().count();
                let counts = match plan.targets.len() {
                    0 => vec![(plan.tables.len(), "table")],
                    targets => vec![(plan.views.len(), "view"), (targets, "target")],
                };
                let counts = counts.into_iter().chain([(steps, "step")]);
                let counts: Vec<String> =
                    counts.map(|(count, of)| format!("{count} {of}{}", report::plural(count))).collect();
                report::print(&format!("pipeline {} can run: {}", plan.pipeline, counts.join(", ")))
            }
            Err(error) => self.failed(error),
        }
    }

    /// `rowmill plan`.
    pub(super) async fn plan(&self, json: bool) -> Exit {
        let environment = match self.environment() {
            Ok(environment) => environment,
            Err(exit) => return exit,
        };
        match rowmill_run::check(&self.pipeline, &environment).await {
            Ok(plan) if json => report::json(&plan),
            Ok(plan) => report::print(&report::plan(&plan)),
            Err(error) => self.failed(error),
        }
    }

    /// `rowmill status`.
    pub(super) async fn status(&self, json: bool) -> Exit {
        let status = match rowmill_run::stored_status(&self.pipeline).await {
            Ok(status) => status,
            Err(error) => return self.failed(error),
        };
        let running = match &status.progress {
            None => None,
            Some(progress) => {
                let claim = Claim { incarnation: progress.incarnation.clone(), fence: progress.fence };
                socket::running(&self.pipeline, &claim).await
            }
        };
        let folder = self.state_folder();
        match json {
            true => report::json(&report::status_json(&status, running.as_ref(), folder.as_deref())),
            false => report::print(&report::status(&status, running.as_ref(), folder.as_deref())),
        }
    }

    /// Where the state of the aggregates lies, if the plan has any and there is such a place.
    fn state_folder(&self) -> Option<PathBuf> {
        self.pipeline
            .has_aggregates()
            .then(|| rowmill_run::state_folder(&self.pipeline, state_root().as_deref()).ok())
            .flatten()
    }

    /// `rowmill verify`.
    pub(super) async fn verify(&self, json: bool) -> Exit {
        let environment = match self.environment() {
            Ok(environment) => environment,
            Err(exit) => return exit,
        };
        match rowmill_run::verify(&self.pipeline, &environment).await {
            Ok(found) => {
                let printed = if json { report::json(&found) } else { report::print(&report::verify(&found)) };
                if found.is_equal() { printed } else { Exit::Differs }
            }
            Err(error) => self.failed(error),
        }
    }

    /// `rowmill reset`.
    pub(super) async fn reset(&self, drop_target: bool, yes: bool) -> Exit {
        let state = self.state_folder();
        let what = match (drop_target, &state) {
            (true, None) => "its progress and the target tables that it created, with their rows",
            (false, None) => "its progress",
            (true, Some(_)) => {
                "its progress, the state of its aggregates and the target tables that it created, with their rows"
            }
            (false, Some(_)) => "its progress and the state of its aggregates",
        };
        let held = state.as_ref().is_some_and(|folder| folder.is_dir());
        if !yes && !confirmed(&format!("Forget pipeline {}: {what}? [y/N] ", self.pipeline.name)) {
            return self.refuse(vec![Problem::configuration("nothing was forgotten").fix("answer y, or add --yes")]);
        }
        match rowmill_run::reset(&self.pipeline, state_root().as_deref(), drop_target).await {
            Ok(reset) => {
                let mut lines = vec![match reset.found {
                    true => format!("the progress of pipeline {} is forgotten", self.pipeline.name),
                    false => format!("pipeline {} had no progress", self.pipeline.name),
                }];
                if let Some(folder) = state {
                    let folder = folder.display().to_string();
                    lines.push(match held {
                        true => format!("the state in {} is forgotten", Printable(&folder)),
                        false => format!("there was no state in {}", Printable(&folder)),
                    });
                }
                let shown = |table: &TableName| Printable(&table.to_string()).to_string();
                lines.extend(reset.dropped.iter().map(|table| format!("dropped {}", shown(table))));
                lines.extend(reset.kept.iter().map(|Kept { table, why }| {
                    let why = match why {
                        Why::NotCreated => "rowmill did not create it".to_owned(),
                        Why::Another(by) => format!("it was created for pipeline {}", Printable(by)),
                        Why::NotNamed => "this file names another target now".to_owned(),
                    };
                    let table = shown(table);
                    format!("kept {table} with its rows: {why}; if they are not wanted: DELETE FROM {table}")
                }));
                if !drop_target {
                    lines.push(
                        "the rows of the target stay; `rowmill reset FILE --drop-target` drops what the pipeline \
                         created, `rowmill run FILE --rebuild` reconciles it with the source"
                            .to_owned(),
                    );
                }
                if let Some(owner) = &reset.owner {
                    lines.push(format!(
                        "{}, the last to run it, stops at its next commit if it still runs",
                        Printable(owner)
                    ));
                }
                report::print(&lines.join("\n"))
            }
            Err(error) => self.failed(error),
        }
    }
}

/// The server, not what is in it, is in the way.
fn unusable(error: &rowmill_mysql::Error) -> bool {
    use rowmill_mysql::Error as E;
    matches!(
        error,
        E::Unreachable { .. }
            | E::Disconnected { .. }
            | E::AccessDenied { .. }
            | E::Tls { .. }
            | E::LockTimeout { .. }
            | E::Target { .. }
    )
}

fn confirmed(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    output::report(question, Form::Plain);
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    matches!(answer.trim(), "y" | "Y" | "yes")
}
