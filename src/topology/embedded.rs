//! The cache inside this process, shared by all instances of the application: exact LRU with TTL.
//! It stands in for a cache server without a network; nothing has to be installed for it.

use super::settings::{Capacity, DatabaseKind};
use super::{CacheDeployment, Site, TopologyError};
use crate::store::Counters;
use crate::store::local::{LocalCache, LocalCapacity};

crate::settings! {
    /// The settings of `embedded`.
    pub struct Spec {
        /// which database stands behind the cache: `embedded` or `mongodb`
        database: DatabaseKind = DatabaseKind::Embedded,
    }
}

impl Spec {
    /// It has no servers.
    #[must_use]
    pub fn manages_cache_servers(&self) -> bool {
        false
    }

    /// Makes the cache.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unused_async, reason = "every topology is deployed alike")]
    pub async fn deploy_cache(&self, site: &Site<'_>) -> Result<CacheDeployment, TopologyError> {
        let capacity = match site.cache.capacity {
            None => LocalCapacity::Entries(u64::MAX),
            Some(Capacity::Bytes(most)) => LocalCapacity::Bytes(most.0),
            Some(capacity) => LocalCapacity::Entries(capacity.entries(site.documents).unwrap_or(u64::MAX)),
        };
        Ok(CacheDeployment::embedded(LocalCache::new(capacity, Counters::default())))
    }
}
