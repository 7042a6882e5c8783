//! Refreshing an entry before it expires, off the reader's path: the reader is answered with what is there,
//! and a task loads the entity and puts it in its place.
//!
//! *Why this brings nothing old back.* The fresh document replaces the entry only where that still is the
//! version that the reader was given. A write removes or replaces the entry before it is acknowledged; so where one
//! was acknowledged meanwhile, another version is there, or none, or a token, and the refresh is
//! dropped. That version cannot come back either, as fills of what was loaded before the write fail too.

use std::collections::HashSet;
use std::sync::Arc;

use compact_str::CompactString;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::loader::Loader;
use crate::clock;
use crate::source::Source;
use crate::store::{Cache, Version};

/// No more than so many refreshes at once in an instance; what comes on top waits for its next reader.
const MOST_AT_ONCE: usize = 64;

/// The refreshes that one instance has under way. They end with it.
#[derive(Debug)]
pub struct Refresher<C, S> {
    loader: Arc<Loader<C, S>>,
    under_way: Arc<Mutex<HashSet<CompactString>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl<C: Cache, S: Source> Refresher<C, S> {
    /// Nothing is refreshed yet.
    #[must_use]
    pub fn new(loader: Arc<Loader<C, S>>) -> Self {
        Self { loader, under_way: Arc::default(), tasks: Mutex::default() }
    }

    /// Begins to refresh an entry that was just read at version `held`, unless that is under way already.
    pub fn refresh(&self, id: &str, held: Version) {
        let Some(listed) = Listed::enter(&self.under_way, id) else { return };
        let loader = Arc::clone(&self.loader);
        let mut tasks = self.tasks.lock();
        // Those that have ended leave no trace.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            refresh(&loader, &listed.id, held).await;
            drop(listed);
        });
    }
}

async fn refresh<C: Cache, S: Source>(loader: &Loader<C, S>, id: &str, held: Version) {
    let key = loader.cache.key(id);
    let began = clock::now();
    match loader.source.load(id).await {
        Ok(Some(document)) => loader.cache.replace(&key, held, document, began.elapsed()).await,
        // It is there no more: neither should the entry be. What does not reach the cache ends with its TTL.
        Ok(None) => drop(loader.cache.invalidate(&key).await),
        // The entry stays until its time is over; the next reader tries again.
        Err(_) => {}
    }
}

/// An id for which a refresh is under way, taken off the list when that ends in whatever way.
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
