//! How long a stream has said nothing to somebody who waits for it.
//!
//! Its caller looks after other things every few milliseconds: it gives a wait up and begins it anew. So the
//! time is kept here. Time in which nobody waits does not count: a caller whom a slow target holds back
//! hears nothing, whatever the server says.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::liveness::Pulse;

/// Silence that adds up over waits, until a byte arrives.
#[derive(Debug)]
pub(super) struct Silence {
    max: Duration,
    waited: Duration,
    pulse: Pulse,
}

/// One wait; what it lasted is added when it ends, in whichever way.
struct Wait<'a> {
    waited: &'a mut Duration,
    began: Instant,
}

impl Wait<'_> {
    fn heard(&mut self) {
        *self.waited = Duration::ZERO;
        self.began = Instant::now();
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        *self.waited += self.began.elapsed();
    }
}

impl Silence {
    pub(super) fn new(max: Duration) -> Silence {
        Silence { max, waited: Duration::ZERO, pulse: Pulse::default() }
    }

    /// Silence longer than this means that the connection is dead.
    pub(super) fn max(&self) -> Duration {
        self.max
    }

    /// Something was there without a wait.
    pub(super) fn heard(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// Waits for what the stream says; `None` when it has been silent for too long.
    pub(super) async fn over<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        // Outside of tokio's budget, whose end would look like a byte.
        let mut work = pin!(tokio::task::unconstrained(work));
        // What is here already costs no timer.
        if let Poll::Ready(said) = futures_util::poll!(work.as_mut()) {
            self.heard();
            return Some(said);
        }
        let Silence { max, waited, pulse } = self;
        let mut deadline = pin!(sleep(max.saturating_sub(*waited)));
        let mut wait = Wait { waited, began: Instant::now() };
        std::future::poll_fn(|cx| {
            let polled = pulse.poll(work.as_mut(), cx);
            if pulse.moved() || polled.is_ready() {
                wait.heard();
                deadline.as_mut().reset(wait.began + *max);
            }
            match polled {
                Poll::Ready(said) => Poll::Ready(Some(said)),
                Poll::Pending => deadline.as_mut().poll(cx).map(|()| None),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;

    const MAX: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn waits_that_are_given_up_add_up() {
        let mut silence = Silence::new(MAX);
        let began = Instant::now();
        let mut waits = 0;
        while timeout(MAX / 20, silence.over(pending::<()>())).await.is_err() {
            waits += 1;
            assert!(waits < 1_000, "it is never silent for too long");
        }
        assert!(waits > 1 && began.elapsed() >= MAX);
    }

    #[tokio::test]
    async fn time_in_which_nobody_waits_does_not_count() {
        let mut silence = Silence::new(MAX);
        assert!(timeout(MAX / 20, silence.over(pending::<()>())).await.is_err());
        sleep(MAX * 2).await;
        let began = Instant::now();
        assert_eq!(silence.over(pending::<()>()).await, None);
        assert!(began.elapsed() >= MAX / 2);
    }

    #[tokio::test]
    async fn a_byte_of_an_event_ends_the_silence() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let server = tokio::spawn(async move {
            for _ in 0..4 {
                sleep(MAX / 2).await;
                far.write_all(b"x").await.unwrap();
            }
            far
        });
        let mut silence = Silence::new(MAX);
        let mut event = [0; 4];
        let read = silence.over(tokio::io::AsyncReadExt::read_exact(&mut near, &mut event)).await;
        assert!(read.is_some());
        assert_eq!(&event, b"xxxx");
        drop(server.await.unwrap());
    }
}
