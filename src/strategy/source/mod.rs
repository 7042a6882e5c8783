//! The source of truth for one kind of entity. A strategy knows a source, never a database.

pub mod dependents;
pub mod service;
pub mod ttl;

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use compact_str::CompactString;

pub use service::Service;
pub use ttl::{TimesToLive, TtlTable};

use crate::store::redis::slots::{SLOTS, slot_of};
use crate::store::{BulkItem, ChangeFeed, Changes, Database, Document, ErrorKind, Page, Patch, StoreError};

/// The properties that all entities of a kind share: the prefix of their keys and the time the cache may keep
/// them.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyspace {
    /// The text before the id in a cache key, such as `product:`.
    pub key_prefix: String,
    /// The times to live of cached entities.
    pub ttl: TimesToLive,
    /// The number of groups the entities are divided into. The keys of a group share a hash tag and so a
    /// server, so that one script can reach both an entry and the group's log. 0 means that there are no
    /// groups and no hash tags.
    pub tags: usize,
}

/// The number of groups where groups are needed: enough to spread over the servers, and few enough to visit
/// one after the other.
pub const TAGS: usize = 64;

/// The texts of the tags, chosen so that their hash slots are spread evenly over all slots.
static TAG_TEXTS: LazyLock<Vec<CompactString>> = LazyLock::new(|| {
    let each = usize::from(SLOTS) / TAGS;
    let mut texts = vec![None; TAGS];
    let mut missing = TAGS;
    for number in 0_u32.. {
        let text = compact_str::format_compact!("{number}");
        let place = &mut texts[usize::from(slot_of("", &text)) / each];
        if place.is_none() {
            *place = Some(text);
            missing -= 1;
        }
        if missing == 0 {
            break;
        }
    }
    texts.into_iter().flatten().collect()
});

impl Keyspace {
    /// The cache key of an entity.
    #[must_use]
    pub fn key(&self, id: &str) -> CompactString {
        let mut key = CompactString::with_capacity(self.key_prefix.len() + id.len());
        key.push_str(&self.key_prefix);
        if let Some(tag) = self.tag_of(id) {
            key.push('{');
            key.push_str(Self::tag(tag));
            key.push_str("}:");
        }
        key.push_str(id);
        key
    }

    /// The time to live of the entity whose cache key this is.
    #[must_use]
    pub fn ttl_of_key(&self, key: &str) -> Option<Duration> {
        match &self.ttl {
            TimesToLive::Alike(ttl) => *ttl,
            TimesToLive::OfEach(_) => self.ttl.of(self.id_of(key)),
        }
    }

    /// The id in a cache key.
    fn id_of<'key>(&self, key: &'key str) -> &'key str {
        let rest = key.strip_prefix(self.key_prefix.as_str()).unwrap_or(key);
        let tagged = rest.split_once("}:").filter(|_| self.tags > 0);
        tagged.map_or(rest, |(_, id)| id)
    }

    /// The group of an entity; `None` if the kind has no groups.
    #[must_use]
    pub fn tag_of(&self, id: &str) -> Option<usize> {
        (self.tags > 0).then(|| (xxhash_rust::xxh3::xxh3_64(id.as_bytes()) % self.tags as u64) as usize)
    }

    /// The hash tag in the keys of a group, one of [`TAGS`].
    #[must_use]
    pub fn tag(number: usize) -> &'static str {
        &TAG_TEXTS[number % TAGS]
    }
}

/// Loads and updates one kind of entity. It makes the same promises as [`Database`].
pub trait Source: Clone + Send + Sync + 'static {
    /// The properties of the kind.
    fn kind(&self) -> &Keyspace;

    /// The entity as it is now; `None` if there is none.
    fn load(&self, id: &str) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// Applies a patch and returns the merged entity with its new version; `None` if there is none to patch.
    fn update(
        &self,
        id: &str,
        patch: &Patch,
    ) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// Puts a new entity there; returns false, and changes nothing, if there is one with its id.
    fn insert(&self, _entity: &Document) -> impl Future<Output = Result<bool, StoreError>> + Send {
        async { Err(StoreError::new(ErrorKind::Unavailable, "nothing can be inserted into this source")) }
    }

    /// Removes an entity and returns it as it was; `None` if there is none.
    fn delete(&self, _id: &str) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send {
        async { Err(StoreError::new(ErrorKind::Unavailable, "nothing can be deleted from this source")) }
    }

    /// The ids of up to `most` others that belong with an entity, such as those of its category; empty if the
    /// kind has no such relation.
    fn related(&self, _id: &str, _most: u64) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Announces every change from now on, whichever client makes it, see [`Changes`].
    fn changes(&self) -> impl Future<Output = Result<ChangeFeed, StoreError>> + Send {
        async { Err(StoreError::new(ErrorKind::Unavailable, "this source tells of no changes")) }
    }

    /// Applies many patches, with a result for each, see [`Database::bulk_update`].
    fn update_many(
        &self,
        items: &[BulkItem],
    ) -> impl Future<Output = Result<Vec<Result<bool, StoreError>>, StoreError>> + Send;
}

/// Entities that are the documents of one collection.
#[derive(Debug, Clone)]
pub struct Collection<D> {
    database: D,
    name: Arc<str>,
    kind: Arc<Keyspace>,
}

impl<D: Database> Collection<D> {
    /// The collection `name` of a database.
    #[must_use]
    pub fn new(database: D, name: &str, kind: Keyspace) -> Self {
        Self { database, name: name.into(), kind: Arc::new(kind) }
    }
}

impl<D: Changes> Source for Collection<D> {
    fn kind(&self) -> &Keyspace {
        &self.kind
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.database.find(&self.name, id).await
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        self.database.update(&self.name, id, patch).await
    }

    async fn insert(&self, entity: &Document) -> Result<bool, StoreError> {
        self.database.insert(&self.name, entity).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.database.delete(&self.name, id).await
    }

    async fn related(&self, id: &str, most: u64) -> Result<Vec<String>, StoreError> {
        let Some(document) = self.load(id).await? else { return Ok(Vec::new()) };
        let Some(category) = document.text("category") else { return Ok(Vec::new()) };
        // The page needs one more, because the entity itself is in its category.
        let page = Page { skip: 0, limit: most.saturating_add(1) };
        let found = self.database.find_by_category(&self.name, category, page, &["_id"]).await?;
        let others = found.iter().filter_map(Document::id).filter(|other| *other != id);
        Ok(others.take(most as usize).map(str::to_owned).collect())
    }

    async fn changes(&self) -> Result<ChangeFeed, StoreError> {
        self.database.changes(&self.name).await
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.database.bulk_update(&self.name, items).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_live_of_an_entity_is_found_by_its_cache_key_with_a_tag_or_without() {
        for tags in [0, TAGS] {
            let ttl = TimesToLive::OfEach(TtlTable::new(Arc::new(vec![1_000, 2_000, 3_000]), 3, 1.0, None));
            let kind = Keyspace { key_prefix: "product:".into(), ttl, tags };
            for (id, seconds) in [("0", 1), ("1", 2), ("2", 3)] {
                assert_eq!(kind.ttl_of_key(&kind.key(id)), Some(Duration::from_secs(seconds)), "{tags} tags");
            }
        }
    }
}
