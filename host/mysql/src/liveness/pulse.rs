//! Notices that bytes move on a connection.
//!
//! The driver shows whole answers, not bytes, and a large answer arrives for minutes. But a future that
//! waits for a socket is woken when the socket has bytes to read or room to write. Polled with a waker of
//! its own, it tells this from everything else that wakes its task.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// The waker of one connection.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Arc<Beat>);

#[derive(Debug, Default)]
struct Beat {
    moved: AtomicBool,
    /// Of the task that waits.
    task: AtomicWaker,
}

impl Wake for Beat {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.moved.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Pulse {
    /// Polls what waits for this connection and for nothing else.
    pub(crate) fn poll<F: Future + ?Sized>(&self, work: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.0.task.register(cx.waker());
        let waker = Waker::from(Arc::clone(&self.0));
        work.poll(&mut Context::from_waker(&waker))
    }

    /// Whether bytes moved since this was last asked.
    pub(crate) fn moved(&self) -> bool {
        self.0.moved.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn bytes_are_noticed_and_other_wakes_are_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let pulse = Pulse::default();
        let mut answer = [0; 2];
        let mut work = std::pin::pin!(near.read_exact(&mut answer));
        let mut tick = std::pin::pin!(tokio::time::sleep(Duration::from_millis(1)));
        std::future::poll_fn(|cx| {
            assert!(pulse.poll(work.as_mut(), cx).is_pending());
            tick.as_mut().poll(cx)
        })
        .await;
        assert!(!pulse.moved());

        // Half of the answer: the work goes on, and something moved.
        far.write_all(b"a").await.unwrap();
        std::future::poll_fn(|cx| {
            assert!(pulse.poll(work.as_mut(), cx).is_pending());
            if pulse.moved() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(!pulse.moved());
        far.write_all(b"b").await.unwrap();
        std::future::poll_fn(|cx| pulse.poll(work.as_mut(), cx)).await.unwrap();
        assert_eq!(&answer, b"ab");
    }
}
