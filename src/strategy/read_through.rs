//! Read-through: the cache layer loads missing entries, with one load of a key at a time. A write goes to the
//! database past the layer and then invalidates the entry, so that the next read loads it.
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | write | UNLINK | update |
//!
//! It makes the same promise as cache-through: no read that begins after a write was acknowledged returns an
//! older document. The write removes entry and token alike, so that no load that may have seen the old
//! document can fill it in, or be joined, afterwards.

use std::time::Duration;

use super::flight::Flight;
use super::loader::Loader;
use super::{
    Circumstances, EntityCache, Guarantee, OnWrite, Promise, Read, Strategy, StrategyCache, WithCache,
    WriteEffect, WriteError, WriteModel, lifetime,
};
use crate::store::{Document, Patch, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// The settings of read-through.
    pub struct Own {
        /// which readers share a load: `token`, those who have seen its fill token, which a write removes (control: `key`, whoever asks for the key, also after a write was acknowledged)
        flight: Flight = Flight::Token,
    }
}

/// All settings of read-through.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> ReadThrough<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        ReadThrough(Loader::new(cache, source, self.own.flight))
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        self.caching.guarantee(circumstances)
    }

    fn writes(&self) -> Option<WriteModel> {
        Some(self.caching.writes(WriteEffect::Removes))
    }

    fn control(&self) -> Option<&'static str> {
        self.own.flight.control().or(self.caching.control())
    }
}

/// The strategy read-through in one instance, see the module.
pub struct ReadThrough<C, S>(Loader<C, S>);

impl<C: StrategyCache, S: Source> Strategy for ReadThrough<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        self.0.read(id).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        OnWrite::Invalidate.write(&self.0.cache, &self.0.source, id, patch).await
    }

    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        lifetime::insert(&self.0.cache, &self.0.source, entity).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        lifetime::delete(&self.0.cache, &self.0.source, id).await
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        self.0.cache.invalidate(&self.0.cache.key(id)).await
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.0.cache.drain(bound).await
    }
}
