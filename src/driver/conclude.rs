//! After the load: what the database and the cache hold of every key that was written.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::application::catalog::{self, Products};
use crate::audit::{Audit, FIELDS, Seen};
use crate::observer::{Event, Observer};
use crate::plan::Cell;
use crate::source::{Kind, TAGS};
use crate::store::{Cache, Database, Document, Entry, StoreError, Version};
use crate::topology::Deployed;

/// How many keys are looked at at once.
const AT_ONCE: usize = 64;

/// Holds the database and the cache against what was acknowledged, for every key that was written.
///
/// # Errors
/// Those of the stores: what was lost is not known then.
pub async fn conclude(
    cell: &Cell,
    deployed: Deployed<'_>,
    audit: &Audit,
    keys: &[u64],
    observer: &dyn Observer,
) -> Result<(), StoreError> {
    let scenario = &cell.scenario;
    observer.observe(Event::Step { what: format!("auditing {} keys that were written", keys.len()) });
    // The harness' own traffic goes no distance and past the relays.
    let database = deployed.database.endpoint().connect_directly(&scenario.database).await?;
    let cache = deployed.cache.endpoint().connect_directly().await?;
    let kind = kind(cell);
    stream::iter(keys)
        .map(|key| settled(*key, &database, &cache, &kind))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|(key, database, cache)| {
            audit.settle_key(key, database, cache);
            std::future::ready(Ok(()))
        })
        .await
}

/// What is said of products as a kind of entity.
#[must_use]
pub fn kind(cell: &Cell) -> Kind {
    // What is beside the entries must be on their servers.
    let together = cell.topology.spec.is_sharded() && cell.strategy.spec.promise().shares_backlog();
    Kind {
        key_prefix: "product:".into(),
        ttl: cell.scenario.cache.ttl.map(|ttl| ttl.0),
        tags: if together { TAGS } else { 0 },
    }
}

async fn settled(
    key: u64,
    database: &impl Database,
    cache: &impl Cache,
    kind: &Kind,
) -> Result<(u64, Option<Seen>, Option<Seen>), StoreError> {
    let id = Products::id(key);
    let stored = database.find(catalog::COLLECTION, &id).await?;
    let cached = match cache.get(&kind.key(&id)).await? {
        None | Some(Entry::Token(_)) => None,
        // The document exists: that there is none is not what the database says.
        Some(Entry::Absent) => Some(unlike_any(0)),
        Some(Entry::Document { version, document, .. }) => Some(seen(&id, version, &document)),
    };
    let stored = stored.map(|document| seen(&id, document.version(), &document));
    Ok((key, stored, cached))
}

fn seen(id: &str, version: Version, document: &Document) -> Seen {
    catalog::verify(id, version, document).unwrap_or_else(|_| unlike_any(version))
}

/// What is damaged is like nothing that anybody wrote.
fn unlike_any(version: Version) -> Seen {
    Seen { version, writes: [-1; FIELDS] }
}
