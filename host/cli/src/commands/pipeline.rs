//! `run`, `check`, `plan`, `status`, `verify`, `reset`: commands on a pipeline file.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use rowmill_flow::file::Document;
use rowmill_flow::plan::Pipeline;
use rowmill_flow::problem::{Fault, Problem};
use rowmill_flow::status::Status;
use rowmill_flow::{Environment, Error, RunOptions};
use tokio::sync::watch;

use super::report;
use crate::args::Common;
use crate::diagnostics::{Diagnostics, Exit};
use crate::metrics::Metrics;
use crate::terminal::Terminal;
use crate::{environment, live, signal};

/// A pipeline file that was read, and where its problems are printed.
pub(super) struct Opened {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) document: Document,
    diagnostics: Diagnostics,
}

impl Opened {
    /// Reads the file; prints what is wrong with it.
    pub(super) fn read(file: &Path, diagnostics: Diagnostics) -> Result<Self, Exit> {
        match rowmill_flow::file::load(file) {
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
            error @ Error::Progress { .. } => self.refuse(vec![Problem::new(Fault::Configuration, chain(&error))]),
            Error::MySql(error) if unusable(&error) => self.refuse(vec![Problem::new(Fault::Server, chain(&error))]),
            error => {
                self.diagnostics.print(Some(&self.document), &[Problem::new(error.fault(), chain(&error))]);
                Exit::Stopped
            }
        }
    }

    /// `rowmill run`.
    pub(super) async fn run(&self, until_caught_up: bool, common: &Common, terminal: &Terminal) -> Exit {
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
        let (status, watcher) = watch::channel(Status::default());
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
        let options = RunOptions { until_caught_up, stop: signal::stop(), rebuild: false };
        let result = rowmill_flow::run(Arc::clone(&self.pipeline), environment, options, status).await;
        let _ = shown.await;
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
        match rowmill_flow::check(&self.pipeline, &environment).await {
            Ok(plan) => report::print(&format!(
                "pipeline {} can run: {} table{}, {} step{}",
                plan.pipeline,
                plan.tables.len(),
                plural(plan.tables.len()),
                self.pipeline.steps.len(),
                plural(self.pipeline.steps.len())
            )),
            Err(error) => self.failed(error),
        }
    }

    /// `rowmill plan`.
    pub(super) async fn plan(&self, json: bool) -> Exit {
        let environment = match self.environment() {
            Ok(environment) => environment,
            Err(exit) => return exit,
        };
        match rowmill_flow::check(&self.pipeline, &environment).await {
            Ok(plan) if json => report::json(&plan),
            Ok(plan) => report::print(&report::plan(&plan)),
            Err(error) => self.failed(error),
        }
    }

    /// `rowmill status`.
    pub(super) async fn status(&self, json: bool) -> Exit {
        match rowmill_flow::stored_status(&self.pipeline).await {
            Ok(status) if json => report::json(&status),
            Ok(status) => report::print(&report::status(&status)),
            Err(error) => self.failed(error),
        }
    }

    /// `rowmill verify`.
    pub(super) async fn verify(&self, json: bool) -> Exit {
        let environment = match self.environment() {
            Ok(environment) => environment,
            Err(exit) => return exit,
        };
        match rowmill_flow::verify(&self.pipeline, &environment).await {
            Ok(found) => {
                let printed = if json { report::json(&found) } else { report::print(&report::verify(&found)) };
                if found.is_equal() { printed } else { Exit::Differs }
            }
            Err(error) => self.failed(error),
        }
    }

    /// `rowmill reset`.
    pub(super) async fn reset(&self, drop_target: bool, yes: bool) -> Exit {
        let what = match drop_target {
            true => "its progress and the target tables that it created",
            false => "its progress",
        };
        if !yes && !confirmed(&format!("Forget pipeline {}: {what}? [y/N] ", self.pipeline.name)) {
            return self.refuse(vec![Problem::configuration("nothing was forgotten").fix("answer y, or add --yes")]);
        }
        match rowmill_flow::reset(&self.pipeline, drop_target).await {
            Ok(reset) => {
                let mut lines = vec![match reset.found {
                    true => format!("the progress of pipeline {} is forgotten", self.pipeline.name),
                    false => format!("pipeline {} had no progress", self.pipeline.name),
                }];
                lines.extend(reset.dropped.iter().map(|table| format!("dropped {table}")));
                lines.extend(reset.kept.iter().map(|table| format!("kept {table}: rowmill did not create it")));
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

/// The error and its causes as one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

fn confirmed(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush());
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    matches!(answer.trim(), "y" | "Y" | "yes")
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
