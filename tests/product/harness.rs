//! Servers, databases and rowmill processes for tests of the product from outside.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rowmill_devserver::{Kind, Server};
use tempfile::TempDir;

/// How long a condition may take. Generous: it is only reached when something is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// The servers that the product must work between.
pub(crate) const PAIRS: [Pair; 3] = [
    Pair { name: "mysql-mysql", source: Kind::MySql, target: Kind::MySql },
    Pair { name: "mariadb-mariadb", source: Kind::MariaDb, target: Kind::MariaDb },
    Pair { name: "mysql-mariadb", source: Kind::MySql, target: Kind::MariaDb },
];

/// Source and target products.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) source: Kind,
    pub(crate) target: Kind,
}

/// One server per product and test process, shared by tests that don't restart it. It ends with the process.
pub(crate) fn shared(kind: Kind) -> &'static Server {
    static MYSQL: OnceLock<Server> = OnceLock::new();
    static MARIADB: OnceLock<Server> = OnceLock::new();
    let cell = match kind {
        Kind::MySql => &MYSQL,
        Kind::MariaDb => &MARIADB,
    };
    cell.get_or_init(|| Server::start(kind).expect("a server for the tests"))
}

/// A source database, a target database, and a folder with a pipeline file.
pub(crate) struct Workspace<'s> {
    pub(crate) source: &'s Server,
    pub(crate) target: &'s Server,
    pub(crate) source_db: String,
    pub(crate) target_db: String,
    pub(crate) folder: TempDir,
    meta: String,
}

impl<'s> Workspace<'s> {
    /// Databases named after `name`, dropped first if they are there.
    pub(crate) fn new(source: &'s Server, target: &'s Server, name: &str) -> Workspace<'s> {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(50).collect();
        let (source_db, target_db, meta) = (format!("{name}_s"), format!("{name}_t"), format!("{name}_m"));
        source
            .sql(&format!("DROP DATABASE IF EXISTS `{source_db}`; CREATE DATABASE `{source_db}` CHARACTER SET utf8mb4"))
            .unwrap();
        let drop = |db: &str| format!("DROP DATABASE IF EXISTS `{db}`;");
        target
            .sql(&format!("{}{}CREATE DATABASE `{target_db}` CHARACTER SET utf8mb4", drop(&target_db), drop(&meta)))
            .unwrap();
        let folder = tempfile::Builder::new().prefix("rowmill-test-").tempdir().unwrap();
        Workspace { source, target, source_db, target_db, folder, meta }
    }

    /// The pipeline file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("pipeline.yaml")
    }

    pub(crate) fn write_pipeline(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    pub(crate) fn source_sql(&self, script: &str) -> String {
        self.source.sql(&format!("USE `{}`;\n{script}", self.source_db)).unwrap_or_else(|e| panic!("{e}\n{script}"))
    }

    pub(crate) fn target_sql(&self, script: &str) -> String {
        self.target.sql(&format!("USE `{}`;\n{script}", self.target_db)).unwrap_or_else(|e| panic!("{e}\n{script}"))
    }

    /// The schema of the progress tables.
    #[allow(dead_code, reason = "not every test program looks into it")]
    pub(crate) fn meta(&self) -> &str {
        &self.meta
    }

    /// A value of the stored progress; empty when there is none.
    pub(crate) fn progress(&self, expression: &str) -> String {
        let sql = format!("SELECT {expression} FROM `{}`.progress", self.meta);
        self.target.sql(&sql).unwrap_or_default().trim().to_owned()
    }

    /// `rowmill …` with the environment that the pipeline files of the tests expect.
    pub(crate) fn rowmill(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowmill-tested"));
        command.args(args).current_dir(self.folder.path());
        command.env("SOURCE", self.source.url(&self.source_db));
        command.env("TARGET", self.target.url(&self.target_db));
        command.env("SOURCE_ADDRESS", format!("127.0.0.1:{}/{}", self.source.port(), self.source_db));
        command.env("META", &self.meta);
        command.env("XDG_STATE_HOME", self.folder.path().join("state"));
        command.env("XDG_RUNTIME_DIR", self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        Outcome::of(self.rowmill(args).output().expect("the rowmill binary runs"))
    }

    /// `rowmill run --until-caught-up`, which must succeed.
    pub(crate) fn catch_up(&self) -> Outcome {
        let outcome = self.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome
    }

    /// `rowmill run` in the background.
    pub(crate) fn start(&self) -> Running {
        self.start_with(&[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(&self, more: &[&str]) -> Running {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.rowmill(&[&["run", "pipeline.yaml", "--color", "never"], more].concat());
        command.stdout(Stdio::null()).stderr(log);
        Running { child: command.spawn().expect("the rowmill binary runs") }
    }

    /// What background processes wrote.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("rowmill.log")
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// `rowmill verify` must say equal.
    pub(crate) fn verify(&self) {
        let outcome = self.run(&["verify", "pipeline.yaml"]);
        assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
    }

    /// Waits for `condition`, or panics with the background log.
    pub(crate) fn wait(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition() {
            assert!(Instant::now() < deadline, "no {what} in time\n{}", self.log_text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A background process; killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
}

impl Running {
    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; answers the exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap().code()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a finished process left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Outcome {
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
