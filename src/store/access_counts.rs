//! Counts of accesses, kept in the cache and shared by all instances, by which the most accessed entities are
//! found.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use super::local::LocalCache;
use super::redis::RedisCache;
use super::{AnyCache, Cache, DelayedCache, StoreError};
use crate::clock::{self, Instant};

/// A cache that counts accesses for its users. It makes the same promises as [`Cache`].
pub trait AccessCounts: Cache {
    /// Adds to the counts of a window with one command. The window is forgotten `ttl` after the last addition
    /// to it.
    fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The ids with the highest counts in a window, at most `most` of them, the highest first.
    fn most_accessed(
        &self,
        window: &str,
        most: u64,
    ) -> impl Future<Output = Result<Vec<(String, u64)>, StoreError>> + Send;
}

/// The counts of one window in a cache of this process.
#[derive(Debug, Default)]
pub struct Window {
    counts: HashMap<Box<str>, u64>,
    expires: Option<Instant>,
}

impl AccessCounts for LocalCache {
    async fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.with_windows(|windows| {
            let now = clock::now();
            windows.retain(|_, window| window.expires.is_none_or(|expires| expires > now));
            let window = windows.entry(window.into()).or_default();
            window.expires = now.checked_add(ttl);
            for (id, count) in added {
                *window.counts.entry(id.as_str().into()).or_default() += count;
            }
        });
        Ok(())
    }

    async fn most_accessed(&self, window: &str, most: u64) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.with_windows(|windows| {
            let now = clock::now();
            let live = windows.get(window).filter(|w| w.expires.is_none_or(|expires| expires > now));
            let counts = live.map(|window| &window.counts);
            let mut all: Vec<(String, u64)> =
                counts.into_iter().flatten().map(|(id, count)| (id.to_string(), *count)).collect();
            // Redis sorts in this order too: by count and, among equal counts, by name, both descending.
            all.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
            all.truncate(most as usize);
            all
        }))
    }
}

impl AccessCounts for RedisCache {
    async fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.add_to_sorted_set(window, added, ttl).await
    }

    async fn most_accessed(&self, window: &str, most: u64) -> Result<Vec<(String, u64)>, StoreError> {
        self.highest_of_sorted_set(window, most).await
    }
}

impl AccessCounts for AnyCache {
    async fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        match self {
            Self::Local(cache) => cache.count_accesses(window, added, ttl).await,
            Self::Redis(cache) => cache.count_accesses(window, added, ttl).await,
        }
    }

    async fn most_accessed(&self, window: &str, most: u64) -> Result<Vec<(String, u64)>, StoreError> {
        match self {
            Self::Local(cache) => cache.most_accessed(window, most).await,
            Self::Redis(cache) => cache.most_accessed(window, most).await,
        }
    }
}

impl<C: AccessCounts> AccessCounts for DelayedCache<C> {
    async fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.round_trip().around(self.inner().count_accesses(window, added, ttl)).await
    }

    async fn most_accessed(&self, window: &str, most: u64) -> Result<Vec<(String, u64)>, StoreError> {
        self.round_trip().around(self.inner().most_accessed(window, most)).await
    }
}
