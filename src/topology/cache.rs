//! A deployed cache: how instances connect to it, how it is put back to its first state, and what it
//! says of itself.

use std::sync::Arc;
use std::time::Duration;

use super::servers::RedisServer;
use super::settings::CacheSettings;
use super::{Site, TopologyError};
use crate::clock;
use crate::store::local::LocalCache;
use crate::store::redis::{RedisAdmin, RedisCache, RedisOptions};
use crate::store::{
    AnyCache, AppCache, Cache as _, Counters, DelayedCache, Entry, RoundTrip, SecretUrl, StoreError,
};

/// How an instance connects to the cache.
#[derive(Debug, Clone)]
pub enum CacheEndpoint {
    /// The cache in this process.
    Local(LocalCache),
    /// A Redis server.
    Redis(RedisEndpoint),
}

impl CacheEndpoint {
    /// Opens an instance's connections, on the runtime that the caller runs on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn connect(
        &self,
        connections: u64,
        rtt: Duration,
        counters: Counters,
    ) -> Result<AppCache, StoreError> {
        let cache = match self {
            Self::Local(cache) => AnyCache::Local(cache.counted_by(counters)),
            Self::Redis(endpoint) => {
                AnyCache::Redis(RedisCache::connect(endpoint.options(connections), counters).await?)
            }
        };
        Ok(DelayedCache::new(cache, RoundTrip::new(rtt)))
    }
}

/// A Redis server and how to speak to it.
#[derive(Debug, Clone)]
pub struct RedisEndpoint {
    url: SecretUrl,
    prefix: String,
    connect_timeout: Duration,
    timeout: Duration,
}

impl RedisEndpoint {
    /// The server at a URL; every key gets the prefix.
    #[must_use]
    pub fn new(url: SecretUrl, prefix: &str, settings: &CacheSettings) -> Self {
        Self {
            url,
            prefix: prefix.to_owned(),
            connect_timeout: settings.connect_timeout.0,
            timeout: settings.timeout.0,
        }
    }

    /// Where it is; shows without its password.
    #[must_use]
    pub fn url(&self) -> &SecretUrl {
        &self.url
    }

    /// What the store needs to connect.
    #[must_use]
    pub fn options(&self, connections: u64) -> RedisOptions {
        RedisOptions {
            url: self.url.clone(),
            key_prefix: self.prefix.clone(),
            connections: connections as usize,
            connect_timeout: self.connect_timeout,
            response_timeout: self.timeout,
        }
    }

    /// Stores so many of the dataset's documents, to see how much memory they take.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn fill(&self, entries: u64, site: &Site<'_>) -> Result<(), StoreError> {
        const AT_ONCE: u64 = 64;
        let cache = RedisCache::connect(self.options(1), Counters::default()).await?;
        let ttl = site.cache.ttl.map(|ttl| ttl.0);
        let each = |lane: u64| {
            let cache = cache.clone();
            async move {
                for number in (lane..entries).step_by(AT_ONCE as usize) {
                    // Spread over the whole dataset, so that keys and values are as long as they will be.
                    let number =
                        (u128::from(number) * u128::from(site.documents) / u128::from(entries)) as u64;
                    let document = (site.document)(number);
                    let key = format!("product:{number}");
                    cache.set(&key, &Entry::of(document), ttl).await?;
                }
                Ok::<(), StoreError>(())
            }
        };
        let mut lanes = Vec::new();
        for lane in 0..AT_ONCE {
            lanes.push(each(lane));
        }
        futures_util::future::try_join_all(lanes).await.map(drop)
    }
}

/// How long the administrator's connection may take to come back after a restart.
const RECONNECT_BOUND: Duration = Duration::from_secs(5);

/// What a cache says of itself, once a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CacheFigures {
    /// Memory that its entries and their management take.
    pub memory_bytes: u64,
    /// How many keys it holds.
    pub entries: u64,
    /// How many it has evicted for want of room since it started.
    pub evicted: u64,
    /// How many it has dropped because their time was over since it started.
    pub expired: u64,
    /// What its server has used; none for one inside this process.
    pub server_use: Option<ServerUse>,
}

/// What a server has used since it was started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServerUse {
    /// Which start of which server; another one begins at 0.
    pub server: u64,
    /// CPU seconds.
    pub cpu_seconds: f64,
}

/// A cache that is up.
pub struct CacheDeployment {
    endpoint: CacheEndpoint,
    admin: Option<RedisAdmin>,
    server: Option<Arc<RedisServer>>,
    /// The memory limit that was found out for this dataset, which a restarted server has to be told again.
    memory_limit_bytes: Option<u64>,
}

impl CacheDeployment {
    /// A cache in this process.
    #[must_use]
    pub fn embedded(cache: LocalCache) -> Self {
        Self { endpoint: CacheEndpoint::Local(cache), admin: None, server: None, memory_limit_bytes: None }
    }

    /// A Redis, with its server where hotset started it.
    #[must_use]
    pub fn redis(endpoint: RedisEndpoint, admin: RedisAdmin, server: Option<RedisServer>) -> Self {
        Self {
            endpoint: CacheEndpoint::Redis(endpoint),
            admin: Some(admin),
            server: server.map(Arc::new),
            memory_limit_bytes: None,
        }
    }

    /// How instances connect.
    #[must_use]
    pub fn endpoint(&self) -> &CacheEndpoint {
        &self.endpoint
    }

    /// The server, where hotset started it and may stop it.
    #[must_use]
    pub fn server(&self) -> Option<Arc<RedisServer>> {
        self.server.clone()
    }

    /// The same with a memory limit that was set on the running server.
    #[must_use]
    pub fn limited_to(self, memory_limit_bytes: u64) -> Self {
        Self { memory_limit_bytes: Some(memory_limit_bytes), ..self }
    }

    /// Starts a stopped server again, with the memory limit that it had.
    ///
    /// # Errors
    /// Where there is none that hotset started, or it does not come back.
    pub async fn restart(&self) -> Result<(), TopologyError> {
        let Some(server) = &self.server else {
            return Err(TopologyError::Unfit("hotset restarts only cache servers that it started".into()));
        };
        server.restart().await?;
        let (Some(admin), Some(bytes)) = (&self.admin, self.memory_limit_bytes) else { return Ok(()) };
        // The administrator's own connection may still be on its way back.
        let deadline = clock::now() + RECONNECT_BOUND;
        loop {
            match admin.set_max_memory(bytes).await {
                Ok(()) => return Ok(()),
                Err(_) if clock::now() < deadline => clock::sleep(Duration::from_millis(20)).await,
                Err(error) => {
                    return Err(TopologyError::store("setting the memory limit of the restarted cache")(
                        error,
                    ));
                }
            }
        }
    }

    /// Removes everything that this run has put there, and makes sure that it is gone.
    ///
    /// # Errors
    /// Those of the store, or that something is still there.
    pub async fn clear(&self) -> Result<(), TopologyError> {
        let doing = || TopologyError::store("emptying the cache");
        self.flush().await?;
        let left = match (&self.endpoint, &self.admin) {
            (CacheEndpoint::Local(cache), _) => cache.statistics().entries,
            (CacheEndpoint::Redis(_), Some(admin)) if self.server.is_some() => {
                admin.info().await.map_err(doing())?.dbsize
            }
            (CacheEndpoint::Redis(endpoint), Some(admin)) => {
                admin.count_prefix(&endpoint.prefix).await.map_err(doing())?
            }
            (CacheEndpoint::Redis(_), None) => 0,
        };
        if left == 0 {
            return Ok(());
        }
        Err(TopologyError::Unfit(format!(
            "{left} keys are still in the cache after it was emptied; is somebody else writing there?"
        )))
    }

    /// Removes everything that this run has put there so far.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn flush(&self) -> Result<(), TopologyError> {
        let doing = TopologyError::store("emptying the cache");
        match (&self.endpoint, &self.admin) {
            (CacheEndpoint::Local(cache), _) => {
                cache.clear();
                Ok(())
            }
            (CacheEndpoint::Redis(_), Some(admin)) if self.server.is_some() => {
                admin.flush_all().await.map_err(doing)
            }
            (CacheEndpoint::Redis(endpoint), Some(admin)) => {
                admin.delete_prefix(&endpoint.prefix).await.map(drop).map_err(doing)
            }
            (CacheEndpoint::Redis(_), None) => Ok(()),
        }
    }

    /// The policy by which a server may evict what has no time to live, as it says itself; `None` where it
    /// does not, or has no memory limit.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn may_evict_any_key(&self) -> Result<Option<String>, StoreError> {
        let Some(admin) = &self.admin else { return Ok(None) };
        let info = admin.info().await?;
        let evicts = info.maxmemory_bytes > 0 && info.maxmemory_policy.starts_with("allkeys-");
        Ok(evicts.then_some(info.maxmemory_policy))
    }

    /// What it says of itself now; `None` while it does not answer.
    pub async fn figures(&self) -> Option<CacheFigures> {
        match (&self.endpoint, &self.admin) {
            (CacheEndpoint::Local(cache), _) => {
                let statistics = cache.statistics();
                Some(CacheFigures {
                    memory_bytes: statistics.bytes,
                    entries: statistics.entries,
                    evicted: statistics.evicted_by_capacity,
                    expired: statistics.evicted_by_expiry,
                    server_use: None,
                })
            }
            (CacheEndpoint::Redis(_), Some(admin)) => {
                let info = admin.info().await.ok()?;
                Some(CacheFigures {
                    memory_bytes: info.used_memory_bytes,
                    entries: info.dbsize,
                    evicted: info.evicted_keys,
                    expired: info.expired_keys,
                    server_use: Some(ServerUse {
                        server: xxhash_rust::xxh3::xxh3_64(info.run_id.as_bytes()),
                        cpu_seconds: info.used_cpu_seconds,
                    }),
                })
            }
            (CacheEndpoint::Redis(_), None) => None,
        }
    }

    /// What the run's record says of it: name, version, configuration.
    pub async fn describe(&self) -> (String, String, Vec<(String, String)>) {
        let info = match &self.admin {
            Some(admin) => admin.info().await.ok(),
            None => None,
        };
        match (&self.endpoint, info) {
            (CacheEndpoint::Local(_), _) => (
                "embedded cache".into(),
                env!("CARGO_PKG_VERSION").into(),
                vec![("eviction".into(), "exact LRU".into())],
            ),
            (CacheEndpoint::Redis(endpoint), Some(info)) => (
                "redis".into(),
                info.version,
                vec![
                    ("managed".into(), self.server.is_some().to_string()),
                    ("url".into(), endpoint.url().to_string()),
                    ("maxmemory".into(), info.maxmemory_bytes.to_string()),
                    ("maxmemory-policy".into(), info.maxmemory_policy),
                ],
            ),
            (CacheEndpoint::Redis(endpoint), None) => {
                ("redis".into(), "unknown".into(), vec![("url".into(), endpoint.url().to_string())])
            }
        }
    }
}
