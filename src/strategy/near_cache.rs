//! Near cache: a small cache in the process in front of the shared one, for keys so hot that even the round
//! trip to Redis is too much. Redis announces changed keys (client tracking), and their copies are removed.
//!
//! | operation | near cache | cache | database |
//! | --- | --- | --- | --- |
//! | read, near | hit | – | – |
//! | read, hit | marker, copy | GET | – |
//! | read, miss | marker | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | write | copy removed | as cache-through | update |
//! | announcement | copy or marker removed | – | – |
//!
//! *An announcement that overtakes a reply.* Announcements come over a connection of their own. One may
//! arrive after Redis has answered a GET with the old document and before that answer has been read. So a
//! reader leaves a marker before it asks, an announcement removes it, and the answer is kept only
//! where the reader's own marker still stands (the Redis manual, "Client-side caching", "Avoiding race conditions").
//!
//! It promises that an answer lacks an acknowledged write for no longer than `near_ttl` and the time of a
//! call: announcements are pushed after the change, in practice within a round trip. While the connection is
//! lost, nothing is kept near. A copy ends with its shared entry if that ends before `near_ttl` does. An
//! instance always reads its own writes.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use lru::LruCache;
use parking_lot::Mutex;

use super::background::Background;
use super::flight::Flight;
use super::loader::Loader;
use super::{
    Circumstances, EntityCache, Guarantee, LookUp, Needs, OnWrite, Promise, Read, ReadOutcome, Staleness,
    Strategy, StrategyCache, WithCache, WriteError, lifetime,
};
use crate::base::clock::{self, Instant};
use crate::results::FailedStep;
use crate::scenario::Positive;
use crate::store::{Announcement, Announcements, Document, Patch, Stamp, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// The settings of near-cache.
    pub struct Own {
        /// how many entries an instance keeps near
        near_capacity: NonZeroU64 = NonZeroU64::new(1000).unwrap_or(NonZeroU64::MIN),
        /// how long a copy is served at the most, should no announcement come; never for longer than the entry in the shared cache lives
        near_ttl: Positive = Positive::seconds(10),
        /// how often the connection that announces changes is checked
        near_check_every: Positive = Positive::seconds(1),
        /// what a write does to the entry in the shared cache: `invalidate` removes it, `update` puts the merged document there, never over a newer one
        on_write: OnWrite = OnWrite::Invalidate,
    }
}

/// All settings of near-cache.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> NearCache<C, S> {
        let near = Arc::new(Mutex::new(Near::new(self.own.near_capacity, self.own.near_ttl.0)));
        let listener = listen(&near, &cache, &source, self.own.near_check_every.0);
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        let loader = Loader::new(cache, source, Flight::Token);
        NearCache { near, loader, on_write: self.own.on_write, listener }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        let near = self.own.near_ttl.0 + circumstances.longest_load;
        // A copy ends with the shared entry.
        let near = circumstances.ttl.map_or(near, |ttl| near.min(ttl));
        match self.caching.guarantee(circumstances).staleness {
            Staleness::None => Guarantee { converges: true, ..Guarantee::stale_within(Some(near)) },
            Staleness::Within(shared) => Guarantee::stale_within(Some(shared.max(near))),
            Staleness::UntilEvicted => Guarantee::stale_within(None),
        }
    }

    fn control(&self) -> Option<&'static str> {
        self.own.on_write.control().or(self.caching.control())
    }

    fn needs(&self) -> Needs {
        Needs { cache_announcements: true, ..Needs::CACHE }
    }

    fn batches(&self) -> &'static str {
        "near copies answer in the process; the rest as cache-through"
    }
}

/// The strategy near-cache in one instance, see the module.
pub struct NearCache<C, S> {
    near: Arc<Mutex<Near>>,
    loader: Loader<C, S>,
    on_write: OnWrite,
    #[allow(dead_code, reason = "it ends when this is dropped")]
    listener: Background,
}

/// The cache in the process.
#[derive(Debug)]
struct Near {
    entries: LruCache<CompactString, Kept>,
    ttl: Duration,
    /// True while changes are announced; otherwise nothing is kept.
    connected: bool,
    next_marker: u64,
}

/// The state of a key in the process.
#[derive(Debug)]
enum Kept {
    /// A reader has asked the shared cache and waits for the answer.
    Marker(u64),
    /// A copy of the shared entry, valid until a moment.
    Copy { version: Version, document: Document, until: Instant },
}

impl Near {
    fn new(capacity: NonZeroU64, ttl: Duration) -> Self {
        let capacity = NonZeroUsize::try_from(capacity).unwrap_or(NonZeroUsize::MAX);
        Self { entries: LruCache::new(capacity), ttl, connected: false, next_marker: 0 }
    }

    fn get(&mut self, key: &str) -> Option<Read> {
        let Some(Kept::Copy { version, document, until }) = self.entries.get(key) else { return None };
        if *until <= clock::now() {
            self.entries.pop(key);
            return None;
        }
        Some(Read { outcome: ReadOutcome::Hit, found: Some((*version, document.clone())) })
    }

    /// Leaves a marker before the cache is asked; `None` if nothing may be kept.
    fn mark(&mut self, key: &str) -> Option<u64> {
        if !self.connected {
            return None;
        }
        self.next_marker += 1;
        self.entries.put(key.into(), Kept::Marker(self.next_marker));
        Some(self.next_marker)
    }

    /// Keeps the cache's answer if the marker still stands, for no longer than the cache keeps it.
    fn keep(&mut self, key: &str, marker: u64, version: Version, document: &Document, stamp: Stamp) {
        let left = stamp.left(clock::unix_millis()).map_or(self.ttl, |left| left.min(self.ttl));
        let until = clock::now() + left;
        if let Some(kept) = self.entries.get_mut(key)
            && matches!(kept, Kept::Marker(standing) if *standing == marker)
        {
            *kept = Kept::Copy { version, document: document.clone(), until };
        }
    }

    /// Removes a marker if there is nothing to keep.
    fn unmark(&mut self, key: &str, marker: u64) {
        if matches!(self.entries.peek(key), Some(Kept::Marker(standing)) if *standing == marker) {
            self.entries.pop(key);
        }
    }

    fn forget(&mut self, key: &str) {
        self.entries.pop(key);
    }

    fn receive(&mut self, announcement: &Announcement) {
        match announcement {
            Announcement::Connected => self.connected = true,
            Announcement::Changed(key) => self.forget(key),
            Announcement::Flushed => self.entries.clear(),
            Announcement::Lost => {
                self.connected = false;
                self.entries.clear();
            }
        }
    }
}

/// The time after a failure until it is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Starts the task that receives announcements for as long as the strategy exists.
fn listen<C: StrategyCache, S: Source>(
    near: &Arc<Mutex<Near>>,
    cache: &C,
    source: &S,
    check_every: Duration,
) -> Background {
    let (near, cache, prefix) = (Arc::clone(near), cache.clone(), source.kind().key_prefix.clone());
    Background::supervised("listening for changes of the cache", move || {
        let (near, cache, prefix) = (Arc::clone(&near), cache.clone(), prefix.clone());
        async move {
            loop {
                match cache.track(&prefix, check_every).await {
                    Ok(announcements) => receive_all(&near, announcements).await,
                    Err(error) => cache.counters().setback(FailedStep::Background, &error),
                }
                near.lock().receive(&Announcement::Lost);
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    })
}

async fn receive_all(near: &Mutex<Near>, mut announcements: Announcements) {
    while let Some(announcement) = announcements.recv().await {
        near.lock().receive(&announcement);
    }
}

impl<C: StrategyCache, S: Source> Strategy for NearCache<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let key = self.loader.cache.key(id);
        let (read, marker) = {
            let mut near = self.near.lock();
            match near.get(&key) {
                Some(read) => (Some(read), None),
                None => (None, near.mark(&key)),
            }
        };
        if let Some(read) = read {
            return Ok(read);
        }
        let looked_up = self.loader.look_up(id).await;
        if let Some(marker) = marker {
            let mut near = self.near.lock();
            match &looked_up {
                Ok(LookUp::Hit(version, document, stamp)) => {
                    near.keep(&key, marker, *version, document, *stamp);
                }
                // The fill that follows will be announced, so only a later reader can keep the entry near.
                _ => near.unmark(&key, marker),
            }
        }
        self.loader.read_from(id, looked_up?).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        let written = self.on_write.write(&self.loader.cache, &self.loader.source, id, patch).await;
        self.near.lock().forget(&self.loader.cache.key(id));
        written
    }

    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        lifetime::insert(&self.loader.cache, &self.loader.source, entity).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        let deleted = lifetime::delete(&self.loader.cache, &self.loader.source, id).await;
        self.near.lock().forget(&self.loader.cache.key(id));
        deleted
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        let key = self.loader.cache.key(id);
        let invalidated = self.loader.cache.invalidate(&key).await;
        self.near.lock().forget(&key);
        invalidated
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.loader.cache.drain(bound).await
    }
}
