//! After the load: what the database and the cache hold of every entity that was written.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::application::{AnyDataset, Dataset as _};
use crate::audit::{Audit, FIELDS, Seen, SettledKeys};
use crate::base::observer::{Event, Observer};
use crate::run::plan::Cell;
use crate::store::{Cache, Database, Document, Entry, StoreError, Version};
use crate::strategy::source::Keyspace;
use crate::topology::Deployed;

/// The number of entities that are looked at at once.
const AT_ONCE: usize = 64;

/// Holds the database and the cache against what was acknowledged, for every entity that was written, and returns what
/// was found by kind of entity.
///
/// # Errors
/// Those of the stores: what was lost is not known then.
pub async fn conclude(
    cell: &Cell,
    deployed: Deployed<'_>,
    audit: &Audit,
    subjects: &[u64],
    observer: &dyn Observer,
) -> Result<Vec<SettledKeys>, StoreError> {
    let scenario = &cell.scenario;
    observer.observe(Event::Step { what: format!("auditing {} keys that were written", subjects.len()) });
    // The harness' own traffic goes no distance and past the relays.
    let database = deployed.database.endpoint().connect_directly(&scenario.database).await?;
    let cache = deployed.cache.endpoint().connect_directly().await?;
    let dataset = scenario.documents();
    let kinds = cell.kinds();
    let mut found = vec![SettledKeys::default(); kinds.len()];
    let mut held = stream::iter(subjects)
        .map(|subject| held(*subject, &dataset, &database, &cache, &kinds))
        .buffer_unordered(AT_ONCE);
    while let Some((subject, stored, cached)) = held.try_next().await? {
        found[dataset.place(subject).entity].add(&audit.settle_key(subject, stored, cached));
    }
    Ok(found)
}

async fn held(
    subject: u64,
    dataset: &AnyDataset,
    database: &impl Database,
    cache: &impl Cache,
    kinds: &[Keyspace],
) -> Result<(u64, Option<Seen>, Option<Seen>), StoreError> {
    // A store inside this process never waits, and the user may want to end this.
    tokio::task::coop::consume_budget().await;
    let place = dataset.place(subject);
    let stored = database.find(dataset.collection(subject), &place.id).await?;
    let cached = match cache.get(&kinds[place.entity].key(&place.id)).await? {
        None | Some(Entry::Token(_)) => None,
        Some(Entry::Absent) if stored.is_none() => None,
        // The document exists: that there is none is not what the database says.
        Some(Entry::Absent) => Some(unlike_any(0)),
        Some(Entry::Document { version, document, .. }) => Some(seen(dataset, subject, version, &document)),
    };
    let stored = stored.map(|document| seen(dataset, subject, document.version(), &document));
    Ok((subject, stored, cached))
}

fn seen(dataset: &AnyDataset, subject: u64, version: Version, document: &Document) -> Seen {
    dataset.verify(subject, version, document).unwrap_or_else(|_| unlike_any(version))
}

/// Returns a document like none that anybody wrote, which stands for a damaged one.
fn unlike_any(version: Version) -> Seen {
    Seen { version, writes: [-1; FIELDS] }
}
