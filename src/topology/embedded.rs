//! The cache inside this process, shared by all instances of the application. It has a policy and a TTL, and stands in
//! for a cache server without a network; nothing has to be installed for it.

use super::settings::{Capacity, DatabaseKind};
use super::{CacheDeployment, DeploymentContext, TopologyError, TopologyShape};
use crate::base::memory;
use crate::store::local::{LocalCache, LocalCapacity};
use crate::store::{Counters, SecretUrl};

crate::settings! {
    /// The settings of `embedded`.
    pub struct Spec {
        /// which database stands behind the cache: `embedded` or `mongodb`
        database: DatabaseKind = DatabaseKind::Embedded,
    }
}

impl Spec {
    /// Returns false: there are no servers.
    #[must_use]
    pub fn manages_cache_servers(&self) -> bool {
        false
    }

    /// Returns nothing: it has no address.
    #[must_use]
    pub fn addresses(&self) -> Vec<SecretUrl> {
        Vec::new()
    }

    /// Its parts and abilities: nothing in it can be broken by itself.
    #[must_use]
    pub fn shape(&self) -> TopologyShape {
        TopologyShape {
            shards: 0,
            replicas: 0,
            sentinels: 0,
            fails_over: false,
            reads_replicas: false,
            may_be_disturbed: false,
            speaks_tls: false,
            grows: false,
            outage_bound: None,
        }
    }

    /// Makes the cache.
    ///
    /// # Errors
    /// Returns an error if memory is to be watched and the operating system gives no thread for it.
    #[allow(clippy::unused_async, reason = "every topology is deployed alike")]
    pub async fn deploy_cache(&self, site: &DeploymentContext<'_>) -> Result<CacheDeployment, TopologyError> {
        let capacity = match site.cache.capacity {
            None => LocalCapacity::Entries(u64::MAX),
            Some(Capacity::Bytes(most)) => LocalCapacity::Bytes(most.0),
            Some(capacity) => LocalCapacity::Entries(capacity.entries(site.documents).unwrap_or(u64::MAX)),
        };
        let cache = LocalCache::with_policy(capacity, site.cache.policy, Counters::default());
        if let Some(most) = site.cache.max_memory_percent {
            let watching = cache.watch_memory(most.0, memory::now);
            watching.map_err(|error| TopologyError::Unfit(format!("cannot watch the memory: {error}")))?;
        }
        Ok(CacheDeployment::embedded(cache))
    }
}
