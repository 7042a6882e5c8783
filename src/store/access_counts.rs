//! Counts of accesses, kept in the cache and shared by all instances, by which the most accessed entities are
//! found.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use super::{Cache, DelayedCache, StoreError};
use crate::base::clock::Instant;

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
pub struct CountWindow {
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
        self.round_trip().around(|| self.inner().count_accesses(window, added, ttl)).await
    }

    async fn most_accessed(&self, window: &str, most: u64) -> Result<Vec<(String, u64)>, StoreError> {
        self.round_trip().around(|| self.inner().most_accessed(window, most)).await
    }
}
