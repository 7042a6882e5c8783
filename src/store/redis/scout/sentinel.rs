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
    /// Why the named primary of a shard is not used, by the shard's name.
    unconfirmed: Mutex<HashMap<String, String>>,
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
            unconfirmed: Mutex::default(),
        })
    }

    /// The primaries as sentinels name them, whether or not they are ones.
    ///
    /// # Errors
    /// Returns an error if no sentinel answers.
    pub(super) async fn named(&self) -> Result<Vec<NodeAddress>, StoreError> {
        let mut named = Vec::new();
        for name in &self.masters {
            let mut last = None;
            for sentinel in &self.sentinels {
                match self.primary(sentinel, name).await {
                    Ok(primary) => {
                        last = None;
                        named.extend(primary);
                        break;
                    }
                    Err(error) => last = Some(error),
                }
            }
            if let Some(error) = last {
                return Err(error);
            }
        }
        Ok(named)
    }

    /// Why a shard has no primary, as far as that is known.
    pub(super) fn unconfirmed(&self, shard: &str) -> Option<String> {
        self.unconfirmed.lock().get(shard).cloned()
    }

    /// Returns an error only if no sentinel answers or none knows a name, or if a node refuses the user. A shard without a primary is not an
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
            let confirmed = async {
                link.connected().await?;
                role(&link).await
            };
            let reason = match confirmed.await {
                Ok((true, _)) => None,
                Ok((false, _)) => Some(format!("{primary}, which sentinels name, says that it is a replica")),
                // It will refuse the next time too.
                Err(error) if error.kind == ErrorKind::Denied => return Err(refused_by_node(error)),
                Err(error) => Some(error.detail),
            };
            let is_confirmed = reason.is_none();
            self.note_unconfirmed(name, reason);
            if is_confirmed {
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

    fn note_unconfirmed(&self, name: &str, reason: Option<String>) {
        let mut unconfirmed = self.unconfirmed.lock();
        match reason {
            Some(reason) => drop(unconfirmed.insert(name.to_owned(), reason)),
            None => drop(unconfirmed.remove(name)),
        }
    }

    async fn primary(&self, sentinel: &Arc<Link>, name: &str) -> Result<Option<NodeAddress>, StoreError> {
        const DOING: &str = "asking a sentinel for a primary";
        if !sentinel.is_up() {
            sentinel.connected().await.map_err(refused_by_sentinel)?;
        }
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        match sentinel.request(&ask, DOING).await.map_err(refused_by_sentinel)? {
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

/// Says which of the two users of a deployment was refused.
fn refused_by_sentinel(error: StoreError) -> StoreError {
    told(
        error,
        "this is a sentinel's own user and password: they stand in each URL of `sentinels`, as in redis://:${PASSWORD}@host:26379, and not where it wants none",
    )
}

pub(in crate::store::redis) fn refused_by_node(error: StoreError) -> StoreError {
    told(
        error,
        "this is the nodes' user and password and not the sentinels': write node = \"redis://:${PASSWORD}@\" in the topology, and leave it out where they want none",
    )
}

fn told(error: StoreError, what: &str) -> StoreError {
    if error.kind != ErrorKind::Denied {
        return error;
    }
    StoreError::new(error.kind, format!("{}; {what}", error.detail))
}
