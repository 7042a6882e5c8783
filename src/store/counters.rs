//! Counts of the calls made to the stores, kept by the stores themselves.

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::StoreError;
use super::setbacks::{FirstFailures, SetbackCounts, Setbacks};
use crate::results::FailedStep;

/// Counts kept by every store handle that was made with a clone of these.
///
/// The counts are relaxed: a snapshot taken while calls are in flight may show one without another.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Counts>);

// The alignment keeps the counts of two instances off each other's cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    cache_commands: AtomicU64,
    database_reads: AtomicU64,
    database_writes: AtomicU64,
    bulk_calls: AtomicU64,
    setbacks: SetbackCounts,
}

/// The counts at one moment, or the difference between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct CountersSnapshot {
    /// Commands sent to the cache; a script call counts as one.
    pub cache_commands: u64,
    /// Queries sent to the database.
    pub database_reads: u64,
    /// Documents that the database was asked to change; a bulk counts each of its items.
    pub database_writes: u64,
    /// Bulk calls sent to the database.
    pub bulk_calls: u64,
    /// Failures of what no operation waits for.
    pub setbacks: Setbacks,
}

impl Counters {
    /// Makes counters that start at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one command to the cache.
    #[inline]
    pub fn cache_command(&self) {
        self.0.cache_commands.fetch_add(1, Relaxed);
    }

    /// Counts one query to the database.
    pub fn database_read(&self) {
        self.0.database_reads.fetch_add(1, Relaxed);
    }

    /// Counts one document to be changed.
    pub fn database_write(&self) {
        self.0.database_writes.fetch_add(1, Relaxed);
    }

    /// Counts one bulk call of `items` documents.
    pub fn bulk(&self, items: usize) {
        self.0.database_writes.fetch_add(items as u64, Relaxed);
        self.0.bulk_calls.fetch_add(1, Relaxed);
    }

    /// Counts one failure, and keeps its words where it is the first of its kind.
    pub fn setback(&self, step: FailedStep, error: &StoreError) {
        self.0.setbacks.count(step, error);
    }

    /// The first failure of each step with each kind of error.
    #[must_use]
    pub fn first_failures(&self) -> FirstFailures {
        self.0.setbacks.first()
    }

    /// The counts now.
    #[must_use]
    pub fn snapshot(&self) -> CountersSnapshot {
        CountersSnapshot {
            cache_commands: self.0.cache_commands.load(Relaxed),
            database_reads: self.0.database_reads.load(Relaxed),
            database_writes: self.0.database_writes.load(Relaxed),
            bulk_calls: self.0.bulk_calls.load(Relaxed),
            setbacks: self.0.setbacks.snapshot(),
        }
    }
}

impl Sub for CountersSnapshot {
    type Output = Self;

    /// The counts since an earlier snapshot.
    fn sub(self, earlier: Self) -> Self {
        Self {
            cache_commands: self.cache_commands.saturating_sub(earlier.cache_commands),
            database_reads: self.database_reads.saturating_sub(earlier.database_reads),
            database_writes: self.database_writes.saturating_sub(earlier.database_writes),
            bulk_calls: self.bulk_calls.saturating_sub(earlier.bulk_calls),
            setbacks: self.setbacks - earlier.setbacks,
        }
    }
}

impl Add for CountersSnapshot {
    type Output = Self;

    /// The sum of both.
    fn add(self, other: Self) -> Self {
        Self {
            cache_commands: self.cache_commands + other.cache_commands,
            database_reads: self.database_reads + other.database_reads,
            database_writes: self.database_writes + other.database_writes,
            bulk_calls: self.bulk_calls + other.bulk_calls,
            setbacks: self.setbacks + other.setbacks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_of_two_snapshots_is_what_happened_between_them() {
        let counters = Counters::new();
        counters.cache_command();
        let before = counters.snapshot();
        counters.clone().bulk(3);
        counters.database_read();
        let between = counters.snapshot() - before;
        let expected =
            CountersSnapshot { database_reads: 1, database_writes: 3, bulk_calls: 1, ..Default::default() };
        assert_eq!(between, expected);
    }
}
