//! The options of a connection to a Redis deployment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::address_map::AddressMap;
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

/// How servers and this client prove who they are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificates of authorities by which servers are verified, in PEM; `None` for the usual ones.
    pub authorities: Option<Arc<[u8]>>,
    /// The certificate by which servers know this client.
    pub client: Option<ClientCertificate>,
    /// True if servers are not verified at all.
    pub insecure: bool,
}

impl DeploymentKind {
    /// Who has named a node, for messages.
    pub(super) fn named_by(&self, seed: &SecretUrl, node: &NodeAddress) -> String {
        let who = match self {
            Self::One => format!("a replica by the word of {}", seed.host_and_port()),
            Self::Cluster { .. } => format!("a node by the word of the cluster at {}", seed.host_and_port()),
            Self::Sentinel { .. } => "a node by the word of the sentinels".to_owned(),
        };
        format!(" (it is {who}, which announces it as {node})")
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

/// A certificate with its key, both in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those between it and its authority.
    pub certificate: Arc<[u8]>,
    /// Its private key.
    pub key: Arc<[u8]>,
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
    /// How servers and this client prove who they are, where they speak TLS.
    pub tls: Tls,
    /// The addresses to connect to in place of those that nodes announce.
    pub address_map: AddressMap,
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
            tls: Tls::default(),
            address_map: AddressMap::default(),
            detour: None,
            look_every: Duration::from_secs(1),
            shard_names: ShardNames::default(),
            journal: Journal::default(),
        }
    }
}

impl RedisOptions {
    /// The URL by which a node is connected to that servers announce at an address.
    #[must_use]
    pub fn url_of(&self, node: &NodeAddress) -> SecretUrl {
        if node.is_socket() {
            return self.url.clone();
        }
        let instead = self.address_map.of(node);
        self.url.at(&instead.host, instead.port)
    }

    /// Returns true if the user has named this node, and no server. The host of the nodes behind sentinels is not used.
    pub(super) fn is_named_by_user(&self, node: &NodeAddress) -> bool {
        let is_at = |url: &SecretUrl| NodeAddress::of_url(url).is_ok_and(|address| address == *node);
        match &self.kind {
            _ if node.is_socket() => true,
            DeploymentKind::One => is_at(&self.url),
            DeploymentKind::Cluster { seeds } => is_at(&self.url) || seeds.iter().any(is_at),
            DeploymentKind::Sentinel { .. } => false,
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
