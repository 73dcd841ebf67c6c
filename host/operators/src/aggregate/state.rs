//! The state store of a pipeline, called from tasks that must not block.

use std::ops::Bound;
use std::sync::Arc;

use rowmill_state::{Checkpoint, Key, Store, Value, Writes};

use crate::error::Error;

/// A handle to the store; the calls run on threads that may wait for a disk. The default has none: of
/// a plan that is only looked at.
#[derive(Clone, Default)]
pub struct State(Option<Arc<Store>>);

impl State {
    /// A handle to this store.
    pub fn new(store: Store) -> Self {
        Self(Some(Arc::new(store)))
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, rowmill_state::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.0.clone().ok_or_else(|| Error::internal("a plan without a state store was run"))?;
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        Ok(done.map_err(|error| Error::internal(format!("a task of the state store ended: {error}")))??)
    }

    /// The newest checkpoint.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.0.as_ref()?.checkpoint()
    }

    /// The checkpoint before it.
    pub fn previous(&self) -> Option<Checkpoint> {
        self.0.as_ref()?.previous()
    }

    /// Goes back to the checkpoint before the newest.
    pub async fn restore_previous(&self) -> Result<Checkpoint, Error> {
        self.call(Store::restore_previous).await
    }

    pub(crate) async fn read(&self, table: &str, keys: Vec<Key>) -> Result<Vec<Option<Value>>, Error> {
        let table = table.to_owned();
        self.call(move |store| store.read(&table, &keys)).await
    }

    /// Up to `limit` entries after `after` (from the first if there is none), in key order.
    pub(crate) async fn scan(
        &self,
        table: &str,
        after: Option<Key>,
        below: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, Error> {
        let table = table.to_owned();
        self.call(move |store| {
            let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let to = below.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            store.scan(&table, from, to, limit)
        })
        .await
    }

    /// Writes, as part of the next checkpoint.
    pub async fn write(&self, writes: Vec<Writes>) -> Result<(), Error> {
        self.call(move |store| store.write(&writes)).await
    }

    /// Makes a checkpoint of these writes and everything before them.
    pub async fn commit(&self, writes: Vec<Writes>, manifest: Vec<u8>) -> Result<Checkpoint, Error> {
        self.call(move |store| store.commit(&writes, &manifest)).await
    }

    pub(crate) async fn count(&self, table: &str) -> Result<u64, Error> {
        let table = table.to_owned();
        self.call(move |store| store.count(&table)).await
    }

    /// Forgets everything.
    pub async fn clear(&self) -> Result<(), Error> {
        self.call(Store::clear).await
    }

    /// Bytes of the state on disk.
    pub async fn bytes_on_disk(&self) -> Result<u64, Error> {
        self.call(Store::bytes_on_disk).await
    }
}
