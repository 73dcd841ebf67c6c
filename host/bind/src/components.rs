//! Components by reference: loaded once per plan, whatever the number of steps that use them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rowmill_wasm::{COMPONENT_BYTES_MAX, Component, Description, Engine, Kind};

use rowmill_plan::ComponentRef;
use rowmill_plan::problem::Problem;

/// The built-in components: name after `std/` to bytes, and their SHA-256 in hexadecimal. Handed in by the binary, so
/// that nothing in the runtime depends on a particular component.
pub type BuiltIn = fn(&str) -> Option<(&'static [u8], &'static str)>;

/// What results a built-in component has: a number, and the SHA-256 in hexadecimal of builds that had the same before
/// there were numbers.
pub type Behaviour = fn(&str) -> Option<(u32, &'static [&'static str])>;

/// What the runtime needs from its surroundings to turn a plan into running steps.
#[derive(Clone)]
pub struct Environment {
    /// Compiles and runs components; shared by all pipelines of the process.
    pub engine: Engine,
    /// Finds `std/…`.
    pub built_in: BuiltIn,
    /// The same of its results.
    pub behaviour: Behaviour,
    /// The names that `built_in` knows, for messages.
    pub built_in_names: &'static [&'static str],
    /// The folder under which pipelines keep what outlives them, each in one of its name. `None`: there is none, and
    /// pipelines with aggregates have to name theirs.
    pub state_root: Option<PathBuf>,
}

/// Loaded components of one plan.
pub(crate) struct Components {
    environment: Environment,
    loaded: BTreeMap<ComponentRef, (Component, Arc<Description>)>,
}

impl Components {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, loaded: BTreeMap::new() }
    }

    /// The component and its catalog. The problem has no place yet.
    pub(crate) async fn get(&mut self, reference: &ComponentRef) -> Result<(Component, Arc<Description>), Problem> {
        if let Some(found) = self.loaded.get(reference) {
            return Ok(found.clone());
        }
        let name = reference.to_string();
        let engine = &self.environment.engine;
        let component = match reference {
            ComponentRef::Std(built_in) => {
                let (wasm, digest) = (self.environment.built_in)(built_in).ok_or_else(|| {
                    let names: Vec<String> =
                        self.environment.built_in_names.iter().map(|name| format!("std/{name}")).collect();
                    Problem::configuration(format!("no built-in component is called std/{built_in}"))
                        .found(name.clone())
                        .needed(names.join(" or "))
                })?;
                engine.load_embedded(&name, wasm, digest).await
            }
            ComponentRef::Path(path) => {
                let path = path.clone();
                let shown = path.display().to_string();
                let wasm = tokio::task::spawn_blocking(move || rowmill_foreign::read(&path, COMPONENT_BYTES_MAX))
                    .await
                    .map_err(|error| Problem::new(rowmill_plan::problem::Fault::Internal, error.to_string()))?
                    .map_err(|error| {
                        Problem::configuration(format!("component {shown} can't be read"))
                            .found(error.to_string())
                            .needed("a WebAssembly component; paths are relative to the pipeline file")
                    })?;
                engine.load(&name, &wasm).await
            }
        }
        .map_err(|error| Problem::component(error.to_string()))?;
        let description = component.describe().await.map_err(|error| Problem::component(error.to_string()))?;
        let found = (component, description);
        self.loaded.insert(reference.clone(), found.clone());
        Ok(found)
    }
}

/// The function that a call means: the named one, or the only one of `kind`.
pub(crate) fn choose(
    component: &str,
    description: &Description,
    name: Option<&str>,
    kind: Kind,
    step_kind: &str,
) -> Result<String, Problem> {
    let of_kind: Vec<&str> =
        description.functions.iter().filter(|function| function.kind == kind).map(|f| f.name.as_str()).collect();
    let all: Vec<&str> = description.functions.iter().map(|function| function.name.as_str()).collect();
    match name {
        Some(name) => match description.functions.iter().find(|function| function.name == name) {
            None => Err(Problem::configuration(format!("component {component} has no function {name:?}"))
                .found(name)
                .needed(format!("one of: {}", all.join(", ")))),
            Some(function) if function.kind != kind => {
                Err(Problem::configuration(format!("{component}#{name} can't be used in a {step_kind} step"))
                    .found(format!("a {:?} function", function.kind).to_lowercase())
                    .needed(format!("a {kind:?} function").to_lowercase()))
            }
            Some(_) => Ok(name.to_owned()),
        },
        None => match of_kind[..] {
            [only] => Ok(only.to_owned()),
            [] => Err(Problem::configuration(format!("component {component} has no {kind:?} function").to_lowercase())
                .found(all.join(", "))),
            _ => Err(Problem::configuration(format!("component {component} has several functions of this kind"))
                .found(of_kind.join(", "))
                .fix(format!("name one: {component}#{}", of_kind[0]))),
        },
    }
}
