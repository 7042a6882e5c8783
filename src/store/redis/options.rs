//! How to reach a Redis, or several that belong together.

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

/// What kind of servers these are, and so how their roles are found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One primary, and the replicas that it says it has.
    One,
    /// Redis Cluster; any node will do to begin with.
    Cluster {
        /// More of its nodes.
        seeds: Vec<SecretUrl>,
    },
    /// Shards that Sentinel looks after.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<SecretUrl>,
        /// The names that they know the shards by.
        masters: Vec<String>,
        /// How keys are spread over them.
        sharding: Sharding,
    },
}

/// Where to connect instead of where a node says that it is, as through a relay.
pub type Detour = Arc<dyn Fn(&NodeAddress) -> NodeAddress + Send + Sync>;

/// How to reach a Redis.
#[derive(Clone)]
pub struct RedisOptions {
    /// The first node: `redis://` or, over TLS, `rediss://`. The user, the password and the scheme are those of
    /// every node. With Sentinel its host is not asked.
    pub url: SecretUrl,
    /// What there is besides the first node.
    pub kind: Kind,
    /// Stands before every key, so that a run touches only what is its own.
    pub key_prefix: String,
    /// Connections to each node that the clients share. One serves 64 clients best; more help only where one
    /// thread of the runtime is kept busy by one connection.
    pub connections: usize,
    /// The longest that connecting may take.
    pub connect_timeout: Duration,
    /// The longest that an answer may take, retries included.
    pub response_timeout: Duration,
    /// How often what a node has certainly not done is asked for again.
    pub retries: u32,
    /// The pause before the first retry; each later one is twice as long.
    pub retry_pause: Duration,
    /// Which nodes answer reads.
    pub read_from: ReadFrom,
    /// Whether replicas are looked for also where none of them answers reads.
    pub finds_replicas: bool,
    /// How many replicas must have a change before it counts as done.
    pub wait_replicas: u64,
    /// The longest that this may take.
    pub wait_timeout: Duration,
    /// The certificates that servers' certificates must be signed by, in PEM; `None` for the usual ones.
    pub root_certificates: Option<Vec<u8>>,
    /// Where to connect instead.
    pub detour: Option<Detour>,
    /// How often it is looked who the nodes are, besides whenever an answer or a sentinel says that this has changed.
    pub look_every: Duration,
    /// What the shards of a cluster are called.
    pub shard_names: ShardNames,
    /// What is told of failovers and reconnections.
    pub journal: Journal,
}

impl RedisOptions {
    /// One Redis, with the timeouts that a scenario has unless it says otherwise.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: SecretUrl::new(url),
            kind: Kind::One,
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
