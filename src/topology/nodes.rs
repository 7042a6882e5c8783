//! The Redis processes of a managed cache: data nodes and sentinels, with the names that a scenario calls them by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::servers::{RedisConfig, RedisServer, Secret, Supervisor};
use super::settings::Capacity;
use super::{Site, TopologyError};
use crate::store::redis::{RedisAdmin, RedisOptions};

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// It holds entries, as a primary or a replica; which of them may change.
    Data,
    /// It looks after others.
    Sentinel,
}

/// One process.
pub struct Node {
    name: String,
    duty: Duty,
    server: RedisServer,
    /// The memory limit that was found out for this dataset, which a restarted server has to be told again; 0 for none.
    limit: AtomicU64,
}

impl Node {
    /// What it was called when it was started: `shard0`, `shard0-replica1`, `sentinel2`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is there for.
    #[must_use]
    pub fn duty(&self) -> Duty {
        self.duty
    }

    /// Its process.
    #[must_use]
    pub fn server(&self) -> &RedisServer {
        &self.server
    }

    /// Its memory limit, where one was found out.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        Some(self.limit.load(Relaxed)).filter(|limit| *limit > 0)
    }

    /// Connects to it for administration.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn admin(&self) -> Result<RedisAdmin, TopologyError> {
        let options = RedisOptions::at(self.server.url().expose());
        let doing = format!("connecting to {}", self.name);
        RedisAdmin::connect(&options).await.map_err(TopologyError::store(doing))
    }
}

/// All processes of a cache. They have one password, since they talk to each other.
pub struct Nodes {
    supervisor: Supervisor,
    /// How one that holds entries is run.
    data: RedisConfig,
    password: Secret,
    all: Mutex<Vec<Arc<Node>>>,
}

impl Nodes {
    /// None yet; all that hold entries will have these lines in their configuration.
    ///
    /// # Errors
    /// Where the supervisor does not start, or the system gives no random numbers.
    pub async fn new(extra: &[(&str, String)], site: &Site<'_>) -> Result<Self, TopologyError> {
        let password = Secret::random_password()?;
        let data = RedisConfig {
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

    /// The password of all.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// Starts one that holds entries, with more lines for its configuration.
    ///
    /// # Errors
    /// Says why it did not start.
    pub async fn start(&self, name: &str, extra: &[(&str, String)]) -> Result<Arc<Node>, TopologyError> {
        let mut config = self.data.clone();
        config.extra.extend(owned(extra));
        self.launch(name, Duty::Data, config).await
    }

    /// Starts a sentinel.
    ///
    /// # Errors
    /// Says why it did not start.
    pub async fn start_sentinel(&self, name: &str) -> Result<Arc<Node>, TopologyError> {
        let password = Some(self.password.clone());
        let config = RedisConfig { sentinel: true, password, ..RedisConfig::default() };
        self.launch(name, Duty::Sentinel, config).await
    }

    async fn launch(&self, name: &str, duty: Duty, config: RedisConfig) -> Result<Arc<Node>, TopologyError> {
        let server = RedisServer::start(&self.supervisor, config).await?;
        let node = Arc::new(Node { name: name.into(), duty, server, limit: AtomicU64::new(0) });
        self.all.lock().push(Arc::clone(&node));
        Ok(node)
    }

    /// All of them, in the order in which they were started.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Node>> {
        self.all.lock().clone()
    }

    /// Those that hold entries.
    #[must_use]
    pub fn data(&self) -> Vec<Arc<Node>> {
        self.all().into_iter().filter(|node| node.duty == Duty::Data).collect()
    }

    /// The one that listens on a port.
    #[must_use]
    pub fn at_port(&self, port: u16) -> Option<Arc<Node>> {
        self.all().into_iter().find(|node| node.server.port() == port)
    }

    /// The one that was started under a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Arc<Node>> {
        self.all().into_iter().find(|node| node.name == name)
    }

    /// Lets go of one; it ends when nobody holds it any more.
    pub fn forget(&self, port: u16) {
        self.all.lock().retain(|node| node.server.port() != port);
    }

    /// Keeps the memory limit of the one that listens on a port.
    pub fn note_limit(&self, port: u16, bytes: u64) {
        if let Some(node) = self.at_port(port) {
            node.limit.store(bytes, Relaxed);
        }
    }
}

fn owned(lines: &[(&str, String)]) -> Vec<(String, String)> {
    lines.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}
