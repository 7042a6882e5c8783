//! Empties a cache, and makes sure that it is empty, even while a shard is failing over.

use std::time::Duration;

use super::TopologyError;
use super::cache::{CacheDeployment, CacheEndpoint};
use crate::base::clock;
use crate::store::redis::RedisAdmin;
use crate::store::{ErrorKind, StoreError};

/// The longest time that a shard may have no primary that can be emptied. It is longer than a failover takes with the
/// default timeouts of the topologies.
const PRIMARY_BOUND: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);
/// The most looks until one finds nothing of this run any more: what was written during the first is found by the second.
const MOST_LOOKS: usize = 3;

impl CacheDeployment {
    /// Removes everything that this run has written there, and looks again until nothing of it is found.
    ///
    /// # Errors
    /// Returns the error of the store, or an error if keys are there again.
    pub async fn clear(&self) -> Result<(), TopologyError> {
        let mut found = 0;
        for _ in 0..MOST_LOOKS {
            found = self.patiently(async || self.remove_at_once().await).await?;
            if found == 0 {
                return Ok(());
            }
        }
        Err(TopologyError::Unfit(format!(
            "{found} keys were in the cache again after it was emptied; is somebody else writing there?"
        )))
    }

    /// Removes everything that this run has written there so far. A shard without a primary is waited for.
    ///
    /// # Errors
    /// Returns the error of the store, which names the shard in which keys stay.
    pub async fn flush(&self) -> Result<(), TopologyError> {
        self.patiently(async || self.remove_at_once().await).await.map(drop)
    }

    /// Removes what is found, and returns how many keys that were.
    async fn remove_at_once(&self) -> Result<u64, TopologyError> {
        if let CacheEndpoint::Local(cache) = self.endpoint() {
            let found = cache.statistics().entries;
            cache.clear();
            return Ok(found);
        }
        let prefix = self.options()?.key_prefix;
        let mut found = 0;
        for (admin, doing) in self.every_primary().await? {
            let removed = match self.managed() {
                Some(_) => admin.flush_all().await,
                None => admin.delete_prefix(&prefix).await,
            };
            found += removed.map_err(TopologyError::store(doing))?;
        }
        Ok(found)
    }

    /// An administrator of the primary of every shard, and a description of the step for errors. Returns an error if a
    /// shard has no primary.
    async fn every_primary(&self) -> Result<Vec<(RedisAdmin, String)>, TopologyError> {
        let shards = self.layout().map(|layout| layout.shards).unwrap_or_default();
        if let Some(shard) = shards.iter().find(|shard| shard.primary.is_none()) {
            let doing = format!("emptying {} of the cache, where keys of this run may stay", shard.name);
            return Err(TopologyError::store(doing)(StoreError::new(
                ErrorKind::Unavailable,
                self.why_no_primary(&shard.name).unwrap_or_else(|| "it has no primary now".into()),
            )));
        }
        let primaries = self.primaries().await?.into_iter();
        let doing = |(admin, shard, address)| {
            (admin, format!("emptying {shard} of the cache, at {address}, where keys of this run may stay"))
        };
        Ok(primaries.map(doing).collect())
    }

    /// Retries, with the primaries of that moment, a step that failed because a primary has died or was demoted.
    async fn patiently<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, TopologyError>,
    ) -> Result<T, TopologyError> {
        let deadline = clock::now() + PRIMARY_BOUND;
        loop {
            match attempt().await {
                Err(error) if may_pass(&error) && clock::now() < deadline => {
                    clock::sleep(PAUSE).await;
                    // If no node answers, the next attempt reports it.
                    let _ = self.look().await;
                }
                done => return done,
            }
        }
    }
}

/// Returns true if the error may go away once a failover is over.
fn may_pass(error: &TopologyError) -> bool {
    use ErrorKind::{Connection, ReadOnly, Timeout, Unavailable};
    matches!(error, TopologyError::Store { source, .. }
        if [Connection, Timeout, Unavailable, ReadOnly].contains(&source.kind))
}
