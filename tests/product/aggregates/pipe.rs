//! One of several pipelines of a workspace.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{Outcome, Running, Workspace};

/// A pipeline with a file, a log and a row of progress of its own.
pub(crate) struct Pipe<'w, 's> {
    pub(crate) workspace: &'w Workspace<'s>,
    pub(crate) name: String,
    /// In place of the workspace's own source.
    source: Option<String>,
}

impl<'w, 's> Pipe<'w, 's> {
    /// The file is yet to be written.
    pub(crate) fn new(workspace: &'w Workspace<'s>, name: &str) -> Pipe<'w, 's> {
        Pipe { workspace, name: name.to_owned(), source: None }
    }

    /// Reads from another server.
    pub(crate) fn reading(mut self, url: String) -> Pipe<'w, 's> {
        self.source = Some(url);
        self
    }

    fn file(&self) -> String {
        format!("{}.yaml", self.name)
    }

    /// Writes the file: table `table` of the source into a table named like the pipeline; `rest`: steps, sizes, limits.
    pub(crate) fn write(&self, table: &str, rest: &str) {
        self.write_with_source(&format!("url: \"${{SOURCE}}\", tables: [{table}]"), rest);
    }

    /// The same with other settings of the source.
    pub(crate) fn write_with_source(&self, source: &str, rest: &str) {
        let name = &self.name;
        let text = format!(
            "pipeline: {name}\nsource: {{ {source} }}\nsink: {{ url: \"${{TARGET}}\", table: {name}, meta: \"${{META}}\" }}\n{rest}\n"
        );
        std::fs::write(self.workspace.folder.path().join(self.file()), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.workspace.rowmill(args);
        if let Some(source) = &self.source {
            command.env("SOURCE", source);
        }
        command
    }

    /// `rowmill COMMAND FILE …`, to its end.
    pub(crate) fn call(&self, command: &str, more: &[&str]) -> Outcome {
        let file = self.file();
        let args = [&[command, &file][..], more].concat();
        Outcome::of(self.command(&args).output().expect("the rowmill binary runs"))
    }

    /// `rowmill run --until-caught-up …`.
    pub(crate) fn run(&self, more: &[&str]) -> Outcome {
        self.call("run", &[&["--until-caught-up", "--color", "never"][..], more].concat())
    }

    /// The same, which must succeed.
    #[track_caller]
    pub(crate) fn catch_up(&self) -> Outcome {
        let outcome = self.run(&[]);
        assert_eq!(outcome.code, 0, "{}: {}\nearlier:\n{}", self.name, outcome.stderr, self.log_text());
        outcome
    }

    /// `rowmill run` in the background.
    pub(crate) fn start(&self) -> Running {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command(&["run", &self.file(), "--color", "never"]);
        command.stdout(Stdio::null()).stderr(log);
        Running { child: command.spawn().expect("the rowmill binary runs") }
    }

    fn log(&self) -> PathBuf {
        self.workspace.folder.path().join(format!("{}.log", self.name))
    }

    /// What background processes wrote.
    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Waits for `condition`, or panics with the background log.
    pub(crate) fn wait(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = std::time::Instant::now() + crate::harness::DEADLINE;
        while !condition() {
            assert!(std::time::Instant::now() < deadline, "{}: no {what} in time\n{}", self.name, self.log_text());
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
    }

    /// Commits so far.
    pub(crate) fn commits(&self) -> u64 {
        // Other pipelines have rows in the same table.
        let sql = format!("CAST(MAX(IF(pipeline = '{}', commits, 0)) AS UNSIGNED)", self.name);
        self.workspace.progress(&sql).parse().unwrap_or(0)
    }

    /// `rowmill status --json`.
    pub(crate) fn status(&self) -> serde_json::Value {
        let outcome = self.call("status", &["--json"]);
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
    }

    /// `rowmill verify` must say equal.
    #[track_caller]
    pub(crate) fn verify(&self) {
        let outcome = self.call("verify", &[]);
        assert_eq!(outcome.code, 0, "{}: {}{}\n{}", self.name, outcome.stdout, outcome.stderr, self.log_text());
    }
}

/// SIGTERM, without waiting.
pub(crate) fn terminate(running: &Running) {
    Command::new("kill").arg("-TERM").arg(running.child.id().to_string()).status().unwrap();
}

/// The parts must be in what the process said.
#[track_caller]
pub(crate) fn expect(outcome: &Outcome, code: i32, parts: &[&str]) {
    assert_eq!(outcome.code, code, "{}{}", outcome.stdout, outcome.stderr);
    for part in parts {
        assert!(outcome.stderr.contains(part), "no {part:?} in\n{}", outcome.stderr);
    }
}
