//! The socket of a running pipeline: what other processes of the same user can ask it.
//!
//! One request per connection, a line of JSON; its reply is another. `run` listens once it has its claim on the target's
//! progress, so a start that is refused takes nothing from a process that runs.
//!
//! # Whom to believe
//!
//! Folder and socket are the user's own and nobody else can enter ([`place`]); each side looks who the other is. Which
//! process writes the target says the target alone: a reply carries the claim that its process runs under, and who
//! asks compares it with the stored one ([`running`]). So a process that was overtaken, or one whose target was restored,
//! is told apart.
//!
//! # What a stale file does
//!
//! Nothing. A new process makes its socket under another name and moves it over whatever is there; at its end it
//! removes the file only if it is still its own. Of a process that was killed the file stays, and nobody listens.

mod place;

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rowmill_observe::{Claim, Status};
use rowmill_plan::Plan;
use rowmill_run::Handle;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longer than any request.
const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// A status of ten thousand steps; a longer one isn't read to its end.
const REPLY_BYTES_MAX: u64 = 16 << 20;
/// Who says nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests at the same time; more wait.
const REQUESTS_MAX: usize = 8;

/// What a running pipeline can be asked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Request {
    /// How it is doing.
    Status,
}

/// What it replies.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reply {
    Status(Box<Status>),
    /// Why there is no other reply.
    Refused(String),
}

/// Serves a pipeline until it ends or the task is dropped. That nobody can ask it is no reason not to run.
pub(crate) async fn serve(plan: Arc<Plan>, handle: Handle) {
    let mut status = handle.watch();
    if status.wait_for(|status| status.claim.is_some()).await.is_err() {
        return;
    }
    let listening = match place::to_listen(&plan) {
        Ok(path) => Listening::at(&path).map_err(|error| format!("{}: {error}", path.display())),
        Err(reason) => Err(reason),
    };
    let listening = match listening {
        Ok(listening) => listening,
        Err(reason) => {
            tracing::warn!(
                reason,
                "no socket: `rowmill status` will show what is stored, and not what this process counts"
            );
            return;
        }
    };
    let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&requests).acquire_owned().await else { return };
        match listening.listener.accept().await {
            Ok((stream, _)) => {
                let handle = handle.clone();
                tokio::spawn(async move {
                    // Who went away needs no reply.
                    let _ = timeout(PATIENCE, answer(stream, &handle)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a request was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// How the process that holds this claim is doing; `None` if it can't be asked from here: it has ended, runs on
/// another machine, or is another user's.
pub(crate) async fn running(plan: &Plan, claim: &Claim) -> Option<Status> {
    for path in place::to_ask(plan) {
        let why = match timeout(PATIENCE, ask(&path, Request::Status)).await {
            Ok(Ok(Reply::Status(status))) if status.claim.as_ref() == Some(claim) => return Some(*status),
            Ok(Ok(Reply::Status(_))) => "it runs under another claim".to_owned(),
            Ok(Ok(Reply::Refused(reason))) => reason,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no reply".to_owned(),
        };
        tracing::debug!(socket = %path.display(), why, "no running process to ask");
    }
    None
}

/// A socket with its file.
struct Listening {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Listening {
    /// Listens at this path, whatever lies there.
    fn at(path: &Path) -> io::Result<Self> {
        let made = path.with_extension(format!("{}.new", std::process::id()));
        let _ = std::fs::remove_file(&made);
        let listener = UnixListener::bind(&made)?;
        let inode = std::fs::symlink_metadata(&made)?.ino();
        std::fs::rename(&made, path)?;
        Ok(Self { listener, path: path.to_owned(), inode })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn answer(mut stream: UnixStream, handle: &Handle) -> io::Result<()> {
    ensure_same_user(&stream)?;
    let (reading, _) = stream.split();
    let reply = match read_line(reading, REQUEST_BYTES_MAX).await {
        Ok(Request::Status) => Reply::Status(Box::new(handle.status())),
        Err(error) => Reply::Refused(format!("not a request of this version: {error}")),
    };
    write_line(&mut stream, &reply).await
}

async fn ask(path: &Path, request: Request) -> io::Result<Reply> {
    let mut stream = UnixStream::connect(path).await?;
    ensure_same_user(&stream)?;
    write_line(&mut stream, &request).await?;
    read_line(stream, REPLY_BYTES_MAX).await
}

/// Whoever is root could look into the process itself.
fn ensure_same_user(stream: &UnixStream) -> io::Result<()> {
    let other = stream.peer_cred()?.uid();
    if other == place::user()? || other == 0 {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("the other end is user {other}'s")))
}

async fn read_line<T: DeserializeOwned>(stream: impl tokio::io::AsyncRead + Unpin, bytes_max: u64) -> io::Result<T> {
    let mut line = Vec::new();
    BufReader::new(stream.take(bytes_max)).read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("no line of at most {bytes_max} bytes")));
    }
    serde_json::from_slice(&line).map_err(io::Error::from)
}

async fn write_line<T: Serialize>(stream: &mut UnixStream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn raw(path: &Path, request: &[u8]) -> Reply {
        let mut stream = UnixStream::connect(path).await.expect("connected");
        stream.write_all(request).await.expect("sent");
        stream.shutdown().await.expect("closed");
        read_line(stream, REPLY_BYTES_MAX).await.expect("a reply")
    }

    #[tokio::test]
    async fn whatever_is_asked_gets_one_reply() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it.sock");
        std::fs::write(&path, "stale").expect("written");
        let listening = Listening::at(&path).expect("listening");
        let (handle, control) = rowmill_run::handle();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listening.listener.accept().await {
                let _ = answer(stream, &handle).await;
            }
        });
        assert!(matches!(ask(&path, Request::Status).await.expect("a reply"), Reply::Status(_)));
        let long = [b'"'; 100_000];
        for wrong in [&b"\"status\""[..], b"\n", b"\"stop\"\n", b"{\"status\":1}\n", b"\xff\n", &long] {
            assert!(matches!(raw(&path, wrong).await, Reply::Refused(_)), "{wrong:?}");
        }
        task.abort();
        let _ = task.await;
        drop(control);
        assert!(!path.exists(), "its file goes with it");
    }

    #[tokio::test]
    async fn a_socket_that_was_taken_over_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it.sock");
        let old = Listening::at(&path).expect("listening");
        let new = Listening::at(&path).expect("listening");
        drop(old);
        assert!(path.exists());
        drop(new);
        assert!(!path.exists());
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
    }
}
