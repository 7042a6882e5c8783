//! One Redis server: started by hotset on a free port of the loopback, or one that is there already.

use super::cache::{CacheDeployment, RedisEndpoint};
use super::servers::{RedisConfig, RedisServer};
use super::settings::{Capacity, DatabaseKind};
use super::{Site, TopologyError};
use crate::store::SecretUrl;
use crate::store::redis::RedisAdmin;

crate::settings! {
    /// The settings of `single`.
    pub struct Spec {
        /// a Redis that is there already, 7.0 or newer; hotset writes only keys under a prefix of its own there. Left out, hotset starts one
        url: Option<SecretUrl> = None,
        /// which database stands behind the cache: `mongodb`, or `embedded` for one file written by this process
        database: DatabaseKind = DatabaseKind::Mongodb,
    }
}

/// What a connection's buffers take of the memory limit while it is used.
const BYTES_A_CONNECTION: u64 = 40 * 1024;

impl Spec {
    /// Whether the server is hotset's own.
    #[must_use]
    pub fn manages_cache_servers(&self) -> bool {
        self.url.is_none()
    }

    /// Starts or finds the server.
    ///
    /// # Errors
    /// Says what could not be started or reached.
    pub async fn deploy_cache(&self, site: &Site<'_>) -> Result<CacheDeployment, TopologyError> {
        match &self.url {
            Some(url) => external(url.clone(), site).await,
            None => managed(site).await,
        }
    }
}

async fn external(url: SecretUrl, site: &Site<'_>) -> Result<CacheDeployment, TopologyError> {
    let endpoint = RedisEndpoint::new(url, site.run_prefix, site.cache);
    let admin = admin(&endpoint).await?;
    Ok(CacheDeployment::redis(endpoint, admin, None))
}

async fn managed(site: &Site<'_>) -> Result<CacheDeployment, TopologyError> {
    let config = RedisConfig {
        max_memory_bytes: match site.cache.capacity {
            Some(Capacity::Bytes(most)) => Some(most.0),
            _ => None,
        },
        eviction: site.cache.eviction,
        persistence: site.cache.persistence,
        cpus: site.cache_cpus.iter().map(|cpu| *cpu as usize).collect(),
        ..RedisConfig::default()
    };
    let server = RedisServer::start(site.servers.supervisor().await?, config).await?;
    let endpoint = RedisEndpoint::new(SecretUrl::new(server.url().expose()), "", site.cache);
    let admin = admin(&endpoint).await?;
    let Some(entries) = site.cache.capacity.and_then(|capacity| capacity.entries(site.documents)) else {
        return Ok(CacheDeployment::redis(endpoint, admin, Some(server)));
    };
    let limit = limit_to_entries(entries, &endpoint, &admin, site).await?;
    Ok(CacheDeployment::redis(endpoint, admin, Some(server)).limited_to(limit))
}

/// Connects for administration, and makes sure that the server knows what the strategies ask of it.
async fn admin(endpoint: &RedisEndpoint) -> Result<RedisAdmin, TopologyError> {
    let doing = format!("connecting to the cache at {}", endpoint.url());
    let admin = RedisAdmin::connect(&endpoint.options(1)).await.map_err(TopologyError::store(doing))?;
    let doing = format!("asking the cache at {} for its version", endpoint.url());
    let info = admin.info().await.map_err(TopologyError::store(doing))?;
    // SET with both NX and GET, by which a token is placed, is new in 7.0.
    let major = info.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < 7) {
        let version = info.version;
        return Err(TopologyError::Unfit(format!(
            "the cache at {} is Redis {version}; hotset needs 7.0 or newer: leave `url` out to have hotset start one",
            endpoint.url()
        )));
    }
    Ok(admin)
}

/// Sets the memory limit to what so many documents take, seen by storing them once. How many fit
/// while a workload runs depends on the connections' buffers too; the results say how many did.
async fn limit_to_entries(
    entries: u64,
    endpoint: &RedisEndpoint,
    admin: &RedisAdmin,
    site: &Site<'_>,
) -> Result<u64, TopologyError> {
    let doing = || TopologyError::store("finding out how much memory the cache's entries take");
    endpoint.fill(entries, site).await.map_err(doing())?;
    let used = admin.info().await.map_err(doing())?.used_memory_bytes;
    admin.flush_all().await.map_err(doing())?;
    let limit = used + site.cache_connections * BYTES_A_CONNECTION;
    admin.set_max_memory(limit).await.map_err(TopologyError::store("setting the cache's memory limit"))?;
    Ok(limit)
}
