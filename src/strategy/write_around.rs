//! Write-around: a write goes to the database and leaves the cache alone; a cached entry is served until its
//! time to live ends. It suits data that is written often and read seldom, or that may be old.
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find |
//! | write | – | update |
//!
//! It promises that an answer lacks an acknowledged write for no longer than the time to live and one load: a
//! document that was loaded before the write may be filled after it, and its time to live begins then.
//! Without a time to live it stays old until it is evicted.

use std::time::Duration;

use super::{
    Circumstances, EntityCache, Guarantee, Promise, Read, Strategy, StrategyCache, WithCache, WriteEffect,
    WriteError, WriteModel, cache_aside, lifetime,
};
use crate::store::{Document, Patch, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// It has none of its own.
    pub struct Own {}
}

/// All settings of write-around.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> WriteAround<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        WriteAround { cache, source }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        Guarantee::stale_within(circumstances.ttl.map(|ttl| ttl + circumstances.longest_load))
    }

    fn writes(&self) -> Option<WriteModel> {
        Some(self.caching.writes(WriteEffect::None))
    }

    fn control(&self) -> Option<&'static str> {
        self.caching.control()
    }
}

/// The strategy write-around in one instance, see the module.
pub struct WriteAround<C, S> {
    cache: EntityCache<C>,
    source: S,
}

impl<C: StrategyCache, S: Source> Strategy for WriteAround<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        cache_aside::read(&self.cache, &self.source, id).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        Ok(self.source.update(id, patch).await?.as_ref().map(Document::version))
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
