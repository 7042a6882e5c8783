//! The Redis processes of a managed cache: data nodes and sentinels, with the names that a scenario uses for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::servers::{CacheProgram, RedisConfig, RedisServer, Secret, Supervisor};
use super::settings::Capacity;
use super::{DeploymentContext, TopologyError};
use crate::store::redis::{RedisAdmin, RedisOptions};

/// The purpose of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// It holds entries, as a primary or a replica; which of them may change.
    Data,
    /// It monitors others.
    Sentinel,
}

/// One process.
pub struct Node {
    name: String,
    duty: Duty,
    server: RedisServer,
    /// The memory limit in bytes that was found for this dataset, which a restarted server has to be given again; 0 for
    /// none.
    limit: AtomicU64,
}

impl Node {
    /// The name that it was started under: `shard0`, `shard0-replica1`, `sentinel2`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The purpose of the process.
    #[must_use]
    pub fn duty(&self) -> Duty {
        self.duty
    }

    /// Its process.
    #[must_use]
    pub fn server(&self) -> &RedisServer {
        &self.server
    }

    /// Its memory limit in bytes, if one was found.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        Some(self.limit.load(Relaxed)).filter(|limit| *limit > 0)
    }

    /// Connects to it for administration.
    ///
    /// # Errors
    /// Returns an error if it does not answer.
    pub async fn admin(&self) -> Result<RedisAdmin, TopologyError> {
        let at = RedisOptions::at(self.server.url().expose());
        let options = RedisOptions { response_timeout: PATIENCE, ..at };
        let doing = format!("connecting to {}", self.name);
        RedisAdmin::connect(&options).await.map_err(TopologyError::store(doing))
    }
}

/// How long a node may take to do what it is told while servers are made ready. A sentinel answers when it has its
/// configuration on the disk, which others may keep busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// All processes of a cache. They have one password, since they talk to each other.
pub struct Nodes {
    supervisor: Supervisor,
    /// The configuration of a node that holds entries.
    data: RedisConfig,
    password: Secret,
    all: Mutex<Vec<Arc<Node>>>,
}

impl Nodes {
    /// A cache without processes yet. Every node that holds entries will have the lines `extra` in its configuration.
    ///
    /// # Errors
    /// Returns an error if the supervisor does not start, or the system gives no random numbers.
    pub async fn new(
        server: CacheProgram,
        extra: &[(&str, String)],
        site: &DeploymentContext<'_>,
    ) -> Result<Self, TopologyError> {
        let password = Secret::random_password()?;
        let data = RedisConfig {
            server,
            max_memory_bytes: match site.cache.capacity {
                Some(Capacity::Bytes(most)) => Some(most.0),
                _ => None,
            },
            eviction: site.cache.eviction,
            persistence: site.cache.persistence,
            cpus: site.cache_cpus.iter().map(|cpu| *cpu as usize).collect(),
            password: Some(password.clone()),
            extra: owned(extra),
            ..RedisConfig::default()
        };
        let supervisor = site.servers.supervisor().await?.clone();
        Ok(Self { supervisor, data, password, all: Mutex::default() })
    }

    /// The password of all nodes.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// Starts a node that holds entries, with further lines for its configuration.
    ///
    /// # Errors
    /// Returns an error that tells why it did not start.
    pub async fn start(&self, name: &str, extra: &[(&str, String)]) -> Result<Arc<Node>, TopologyError> {
        let mut config = self.data.clone();
        config.extra.extend(owned(extra));
        self.launch(name, Duty::Data, config).await
    }

    /// Starts a sentinel.
    ///
    /// # Errors
    /// Returns an error that tells why it did not start.
    pub async fn start_sentinel(&self, name: &str) -> Result<Arc<Node>, TopologyError> {
        let password = Some(self.password.clone());
        let server = self.data.server;
        let config = RedisConfig { server, sentinel: true, password, ..RedisConfig::default() };
        self.launch(name, Duty::Sentinel, config).await
    }

    async fn launch(&self, name: &str, duty: Duty, config: RedisConfig) -> Result<Arc<Node>, TopologyError> {
        let server = RedisServer::start(&self.supervisor, config).await?;
        let node = Arc::new(Node { name: name.into(), duty, server, limit: AtomicU64::new(0) });
        self.all.lock().push(Arc::clone(&node));
        Ok(node)
    }

    /// All nodes, in the order in which they were started.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Node>> {
        self.all.lock().clone()
    }

    /// The nodes that hold entries.
    #[must_use]
    pub fn data(&self) -> Vec<Arc<Node>> {
        self.all().into_iter().filter(|node| node.duty == Duty::Data).collect()
    }

    /// The node that listens on a port.
    #[must_use]
    pub fn at_port(&self, port: u16) -> Option<Arc<Node>> {
        self.all().into_iter().find(|node| node.server.port() == port)
    }

    /// The node that was started under a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Arc<Node>> {
        self.all().into_iter().find(|node| node.name == name)
    }

    /// Drops a node from the list. It ends when nothing else holds it.
    pub fn forget(&self, port: u16) {
        self.all.lock().retain(|node| node.server.port() != port);
    }

    /// Keeps the memory limit of the node that listens on a port, in bytes.
    pub fn note_limit(&self, port: u16, bytes: u64) {
        if let Some(node) = self.at_port(port) {
            node.limit.store(bytes, Relaxed);
        }
    }
}

fn owned(lines: &[(&str, String)]) -> Vec<(String, String)> {
    lines.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}
