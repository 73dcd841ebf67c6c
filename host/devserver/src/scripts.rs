//! Scripts on sessions that stay open: to start the command-line client takes longer than most scripts do.
//!
//! A session is reset as soon as its script ends, so what a script leaves behind (locks, temporary tables, variables, an
//! open transaction) ends with it, as it would with the client. A session whose script failed is closed.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

use anyhow::Context;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value};
use tokio::runtime::{Builder, Runtime};

/// What a script answered, up to its first error.
pub(crate) struct Answer {
    /// As the command-line client prints it in its batch mode: a line per row, tab-separated, without headings.
    pub(crate) text: Vec<u8>,
    pub(crate) outcome: Result<(), mysql_async::Error>,
}

/// Root's sessions of one server.
pub(crate) struct Scripts {
    options: Opts,
    idle: Arc<Mutex<Vec<Conn>>>,
}

impl Scripts {
    #[allow(clippy::disallowed_methods, reason = "the text is fixed")]
    pub(crate) fn new(port: u16) -> Scripts {
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(port)
            .prefer_socket(false)
            .user(Some("root"))
            .setup(vec!["SET NAMES utf8mb4"]);
        Scripts { options: options.into(), idle: Arc::default() }
    }

    /// Runs a script to its end or first error. Blocks the thread.
    pub(crate) fn run(&self, script: &str) -> anyhow::Result<Answer> {
        let (options, idle, script) = (self.options.clone(), Arc::clone(&self.idle), script.to_owned());
        let (answer, answered) = mpsc::sync_channel(1);
        runtime()?.spawn(async move {
            // Nobody listens any more if the asking thread is gone.
            let _ = answer.send(run(options, &idle, &script).await);
        });
        answered.recv().context("the thread that runs scripts is gone")
    }
}

impl Drop for Scripts {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        if let Ok(runtime) = runtime() {
            runtime.spawn(async move { drop(idle) });
        }
    }
}

/// Where sessions live: a caller's own runtime can end before them, or be none.
fn runtime() -> anyhow::Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let build = || Builder::new_multi_thread().worker_threads(1).thread_name("scripts").enable_all().build();
    RUNTIME.get_or_init(build).as_ref().map_err(|error| anyhow::anyhow!("starting a thread for scripts: {error}"))
}

async fn run(options: Opts, idle: &Mutex<Vec<Conn>>, script: &str) -> Answer {
    let mut text = Vec::new();
    let outcome = async {
        let mut session = session(options, idle).await?;
        answers(&mut session, script, &mut text).await?;
        // A server that was told to shut down doesn't answer any more, and has done as the script says.
        if let Ok(true) = session.reset().await {
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
        Ok(())
    };
    let outcome = outcome.await;
    Answer { text, outcome }
}

/// A session that answers: one that is open, or a new one.
async fn session(options: Opts, idle: &Mutex<Vec<Conn>>) -> Result<Conn, mysql_async::Error> {
    loop {
        let open = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut open) = open else { return Conn::new(options).await };
        if open.ping().await.is_ok() {
            return Ok(open);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "whoever starts a throw-away server may run any statement there")]
async fn answers(session: &mut Conn, script: &str, text: &mut Vec<u8>) -> Result<(), mysql_async::Error> {
    let mut result = session.query_iter(script).await?;
    while !result.is_empty() {
        while let Some(row) = result.next().await? {
            line(&row, text);
        }
    }
    // The error of a statement that is not the first one is told here.
    result.drop_result().await
}

/// Of the text protocol, in which every value is what the client would print.
fn line(row: &Row, text: &mut Vec<u8>) {
    for column in 0..row.len() {
        if column > 0 {
            text.push(b'\t');
        }
        match row.as_ref(column) {
            Some(Value::Bytes(bytes)) => {
                for byte in bytes {
                    match byte {
                        b'\n' => text.extend(b"\\n"),
                        b'\t' => text.extend(b"\\t"),
                        b'\0' => text.extend(b"\\0"),
                        b'\\' => text.extend(b"\\\\"),
                        byte => text.push(*byte),
                    }
                }
            }
            _ => text.extend(b"NULL"),
        }
    }
    text.push(b'\n');
}
