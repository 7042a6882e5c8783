//! The contents of a cache in this process, under its lock: entries and what else is held under a key.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::dirty::Dirty;
use super::entries::{self, Entries, Stored};
use super::listeners::Listeners;
use super::log::LocalLog;
use super::stream::LocalStream;
use super::user_sessions::OfOneUser;
use crate::base::clock::Instant;
use crate::model::eviction::{PolicyKind, Slot};
use crate::store::access_counts::CountWindow;
use crate::store::{Entry, SettleOutcome, Token, Version};

/// The capacity of a [`LocalCache`](super::LocalCache).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalCapacity {
    /// The number of entries.
    Entries(u64),
    /// The sum of the entries' weights in bytes. An entry weighs its key, its encoded length and
    /// [`ENTRY_OVERHEAD_BYTES`](super::ENTRY_OVERHEAD_BYTES).
    Bytes(u64),
}

/// The contents of a [`LocalCache`](super::LocalCache), and counts of what happened to its entries.
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
    /// Entries evicted because the machine's memory ran short, see [`LocalCache::watch_memory`](super::LocalCache::watch_memory).
    pub evicted_by_pressure: u64,
    /// Entries overwritten before they had expired.
    pub replaced: u64,
    /// Entries heavier than the whole cache, which were not put in.
    pub refused: u64,
}

/// All that a cache holds.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) entries: Entries,
    pub(super) capacity: LocalCapacity,
    pub(super) statistics: LocalStatistics,
    pub(super) counts: HashMap<Box<str>, (i64, Option<Instant>)>,
    pub(super) windows: HashMap<Box<str>, CountWindow>,
    pub(super) streams: HashMap<Box<str>, LocalStream>,
    pub(super) sessions: HashMap<Box<str>, OfOneUser>,
    pub(super) dirty: Dirty,
    pub(super) listeners: Listeners,
    pub(super) logs: HashMap<Box<str>, LocalLog>,
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
    /// An empty one.
    pub(super) fn new(capacity: LocalCapacity, policy: PolicyKind) -> Self {
        Self {
            entries: Entries::new(policy, capacity.first_expectation()),
            capacity,
            statistics: LocalStatistics::default(),
            counts: HashMap::new(),
            windows: HashMap::new(),
            sessions: HashMap::new(),
            streams: HashMap::new(),
            dirty: Dirty::default(),
            listeners: Listeners::default(),
            logs: HashMap::new(),
        }
    }

    /// The slot of a key among the entries that may be evicted; an expired entry is removed.
    pub(super) fn live_slot(&mut self, key: &str, now: Instant) -> Option<Slot> {
        let place = self.entries.find(key)?;
        if !place.stored.has_expired(now) {
            return Some(place.slot);
        }
        self.remove(key);
        self.statistics.evicted_by_expiry += 1;
        None
    }

    /// The entry of a key, without counting as a use; an expired one is removed.
    pub(super) fn live(&mut self, key: &str, now: Instant) -> Option<&Entry> {
        match self.live_slot(key, now) {
            Some(slot) => Some(&self.entries.at(slot).entry),
            None => self.dirty.get(key).map(|stored| &stored.entry),
        }
    }

    /// Answers a read that [`Shared::read`] could not: the key is empty, its entry has expired (and is
    /// removed now) or is dirty, or the use could not be noted.
    pub(super) fn read(&mut self, key: &str, now: Instant) -> Option<Entry> {
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
    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64 + self.dirty.len()
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Stored> {
        let stored = match self.entries.find(key) {
            Some(place) => self.entries.remove(place.slot),
            None => self.dirty.remove(key)?,
        };
        self.statistics.bytes -= stored.weight(key);
        self.listeners.changed(key);
        Some(stored)
    }

    /// Puts an entry in; returns true if it fits.
    pub(super) fn put(&mut self, key: &str, entry: &Entry, ttl: Option<Duration>, now: Instant) -> bool {
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
    pub(super) fn overwrite(&mut self, key: &str, slot: Slot, stored: Stored, now: Instant) {
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
    pub(super) fn insert(&mut self, key: &str, stored: Stored, now: Instant) {
        let weight = stored.weight(key);
        self.make_room(1, weight, now);
        self.statistics.bytes += weight;
        self.entries.insert(key, stored);
        if self.statistics.insertions.is_power_of_two() {
            self.estimate_entries();
        }
    }

    /// Tells the policy how many entries fit, if that depends on their weights.
    pub(super) fn estimate_entries(&mut self) {
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

    pub(super) fn fits(&self, entries: u64, bytes: u64) -> bool {
        match self.capacity {
            LocalCapacity::Entries(capacity) => entries <= capacity,
            LocalCapacity::Bytes(capacity) => bytes <= capacity,
        }
    }

    /// Evicts until `entries` more entries and `bytes` more bytes fit.
    pub(super) fn make_room(&mut self, entries: u64, bytes: u64, now: Instant) {
        while !self.fits(self.len() + entries, self.statistics.bytes + bytes) && self.entries.len() > 0 {
            self.evict(now, |statistics| &mut statistics.evicted_by_capacity);
        }
    }

    /// Evicts one entry, or a few at once if the policy does so.
    pub(super) fn evict(&mut self, now: Instant, cause: fn(&mut LocalStatistics) -> &mut u64) {
        let Self { entries, statistics, listeners, .. } = self;
        entries.evict(|key, victim| {
            statistics.bytes -= victim.weight(key);
            listeners.changed(key);
            count_end(statistics, victim, now, cause);
        });
    }

    /// The version of the document under a key; `None` if there is no document.
    pub(super) fn document_version(&mut self, key: &str, now: Instant) -> Option<Version> {
        match self.live(key, now)? {
            Entry::Document { version, .. } => Some(*version),
            Entry::Absent | Entry::Token(_) => None,
        }
    }

    pub(super) fn settle(
        &mut self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
        now: Instant,
    ) -> SettleOutcome {
        match self.live(key, now) {
            None => return SettleOutcome::Voided,
            Some(Entry::Token(held)) if token == Some(*held) => {}
            Some(Entry::Token(_) | Entry::Absent) => {
                self.remove(key);
                return SettleOutcome::Voided;
            }
            Some(Entry::Document { version, .. }) if *version >= entry.version() => {
                return SettleOutcome::NewerThere;
            }
            Some(Entry::Document { .. }) => {}
        }
        if self.put(key, entry, ttl, now) { SettleOutcome::Stored } else { SettleOutcome::Voided }
    }

    pub(super) fn increment(&mut self, key: &str, by: i64, ttl: Duration, now: Instant) -> i64 {
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
pub(super) fn count_end(
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
