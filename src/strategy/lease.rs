//! Lease: one of the clients that miss a key, in whichever instance, gets a lease and loads. The others wait
//! a moment and look again (Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1).
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss, with the lease | GET, SET NX GET (lease), EVALSHA (fill) | find, once for all instances |
//! | read, miss, without | GET, SET NX GET, then GET again until the entry is there | – |
//! | write | UNLINK; before that GET and SET, where what is removed is kept for those who wait | update |
//!
//! The lease is the fill token. It stands in the cache, so it holds for all instances; it lets its holder
//! fill; and a write removes it, so that a document loaded before the write cannot be filled after it. In the
//! paper a key's leases are given at most every ten seconds; here an unused lease stands for `token_ttl`, and
//! no other is given until then.
//!
//! It promises that no read which begins after a write was acknowledged returns an older document, unless
//! waiting clients are served removed documents: then an answer may lack writes that were acknowledged within
//! `serve_stale_for`.

use std::time::Duration;

use compact_str::{CompactString, format_compact};

use super::{
    Circumstances, Claim, EntityCache, Guarantee, LookUp, OnWrite, Promise, Read, ReadOutcome, Strategy,
    StrategyCache, WithCache, WriteEffect, WriteError, WriteModel, cache_aside, lifetime,
};
use crate::base::clock;
use crate::scenario::Positive;
use crate::store::{Document, Patch, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// The settings of lease.
    pub struct Own {
        /// how long a reader without the lease waits before it looks again, the first time; each time half as long again
        retry_after: Positive = Positive::millis(2),
        /// how long it waits in all before it loads for itself, without filling
        wait_at_most: Positive = Positive::seconds(1),
        /// how long a document that a write has removed is kept to be served to those who wait; "0s": it is not
        serve_stale_for: Duration = Duration::ZERO,
    }
}

/// All settings of lease.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> Lease<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        Lease { cache, source, settings: self.own.clone() }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        if self.own.serve_stale_for.is_zero() {
            return self.caching.guarantee(circumstances);
        }
        let bound = self.own.serve_stale_for + circumstances.longest_load;
        Guarantee { converges: true, ..Guarantee::stale_within(Some(bound)) }
    }

    fn writes(&self) -> Option<WriteModel> {
        Some(self.caching.writes(WriteEffect::Removes))
    }

    fn control(&self) -> Option<&'static str> {
        self.caching.control()
    }

    fn batches(&self) -> &'static str {
        "one MGET (on a cluster one a slot); what is missing is leased by a command a key and loaded by one find with $in; each key that another client loads is waited for by itself"
    }
}

/// The strategy lease in one instance, see the module.
pub struct Lease<C, S> {
    cache: EntityCache<C>,
    source: S,
    settings: Own,
}

/// The key under which a removed document is kept for waiting clients.
fn retired(key: &str) -> CompactString {
    format_compact!("retired:{key}")
}

impl<C: StrategyCache, S: Source> Lease<C, S> {
    /// Waits for the holder of the lease; `None` if that took too long.
    async fn wait(&self, id: &str, key: &str) -> Result<Option<Read>, StoreError> {
        let give_up = clock::now() + self.settings.wait_at_most.0;
        let mut pause = self.settings.retry_after.0;
        while clock::now() < give_up {
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.5);
            let looked_up = self.cache.look_up(key).await?;
            if let Some(read) = Read::cached(&looked_up) {
                return Ok(Some(read));
            }
            match looked_up {
                // The holder failed, or a write removed the lease; any client may claim it again.
                LookUp::Miss => {
                    if let Claim::Mine(token) = self.cache.claim(key).await? {
                        let loaded = cache_aside::load_and_fill(&self.cache, &self.source, id, token).await?;
                        return Ok(Some(Read::loaded(ReadOutcome::Miss, loaded)));
                    }
                }
                LookUp::Bypassed => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The document that a write has removed a moment ago, if it is to be served.
    async fn removed(&self, key: &str) -> Result<Option<Read>, StoreError> {
        if self.settings.serve_stale_for.is_zero() {
            return Ok(None);
        }
        Ok(Read::cached(&self.cache.look_up(&retired(key)).await?))
    }

    /// Keeps the cached document for clients that will have to wait for its successor. If this fails, they
    /// wait.
    async fn retire(&self, key: &str) {
        if self.settings.serve_stale_for.is_zero() {
            return;
        }
        if let Ok(LookUp::Hit(_, document, _)) = self.cache.look_up(key).await {
            self.cache.keep(&retired(key), document, self.settings.serve_stale_for).await;
        }
    }
}

impl<C: StrategyCache, S: Source> Strategy for Lease<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let key = self.cache.key(id);
        let mut looked_up = self.cache.look_up(&key).await?;
        if looked_up == LookUp::Miss {
            match self.cache.claim(&key).await? {
                Claim::Mine(token) => {
                    let loaded = cache_aside::load_and_fill(&self.cache, &self.source, id, token).await?;
                    return Ok(Read::loaded(ReadOutcome::Miss, loaded));
                }
                Claim::Found(meanwhile) => looked_up = meanwhile,
            }
        }
        if let Some(read) = Read::cached(&looked_up) {
            return Ok(read);
        }
        if matches!(looked_up, LookUp::Loading(_)) {
            if let Some(read) = self.removed(&key).await? {
                return Ok(read);
            }
            if let Some(read) = self.wait(id, &key).await? {
                return Ok(read);
            }
        }
        let bypassed = looked_up == LookUp::Bypassed;
        let outcome = if bypassed { ReadOutcome::Bypassed } else { ReadOutcome::Miss };
        Ok(Read::loaded(outcome, self.source.load(id).await?))
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        self.retire(&self.cache.key(id)).await;
        OnWrite::Invalidate.write(&self.cache, &self.source, id, patch).await
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
