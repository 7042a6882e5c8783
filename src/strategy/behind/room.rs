//! How much may wait to be flushed, and what a write does when that much waits.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::base::clock;
use crate::store::write_log::LogLength;

/// Writes that may be on their way through a full queue at once: they too are a backlog while the database
/// does not answer.
const MOST_THROUGH: u64 = 64;

crate::choices! {
    /// The things that a write may do when the queue is full.
    pub enum WhenFull {
        /// It waits until there is room.
        Block = "block",
        /// It is flushed by itself before it is acknowledged.
        WriteThrough = "write-through",
    }
}

/// The ways in which a write that was let in goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is acknowledged when the cache has it, and waits to be flushed.
    Queued,
    /// It is flushed at once, and acknowledged then.
    Through,
}

/// The room for what waits. Clones are the same room.
#[derive(Debug, Clone)]
pub struct Room(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    capacity: u64,
    when_full: WhenFull,
    counts: Mutex<Counts>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    /// Writes under way, and those that wait in the instance's memory.
    places: u64,
    /// Records of the log, as far as this instance knows.
    records: u64,
    /// When the oldest of them was written, in milliseconds since 1970.
    oldest_millis: Option<u64>,
    /// Counts this instance's own records, for ever.
    appended: u64,
}

impl Room {
    /// An empty room.
    pub fn new(capacity: u64, when_full: WhenFull) -> Self {
        Self(Arc::new(Shared { capacity, when_full, counts: Mutex::default(), freed: Notify::new() }))
    }

    /// A place, at the latest at the deadline; `None` after that. `nudge` is called before each wait.
    pub async fn enter(&self, deadline: Instant, nudge: impl Fn()) -> Option<Permit> {
        loop {
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            // From here on a place that becomes free is not missed.
            freed.as_mut().enable();
            if let Some(place) = self.try_enter() {
                return Some(place);
            }
            nudge();
            tokio::time::timeout_at(deadline, freed).await.ok()?;
        }
    }

    fn try_enter(&self) -> Option<Permit> {
        let mut counts = self.0.counts.lock();
        let taken = counts.places + counts.records;
        let way = if taken < self.0.capacity {
            Way::Queued
        } else if self.0.when_full == WhenFull::WriteThrough && taken < self.0.capacity + MOST_THROUGH {
            Way::Through
        } else {
            return None;
        };
        counts.places += 1;
        Some(Permit { room: self.clone(), way })
    }

    /// Records that wait in the log.
    pub fn records(&self) -> u64 {
        self.0.counts.lock().records
    }

    /// When the oldest record was written, in milliseconds since 1970.
    pub fn oldest_millis(&self) -> Option<u64> {
        let counts = self.0.counts.lock();
        counts.oldest_millis.filter(|_| counts.records > 0)
    }

    /// To be taken before a look at the log, and given back with it.
    pub fn appended(&self) -> u64 {
        self.0.counts.lock().appended
    }

    /// A look at the log found so much; what this instance appended since it began to look comes on top.
    pub fn seen(&self, found: LogLength, appended_before: u64) {
        {
            let mut counts = self.0.counts.lock();
            counts.records = found.records + (counts.appended - appended_before);
            counts.oldest_millis = found.oldest.map(|oldest| oldest.millis).or(counts.oldest_millis);
        }
        self.0.freed.notify_waiters();
    }

    /// So many records were removed.
    pub fn removed(&self, records: u64) {
        {
            let mut counts = self.0.counts.lock();
            counts.records = counts.records.saturating_sub(records);
        }
        self.0.freed.notify_waiters();
    }
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub struct Permit {
    room: Room,
    way: Way,
}

impl Permit {
    /// Returns the way in which the write goes on.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The write is a record of the log now, which takes the place over.
    pub fn becomes_a_record(self) {
        let mut counts = self.room.0.counts.lock();
        if counts.records == 0 {
            counts.oldest_millis = Some(clock::unix_millis());
        }
        counts.records += 1;
        counts.appended += 1;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.room.0.counts.lock().places -= 1;
        self.room.0.freed.notify_waiters();
    }
}
