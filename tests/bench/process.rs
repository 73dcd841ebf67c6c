//! `rowmill` as a process: how long it runs, and the memory that it holds.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rowmill_devserver::Server;
use tempfile::TempDir;

/// A folder with a pipeline file, and the addresses that the file speaks of.
pub(crate) struct Rowmill {
    program: PathBuf,
    folder: TempDir,
    source: String,
    target: String,
}

/// A run from its start to its end.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// MB.
    pub(crate) memory: f64,
}

/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(5);

impl Rowmill {
    /// Writes the file. Source and target are databases of one server.
    pub(crate) fn new(pipeline: &str, server: &Server, source: &str, target: &str) -> Rowmill {
        Rowmill::between(pipeline, &server.url(source), &server.url(target))
    }

    /// Writes the file. Source and target have these addresses.
    pub(crate) fn between(pipeline: &str, source: &str, target: &str) -> Rowmill {
        let folder = tempfile::Builder::new().prefix("rowmill-bench-").tempdir().unwrap();
        std::fs::write(folder.path().join("pipeline.yaml"), pipeline).unwrap();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_rowmill-measured"));
        Rowmill { program, folder, source: source.to_owned(), target: target.to_owned() }
    }

    /// The same by another build of the program.
    pub(crate) fn by(mut self, program: PathBuf) -> Rowmill {
        self.program = program;
        self
    }

    /// `rowmill` with these arguments; state and cache are in the folder, too.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("SOURCE", &self.source).env("TARGET", &self.target);
        command.env("XDG_STATE_HOME", self.folder.path().join("state"));
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        command.stderr(log);
        command
    }

    /// What the processes said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub(crate) fn catch_up(&self) -> Run {
        self.process(&["run", "pipeline.yaml", "--until-caught-up"])
    }

    /// Runs it to its end, which must be a good one.
    pub(crate) fn process(&self, args: &[&str]) -> Run {
        let start = Instant::now();
        let mut child = self.command(args).spawn().unwrap();
        let mut memory = 0.0;
        let status: ExitStatus = loop {
            // The peak only grows, so the last reading before the end is the peak up to then.
            memory = peak_memory(&child).unwrap_or(memory);
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => std::thread::sleep(LOOK),
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        assert!(status.success(), "{}", self.log());
        Run { seconds, memory }
    }

    /// Runs on until it is dropped.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running(self.command(args).spawn().unwrap())
    }
}

/// A process that ends with us, as `kill -9` ends it.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Most memory that it held so far, in MB.
    pub(crate) fn memory(&self) -> f64 {
        peak_memory(&self.0).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Most memory that a process held so far, in MB; none once it has ended.
fn peak_memory(child: &Child) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}
