//! Where a fault makes no sense: the topology has nothing that it could break, or hotset may not touch it.

use super::{Fault, FaultKind, Target};
use crate::topology::database::no_relay;
use crate::topology::settings::{CacheSettings, DatabaseKind, DatabaseSettings};
use crate::topology::{Shape, TopologySpec};

/// Returns why a fault makes no sense on a topology, or `None` where it does.
#[must_use]
pub fn cannot_suffer(
    topology: &TopologySpec,
    fault: &Fault,
    uses_cache: bool,
    cache: &CacheSettings,
    database: &DatabaseSettings,
) -> Option<String> {
    let database_is_own = topology.database() == DatabaseKind::Mongodb && database.url.is_none();
    let kind = fault.kind;
    if kind == FaultKind::StopDatabase && !database_is_own {
        return Some("hotset stops only database servers that it started, and here there is none".into());
    }
    if kind.is_of_a_link() {
        return link_cannot_suffer(topology, fault, uses_cache, database);
    }
    if !kind.is_of_the_cache() || !uses_cache {
        return None;
    }
    let shape = topology.shape();
    if shape.shards == 0 && kind != FaultKind::Flush {
        return Some("the cache is inside this process: there is no server to break".into());
    }
    if kind == FaultKind::FillMemory && cache.capacity.is_none() && topology.manages_cache_servers() {
        return Some("without a memory limit it cannot be filled; give cache.capacity".into());
    }
    if !topology.manages_cache_servers() && kind.needs_process() {
        return Some("hotset kills and pauses only servers that it started, and here there is none".into());
    }
    if !topology.manages_cache_servers() && !shape.allow_faults && kind != FaultKind::Flush {
        return Some(
            "its servers are not hotset's own: say allow_faults = true in the topology where that is wanted"
                .into(),
        );
    }
    if kind == FaultKind::Failover && !shape.fails_over {
        return Some(
            "it has nobody who could take over: give it replicas, or use cluster or sentinel".into(),
        );
    }
    if matches!(kind, FaultKind::AddShard | FaultKind::RemoveShard) && !shape.grows {
        return Some("only a cluster moves keys between shards while it serves".into());
    }
    if kind == FaultKind::AddShard && cache.wait_replicas > 0 {
        return Some(
            "a shard that is added has no replica that a write could wait for; leave cache.wait_replicas out"
                .into(),
        );
    }
    if kind == FaultKind::RemoveShard && shape.shards < 2 {
        return Some("its only shard cannot be removed".into());
    }
    // What servers that are there already consist of is known once they are asked.
    topology.manages_cache_servers().then(|| missing(fault.target, &shape)).flatten()
}

fn link_cannot_suffer(
    topology: &TopologySpec,
    fault: &Fault,
    uses_cache: bool,
    database: &DatabaseSettings,
) -> Option<String> {
    // All connections of such a cell go through a relay, whichever link is broken.
    if uses_cache && topology.shape().speaks_tls {
        return Some(
            "a relay cannot stand in a link that speaks TLS: the server's name would not be its own".into(),
        );
    }
    if let Some(url) = database.url.as_ref().filter(|_| topology.database() == DatabaseKind::Mongodb)
        && let Some(reason) = no_relay(url)
    {
        return Some(reason.into());
    }
    let shape = topology.shape();
    match fault.target {
        Target::Database if topology.database() == DatabaseKind::Embedded => {
            Some("the database is inside this process: there is no link to break".into())
        }
        Target::Database if database.url.is_some() && !database.allow_faults => Some(
            "the database is not hotset's own: say database.allow_faults = true where that is wanted".into(),
        ),
        Target::Cache if uses_cache && shape.shards == 0 => {
            Some("the cache is inside this process: there is no link to break".into())
        }
        Target::Cache if uses_cache && !topology.manages_cache_servers() && !shape.allow_faults => Some(
            "its servers are not hotset's own: say allow_faults = true in the topology where that is wanted"
                .into(),
        ),
        _ => None,
    }
}

/// Returns a sentence that there is no such node, where there is none.
fn missing(target: Target, shape: &Shape) -> Option<String> {
    let of = |what: &str, number: u64, there_are: u64| {
        let last = there_are.checked_sub(1);
        let there = last.map_or_else(|| "none".to_owned(), |last| format!("{what}0 to {what}{last}"));
        (number >= there_are).then(|| format!("there is no {}; there is {there}", target.name()))
    };
    match target {
        Target::Shard(shard) => of("shard", shard, shape.shards),
        Target::Replica { shard, replica } => of("shard", shard, shape.shards)
            .or_else(|| of(&format!("shard{shard}-replica"), replica, shape.replicas)),
        Target::Sentinel(number) => of("sentinel", number, shape.sentinels),
        Target::Instance(_) | Target::Cache | Target::Database => None,
    }
}
