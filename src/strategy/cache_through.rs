//! Cache-through: the application talks to the cache layer alone, and the layer owns the loader.
//! It loads a missing key once at a time, however many ask for it, and puts every write through to
//! the database and then into the cache.
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
//! on one primary and while the cache answers; see [`EntityCache`] and [`SingleFlight`] for why.

use std::time::Duration;

use super::flight::SingleFlight;
use super::{
    Circumstances, Claim, EntityCache, Guarantee, LookUp, OnWrite, Promise, Read, ReadOutcome, Strategy,
    WithCache, WriteError,
};
use crate::source::Source;
use crate::store::{Cache, Patch, StoreError, Token, Version};

crate::settings! {
    /// The settings of cache-through.
    pub struct Own {
        /// what a write does to the cached entry: `update` puts the merged document there, never over a newer one, `invalidate` removes it
        on_write: OnWrite = OnWrite::Update,
    }
}

/// All settings of cache-through.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: Cache, S: Source>(&self, cache: C, source: S) -> CacheThrough<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        CacheThrough { cache, source, flights: SingleFlight::default(), on_write: self.own.on_write }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances<'_>) -> Guarantee {
        self.caching.guarantee(circumstances)
    }
}

/// See the module.
pub struct CacheThrough<C, S> {
    cache: EntityCache<C>,
    source: S,
    flights: SingleFlight,
    on_write: OnWrite,
}

impl<C: Cache, S: Source> CacheThrough<C, S> {
    /// Loads and fills; several readers of one token share the load.
    async fn load_and_fill(&self, id: &str, key: &str, token: Token) -> Result<Read, StoreError> {
        let load = || async {
            let loaded = self.source.load(id).await;
            match &loaded {
                Ok(loaded) => self.cache.fill(key, token, loaded.as_ref()).await,
                Err(_) => self.cache.release(key).await,
            }
            loaded
        };
        Ok(Read::loaded(ReadOutcome::Miss, self.flights.join(token, load).await?))
    }
}

impl<C: Cache, S: Source> Strategy for CacheThrough<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let key = self.cache.key(id);
        let mut looked_up = self.cache.look_up(&key).await?;
        if looked_up == LookUp::Miss {
            match self.cache.claim(&key).await? {
                Claim::Mine(token) => return self.load_and_fill(id, &key, token).await,
                Claim::Found(meanwhile) => looked_up = meanwhile,
            }
        }
        if let Some(read) = Read::cached(&looked_up) {
            return Ok(read);
        }
        match looked_up {
            // Another instance's token: its fill is as good as this one's, and only one goes in.
            LookUp::Loading(token) => self.load_and_fill(id, &key, token).await,
            _ => Ok(Read::loaded(ReadOutcome::Bypassed, self.source.load(id).await?)),
        }
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        self.on_write.write(&self.cache, &self.source, id, patch).await
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        self.cache.invalidate(&self.cache.key(id)).await
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.cache.drain(bound).await
    }
}
