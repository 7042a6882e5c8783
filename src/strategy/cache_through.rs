//! Cache-through: the application talks only to the cache layer, and the layer owns the loader. It has one
//! load of a missing key at a time, however many readers ask for it, and puts every write through to the
//! database and then into the cache.
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | read while another loads | GET, and SET NX GET where it came in between | joins this instance's find |
//! | write, `update` | SET NX GET (token), EVALSHA (settle) | update |
//! | write, `invalidate` | UNLINK | update |
//!
//! It promises that no read which begins after a write was acknowledged returns an older document,
//! on one primary and while the cache answers; see [`EntityCache`] and [`Flight`] for why.

use std::time::Duration;

use super::flight::Flight;
use super::loader::Loader;
use super::{
    Circumstances, EntityCache, Guarantee, OnWrite, Promise, Read, Strategy, StrategyCache, WithCache,
    WriteError, WriteModel, lifetime,
};
use crate::store::{Document, Patch, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// The settings of cache-through.
    pub struct Own {
        /// what a write does to the cached entry: `update` puts the merged document there, never over a newer one, `invalidate` removes it (control: `update-unordered` puts it there whatever is newer, so that crossing writers leave the older; control: `update-patch` puts the patch there as if it were the document)
        on_write: OnWrite = OnWrite::Update,
        /// which readers share a load: `token`, those who have seen its fill token, which a write removes (control: `key`, whoever asks for the key, also after a write was acknowledged)
        flight: Flight = Flight::Token,
    }
}

/// All settings of cache-through.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> CacheThrough<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        CacheThrough { loader: Loader::new(cache, source, self.own.flight), on_write: self.own.on_write }
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
        self.own.on_write.control().or(self.own.flight.control()).or(self.caching.control())
    }
}

/// The strategy cache-through in one instance, see the module.
pub struct CacheThrough<C, S> {
    loader: Loader<C, S>,
    on_write: OnWrite,
}

impl<C: StrategyCache, S: Source> Strategy for CacheThrough<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        self.loader.read(id).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        self.on_write.write(&self.loader.cache, &self.loader.source, id, patch).await
    }

    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        lifetime::insert(&self.loader.cache, &self.loader.source, entity).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        lifetime::delete(&self.loader.cache, &self.loader.source, id).await
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        self.loader.cache.invalidate(&self.loader.cache.key(id)).await
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.loader.cache.drain(bound).await
    }
}
