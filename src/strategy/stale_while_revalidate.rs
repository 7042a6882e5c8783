//! Stale-while-revalidate: an entry has a soft and a hard time to live. Until the soft one ends it is fresh;
//! after it, readers still get it at once and the first of them starts a reload; after the hard one it is
//! gone (the HTTP cache control of that name, RFC 5861).
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, fresh | GET | – |
//! | read, stale | GET; then, off the reader's path, EVALSHA (replace) | find, off the reader's path |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | write, `none` | – | update |
//! | write, `invalidate` or `update` | as cache-aside | update |
//!
//! If writes leave the cache alone, it promises that an answer lacks an acknowledged write for no longer than
//! the hard time to live and one load. If writes invalidate or update, it promises no stale read: then
//! *stale* only means old by the clock, and a refresh gives way to a write, see [`refresh`](super::refresh).
//!
//! Without writes its hit rate is predicted as that of refreshing ahead from the soft time to live on. No
//! model covers both refreshes and writes.

use std::sync::Arc;
use std::time::Duration;

use super::flight::Flight;
use super::loader::Loader;
use super::refresh::Refresher;
use super::{
    Circumstances, EntityCache, Guarantee, LookUp, OnWrite, Promise, Read, RefreshAge, Refreshes, Strategy,
    StrategyCache, WithCache, WriteError, lifetime,
};
use crate::base::clock;
use crate::scenario::Positive;
use crate::store::{Document, Patch, Stamp, StoreError, Version};
use crate::strategy::source::{Source, TimesToLive};

crate::choices! {
    /// The effects that a write may have on the cached entry.
    pub enum OnWriteHere {
        /// Nothing: it is served until it is revalidated.
        None = "none",
        /// It removes it.
        Invalidate = "invalidate",
        /// It puts the merged document there, never over a newer one.
        Update = "update",
    }
}

impl OnWriteHere {
    fn cached(self) -> Option<OnWrite> {
        match self {
            Self::None => None,
            Self::Invalidate => Some(OnWrite::Invalidate),
            Self::Update => Some(OnWrite::Update),
        }
    }
}

crate::settings! {
    /// The settings of stale-while-revalidate.
    pub struct Own {
        /// the soft time to live: how long an entry is fresh; the hard one is `cache.ttl`, without which nothing is revalidated
        fresh_for: Positive = Positive::seconds(60),
        /// what a write does to the cached entry: `none` leaves it to be revalidated, `invalidate` removes it, `update` puts the merged document there, never over a newer one
        on_write: OnWriteHere = OnWriteHere::None,
    }
}

/// All settings of stale-while-revalidate.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> StaleWhileRevalidate<C, S> {
        let (hard, fresh_for) = (source.kind().ttl.clone(), self.own.fresh_for.0);
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        let loader = Arc::new(Loader::new(cache, source, Flight::Token));
        let refresher = Refresher::new(Arc::clone(&loader));
        StaleWhileRevalidate { loader, refresher, hard, fresh_for, on_write: self.own.on_write.cached() }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        match self.own.on_write {
            OnWriteHere::None => {
                Guarantee::stale_within(circumstances.ttl.map(|ttl| ttl + circumstances.longest_load))
            }
            OnWriteHere::Invalidate | OnWriteHere::Update => self.caching.guarantee(circumstances),
        }
    }

    fn control(&self) -> Option<&'static str> {
        self.caching.control()
    }

    fn refreshes(&self) -> Option<Refreshes> {
        let is_at_one_age = self.caching.ttl_jitter.get() == 0.0;
        let from = RefreshAge::After(self.own.fresh_for.0);
        is_at_one_age.then_some(Refreshes { from, alone_for: Duration::MAX })
    }

    fn batches(&self) -> &'static str {
        "as cache-through; each stale key is refreshed by itself, off the reader's path"
    }
}

/// The strategy stale-while-revalidate in one instance, see the module.
pub struct StaleWhileRevalidate<C, S> {
    loader: Arc<Loader<C, S>>,
    refresher: Refresher<C, S>,
    /// The hard times to live.
    hard: TimesToLive,
    /// The soft one.
    fresh_for: Duration,
    on_write: Option<OnWrite>,
}

impl<C: StrategyCache, S: Source> StaleWhileRevalidate<C, S> {
    /// Returns true if the entry is so near its end that it is stale.
    fn is_stale(&self, id: &str, stamp: Stamp) -> bool {
        let Some(hard) = self.hard.of(id) else { return false };
        let stale_for = hard.saturating_sub(self.fresh_for);
        let stale_ms = u64::try_from(stale_for.as_millis()).unwrap_or(u64::MAX);
        stamp.expires_ms > 0 && clock::unix_millis().saturating_add(stale_ms) >= stamp.expires_ms
    }
}

impl<C: StrategyCache, S: Source> Strategy for StaleWhileRevalidate<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let looked_up = self.loader.look_up(id).await?;
        if let LookUp::Hit(version, _, stamp) = &looked_up
            && self.is_stale(id, *stamp)
        {
            self.refresher.refresh(id, *version);
        }
        self.loader.read_from(id, looked_up).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        match self.on_write {
            Some(on_write) => on_write.write(&self.loader.cache, &self.loader.source, id, patch).await,
            None => Ok(self.loader.source.update(id, patch).await?.as_ref().map(Document::version)),
        }
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
