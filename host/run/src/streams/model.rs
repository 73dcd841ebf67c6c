//! A source and a target without servers, behind the traits that the conductor knows.
//!
//! Everything that could happen in another way is drawn from the seed: how the stream is cut, when it is dry, how long
//! anything takes, where a life ends and how. Every answer takes at least a millisecond of the runtime's paused time,
//! which goes on only when nothing else can: so what the disk and the components do in the meantime is done by then,
//! and a seed runs the same each time.

mod source;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rowmill_change::{Position, Standing, Target};
use rowmill_mysql::Error;
use tokio::sync::Notify;

pub(super) use self::target::Rows;
pub(crate) use self::target::text;
use super::Case;
use crate::handle::{Control, Handle, handle};

/// Lives that end before the work is done.
const LIVES: u64 = 12;

/// Where a life can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Point {
    Open,
    Claim,
    /// Something more of the source is opened.
    Reopen,
    Fill,
    Publish,
    Copy,
    Replay,
    Follow,
    Drain,
}

const POINTS: [Point; 9] = [
    Point::Open,
    Point::Claim,
    Point::Reopen,
    Point::Fill,
    Point::Publish,
    Point::Copy,
    Point::Replay,
    Point::Follow,
    Point::Drain,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
    SourceLost,
}

/// What outlives a life.
pub(super) struct World {
    pub(super) case: Arc<Case>,
    /// Changes come with both images.
    images: bool,
    random: StdRng,
    pub(super) life: u64,
    /// At which passage of a point this life ends, and how.
    ends: BTreeMap<Point, (u32, End)>,
    passed: BTreeMap<Point, u32>,
    /// So many answers take no time to speak of.
    hurries: u32,
    /// This life ends by itself when it has everything.
    until_caught_up: bool,
    handle: Handle,
    killed: Arc<Notify>,
    /// By target.
    pub(super) rows: Vec<Rows>,
    standing: Option<Standing>,
    /// As it was before the last commit.
    before: Option<Standing>,
    /// The newest moment that a snapshot showed: the next one shows none before it.
    seen: usize,
    /// Pauses that the target knows of.
    paused: BTreeSet<usize>,
    /// Where lives were killed.
    pub(super) kills: BTreeSet<Point>,
}

/// Shared by source and target.
#[derive(Clone)]
pub(super) struct Model(Arc<Mutex<World>>);

/// What a life begins with.
pub(super) struct Life {
    pub(super) control: Control,
    pub(super) killed: Arc<Notify>,
    pub(super) until_caught_up: bool,
    pub(super) found: Standing,
    pub(super) interval: Duration,
    pub(super) piece: usize,
}

impl Model {
    pub(super) fn new(case: Case, images: bool, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            case: Arc::new(case),
            images,
            random: StdRng::seed_from_u64(seed ^ 0x5eed),
            life: 0,
            ends: BTreeMap::new(),
            passed: BTreeMap::new(),
            hurries: 0,
            until_caught_up: false,
            handle: handle().0,
            killed: Arc::default(),
            rows: Vec::new(),
            standing: None,
            before: None,
            seen: 0,
            paused: BTreeSet::new(),
            kills: BTreeSet::new(),
        })))
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Another process starts.
    pub(super) fn begin_life(&self) -> Life {
        let mut world = self.world();
        world.life += 1;
        let calm = world.life > LIVES;
        world.ends.clear();
        for point in POINTS.into_iter().filter(|_| !calm) {
            let all = [End::Killed, End::Killed, End::Killed, End::Stopped, End::SourceLost];
            let how = if world.case.stops { End::Stopped } else { all[world.random.random_range(0..all.len())] };
            // A drain is short, and comes only to who was stopped.
            let passages = if point == Point::Drain { [1, 1, 2, 2, 4, 10] } else { [1, 2, 4, 10, 30, u32::MAX] };
            let nth = passages[world.random.random_range(0..6)];
            world.ends.insert(point, (nth, how));
        }
        let random = &mut world.random;
        let interval = [Duration::from_millis(30), Duration::from_secs(1), Duration::from_secs(10)];
        let interval = interval[random.random_range(0..3)];
        let piece = random.random_range(1..4);
        let until_caught_up = calm || random.random_range(0..2) == 0;
        let looked_late = random.random_range(0..4) == 0;
        world.until_caught_up = until_caught_up;
        world.passed.clear();
        world.killed = Arc::default();
        let (handle, control) = handle();
        world.handle = handle;
        let mut found = world.standing.clone().unwrap_or_default();
        // The process before went on after this one looked. State is locked meanwhile, so not with aggregates.
        if looked_late
            && !world.images
            && let Some(before) = &world.before
            && before.snapshot == found.snapshot
        {
            found = before.clone();
        }
        let killed = Arc::clone(&world.killed);
        Life { control, killed, until_caught_up, found, interval, piece }
    }

    /// Whether the target has everything.
    pub(super) fn is_done(&self) -> bool {
        let world = self.world();
        let end = world.case.position(world.case.changes.len() + 1);
        world.standing.as_ref().and_then(|standing| standing.position.as_ref()) == Some(&end)
    }

    /// Takes some time.
    async fn take_time(&self) {
        let pause = self.world().pause();
        tokio::time::sleep(pause).await;
    }

    /// Passes a point; if the process dies here, nothing comes after it. Answers whether the source is lost here.
    async fn pass(&self, point: Point) -> bool {
        let (dead, lost) = self.world().pass(point);
        if dead {
            std::future::pending::<()>().await;
        }
        lost
    }

    /// The target, if the claim finds it as it was looked at.
    pub(super) async fn claim(
        self,
        found: Standing,
    ) -> Result<Option<(Box<dyn Target<Error = Error>>, Standing)>, Error> {
        self.take_time().await;
        self.pass(Point::Claim).await;
        let mut world = self.world();
        let standing = world.standing.get_or_insert_with(|| Standing { incarnation: "i".to_owned(), ..found });
        let standing = Standing { age_seconds: standing.position.as_ref().map(|_| 1.0), ..standing.clone() };
        drop(world);
        Ok(Some((Box::new(self), standing)))
    }
}

impl World {
    fn pause(&mut self) -> Duration {
        if self.hurries > 0 {
            self.hurries -= 1;
            return Duration::from_millis(1);
        }
        let milliseconds = [1, 1, 1, 2, 15, 300][self.random.random_range(0..6)];
        Duration::from_millis(milliseconds)
    }

    fn pass(&mut self, point: Point) -> (bool, bool) {
        let passed = self.passed.entry(point).or_default();
        *passed += 1;
        let Some((_, how)) = self.ends.get(&point).filter(|(nth, _)| nth == passed) else { return (false, false) };
        match how {
            End::Killed => {
                self.kills.insert(point);
                self.killed.notify_one();
                (true, false)
            }
            End::Stopped => {
                self.handle.stop();
                (false, false)
            }
            End::SourceLost => (false, true),
        }
    }

    /// Where the target's changes end.
    fn reached(&self) -> Option<usize> {
        let position = self.standing.as_ref()?.position.as_ref()?;
        Some(Case::done(position))
    }

    fn stream_point(&self, at: usize) -> Point {
        match self.reached() {
            _ if self.handle.is_stopping() => Point::Drain,
            Some(reached) if at < reached => Point::Replay,
            _ => Point::Follow,
        }
    }
}

impl Case {
    /// The position after so many changes: inside of a transaction it names its beginning.
    pub(super) fn position(&self, done: usize) -> Position {
        let begun = match done > self.changes.len() || self.ends.contains(&done) {
            true => done,
            false => self.ends.range(..done).next_back().copied().unwrap_or(0),
        };
        Position { rows: (done - begun) as u64, ..Position::new("binlog.000001", begun as u64 + 4) }
    }

    /// The number of changes before a position.
    pub(super) fn done(position: &Position) -> usize {
        (position.offset - 4 + position.rows) as usize
    }
}
