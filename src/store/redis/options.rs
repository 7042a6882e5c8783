//! The options of a connection to a Redis deployment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::layout::NodeAddress;
use super::shard_names::ShardNames;
use crate::store::SecretUrl;
use crate::store::journal::Journal;

crate::choices! {
    /// Which nodes answer reads.
    pub enum ReadFrom {
        /// Primaries only.
        Primary = "primary",
        /// Replicas by turns; the primary where none is live.
        Replicas = "replicas",
        /// Whichever live node of the shard answers soonest.
        Nearest = "nearest",
        /// All live nodes of the shard by turns, the primary too.
        Spread = "spread",
    }
}

crate::choices! {
    /// How keys are spread over shards that know nothing of each other.
    pub enum Sharding {
        /// By the highest weight: one more shard moves as few keys as can be.
        Rendezvous = "rendezvous",
        /// By a hash modulo the number of shards (control: one more shard moves nearly every key).
        Modulo = "modulo",
    }
}

/// The kind of deployment, which determines how the nodes' roles are found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeploymentKind {
    /// One primary and the replicas that it reports.
    One,
    /// Redis Cluster, of which any node can be asked first.
    Cluster {
        /// More nodes of the cluster.
        seeds: Vec<SecretUrl>,
    },
    /// Shards under Sentinel.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<SecretUrl>,
        /// The names by which they know the shards.
        masters: Vec<String>,
        /// The rule by which keys are spread over the shards.
        sharding: Sharding,
    },
}

/// The address to connect to instead of a node's own, such as that of a relay.
pub type Detour = Arc<dyn Fn(&NodeAddress) -> NodeAddress + Send + Sync>;

/// The options of a connection to a Redis deployment, which may be one server or several.
#[derive(Clone)]
pub struct RedisOptions {
    /// The first node: `redis://` or, over TLS, `rediss://`. The user, the password and the scheme are those
    /// of every node. With Sentinel its host is not used.
    pub url: SecretUrl,
    /// The kind of deployment.
    pub kind: DeploymentKind,
    /// The text before every key, so that a run touches only its own keys.
    pub key_prefix: String,
    /// The number of connections to each node, which the clients share. One serves 64 clients best; more help
    /// only if one connection keeps a thread of the runtime busy.
    pub connections: usize,
    /// The longest that connecting may take.
    pub connect_timeout: Duration,
    /// The longest that an answer may take, retries included.
    pub response_timeout: Duration,
    /// How many times a command is sent again if a node has certainly not carried it out.
    pub retries: u32,
    /// The pause before the first retry; each later one is twice as long.
    pub retry_pause: Duration,
    /// The nodes that answer reads.
    pub read_from: ReadFrom,
    /// True if replicas are looked for even if none of them answers reads.
    pub finds_replicas: bool,
    /// The number of replicas that must have a change before it counts as done.
    pub wait_replicas: u64,
    /// The longest that a change waits for the replicas.
    pub wait_timeout: Duration,
    /// The root certificates by which servers are verified, in PEM; `None` for the usual ones.
    pub root_certificates: Option<Vec<u8>>,
    /// The mapping of the nodes' addresses to those to connect to instead; `None` to connect directly.
    pub detour: Option<Detour>,
    /// The interval at which the layout is looked at. It is also looked at whenever an answer or a sentinel
    /// says that it has changed.
    pub look_every: Duration,
    /// The names of a cluster's shards.
    pub shard_names: ShardNames,
    /// The journal in which failovers and reconnections are noted.
    pub journal: Journal,
}

impl RedisOptions {
    /// The options of one Redis, with the default timeouts of a scenario.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: SecretUrl::new(url),
            kind: DeploymentKind::One,
            key_prefix: String::new(),
            connections: 1,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_millis(500),
            retries: 2,
            retry_pause: Duration::from_millis(10),
            read_from: ReadFrom::Primary,
            finds_replicas: false,
            wait_replicas: 0,
            wait_timeout: Duration::from_millis(100),
            root_certificates: None,
            detour: None,
            look_every: Duration::from_secs(1),
            shard_names: ShardNames::default(),
            journal: Journal::default(),
        }
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("url", &self.url)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
