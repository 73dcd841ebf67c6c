//! Multisets of keys that rows are taken out of again.
//!
//! Counts are integers, not naturals: a value taken out before it went in counts -1 until it does.
//! Values that count 0 are not there, so equal multisets are equal whatever happened before.
//!
//! Up to 16 values lie in a sorted vector of just their size, more in a tree: a group with a handful
//! of values is the usual case, and there may be a million of them.

use std::collections::BTreeMap;

use crate::key::Key;

/// Values in the vector. At twice as many inserting in the middle moves more than a tree costs; at
/// half as many most groups of a typical step have trees, at some 200 bytes each.
const FEW: usize = 16;

/// How often each value is there.
#[derive(Clone, Debug)]
pub(crate) enum Multiset<K> {
    /// Sorted by the key.
    Few(Vec<(K, i64)>),
    /// More, now or before.
    Many(BTreeMap<K, i64>),
}

impl<K> Default for Multiset<K> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<K: Key> Multiset<K> {
    /// Counts a value up or down, and returns its count.
    pub(crate) fn change(&mut self, value: &K::Part, by: i64) -> i64 {
        match self {
            Self::Few(few) => match few.binary_search_by(|(key, _)| key.borrow().cmp(value)) {
                Ok(found) => {
                    let count = few[found].1.wrapping_add(by);
                    few[found].1 = count;
                    if count == 0 {
                        few.remove(found);
                    }
                    return count;
                }
                Err(_) if by == 0 => {}
                Err(place) if few.len() < FEW => {
                    if few.len() == few.capacity() {
                        few.reserve_exact(few.len().max(1));
                    }
                    few.insert(place, (K::own(value), by));
                }
                Err(_) => {
                    let mut many: BTreeMap<K, i64> = std::mem::take(few).into_iter().collect();
                    many.insert(K::own(value), by);
                    *self = Self::Many(many);
                }
            },
            Self::Many(many) => match many.get_mut(value) {
                Some(found) => {
                    let count = found.wrapping_add(by);
                    *found = count;
                    if count == 0 {
                        many.remove(value);
                    }
                    return count;
                }
                None if by == 0 => {}
                None => {
                    many.insert(K::own(value), by);
                }
            },
        }
        by
    }

    /// The values with their counts, by rising value.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K::Part, i64)> {
        let (few, many) = match self {
            Self::Few(few) => (few.as_slice(), None),
            Self::Many(many) => (&[][..], Some(many)),
        };
        let few = few.iter().map(|(key, count)| (key.borrow(), *count));
        few.chain(many.into_iter().flatten().map(|(key, count)| (key.borrow(), *count)))
    }

    /// The values that are there, with how often, by rising value.
    pub(crate) fn present(&self) -> impl DoubleEndedIterator<Item = (&K::Part, u64)> {
        self.iter().filter_map(|(key, count)| u64::try_from(count).ok().map(|count| (key, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_cancel_out_in_any_order_and_at_any_size() {
        for size in [1u64, 15, 16, 17, 200] {
            let mut set: Multiset<u64> = Multiset::default();
            (0..size).rev().for_each(|value| {
                set.change(&value, -1);
            });
            assert_eq!(set.present().count(), 0);
            (0..size).for_each(|value| {
                set.change(&value, 3);
            });
            assert!(set.present().map(|(value, count)| (*value, count)).eq((0..size).map(|value| (value, 2))));
            assert_eq!(set.iter().next_back(), Some((&(size - 1), 2)));
            (0..size).for_each(|value| {
                set.change(&value, -2);
            });
            assert_eq!(set.iter().next(), None);
        }
    }

    #[test]
    fn a_single_value_takes_a_single_place() {
        let mut set: Multiset<u64> = Multiset::default();
        set.change(&7, 1);
        let Multiset::Few(few) = set else { panic!("one value makes no tree") };
        assert_eq!(few.capacity(), 1);
    }
}
