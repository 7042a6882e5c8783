//! Counts of accesses in whichever cache it is.

use std::time::Duration;

use super::AnyCache;
use crate::store::{AccessCounts, StoreError};

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
