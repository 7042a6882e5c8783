//! The in-process cache under memory pressure, with memory that is really allocated. A test program of its own, since
//! what it measures is the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hotset::measure::collectors::resident_bytes;
use hotset::memory::Memory;
use hotset::store::local::{LocalCache, LocalCapacity};
use hotset::store::{Cache, Counters, Document, Entry};
use hotset::units::Share;
use mongodb::bson::rawdoc;

const MIB: u64 = 1 << 20;
/// What the process may grow by.
const ROOM: u64 = 96 * MIB;
/// What is put in, several times as much.
const PUT_IN: u64 = 400 * MIB;
/// What is put in before the watcher is waited for: a busy machine may keep it waiting.
const BETWEEN_LOOKS: u64 = 8 * MIB;
/// As much again as is put in meanwhile, and what else the process may need.
const SLACK: u64 = 32 * MIB;
const DOCUMENT_BYTES: u64 = 4096;

#[tokio::test]
async fn the_cache_stays_under_the_bound_does_not_drain_and_counts_what_it_shed() {
    let cache = LocalCache::new(LocalCapacity::Entries(u64::MAX), Counters::new());
    let bound = resident_bytes().unwrap() + ROOM;
    let highest = Arc::new(AtomicU64::new(0));
    let looks = Arc::new(AtomicU64::new(0));
    let (seen, looked) = (Arc::clone(&highest), Arc::clone(&looks));
    let gauge = move || {
        let used_bytes = resident_bytes()?;
        seen.fetch_max(used_bytes, Relaxed);
        looked.fetch_add(1, Relaxed);
        Some(Memory { used_bytes, total_bytes: 2 * bound })
    };
    cache.watch_memory(Share::of(1, 2), gauge).unwrap();
    for number in 0..PUT_IN / DOCUMENT_BYTES {
        let document = rawdoc! { "_v": 1_i64, "p": "x".repeat(DOCUMENT_BYTES as usize) };
        let entry = Entry::of(Document::from_raw(document));
        cache.set(&format!("product:{number}"), &entry, None).await.unwrap();
        if number.is_multiple_of(BETWEEN_LOOKS / DOCUMENT_BYTES) {
            // The second look from now has begun after what the first one shed.
            let until = looks.load(Relaxed) + 2;
            while looks.load(Relaxed) < until {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
    let statistics = cache.statistics();
    let highest = highest.load(Relaxed);
    assert!(highest > bound, "memory was never short: {highest} of {bound}");
    assert!(highest < bound + SLACK, "{} MiB over the bound", (highest - bound) / MIB);
    assert!(statistics.evicted_by_pressure > 0);
    assert_eq!(statistics.entries + statistics.evicted_by_pressure, PUT_IN / DOCUMENT_BYTES);
    assert!(statistics.bytes > ROOM / 8, "only {} MiB are left", statistics.bytes / MIB);
}
