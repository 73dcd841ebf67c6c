//! Components that are in use. Whoever loads one again, in another pipeline of this process, gets the same code: it is
//! neither read and checked nor mapped a second time, and its pages are there once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmtime::component::Component;

/// By SHA-256 of the Wasm, in hexadecimal.
#[derive(Default)]
pub(crate) struct Loaded(Mutex<HashMap<String, Weak<Component>>>);

impl Loaded {
    /// The component, if somebody has it.
    pub(crate) fn get(&self, digest: &str) -> Option<Arc<Component>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest)?.upgrade()
    }

    /// The component as others will get it. If two made one at once, both keep the first.
    pub(crate) fn add(&self, digest: &str, component: Component) -> Arc<Component> {
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = loaded.get(digest).and_then(Weak::upgrade) {
            return first;
        }
        loaded.retain(|_, component| component.strong_count() > 0);
        let component = Arc::new(component);
        loaded.insert(digest.to_owned(), Arc::downgrade(&component));
        component
    }
}
