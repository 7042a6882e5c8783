//! Topologies: where the cache lives, one file each. A topology deploys a cache and decides how an instance connects to
//! it; [`database`] deploys the database behind it.
//!
//! This room stands on floor 3 and may use `base`, `model`, `results`, `scenario` and `store`.

pub mod cache;
mod calibrate;
mod clearing;
pub mod cluster;
pub mod database;
pub mod embedded;
pub mod forming;
pub mod nodes;
mod operations;
pub mod reach;
pub mod relay;
pub mod remedy;
pub mod sentinel;
pub mod servers;
pub mod settings;
pub mod single;
mod target;
pub mod tls;
pub mod ttl;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::OnceCell;

pub use cache::{CacheDeployment, CacheEndpoint, CacheFigures, NodeFigures, ServerUse};
pub use database::{DatabaseDeployment, DatabaseEndpoint};
pub use relay::{LinkTo, Relays};
use servers::{EvictionPolicy, Persistence, ServerError, Supervisor};
use settings::{CacheSettings, DatabaseKind, DatabaseSettings};
pub use target::Target;

use crate::scenario::{Reader, SettingDoc, Settings};
use crate::store::redis::RedisParts;
use crate::store::{Document, SecretUrl, StoreError};

/// A reason why a topology could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// A server of hotset's own did not start or end as it should.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A store did not answer as it should.
    #[error("{doing}: {}{}", source.detail, remedy::of(source))]
    Store {
        /// The step that failed, and its object.
        doing: String,
        /// The error of the store.
        source: StoreError,
    },
    /// A directory or file of the run could not be made.
    #[error("cannot make {path}: {source}; free some space, or set TMPDIR to a directory that can be written", path = path.display())]
    Directory {
        /// Its path.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The server lacks something that hotset needs.
    #[error("{0}")]
    Unfit(String),
}

impl TopologyError {
    /// Makes the conversion of a store's error, for `map_err`.
    pub fn store(doing: impl Into<String>) -> impl FnOnce(StoreError) -> Self {
        let doing = doing.into();
        move |source| Self::Store { doing, source }
    }
}

/// The parts and abilities of a topology, as far as its settings tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct TopologyShape {
    /// The number of shards; 0 if there are no servers.
    pub shards: u64,
    /// The number of replicas of each shard.
    pub replicas: u64,
    /// The number of sentinels.
    pub sentinels: u64,
    /// True if a replica becomes the primary when the primary has died.
    pub fails_over: bool,
    /// True if replicas answer reads.
    pub reads_replicas: bool,
    /// True if hotset may disturb its servers though it did not start them.
    pub may_be_disturbed: bool,
    /// True if clients speak TLS to a server of the cache.
    pub speaks_tls: bool,
    /// True if shards can be added and removed while it serves.
    pub grows: bool,
    /// The longest time for which a shard may be without service when its primary dies, and the terms of that sum.
    pub outage_bound: Option<(Duration, &'static str)>,
}

/// The parts that a deployment is made from, apart from the topology's own settings.
pub struct DeploymentContext<'a> {
    /// Starts the servers. Its supervisor is started with the first of them.
    pub servers: &'a ServerRoom,
    /// The prefix of every key on a server that others use too.
    pub run_prefix: &'a str,
    /// The table `[cache]`.
    pub cache: &'a CacheSettings,
    /// The table `[database]`.
    pub database: &'a DatabaseSettings,
    /// The number of documents.
    pub documents: u64,
    /// Makes the document of a key, so that its memory can be measured.
    pub document: Box<dyn Fn(u64) -> Document + Send + Sync>,
    /// The number of connections that all instances together will open to the cache.
    pub cache_connections: u64,
    /// The relays that the application's connections pass through, if links are to be broken.
    pub relays: Option<Relays>,
    /// The parts of Redis that the cell uses.
    pub uses: RedisParts,
    /// The processors of cache servers.
    pub cache_cpus: &'a [u64],
    /// The processors of a database server.
    pub database_cpus: &'a [u64],
}

/// The cache and the database that a cell runs on.
#[derive(Clone, Copy)]
pub struct Deployed<'a> {
    /// The cache.
    pub cache: &'a CacheDeployment,
    /// The database.
    pub database: &'a DatabaseDeployment,
    /// The relays that the application's connections pass through, if links are to be broken.
    pub relays: Option<&'a Relays>,
}

/// The supervisor of this run's servers. It is started with the first server.
#[derive(Default)]
pub struct ServerRoom {
    supervisor: OnceCell<Supervisor>,
    program: Option<PathBuf>,
}

impl ServerRoom {
    /// A room whose supervisor runs as the given program, for tests.
    #[must_use]
    pub fn with_program(program: PathBuf) -> Self {
        Self { supervisor: OnceCell::new(), program: Some(program) }
    }

    /// The supervisor, which the first call starts.
    ///
    /// # Errors
    /// Returns an error if it cannot be started.
    pub async fn supervisor(&self) -> Result<&Supervisor, ServerError> {
        self.supervisor
            .get_or_try_init(|| async {
                let program = match &self.program {
                    Some(program) => program.clone(),
                    None => servers::own_program().map_err(|source| ServerError::Directory {
                        action: "find the program",
                        path: "hotset".into(),
                        source,
                    })?,
                };
                Supervisor::start(&program).await
            })
            .await
    }

    /// Ends every server and removes what they left.
    pub async fn close(&self) {
        if let Some(supervisor) = self.supervisor.get() {
            // The supervisor kills the servers that do not end in time when the pipe closes.
            let _ = supervisor.shutdown().await;
        }
    }
}

/// A topology as `hotset list topologies` shows it.
pub struct TopologyRow {
    /// Its name in a scenario.
    pub name: &'static str,
    /// A summary of one line.
    pub summary: &'static str,
    /// Its settings.
    pub docs: fn() -> Vec<SettingDoc>,
    /// Reads its settings.
    pub read: fn(&Reader<'_>) -> TopologySpec,
}

/// Generates the registry and the enum over all topologies, from one row for each.
macro_rules! topologies {
    ($( $name:literal => $variant:ident, $module:ident, $summary:literal; )+) => {
        /// Every topology there is.
        pub const REGISTRY: &[TopologyRow] = &[ $( TopologyRow {
            name: $name,
            summary: $summary,
            docs: <$module::Spec as Settings>::docs,
            read: |reader| TopologySpec::$variant(<$module::Spec as Settings>::read(reader)),
        }, )+ ];

        /// A topology with its settings.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum TopologySpec { $( $variant($module::Spec), )+ }

        impl TopologySpec {
            /// Its name in a scenario.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )+ }
            }

            /// Its settings as a scenario would have them, without secrets.
            #[must_use]
            pub fn show(&self) -> Vec<(&'static str, String)> {
                match self { $( Self::$variant(spec) => spec.show(), )+ }
            }

            /// Its settings that are not what they are where they are left out.
            fn changed(&self) -> Vec<&'static str> {
                let of_none = match self { $( Self::$variant(_) => <$module::Spec>::default().show(), )+ };
                let both = self.show().into_iter().zip(of_none);
                both.filter(|(given, of_none)| given != of_none).map(|((name, _), _)| name).collect()
            }

            /// The kind of database behind the cache.
            #[must_use]
            pub fn database(&self) -> DatabaseKind {
                match self { $( Self::$variant(spec) => spec.database, )+ }
            }

            /// Returns true if hotset starts the cache's servers itself, and so may stop them.
            #[must_use]
            pub fn manages_cache_servers(&self) -> bool {
                match self { $( Self::$variant(spec) => spec.manages_cache_servers(), )+ }
            }

            /// The servers of the cache that are there already, as its settings name them.
            #[must_use]
            pub fn addresses(&self) -> Vec<SecretUrl> {
                match self { $( Self::$variant(spec) => spec.addresses(), )+ }
            }

            /// Its parts and abilities, as far as its settings tell.
            #[must_use]
            pub fn shape(&self) -> TopologyShape {
                match self { $( Self::$variant(spec) => spec.shape(), )+ }
            }

            /// Makes the cache ready to be connected to.
            ///
            /// # Errors
            /// Returns an error that tells which server could not be started or reached, why, and what to do.
            pub async fn deploy_cache(&self, site: &DeploymentContext<'_>) -> Result<CacheDeployment, TopologyError> {
                match self { $( Self::$variant(spec) => Box::pin(spec.deploy_cache(site)).await, )+ }
            }
        }
    };
}

topologies! {
    "embedded" => Embedded, embedded, "the cache and the database inside this process: nothing to install";
    "single" => Single, single, "one Redis server, with replicas if wanted, started by hotset or already there";
    "cluster" => Cluster, cluster, "Redis Cluster: primaries that share the hash slots, with replicas that take over";
    "sentinel" => Sentinel, sentinel, "shards of Redis with replicas, which sentinels look after and the client spreads keys over";
}

impl TopologySpec {
    /// Returns true if the cache lives in hotset's own process.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// Returns true if a setting of the scenario, by its dotted key, has an effect here.
    #[must_use]
    pub fn obeys(&self, key: &str) -> bool {
        self.why_not_obeyed(key).is_none()
    }

    /// Why a setting of the scenario, by its dotted key, has no effect here. Servers do not evict by the embedded cache's
    /// policy, nor it by theirs, and nothing is set on servers that hotset did not start.
    #[must_use]
    pub fn why_not_obeyed(&self, key: &str) -> Option<&'static str> {
        let (is_embedded, is_external) =
            (self.is_embedded(), !self.is_embedded() && !self.manages_cache_servers());
        match key {
            "cache.policy" | "cache.max_memory_percent" if !is_embedded => {
                Some("only the embedded cache has it")
            }
            "cache.capacity" | "cache.eviction" | "cache.persistence" | "run.pin.cache" if is_external => {
                Some("hotset did not start that Redis, which keeps what it was told")
            }
            "cache.eviction" | "cache.persistence" | "run.pin.cache" if is_embedded => {
                Some("the embedded cache is no server")
            }
            "cache.tls_ca" | "cache.tls_cert" | "cache.tls_key" | "cache.tls_insecure"
                if !is_embedded && !self.shape().speaks_tls =>
            {
                Some(if is_external {
                    "it is spoken to without TLS; write rediss:// where it speaks TLS"
                } else {
                    "hotset's own servers speak no TLS"
                })
            }
            "cache.address_map" if !is_embedded && !is_external => {
                Some("hotset's own servers announce the addresses at which they are reached")
            }
            "cache.tls_ca"
            | "cache.tls_cert"
            | "cache.tls_key"
            | "cache.tls_insecure"
            | "cache.address_map"
            | "cache.connect_timeout"
            | "cache.wait_replicas"
            | "cache.wait_timeout"
                if is_embedded =>
            {
                Some("nobody connects to the embedded cache")
            }
            "database.url"
            | "database.cache_size"
            | "database.connections"
            | "database.replica_set"
            | "database.write_concern"
            | "database.read_preference"
            | "run.pin.database"
                if !self.has_mongodb() =>
            {
                Some("its database is a file of this process")
            }
            _ => None,
        }
    }

    /// Its own settings that are written and have no effect, each with the reason. How many nodes a cluster has that is
    /// there already decides what may be tried on it, and so is none of them.
    #[must_use]
    pub fn settings_without_effect(&self) -> Vec<(&'static str, &'static str)> {
        let why = |name: &'static str| match name {
            "allow_faults" | "node" if self.manages_cache_servers() => {
                Some("it is about servers that are there already, and hotset starts these itself")
            }
            "server"
            | "node_timeout"
            | "require_full_coverage"
            | "sentinel_count"
            | "down_after"
            | "failover_timeout"
                if !self.manages_cache_servers() =>
            {
                Some("hotset did not start those servers, which keep what they were told")
            }
            "replicas" if !self.manages_cache_servers() && !matches!(self, Self::Cluster(_)) => {
                Some("hotset did not start those servers, which have the replicas that they have")
            }
            _ => None,
        };
        let changed = if self.is_embedded() { Vec::new() } else { self.changed() };
        changed.into_iter().filter_map(|name| Some((name, why(name)?))).collect()
    }

    /// Returns true if its database is a MongoDB.
    #[must_use]
    pub fn has_mongodb(&self) -> bool {
        self.database() == DatabaseKind::Mongodb
    }

    /// The policy by which a cache of hotset's own may evict entries without a time to live; `None` if it never does.
    /// For a server that is there already, [`CacheDeployment::may_evict_any_key`] asks the server.
    #[must_use]
    pub fn evicts_any_key(&self, cache: &CacheSettings) -> Option<EvictionPolicy> {
        let evicts =
            self.manages_cache_servers() && cache.capacity.is_some() && cache.eviction.takes_any_key();
        evicts.then_some(cache.eviction)
    }

    /// Returns true if the cache, once killed and started again, still holds all that it has acknowledged.
    #[must_use]
    pub fn cache_survives_kill(&self, cache: &CacheSettings) -> bool {
        self.manages_cache_servers() && cache.persistence != Persistence::None
    }

    /// A reason why the topology cannot work with any strategy, and the remedy.
    #[must_use]
    pub fn impossible(&self, cache: &CacheSettings) -> Option<(String, String)> {
        if !self.manages_cache_servers() {
            return None;
        }
        let shape = self.shape();
        if shape.shards > 0 && cache.wait_replicas > shape.replicas {
            return Some((
                format!("writes wait for {} replicas of {}", cache.wait_replicas, shape.replicas),
                "give the topology more replicas, or lower cache.wait_replicas".into(),
            ));
        }
        match self {
            Self::Cluster(spec) if spec.primaries.get() < 3 => Some((
                format!("a cluster of {} primaries has no majority left when one dies", spec.primaries),
                "give it 3 primaries or more, or use single or sentinel".into(),
            )),
            Self::Sentinel(spec) if spec.sentinel_count.get() < 3 => Some((
                format!("{} sentinels have no majority left when one dies", spec.sentinel_count),
                "give it 3 sentinels or more".into(),
            )),
            _ => None,
        }
    }

    /// Returns true if more than one server holds entries, so that keys used together must share a hash slot or shard.
    #[must_use]
    pub fn is_sharded(&self) -> bool {
        matches!(self, Self::Cluster(_) | Self::Sentinel(_))
    }
}
