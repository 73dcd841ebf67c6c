//! The CPU and wall time of one call, measured where it is cheap to do so.
//!
//! Reading a thread's CPU clock is a system call that costs about as much as a small
//! guest call; the monotonic clock costs a twentieth. So a call that ends before the
//! first tick is charged its wall time (an upper bound of its CPU time), and the CPU
//! clock is read only from the first tick on, when at least a tick's time is at stake.
//!
//! A guest that yields may continue on another thread, whose clock is another one. So
//! time is counted in *segments*, one per poll of the call's future: [`Metered`] opens
//! one before the poll and closes it after it, on the same thread. Inside a segment
//! the epoch callback ([`Budget::tick`]) looks at the sum and decides.
//!
//! The budget is shared between the future and the callback, which both run on the
//! polling thread, one after the other: relaxed atomics suffice.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::error::Limit;

/// The engine's tick. Half of it would double the wakeups of an idle process and the
/// yields of a long call; twice of it would let a loop hold its thread for longer.
pub(crate) const TICK: Duration = Duration::from_millis(10);

const UNREAD: u64 = u64::MAX;

/// What a call may use and has used, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Budget {
    base: Instant,
    started: AtomicU64,
    cpu_limit: AtomicU64,
    wall_limit: AtomicU64,
    cpu_used: AtomicU64,
    wall_used: AtomicU64,
    segment: AtomicU64,
    breach: AtomicU8,
}

impl Budget {
    pub(crate) fn new() -> Budget {
        Budget {
            base: Instant::now(),
            started: AtomicU64::new(0),
            cpu_limit: AtomicU64::new(0),
            wall_limit: AtomicU64::new(0),
            cpu_used: AtomicU64::new(0),
            wall_used: AtomicU64::new(0),
            segment: AtomicU64::new(UNREAD),
            breach: AtomicU8::new(0),
        }
    }

    /// Starts the clock of a call.
    pub(crate) fn begin(&self, cpu: Duration, wall: Duration) {
        self.started.store(self.now(), Relaxed);
        self.cpu_limit.store(nanos(cpu), Relaxed);
        self.wall_limit.store(nanos(wall), Relaxed);
        self.cpu_used.store(0, Relaxed);
        self.segment.store(UNREAD, Relaxed);
        self.breach.store(0, Relaxed);
    }

    /// At a tick, on the guest's thread: may it go on?
    pub(crate) fn tick(&self) -> Result<(), Limit> {
        let cpu = thread_cpu();
        let segment = self.segment.load(Relaxed);
        let used = if segment == UNREAD {
            // The first segment so far, of which only the wall time is known. More than
            // a tick of it was spent waiting for the processor.
            self.wall().min(nanos(TICK))
        } else {
            self.cpu_used.load(Relaxed) + cpu.saturating_sub(segment)
        };
        self.cpu_used.store(used, Relaxed);
        self.segment.store(cpu, Relaxed);
        if used > self.cpu_limit.load(Relaxed) {
            return Err(self.breach(Limit::Cpu));
        }
        if self.wall() > self.wall_limit.load(Relaxed) {
            return Err(self.breach(Limit::Wall));
        }
        Ok(())
    }

    fn breach(&self, limit: Limit) -> Limit {
        self.breach.store(if limit == Limit::Cpu { 1 } else { 2 }, Relaxed);
        limit
    }

    /// The limit that a tick or the timeout found exceeded.
    pub(crate) fn breached(&self) -> Option<Limit> {
        match self.breach.load(Relaxed) {
            1 => Some(Limit::Cpu),
            2 => Some(Limit::Wall),
            _ => None,
        }
    }

    /// Opens a segment of a call that has been polled before.
    fn resume(&self) {
        self.segment.store(thread_cpu(), Relaxed);
    }

    /// Closes a segment.
    fn pause(&self) {
        let wall = self.wall();
        self.wall_used.store(wall, Relaxed);
        let segment = self.segment.load(Relaxed);
        if segment == UNREAD {
            self.cpu_used.store(wall, Relaxed);
        } else {
            let used = thread_cpu().saturating_sub(segment);
            self.cpu_used.fetch_add(used, Relaxed);
        }
    }

    fn now(&self) -> u64 {
        nanos(self.base.elapsed())
    }

    fn wall(&self) -> u64 {
        self.now().saturating_sub(self.started.load(Relaxed))
    }

    /// CPU and wall time of the call, up to its last poll.
    pub(crate) fn used(&self) -> (Duration, Duration) {
        let nanos = |used: &AtomicU64| Duration::from_nanos(used.load(Relaxed));
        (nanos(&self.cpu_used), nanos(&self.wall_used))
    }

    fn wall_left(&self) -> Duration {
        let limit = self.wall_limit.load(Relaxed);
        Duration::from_nanos(limit.saturating_sub(self.wall()))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(UNREAD - 1)
}

fn thread_cpu() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + nanos
}

/// The wall limit passed while the call was waiting.
#[derive(Debug)]
pub(crate) struct TimedOut;

/// A call into a guest, measured poll by poll. Its timer is armed only when the call is
/// still pending after the first poll, so a call within a tick never touches it.
pub(crate) struct Metered<'b, F> {
    future: F,
    budget: &'b Budget,
    polled: bool,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<'b, F> Metered<'b, F> {
    pub(crate) fn new(future: F, budget: &'b Budget) -> Metered<'b, F> {
        Metered { future, budget, polled: false, timer: None }
    }
}

impl<F: Future + Unpin> Future for Metered<'_, F> {
    type Output = Result<F::Output, TimedOut>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polled {
            self.budget.resume();
        }
        self.polled = true;
        let polled = Pin::new(&mut self.future).poll(cx);
        self.budget.pause();
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Ok(output));
        }
        let left = self.budget.wall_left();
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => {
                self.budget.breach(Limit::Wall);
                Poll::Ready(Err(TimedOut))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
