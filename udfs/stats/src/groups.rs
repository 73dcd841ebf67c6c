//! Accumulators by group number, and the walk of a batch over them.

use rowmill_sdk::bitmap::Bitmap;

/// Accumulators per chunk. Growing allocates chunks and moves nothing, because linear memory never
/// shrinks: a vector that doubles would leave its halves behind. At twice as many a step with a
/// handful of groups wastes more; at half as many the list of chunks of ten million groups no
/// longer stays in the cache.
const CHUNK: usize = 1024;

/// One accumulator per group number, dense from 0.
#[derive(Debug)]
pub(crate) struct Groups<G> {
    chunks: Vec<Box<[G; CHUNK]>>,
    /// What a number has that was never touched.
    empty: G,
}

impl<G: Default> Groups<G> {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new(), empty: G::default() }
    }

    /// Makes room for the numbers below `count`.
    pub(crate) fn reserve(&mut self, count: u32) {
        let chunks = (count as usize).div_ceil(CHUNK);
        while self.chunks.len() < chunks {
            let chunk: Box<[G]> = (0..CHUNK).map(|_| G::default()).collect();
            match chunk.try_into() {
                Ok(chunk) => self.chunks.push(chunk),
                Err(_) => unreachable!("a chunk was made with its length"),
            }
        }
    }

    /// The accumulator of a group to read, the empty one where there is no room yet.
    pub(crate) fn get(&self, group: u32) -> &G {
        let group = group as usize;
        self.chunks.get(group / CHUNK).map_or(&self.empty, |chunk| &chunk[group % CHUNK])
    }

    /// The accumulator of a group that there is room for.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, group: u32) -> &mut G {
        let group = group as usize;
        &mut self.chunks[group / CHUNK][group % CHUNK]
    }

    /// Makes the group empty.
    pub(crate) fn evict(&mut self, group: u32) {
        let group = group as usize;
        if let Some(chunk) = self.chunks.get_mut(group / CHUNK) {
            chunk[group % CHUNK] = G::default();
        }
    }
}

/// The values of a batch, by row.
pub(crate) trait Rows {
    /// What a row has that takes part.
    type Value<'a>: Copy
    where
        Self: 'a;

    /// Which rows take part; `None` = all.
    fn validity(&self) -> Option<&Bitmap>;

    /// The value of a row that takes part.
    fn value(&self, row: usize) -> Self::Value<'_>;

    /// The values of the rows from `8 * block` on, which all take part.
    #[inline(always)]
    fn block(&self, block: usize) -> [Self::Value<'_>; 8] {
        std::array::from_fn(|row| self.value(block * 8 + row))
    }
}

/// Calls `add` or `retract` for each row that takes part, in the order of the rows.
///
/// Eight rows per turn: the back-edge of a loop costs a check for interruption, and a byte of each
/// bitmap tells at once that all eight rows are there and go in.
#[inline(always)]
pub(crate) fn walk<G: Default, R: Rows>(
    groups: &mut Groups<G>,
    numbers: &[u32],
    retract: Option<&Bitmap>,
    rows: &R,
    mut add: impl FnMut(&mut G, R::Value<'_>),
    mut take: impl FnMut(&mut G, R::Value<'_>),
) {
    let valid = rows.validity().map(Bitmap::as_bytes);
    let out = retract.map(Bitmap::as_bytes);
    let bits = |bitmap: Option<&[u8]>, block: usize, default: u8| {
        bitmap.map_or(default, |bytes| bytes.get(block).copied().unwrap_or(0))
    };
    let (blocks, rest) = numbers.as_chunks::<8>();
    for (block, numbers) in blocks.iter().enumerate() {
        let (valid, out) = (bits(valid, block, 0xff), bits(out, block, 0));
        if (valid, out) == (0xff, 0) {
            let values = rows.block(block);
            for (number, value) in numbers.iter().zip(values) {
                add(groups.get_mut(*number), value);
            }
        } else {
            some(groups, numbers, valid, out, rows, block * 8, &mut add, &mut take);
        }
    }
    let block = blocks.len();
    some(groups, rest, bits(valid, block, 0xff), bits(out, block, 0), rows, block * 8, &mut add, &mut take);
}

/// Up to eight rows of a batch, from `first` on, one by one.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn some<G: Default, R: Rows>(
    groups: &mut Groups<G>,
    numbers: &[u32],
    valid: u8,
    out: u8,
    rows: &R,
    first: usize,
    add: &mut impl FnMut(&mut G, R::Value<'_>),
    take: &mut impl FnMut(&mut G, R::Value<'_>),
) {
    for (row, number) in numbers.iter().enumerate() {
        if valid >> row & 1 == 1 {
            let (group, value) = (groups.get_mut(*number), rows.value(first + row));
            if out >> row & 1 == 1 { take(group, value) } else { add(group, value) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbers(usize, Option<Bitmap>);

    impl Rows for Numbers {
        type Value<'a> = usize;
        fn validity(&self) -> Option<&Bitmap> {
            self.1.as_ref()
        }
        fn value(&self, row: usize) -> usize {
            assert!(row < self.0);
            row
        }
    }

    #[test]
    fn every_row_is_walked_once_and_in_order() {
        for rows in [0, 1, 7, 8, 9, 24, 50] {
            for (valid, out) in [(1, 0), (3, 0), (1, 5), (2, 3)] {
                let validity = Bitmap::from_fn(rows, |row| row % valid == 0);
                let retract = Bitmap::from_fn(rows, |row| out > 0 && row % out == 0);
                let numbers: Vec<u32> = (0..rows).map(|row| 1000 + row as u32 % 40).collect();
                let mut groups: Groups<Vec<(usize, bool)>> = Groups::new();
                groups.reserve(1040);
                let source = Numbers(rows, (valid > 1).then_some(validity));
                let add = |group: &mut Vec<_>, row| group.push((row, true));
                let take = |group: &mut Vec<_>, row| group.push((row, false));
                walk(&mut groups, &numbers, (out > 0).then_some(&retract), &source, add, take);
                for number in 0..40 {
                    let expected: Vec<_> = (0..rows)
                        .filter(|row| row % 40 == number && row % valid == 0)
                        .map(|row| (row, !retract.get(row)))
                        .collect();
                    assert_eq!(*groups.get(1000 + number as u32), expected);
                }
            }
        }
    }

    #[test]
    fn evicted_and_untouched_numbers_are_empty() {
        let mut groups: Groups<u64> = Groups::new();
        groups.evict(7);
        assert_eq!(*groups.get(5_000_000), 0);
        groups.reserve(3000);
        *groups.get_mut(2999) = 4;
        groups.evict(2999);
        assert_eq!(*groups.get(2999), 0);
    }
}
