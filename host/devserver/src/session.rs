//! A session that stays open: a test holds a lock in it, or a transaction.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;

/// The command-line client with its input open. It ends when dropped.
#[derive(Debug)]
pub struct Session {
    child: Child,
    heard: Arc<Mutex<String>>,
}

impl Session {
    pub(crate) fn start(mut client: Command) -> anyhow::Result<Session> {
        client.args(["--unbuffered", "--force"]);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = client.spawn().context("starting the command-line client")?;
        let mut output = child.stdout.take().context("the client's output is a pipe")?;
        let heard = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..read]);
                shared.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Ok(Session { child, heard })
    }

    /// Sends statements, each ended by a semicolon, and returns at once.
    pub fn say(&mut self, script: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("the client's input is a pipe")?;
        input.write_all(format!("{script}\n").as_bytes())?;
        Ok(input.flush()?)
    }

    /// Whether an answer so far contains `text`.
    #[must_use]
    pub fn heard(&self, text: &str) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).contains(text)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
