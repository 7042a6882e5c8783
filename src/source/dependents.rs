//! Entities on which others depend: whoever changes one makes its dependents ask the database again.
//!
//! This stands in the source and not in a strategy, so that it holds for every strategy alike. A write that goes to the
//! database returns after its dependents were invalidated, and whoever acknowledges it can ask whether they are. One that
//! is written behind is taken off the log after that too: its dependents lag behind it by its flush. Where they could not be
//! invalidated, its flush ends all the same; they lag until that was made up for, and where the instance dies before,
//! until their own time to live ends.

use std::future::Future;

use super::{Kind, Source};
use crate::store::{BulkItem, ChangeStream, Document, Patch, StoreError};

/// What depends on entities.
pub trait Dependents: Clone + Send + Sync + 'static {
    /// The database has changes of these entities: nothing that was made before may be shown to a read that begins after
    /// this has returned. What cannot be delivered now is kept and tried again by the implementation, which is asked
    /// about it by whoever acknowledges the write.
    fn changed(&self, ids: &[&str]) -> impl Future<Output = ()> + Send;
}

/// A source with what depends on its entities.
#[derive(Debug, Clone)]
pub struct WithDependents<S, N> {
    source: S,
    dependents: N,
}

impl<S: Source, N: Dependents> WithDependents<S, N> {
    /// A source, and what depends on its entities.
    #[must_use]
    pub fn new(source: S, dependents: N) -> Self {
        Self { source, dependents }
    }
}

impl<S: Source, N: Dependents> Source for WithDependents<S, N> {
    fn kind(&self) -> &Kind {
        self.source.kind()
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.source.load(id).await
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        let updated = self.source.update(id, patch).await;
        // Of an update that timed out nobody knows: it may have been committed.
        if !matches!(updated, Ok(None)) {
            self.dependents.changed(&[id]).await;
        }
        updated
    }

    async fn related(&self, id: &str, most: u64) -> Result<Vec<String>, StoreError> {
        self.source.related(id, most).await
    }

    async fn changes(&self) -> Result<ChangeStream, StoreError> {
        self.source.changes().await
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        let updated = self.source.update_many(items).await;
        let has_failed = |number: usize| {
            let result = updated.as_ref().ok().and_then(|results| results.get(number));
            result.is_some_and(|one| one.as_ref().is_err_and(|error| !error.kind.is_indeterminate()))
        };
        // What was left out, as it was there before, may be of somebody who crashed between that and this.
        let changed = items.iter().enumerate().filter(|(number, _)| !has_failed(*number));
        let changed: Vec<&str> = changed.map(|(_, item)| item.id.as_str()).collect();
        self.dependents.changed(&changed).await;
        updated
    }
}
