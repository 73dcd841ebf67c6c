//! From `./price.wasm#total` or `std/text` to a loaded component.

use std::path::Path;

use rowmill_plan::problem::{Fault, Problem};
use rowmill_wasm::{COMPONENT_BYTES_MAX, Component, Engine, Error, Kind};

use crate::environment;

/// A component, and the function that was named after `#`.
pub(super) struct Opened {
    pub(super) component: Component,
    pub(super) function: Option<String>,
    /// Keeps the tick running that ends calls without end.
    pub(super) _engine: Engine,
}

/// Opens a file or a built-in component. Files are not cached: these commands look at what has just been built.
pub(super) async fn open(text: &str) -> Result<Opened, Box<Problem>> {
    let (name, function) = match text.split_once('#') {
        Some((name, function)) => (name, Some(function.to_owned())),
        None => (text, None),
    };
    let built_in = name.strip_prefix("std/");
    let cache = built_in.and_then(|_| environment::cache());
    let engine = Engine::new(environment::options(cache)).map_err(|error| problem(&error))?;
    let component = match built_in {
        Some(built_in) => {
            let (wasm, digest) = rowmill_udfs::component(built_in).ok_or_else(|| {
                let names: Vec<String> = rowmill_udfs::NAMES.iter().map(|name| format!("std/{name}")).collect();
                Box::new(
                    Problem::configuration(format!("no built-in component is called {name}"))
                        .needed(format!("one of {}, or the path of a file", names.join(", "))),
                )
            })?;
            engine.load_embedded(name, wasm, digest).await
        }
        None => {
            let wasm = rowmill_foreign::read(Path::new(name), COMPONENT_BYTES_MAX).map_err(|error| {
                Box::new(
                    Problem::configuration(format!("the component {name} can't be read"))
                        .found(error.to_string())
                        .needed("a .wasm file, or a built-in component such as std/text"),
                )
            })?;
            engine.load(name, &wasm).await
        }
    }
    .map_err(|error| problem(&error))?;
    Ok(Opened { component, function, _engine: engine })
}

impl Opened {
    /// The function that was named, or the only one, and whether it is an aggregate.
    pub(super) async fn function(&self) -> Result<(String, bool), Box<Problem>> {
        let description = self.component.describe().await.map_err(|error| problem(&error))?;
        if let Some(name) = &self.function {
            // One that isn't there is refused by bind, which names those that are.
            let aggregate = description.function(name).is_some_and(|function| function.kind == Kind::Aggregate);
            return Ok((name.clone(), aggregate));
        }
        match &description.functions[..] {
            [only] => Ok((only.name.clone(), only.kind == Kind::Aggregate)),
            several => {
                let names: Vec<&str> = several.iter().map(|function| function.name.as_str()).collect();
                Err(Box::new(
                    Problem::configuration(format!("{} has {} functions", self.component.name(), names.len()))
                        .needed("one named after #")
                        .fix(format!("append one of: {}", names.join(", "))),
                ))
            }
        }
    }
}

/// A component's error as a problem, blamed as the error says.
pub(super) fn problem(error: &Error) -> Box<Problem> {
    let fault = match error.fault() {
        rowmill_wasm::Fault::Configuration => Fault::Configuration,
        rowmill_wasm::Fault::Component => Fault::Component,
        rowmill_wasm::Fault::Internal => Fault::Internal,
    };
    Box::new(Problem::new(fault, error.to_string()))
}
