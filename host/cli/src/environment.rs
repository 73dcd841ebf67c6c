//! What pipelines share in this process: the engine, its compile cache, the built-in components.

use std::path::PathBuf;

use rowmill_flow::Environment;
use rowmill_flow::problem::{Fault, Problem};
use rowmill_wasm::{Engine, EngineOptions};

/// The engine with its cache in the user's cache folder.
pub(crate) fn environment() -> Result<Environment, Problem> {
    let engine = Engine::new(EngineOptions { cache: cache() })
        .map_err(|error| Problem::new(Fault::Internal, error.to_string()))?;
    Ok(Environment { engine, built_in: rowmill_udfs::component, built_in_names: rowmill_udfs::NAMES })
}

/// `$XDG_CACHE_HOME/rowmill/components`, else under `~/.cache`; none without a home.
fn cache() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("rowmill").join("components"))
}
