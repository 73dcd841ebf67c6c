//! Sessions: windows that rows make together.
//!
//! State is kept per key and event time, the *members*; the key of a member ends with its time. A
//! session is a run of members of one key that are closer than the gap. Its result is merged from
//! its members' states in a scratch group, so that a delete can split a session and a row between two
//! can join them. Which sessions a key has follows from its members alone.
//!
//! An epoch looks at whole keys: of each key that changed (or in which a session closed) the sessions
//! before and after, told apart by their spans. Members of closed sessions are freed, so a key
//! has few. `ends`, a table of the store, lists members on disk by time, to find what closes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, TimeUnit};
use rowmill_change::Op;
use rowmill_state::{Key, Value, Writes};

use super::call::GROUPS_PER_CALL;
use super::changelog::output;
use super::groups::Results;
use super::table::{STORED, Table};
use super::window::{Span, Time};
use super::{Aggregate, Changelog, Cursor, Emission};
use crate::error::Error;
use rowmill_plan::{Emit, Late};

/// A time at the end of a key: one byte that says "not NULL", then eight that sort as the time does.
const TIME_BYTES: usize = 9;

pub(super) struct Sessions {
    gap: i64,
    /// Members in memory by key.
    members: BTreeMap<Box<[u8]>, u32>,
    /// What the keys that changed in this epoch showed before.
    before: HashMap<Box<[u8]>, Shown>,
}

/// The sessions of one key that are written.
type Shown = Vec<Session>;

/// A session with its result.
#[derive(Clone)]
struct Session {
    span: Span,
    /// The key of its first member, and how it is spelled.
    member: Box<[u8]>,
    shown: Box<[u8]>,
    /// One value per call, each an array of one row; `None`: it has no result.
    result: Option<Vec<ArrayRef>>,
}

/// A key without its time.
fn owner(member: &[u8]) -> &[u8] {
    &member[..member.len().saturating_sub(TIME_BYTES)]
}

/// The key in `ends`: time first.
fn by_time(member: &[u8]) -> Key {
    let at = member.len().saturating_sub(TIME_BYTES);
    [&member[at..], &member[..at]].concat().into()
}

/// What `ends` needs beside the writes of members.
pub(super) fn index(ends: &str, members: &Writes) -> Writes {
    let value = |value: &Option<Value>| value.as_ref().map(|_| Box::from([]) as Value);
    let entries = members.entries.iter().map(|(key, record)| (by_time(key), value(record))).collect();
    Writes { table: ends.to_owned(), entries }
}

/// The member behind a key of `ends`.
fn member_of(by_time: &[u8]) -> Key {
    let at = by_time.len().min(TIME_BYTES);
    [&by_time[at..], &by_time[..at]].concat().into()
}

impl Sessions {
    pub(crate) fn new(gap: i64) -> Self {
        Self { gap, members: BTreeMap::new(), before: HashMap::new() }
    }

    /// Members that left the memory are not listed any more.
    pub(super) fn forget_evicted(&mut self, table: &Table) {
        self.members.retain(|key, slot| table.is_live(*slot) && table.slot(*slot).key == *key);
    }

    fn of_owner(&self, owner: &[u8]) -> impl Iterator<Item = (&Box<[u8]>, u32)> {
        let from: Bound<&[u8]> = Bound::Included(owner);
        let range = self.members.range::<[u8], _>((from, Bound::Unbounded));
        let owner: Box<[u8]> = Box::from(owner);
        range.take_while(move |(key, _)| key.starts_with(&owner)).map(|(key, slot)| (key, *slot))
    }
}

/// The key byte string of a time.
fn time_bytes(at: Time) -> Result<Box<[u8]>, Error> {
    let field = SortField::new(DataType::Timestamp(TimeUnit::Microsecond, None));
    let column: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![at]));
    Ok(Box::from(RowConverter::new(vec![field])?.convert_columns(&[column])?.row(0).data()))
}

impl Aggregate {
    fn sessions_mut(&mut self) -> Result<&mut Sessions, Error> {
        self.sessions.as_mut().ok_or_else(|| Error::internal("sessions of a step that has none"))
    }

    /// Notes which members change, and what their keys show so far.
    pub(super) async fn touch_sessions(&mut self, slots: &[u32], emission: Emission) -> Result<(), Error> {
        let mut owners = BTreeSet::new();
        for &slot in slots {
            let table = &mut self.groups.entries.table;
            if !table.touch(slot) {
                continue;
            }
            self.touched.push(slot);
            let key = table.slot(slot).key.clone();
            owners.insert(Box::from(owner(&key)));
            self.sessions_mut()?.members.insert(key, slot);
        }
        if !emission.is_some() {
            return Ok(());
        }
        owners.retain(|owner| self.sessions.as_ref().is_some_and(|sessions| !sessions.before.contains_key(owner)));
        let owners: Vec<Box<[u8]>> = owners.into_iter().collect();
        let closed = self.closed();
        let shown = self.shown(&owners, closed).await?;
        self.sessions_mut()?.before.extend(owners.into_iter().zip(shown));
        Ok(())
    }

    fn closed(&self) -> Time {
        self.windowing.as_ref().map_or(Time::MIN, |windowing| windowing.closed)
    }

    fn shows_open(&self) -> bool {
        self.windowing.as_ref().is_none_or(|windowing| windowing.emit == Emit::Update)
    }

    /// Brings the members of a key back that are on disk.
    async fn load_owner(&mut self, owner: &[u8]) -> Result<(), Error> {
        if !self.groups.entries.is_on_disk() {
            return Ok(());
        }
        let (state, name) = (self.groups.state.clone(), self.groups.entries.name.clone());
        let mut after: Option<Key> = None;
        // Members follow their owner's bytes and stay below them with another byte of 0xff, since a
        // time begins with 1.
        let below: Key = [owner, &[0xff]].concat().into();
        loop {
            let from = after.clone().unwrap_or_else(|| Box::from(owner));
            let found = state.scan(&name, Some(from), Some(below.clone()), GROUPS_PER_CALL).await?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = Some(last.clone());
            let mut restored = Vec::new();
            for (key, value) in found {
                let table = &mut self.groups.entries.table;
                if table.find(&key).is_none() && !table.is_gone(&key) {
                    let slot = table.insert(&key);
                    table.slot_mut(slot).flags |= STORED;
                    self.sessions_mut()?.members.insert(key, slot);
                    restored.push((slot, value));
                }
            }
            self.groups.restore(&restored).await?;
        }
    }

    /// The sessions of a key: spans and members.
    fn sessions_of(&self, owner: &[u8]) -> Vec<(Span, Vec<u32>)> {
        let Some(sessions) = &self.sessions else { return Vec::new() };
        let table = &self.groups.entries.table;
        let mut found: Vec<(Span, Vec<u32>)> = Vec::new();
        for (_, slot) in sessions.of_owner(owner) {
            let entry = table.slot(slot);
            if entry.count <= 0 {
                continue;
            }
            let (start, end) = (entry.time - sessions.gap, entry.time);
            match found.last_mut() {
                Some((span, members)) if start < span.end => {
                    span.end = end;
                    members.push(slot);
                }
                _ => found.push((Span { start, end }, vec![slot])),
            }
        }
        found
    }

    /// What keys show: all their sessions, or only those that end by `closed`.
    async fn shown(&mut self, owners: &[Box<[u8]>], closed: Time) -> Result<Vec<Shown>, Error> {
        let open = self.shows_open();
        let mut all = Vec::new();
        let mut counts = Vec::new();
        for owner in owners {
            self.load_owner(owner).await?;
            let sessions = self.sessions_of(owner);
            let before = all.len();
            all.extend(sessions.into_iter().filter(|(span, _)| open || span.end <= closed));
            counts.push(all.len() - before);
        }
        let members: Vec<&[u32]> = all.iter().map(|(_, members)| &members[..]).collect();
        let results = self.evaluate_sessions(&members).await?;
        let firsts: Vec<u32> = members.iter().map(|members| members[0]).collect();
        self.report(&firsts, &results)?;
        let failed: BTreeSet<usize> = results.errors.iter().map(|(_, error)| error.row).collect();
        let table = &self.groups.entries.table;
        let mut sessions = all.iter().enumerate().map(|(row, (span, members))| Session {
            span: *span,
            member: table.slot(members[0]).key.clone(),
            shown: table.slot(members[0]).shown.clone().unwrap_or_default(),
            result: (!failed.contains(&row))
                .then(|| results.columns.iter().map(|column| column.slice(row, 1)).collect()),
        });
        Ok(counts.into_iter().map(|count| sessions.by_ref().take(count).collect()).collect())
    }

    /// The results of sessions, each merged from its members in a scratch group.
    async fn evaluate_sessions(&mut self, sessions: &[&[u32]]) -> Result<Results, Error> {
        let first = self.groups.entries.table.numbers();
        let mut numbers = Vec::with_capacity(sessions.len());
        let mut sources = Vec::new();
        let mut scratch = Vec::new();
        let mut targets = Vec::new();
        for members in sessions {
            match members {
                [only] => numbers.push(*only),
                members => {
                    let number = first + scratch.len() as u32;
                    numbers.push(number);
                    scratch.push(number);
                    sources.extend_from_slice(members);
                    targets.extend(std::iter::repeat_n(number, members.len()));
                }
            }
        }
        let count = first + scratch.len() as u32;
        for (sources, targets) in sources.chunks(GROUPS_PER_CALL).zip(targets.chunks(GROUPS_PER_CALL)) {
            let (sources, targets) = (UInt32Array::from(sources.to_vec()), UInt32Array::from(targets.to_vec()));
            for call in &mut self.groups.calls {
                let states = call.states(&sources).await?;
                call.merge(count, &targets, &states).await?;
            }
        }
        let results = self.groups.evaluate(&numbers).await?;
        self.groups.evict(&scratch).await?;
        Ok(results)
    }

    /// Keys with a member that ends by `watermark` and after `closed`.
    async fn closing_owners(&mut self, closed: Time, watermark: Time) -> Result<BTreeSet<Box<[u8]>>, Error> {
        let Some(sessions) = &self.sessions else { return Ok(BTreeSet::new()) };
        let table = &self.groups.entries.table;
        let closes = |slot: &u32| table.slot(*slot).time > closed && table.slot(*slot).time <= watermark;
        let mut owners: BTreeSet<Box<[u8]>> =
            sessions.members.iter().filter(|(_, slot)| closes(slot)).map(|(key, _)| Box::from(owner(key))).collect();
        if !self.groups.entries.is_on_disk() {
            return Ok(owners);
        }
        let Some(ends) = self.groups.ends.clone() else { return Ok(owners) };
        let (state, gap) = (self.groups.state.clone(), sessions.gap);
        let mut after = match closed {
            Time::MIN => None,
            // No owner's bytes begin with 0xff, so this comes after all members of that time.
            closed => Some([&*time_bytes(closed.saturating_sub(gap))?, &[0xff]].concat().into()),
        };
        let below = time_bytes(watermark.saturating_sub(gap).saturating_add(1))?;
        loop {
            let found = state.scan(&ends, after.clone(), Some(below.clone()), GROUPS_PER_CALL).await?;
            let Some((last, _)) = found.last() else { return Ok(owners) };
            after = Some(last.clone());
            owners.extend(found.iter().map(|(key, _)| Box::from(owner(&member_of(key)))));
        }
    }

    /// Ends the epoch of a step with sessions.
    pub(super) async fn finish_sessions(&mut self, emission: Emission) -> Result<Option<Changelog>, Error> {
        let (closed, watermark) = (self.closed(), self.windowing.as_ref().map_or(Time::MIN, |w| w.watermark()));
        let now = closed.max(watermark);
        let table = &self.groups.entries.table;
        let mut owners: BTreeSet<Box<[u8]>> =
            self.touched.iter().map(|&slot| Box::from(owner(&table.slot(slot).key))).collect();
        if now > closed {
            owners.extend(self.closing_owners(closed, now).await?);
        }
        let owners: Vec<Box<[u8]>> = owners.into_iter().collect();
        let mut changelog = None;
        if emission.is_some() {
            let mut before = std::mem::take(&mut self.sessions_mut()?.before);
            let unknown: Vec<Box<[u8]>> = owners.iter().filter(|owner| !before.contains_key(*owner)).cloned().collect();
            let shown = self.shown(&unknown, closed).await?;
            before.extend(unknown.into_iter().zip(shown));
            let after = self.shown(&owners, now).await?;
            let pairs =
                owners.iter().zip(after).map(|(owner, after)| (before.remove(owner).unwrap_or_default(), after));
            changelog = self.compare_sessions(pairs, emission)?;
        }
        if let Some(windowing) = &mut self.windowing {
            windowing.closed = now;
        }
        self.settle_sessions(&owners, now).await?;
        Ok(changelog)
    }

    fn compare_sessions(
        &self,
        keys: impl Iterator<Item = (Shown, Shown)>,
        emission: Emission,
    ) -> Result<Option<Changelog>, Error> {
        let mut images: Vec<(Session, Op)> = Vec::new();
        for (before, after) in keys {
            let mut before: BTreeMap<Span, Session> =
                before.into_iter().filter(|s| s.result.is_some()).map(|s| (s.span, s)).collect();
            let mut new = Vec::new();
            for session in after.into_iter().filter(|session| session.result.is_some()) {
                match before.remove(&session.span) {
                    Some(old) if old.shown != session.shown => {
                        new.push((old, Op::Delete));
                        new.push((session, Op::Insert));
                    }
                    Some(old) if self.same(&old, &session)? => {}
                    Some(old) => {
                        if emission == Emission::Images {
                            new.push((old, Op::UpdateBefore));
                        }
                        new.push((session, Op::UpdateAfter));
                    }
                    None => new.push((session, Op::Insert)),
                }
            }
            images.extend(before.into_values().map(|session| (session, Op::Delete)));
            images.extend(new);
        }
        if images.is_empty() {
            return Ok(None);
        }
        let (sessions, ops): (Vec<Session>, Vec<Op>) = images.into_iter().unzip();
        Ok(Some(Changelog { rows: self.session_rows(&sessions)?, ops }))
    }

    fn same(&self, one: &Session, other: &Session) -> Result<bool, Error> {
        let encode = |session: &Session| self.results.convert_columns(session.result.as_deref().unwrap_or_default());
        Ok(encode(one)?.row(0) == encode(other)?.row(0))
    }

    fn session_rows(&self, sessions: &[Session]) -> Result<RecordBatch, Error> {
        let keys: Vec<&[u8]> = sessions.iter().map(|session| &*session.member).collect();
        let shown: Vec<&[u8]> = sessions.iter().map(|session| &*session.shown).collect();
        let mut columns = self.keys.decode(&keys, &shown)?;
        columns.pop();
        let times = |time: fn(&Span) -> Time| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from_iter_values(sessions.iter().map(|session| time(&session.span))))
        };
        columns.extend([times(|span| span.start), times(|span| span.end)]);
        for call in 0..self.groups.calls.len() {
            let values: Vec<&dyn arrow_array::Array> = sessions
                .iter()
                .filter_map(|session| session.result.as_ref().map(|result| result[call].as_ref()))
                .collect();
            columns.push(arrow_select::concat::concat(&values)?);
        }
        output(&self.output, columns)
    }

    /// Frees members without rows and those of closed sessions.
    async fn settle_sessions(&mut self, owners: &[Box<[u8]>], closed: Time) -> Result<(), Error> {
        let touched = std::mem::take(&mut self.touched);
        let table = &mut self.groups.entries.table;
        let mut ended: Vec<u32> = Vec::new();
        for &slot in &touched {
            table.settle(slot);
            if table.slot(slot).count < 0 {
                return Err(self.taken_out_too_often(slot)?);
            }
            if table.slot(slot).count == 0 {
                ended.push(slot);
            }
        }
        if self.windowing.as_ref().is_some_and(|windowing| windowing.late == Late::Drop) {
            for owner in owners {
                self.load_owner(owner).await?;
                let closing = self.sessions_of(owner).into_iter().filter(|(span, _)| span.end <= closed);
                ended.extend(closing.flat_map(|(_, members)| members));
            }
        }
        ended.sort_unstable();
        ended.dedup();
        for &slot in &ended {
            let key = self.groups.entries.table.slot(slot).key.clone();
            self.sessions_mut()?.members.remove(&key);
        }
        self.free(&ended).await
    }

    /// The next keys with all their sessions.
    pub(super) async fn next_sessions(&mut self, cursor: &mut Cursor) -> Result<RecordBatch, Error> {
        let from = cursor.after.clone();
        let (state, name) = (self.groups.state.clone(), self.groups.entries.name.clone());
        let start: Bound<&[u8]> = from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let members = &self.sessions_mut()?.members;
        let range = members.range::<[u8], _>((start, Bound::Unbounded));
        let here: Vec<Key> = range.take(GROUPS_PER_CALL).map(|(key, _)| key.clone()).collect();
        let disk = state.scan(&name, from.clone(), None, GROUPS_PER_CALL).await?;
        let more = here.len() == GROUPS_PER_CALL || disk.len() == GROUPS_PER_CALL;
        // Up to where both lists are known; a key that goes on beyond that is seen whole all the same.
        let end = |keys: &mut dyn Iterator<Item = &Key>, full: bool| keys.last().filter(|_| full).cloned();
        let ends = [
            end(&mut here.iter(), here.len() == GROUPS_PER_CALL),
            end(&mut disk.iter().map(|(key, _)| key), disk.len() == GROUPS_PER_CALL),
        ];
        let until = ends.into_iter().flatten().min();
        let keys = here.iter().chain(disk.iter().map(|(key, _)| key));
        let owners: BTreeSet<Box<[u8]>> = keys
            .filter(|key| until.as_ref().is_none_or(|until| *key <= until))
            .map(|key| Box::from(owner(key)))
            .collect();
        let owners: Vec<Box<[u8]>> = owners.into_iter().collect();
        cursor.done = !more;
        // All members of the last owner have been seen.
        cursor.after = owners.last().map(|owner| [&**owner, &[0xff]].concat().into()).or(from);
        let watermark = self.windowing.as_ref().map_or(Time::MIN, |windowing| windowing.watermark());
        let shown = self.shown(&owners, watermark).await?;
        let sessions: Vec<Session> = shown.into_iter().flatten().filter(|session| session.result.is_some()).collect();
        // The walk goes by key, so what leaves the memory now is not met again.
        if self.is_full() {
            self.make_room().await?;
        }
        match sessions.is_empty() {
            true => Ok(RecordBatch::new_empty(self.output.clone())),
            false => self.session_rows(&sessions),
        }
    }
}
