//! The target on its way: idle, or committing one epoch in a task of its own.

use rowmill_change::{Committed, Epoch, Target};
use tokio::task::JoinHandle;

use crate::error::Error;

/// What the running commit was about, for the status.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight {
    /// The target shows the source as of this moment once it is done, in µs since 1970.
    pub(crate) as_of: Option<i64>,
    pub(crate) bytes: usize,
}

/// Where rows go, behind the interface of the conductor.
pub(crate) type AnyTarget = dyn Target<Error = rowmill_mysql::Error>;

type Outcome = (Box<AnyTarget>, Result<Committed, rowmill_mysql::Error>);

/// The target, committing at most one epoch at a time while the next one is being computed.
pub(crate) enum Committer {
    Idle(Box<AnyTarget>),
    Busy(JoinHandle<Outcome>, InFlight),
    /// Between two states; seen from outside only after a panic of the commit task.
    Gone,
}

impl Committer {
    pub(crate) fn new(target: Box<AnyTarget>) -> Self {
        Self::Idle(target)
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle(_))
    }

    /// Starts a commit. The caller has seen that the target is idle.
    pub(crate) fn start(&mut self, epoch: Epoch, about: InFlight) -> Result<(), Error> {
        match std::mem::replace(self, Self::Gone) {
            Self::Idle(mut target) => {
                let task = tokio::spawn(async move {
                    let result = target.commit(epoch).await;
                    (target, result)
                });
                *self = Self::Busy(task, about);
                Ok(())
            }
            other => {
                *self = other;
                Err(Error::internal("a commit was started while another one was running"))
            }
        }
    }

    /// Waits for the running commit; never resolves when none is running. Cancel-safe.
    pub(crate) async fn finished(&mut self) -> Result<(Committed, InFlight), Error> {
        let Self::Busy(task, about) = self else { return std::future::pending().await };
        let about = about.clone();
        let joined = task.await;
        *self = Self::Gone;
        let (target, result) = joined.map_err(|error| Error::internal(format!("the commit task ended: {error}")))?;
        *self = Self::Idle(target);
        Ok((result?, about))
    }

    /// Bytes of the epoch being committed.
    pub(crate) fn bytes_in_flight(&self) -> u64 {
        match self {
            Self::Busy(_, about) => about.bytes as u64,
            _ => 0,
        }
    }

    /// The target, if it is idle.
    pub(crate) fn target(&mut self) -> Option<&mut AnyTarget> {
        match self {
            Self::Idle(target) => Some(&mut **target),
            _ => None,
        }
    }
}
