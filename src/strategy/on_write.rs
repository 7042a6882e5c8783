//! The write side of every strategy that writes to the database first: what then becomes of the
//! cached entry.

use mongodb::bson::raw::cstr;
use mongodb::bson::rawdoc;

use super::{Claim, EntityCache, WriteEffect, WriteError};
use crate::source::Source;
use crate::store::{Cache, Document, Patch, StoreError, Token, Version};

crate::choices! {
    /// What a write does to the cached entry.
    pub enum OnWrite {
        /// It removes it; the next read loads it.
        Invalidate = "invalidate",
        /// It puts the merged document there, never over a newer one.
        Update = "update",
        /// It puts the merged document there, whatever is there: a control.
        UpdateUnordered = "update-unordered",
        /// It puts the patch there as if it were the document: a control.
        UpdatePatch = "update-patch",
    }
}

impl OnWrite {
    /// What is naive about it, where something is.
    #[must_use]
    pub fn control(self) -> Option<&'static str> {
        match self {
            Self::Invalidate | Self::Update => None,
            Self::UpdateUnordered => Some("crossing writers may leave the older document in the cache"),
            Self::UpdatePatch => Some("caches the patch as if it were the document"),
        }
    }

    /// What it does to the cached entry, where it is sound.
    #[must_use]
    pub fn effect(self) -> Option<WriteEffect> {
        match self {
            Self::Invalidate => Some(WriteEffect::Removes),
            Self::Update => Some(WriteEffect::Puts),
            Self::UpdateUnordered | Self::UpdatePatch => None,
        }
    }

    /// Writes to the source and then clears or updates the cached entry, before it is acknowledged.
    ///
    /// # Errors
    /// Those of the database, after which the entry is removed where the write may have happened;
    /// and those of the cache, with the write committed.
    pub async fn write<C: Cache, S: Source>(
        self,
        cache: &EntityCache<C>,
        source: &S,
        id: &str,
        patch: &Patch,
    ) -> Result<Option<Version>, WriteError> {
        match self {
            Self::Invalidate => write_and_invalidate(cache, source, id, patch).await,
            Self::Update => write_and_update(cache, source, id, patch).await,
            Self::UpdateUnordered => write_and_put(cache, source, id, patch, |written| written).await,
            Self::UpdatePatch => {
                write_and_put(cache, source, id, patch, |written| patch_alone(id, patch, &written)).await
            }
        }
    }
}

/// The controls: a write to the database, then a plain SET of what `cached` makes of the merged document.
///
/// # Errors
/// As for [`write_and_invalidate`].
async fn write_and_put<C: Cache, S: Source>(
    cache: &EntityCache<C>,
    source: &S,
    id: &str,
    patch: &Patch,
    cached: impl FnOnce(Document) -> Document,
) -> Result<Option<Version>, WriteError> {
    let key = cache.key(id);
    match source.update(id, patch).await {
        Ok(Some(written)) => {
            let version = Some(written.version());
            let put = cache.put(&key, cached(written)).await;
            put.map_err(|error| WriteError::after_commit(error, version))?;
            Ok(version)
        }
        Ok(None) => {
            cache.invalidate(&key).await?;
            Ok(None)
        }
        Err(error) => Err(give_up(cache, &key, None, error).await.into()),
    }
}

/// What slide 2 of the guide caches: the id, the fields of the patch, and here the version.
fn patch_alone(id: &str, patch: &Patch, written: &Document) -> Document {
    let mut alone = rawdoc! { "_id": id };
    for (name, value) in patch.raw().iter().flatten() {
        alone.append(name, value);
    }
    alone.append(cstr!("_v"), i64::try_from(written.version()).unwrap_or(i64::MAX));
    Document::from_raw(alone)
}

/// A write to the database, then the removal of the cached entry.
///
/// # Errors
/// Those of the database, after which the entry is removed too, as the write may have happened; and
/// those of the cache, with the write committed.
async fn write_and_invalidate<C: Cache, S: Source>(
    cache: &EntityCache<C>,
    source: &S,
    id: &str,
    patch: &Patch,
) -> Result<Option<Version>, WriteError> {
    let key = cache.key(id);
    match source.update(id, patch).await {
        Ok(written) => {
            let version = written.as_ref().map(Document::version);
            let cleared = cache.invalidate(&key).await;
            cleared.map_err(|error| WriteError::after_commit(error, version))?;
            Ok(version)
        }
        Err(error) => Err(give_up(cache, &key, None, error).await.into()),
    }
}

/// A write to the database, then the merged document into the cache. A token claims the key before
/// the database is asked, so that the document may be put where nothing was.
///
/// # Errors
/// As for [`write_and_invalidate`].
async fn write_and_update<C: Cache, S: Source>(
    cache: &EntityCache<C>,
    source: &S,
    id: &str,
    patch: &Patch,
) -> Result<Option<Version>, WriteError> {
    let key = cache.key(id);
    let token: Option<Token> = match cache.claim(&key).await? {
        Claim::Mine(token) => Some(token),
        Claim::Found(_) => None,
    };
    match source.update(id, patch).await {
        Ok(Some(written)) => {
            let version = Some(written.version());
            let settled = cache.settle(&key, token, &written).await;
            settled.map_err(|error| WriteError::after_commit(error, version))?;
            Ok(version)
        }
        Ok(None) => {
            cache.invalidate(&key).await?;
            Ok(None)
        }
        Err(error) => Err(give_up(cache, &key, token, error).await.into()),
    }
}

/// A write that may or may not have happened leaves nothing in the cache that it could make old; one that
/// was refused leaves no token.
async fn give_up<C: Cache>(
    cache: &EntityCache<C>,
    key: &str,
    token: Option<Token>,
    error: StoreError,
) -> StoreError {
    if error.kind.is_indeterminate() {
        let _ = cache.invalidate(key).await;
    } else if token.is_some() {
        cache.release(key).await;
    }
    error
}
