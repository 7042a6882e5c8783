//! Entities on which others depend: a change to one makes its dependents load from the database again.
//!
//! This is done in the source and not in a strategy, so that it holds for every strategy alike. A write that
//! goes to the database returns after its dependents were invalidated, and the caller that acknowledges it
//! can check whether they were. A write that is written behind is also taken off the log only after that: its
//! dependents lag behind it by its flush. If they could not be invalidated, the flush ends all the same; they
//! lag until the invalidation is made up for or, if the instance dies before that, until their own time to
//! live ends.

use std::future::Future;

use super::{Keyspace, Source};
use crate::store::{BulkItem, ChangeFeed, Document, Patch, StoreError};

/// Invalidates the entries that depend on entities.
pub trait Dependents: Clone + Send + Sync + 'static {
    /// Called after the database may have changed these entities. Once this has returned, a read that begins
    /// later must not be shown anything that was made before the change. The implementation keeps an
    /// invalidation that it cannot deliver now and tries it again; the caller that acknowledges the write
    /// checks with it.
    fn changed(&self, ids: &[&str]) -> impl Future<Output = ()> + Send;
}

/// A source that invalidates the dependents of its entities after each change.
#[derive(Debug, Clone)]
pub struct WithDependents<S, N> {
    source: S,
    dependents: N,
}

impl<S: Source, N: Dependents> WithDependents<S, N> {
    /// Wraps a source so that its changes reach `dependents`.
    #[must_use]
    pub fn new(source: S, dependents: N) -> Self {
        Self { source, dependents }
    }
}

impl<S: Source, N: Dependents> Source for WithDependents<S, N> {
    fn kind(&self) -> &Keyspace {
        self.source.kind()
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.source.load(id).await
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        let updated = self.source.update(id, patch).await;
        // An update that timed out may have been committed all the same.
        if !matches!(updated, Ok(None)) {
            self.dependents.changed(&[id]).await;
        }
        updated
    }

    async fn insert(&self, entity: &Document) -> Result<bool, StoreError> {
        let inserted = self.source.insert(entity).await;
        if !matches!(inserted, Ok(false)) {
            self.dependents.changed(&[entity.id().unwrap_or_default()]).await;
        }
        inserted
    }

    async fn delete(&self, id: &str) -> Result<Option<Document>, StoreError> {
        let deleted = self.source.delete(id).await;
        if !matches!(deleted, Ok(None)) {
            self.dependents.changed(&[id]).await;
        }
        deleted
    }

    async fn related(&self, id: &str, most: u64) -> Result<Vec<String>, StoreError> {
        self.source.related(id, most).await
    }

    async fn changes(&self) -> Result<ChangeFeed, StoreError> {
        self.source.changes().await
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        let updated = self.source.update_many(items).await;
        let has_failed = |number: usize| {
            let result = updated.as_ref().ok().and_then(|results| results.get(number));
            result.is_some_and(|one| one.as_ref().is_err_and(|error| !error.kind.is_indeterminate()))
        };
        // An item may be left out because an instance committed it and crashed before it invalidated the
        // dependents.
        let changed = items.iter().enumerate().filter(|(number, _)| !has_failed(*number));
        let changed: Vec<&str> = changed.map(|(_, item)| item.id.as_str()).collect();
        self.dependents.changed(&changed).await;
        updated
    }
}
