//! Accumulators by group number.
//!
//! They lie in chunks of 1,024, so that growth never copies what is there and asks for no block
//! of memory larger than a chunk. A chunk whose groups are all empty is freed, which is what makes
//! room when the host moves groups to its store.
//!
//! Which groups are empty is one bit per group. A batch looks at the bits only while there is an
//! empty group at all: in a step whose groups are in memory, at most until each was touched once.

use crate::aggregate::state::Accumulator;
use crate::contract::State;

/// Accumulators per chunk.
const CHUNK: usize = 1024;

/// The accumulators of a bound aggregate.
///
/// `S::default()` is the empty accumulator. [`Self::fold`] is the loop over a batch; with an `S`
/// that derives [`State`](macro@crate::State) the other calls of
/// [`BoundAggregate`](crate::BoundAggregate) are one method each.
#[derive(Clone, Debug)]
pub struct Accumulators<S> {
    /// `None`: all groups of the chunk are empty.
    chunks: Vec<Option<Box<[S; CHUNK]>>>,
    /// Per chunk, how many of its groups are not known to be empty.
    live: Vec<usize>,
    /// One bit per group: known to be empty. Bits past `count` are 0.
    empty: Vec<u64>,
    /// How many bits of `empty` are 1.
    empties: usize,
    /// Groups that there is room for.
    count: usize,
    /// What an empty group is read as.
    default: S,
}

impl<S: Default> Default for Accumulators<S> {
    fn default() -> Self {
        Self { chunks: Vec::new(), live: Vec::new(), empty: Vec::new(), empties: 0, count: 0, default: S::default() }
    }
}

impl<S: Default> Accumulators<S> {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for `count` groups; those that are new are empty and take no memory.
    pub fn reserve(&mut self, count: u32) {
        let count = count as usize;
        if count <= self.count {
            return;
        }
        let chunks = count.div_ceil(CHUNK);
        self.chunks.resize_with(chunks, || None);
        self.live.resize(chunks, 0);
        self.empty.resize(count.div_ceil(64), 0);
        for group in self.count..count {
            self.empty[group / 64] |= 1 << (group % 64);
        }
        self.empties += count - self.count;
        self.count = count;
    }

    /// The accumulator of a group; the empty one when it was never touched.
    #[inline]
    pub fn get(&self, group: u32) -> &S {
        let group = group as usize;
        match self.chunks.get(group / CHUNK) {
            Some(Some(chunk)) => &chunk[group % CHUNK],
            _ => &self.default,
        }
    }

    /// The accumulator of a group, to be changed.
    ///
    /// # Panics
    /// When there is no room for the group ([`Self::reserve`]).
    #[inline]
    pub fn get_mut(&mut self, group: u32) -> &mut S {
        self.touch(&[group]);
        self.touched(group)
    }

    /// Whether a group was not touched since the start, or since it was evicted.
    pub fn is_empty(&self, group: u32) -> bool {
        let group = group as usize;
        group >= self.count || self.empty[group / 64] >> (group % 64) & 1 == 1
    }

    /// Makes the groups non-empty, so that [`Self::touched`] finds each.
    #[inline(always)]
    pub(super) fn touch(&mut self, groups: &[u32]) {
        if self.empties > 0 {
            self.fill(groups);
        }
    }

    #[inline(never)]
    fn fill(&mut self, groups: &[u32]) {
        for &group in groups {
            let group = group as usize;
            let (word, bit) = (&mut self.empty[group / 64], 1 << (group % 64));
            if *word & bit != 0 {
                *word ^= bit;
                self.empties -= 1;
                self.live[group / CHUNK] += 1;
                self.chunks[group / CHUNK].get_or_insert_with(new_chunk);
            }
        }
    }

    /// The accumulator of a group that was touched.
    #[inline(always)]
    pub(super) fn touched(&mut self, group: u32) -> &mut S {
        let group = group as usize;
        match self.chunks.get_mut(group / CHUNK) {
            Some(Some(chunk)) => &mut chunk[group % CHUNK],
            _ => no_room(group, self.count),
        }
    }

    /// Forgets groups: they are empty afterwards. Numbers never touched are no mistake.
    pub fn evict(&mut self, groups: &[u32]) {
        for &group in groups {
            if self.is_empty(group) {
                continue;
            }
            let group = group as usize;
            self.empty[group / 64] |= 1 << (group % 64);
            self.empties += 1;
            let chunk = group / CHUNK;
            self.live[chunk] -= 1;
            match &mut self.chunks[chunk] {
                slot if self.live[chunk] == 0 => *slot = None,
                Some(chunk) => chunk[group % CHUNK] = S::default(),
                None => {}
            }
        }
    }
}

/// A chunk of empty accumulators, made on the heap.
#[inline(never)]
fn new_chunk<S: Default>() -> Box<[S; CHUNK]> {
    let chunk: Vec<S> = std::iter::repeat_with(S::default).take(CHUNK).collect();
    match chunk.into_boxed_slice().try_into() {
        Ok(chunk) => chunk,
        Err(_) => unreachable!("the vector was made with a chunk's length"),
    }
}

#[cold]
#[inline(never)]
fn no_room(group: usize, count: usize) -> ! {
    panic!("group {group} was named, but there is room for {count} groups only")
}

impl<S: Accumulator> Accumulators<S> {
    /// The states of these groups.
    pub fn snapshot(&self, groups: &[u32]) -> State {
        super::state::write(groups.iter().map(|group| self.get(*group)), groups.len())
    }

    /// Takes states in. A group that is empty is given its state as it is; `merge` adds a state to
    /// one that is not.
    pub fn merge(
        &mut self,
        count: u32,
        groups: &[u32],
        states: State,
        mut merge: impl FnMut(&mut S, S),
    ) -> Result<(), String> {
        let states = super::state::read::<S>(states, groups.len())?;
        self.reserve(count);
        for (state, &group) in states.into_iter().zip(groups) {
            let empty = self.is_empty(group);
            let own = self.get_mut(group);
            match empty {
                true => *own = state,
                false => merge(own, state),
            }
        }
        Ok(())
    }

    /// Takes states in for an aggregate that cannot merge: each group is given its state.
    pub fn restore(&mut self, count: u32, groups: &[u32], states: State) -> Result<(), String> {
        self.merge(count, groups, states, |own, state| *own = state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evicted_groups_are_empty_and_their_chunk_is_freed() {
        let mut states = Accumulators::<u64>::new();
        states.reserve(3000);
        let groups: Vec<u32> = (0..3000).collect();
        groups.iter().for_each(|group| *states.get_mut(*group) = u64::from(*group) + 1);
        assert_eq!((states.empties, states.chunks.len()), (0, 3));
        states.evict(&groups[10..2048]);
        states.evict(&[5000, 10]);
        assert!(states.chunks[0].is_some() && states.chunks[1].is_none());
        assert_eq!((*states.get(9), *states.get(10), *states.get(1500), *states.get(2048)), (10, 0, 0, 2049));
        assert!(states.is_empty(1500) && !states.is_empty(2048) && states.is_empty(9000));
        *states.get_mut(1500) += 7;
        assert_eq!((*states.get(1500), *states.get(1501), states.empties), (7, 0, 2037));
    }

    #[test]
    fn room_for_more_groups_takes_no_memory_before_they_are_touched() {
        let mut states = Accumulators::<[u64; 8]>::new();
        states.reserve(1_000_000);
        states.reserve(10);
        states.get_mut(999_999)[0] = 1;
        assert_eq!(states.chunks.iter().flatten().count(), 1);
        assert_eq!(states.get(999_999)[0], 1);
    }
}
