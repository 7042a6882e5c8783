//! The write side of every strategy that writes to the database first: the treatment of the cached entry
//! after the commit.

use mongodb::bson::raw::cstr;
use mongodb::bson::rawdoc;

use super::{Claim, EntityCache, WriteEffect, WriteError};
use crate::store::{Cache, Document, Patch, StoreError, Token, Version};
use crate::strategy::source::Source;

crate::choices! {
    /// The effects that a write may have on the cached entry.
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
    /// The flaw of this setting if it makes the strategy a control.
    #[must_use]
    pub fn control(self) -> Option<&'static str> {
        match self {
            Self::Invalidate | Self::Update => None,
            Self::UpdateUnordered => Some("crossing writers may leave the older document in the cache"),
            Self::UpdatePatch => Some("caches the patch as if it were the document"),
        }
    }

    /// The effect on the cached entry; `None` for controls.
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
    /// Returns errors of the database, after which the entry is removed if the write may have happened, and
    /// errors of the cache, with the write committed.
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

/// The controls: writes to the database, then makes a plain SET of the document that `cached` makes of the
/// merged one.
///
/// # Errors
/// Returns the same errors as [`write_and_invalidate`].
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

/// The document that slide 2 of the guide caches: the id, the fields of the patch, and here the version.
fn patch_alone(id: &str, patch: &Patch, written: &Document) -> Document {
    let mut alone = rawdoc! { "_id": id };
    for (name, value) in patch.raw().iter().flatten() {
        alone.append(name, value);
    }
    alone.append(cstr!("_v"), i64::try_from(written.version()).unwrap_or(i64::MAX));
    Document::from_raw(alone)
}

/// Writes to the database, then removes the cached entry.
///
/// # Errors
/// Returns errors of the database, after which the entry is removed too if the write may have happened, and
/// errors of the cache, with the write committed.
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

/// Writes to the database, then puts the merged document into the cache. A token claims the key before the
/// database is asked, so that the document may be put under an empty key.
///
/// # Errors
/// Returns the same errors as [`write_and_invalidate`].
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

/// Cleans up after a failed write: one that may have happened removes the entry, which it could have made
/// old, and one that was refused removes its token.
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
