//! Forms shards, sentinels and clusters from processes, over the protocol.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use redis::{Value, cmd};

use super::TopologyError;
use super::nodes::{Node, Nodes};
use crate::base::clock;
use crate::store::StoreError;
use crate::store::redis::RedisAdmin;
use crate::store::redis::slots::SLOTS;

/// The time within which servers have to find each other and to copy their data, which is empty.
const BOUND: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(25);

/// The configuration of every node that may have a replica.
#[must_use]
pub fn replication() -> Vec<(&'static str, String)> {
    vec![
        // A primary that feeds its first replica need not wait for more of them.
        ("repl-diskless-sync-delay", "0".into()),
        ("repl-ping-replica-period", "1".into()),
        // The backlog counts as used memory. Valkey's own default of 10 MiB would fill while entries are counted, and a
        // small limit would be all backlog.
        ("repl-backlog-size", "1mb".into()),
    ]
}

/// Starts a primary and its replicas, and waits until they follow it.
///
/// # Errors
/// Returns an error that tells which of them did not start or did not follow.
pub async fn shard(nodes: &Nodes, name: &str, replicas: u64) -> Result<Arc<Node>, TopologyError> {
    let primary = nodes.start(name, &[]).await?;
    let follow = ("replicaof", format!("127.0.0.1 {}", primary.server().port()));
    for replica in 0..replicas {
        let replica = nodes.start(&format!("{name}-replica{replica}"), std::slice::from_ref(&follow)).await?;
        follows(&replica).await?;
    }
    let admin = primary.admin().await?;
    let what = format!("{name} to feed its {replicas} replicas");
    until(&what, async || {
        let info: String = admin.ask(cmd("INFO").arg("replication"), "asking for the replicas").await?;
        Ok(info.matches("state=online").count() as u64 == replicas)
    })
    .await?;
    Ok(primary)
}

/// Waits until a replica has its primary's data and receives its changes.
async fn follows(replica: &Node) -> Result<(), TopologyError> {
    let admin = replica.admin().await?;
    let what = format!("{} to follow its primary", replica.name());
    until(&what, async || {
        let info: String = admin.ask(cmd("INFO").arg("replication"), "asking a replica how it is").await?;
        Ok(info.contains("master_link_status:up"))
    })
    .await
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Makes a cluster of nodes that know nothing yet: primaries with equal shares of the slots, each with its replicas.
/// Waits until every node reports that all slots are served, and every replica follows.
///
/// # Errors
/// Returns an error that tells which step was not finished in time.
pub async fn cluster(shards: &[(Arc<Node>, Vec<Arc<Node>>)]) -> Result<(), TopologyError> {
    let doing = || TopologyError::store("forming a cluster");
    let mut admins = Vec::new();
    for (primary, replicas) in shards {
        for node in std::iter::once(primary).chain(replicas) {
            admins.push((Arc::clone(node), node.admin().await?));
        }
    }
    for (number, (_, admin)) in admins.iter().enumerate() {
        // Each node gets an epoch of its own at the beginning, so that no two nodes collide.
        let mut epoch = cmd("CLUSTER");
        epoch.arg("SET-CONFIG-EPOCH").arg(number + 1);
        admin.ask::<()>(&epoch, "setting an epoch").await.map_err(doing())?;
    }
    let mut primaries = Vec::new();
    for (number, (primary, replicas)) in shards.iter().enumerate() {
        let admin = primary.admin().await?;
        let (from, to) = range(number, shards.len());
        let mut slots = cmd("CLUSTER");
        slots.arg("ADDSLOTSRANGE").arg(from).arg(to);
        admin.ask::<()>(&slots, "assigning slots").await.map_err(doing())?;
        primaries.push((my_id(&admin).await.map_err(doing())?, replicas));
    }
    let (_, first) = &admins[0];
    for (node, _) in admins.iter().skip(1) {
        meet(first, node.server().port()).await.map_err(doing())?;
    }
    for (node, admin) in &admins {
        knows(node, admin, admins.len()).await?;
    }
    for (id, replicas) in &primaries {
        for replica in *replicas {
            replicate(replica, id).await?;
        }
    }
    let replicas: usize = shards.iter().map(|(_, replicas)| replicas.len()).sum();
    for (node, admin) in &admins {
        is_well(node, admin).await?;
        announces(node, admin, replicas).await?;
    }
    Ok(())
}

/// The first and the last slot of primary `number` of `of`.
fn range(number: usize, of: usize) -> (u64, u64) {
    let at = |number: usize| number as u64 * u64::from(SLOTS) / of as u64;
    (at(number), at(number + 1) - 1)
}

/// A node's own id.
///
/// # Errors
/// Returns the error of the node.
pub async fn my_id(admin: &RedisAdmin) -> Result<String, StoreError> {
    admin.ask(cmd("CLUSTER").arg("MYID"), "asking a node for its id").await
}

/// Introduces the node at a port to a node.
///
/// # Errors
/// Returns the error of the node.
pub async fn meet(admin: &RedisAdmin, port: u16) -> Result<(), StoreError> {
    let mut meet = cmd("CLUSTER");
    meet.arg("MEET").arg("127.0.0.1").arg(port);
    admin.ask(&meet, "introducing a node to another").await
}

/// Waits until a node knows `count` nodes, itself among them.
///
/// # Errors
/// Returns an error if it does not in time.
pub async fn knows(node: &Node, admin: &RedisAdmin, count: usize) -> Result<(), TopologyError> {
    let what = format!("{} to know the {count} nodes of the cluster", node.name());
    until(&what, async || {
        let nodes: String = admin.ask(cmd("CLUSTER").arg("NODES"), "asking a node for the others").await?;
        let well = nodes.lines().filter(|line| !line.contains("handshake") && !line.contains("noaddr"));
        Ok(well.count() == count)
    })
    .await
}

/// Makes a node a replica, and waits until it follows.
async fn replicate(replica: &Node, primary: &str) -> Result<(), TopologyError> {
    let admin = replica.admin().await?;
    let mut replicate = cmd("CLUSTER");
    replicate.arg("REPLICATE").arg(primary);
    let what = format!("{} to become a replica", replica.name());
    until(&what, async || {
        match admin.ask::<()>(&replicate, "making a replica").await {
            Ok(()) => Ok(true),
            // The node has not heard of its primary's slots yet.
            Err(_) => Ok(false),
        }
    })
    .await?;
    follows(replica).await
}

/// Waits until a node reports that the cluster serves every slot.
///
/// # Errors
/// Returns an error if it does not in time.
pub async fn is_well(node: &Node, admin: &RedisAdmin) -> Result<(), TopologyError> {
    let what = format!("{} to see every slot served", node.name());
    until(&what, async || {
        let info: String = admin.ask(cmd("CLUSTER").arg("INFO"), "asking a node about the cluster").await?;
        Ok(info.contains("cluster_state:ok") && info.contains(&format!("cluster_slots_ok:{SLOTS}")))
    })
    .await
}

/// Waits until a node tells its clients of so many replicas. It knows of them earlier, but leaves one out until it has
/// heard of data that it has received (`CLUSTER SLOTS`, `isReplicaAvailable` in Redis' source).
async fn announces(node: &Node, admin: &RedisAdmin, replicas: usize) -> Result<(), TopologyError> {
    let what = format!("{} to tell of the {replicas} replicas of the cluster", node.name());
    until(&what, async || {
        let ranges: Vec<Vec<Value>> =
            admin.ask(cmd("CLUSTER").arg("SLOTS"), "asking a node for the others").await?;
        // The first and the last slot, the primary, and the replicas.
        Ok(ranges.iter().map(|range| range.len().saturating_sub(3)).sum::<usize>() == replicas)
    })
    .await
}

/// Repeats a check until it succeeds, for at most [`BOUND`].
pub(super) async fn until(
    what: &str,
    is_so: impl AsyncFn() -> Result<bool, StoreError>,
) -> Result<(), TopologyError> {
    let deadline = clock::now() + BOUND;
    loop {
        let last = match is_so().await {
            Ok(true) => return Ok(()),
            Ok(false) => String::new(),
            Err(error) => format!(" ({error})"),
        };
        if clock::now() >= deadline {
            let bound = crate::base::units::show_duration(BOUND);
            return Err(TopologyError::Unfit(format!(
                "waited {bound} in vain for {what}{last}; is the machine busy with something else?"
            )));
        }
        clock::sleep(PAUSE).await;
    }
}

/// A primary that gives slots away or takes them.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    /// The connection for its administration.
    pub admin: &'a RedisAdmin,
    /// Its id.
    pub id: &'a str,
    /// Its port.
    pub port: u16,
}

/// Moves slots from one primary to another while clients use them, and returns the number of keys that were moved.
///
/// # Errors
/// Returns the error of a node. A slot that is under way then stays where clients find it by ASK.
pub async fn move_slots(
    from: Owner<'_>,
    to: Owner<'_>,
    slots: &[u16],
    everybody: &[RedisAdmin],
    password: &str,
) -> Result<u64, StoreError> {
    /// The number of slots that are under way at a time.
    const AT_ONCE: usize = 16;
    stream::iter(slots)
        .map(|slot| move_slot(from, to, *slot, everybody, password))
        .buffer_unordered(AT_ONCE)
        .try_fold(0, |sum, moved| std::future::ready(Ok(sum + moved)))
        .await
}

/// Moves one slot: announces it on both sides, moves its keys, then assigns it to the new owner (Redis manual, "CLUSTER
/// SETSLOT").
async fn move_slot(
    from: Owner<'_>,
    to: Owner<'_>,
    slot: u16,
    everybody: &[RedisAdmin],
    password: &str,
) -> Result<u64, StoreError> {
    /// The number of keys that one command moves; it blocks both nodes meanwhile.
    const KEYS: usize = 100;
    let set = |how: &str, node: &str| {
        let mut set = cmd("CLUSTER");
        set.arg("SETSLOT").arg(slot).arg(how).arg(node);
        set
    };
    let mut moved = 0;
    to.admin.ask::<()>(&set("IMPORTING", from.id), "importing a slot").await?;
    from.admin.ask::<()>(&set("MIGRATING", to.id), "giving a slot away").await?;
    loop {
        let mut keys = cmd("CLUSTER");
        keys.arg("GETKEYSINSLOT").arg(slot).arg(KEYS);
        let keys: Vec<Vec<u8>> = from.admin.ask(&keys, "asking for the keys of a slot").await?;
        if keys.is_empty() {
            break;
        }
        moved += keys.len() as u64;
        let mut migrate = cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(to.port).arg("").arg(0).arg(5000).arg("REPLACE");
        migrate.arg("AUTH").arg(password).arg("KEYS").arg(keys);
        // The answer "NOKEY" means that the keys have expired meanwhile.
        from.admin.ask::<Value>(&migrate, "moving keys").await?;
    }
    // The new owner is told first, so that at every moment some node claims the slot.
    let taken = set("NODE", to.id);
    to.admin.ask::<()>(&taken, "taking a slot").await?;
    let left = from.admin.ask::<()>(&taken, "leaving a slot").await;
    // A primary that learns from another node that its last slot is gone becomes a replica of the new owner, and then
    // refuses the command.
    left.or_else(|error| if error.detail.contains("only with masters") { Ok(()) } else { Err(error) })?;
    // Nodes that do not get the message now hear it from the others soon.
    join_all(everybody.iter().map(|other| other.ask::<()>(&taken, "telling who has a slot"))).await;
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_one_primary_however_many_there_are() {
        for of in 1..20 {
            let ranges: Vec<_> = (0..of).map(|number| range(number, of)).collect();
            assert_eq!(ranges[0].0, 0);
            assert_eq!(ranges[of - 1].1, u64::from(SLOTS) - 1);
            assert!(ranges.windows(2).all(|two| two[0].1 + 1 == two[1].0));
        }
    }
}
