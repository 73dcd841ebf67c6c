//! The world that a guest sees: WASI 0.2 without the world.
//!
//! | interface | what a guest gets |
//! |---|---|
//! | `wasi:io` | streams and polls, all of them ready at once |
//! | `wasi:cli` | no arguments, no environment, an empty stdin; stdout and stderr are log lines; `exit` is a trap |
//! | `wasi:clocks` | a wall clock that stands still; a monotonic clock that counts calls; sleeping returns at once |
//! | `wasi:random` | one fixed sequence |
//! | `wasi:filesystem` | no preopened folder, so nothing to open |
//! | `wasi:sockets` | creating a socket and looking up a name are denied |
//! | `rowmill:udf/host` | log lines and counters |
//!
//! Anything else is refused at load by name. So nothing in a guest's results depends on
//! when, where or how often it runs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rowmill_foreign::line;
use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView, async_trait};

use crate::bindings::{host, types};
use crate::bounds::COUNTERS_MAX;
use crate::budget::Budget;
use crate::error::Site;
use crate::limits::Limits;
use crate::log::{Level, Quota, Voice};
use crate::memory::Memory;

/// What is granted, for the message that refuses the rest.
pub(crate) const GRANTED: &str = "rowmill:udf/host@0.1, wasi:io@0.2, wasi:cli@0.2, \
    wasi:clocks@0.2, wasi:random@0.2, and, without effect, wasi:filesystem@0.2, wasi:sockets@0.2";

/// The interfaces granted, with the line of versions that is meant.
const INTERFACES: &[(&str, &str, &str)] = &[
    ("rowmill:udf/", "0.1.", "host types"),
    ("wasi:io/", "0.2.", "error poll streams"),
    (
        "wasi:cli/",
        "0.2.",
        "environment exit stdin stdout stderr terminal-input terminal-output terminal-stdin \
         terminal-stdout terminal-stderr",
    ),
    ("wasi:clocks/", "0.2.", "wall-clock monotonic-clock"),
    ("wasi:random/", "0.2.", "random insecure insecure-seed"),
    ("wasi:filesystem/", "0.2.", "types preopens"),
    ("wasi:sockets/", "0.2.", "network instance-network ip-name-lookup tcp tcp-create-socket udp udp-create-socket"),
];

/// 2000-01-01T00:00:00Z: no date that a guest could mistake for today, none that libraries
/// treat as unset.
const WALL_CLOCK_SECONDS: u64 = 946_684_800;

/// Handles that a guest may hold at once: streams, pollables. More is a leak.
const HANDLES_MAX: usize = 4096;

/// How long the name of a counter may be.
const COUNTER_NAME_BYTES: usize = 64;

/// Whether components are given the import of this name (`namespace:package/interface@version`).
pub(crate) fn granted(import: &str) -> bool {
    let Some((path, version)) = import.split_once('@') else {
        return false;
    };
    INTERFACES.iter().any(|(package, line, names)| {
        version.starts_with(line)
            && path.strip_prefix(package).is_some_and(|name| names.split_whitespace().any(|known| known == name))
    })
}

/// The data of a store: everything that one instance holds of the host.
pub(crate) struct World {
    wasi: WasiCtx,
    table: ResourceTable,
    clock: u64,
    pub(crate) memory: Memory,
    pub(crate) voice: Voice,
    pub(crate) budget: Arc<Budget>,
    counters: BTreeMap<String, u64>,
}

impl World {
    pub(crate) fn new(site: Arc<Site>, limits: &Limits, quota: Quota) -> World {
        let voice = Voice::new(site, quota);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(voice.stdout())
            .stderr(voice.stderr())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .wall_clock(StandingClock)
            .monotonic_clock(StandingClock)
            .secure_random(Deterministic::new(sequence(1)))
            .insecure_random(Deterministic::new(sequence(2)))
            .insecure_random_seed(0x726f_776d_696c_6c00_726f_776d_696c_6c01)
            .max_random_size(1 << 20);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        World {
            wasi: wasi.build(),
            table,
            clock: 0,
            memory: Memory::new(limits.memory),
            voice,
            budget: Arc::new(Budget::new()),
            counters: BTreeMap::new(),
        }
    }

    /// What the guest counted since the last look.
    pub(crate) fn take_counters(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.counters)
    }

    /// Whether [`World::take_counters`] has anything to give.
    pub(crate) fn has_counters(&self) -> bool {
        !self.counters.is_empty()
    }
}

/// Puts everything that is granted into the linker.
pub(crate) fn add_to_linker(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<World, Clock>(linker, |world| ClockView {
        now: &mut world.clock,
        table: &mut world.table,
    })?;
    linker.allow_shadowing(false);
    types::add_to_linker::<World, HasSelf<World>>(linker, |world| world)?;
    host::add_to_linker::<World, HasSelf<World>>(linker, |world| world)
}

/// 4 KiB of a fixed sequence (splitmix64), which then repeats.
fn sequence(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(4096);
    while bytes.len() < 4096 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    bytes
}

impl WasiView for World {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl types::Host for World {}

impl host::Host for World {
    fn log(&mut self, level: host::Level, message: String) {
        let level = match level {
            host::Level::Error => Level::Error,
            host::Level::Warn => Level::Warn,
            host::Level::Info => Level::Info,
            host::Level::Debug => Level::Debug,
        };
        self.voice.say(level, &message);
    }

    fn count(&mut self, counter: String, delta: u64) {
        if let Some(value) = self.counters.get_mut(&counter) {
            *value = value.saturating_add(delta);
        } else if self.counters.len() < COUNTERS_MAX
            && counter.len() <= COUNTER_NAME_BYTES
            // A name with controls in it names no series.
            && matches!(line(&counter), Cow::Borrowed(_))
        {
            self.counters.insert(counter, delta);
        }
    }
}

struct StandingClock;

impl HostWallClock for StandingClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(WALL_CLOCK_SECONDS)
    }
}

// Only reached if an interface asked the context instead of the shadowing `ClockView`.
impl HostMonotonicClock for StandingClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// Replaces `wasi:clocks/monotonic-clock`, whose own waits would really sleep.
struct Clock;

impl HasData for Clock {
    type Data<'a> = ClockView<'a>;
}

struct ClockView<'a> {
    now: &'a mut u64,
    table: &'a mut ResourceTable,
}

/// Is ready before anyone asks.
struct Ready;

#[async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {}
}

impl ClockView<'_> {
    fn ready(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let ready = self.table.push(Ready)?;
        subscribe(self.table, ready)
    }
}

impl monotonic_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        *self.now = self.now.saturating_add(1);
        Ok(*self.now)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    /// A sleeper expects its clock to have passed the time slept for, or it sleeps again.
    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        *self.now = (*self.now).max(when);
        self.ready()
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        *self.now = self.now.saturating_add(duration);
        self.ready()
    }
}
