//! Where the truth of one kind of entity lives. A strategy knows a source, never a database.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;

use crate::store::{BulkItem, ChangeStream, Changes, Database, Document, ErrorKind, Page, Patch, StoreError};

/// What is said once of a kind of entity: how its keys begin and how long the cache may keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// What stands before the id in a cache key: `product:`.
    pub key_prefix: String,
    /// The time to live of a cached entity; `None`: until it is evicted or invalidated.
    pub ttl: Option<Duration>,
}

impl Kind {
    /// The cache key of an entity.
    #[must_use]
    pub fn key(&self, id: &str) -> CompactString {
        let mut key = CompactString::with_capacity(self.key_prefix.len() + id.len());
        key.push_str(&self.key_prefix);
        key.push_str(id);
        key
    }
}

/// Loads and updates one kind of entity. Promises are those of [`Database`].
pub trait Source: Clone + Send + Sync + 'static {
    /// What is said of the kind.
    fn kind(&self) -> &Kind;

    /// The entity as it is now; `None` where there is none.
    fn load(&self, id: &str) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// Applies a patch and returns the merged entity with its new version; `None` where there is
    /// none to patch.
    fn update(
        &self,
        id: &str,
        patch: &Patch,
    ) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// The ids of up to `most` others that belong with an entity, as those of its category do; none where
    /// the kind knows no such thing.
    fn related(&self, _id: &str, _most: u64) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What changes from now on, whoever changes it, see [`Changes`].
    fn changes(&self) -> impl Future<Output = Result<ChangeStream, StoreError>> + Send {
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
    kind: Arc<Kind>,
}

impl<D: Database> Collection<D> {
    /// The collection `name` of a database.
    #[must_use]
    pub fn new(database: D, name: &str, kind: Kind) -> Self {
        Self { database, name: name.into(), kind: Arc::new(kind) }
    }
}

impl<D: Changes> Source for Collection<D> {
    fn kind(&self) -> &Kind {
        &self.kind
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.database.find(&self.name, id).await
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        self.database.update(&self.name, id, patch).await
    }

    async fn related(&self, id: &str, most: u64) -> Result<Vec<String>, StoreError> {
        let Some(document) = self.load(id).await? else { return Ok(Vec::new()) };
        let Some(category) = document.text("category") else { return Ok(Vec::new()) };
        // One more, as it is among them itself.
        let page = Page { skip: 0, limit: most.saturating_add(1) };
        let found = self.database.find_by_category(&self.name, category, page, &["_id"]).await?;
        let others = found.iter().filter_map(Document::id).filter(|other| *other != id);
        Ok(others.take(most as usize).map(str::to_owned).collect())
    }

    async fn changes(&self) -> Result<ChangeStream, StoreError> {
        self.database.changes(&self.name).await
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.database.bulk_update(&self.name, items).await
    }
}
