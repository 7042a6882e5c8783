//! A deployed cache: its administration, and its figures.

mod endpoint;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;

pub use self::endpoint::{CacheEndpoint, RedisEndpoint};
use super::calibrate::ShardTarget;
use super::nodes::{Node, Nodes};
use super::{DeploymentContext, TopologyError};
use crate::base::clock;
use crate::results::NodeRole;
use crate::store::journal::Noticed;
use crate::store::local::{LocalCache, LocalStatistics};
use crate::store::redis::layout::{Layout, NodeAddress};
use crate::store::redis::slots::SLOTS;
use crate::store::redis::{RedisAdmin, RedisCache, RedisParts};
use crate::store::{Counters, ErrorKind, StoreError};

/// The time within which the administrator's connection has to come back after a restart.
const RECONNECT_BOUND: Duration = Duration::from_secs(5);
/// The time that a server has to write what is left and end.
const ENDING_BOUND: Duration = Duration::from_secs(10);
/// The time within which the servers have to answer for a window's figures.
pub(super) const FIGURES_PATIENCE: Duration = Duration::from_millis(500);

/// A cache's figures about itself, once a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CacheFigures {
    /// Memory that its entries and their management take; `None` where a server does not say.
    pub memory_bytes: Option<u64>,
    /// The number of keys that it holds.
    pub entries: u64,
    /// The number of entries that it has evicted for want of room, its own or the machine's, since it started;
    /// `None` where a server does not say.
    pub evicted: Option<u64>,
    /// The number of entries that it has dropped since it started because they had expired; `None` where a
    /// server does not say.
    pub expired: Option<u64>,
    /// The resources that its servers have used; `None` for a cache inside this process.
    pub server_use: Option<ServerUse>,
}

impl From<LocalStatistics> for CacheFigures {
    fn from(statistics: LocalStatistics) -> Self {
        Self {
            memory_bytes: Some(statistics.bytes),
            entries: statistics.entries,
            evicted: Some(statistics.evicted_by_capacity + statistics.evicted_by_pressure),
            expired: Some(statistics.evicted_by_expiry),
            server_use: None,
        }
    }
}

/// The resources that servers have used since they were started.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ServerUse {
    /// Identifies one start of the servers; after another start the count begins at 0.
    pub server: u64,
    /// The CPU time in seconds.
    pub cpu_seconds: f64,
}

/// One node's figures about itself, at one moment.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct NodeFigures {
    /// The name of the shard that it belongs to.
    pub shard: String,
    /// The address on which it listens.
    pub address: String,
    /// The role of the node in its shard.
    pub role: NodeRole,
    /// The number of slots that it serves; `None` without hash slots, and for a replica.
    pub slots: Option<u64>,
    /// The keys that it holds.
    pub keys: u64,
    /// The commands that it has carried out since it started; `None` where it does not say.
    pub commands: Option<u64>,
    /// The CPU seconds that it has used since it started; `None` where it does not say.
    pub cpu_seconds: Option<f64>,
    /// The id that Redis gives each start of a node.
    pub run_id: String,
}

/// A cache that is up.
pub struct CacheDeployment {
    endpoint: CacheEndpoint,
    servers: Option<Servers>,
    /// What was tried on the servers when they were connected to, until somebody asks for that.
    rehearsed: Mutex<Option<RedisParts>>,
}

/// The servers of a cache.
struct Servers {
    /// Follows the layout, so that the current primaries are known.
    watching: RedisCache,
    admins: tokio::sync::Mutex<HashMap<NodeAddress, RedisAdmin>>,
    managed: Option<Arc<Nodes>>,
    /// The target of each shard, by its name; empty if the capacity is not given in entries.
    targets: Mutex<HashMap<String, ShardTarget>>,
}

impl CacheDeployment {
    /// A cache in this process.
    #[must_use]
    pub fn embedded(cache: LocalCache) -> Self {
        Self { endpoint: CacheEndpoint::Local(cache), servers: None, rehearsed: Mutex::default() }
    }

    /// Connects to servers; `managed` has their processes if hotset started them.
    ///
    /// # Errors
    /// Returns an error that tells which server could not be reached, or is too old.
    pub async fn redis(endpoint: RedisEndpoint, managed: Option<Nodes>) -> Result<Self, TopologyError> {
        let rehearsed = managed.is_none().then_some(endpoint.uses);
        if let Some(uses) = rehearsed {
            endpoint.rehearse(uses).await?;
        }
        let doing = format!("connecting to the cache at {}", endpoint.url());
        let watching = RedisCache::connect(endpoint.own_options(), Counters::default())
            .await
            .map_err(TopologyError::store(doing))?;
        let unserved = watching.layout().unserved_slots();
        if unserved > 0 {
            return Err(TopologyError::Unfit(format!(
                "{unserved} of the {SLOTS} slots of the cluster at {} are served by nobody; assign them (redis-cli --cluster fix) or leave `nodes` out to have hotset form a cluster",
                endpoint.url()
            )));
        }
        let servers = Servers {
            watching,
            admins: tokio::sync::Mutex::default(),
            managed: managed.map(Arc::new),
            targets: Mutex::default(),
        };
        let (endpoint, rehearsed) = (CacheEndpoint::Redis(Box::new(endpoint)), Mutex::new(rehearsed));
        Ok(Self { endpoint, servers: Some(servers), rehearsed })
    }

    /// Tries on the servers all that will be asked of them, unless just that has been tried when they were connected to.
    ///
    /// # Errors
    /// Returns an error that says which rights or commands are missing there, all of them at once.
    pub async fn rehearse(&self, uses: RedisParts) -> Result<(), TopologyError> {
        match &self.endpoint {
            CacheEndpoint::Local(_) => Ok(()),
            CacheEndpoint::Redis(_) if self.rehearsed.lock().take() == Some(uses) => Ok(()),
            CacheEndpoint::Redis(endpoint) => endpoint.rehearse(uses).await,
        }
    }

    /// Reads from every replica of servers that hotset did not start, as the application will.
    ///
    /// # Errors
    /// Returns an error that says which replica cannot be read from, and why.
    pub async fn rehearse_reading(&self) -> Result<(), TopologyError> {
        match &self.endpoint {
            CacheEndpoint::Redis(endpoint) if self.is_external() => endpoint.rehearse_reading().await,
            CacheEndpoint::Redis(_) | CacheEndpoint::Local(_) => Ok(()),
        }
    }

    /// An administrator of each wanted node in the current layout, with its shard, its address, and whether it is a
    /// primary.
    async fn nodes(
        &self,
        which: Which,
    ) -> Result<Vec<(RedisAdmin, String, NodeAddress, bool)>, TopologyError> {
        let (Some(servers), CacheEndpoint::Redis(endpoint)) = (&self.servers, &self.endpoint) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for shard in servers.watching.layout().shards {
            let replicas =
                shard.replicas.iter().filter(|_| which != Which::Primaries).map(|node| (node, false));
            for (node, is_primary) in shard.primary.iter().map(|node| (node, true)).chain(replicas) {
                let admin = servers.admin(endpoint, node).await;
                let doing = format!("connecting to {} of the cache, at {node}", shard.name);
                match admin {
                    Ok(admin) => found.push((admin, shard.name.clone(), node.clone(), is_primary)),
                    Err(error) if is_primary && which != Which::Answering => {
                        return Err(TopologyError::store(doing)(error));
                    }
                    // A replica that is down is left out, and is no reason to stop.
                    Err(_) => {}
                }
            }
        }
        Ok(found)
    }

    pub(super) async fn primaries(&self) -> Result<Vec<(RedisAdmin, String, NodeAddress)>, TopologyError> {
        let nodes = self.nodes(Which::Primaries).await?.into_iter();
        Ok(nodes.map(|(admin, shard, address, _)| (admin, shard, address)).collect())
    }

    /// An administrator of every node that answers.
    pub(super) async fn all_nodes(&self) -> Result<Vec<(RedisAdmin, String, NodeAddress)>, TopologyError> {
        let nodes = self.nodes(Which::All).await?.into_iter();
        Ok(nodes.map(|(admin, shard, address, _)| (admin, shard, address)).collect())
    }

    /// The cache as instances connect to it.
    #[must_use]
    pub fn endpoint(&self) -> &CacheEndpoint {
        &self.endpoint
    }

    /// Returns true if it is on servers that hotset did not start.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.servers.as_ref().is_some_and(|servers| servers.managed.is_none())
    }

    /// The servers that hotset started and may break.
    #[must_use]
    pub fn managed(&self) -> Option<&Arc<Nodes>> {
        self.servers.as_ref()?.managed.as_ref()
    }

    /// The target of each shard; `None` if there are no servers.
    pub(super) fn targets(&self) -> Option<&Mutex<HashMap<String, ShardTarget>>> {
        Some(&self.servers.as_ref()?.targets)
    }

    /// The layout as it was last seen: each shard's primary and replicas.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        Some(self.servers.as_ref()?.watching.layout())
    }

    /// Looks up the layout now.
    ///
    /// # Errors
    /// Returns an error if no node answers.
    pub async fn look(&self) -> Result<Option<Layout>, StoreError> {
        let Some(servers) = &self.servers else { return Ok(None) };
        servers.watching.look().await.map(Some)
    }

    /// Why a shard has no primary, as far as that is known.
    #[must_use]
    pub fn why_no_primary(&self, shard: &str) -> Option<String> {
        self.servers.as_ref()?.watching.why_no_primary(shard)
    }

    /// The events that the application's connections have noticed since the last call.
    #[must_use]
    pub fn noticed(&self) -> Vec<Noticed> {
        match &self.endpoint {
            CacheEndpoint::Local(_) => Vec::new(),
            CacheEndpoint::Redis(endpoint) => endpoint.noticed(),
        }
    }

    /// Limits managed servers to the scenario's capacity, if it is given in entries.
    ///
    /// # Errors
    /// Returns the error of a server.
    pub async fn limit_to_capacity(&self, site: &DeploymentContext<'_>) -> Result<(), TopologyError> {
        match site.cache.capacity.and_then(|capacity| capacity.entries(site.documents)) {
            Some(entries) => self.limit_to_entries(entries, site).await,
            None => Ok(()),
        }
    }

    /// Starts a stopped server again, with the memory limit that it had.
    ///
    /// # Errors
    /// Returns an error if the server does not come back.
    pub async fn restart(&self, node: &Node) -> Result<(), TopologyError> {
        node.server().restart().await?;
        let (Some(bytes), CacheEndpoint::Redis(endpoint), Some(servers)) =
            (node.limit(), &self.endpoint, &self.servers)
        else {
            return Ok(());
        };
        let address = NodeAddress::new("127.0.0.1", node.server().port());
        // The administrator's own connection may still be reconnecting.
        let deadline = clock::now() + RECONNECT_BOUND;
        loop {
            let limited = match servers.admin(endpoint, &address).await {
                Ok(admin) => admin.set_max_memory(bytes).await,
                Err(error) => Err(error),
            };
            match limited {
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

    /// Has every server of hotset's own that holds entries keep on disk what it holds now, and nothing of how it came to
    /// that: what calibration and other cells have put in before would be read again at a restart.
    ///
    /// # Errors
    /// Returns an error if a server refuses, or takes too long.
    pub async fn forget_history(&self) -> Result<(), TopologyError> {
        for node in self.managed().map(|nodes| nodes.data()).unwrap_or_default() {
            let admin = node.admin().await?;
            let rewritten = tokio::time::timeout(ENDING_BOUND, admin.rewrite_append_only_file()).await;
            let too_late = |_| Err(StoreError::new(ErrorKind::Timeout, "it was not done in time"));
            let doing = format!("rewriting what {} keeps on disk", node.name());
            rewritten.unwrap_or_else(too_late).map_err(TopologyError::store(doing))?;
        }
        Ok(())
    }

    /// Ends every server of hotset's own that holds entries and starts it again with what it kept on disk. Returns the figures
    /// of all of them then.
    ///
    /// # Errors
    /// Returns an error if a server does not end or does not come back.
    pub async fn restart_all(&self) -> Result<CacheFigures, TopologyError> {
        for node in self.managed().map(|nodes| nodes.data()).unwrap_or_default() {
            node.server().process().stop(ENDING_BOUND).await?;
            self.restart(&node).await?;
        }
        let deadline = clock::now() + RECONNECT_BOUND;
        loop {
            match self.figures().await {
                Some(figures) => return Ok(figures),
                None if clock::now() < deadline => clock::sleep(Duration::from_millis(20)).await,
                None => {
                    let what = "the cache was restarted and does not say what it holds";
                    return Err(TopologyError::Unfit(format!("{what}; look at its log")));
                }
            }
        }
    }

    /// The policy by which a server may evict entries without a time to live, from the server itself; `None` if no
    /// server does, or none has a memory limit.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn may_evict_any_key(&self) -> Result<Option<String>, TopologyError> {
        for (admin, ..) in self.primaries().await? {
            let doing = TopologyError::store("asking the cache for its eviction policy");
            let info = admin.info().await.map_err(doing)?;
            let has_limit = info.maxmemory_bytes.ok_or_else(|| {
                let what = "the cache does not say (INFO memory) whether it evicts entries that the database does not have yet";
                TopologyError::Unfit(format!("{what}; use a server that does"))
            })? > 0;
            if has_limit && info.maxmemory_policy.starts_with("allkeys-") {
                return Ok(Some(info.maxmemory_policy));
            }
        }
        Ok(None)
    }

    /// The current figures of all primaries together; `None` while one does not answer.
    pub async fn figures(&self) -> Option<CacheFigures> {
        if let CacheEndpoint::Local(cache) = &self.endpoint {
            return Some(cache.statistics().into());
        }
        let answers = async {
            let nodes = self.nodes(Which::All).await.ok()?;
            let infos = join_all(nodes.iter().map(|(admin, ..)| admin.info())).await;
            Some((nodes, infos))
        };
        let (nodes, infos) = tokio::time::timeout(FIGURES_PATIENCE, answers).await.ok()??;
        let nothing = Some(0);
        let mut sum = CacheFigures {
            memory_bytes: nothing,
            evicted: nothing,
            expired: nothing,
            ..CacheFigures::default()
        };
        let (mut servers, mut cpu_seconds) = (0_u64, Some(0.0));
        for ((_, _, _, is_primary), info) in nodes.iter().zip(infos) {
            let info = match info {
                Ok(info) => info,
                Err(_) if *is_primary => return None,
                Err(_) => continue,
            };
            if *is_primary {
                let and = |sum: Option<u64>, more: Option<u64>| Some(sum?.saturating_add(more?));
                sum.memory_bytes = and(sum.memory_bytes, info.used_memory_bytes);
                sum.entries = sum.entries.saturating_add(info.dbsize);
                sum.evicted = and(sum.evicted, info.evicted_keys);
                sum.expired = and(sum.expired, info.expired_keys);
            }
            servers ^= xxhash_rust::xxh3::xxh3_64(info.run_id.as_bytes());
            cpu_seconds = cpu_seconds.zip(info.used_cpu_seconds).map(|(sum, more)| sum + more);
        }
        (!nodes.is_empty()).then_some(())?;
        sum.server_use = cpu_seconds.map(|cpu_seconds| ServerUse { server: servers, cpu_seconds });
        Some(sum)
    }

    /// The current figures of each node; nodes that do not answer are left out.
    pub async fn node_figures(&self) -> Vec<NodeFigures> {
        let (Ok(nodes), Some(layout)) = (self.nodes(Which::Answering).await, self.layout()) else {
            return Vec::new();
        };
        let infos = join_all(nodes.iter().map(|(admin, ..)| admin.info())).await;
        let figures = nodes.iter().zip(infos).filter_map(|((_, shard, address, is_primary), info)| {
            let info = info.ok()?;
            let number = layout.shards.iter().position(|one| one.name == *shard)?;
            Some(NodeFigures {
                shard: shard.clone(),
                address: address.to_string(),
                role: if *is_primary { NodeRole::Primary } else { NodeRole::Replica },
                slots: layout.slots_of(number).filter(|_| *is_primary),
                keys: info.dbsize,
                commands: info.commands_processed,
                cpu_seconds: info.used_cpu_seconds,
                run_id: info.run_id,
            })
        });
        figures.collect()
    }

    /// The description for the run's record: name, version, and configuration with each node's role.
    pub async fn describe(&self) -> (String, String, Vec<(String, String)>) {
        let endpoint = match &self.endpoint {
            CacheEndpoint::Local(cache) => {
                let configuration = vec![("policy".into(), cache.policy().name().into())];
                return ("embedded cache".into(), env!("CARGO_PKG_VERSION").into(), configuration);
            }
            CacheEndpoint::Redis(endpoint) => endpoint,
        };
        let mut configuration = vec![
            ("managed".into(), self.managed().is_some().to_string()),
            ("url".into(), endpoint.url().to_string()),
        ];
        let (mut name, mut version) = ("redis", String::new());
        if let Ok(primaries) = self.primaries().await
            && let Some((first, ..)) = primaries.first()
            && let Ok(info) = first.info().await
        {
            (name, version) = (info.name, info.version);
            if let Some(limit) = info.maxmemory_bytes {
                configuration.push(("maxmemory".into(), limit.to_string()));
                configuration.push(("maxmemory-policy".into(), info.maxmemory_policy));
            }
        }
        for node in self.node_figures().await {
            let slots = node.slots.map(|slots| format!(", {slots} slots")).unwrap_or_default();
            let what = format!("{} {}{slots}", node.shard, node.role);
            configuration.push((node.address, what));
        }
        let version = if version.is_empty() { "of unknown version".to_owned() } else { version };
        (name.into(), version, configuration)
    }
}

/// The nodes that are wanted, and those that may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// The primaries; one that does not answer is an error.
    Primaries,
    /// Primaries and replicas; a replica may be missing.
    All,
    /// The nodes that answer.
    Answering,
}

impl Servers {
    async fn admin(&self, endpoint: &RedisEndpoint, node: &NodeAddress) -> Result<RedisAdmin, StoreError> {
        let mut admins = self.admins.lock().await;
        if let Some(admin) = admins.get(node) {
            return Ok(admin.clone());
        }
        let admin = RedisAdmin::connect_to(&endpoint.own_options(), node).await?;
        admins.insert(node.clone(), admin.clone());
        Ok(admin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::eviction::PolicyKind;
    use crate::store::local::LocalCapacity;

    #[test]
    fn what_memory_pressure_puts_out_is_evicted_too() {
        let statistics =
            LocalStatistics { evicted_by_capacity: 5, evicted_by_pressure: 2, ..LocalStatistics::default() };
        assert_eq!(CacheFigures::from(statistics).evicted, Some(7));
    }

    #[tokio::test]
    async fn an_embedded_cache_is_described_by_its_policy() {
        for policy in PolicyKind::ALL {
            let cache = LocalCache::with_policy(LocalCapacity::Entries(9), policy, Counters::default());
            let (name, _, configuration) = CacheDeployment::embedded(cache).describe().await;
            let policy = ("policy".to_owned(), policy.name().to_owned());
            assert_eq!((name.as_str(), configuration), ("embedded cache", vec![policy]));
        }
    }
}
