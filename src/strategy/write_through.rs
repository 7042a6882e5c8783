//! Write-through: a write goes to the database and then into the cache, so that written documents can be read
//! from there. A miss asks the database and fills nothing: only writes decide what is cached.
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET | find |
//! | write | SET NX GET (token), EVALSHA (settle) | update |
//!
//! It promises that no read which begins after a write was acknowledged returns an older document: a
//! write's document goes in under the token that it placed before it asked the database, or over an
//! older document, and never over a newer one.

use std::time::Duration;

use super::{
    Circumstances, Claim, EntityCache, Guarantee, LookUp, OnWrite, Promise, Read, ReadOutcome, Strategy,
    StrategyCache, WithCache, WriteError, cache_aside, lifetime,
};
use crate::store::{Document, Patch, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// It has none of its own.
    pub struct Own {}
}

/// All settings of write-through.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> WriteThrough<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        WriteThrough { cache, source }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        self.caching.guarantee(circumstances)
    }

    fn batches(&self) -> &'static str {
        "one MGET (on a cluster one a slot); what is missing is loaded by one find with $in"
    }
}

/// The strategy write-through in one instance, see the module.
pub struct WriteThrough<C, S> {
    cache: EntityCache<C>,
    source: S,
}

impl<C: StrategyCache, S: Source> Strategy for WriteThrough<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let looked_up = self.cache.look_up(&self.cache.key(id)).await?;
        if let Some(read) = Read::cached(&looked_up) {
            return Ok(read);
        }
        let bypassed = looked_up == LookUp::Bypassed;
        let outcome = if bypassed { ReadOutcome::Bypassed } else { ReadOutcome::Miss };
        Ok(Read::loaded(outcome, self.source.load(id).await?))
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        OnWrite::Update.write(&self.cache, &self.source, id, patch).await
    }

    /// The entity is put into the cache at once, as on a write: a miss fills nothing.
    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        let inserted = lifetime::insert(&self.cache, &self.source, entity).await?;
        let id = entity.id().unwrap_or_default();
        if inserted.is_some()
            && let Ok(Claim::Mine(token)) = self.cache.claim(&self.cache.key(id)).await
        {
            // It is loaded again, since it may have been changed or deleted since then.
            let _ = cache_aside::load_and_fill(&self.cache, &self.source, id, token).await;
        }
        Ok(inserted)
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
