//! Whether a server that says nothing is still there.
//!
//! A connection can die without a word: a firewall forgets it, a machine loses its power, a proxy hangs.
//! A statement can also take long: it waits for a lock, or for a disk. On the socket both are the same
//! silence, so the server itself is asked.
//!
//! # The rule
//!
//! Silence is time in which somebody waits for a connection and no byte moves on it, in either direction.
//! Nothing else begins it anew. After [`PATIENCE`] of it a second connection looks the session up in the
//! process list.
//!
//! - The session runs a statement: the wait goes on, with a warning, for as long again.
//! - It is gone, it is idle, or it waits for its socket as this end does: the connection is dead.
//! - There is no second connection: the server can't be reached.
//!
//! The last two are the error of a lost connection, and what is done after one is done.
//!
//! # Why a live connection is not given up
//!
//! A session that has just answered is idle while its answer is under way. So what was found counts only
//! if no byte comes for [some time](Watch::grace) after it. And were it wrong all the same, nothing would
//! be lost: a COMMIT is looked up, everything else is done again.
//!
//! # What becomes of the session
//!
//! It may hold locks and an open transaction until the server misses its client, a reader of a snapshot
//! for a day. So it is ended there. A COMMIT that is still on its way to it then undoes the transaction or
//! comes too late; the look-up waits for the transaction's end and sees which.

mod pulse;

use std::fmt::Debug;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use mysql_async::IoError;
use rowmill_foreign::line;
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Error, Result};

pub(crate) use pulse::Pulse;

/// How much silence makes a connection suspicious. Half of it would ask about statements that are merely
/// slow; twice as long, and the end of a connection would be noticed only after more than a minute.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long the second connection may take, from the first packet to the answer.
const LOOK_MAX: Duration = Duration::from_secs(15);

type DriverResult<T> = std::result::Result<T, mysql_async::Error>;

/// What a session was found to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It runs a statement, and is in this state.
    Runs(String),
    /// It waits for its client: for a command, or for bytes to be taken or to come.
    Waits(String),
    /// It is not there.
    Gone,
}

/// A second connection's view of the session that is watched over. Futures are boxed, since that connection is of the
/// type that waits in here.
pub(crate) trait Lookout: Debug + Send + Sync {
    /// The session's number.
    fn session(&self) -> u64;

    /// Host and port, for messages.
    fn server(&self) -> String;

    /// How much silence is suspicious.
    fn patience(&self) -> Duration;

    /// Looks the session up.
    fn look(&self) -> Pin<Box<dyn Future<Output = Result<Standing>> + Send + '_>>;

    /// Ends it on the server.
    fn end(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;
}

/// Watches over the waits for one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    lookout: Box<dyn Lookout>,
    pulse: Pulse,
    given_up: AtomicBool,
}

/// What a wait ended with.
enum Waited<T, O> {
    Answered(T),
    /// Bytes moved, but it isn't a whole answer yet.
    Moved,
    Other(O),
}

impl Watch {
    pub(crate) fn new(lookout: impl Lookout + 'static) -> Watch {
        Watch { lookout: Box::new(lookout), pulse: Pulse::default(), given_up: AtomicBool::new(false) }
    }

    /// The connection was found dead. Nobody may wait for it again.
    pub(crate) fn has_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// How long a session must stay silent after it was found to wait: time enough for a lost packet to be
    /// sent again several times.
    fn grace(&self) -> Duration {
        self.lookout.patience() / 6
    }

    /// Waits for an answer of the connection; an error of a lost connection when there will be none.
    pub(crate) async fn over<T>(&self, work: impl Future<Output = DriverResult<T>>) -> DriverResult<T> {
        let mut work = pin!(work);
        // What is here already costs no timer.
        if let Poll::Ready(done) = futures_util::poll!(work.as_mut()) {
            return done;
        }
        let mut heard = Instant::now();
        loop {
            // The end of tokio's budget looks like a byte. It is over only when the task has yielded.
            tokio::task::consume_budget().await;
            match self.wait(work.as_mut(), sleep(self.lookout.patience())).await {
                Waited::Answered(done) => return done,
                Waited::Moved => {
                    heard = Instant::now();
                    continue;
                }
                Waited::Other(()) => {}
            }
            let looked = match self.wait(work.as_mut(), self.look()).await {
                Waited::Answered(done) => return done,
                Waited::Moved => {
                    heard = Instant::now();
                    continue;
                }
                Waited::Other(looked) => looked,
            };
            let reason = match looked {
                Ok(Standing::Runs(state)) => {
                    let (silent_s, state) = (heard.elapsed().as_secs(), line(&state).into_owned());
                    tracing::warn!(
                        server = %self.lookout.server(), session = self.lookout.session(), silent_s, state,
                        "no answer yet: the server is running the statement, waiting on"
                    );
                    continue;
                }
                Ok(Standing::Waits(how)) => format!("the server's session {} is {how}", self.lookout.session()),
                Ok(Standing::Gone) => format!("the server has no session {} of ours any more", self.lookout.session()),
                Err(error) => return Err(self.give_up(heard, &format!("no second connection is possible: {error}"))),
            };
            match self.wait(work.as_mut(), sleep(self.grace())).await {
                Waited::Answered(done) => return done,
                Waited::Moved => heard = Instant::now(),
                Waited::Other(()) => {
                    self.end_session();
                    return Err(self.give_up(heard, &reason));
                }
            }
        }
    }

    /// Waits for an answer, for a byte, or for `other`.
    async fn wait<T, O>(
        &self,
        mut work: Pin<&mut impl Future<Output = T>>,
        other: impl Future<Output = O>,
    ) -> Waited<T, O> {
        let mut other = pin!(other);
        self.pulse.moved();
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = self.pulse.poll(work.as_mut(), cx) {
                return Poll::Ready(Waited::Answered(done));
            }
            if self.pulse.moved() {
                return Poll::Ready(Waited::Moved);
            }
            other.as_mut().poll(cx).map(Waited::Other)
        })
        .await
    }

    /// Looks the session up.
    async fn look(&self) -> Result<Standing> {
        timeout(LOOK_MAX, self.lookout.look()).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", LOOK_MAX.as_secs());
            Err(Error::Unreachable { server: self.lookout.server(), reason })
        })
    }

    /// Ends the session on the server, beside everything else and as far as that can be done.
    pub(crate) fn end_session(&self) {
        let end = self.lookout.end();
        tokio::spawn(async move {
            if let Ok(Err(error)) = timeout(LOOK_MAX, end).await {
                tracing::debug!(%error, "a lost session could not be ended on the server");
            }
        });
    }

    fn give_up(&self, heard: Instant, reason: &str) -> mysql_async::Error {
        self.given_up.store(true, Ordering::Relaxed);
        let (server, silent_s) = (self.lookout.server(), heard.elapsed().as_secs());
        tracing::warn!(server, session = self.lookout.session(), silent_s, reason, "the connection is given up");
        let text = format!("no answer of server {server} for {silent_s} s, and {reason}");
        mysql_async::Error::Io(IoError::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, text)))
    }
}
