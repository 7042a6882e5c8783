//! Discovery for shards under Sentinel. Sentinels name the primary of a shard, and the primary confirms its
//! role (Redis manual, "Guidelines for Redis clients with support for Redis Sentinel").

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;
use redis::Value;
use tokio::sync::Notify;

use super::Listening;
use super::answers::{read, role};
use crate::store::redis::layout::{Layout, NodeAddress, Placement, Shard};
use crate::store::redis::link::{Address, Link};
use crate::store::redis::options::{RedisOptions, Sharding};
use crate::store::{ErrorKind, SecretUrl, StoreError};

/// The scout for Sentinel, see the module.
pub(in crate::store::redis) struct Sentinel {
    options: RedisOptions,
    sentinels: Vec<Arc<Link>>,
    masters: Vec<String>,
    sharding: Sharding,
    /// The connections over which nodes are asked for their roles.
    nodes: Mutex<HashMap<NodeAddress, Arc<Link>>>,
}

impl Sentinel {
    pub(super) fn new(
        options: &RedisOptions,
        sentinels: &[SecretUrl],
        masters: &[String],
        sharding: Sharding,
    ) -> Result<Self, StoreError> {
        let link = |url| Ok(Link::unconnected(Arc::new(Address::of(options, url, false)?)));
        Ok(Self {
            options: options.clone(),
            sentinels: sentinels.iter().map(link).collect::<Result<_, StoreError>>()?,
            masters: masters.to_vec(),
            sharding,
            nodes: Mutex::default(),
        })
    }

    /// Returns an error only if no sentinel answers or none knows a name. A shard without a primary is not an
    /// error; it is failing over.
    pub(super) async fn look(&self, _known: &[Arc<Link>]) -> Result<Layout, StoreError> {
        let shards = join_all(self.masters.iter().map(|name| self.shard(name))).await;
        let shards = shards.into_iter().collect::<Result<Vec<_>, _>>()?;
        let placement = match self.sharding {
            Sharding::Rendezvous => Placement::Rendezvous,
            Sharding::Modulo => Placement::Modulo,
        };
        Ok(Layout { shards, placement })
    }

    pub(super) fn listen(&self, wake: Arc<Notify>) -> Listening {
        Listening::to(self.sentinels.iter().map(|link| Arc::clone(link.address())).collect(), wake)
    }

    async fn shard(&self, name: &str) -> Result<Shard, StoreError> {
        let mut asked = Vec::new();
        let mut last = StoreError::new(ErrorKind::Unavailable, "there is no sentinel to ask");
        let mut answered = false;
        for sentinel in &self.sentinels {
            let primary = match self.primary(sentinel, name).await {
                Ok(primary) => primary,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            answered = true;
            let Some(primary) = primary else { continue };
            if asked.contains(&primary) {
                continue;
            }
            let link = self.node(&primary)?;
            let confirmed = link.connected().await.is_ok() && matches!(role(&link).await, Ok((true, _)));
            if confirmed {
                let replicas = self.replicas(sentinel, name).await.unwrap_or_default();
                return Ok(Shard { name: name.into(), primary: Some(primary), replicas });
            }
            asked.push(primary);
        }
        if !answered {
            return Err(last);
        }
        if asked.is_empty() {
            let error = format!(
                "no sentinel knows a primary by the name \"{name}\"; `SENTINEL MASTERS` lists the names that they know"
            );
            return Err(StoreError::new(ErrorKind::Unavailable, error));
        }
        // No named node confirms that it is a primary, so a failover is under way.
        let mut replicas = Vec::new();
        for sentinel in &self.sentinels {
            if let Ok(some) = self.replicas(sentinel, name).await {
                replicas = some;
                break;
            }
        }
        Ok(Shard { name: name.into(), primary: None, replicas })
    }

    async fn primary(&self, sentinel: &Arc<Link>, name: &str) -> Result<Option<NodeAddress>, StoreError> {
        const DOING: &str = "asking a sentinel for a primary";
        if !sentinel.is_up() {
            sentinel.connected().await?;
        }
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        match sentinel.request(&ask, DOING).await? {
            Value::Nil => Ok(None),
            answer => {
                let (host, port): (String, u16) = read(answer, DOING)?;
                Ok(Some(NodeAddress::new(host, port)))
            }
        }
    }

    /// The replicas that a sentinel considers up and connected.
    async fn replicas(&self, sentinel: &Arc<Link>, name: &str) -> Result<Vec<NodeAddress>, StoreError> {
        const DOING: &str = "asking a sentinel for replicas";
        if !sentinel.is_up() {
            sentinel.connected().await?;
        }
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("REPLICAS").arg(name);
        let all: Vec<HashMap<String, String>> = read(sentinel.request(&ask, DOING).await?, DOING)?;
        let is_healthy = |replica: &&HashMap<String, String>| {
            let flags = replica.get("flags").map_or("", String::as_str);
            !["s_down", "o_down", "disconnected"].iter().any(|flag| flags.contains(flag))
        };
        let mut replicas: Vec<_> = all
            .iter()
            .filter(is_healthy)
            .filter_map(|one| Some(NodeAddress::new(one.get("ip")?, one.get("port")?.parse().ok()?)))
            .collect();
        replicas.sort();
        Ok(replicas)
    }

    fn node(&self, address: &NodeAddress) -> Result<Arc<Link>, StoreError> {
        if let Some(link) = self.nodes.lock().get(address) {
            return Ok(Arc::clone(link));
        }
        let link = Link::unconnected(Arc::new(Address::of_node(&self.options, address, false)?));
        self.nodes.lock().insert(address.clone(), Arc::clone(&link));
        Ok(link)
    }
}
