//! Operations on a cache while it serves: failing over, filling its memory, adding and removing shards.

use std::sync::Arc;
use std::time::Duration;

use redis::cmd;

use super::TopologyError;
use super::cache::{CacheDeployment, CacheEndpoint};
use super::forming::{Owner, is_well, knows, meet, move_slots, my_id};
use super::nodes::{Node, Nodes};
use super::target::Target;
use crate::base::clock;
use crate::base::units::show_duration;
use crate::store::redis::layout::{Layout, NodeAddress, Placement};
use crate::store::redis::{DeploymentKind, RedisAdmin, RedisOptions};
use crate::store::{ErrorKind, StoreError};

/// The time within which every client has noticed that a shard has no slots any more.
const UNTIL_LOOKED: Duration = Duration::from_secs(3);
/// The longest time that [`CacheDeployment::node_at`] waits for a node to have the place that is asked for: longer
/// than a failover takes by the timeouts that topologies have unless a scenario says otherwise.
const ROLE_BOUND: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The bytes of one value with which memory is filled.
const FILLER_BYTES: usize = 64 << 10;
/// The time after which fillers expire, counted from their planned end, in case hotset is killed meanwhile.
const LEFT_BEHIND: Duration = Duration::from_mins(1);

/// The keys with which memory was filled.
pub struct Filler {
    keys: Vec<(RedisAdmin, Vec<String>)>,
    /// The size of all their values.
    pub bytes: u64,
}

impl Filler {
    /// Removes the keys. Entries that were evicted for them do not come back.
    ///
    /// # Errors
    /// Returns the error of a server.
    pub async fn remove(self) -> Result<(), StoreError> {
        for (admin, keys) in self.keys {
            admin.unlink(&keys).await?;
        }
        Ok(())
    }
}

impl CacheDeployment {
    /// The managed node that has a place, by the roles that nodes have now. Where a shard is just failing over,
    /// whoever is its primary next.
    ///
    /// # Errors
    /// Says what there is where it is not there within `ROLE_BOUND`.
    pub async fn node_at(&self, target: Target) -> Result<Arc<Node>, TopologyError> {
        let unfit = |reason: &str| TopologyError::Unfit(format!("{}: {reason}", target.name()));
        let Some(nodes) = self.managed() else {
            return Err(unfit("hotset breaks only servers that it started"));
        };
        if let Target::Sentinel(_) = target {
            return nodes.named(&target.name()).ok_or_else(|| unfit("there is no such sentinel"));
        }
        let deadline = clock::now() + ROLE_BOUND;
        loop {
            let found = self.node_now(target, nodes).await;
            match found {
                Ok(Some(node)) => return Ok(node),
                Ok(None) | Err(TopologyError::Store { .. }) if clock::now() < deadline => {}
                Ok(None) => {
                    let waited = show_duration(ROLE_BOUND);
                    return Err(unfit(&format!("no node that runs has had this place for {waited}")));
                }
                Err(error) => return Err(error),
            }
            clock::sleep(LOOK_AGAIN).await;
        }
    }

    /// The running node that has the target's role now; `None` if no node has it, or the one that had it has ended.
    async fn node_now(&self, target: Target, nodes: &Nodes) -> Result<Option<Arc<Node>>, TopologyError> {
        let layout = self.look_at_once().await?;
        let (Target::Shard(shard) | Target::Replica { shard, .. }) = target else { return Ok(None) };
        let Some(place) = layout.place_of(shard) else {
            return Err(TopologyError::Unfit(format!("there is no {} now", target.name())));
        };
        let shard = &layout.shards[place];
        let address = match target {
            Target::Replica { replica, .. } => shard.replicas.get(replica as usize),
            Target::Shard(_) => shard.primary.as_ref(),
            Target::Sentinel(_) | Target::Instance(_) | Target::Cache | Target::Database => None,
        };
        let Some(node) = address.and_then(|address| nodes.at_port(address.port)) else { return Ok(None) };
        let ended = node.server().process().wait(Duration::ZERO).await?;
        Ok(ended.is_none().then_some(node))
    }

    async fn look_at_once(&self) -> Result<Layout, TopologyError> {
        let looked = self.look().await.map_err(TopologyError::store("looking at the cache's nodes"))?;
        looked.ok_or_else(|| TopologyError::Unfit("the cache is inside this process".into()))
    }

    pub(super) fn options(&self) -> Result<RedisOptions, TopologyError> {
        match self.endpoint() {
            CacheEndpoint::Redis(endpoint) => Ok(endpoint.own_options()),
            CacheEndpoint::Local(_) => Err(TopologyError::Unfit("the cache is inside this process".into())),
        }
    }

    async fn admin_at(&self, address: &NodeAddress) -> Result<RedisAdmin, TopologyError> {
        let options = self.options()?;
        let doing = TopologyError::store(format!("connecting to the cache at {address}"));
        RedisAdmin::connect_to(&options, address).await.map_err(doing)
    }

    /// Orders a replica of a shard to become its primary.
    ///
    /// # Errors
    /// Returns an error if no node can or will take over.
    pub async fn fail_over(&self, shard: u64) -> Result<String, TopologyError> {
        let doing = || TopologyError::store(format!("ordering a failover of shard{shard}"));
        let layout = self.look_at_once().await?;
        let Some(wanted) = layout.place_of(shard).map(|place| &layout.shards[place]) else {
            return Err(TopologyError::Unfit(format!("there is no shard{shard} to fail over")));
        };
        if let DeploymentKind::Sentinel { sentinels, .. } = &self.options()?.kind {
            let mut last = None;
            for url in sentinels {
                let options = RedisOptions { url: url.clone(), ..self.options()? };
                let ordered = async {
                    let admin = RedisAdmin::connect(&options).await?;
                    let mut order = cmd("SENTINEL");
                    order.arg("FAILOVER").arg(&wanted.name);
                    admin.ask::<()>(&order, "ordering a failover").await
                };
                match ordered.await {
                    Ok(()) => return Ok(format!("SENTINEL FAILOVER {}", wanted.name)),
                    Err(error) => last = Some(error),
                }
            }
            let nobody = || StoreError::new(ErrorKind::Unavailable, "there is no sentinel");
            return Err(doing()(last.unwrap_or_else(nobody)));
        }
        let Some(replica) = wanted.replicas.first() else {
            return Err(TopologyError::Unfit(format!("shard{shard} has no replica to take over")));
        };
        let admin = self.admin_at(replica).await?;
        admin.ask::<()>(cmd("CLUSTER").arg("FAILOVER"), "ordering a failover").await.map_err(doing())?;
        Ok(format!("CLUSTER FAILOVER to {replica}"))
    }

    /// Fills the memory of every primary up to its limit.
    ///
    /// # Errors
    /// Returns the error of a server, or an error if one has no memory limit.
    pub async fn fill_memory(&self, lasts: Duration) -> Result<Filler, TopologyError> {
        let doing = || TopologyError::store("filling the cache's memory");
        let layout = self.look_at_once().await?;
        let mut filler = Filler { keys: Vec::new(), bytes: 0 };
        for (number, shard) in layout.shards.iter().enumerate() {
            let Some(primary) = &shard.primary else { continue };
            let admin = self.admin_at(primary).await?;
            let limit = admin.info().await.map_err(doing())?.maxmemory_bytes;
            let Some(limit) = limit.filter(|limit| *limit > 0) else {
                return Err(TopologyError::Unfit(format!(
                    "{primary} has no memory limit and cannot be filled"
                )));
            };
            let mut keys = Vec::new();
            // The prefix is this run's, so that nobody else's key is overwritten.
            let prefix = self.options()?.key_prefix;
            let names = (0_u64..).map(|name| format!("{prefix}filler:{name}"));
            // A cluster's node takes only keys of its own slots.
            let own = names.filter(|name| {
                layout.placement == Placement::One || layout.shard_of("", name) == Some(number)
            });
            for key in own.take((limit as usize).div_ceil(FILLER_BYTES)) {
                let mut set = cmd("SET");
                set.arg(&key).arg(vec![b'x'; FILLER_BYTES]);
                // The key expires even if hotset is not there to remove it.
                set.arg("PX").arg(u64::try_from((lasts + LEFT_BEHIND).as_millis()).unwrap_or(u64::MAX));
                match admin.ask::<()>(&set, "filling the memory").await {
                    Ok(()) => keys.push(key),
                    Err(error) if error.kind == ErrorKind::OutOfMemory => break,
                    Err(error) => return Err(doing()(error)),
                }
            }
            filler.bytes += (keys.len() * FILLER_BYTES) as u64;
            filler.keys.push((admin, keys));
        }
        Ok(filler)
    }

    fn own_cluster(&self) -> Result<&Arc<Nodes>, TopologyError> {
        self.managed().ok_or_else(|| TopologyError::Unfit("the cluster is not hotset's own".into()))
    }

    /// Starts one more primary and moves its share of the slots to it. Returns a description of the outcome.
    ///
    /// # Errors
    /// Returns the error of a node.
    pub async fn add_shard(&self) -> Result<String, TopologyError> {
        let doing = || TopologyError::store("adding a shard");
        let nodes = self.own_cluster()?;
        let layout = self.look_at_once().await?;
        let members = layout.shards.iter().map(|shard| shard.nodes().count()).sum::<usize>();
        let node = nodes.start(&self.options()?.shard_names.next(), &[]).await?;
        let port = node.server().port();
        let admin = node.admin().await?;
        let primaries = self.primaries_of(&layout).await?;
        if let Some(limit) = primaries.first().and_then(|(_, _, port)| nodes.at_port(*port)?.limit()) {
            admin.set_max_memory(limit).await.map_err(doing())?;
            nodes.note_limit(port, limit);
        }
        meet(&admin, primaries[0].2).await.map_err(doing())?;
        knows(&node, &admin, members + 1).await?;
        let id = my_id(&admin).await.map_err(doing())?;
        let everybody: Vec<_> = primaries.iter().map(|(admin, ..)| admin.clone()).collect();
        for (from, from_id, _) in &primaries {
            // The giving and the taking node must have heard of each other.
            wait_until_known(from, &id).await.map_err(doing())?;
            wait_until_known(&admin, from_id).await.map_err(doing())?;
        }
        // The new node takes no keys before it has seen for itself that the cluster serves.
        is_well(&node, &admin).await?;
        let (mut slots_moved, mut keys_moved) = (0, 0);
        for (number, (from, from_id, from_port)) in primaries.iter().enumerate() {
            let own = slots_of(&layout, number);
            let given = &own[own.len() - own.len() / (primaries.len() + 1)..];
            let password = nodes.password().expose();
            let from = Owner { admin: from, id: from_id, port: *from_port };
            let to = Owner { admin: &admin, id: &id, port };
            keys_moved += move_slots(from, to, given, &everybody, password).await.map_err(doing())?;
            slots_moved += given.len();
        }
        is_well(&node, &admin).await?;
        Ok(format!("{} has {slots_moved} slots now, with {keys_moved} keys moved to it", node.name()))
    }

    /// Moves the slots of a shard to the others and takes its nodes out. Returns a description of the outcome.
    ///
    /// # Errors
    /// Returns the error of a node.
    pub async fn remove_shard(&self, shard: u64) -> Result<String, TopologyError> {
        let doing = || TopologyError::store(format!("removing shard{shard}"));
        let nodes = self.own_cluster()?;
        let layout = self.look_at_once().await?;
        let primaries = self.primaries_of(&layout).await?;
        let place = layout.place_of(shard).filter(|_| primaries.len() > 1);
        let Some((gone, (from, from_id, from_port))) = place.map(|place| (place, &primaries[place])) else {
            return Err(TopologyError::Unfit(format!("there is no shard{shard} that could be removed")));
        };
        let from = Owner { admin: from, id: from_id, port: *from_port };
        let everybody: Vec<_> = primaries.iter().map(|(admin, ..)| admin.clone()).collect();
        let own = slots_of(&layout, gone);
        let others: Vec<_> = primaries.iter().enumerate().filter(|(number, _)| *number != gone).collect();
        let mut keys_moved = 0;
        for (taken, (_, (to, to_id, to_port))) in own.chunks(own.len().div_ceil(others.len())).zip(others) {
            let password = nodes.password().expose();
            let to = Owner { admin: to, id: to_id, port: *to_port };
            keys_moved += move_slots(from, to, taken, &everybody, password).await.map_err(doing())?;
        }
        // Its nodes would otherwise go on as replicas of the others.
        let leaving: Vec<_> = layout.shards[gone].nodes().cloned().collect();
        let mut ids = Vec::new();
        for node in &leaving {
            ids.push(my_id(&self.admin_at(node).await?).await.map_err(doing())?);
        }
        for staying in layout.shards.iter().enumerate().filter(|(number, _)| *number != gone) {
            for node in staying.1.nodes() {
                let Ok(admin) = self.admin_at(node).await else { continue };
                for id in &ids {
                    let mut forget = cmd("CLUSTER");
                    forget.arg("FORGET").arg(id);
                    // A replica does not forget its own primary before it has another.
                    let _ = admin.ask::<()>(&forget, "forgetting a node").await;
                }
            }
        }
        // The shard goes on answering with MOVED until every client has looked again, which they do once a second.
        clock::sleep(UNTIL_LOOKED).await;
        for node in &leaving {
            nodes.forget(node.port);
        }
        Ok(format!("{} slots and {keys_moved} keys moved to the others", own.len()))
    }

    async fn primaries_of(&self, layout: &Layout) -> Result<Vec<(RedisAdmin, String, u16)>, TopologyError> {
        let mut primaries = Vec::new();
        for shard in &layout.shards {
            let Some(primary) = &shard.primary else {
                return Err(TopologyError::Unfit(format!("{} has no primary now", shard.name)));
            };
            let admin = self.admin_at(primary).await?;
            let id = my_id(&admin).await.map_err(TopologyError::store("asking a node for its id"))?;
            primaries.push((admin, id, primary.port));
        }
        Ok(primaries)
    }
}

/// Waits up to 5 s for a node to hear of another.
async fn wait_until_known(admin: &RedisAdmin, id: &str) -> Result<(), StoreError> {
    for _ in 0..200 {
        let nodes: String = admin.ask(cmd("CLUSTER").arg("NODES"), "asking a node for the others").await?;
        if nodes.lines().any(|line| line.starts_with(id) && !line.contains("handshake")) {
            return Ok(());
        }
        clock::sleep(std::time::Duration::from_millis(25)).await;
    }
    Err(StoreError::new(ErrorKind::Unavailable, "a node has not heard of another within 5 s"))
}

fn slots_of(layout: &Layout, shard: usize) -> Vec<u16> {
    let Placement::Slots(owners) = &layout.placement else { return Vec::new() };
    let owned = owners.iter().enumerate().filter(|(_, owner)| usize::from(**owner) == shard);
    owned.map(|(slot, _)| slot as u16).collect()
}
