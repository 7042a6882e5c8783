//! The in-process cache under memory pressure, with memory that is really allocated. A test program of its own, since
//! what it measures is the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hotset::base::memory::Memory;
use hotset::base::units::Share;
use hotset::measure::collectors::resident_bytes;
use hotset::store::local::{LocalCache, LocalCapacity};
use hotset::store::{Cache, Counters, Document, Entry};
use mongodb::bson::rawdoc;

const MIB: u64 = 1 << 20;
/// The most by which the process may grow.
const ROOM: u64 = 96 * MIB;
/// The bytes that are put in, several times as much, without a pause.
const PUT_IN: u64 = 600 * MIB;
/// The bytes that the allocator may lose between entries, and that the process may need besides.
const SLACK: u64 = 32 * MIB;
const DOCUMENT_BYTES: u64 = 4096;

/// The watcher's view of the process at its looks.
#[derive(Debug, Default)]
struct Seen {
    looks: AtomicU64,
    /// The most memory that the process used.
    highest: AtomicU64,
    /// The bytes that had been put in at the last look.
    put_in: AtomicU64,
    /// The most that was put in from one look to the next.
    most_between_looks: AtomicU64,
}

impl Seen {
    fn look(&self, used_bytes: u64, put_in: u64) {
        self.highest.fetch_max(used_bytes, Relaxed);
        let before = self.put_in.swap(put_in, Relaxed);
        self.most_between_looks.fetch_max(put_in - before, Relaxed);
        self.looks.fetch_add(1, Relaxed);
    }
}

/// The watcher looks now and then, and until it looks again nothing holds back who writes: that much more than the bound
/// may be used, however busy the machine is.
#[tokio::test]
async fn the_cache_stays_under_the_bound_does_not_drain_and_counts_what_it_shed() {
    let cache = LocalCache::new(LocalCapacity::Entries(u64::MAX), Counters::new());
    let bound = resident_bytes().unwrap() + ROOM;
    let (seen, put_in) = (Arc::new(Seen::default()), Arc::new(AtomicU64::new(0)));
    let (watched, written) = (Arc::clone(&seen), Arc::clone(&put_in));
    let gauge = move || {
        let used_bytes = resident_bytes()?;
        watched.look(used_bytes, written.load(Relaxed));
        Some(Memory { used_bytes, total_bytes: 2 * bound })
    };
    cache.watch_memory(Share::of(1, 2), gauge).unwrap();
    for number in 0..PUT_IN / DOCUMENT_BYTES {
        let document = rawdoc! { "_v": 1_i64, "p": "x".repeat(DOCUMENT_BYTES as usize) };
        let entry = Entry::of(Document::from_raw(document));
        cache.set(&format!("product:{number}"), &entry, None).await.unwrap();
        put_in.fetch_add(DOCUMENT_BYTES, Relaxed);
    }
    // The second look from now has begun after what the first one shed.
    let until = seen.looks.load(Relaxed) + 2;
    while seen.looks.load(Relaxed) < until {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let statistics = cache.statistics();
    let highest = seen.highest.load(Relaxed);
    let between_looks = seen.most_between_looks.load(Relaxed);
    assert!(highest > bound, "memory was never short: {highest} of {bound}");
    // So much comes before a look finds memory short, and as much again while it sheds.
    let most = bound + 2 * between_looks + SLACK;
    assert!(
        highest < most,
        "{} MiB over what may be: {} put in between two looks",
        (highest - most) / MIB,
        between_looks / MIB
    );
    assert!(statistics.evicted_by_pressure > 0);
    assert_eq!(statistics.entries + statistics.evicted_by_pressure, PUT_IN / DOCUMENT_BYTES);
    assert!(statistics.bytes < ROOM + SLACK, "{} MiB are left", statistics.bytes / MIB);
    // Quarters are shed until the rest fits: what is left is at least three quarters of what fits, and that is the room
    // without what the allocator loses and others need.
    let least = (ROOM - SLACK) / 4 * 3;
    assert!(statistics.bytes > least, "only {} MiB are left", statistics.bytes / MIB);
}
