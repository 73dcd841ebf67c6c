//! What pipelines share in this process: the engine, its compile cache, the built-in components.

use std::ffi::OsString;
use std::path::PathBuf;

use rowmill_bind::Environment;
use rowmill_foreign::UserFolder;
use rowmill_plan::problem::{Fault, Problem};
use rowmill_wasm::{COMPILE_WORKER, Compiler, Engine, EngineOptions};

/// The engine with its cache in the user's cache folder.
pub(crate) fn environment() -> Result<Environment, Problem> {
    let engine = Engine::new(options(cache())).map_err(|error| Problem::new(Fault::Internal, error.to_string()))?;
    Ok(Environment {
        engine,
        built_in: rowmill_udfs::component,
        behaviour: rowmill_udfs::behaviour,
        built_in_names: rowmill_udfs::NAMES,
        state_root: state_root(),
    })
}

/// Components are compiled by workers, which are this program. It is named so that it is found whatever was
/// done to its file: an upgrade may have replaced it.
pub(crate) fn options(cache: Option<PathBuf>) -> EngineOptions {
    EngineOptions { cache, compiler: Compiler::Worker(PathBuf::from("/proc/self/exe")), instances: None }
}

/// Whether this process is to be a compile worker. That is no command: nobody types it.
pub(crate) fn is_compile_worker() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next() == Some(OsString::from(COMPILE_WORKER)) && arguments.next().is_none()
}

/// Where pipelines keep their state; none without a home.
pub(crate) fn state_root() -> Option<PathBuf> {
    UserFolder::State.path()
}

/// None without a home.
pub(crate) fn cache() -> Option<PathBuf> {
    Some(UserFolder::Cache.path()?.join("components"))
}
