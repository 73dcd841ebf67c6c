//! One server: start, stop, kill, restart.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::programs::{Kind, Programs, user};
use crate::scripts::Scripts;
use crate::session::Session;
use crate::template;

/// How long a server may take to accept connections. Ten times what a loaded two-core machine needs.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// Ends the server when its standard input closes. A line `keep` leaves the data folder in place.
const GUARDIAN: &str = r#"
folder=$1; shift
"$@" </dev/null >>"$folder/server.log" 2>&1 &
server=$!
read -r word
kill -9 $server 2>/dev/null
wait $server 2>/dev/null
[ "$word" = keep ] || rm -rf "$folder"
"#;

/// A running (or stopped) server in a temporary folder, which vanishes with it.
pub struct Server {
    programs: Programs,
    folder: TempDir,
    flags: Vec<String>,
    port: u16,
    scripts: Scripts,
    guardian: Option<Child>,
}

impl Server {
    /// Starts a server with row-based binlog, full row images, GTIDs (MySQL) and `local_infile`.
    pub fn start(kind: Kind) -> anyhow::Result<Server> {
        Server::start_with(kind, &[])
    }

    /// The same with further server flags; the last of two equal flags wins.
    pub fn start_with(kind: Kind, flags: &[&str]) -> anyhow::Result<Server> {
        let programs = Programs::find(kind)?;
        let template = template::template(&programs, flags)?;
        let folder = tempfile::Builder::new().prefix("rowmill-server-").tempdir()?;
        template::copy(&template, &folder.path().join("data"))?;
        let mut server = Server {
            programs,
            folder,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            port: 0,
            scripts: Scripts::new(0),
            guardian: None,
        };
        // Between finding a free port and listening on it another process may take it: try again.
        let mut last = None;
        for _ in 0..5 {
            server.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            match server.launch() {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt was made")?)
    }

    /// `mysql://root@127.0.0.1:PORT/database`.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}", self.port)
    }

    /// The TCP port, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Which product it is.
    pub fn kind(&self) -> Kind {
        self.programs.kind
    }

    /// Those it was started with last, beside the usual ones.
    pub(crate) fn flags(&self) -> &[String] {
        &self.flags
    }

    /// Neither killed nor stopped.
    pub(crate) fn is_running(&self) -> bool {
        self.guardian.is_some()
    }

    /// The server's process.
    #[allow(clippy::disallowed_methods, reason = "the server that was just started wrote it")]
    pub fn pid(&self) -> anyhow::Result<u32> {
        let text = std::fs::read_to_string(self.pid_file()).context("reading the server's pid file")?;
        text.trim().parse().context("the server's pid file")
    }

    /// Where the server keeps its files.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ends the process as `kill -9` does. The data stays.
    pub fn kill(&mut self) {
        if let Some(mut guardian) = self.guardian.take() {
            if let Some(mut input) = guardian.stdin.take() {
                let _ = input.write_all(b"keep\n");
            }
            let _ = guardian.wait();
        }
    }

    /// Shuts down in order. The data stays.
    pub fn stop(&mut self) {
        if self.guardian.is_some() && self.sql("SHUTDOWN").is_ok() {
            let deadline = Instant::now() + START_DEADLINE;
            while Instant::now() < deadline && self.pid_file().exists() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.kill();
    }

    /// Starts again on the same data and port, after [`Server::kill`] or [`Server::stop`] (or stops first).
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop();
        self.launch()
    }

    /// The same with other flags than before.
    pub fn restart_with(&mut self, flags: &[&str]) -> anyhow::Result<()> {
        self.stop();
        self.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self.launch()
    }

    /// Runs a script as root; answers its output, a line per row, tab-separated, without headings. An empty statement
    /// is an error. Scripts with a line `DELIMITER` are the command-line client's, which alone knows it.
    pub fn sql(&self, script: &str) -> anyhow::Result<String> {
        if script.lines().any(|line| line.starts_with("DELIMITER ")) {
            return self.client_sql(script);
        }
        let answer = self.scripts.run(script)?;
        answer.outcome?;
        Ok(String::from_utf8(answer.text)?)
    }

    /// What a script answers up to its first error, if it has one; bytes that are no UTF-8 are replaced.
    pub fn answers(&self, script: &str) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&self.scripts.run(script)?.text).into_owned())
    }

    /// [`Server::sql`] through the command-line client, in a session that ends with it. It knows `LOAD DATA LOCAL`, too.
    pub fn client_sql(&self, script: &str) -> anyhow::Result<String> {
        let mut client = self.client()?;
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = client.spawn().context("starting the command-line client")?;
        let mut input = child.stdin.take().context("the client's input is a pipe")?;
        let script = script.to_owned();
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = child.wait_with_output()?;
        // A client that stops at an error closes its input early; its own message says why.
        let _ = writer.join();
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Opens a session of root's that stays open, for what has to hold a lock.
    pub fn session(&self) -> anyhow::Result<Session> {
        Session::start(self.client()?)
    }

    fn client(&self) -> anyhow::Result<Command> {
        let mut client = self.programs.client()?;
        client.args(["--protocol=tcp", "--host=127.0.0.1", "--user=root", "--batch", "--skip-column-names"]);
        client.args(["--default-character-set=utf8mb4", "--local-infile=1"]);
        client.arg(format!("--port={}", self.port));
        Ok(client)
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("server.pid")
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        self.scripts = Scripts::new(self.port);
        let folder = self.folder.path();
        // Of its own: a starting MariaDB removes what it takes for leftovers in a shared one, which are
        // the temporary tables of the servers beside it.
        let temporary = folder.join("tmp");
        std::fs::create_dir_all(&temporary)?;
        let mut server = self.programs.server()?;
        server.arg(format!("--datadir={}", self.data().display()));
        server.arg(format!("--tmpdir={}", temporary.display()));
        server.arg(format!("--socket={}", folder.join("socket").display()));
        server.arg(format!("--pid-file={}", self.pid_file().display()));
        server.arg(format!("--port={}", self.port));
        server.arg(format!("--user={}", user()?));
        server.arg(format!("--server-id={}", u32::from(self.port) + 1));
        server.args([
            "--bind-address=127.0.0.1",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--binlog-row-image=FULL",
            "--local-infile=1",
            "--performance-schema=OFF",
            "--event-scheduler=OFF",
            "--innodb-flush-log-at-trx-commit=2",
            "--sync-binlog=0",
            "--innodb-buffer-pool-size=128M",
            "--max-allowed-packet=64M",
        ]);
        if self.kind() == Kind::MySql {
            server.args(["--secure-file-priv=", "--mysqlx=OFF", "--gtid-mode=ON", "--enforce-gtid-consistency=ON"]);
        }
        server.args(&self.flags);

        let mut guardian = Command::new("sh");
        guardian.arg("-c").arg(GUARDIAN).arg("guardian").arg(folder).arg(server.get_program()).args(server.get_args());
        guardian.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.guardian = Some(guardian.spawn().context("starting a shell")?);

        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if self.pid_file().exists() && self.sql("SELECT 1").is_ok() {
                return Ok(());
            }
            #[allow(clippy::disallowed_methods, reason = "the log of the server that was just started")]
            let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
            let aborted = log.rsplit("starting as process").next().is_some_and(|run| run.contains("Aborting"));
            if aborted || Instant::now() > deadline {
                self.kill();
                let tail: Vec<&str> = log.lines().rev().take(15).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                bail!("the {} server did not start:\n{}", self.kind().name(), tail.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
