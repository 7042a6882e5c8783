//! A cache in this process, with a capacity in entries or bytes, times to live, and an eviction policy. The
//! policy is exact LRU unless another is chosen.
//!
//! The policy counts the same uses of an entry as `curve` does: a read that finds it, and an overwrite. A
//! token that is filled was counted when it was placed, so a miss and its fill are one insertion.

mod access_counts;
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
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{RwLock, RwLockWriteGuard};

pub use self::entries::ENTRY_OVERHEAD_BYTES;
use self::entries::{Entries, Stored};
use self::uses::{FoundEntry, Uses};
use super::access_counts::CountWindow;
use super::counters::Counters;
use super::{Cache, Claimed, Entry, SettleOutcome, StoreError, Token, Version};
use crate::base::clock::{self, Instant};
use crate::model::eviction::{PolicyKind, Slot};

/// The capacity of a [`LocalCache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalCapacity {
    /// The number of entries.
    Entries(u64),
    /// The sum of the entries' weights in bytes. An entry weighs its key, its encoded length and
    /// [`ENTRY_OVERHEAD_BYTES`].
    Bytes(u64),
}

/// The contents of a [`LocalCache`], and counts of what happened to its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LocalStatistics {
    /// Entries held, including tokens and expired entries that were not removed yet.
    pub entries: u64,
    /// The sum of their weights.
    pub bytes: u64,
    /// Reads that found a document or the mark of an absent one.
    pub hits: u64,
    /// Reads that found nothing, or a token.
    pub misses: u64,
    /// Entries put in, whether or not another was there.
    pub insertions: u64,
    /// Entries evicted to make room before they had expired.
    pub evicted_by_capacity: u64,
    /// Entries found to have expired, on access or when room was needed.
    pub evicted_by_expiry: u64,
    /// Entries evicted because the machine's memory ran short, see [`LocalCache::watch_memory`].
    pub evicted_by_pressure: u64,
    /// Entries overwritten before they had expired.
    pub replaced: u64,
    /// Entries heavier than the whole cache, which were not put in.
    pub refused: u64,
}

/// The outcome of shedding a quarter.
#[derive(Debug, Clone, Copy)]
struct Shed {
    /// Entries given up.
    entries: u64,
    /// What the cache held when it began to.
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

#[derive(Debug)]
struct Store {
    entries: Entries,
    capacity: LocalCapacity,
    statistics: LocalStatistics,
    counts: HashMap<Box<str>, (i64, Option<Instant>)>,
    windows: HashMap<Box<str>, CountWindow>,
    streams: HashMap<Box<str>, stream::LocalStream>,
    sessions: HashMap<Box<str>, user_sessions::OfOneUser>,
    dirty: dirty::Dirty,
    listeners: listeners::Listeners,
    logs: HashMap<Box<str>, log::LocalLog>,
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
        let store = Store {
            entries: Entries::new(policy, capacity.first_expectation()),
            capacity,
            statistics: LocalStatistics::default(),
            counts: HashMap::new(),
            windows: HashMap::new(),
            sessions: HashMap::new(),
            streams: HashMap::new(),
            dirty: dirty::Dirty::default(),
            listeners: listeners::Listeners::default(),
            logs: HashMap::new(),
        };
        Self { store: Arc::new(Shared { store: RwLock::new(store), uses: Uses::default() }), counters }
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

/// The number of entries that a policy is told to expect while nothing is known yet.
const FEWEST_EXPECTED: u32 = 1024;
/// The cache expects at most this many times the entries that it holds. A cache is small at first, whatever
/// its budget in bytes, and a policy's tables grow with the number it is told to expect.
const EXPECTED_FOR_EACH_HELD: u64 = 8;

impl LocalCapacity {
    /// The number of entries that fit, if that is known from the start.
    fn known_entries(self) -> Option<NonZeroU32> {
        match self {
            Self::Entries(entries) => u32::try_from(entries).ok().and_then(NonZeroU32::new),
            Self::Bytes(_) => None,
        }
    }

    fn first_expectation(self) -> NonZeroU32 {
        self.known_entries().or(NonZeroU32::new(FEWEST_EXPECTED)).unwrap_or(NonZeroU32::MIN)
    }
}

impl Store {
    /// The slot of a key among the entries that may be evicted; an expired entry is removed.
    fn live_slot(&mut self, key: &str, now: Instant) -> Option<Slot> {
        let place = self.entries.find(key)?;
        if !place.stored.has_expired(now) {
            return Some(place.slot);
        }
        self.remove(key);
        self.statistics.evicted_by_expiry += 1;
        None
    }

    /// The entry of a key, without counting as a use; an expired one is removed.
    fn live(&mut self, key: &str, now: Instant) -> Option<&Entry> {
        match self.live_slot(key, now) {
            Some(slot) => Some(&self.entries.at(slot).entry),
            None => self.dirty.get(key).map(|stored| &stored.entry),
        }
    }

    /// Answers a read that [`Shared::read`] could not: the key is empty, its entry has expired (and is
    /// removed now) or is dirty, or the use could not be noted.
    fn read(&mut self, key: &str, now: Instant) -> Option<Entry> {
        if let Some(slot) = self.live_slot(key, now) {
            self.entries.touch(slot);
        }
        let entry = self.live(key, now).cloned();
        match entry {
            Some(Entry::Document { .. } | Entry::Absent) => self.statistics.hits += 1,
            Some(Entry::Token(_)) | None => self.statistics.misses += 1,
        }
        entry
    }

    /// The number of entries that are held.
    fn len(&self) -> u64 {
        self.entries.len() as u64 + self.dirty.len()
    }

    fn remove(&mut self, key: &str) -> Option<Stored> {
        let stored = match self.entries.find(key) {
            Some(place) => self.entries.remove(place.slot),
            None => self.dirty.remove(key)?,
        };
        self.statistics.bytes -= stored.weight(key);
        self.listeners.changed(key);
        Some(stored)
    }

    /// Puts an entry in; returns true if it fits.
    fn put(&mut self, key: &str, entry: &Entry, ttl: Option<Duration>, now: Instant) -> bool {
        let weight = entries::weight(key, entry);
        if let Some(was_dirty) = self.dirty.remove(key) {
            self.entries.insert(key, was_dirty);
        }
        if !self.fits(self.dirty.len() + 1, self.dirty.bytes() + weight) {
            // The entry that was there is older than the one that does not fit, so it must go.
            self.remove(key);
            self.statistics.refused += 1;
            return false;
        }
        // A time beyond the end of the clock means that the entry never expires.
        let expires = ttl.and_then(|ttl| now.checked_add(ttl));
        let stored = Stored::new(entry, expires);
        self.statistics.insertions += 1;
        match self.live_slot(key, now) {
            Some(slot) => self.overwrite(key, slot, stored, now),
            None => self.insert(key, stored, now),
        }
        self.listeners.changed(key);
        true
    }

    /// Puts an entry in the place of one that has not expired.
    fn overwrite(&mut self, key: &str, slot: Slot, stored: Stored, now: Instant) {
        self.statistics.bytes += stored.weight(key);
        let replaced = std::mem::replace(self.entries.at_mut(slot), stored);
        self.statistics.bytes -= replaced.weight(key);
        self.statistics.replaced += 1;
        if !matches!(replaced.entry, Entry::Token(_)) {
            self.entries.touch(slot);
        }
        self.make_room(0, 0, now);
    }

    /// Puts an entry under an empty key. Policies expect that room is made first.
    fn insert(&mut self, key: &str, stored: Stored, now: Instant) {
        let weight = stored.weight(key);
        self.make_room(1, weight, now);
        self.statistics.bytes += weight;
        self.entries.insert(key, stored);
        if self.statistics.insertions.is_power_of_two() {
            self.estimate_entries();
        }
    }

    /// Tells the policy how many entries fit, if that depends on their weights.
    fn estimate_entries(&mut self) {
        if self.capacity.known_entries().is_some() {
            return;
        }
        let held = self.len();
        let fitting = match self.capacity {
            LocalCapacity::Entries(entries) => entries,
            LocalCapacity::Bytes(bytes) => bytes / (self.statistics.bytes / held).max(1),
        };
        let expected = fitting.min(held.saturating_mul(EXPECTED_FOR_EACH_HELD));
        let expected = u32::try_from(expected).unwrap_or(u32::MAX).max(FEWEST_EXPECTED);
        self.entries.expect(NonZeroU32::new(expected).unwrap_or(NonZeroU32::MIN));
    }

    fn fits(&self, entries: u64, bytes: u64) -> bool {
        match self.capacity {
            LocalCapacity::Entries(capacity) => entries <= capacity,
            LocalCapacity::Bytes(capacity) => bytes <= capacity,
        }
    }

    /// Evicts until `entries` more entries and `bytes` more bytes fit.
    fn make_room(&mut self, entries: u64, bytes: u64, now: Instant) {
        while !self.fits(self.len() + entries, self.statistics.bytes + bytes) && self.entries.len() > 0 {
            self.evict(now, |statistics| &mut statistics.evicted_by_capacity);
        }
    }

    /// Evicts one entry, or a few at once if the policy does so.
    fn evict(&mut self, now: Instant, cause: fn(&mut LocalStatistics) -> &mut u64) {
        let Self { entries, statistics, listeners, .. } = self;
        entries.evict(|key, victim| {
            statistics.bytes -= victim.weight(key);
            listeners.changed(key);
            count_end(statistics, victim, now, cause);
        });
    }

    /// The version of the document under a key; `None` if there is no document.
    fn document_version(&mut self, key: &str, now: Instant) -> Option<Version> {
        match self.live(key, now)? {
            Entry::Document { version, .. } => Some(*version),
            Entry::Absent | Entry::Token(_) => None,
        }
    }

    fn settle(
        &mut self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
        now: Instant,
    ) -> SettleOutcome {
        match self.live(key, now) {
            None => return SettleOutcome::Voided,
            Some(Entry::Token(held)) if token != Some(*held) => {
                self.remove(key);
                return SettleOutcome::Voided;
            }
            Some(Entry::Document { version, .. }) if *version >= entry.version() => {
                return SettleOutcome::NewerThere;
            }
            Some(_) => {}
        }
        if self.put(key, entry, ttl, now) { SettleOutcome::Stored } else { SettleOutcome::Voided }
    }

    fn increment(&mut self, key: &str, by: i64, ttl: Duration, now: Instant) -> i64 {
        if !self.counts.contains_key(key) && self.counts.len() == self.counts.capacity() {
            // Expired counts are removed before the table grows.
            self.counts.retain(|_, (_, expires)| expires.is_none_or(|expires| expires > now));
        }
        // A time beyond the end of the clock means that the entry never expires.
        let expires = now.checked_add(ttl);
        let count = self.counts.entry(key.into()).or_insert((0, expires));
        if count.1.is_some_and(|expires| expires <= now) {
            *count = (0, expires);
        }
        count.0 = count.0.saturating_add(by);
        count.0
    }
}

/// Counts the end of an entry, as expiry if it had expired and else under `cause`.
fn count_end(
    statistics: &mut LocalStatistics,
    stored: &Stored,
    now: Instant,
    cause: fn(&mut LocalStatistics) -> &mut u64,
) {
    if stored.has_expired(now) {
        statistics.evicted_by_expiry += 1;
    } else {
        *cause(statistics) += 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Document;
    use mongodb::bson::rawdoc;
    use proptest::prelude::*;

    fn entry(version: i64, padding: usize) -> Entry {
        Entry::of(Document::from_raw(rawdoc! { "_v": version, "p": "x".repeat(padding) }))
    }

    fn cache(capacity: LocalCapacity) -> LocalCache {
        LocalCache::new(capacity, Counters::new())
    }

    #[tokio::test]
    async fn the_least_recently_used_goes_first_and_an_overwrite_evicts_nobody() {
        let cache = cache(LocalCapacity::Entries(2));
        cache.set("a", &entry(1, 0), None).await.unwrap();
        cache.set("b", &entry(1, 0), None).await.unwrap();
        cache.set("a", &entry(2, 0), None).await.unwrap();
        assert_eq!(cache.statistics().evicted_by_capacity, 0);
        cache.set("c", &entry(1, 0), None).await.unwrap();
        assert_eq!(cache.get("b").await.unwrap(), None);
        assert_eq!(cache.get("a").await.unwrap(), Some(entry(2, 0)));
        let statistics = cache.statistics();
        assert_eq!((statistics.entries, statistics.evicted_by_capacity, statistics.replaced), (2, 1, 1));
        assert_eq!((statistics.hits, statistics.misses, statistics.insertions), (1, 1, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_entry_is_absent_and_is_removed_when_it_is_met() {
        let cache = cache(LocalCapacity::Entries(10));
        cache.set("a", &entry(1, 0), Some(Duration::from_secs(1))).await.unwrap();
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(cache.get("a").await.unwrap().is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(cache.statistics().entries, 1);
        assert_eq!(cache.get("a").await.unwrap(), None);
        let statistics = cache.statistics();
        assert_eq!((statistics.entries, statistics.bytes, statistics.evicted_by_expiry), (0, 0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_counter_starts_again_when_its_time_is_over() {
        let cache = cache(LocalCapacity::Entries(10));
        let minute = Duration::from_mins(1);
        assert_eq!(cache.increment("n", 2, minute).await.unwrap(), 2);
        tokio::time::advance(minute / 2).await;
        assert_eq!(cache.increment("n", 3, minute).await.unwrap(), 5);
        tokio::time::advance(minute / 2).await;
        assert_eq!(cache.increment("n", 1, minute).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn an_entry_heavier_than_the_cache_is_not_put_in_and_leaves_no_older_one_behind() {
        let cache = cache(LocalCapacity::Bytes(400));
        cache.set("a", &entry(1, 10), None).await.unwrap();
        cache.set("a", &entry(2, 1000), None).await.unwrap();
        assert_eq!(cache.get("a").await.unwrap(), None);
        let statistics = cache.statistics();
        assert_eq!((statistics.refused, statistics.bytes), (1, 0));
    }

    fn padding(entry: Option<Entry>) -> usize {
        let Some(Entry::Document { document, .. }) = entry else { panic!("no document is there") };
        document.text("p").unwrap().len()
    }

    #[tokio::test]
    async fn what_was_read_stays_as_it_was_whatever_becomes_of_the_entry() {
        let cache = cache(LocalCapacity::Entries(1));
        cache.set("a", &entry(1, 10), None).await.unwrap();
        let first = cache.get("a").await.unwrap();
        cache.set("a", &entry(2, 20), None).await.unwrap();
        let second = cache.get("a").await.unwrap();
        cache.set("b", &entry(1, 30), None).await.unwrap();
        assert_eq!(cache.get("a").await.unwrap(), None);
        let third = cache.get("b").await.unwrap();
        cache.clear();
        assert_eq!([first, second, third].map(padding), [10, 20, 30]);
    }

    #[tokio::test]
    async fn an_entry_that_is_put_back_as_it_was_read_keeps_nothing_of_where_it_was() {
        let cache = cache(LocalCapacity::Entries(2));
        cache.set("a", &entry(1, 10), None).await.unwrap();
        let before = Arc::downgrade(cache.store.store.read().entries.find("a").unwrap());
        let read = cache.get("a").await.unwrap().unwrap();
        cache.delete("a").await.unwrap();
        cache.set("a", &read, None).await.unwrap();
        assert_eq!(before.strong_count(), 1, "what was read is still in use");
        drop(read);
        assert_eq!(before.strong_count(), 0);
        assert_eq!(padding(cache.get("a").await.unwrap()), 10);
    }

    /// A reference for the cache's behaviour in its simplest form: a list with the most recently used last.
    struct Reference {
        held: Vec<(String, Entry, u64, Option<Instant>)>,
        capacity: LocalCapacity,
    }

    impl Reference {
        fn get(&mut self, key: &str) -> Option<Entry> {
            let place = self.held.iter().position(|(held, ..)| held == key)?;
            let found = self.held.remove(place);
            if found.3.is_some_and(|expires| expires <= clock::now()) {
                return None;
            }
            self.held.push(found.clone());
            Some(found.1)
        }

        fn set(&mut self, key: &str, entry: &Entry, ttl: Option<Duration>) {
            self.held.retain(|(held, ..)| held != key);
            let weight = (key.len() + entry.encoded_len()) as u64 + ENTRY_OVERHEAD_BYTES;
            let expires = ttl.map(|ttl| clock::now() + ttl);
            self.held.push((key.to_string(), entry.clone(), weight, expires));
            if matches!(self.capacity, LocalCapacity::Bytes(capacity) if weight > capacity) {
                self.held.pop();
            }
            while self.is_too_full() {
                self.held.remove(0);
            }
        }

        fn bytes(&self) -> u64 {
            self.held.iter().map(|(_, _, weight, _)| weight).sum()
        }

        fn is_too_full(&self) -> bool {
            match self.capacity {
                LocalCapacity::Entries(capacity) => self.held.len() as u64 > capacity,
                LocalCapacity::Bytes(capacity) => self.bytes() > capacity,
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Get(u8),
        Set { key: u8, padding: usize, ttl_ms: Option<u64> },
        Delete(u8),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let ttl = proptest::option::of(1..50_u64);
        prop_oneof![
            4 => (0..12_u8).prop_map(Step::Get),
            4 => (0..12_u8, 0..300_usize, ttl)
                .prop_map(|(key, padding, ttl_ms)| Step::Set { key, padding, ttl_ms }),
            1 => (0..12_u8).prop_map(Step::Delete),
            1 => (1..30_u64).prop_map(Step::Wait),
        ]
    }

    fn capacity() -> impl Strategy<Value = LocalCapacity> {
        prop_oneof![
            (0..8_u64).prop_map(LocalCapacity::Entries),
            (200..2000_u64).prop_map(LocalCapacity::Bytes),
        ]
    }

    async fn agrees_with_the_reference(
        capacity: LocalCapacity,
        steps: Vec<Step>,
    ) -> Result<(), TestCaseError> {
        let cache = cache(capacity);
        let mut reference = Reference { held: Vec::new(), capacity };
        for (version, step) in steps.into_iter().enumerate() {
            match step {
                Step::Get(key) => {
                    let key = key.to_string();
                    prop_assert_eq!(cache.get(&key).await.unwrap(), reference.get(&key));
                }
                Step::Set { key, padding, ttl_ms } => {
                    let (key, ttl) = (key.to_string(), ttl_ms.map(Duration::from_millis));
                    let entry = entry(i64::try_from(version).unwrap(), padding);
                    cache.set(&key, &entry, ttl).await.unwrap();
                    reference.set(&key, &entry, ttl);
                }
                Step::Delete(key) => {
                    let key = key.to_string();
                    prop_assert_eq!(cache.delete(&key).await.unwrap(), reference.get(&key).is_some());
                    reference.held.retain(|(held, ..)| *held != key);
                }
                Step::Wait(ms) => tokio::time::advance(Duration::from_millis(ms)).await,
            }
            let statistics = cache.statistics();
            prop_assert_eq!(statistics.entries, reference.held.len() as u64);
            prop_assert_eq!(statistics.bytes, reference.bytes());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_list_would_hold(
            capacity in capacity(),
            steps in proptest::collection::vec(step(), 0..80),
        ) {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(agrees_with_the_reference(capacity, steps))?;
        }
    }
}
