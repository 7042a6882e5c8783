//! Inserts and deletes, neither of which is held back.

use super::Behind;
use crate::base::lives::{before_life, end_of_life};
use crate::store::{Document, StoreError, Version, WriteLog};
use crate::strategy::source::Source;
use crate::strategy::{WriteError, lifetime};

impl<C: WriteLog, S: Source> Behind<C, S> {
    /// See [`crate::strategy::Strategy::insert`]. The database has it first, so that nothing is dirty that is not there. Whatever the
    /// cache has of earlier lives goes, dirty or not: who deleted the last one may not have come to it yet.
    pub async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        let (id, version) = (entity.id().unwrap_or_default(), entity.version());
        let inserted = self.source.insert(entity).await.map(|is_new| is_new.then_some(version));
        let is_new = matches!(inserted, Ok(Some(_)));
        let cleared = self.forget(id, is_new.then(|| before_life(version))).await;
        lifetime::acknowledge(inserted, cleared)
    }

    /// See [`crate::strategy::Strategy::delete`]. The database has it first: what is flushed of the entity after that changes
    /// nothing, since a flush inserts nothing. What the cache has of it goes even where it is dirty.
    pub async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        let deleted = self.source.delete(id).await.map(|deleted| deleted.as_ref().map(Document::version));
        let ended = deleted.as_ref().ok().copied().flatten().map(end_of_life);
        let cleared = self.forget(id, ended).await;
        lifetime::acknowledge(deleted, cleared)
    }

    /// Makes the cache forget what it has of lives up to one that has ended, even where it is dirty, and nothing of later
    /// ones; where no such end is known, whatever the database may have.
    async fn forget(&self, id: &str, ended: Option<Version>) -> Result<(), StoreError> {
        match ended {
            Some(ended) => self.cache.remove_deleted(&self.kind().key(id), ended).await.map(drop),
            None => self.invalidate(id).await,
        }
    }
}
