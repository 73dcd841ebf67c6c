//! Room for instances: how many there can be at once in a process, whoever's they are.
//!
//! An instance is made when a function is bound or called, and kept for the next call. A process with more functions
//! than instances gives the one that was idle for longest to whoever needs one: its function makes another when it is
//! called again, which costs some microseconds and changes nothing, since functions are pure. If none is idle, a call
//! waits for the end of another one.
//!
//! An aggregate's accumulators live in its instance, so that can't be given away. Of these there may only be so many that
//! functions always find some room; one more is refused when it is bound.
//!
//! # Why nobody waits for ever
//!
//! Instances of functions are either idle, and can be taken, or in a call, which ends by its limits. Who waits counts
//! itself before it looks for an idle one for the last time; a function that puts its instance back looks at that count
//! afterwards, and drops the instance if somebody waits. So one of the two sees the other.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::call::Live;

/// One in so many is never an aggregate's.
const FUNCTIONS_SHARE: usize = 16;

/// The instances of an engine.
pub(crate) struct Pool {
    instances: usize,
    permits: Arc<Semaphore>,
    /// Told when an instance is gone.
    released: Arc<Notify>,
    /// Calls so far, as a time.
    clock: AtomicU64,
    waiting: AtomicUsize,
    slots: Mutex<Vec<Weak<Slot>>>,
    kept: AtomicUsize,
    kept_max: usize,
}

/// Where a function's instance is while nobody calls it.
#[derive(Default)]
pub(crate) struct Slot {
    live: Mutex<Option<Live>>,
    used: AtomicU64,
}

/// The right to have an instance; goes with it.
#[derive(Debug)]
pub(crate) struct Permit {
    permit: Option<OwnedSemaphorePermit>,
    kept: Option<Arc<Pool>>,
    released: Arc<Notify>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("free", &self.permits.available_permits()).finish_non_exhaustive()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pool) = &self.kept {
            pool.kept.fetch_sub(1, Ordering::SeqCst);
        }
        self.permit = None;
        self.released.notify_waiters();
    }
}

impl Pool {
    /// Of so many instances, at least two.
    pub(crate) fn new(instances: u32) -> Pool {
        let instances = instances as usize;
        Pool {
            instances,
            permits: Arc::new(Semaphore::new(instances)),
            released: Arc::default(),
            clock: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            slots: Mutex::new(Vec::new()),
            kept: AtomicUsize::new(0),
            kept_max: instances - instances.div_ceil(FUNCTIONS_SHARE),
        }
    }

    /// How many aggregates can have an instance.
    pub(crate) fn kept_max(&self) -> usize {
        self.kept_max
    }

    /// Room for an instance, taken from an idle function if need be. Waits if there is none.
    pub(crate) async fn permit(self: &Arc<Self>) -> Permit {
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return Permit { permit: Some(permit), kept: None, released: Arc::clone(&self.released) };
            }
            if self.reclaim() {
                continue;
            }
            let _waiting = Waiting::new(&self.waiting);
            if self.reclaim() {
                continue;
            }
            // The semaphore is never closed.
            if let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await {
                return Permit { permit: Some(permit), kept: None, released: Arc::clone(&self.released) };
            }
        }
    }

    /// Room for an instance that is kept as long as it lives; `None` if there are too many of these.
    pub(crate) async fn permit_to_keep(self: &Arc<Self>) -> Option<Permit> {
        let count = |kept: usize| (kept < self.kept_max).then_some(kept + 1);
        self.kept.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count).ok()?;
        // From here on it is counted back when it is dropped, also while it waits.
        let released = Arc::clone(&self.released);
        let mut permit = Permit { permit: None, kept: Some(Arc::clone(self)), released };
        permit.permit = self.permit().await.permit.take();
        Some(permit)
    }

    /// Takes the instance that was idle for longest from its function. False if none is idle.
    pub(crate) fn reclaim(&self) -> bool {
        let mut slots = locked(&self.slots);
        slots.retain(|slot| slot.strong_count() > 0);
        let idle = slots.iter().filter_map(Weak::upgrade);
        // Others go on meanwhile: each time is read once.
        let mut idle: Vec<(u64, Arc<Slot>)> = idle.map(|slot| (slot.used.load(Ordering::Relaxed), slot)).collect();
        drop(slots);
        idle.sort_by_key(|(used, _)| *used);
        let taken = idle.iter().find_map(|(_, slot)| slot.take());
        // Dropped without the lock: that frees a memory.
        taken.is_some()
    }

    /// Makes room where the engine has none although there was a permit: a component of many modules takes more than
    /// one place. Waits for the end of a call if nothing is idle; false if all that there is is kept.
    pub(crate) async fn make_room(&self) -> bool {
        if self.reclaim() {
            return true;
        }
        let released = self.released.notified();
        let mut released = std::pin::pin!(released);
        released.as_mut().enable();
        let _waiting = Waiting::new(&self.waiting);
        if self.reclaim() {
            return true;
        }
        if self.instances - self.permits.available_permits() <= self.kept.load(Ordering::SeqCst) {
            return false;
        }
        released.await;
        true
    }

    /// A place for a function's instance.
    pub(crate) fn slot(&self) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        let mut slots = locked(&self.slots);
        if slots.len() == slots.capacity() {
            slots.retain(|slot| slot.strong_count() > 0);
        }
        slots.push(Arc::downgrade(&slot));
        slot
    }

    /// Puts an instance back after a call, unless somebody waits for its room.
    pub(crate) fn put_back(&self, slot: &Slot, live: Live) {
        slot.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        *locked(&slot.live) = Some(live);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            slot.clear();
        }
    }
}

impl Slot {
    /// The instance, for a call; `None` if it was given away.
    pub(crate) fn take(&self) -> Option<Live> {
        locked(&self.live).take()
    }

    /// Gives the instance back.
    pub(crate) fn clear(&self) {
        drop(self.take());
    }

    /// Something of the idle instance.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Live) -> T) -> Option<T> {
        locked(&self.live).as_ref().map(look)
    }
}

/// Counts who waits, also if that is given up.
struct Waiting<'p>(&'p AtomicUsize);

impl<'p> Waiting<'p> {
    fn new(count: &'p AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A panic elsewhere leaves nothing half-done under these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
