//! Tests of what a cache holds, also beside a plain list that does the same.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::rawdoc;
use proptest::prelude::*;

use crate::base::clock::{self, Instant};
use crate::store::local::{ENTRY_OVERHEAD_BYTES, LocalCache, LocalCapacity};
use crate::store::{Cache, Counters, Document, Entry};

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
    prop_oneof![(0..8_u64).prop_map(LocalCapacity::Entries), (200..2000_u64).prop_map(LocalCapacity::Bytes),]
}

async fn agrees_with_the_reference(capacity: LocalCapacity, steps: Vec<Step>) -> Result<(), TestCaseError> {
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
