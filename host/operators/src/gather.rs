//! What reaches an aggregate within an event, in the order of the source.
//!
//! An event has one batch per table, and a union brings several tables, or one table along several ways, into one
//! aggregate. Lateness, a time to live and the first spelling of a group are decided row by row in the source's
//! order. So rows are put in the order of their ordinals before they are taken in, and nothing depends on how
//! batches are cut or in which order tables were listed. The images of one update stay together, as they are in
//! the log; ways that bring the same row come in the order of their tags.
//!
//! Rows that steps left out keep their place: that a row was deleted says something also where it was filtered out.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StringArray};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_select::interleave::interleave;
use rowmill_change::Op;

use crate::aggregate::{Aggregate, Emission, Origin, RowHash, row_hash};
use crate::error::Error;
use crate::step::{CallContext, Failure, Frame, Overseer, RowFacts, Search};
use crate::stream::{Changes, Entry, Root};

/// A batch that has come as far as an aggregate.
pub(crate) struct Part<'a> {
    pub(crate) entry: Entry,
    pub(crate) root: Arc<Root>,
    pub(crate) changes: &'a Changes<'a>,
    pub(crate) facts: Arc<RowFacts<'a>>,
    pub(crate) frame: Frame,
}

/// Takes the parts of one event into their aggregate. Answers how many rows failed.
pub(crate) async fn take_in(
    aggregate: &mut Aggregate,
    mut parts: Vec<Part<'_>>,
    emission: Emission,
    overseer: &Overseer,
) -> Result<u64, Error> {
    let mut search = Search::new(overseer);
    let mut failures = Vec::new();
    let keys = match aggregate.has_window() {
        true => parts.iter().map(Part::keys).collect::<Result<Vec<_>, Error>>()?,
        false => Vec::new(),
    };
    if let [part] = &mut parts[..] {
        let frame = std::mem::take(&mut part.frame);
        let hash = |row| row_hash(keys[0].row(row).data());
        let origin = Origin {
            ops: part.changes.ops,
            commit_time: part.changes.commit_time,
            keys: (!keys.is_empty()).then_some(&hash as &(dyn Fn(usize) -> RowHash + Sync)),
        };
        let mut context = CallContext { facts: &part.facts, search: &mut search };
        aggregate.absorb(frame, &mut context, &origin, emission, &mut failures).await?;
        return part.root.failed(&aggregate.id, aggregate.on_error, failures, part.changes);
    }
    let order = order(&parts);
    let frame = interleaved(&parts, &order)?;
    let ops: Vec<Op> = order.iter().map(|&(part, row)| parts[part].changes.ops[row]).collect();
    let commit_time: Vec<i64> = order.iter().map(|&(part, row)| parts[part].changes.commit_time[row]).collect();
    let seed = |&(part, row): &(usize, usize)| parts[part].facts.seeds.as_ref().map(|seeds| seeds[row]);
    let seeds = order.iter().map(seed).collect();
    let facts = RowFacts { ops: &ops, commit_time: &commit_time, seeds };
    let hash = |at: usize| row_hash(keys[order[at].0].row(order[at].1).data());
    let origin = Origin {
        ops: &ops,
        commit_time: &commit_time,
        keys: (!keys.is_empty()).then_some(&hash as &(dyn Fn(usize) -> RowHash + Sync)),
    };
    let mut context = CallContext { facts: &facts, search: &mut search };
    aggregate.absorb(frame, &mut context, &origin, emission, &mut failures).await?;
    let mut failed: Vec<Vec<Failure>> = parts.iter().map(|_| Vec::new()).collect();
    for failure in failures {
        let (part, row) = order[failure.origin as usize];
        failed[part].push(Failure { origin: row as u32, ..failure });
    }
    let mut skipped = 0;
    for (part, failures) in parts.iter().zip(failed) {
        skipped += part.root.failed(&aggregate.id, aggregate.on_error, failures, part.changes)?;
    }
    Ok(skipped)
}

impl Part<'_> {
    /// The keys of the batch's rows, the tags on their way included.
    fn keys(&self) -> Result<Rows, Error> {
        if self.entry.tags.is_empty() {
            return self.root.keys(self.changes.rows);
        }
        let rows = self.changes.rows.num_rows();
        let mut columns = self.root.key_columns(self.changes.rows);
        let tag = |tag: &String| Arc::new(StringArray::from(vec![tag.as_str(); rows])) as ArrayRef;
        columns.extend(self.entry.tags.iter().map(tag));
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
        Ok(RowConverter::new(fields)?.convert_columns(&columns)?)
    }
}

/// The rows of all batches, by part and row, in the order in which they are taken in.
fn order(parts: &[Part<'_>]) -> Vec<(usize, usize)> {
    let mut order = Vec::with_capacity(parts.iter().map(|part| part.changes.ops.len()).sum());
    for (number, part) in parts.iter().enumerate() {
        let Changes { ops, ordinals, .. } = part.changes;
        for row in 0..ops.len() {
            // An after-image is where its before-image is.
            let first = match row.checked_sub(1) {
                Some(before) if ops[row] == Op::UpdateAfter && ops[before] == Op::UpdateBefore => before,
                _ => row,
            };
            order.push((ordinals.get(first).copied().unwrap_or(first as u32), number, row));
        }
    }
    order.sort_unstable();
    order.into_iter().map(|(_, part, row)| (part, row)).collect()
}

/// The frames of all parts as one, whose row came from that place in `order`.
fn interleaved(parts: &[Part<'_>], order: &[(usize, usize)]) -> Result<Frame, Error> {
    let mut next = vec![0; parts.len()];
    let (mut places, mut origin) = (Vec::new(), Vec::new());
    for (at, &(part, row)) in order.iter().enumerate() {
        let frame = &parts[part].frame;
        while next[part] < frame.rows && frame.origin(next[part]) as usize == row {
            places.push((part, next[part]));
            origin.push(at as u32);
            next[part] += 1;
        }
    }
    let width = parts.first().map_or(0, |part| part.frame.columns.len());
    let column = |column: usize| {
        let arrays: Vec<&dyn Array> = parts.iter().map(|part| part.frame.columns[column].as_ref()).collect();
        interleave(&arrays, &places)
    };
    let columns = (0..width).map(column).collect::<Result<_, _>>()?;
    Ok(Frame { columns, rows: places.len(), origin: Some(origin) })
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int32Array, RecordBatch};
    use arrow_schema::{DataType, Field, Schema};
    use rowmill_change::Position;

    use super::*;
    use crate::stream::{Branch, Stream};

    /// Parts of batches with these ops and ordinals; their only column is the ordinal.
    fn ordered(batches: &[(&[Op], &[u32])]) -> Vec<(usize, usize)> {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, false)]));
        let stream = |_| Stream::new("t".to_owned(), schema.clone(), vec![0], Branch::new(Vec::new(), Vec::new()));
        let position = Position::new("b.000001", 4);
        let rows: Vec<RecordBatch> = batches
            .iter()
            .map(|(_, ordinals)| {
                let column = Int32Array::from_iter_values(ordinals.iter().map(|&n| n as i32));
                RecordBatch::try_new(schema.clone(), vec![Arc::new(column)]).unwrap()
            })
            .collect();
        let times = vec![0; 100];
        let changes: Vec<Changes<'_>> = batches
            .iter()
            .zip(&rows)
            .map(|(&(ops, ordinals), rows)| Changes {
                rows,
                ops,
                commit_time: &times[..ops.len()],
                ordinals,
                transactions: &[],
                position: &position,
            })
            .collect();
        let parts: Vec<Part<'_>> = changes
            .iter()
            .map(|changes| Part {
                entry: Entry { node: 0, tags: Arc::new([]) },
                root: stream(()).unwrap().root,
                changes,
                facts: Arc::new(RowFacts { ops: changes.ops, commit_time: changes.commit_time, seeds: None }),
                frame: Frame { columns: changes.rows.columns().to_vec(), rows: changes.rows.num_rows(), origin: None },
            })
            .collect();
        let order = order(&parts);
        // What is left out of a frame keeps its place, and the others keep theirs.
        let frame = interleaved(&parts, &order).unwrap();
        let expected: Vec<i32> = order.iter().map(|&(part, row)| batches[part].1[row] as i32).collect();
        let column = frame.columns[0].as_any().downcast_ref::<Int32Array>().unwrap();
        assert_eq!(column.values().to_vec(), expected);
        order
    }

    #[test]
    fn rows_come_in_the_order_of_the_event() {
        use Op::{Delete, Insert, UpdateAfter, UpdateBefore};
        let orders: (&[Op], &[u32]) = (&[Insert, UpdateBefore, UpdateAfter, Delete], &[0, 3, 4, 6]);
        let returns: (&[Op], &[u32]) = (&[Insert, Insert, Delete], &[1, 2, 5]);
        assert_eq!(ordered(&[orders, returns]), [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2), (0, 3)]);
        assert_eq!(ordered(&[returns, orders]), [(1, 0), (0, 0), (0, 1), (1, 1), (1, 2), (0, 2), (1, 3)]);
        // The same rows along two ways: the images of an update stay together.
        let update: (&[Op], &[u32]) = (&[UpdateBefore, UpdateAfter], &[0, 1]);
        assert_eq!(ordered(&[update, update]), [(0, 0), (0, 1), (1, 0), (1, 1)]);
    }
}
