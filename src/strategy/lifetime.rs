//! Inserting and deleting an entity, as every strategy does it: the source has the change first, and then the cache
//! forgets what it knew, before the change is acknowledged. What it knew may be that there is no such entity, so that an
//! insert has to clear the cache no less than a delete.

use super::{EntityCache, WriteError};
use crate::store::{Cache, Document, StoreError, Version};
use crate::strategy::source::Source;

/// Inserts an entity and returns its version; `None` if there is one with its id, which stays.
///
/// # Errors
/// Returns errors of the source, after which the cache is cleared too, since it may have happened; and errors of the
/// cache, with the entity inserted.
pub async fn insert<C: Cache, S: Source>(
    cache: &EntityCache<C>,
    source: &S,
    entity: &Document,
) -> Result<Option<Version>, WriteError> {
    let id = entity.id().unwrap_or_default();
    let inserted = source.insert(entity).await;
    let cleared = cache.invalidate(&cache.key(id)).await;
    acknowledge(inserted.map(|is_new| is_new.then(|| entity.version())), cleared)
}

/// Deletes an entity and returns the last version that it had; `None` if there was none.
///
/// # Errors
/// Returns errors as [`insert`] does.
pub async fn delete<C: Cache, S: Source>(
    cache: &EntityCache<C>,
    source: &S,
    id: &str,
) -> Result<Option<Version>, WriteError> {
    let deleted = source.delete(id).await;
    let cleared = cache.invalidate(&cache.key(id)).await;
    acknowledge(deleted.map(|deleted| deleted.as_ref().map(Document::version)), cleared)
}

/// What becomes of a change that the source has answered, and after which the cache was told to forget.
///
/// # Errors
/// Returns the error of the source, or else that of the cache with the change committed.
pub fn acknowledge(
    changed: Result<Option<Version>, StoreError>,
    cleared: Result<(), StoreError>,
) -> Result<Option<Version>, WriteError> {
    let version = changed?;
    cleared.map_err(|error| WriteError::after_commit(error, version))?;
    Ok(version)
}
