//! A cache in this process, with a capacity in entries or bytes, times to live, and an eviction policy. The
//! policy is exact LRU unless another is chosen.
//!
//! The policy counts the same uses of an entry as `curve` does: a read that finds it, and an overwrite. A
//! token that is filled was counted when it was placed, so a miss and its fill are one insertion.

mod access_counts;
mod contents;
mod dirty;
mod entries;
mod listeners;
mod log;
mod pressure;
mod sessions;
mod stream;
mod streams;
#[cfg(test)]
mod testing;
mod tracking;
mod user_sessions;
mod uses;
mod write_log;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{RwLock, RwLockWriteGuard};

use self::contents::Store;
pub use self::contents::{LocalCapacity, LocalStatistics};
pub use self::entries::ENTRY_OVERHEAD_BYTES;
use self::uses::{FoundEntry, Uses};
use super::access_counts::CountWindow;
use super::counters::Counters;
use super::{Cache, Claimed, Entry, SettleOutcome, StoreError, Token, Version};
use crate::base::clock::{self, Instant};
use crate::model::eviction::PolicyKind;

/// The outcome of shedding a quarter.
#[derive(Debug, Clone, Copy)]
struct Shed {
    /// Entries given up.
    entries: u64,
    /// The bytes that the cache held when it began to.
    held_bytes: u64,
}

/// A cache in this process. Clones share it.
#[derive(Debug, Clone)]
pub struct LocalCache {
    store: Arc<Shared>,
    counters: Counters,
}

/// The state that the handles of one cache share.
#[derive(Debug)]
struct Shared {
    store: RwLock<Store>,
    /// The reads that the store's policy has not been told of yet.
    uses: Uses,
}

impl Shared {
    /// Locks the store exclusively and tells its policy of all uses so far.
    fn lock(&self) -> RwLockWriteGuard<'_, Store> {
        let mut store = self.store.write();
        let Store { entries, statistics, .. } = &mut *store;
        self.uses.drain(|slot, is_token| {
            entries.touch(slot);
            let count = if is_token { &mut statistics.misses } else { &mut statistics.hits };
            *count += 1;
        });
        store
    }

    /// Reads a live clean entry under the shared lock, beside other readers, and notes a use of it. Also
    /// returns `None` if so many uses have been noted that the policy has to be told of them first.
    #[inline]
    fn read(&self, key: &str) -> Option<Entry> {
        let store = self.store.read();
        let place = store.entries.find(key)?;
        if place.stored.has_expired_by_now() {
            return None;
        }
        let found = if matches!(place.stored.entry, Entry::Token(_)) {
            FoundEntry::Token
        } else {
            FoundEntry::Answer
        };
        self.uses.note(place.slot, found).then(|| place.share())
    }
}

impl LocalCache {
    /// An empty cache that evicts the least recently used entries.
    #[must_use]
    pub fn new(capacity: LocalCapacity, counters: Counters) -> Self {
        Self::with_policy(capacity, PolicyKind::Lru, counters)
    }

    /// An empty cache with an eviction policy.
    #[must_use]
    pub fn with_policy(capacity: LocalCapacity, policy: PolicyKind, counters: Counters) -> Self {
        let store = RwLock::new(Store::new(capacity, policy));
        Self { store: Arc::new(Shared { store, uses: Uses::default() }), counters }
    }

    /// A handle on the same cache with counters of its own.
    #[must_use]
    pub fn counted_by(&self, counters: Counters) -> Self {
        Self { store: Arc::clone(&self.store), counters }
    }

    /// The policy by which entries are evicted.
    #[must_use]
    pub fn policy(&self) -> PolicyKind {
        self.store.store.read().entries.kind()
    }

    /// The statistics at this moment.
    #[must_use]
    pub fn statistics(&self) -> LocalStatistics {
        let store = self.store.lock();
        LocalStatistics { entries: store.len(), ..store.statistics }
    }

    /// Removes everything. The counts of the statistics stay.
    pub fn clear(&self) {
        let mut store = self.store.lock();
        store.entries.clear();
        store.counts.clear();
        store.windows.clear();
        store.sessions.clear();
        store.streams.clear();
        store.dirty = dirty::Dirty::default();
        store.logs.clear();
        store.statistics.bytes = 0;
        store.listeners.flushed();
    }

    /// Gives up a quarter of the entries that may be evicted, those first that the policy would evict first.
    /// Of fewer than four none goes.
    fn shed_quarter(&self) -> Shed {
        let mut store = self.store.lock();
        let held_bytes = store.statistics.bytes;
        let kept = store.entries.len() - store.entries.len() / 4;
        let before = store.entries.len();
        while store.entries.len() > kept {
            store.evict(clock::now(), |statistics| &mut statistics.evicted_by_pressure);
        }
        Shed { entries: (before - store.entries.len()) as u64, held_bytes }
    }

    /// The number of records that a stream holds.
    #[must_use]
    pub fn stream_length(&self, stream: &str) -> usize {
        self.store.lock().streams.get(stream).map_or(0, stream::LocalStream::len)
    }

    /// Gives access to the counts of accesses, for [`AccessCounts`](super::AccessCounts).
    pub(super) fn with_windows<T>(&self, change: impl FnOnce(&mut HashMap<Box<str>, CountWindow>) -> T) -> T {
        self.with(|store, _| change(&mut store.windows))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Store, Instant) -> T) -> T {
        self.counters.cache_command();
        // The clock is read before the lock is taken, to hold the lock for a shorter time.
        let now = clock::now();
        change(&mut self.store.lock(), now)
    }
}

impl Cache for LocalCache {
    fn counters(&self) -> &Counters {
        &self.counters
    }

    #[inline]
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.counters.cache_command();
        Ok(self.store.read(key).or_else(|| {
            let now = clock::now();
            self.store.lock().read(key, now)
        }))
    }

    async fn set(&self, key: &str, entry: &Entry, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.with(|store, now| store.put(key, entry, ttl, now));
        Ok(())
    }

    async fn set_if_newer(
        &self,
        key: &str,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        Ok(self.with(|store, now| {
            let held = store.document_version(key, now);
            held.is_none_or(|held| held < entry.version()) && store.put(key, entry, ttl, now)
        }))
    }

    async fn place_token(&self, key: &str, token: Token, ttl: Duration) -> Result<Claimed, StoreError> {
        Ok(self.with(|store, now| {
            if let Some(found) = store.live(key, now) {
                return Claimed::Found(found.clone());
            }
            // A token that does not fit is not stored, and so lets no fill in.
            store.put(key, &Entry::Token(token), Some(ttl), now);
            Claimed::Placed
        }))
    }

    async fn fill(
        &self,
        key: &str,
        token: Token,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        Ok(self.with(|store, now| {
            store.live(key, now) == Some(&Entry::Token(token)) && store.put(key, entry, ttl, now)
        }))
    }

    async fn settle(
        &self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<SettleOutcome, StoreError> {
        Ok(self.with(|store, now| store.settle(key, token, entry, ttl, now)))
    }

    async fn replace(
        &self,
        key: &str,
        expected: Version,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        Ok(self.with(|store, now| {
            store.document_version(key, now) == Some(expected) && store.put(key, entry, ttl, now)
        }))
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.with(|store, now| {
            let was_live = store.live(key, now).is_some();
            store.remove(key);
            let count = store
                .counts
                .remove(key)
                .is_some_and(|(_, expires)| expires.is_none_or(|expires| expires > now));
            let sessions = store.sessions.remove(key).is_some();
            was_live | count | sessions | store.streams.remove(key).is_some()
        }))
    }

    async fn increment(&self, key: &str, by: i64, ttl: Duration) -> Result<i64, StoreError> {
        Ok(self.with(|store, now| store.increment(key, by, ttl, now)))
    }

    async fn append(
        &self,
        stream: &str,
        fields: &[(&str, &[u8])],
        max_length: u64,
    ) -> Result<(), StoreError> {
        let record =
            fields.iter().map(|(name, value)| ((*name).into(), Bytes::copy_from_slice(value))).collect();
        self.with(|store, _| store.streams.entry(stream.into()).or_default().append(record, max_length));
        Ok(())
    }
}
