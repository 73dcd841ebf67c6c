//! The engine: how components are compiled and run, the cache, and the tick.
//!
//! # Choices, each measured
//!
//! - No concurrency support in the component model (`concurrency_support(false)`): it
//!   would cost 0.35 to 0.9 µs a call.
//! - The pooling allocator with the default 4 GiB reservation per memory: an instance in
//!   13 µs, and no bounds checks. Where the address space for the pool is not to be had,
//!   instances are made on demand, and a log line says so.
//! - Epoch interruption: one load and compare per loop, a thread that counts every 10 ms.
//!
//! One engine serves a whole process; it is a cheap handle.

use std::path::PathBuf;
use std::sync::Arc;

use rowmill_foreign::line;
use sha2::{Digest, Sha256};
use wasmtime::component::Linker;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::artifact;
use crate::budget::TICK;
use crate::cache::Cache;
use crate::compile::structure::{self, Refusal};
use crate::compile::{Compiler, worker};
use crate::component::Component;
use crate::error::{Error, Site};
use crate::loaded::Loaded;
use crate::pool::Pool;
use crate::world::{self, World};

/// The largest component that is loaded. A Python component has 18 MiB; compiling costs
/// about 0.7 s per MiB, so twice of this is a minute and a half of one core.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// Component instances in the pool. Memories and core instances have headroom above it,
/// because one component may hold many core modules (a Python one 27).
const POOL_INSTANCES: u32 = 1000;
const POOL_MEMORIES: u32 = 2000;
const POOL_CORE_INSTANCES: u32 = 10_000;

/// Stack of a guest, and of the fiber around it with room for host functions.
const WASM_STACK_BYTES: usize = 1 << 20;
const FIBER_STACK_BYTES: usize = 2 << 20;

/// How an engine is set up.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// The folder for compiled components; none: compile each time. It must be private
    /// to this user (0700) and nobody else may be able to replace it, otherwise it stays
    /// unused, with a warning.
    pub cache: Option<PathBuf>,
    /// Who compiles.
    pub compiler: Compiler,
    /// How many instances there can be at once, of all pipelines; none: a thousand. Functions share them, and wait
    /// where they are all in calls; aggregates keep theirs, and one that finds no room is refused.
    pub instances: Option<u32>,
}

/// Compiles and loads components. Cloning gives another handle of the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<World>,
    loaded: Loaded,
    cache: Option<Cache>,
    compiler: Compiler,
    pool: Arc<Pool>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Sets up the engine and starts its tick, which ends with the last handle.
    pub fn new(options: EngineOptions) -> Result<Engine, Error> {
        let instances = options.instances.unwrap_or(POOL_INSTANCES).max(2);
        let engine = match wasmtime::Engine::new(&pooling(instances)) {
            Ok(engine) => engine,
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "no address space for a pool of instances, making each on demand"
                );
                wasmtime::Engine::new(&base()).map_err(|e| engine_error(&e))?
            }
        };
        let mut linker = Linker::new(&engine);
        world::add_to_linker(&mut linker).map_err(|e| engine_error(&e))?;
        start_tick(&engine)?;
        let cache = options.cache.and_then(|folder| Cache::open(&folder, &engine));
        let pool = Arc::new(Pool::new(instances));
        let loaded = Loaded::default();
        Ok(Engine(Arc::new(Inner { engine, linker, loaded, cache, compiler: options.compiler, pool })))
    }

    /// Checks, compiles (or finds compiled) and links a component. `name` is what error
    /// messages call it. Dropping the future gives up compiling.
    pub async fn load(&self, name: &str, wasm: &[u8]) -> Result<Component, Error> {
        self.load_known(name, wasm, None).await
    }

    /// The same for a component that is part of the program, whose SHA-256 (in hexadecimal) was computed when it was
    /// built: if the cache has it compiled, its bytes are neither hashed nor read.
    pub async fn load_embedded(&self, name: &str, wasm: &'static [u8], digest: &str) -> Result<Component, Error> {
        self.load_known(name, wasm, Some(digest)).await
    }

    async fn load_known(&self, name: &str, wasm: &[u8], digest: Option<&str>) -> Result<Component, Error> {
        let site = Arc::new(Site { component: name.to_owned(), ..Site::default() });
        let size = wasm.len() as u64;
        if size > COMPONENT_BYTES_MAX {
            return Err(Error::TooLarge { site, size, max: COMPONENT_BYTES_MAX });
        }
        ensure_component(&site, wasm)?;
        let digest = digest.map_or_else(|| hex(&Sha256::digest(wasm)), str::to_owned);
        let compiled = match self.0.loaded.get(&digest) {
            Some(loaded) => loaded,
            None => self.0.loaded.add(&digest, self.compiled(&site, &digest, wasm).await?),
        };
        Component::new(&self.0.engine, &self.0.linker, &self.0.pool, site, digest, size, compiled)
    }

    /// The compiled component: from the cache, or made and put there. What takes long is done on
    /// blocking threads, or by a worker, which ends when this future is dropped.
    async fn compiled(
        &self,
        site: &Arc<Site>,
        digest: &str,
        wasm: &[u8],
    ) -> Result<wasmtime::component::Component, Error> {
        if let Some(component) = self.blocking(digest, |inner, digest| inner.cached(digest)).await? {
            return Ok(component);
        }
        let _turn = match &self.0.cache {
            Some(cache) => cache.turn(digest).await,
            None => None,
        };
        if let Some(component) = self.blocking(digest, |inner, digest| inner.made_meanwhile(digest)).await? {
            return Ok(component);
        }
        let wasm: Arc<[u8]> = wasm.into();
        let (bytes, at) = (Arc::clone(&wasm), Arc::clone(site));
        self.blocking(digest, move |_, _| ensure_structure(&at, &bytes)).await??;
        let compiled = match &self.0.compiler {
            Compiler::Worker(program) => worker::compile(program, site, &wasm).await?,
            Compiler::InProcess => {
                let compiled = self.blocking(digest, move |inner, _| inner.engine.precompile_component(&wasm)).await?;
                compiled.map_err(|error| compile_error(site, &error))?
            }
        };
        let loaded = self.blocking(digest, move |inner, digest| inner.keep(digest, &compiled)).await?;
        loaded.map_err(|error| compile_error(site, &error))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        digest: &str,
        job: impl FnOnce(&Inner, &str) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (this, digest) = (self.clone(), digest.to_owned());
        tokio::task::spawn_blocking(move || job(&this.0, &digest))
            .await
            .map_err(|error| Error::Engine { message: format!("compiling was cut off: {error}") })
    }
}

impl Inner {
    fn cached(&self, digest: &str) -> Option<wasmtime::component::Component> {
        self.cache.as_ref()?.get(&self.engine, digest)
    }

    /// What was wrong before has been said.
    fn made_meanwhile(&self, digest: &str) -> Option<wasmtime::component::Component> {
        self.cache.as_ref()?.look(&self.engine, digest).ok().flatten()
    }

    /// Puts it into the cache and takes it from there: mapped, its pages are shared with other processes.
    fn keep(&self, digest: &str, compiled: &[u8]) -> wasmtime::Result<wasmtime::component::Component> {
        if let Some(cache) = &self.cache
            && cache.put(digest, compiled)
            && let Some(component) = cache.get(&self.engine, digest)
        {
            return Ok(component);
        }
        artifact::load(&self.engine, compiled)
    }
}

fn compile_error(site: &Arc<Site>, error: &wasmtime::Error) -> Error {
    Error::Compile { site: site.clone(), message: line(&format!("{error:#}")).into_owned() }
}

fn ensure_structure(site: &Arc<Site>, wasm: &[u8]) -> Result<(), Error> {
    structure::ensure(wasm).map_err(|refusal| match refusal {
        Refusal::TooMuch { what, found, max } => Error::Structure { site: site.clone(), what, found, max },
        Refusal::Malformed(message) => Error::Compile { site: site.clone(), message: line(&message).into_owned() },
    })
}

fn engine_error(error: &wasmtime::Error) -> Error {
    Error::Engine { message: format!("{error:#}") }
}

/// Also what a compile worker uses: all that compiled code depends on is in here.
pub(crate) fn base() -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_component_model(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        // A seventh of what is compiled, kept, and checked at each start: for offsets in backtraces, which nobody is
        // shown, and for other unwinders than the engine's own.
        .generate_address_map(false)
        .native_unwind_info(false);
    config
}

fn pooling(instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(POOL_CORE_INSTANCES.max(instances.saturating_mul(10)))
        .total_memories(POOL_MEMORIES.max(instances.saturating_mul(2)))
        .total_tables(POOL_CORE_INSTANCES.max(instances.saturating_mul(10)))
        .total_stacks(instances)
        .max_core_instances_per_component(300)
        .max_memories_per_component(300)
        .max_tables_per_component(300)
        .max_tables_per_module(16)
        .table_elements(200_000)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20);
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Counts the engine's epoch up every [`TICK`], until the engine is gone.
fn start_tick(engine: &wasmtime::Engine) -> Result<(), Error> {
    let weak = engine.weak();
    let run = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new()
        .name("wasm-tick".to_owned())
        .spawn(run)
        .map(drop)
        .map_err(|e| Error::Engine { message: format!("its tick thread does not start: {e}") })
}

/// Tells a component from what people take for one.
fn ensure_component(site: &Arc<Site>, wasm: &[u8]) -> Result<(), Error> {
    let found = match wasm {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => "a core WebAssembly module".to_owned(),
        [0, b'a', b's', b'm', ..] => "a WebAssembly file of another version".to_owned(),
        [0x7f, b'E', b'L', b'F', ..] => "a native program or library".to_owned(),
        [] => "an empty file".to_owned(),
        [b'(', ..] => "WebAssembly text".to_owned(),
        other => {
            let start: Vec<String> = other.iter().take(4).map(|b| format!("{b:02x}")).collect();
            format!("a file that starts with the bytes {}", start.join(" "))
        }
    };
    Err(Error::NotAComponent { site: site.clone(), found })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    /// Otherwise what a worker compiles could not be loaded, or a cache entry of one not be found.
    #[test]
    fn the_pool_changes_nothing_about_compiled_code() {
        let hash = |config: &Config| {
            let mut hasher = DefaultHasher::new();
            wasmtime::Engine::new(config).unwrap().precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(&base()), hash(&pooling(POOL_INSTANCES)));
        let mut other = base();
        other.epoch_interruption(false);
        assert_ne!(hash(&base()), hash(&other));
    }
}
