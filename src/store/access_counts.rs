//! Counts of accesses that live in the cache, shared by all instances, by which the most asked for is found.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use super::{Cache, DelayedCache, StoreError};
use crate::clock::Instant;

/// A cache that counts for its users. Promises are those of [`Cache`].
pub trait AccessCounts: Cache {
    /// Adds to the counts of a window, which is forgotten `ttl` after its last addition: one command for
    /// all of them.
    fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The `most` most accessed of a window with their counts, the highest first.
    fn most_accessed(
        &self,
        window: &str,
        most: u64,
    ) -> impl Future<Output = Result<Vec<(String, u64)>, StoreError>> + Send;
}

/// The counts of one window in a cache of this process.
#[derive(Debug, Default)]
pub struct Window {
    pub(in crate::store) counts: HashMap<Box<str>, u64>,
    pub(in crate::store) expires: Option<Instant>,
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
