//! Refreshing an entry before it expires, off the reader's path: the reader gets the cached document, and a
//! task loads the entity and replaces the entry.
//!
//! *Why this brings nothing old back.* The fresh document replaces the entry only if the entry still has the
//! version that the reader was given. A write removes or replaces the entry before it is acknowledged. So if
//! one was acknowledged meanwhile, the key has another version, nothing or a token, and the refresh is
//! dropped. The old version cannot come back either, as fills of documents loaded before the write fail too.

use std::collections::HashSet;
use std::sync::Arc;

use compact_str::CompactString;
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::loader::Loader;
use crate::base::clock;
use crate::results::FailedStep;
use crate::store::{Cache, Version};
use crate::strategy::source::Source;

/// The most refreshes that an instance has under way at once. An entry beyond that waits for its next reader.
const MOST_AT_ONCE: usize = 64;

/// The refreshes that one instance has under way. They end when this is dropped.
#[derive(Debug)]
pub struct Refresher<C, S> {
    loader: Arc<Loader<C, S>>,
    under_way: Arc<Mutex<HashSet<CompactString>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl<C: Cache, S: Source> Refresher<C, S> {
    /// A refresher with no refresh under way.
    #[must_use]
    pub fn new(loader: Arc<Loader<C, S>>) -> Self {
        Self { loader, under_way: Arc::default(), tasks: Mutex::default() }
    }

    /// Begins to refresh an entry that was just read at version `held`, unless that is under way already.
    pub fn refresh(&self, id: &str, held: Version) {
        let Some(listed) = Listed::enter(&self.under_way, id) else { return };
        let loader = Arc::clone(&self.loader);
        let mut tasks = self.tasks.lock();
        // Tasks that have ended are removed from the set.
        while tasks.try_join_next().is_some() {}
        let task = async move {
            refresh(&loader, &listed.id, held).await;
            drop(listed);
        };
        // Boxed for the reason that `background::spawn` has.
        tasks.spawn(task.boxed());
    }
}

async fn refresh<C: Cache, S: Source>(loader: &Loader<C, S>, id: &str, held: Version) {
    let key = loader.cache.key(id);
    let began = clock::now();
    match loader.source.load(id).await {
        Ok(Some(document)) => loader.cache.replace(&key, held, document, began.elapsed()).await,
        // The document was deleted, so the entry must go too. If the invalidation fails, the entry ends with
        // its TTL.
        Ok(None) => drop(loader.cache.invalidate(&key).await),
        // The entry stays until it expires, and the next reader tries again. The cache has refused nothing.
        Err(error) => loader.cache.note(FailedStep::Background, &error),
    }
}

/// An id for which a refresh is under way. It is removed from the set when the refresh ends, for whatever
/// reason.
struct Listed {
    id: CompactString,
    all: Arc<Mutex<HashSet<CompactString>>>,
}

impl Listed {
    fn enter(all: &Arc<Mutex<HashSet<CompactString>>>, id: &str) -> Option<Self> {
        let mut ids = all.lock();
        if ids.len() >= MOST_AT_ONCE || ids.contains(id) {
            return None;
        }
        ids.insert(id.into());
        Some(Self { id: id.into(), all: Arc::clone(all) })
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}
