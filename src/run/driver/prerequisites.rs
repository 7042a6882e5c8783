//! What a cell needs of what is deployed, tried before its warm-up: a strategy whose background part is refused, or a
//! setting that the servers do not have, would be measured as something else under its name.

use std::time::Duration;

use crate::application::Dataset as _;
use crate::run::plan::Cell;
use crate::store::redis::RedisParts;
use crate::store::{Changes as _, Tracking as _};
use crate::strategy::Needs;
use crate::topology::Deployed;
use crate::topology::settings::DatabaseKind;

/// The longest that an announcement may be waited for.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(5);

/// Tries what the cell needs.
///
/// # Errors
/// Returns what is missing and the remedy, all of it at once.
pub async fn try_out(cell: &Cell, deployed: Deployed<'_>) -> Result<(), String> {
    let needs = needs(cell);
    let mut missing = Vec::new();
    if needs.cache {
        missing.extend(deployed.cache.rehearse(uses(cell)).await.err().map(|error| error.to_string()));
    }
    // What hotset may not ask, the tries below would say again.
    if missing.is_empty() {
        missing.extend(safe_to_write_first(cell, deployed).await.err());
        missing.extend(replicas(cell, deployed).await.err());
        if needs.cache_announcements {
            missing.extend(announcements(cell, deployed).await.err());
        }
        if needs.database_changes {
            missing.extend(changes(cell, deployed).await.err());
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
}

/// The needs of all strategies of a cell together.
fn needs(cell: &Cell) -> Needs {
    let application = &cell.scenario.application;
    let each = application.in_use(&cell.strategy.spec).map(|(_, spec)| spec.promise().needs());
    let needs = each.fold(Needs::NOTHING, Needs::and);
    Needs { cache: needs.cache || cell.uses_cache(), ..needs }
}

/// The parts of Redis that a cell uses.
#[must_use]
pub fn uses(cell: &Cell) -> RedisParts {
    let needs = needs(cell);
    let application = &cell.scenario.application.spec;
    RedisParts {
        batches: cell.scenario.batching().is_some(),
        announcements: needs.cache_announcements,
        write_log: needs.no_eviction_of_dirty,
        access_counts: needs.access_counts,
        streams: application.uses_streams(),
        sessions: application.uses_sessions(),
    }
}

/// A strategy that writes to the cache first is not run on a server that may evict what the database does not hold yet.
async fn safe_to_write_first(cell: &Cell, deployed: Deployed<'_>) -> Result<(), String> {
    if !cell.holds_back() {
        return Ok(());
    }
    match deployed.cache.may_evict_any_key().await {
        Ok(None) => Ok(()),
        Ok(Some(policy)) => Err(format!(
            "the cache's maxmemory-policy is {policy}, by which it may evict what {} has acknowledged and the database does not hold yet; set it to volatile-lru or noeviction",
            cell.strategy.label
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// Every shard has the replicas that answer reads or that writes wait for, and those that answer reads do.
async fn replicas(cell: &Cell, deployed: Deployed<'_>) -> Result<(), String> {
    let Some(layout) = deployed.cache.layout().filter(|_| cell.uses_cache()) else { return Ok(()) };
    let waited_for = cell.scenario.cache.wait_replicas;
    let reads_replicas = cell.topology.spec.shape().reads_replicas;
    let (wanted, setting) = match reads_replicas {
        _ if waited_for > 0 => (waited_for, "cache.wait_replicas"),
        true => (1, "read_from"),
        false => return Ok(()),
    };
    if let Some(shard) = layout.shards.iter().find(|shard| (shard.replicas.len() as u64) < wanted) {
        return Err(format!(
            "{setting} needs every shard to have {wanted} or more replicas, and {} has {}; give the servers more replicas (REPLICAOF, or `replicas` for servers of hotset's own), or leave the setting out",
            shard.name,
            shard.replicas.len()
        ));
    }
    if !reads_replicas {
        return Ok(());
    }
    let read = deployed.cache.rehearse_reading().await;
    read.map_err(|error| format!("{error}; or leave read_from out"))
}

/// The cache announces which keys have changed.
async fn announcements(cell: &Cell, deployed: Deployed<'_>) -> Result<(), String> {
    let doing = format!("{} needs the cache to announce changes of keys", cell.strategy.label);
    let remedy = "use Redis 6.0 or newer, or Valkey, without a proxy before it, and allow the user client|tracking (docs/own-servers.md)";
    let cache = deployed.cache.endpoint().connect_directly().await;
    let cache = cache.map_err(|error| format!("{doing}: {error}"))?;
    let mut announced =
        cache.track("", ANNOUNCED_WITHIN).await.map_err(|error| format!("{doing}: {error}; {remedy}"))?;
    match tokio::time::timeout(ANNOUNCED_WITHIN, announced.recv()).await {
        Ok(Some(crate::store::Announcement::Connected)) => Ok(()),
        Ok(_) => Err(format!("{doing}: it ended the connection that announces them; {remedy}")),
        Err(_) => Err(format!("{doing}: it took longer than {ANNOUNCED_WITHIN:?} to begin; {remedy}")),
    }
}

/// The database announces which documents have changed.
async fn changes(cell: &Cell, deployed: Deployed<'_>) -> Result<(), String> {
    let doing = format!("{} needs the database to announce changes", cell.strategy.label);
    let remedy = match (cell.topology.spec.database(), &cell.scenario.database.url) {
        (DatabaseKind::Mongodb, Some(_)) => {
            "; a change stream needs a replica set: start mongod with --replSet rs0 and call rs.initiate(), one node is enough, and allow the user find and changeStream"
        }
        (DatabaseKind::Mongodb, None) => "; write replica_set = true in [database]",
        (DatabaseKind::Embedded, _) => "",
    };
    let endpoint = deployed.database.endpoint();
    let database = endpoint.connect_directly(&cell.scenario.database).await;
    let database = database.map_err(|error| format!("{doing}: {error}"))?;
    let dataset = cell.scenario.documents();
    let stream = database.changes(dataset.collection(0)).await;
    stream.map(drop).map_err(|error| format!("{doing}: {error}{remedy}"))
}
