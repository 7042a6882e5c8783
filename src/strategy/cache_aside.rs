//! Cache-aside: the application looks in the cache, and on a miss loads from the database and
//! fills the cache itself. A write goes to the database and then invalidates the cached entry, or
//! updates it.
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find |
//! | read while another loads | GET, and SET NX GET where it came in between | find |
//! | write, `invalidate` | UNLINK | update |
//! | write, `update` | SET NX GET (token), EVALSHA (settle) | update |
//!
//! It promises that no read which begins after a write was acknowledged returns an older document, on one
//! primary and while the cache answers; see [`EntityCache`] for why. Each reader loads for itself, so a
//! stampede on one key causes as many loads as there are readers.

use std::time::Duration;

use super::{
    Circumstances, Claim, EntityCache, Guarantee, LookUp, OnWrite, Promise, Read, ReadOutcome, Strategy,
    StrategyCache, WithCache, WriteError, WriteModel, lifetime,
};
use crate::store::{Cache, Document, Patch, StoreError, Token, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// The settings of cache-aside.
    pub struct Own {
        /// what a write does to the cached entry: `invalidate` removes it, `update` puts the merged document there, never over a newer one (control: `update-unordered` puts it there whatever is newer, so that crossing writers leave the older; control: `update-patch` puts the patch there as if it were the document)
        on_write: OnWrite = OnWrite::Invalidate,
    }
}

/// All settings of cache-aside.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> CacheAside<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        CacheAside { cache, source, on_write: self.own.on_write }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        self.caching.guarantee(circumstances)
    }

    fn writes(&self) -> Option<WriteModel> {
        self.own.on_write.effect().map(|effect| self.caching.writes(effect))
    }

    fn control(&self) -> Option<&'static str> {
        self.own.on_write.control().or(self.caching.control())
    }
}

/// Reads from the cache, and on a miss loads and fills. Each reader does so for itself.
///
/// # Errors
/// Returns errors of the source, and of the cache unless it is bypassed.
pub(super) async fn read<C: Cache, S: Source>(
    cache: &EntityCache<C>,
    source: &S,
    id: &str,
) -> Result<Read, StoreError> {
    let key = cache.key(id);
    let mut looked_up = cache.look_up(&key).await?;
    let mut token = None;
    if looked_up == LookUp::Miss {
        match cache.claim(&key).await? {
            Claim::Mine(mine) => token = Some(mine),
            Claim::Found(meanwhile) => looked_up = meanwhile,
        }
    }
    if let Some(read) = Read::cached(&looked_up) {
        return Ok(read);
    }
    let loaded = match token {
        Some(token) => load_and_fill(cache, source, id, token).await,
        None => source.load(id).await,
    };
    let bypassed = looked_up == LookUp::Bypassed;
    Ok(Read::loaded(if bypassed { ReadOutcome::Bypassed } else { ReadOutcome::Miss }, loaded?))
}

/// Loads under a token and fills the cache.
///
/// # Errors
/// Returns errors of the source; the token is removed then.
pub(super) async fn load_and_fill<C: Cache, S: Source>(
    cache: &EntityCache<C>,
    source: &S,
    id: &str,
    token: Token,
) -> Result<Option<Document>, StoreError> {
    let key = cache.key(id);
    let loaded = source.load(id).await;
    match &loaded {
        Ok(loaded) => cache.fill(&key, token, loaded.as_ref()).await,
        Err(_) => cache.release(&key).await,
    }
    loaded
}

/// The strategy cache-aside in one instance, see the module.
pub struct CacheAside<C, S> {
    cache: EntityCache<C>,
    source: S,
    on_write: OnWrite,
}

impl<C: StrategyCache, S: Source> Strategy for CacheAside<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        read(&self.cache, &self.source, id).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        self.on_write.write(&self.cache, &self.source, id, patch).await
    }

    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        lifetime::insert(&self.cache, &self.source, entity).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        lifetime::delete(&self.cache, &self.source, id).await
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        self.cache.invalidate(&self.cache.key(id)).await
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.cache.drain(bound).await
    }
}
