//! How instances connect to a deployed cache.

use std::sync::Arc;
use std::time::Duration;

use crate::store::journal::{Journal, Noticed};
use crate::store::local::LocalCache;
use crate::store::redis::layout::NodeAddress;
use crate::store::redis::options::{DeploymentKind, Detour, ReadFrom, RedisOptions};
use crate::store::redis::{self, RedisCache, RedisParts};
use crate::store::{AnyCache, AppCache, Counters, DelayedCache, ErrorKind, RoundTrip, SecretUrl, StoreError};
use crate::topology::relay::Relays;
use crate::topology::{DeploymentContext, TopologyError, tls};

/// The least time that hotset's own commands are given for an answer.
const OWN_PATIENCE: Duration = Duration::from_secs(2);
/// The least time that hotset's own connections are given.
const OWN_CONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// The cache as an instance connects to it.
#[derive(Debug, Clone)]
pub enum CacheEndpoint {
    /// The cache in this process.
    Local(LocalCache),
    /// A Redis server.
    Redis(Box<RedisEndpoint>),
}

impl CacheEndpoint {
    /// Opens an instance's connections, on the runtime that the caller runs on.
    ///
    /// # Errors
    /// Returns the error of the store.
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

    /// Connects hotset itself: past the relays, to primaries only, without the simulated round trip.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn connect_directly(&self) -> Result<AppCache, StoreError> {
        let cache = match self {
            Self::Local(cache) => AnyCache::Local(cache.counted_by(Counters::default())),
            Self::Redis(endpoint) => {
                AnyCache::Redis(RedisCache::connect(endpoint.own_options(), Counters::default()).await?)
            }
        };
        Ok(DelayedCache::new(cache, RoundTrip::default()))
    }

    /// Connects hotset itself for keys with another prefix than the application's.
    ///
    /// # Errors
    /// Returns the error of the store; a cache inside this process has no keys that others see.
    pub async fn connect_beside(&self, prefix: &str) -> Result<RedisCache, StoreError> {
        match self {
            Self::Local(_) => {
                let detail = "a cache inside this process is seen by no other process";
                Err(StoreError::new(ErrorKind::Other, detail))
            }
            Self::Redis(endpoint) => {
                let options = RedisOptions { key_prefix: prefix.to_owned(), ..endpoint.own_options() };
                RedisCache::connect(options, Counters::default()).await
            }
        }
    }

    /// The location of the cache as messages show it, without a password.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Local(_) => "in this process".into(),
            Self::Redis(endpoint) => endpoint.url().to_string(),
        }
    }
}

/// One or several Redis servers that belong together, with the options to connect to them.
#[derive(Debug, Clone)]
pub struct RedisEndpoint {
    options: RedisOptions,
    relays: Option<Relays>,
    /// The parts of Redis that the first cell uses.
    pub(super) uses: RedisParts,
}

impl RedisEndpoint {
    /// The servers of one kind, the first of them at a URL; every key gets the prefix.
    ///
    /// # Errors
    /// Returns an error if the file with certificates cannot be read.
    pub fn new(
        url: &SecretUrl,
        kind: DeploymentKind,
        read_from: ReadFrom,
        prefix: &str,
        site: &DeploymentContext<'_>,
    ) -> Result<Self, TopologyError> {
        let settings = site.cache;
        let tls = tls::read(settings).map_err(TopologyError::Unfit)?;
        let options = RedisOptions {
            kind,
            key_prefix: prefix.to_owned(),
            connect_timeout: settings.connect_timeout.0,
            response_timeout: settings.timeout.0,
            retries: u32::try_from(settings.retries).unwrap_or(u32::MAX),
            retry_pause: settings.retry_pause.0,
            read_from,
            wait_replicas: settings.wait_replicas,
            wait_timeout: settings.wait_timeout.0,
            tls,
            address_map: settings.address_map.0.clone(),
            ..RedisOptions::at(url.expose())
        };
        Ok(Self { options, relays: site.relays.clone(), uses: site.uses })
    }

    /// Tries what will be asked of the servers, with the options of the application: what waits for replicas or reads
    /// from them is asked too.
    ///
    /// # Errors
    /// Returns everything that the servers refuse.
    pub(super) async fn rehearse(&self, uses: RedisParts) -> Result<(), TopologyError> {
        let doing = format!("connecting to the cache at {}", self.url());
        redis::rehearse(&self.patient(), uses).await.map_err(TopologyError::store(doing))
    }

    /// Reads from every replica with the options of the application.
    ///
    /// # Errors
    /// Returns the words of the first that does not answer.
    pub(super) async fn rehearse_reading(&self) -> Result<(), TopologyError> {
        let doing = "read_from has replicas answer reads, which are connected to as their primary is, with the same user and password";
        redis::rehearse_reading(&self.patient()).await.map_err(TopologyError::store(doing))
    }

    /// The options of the application, with hotset's own patience.
    fn patient(&self) -> RedisOptions {
        RedisOptions {
            connections: 1,
            connect_timeout: self.options.connect_timeout.max(OWN_CONNECT_PATIENCE),
            response_timeout: self.options.response_timeout.max(OWN_PATIENCE),
            ..self.options.clone()
        }
    }

    /// The URL of the first server. It is shown without its password.
    #[must_use]
    pub fn url(&self) -> &SecretUrl {
        &self.options.url
    }

    /// The options with which an application connects: through the relays, if links are to be broken.
    #[must_use]
    pub fn options(&self, connections: u64) -> RedisOptions {
        let detour = self.relays.clone().map(|relays| -> Detour {
            Arc::new(move |node: &NodeAddress| {
                let (host, port) = relays.cache_detour(&node.host, node.port);
                NodeAddress::new(host, port)
            })
        });
        RedisOptions { connections: connections as usize, detour, ..self.options.clone() }
    }

    /// The options with which hotset itself connects: past the relays, and with at least 2 s for an answer.
    #[must_use]
    pub fn own_options(&self) -> RedisOptions {
        RedisOptions {
            read_from: ReadFrom::Primary,
            finds_replicas: true,
            wait_replicas: 0,
            journal: Journal::default(),
            ..self.patient()
        }
    }

    /// The events that the application's connections have noticed since the last call.
    #[must_use]
    pub fn noticed(&self) -> Vec<Noticed> {
        self.options.journal.take()
    }
}
