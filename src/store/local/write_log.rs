//! Dirty entries and logs of writes in the local cache. The cache is outside of the instances, so it keeps
//! them when an instance crashes.

use std::time::Duration;

use super::LocalCache;
use super::contents::{Store, count_end};
use super::entries::{self, Stored};
use crate::base::clock::Instant;
use crate::store::write_log::{
    ExpectedEntry, LogConsumer, LogLength, LogRecord, RecordId, Removed, Taken, WriteLog,
};
use crate::store::{Entry, ErrorKind, StoreError, Version};

impl Store {
    /// Returns true if the entry under a key is the one that a writer has seen there.
    fn holds(&mut self, key: &str, held: ExpectedEntry, now: Instant) -> bool {
        match (self.live(key, now), held) {
            (Some(Entry::Document { version, .. }), ExpectedEntry::Document(seen)) => *version == seen,
            (Some(Entry::Token(token)), ExpectedEntry::Token(seen)) => *token == seen,
            _ => false,
        }
    }

    /// Puts a dirty entry in place of whatever is there; returns false if there is no room for it.
    fn put_dirty(&mut self, key: &str, entry: &Entry, now: Instant) -> bool {
        let weight = entries::weight(key, entry);
        let (others, their_bytes) = match self.dirty.get(key) {
            Some(stored) => (self.dirty.len() - 1, self.dirty.bytes() - stored.weight(key)),
            None => (self.dirty.len(), self.dirty.bytes()),
        };
        if !self.fits(others + 1, their_bytes + weight) {
            return false;
        }
        if let Some(replaced) = self.remove(key) {
            count_end(&mut self.statistics, &replaced, now, |statistics| &mut statistics.replaced);
        }
        self.dirty.insert(key, Stored::new(entry, None));
        self.listeners.changed(key);
        self.statistics.insertions += 1;
        self.statistics.bytes += weight;
        self.make_room(0, 0, now);
        true
    }

    fn mark_clean(&mut self, key: &str, version: Version, ttl: Duration, now: Instant) -> bool {
        match self.live(key, now) {
            None => return false,
            Some(Entry::Document { version: held, .. }) if *held > version => return false,
            Some(Entry::Document { version: held, .. }) if *held == version => {}
            Some(_) => {
                self.remove_clean(key, now);
                return false;
            }
        }
        if let Some(stored) = self.dirty.remove(key) {
            self.entries.insert(key, stored);
        }
        if let Some(slot) = self.entries.find(key).map(|place| place.slot) {
            // A time beyond the end of the clock means that the entry never expires.
            self.entries.at_mut(slot).expires = now.checked_add(ttl);
        }
        true
    }

    fn remove_clean(&mut self, key: &str, now: Instant) -> bool {
        let is_there = self.live(key, now).is_some() && self.dirty.get(key).is_none();
        is_there && self.remove(key).is_some()
    }
}

impl WriteLog for LocalCache {
    async fn put_dirty(
        &self,
        key: &str,
        over: ExpectedEntry,
        entry: &Entry,
        log: Option<(&str, &str)>,
    ) -> Result<Option<RecordId>, StoreError> {
        self.with(|store, now| {
            if !store.holds(key, over, now) {
                return Ok(None);
            }
            if !store.put_dirty(key, entry, now) {
                let full = "the cache is full of entries that the database does not have yet";
                return Err(StoreError::new(ErrorKind::OutOfMemory, full));
            }
            let Some((log, entity)) = log else { return Ok(Some(RecordId::default())) };
            Ok(Some(store.logs.entry(log.into()).or_default().append(entity, entry)))
        })
    }

    async fn mark_clean(&self, key: &str, version: Version, ttl: Duration) -> Result<bool, StoreError> {
        Ok(self.with(|store, now| store.mark_clean(key, version, ttl, now)))
    }

    async fn remove_clean(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.with(|store, now| store.remove_clean(key, now)))
    }

    async fn remove_deleted(&self, key: &str, last: Version) -> Result<bool, StoreError> {
        Ok(self.with(|store, now| {
            let is_later =
                |entry: &Entry| matches!(entry, Entry::Document { version, .. } if *version > last);
            let is_there = store.live(key, now).is_some_and(|entry| !is_later(entry));
            is_there && store.remove(key).is_some()
        }))
    }

    async fn read_log(&self, reader: LogConsumer<'_>, most: u64) -> Result<Vec<LogRecord>, StoreError> {
        Ok(self.with(|store, now| {
            store.logs.get_mut(reader.log).map(|log| log.read(most, now)).unwrap_or_default()
        }))
    }

    async fn take_over(
        &self,
        reader: LogConsumer<'_>,
        idle: Duration,
        from: RecordId,
        most: u64,
    ) -> Result<Taken, StoreError> {
        Ok(self.with(|store, now| {
            let log = store.logs.get_mut(reader.log);
            log.map(|log| log.take_over(idle, from, most, now)).unwrap_or_default()
        }))
    }

    async fn remove_records(&self, log: &str, records: &[RecordId]) -> Result<Removed, StoreError> {
        Ok(self.with(|store, _| {
            let Some(log) = store.logs.get_mut(log) else { return Removed::default() };
            let removed = records.iter().filter(|id| log.records.remove(id).is_some()).count() as u64;
            Removed { records: removed, left: log.records.len() as u64 }
        }))
    }

    async fn log_length(&self, log: &str) -> Result<LogLength, StoreError> {
        Ok(self.with(|store, _| {
            let Some(log) = store.logs.get(log) else { return LogLength::default() };
            LogLength {
                records: log.records.len() as u64,
                oldest: log.records.first_key_value().map(|(id, _)| *id),
            }
        }))
    }
}
