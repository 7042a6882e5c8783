//! XFetch: an entry is refreshed before it expires, by chance, the more likely the nearer the end and the
//! longer a load takes, so that the loads of a hot key are spread and nobody waits for them (Vattani,
//! Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, hit that refreshes | GET; then, off the reader's path, EVALSHA (replace) | find, off the reader's path |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | write | as cache-through | update |
//!
//! A hit refreshes if now − δ·β·ln U ≥ expiry, where δ is the time that the entry's load took, U is drawn
//! uniformly from 0 to 1 and β is `beta`. In the paper a reader with such a draw loads before it goes on;
//! here a task loads, since the reader can use the entry that is still valid.
//!
//! No hit rate is predicted, since δ is measured and not configured. If δ is short compared to the time to
//! live, the hit rate is that of a TTL from the fill, or better.
//!
//! It promises that no read which begins after a write was acknowledged returns an older document, see
//! [`refresh`](super::refresh).

use std::sync::Arc;
use std::time::Duration;

use super::flight::Flight;
use super::loader::Loader;
use super::refresh::Refresher;
use super::{
    Circumstances, EntityCache, Guarantee, LookUp, OnWrite, Promise, Read, Strategy, StrategyCache,
    WithCache, WriteError, lifetime,
};
use crate::base::clock;
use crate::scenario::PositiveNumber;
use crate::store::{Document, Patch, Stamp, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// The settings of xfetch.
    pub struct Own {
        /// how eager it is: above 1 it refreshes earlier than the paper's optimum, below 1 later
        beta: PositiveNumber = PositiveNumber(1.0),
        /// what a write does to the cached entry: `invalidate` removes it, `update` puts the merged document there, never over a newer one
        on_write: OnWrite = OnWrite::Invalidate,
    }
}

/// All settings of xfetch.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> Xfetch<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        let loader = Arc::new(Loader::new(cache, source, Flight::Token));
        let refresher = Refresher::new(Arc::clone(&loader));
        Xfetch { loader, refresher, beta: self.own.beta.0, on_write: self.own.on_write }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        self.caching.guarantee(circumstances)
    }

    fn control(&self) -> Option<&'static str> {
        self.own.on_write.control().or(self.caching.control())
    }

    fn batches(&self) -> &'static str {
        "as cache-through; each key is refreshed by itself, off the reader's path"
    }
}

/// The strategy xfetch in one instance, see the module.
pub struct Xfetch<C, S> {
    loader: Arc<Loader<C, S>>,
    refresher: Refresher<C, S>,
    beta: f64,
    on_write: OnWrite,
}

/// Returns true if a hit is to refresh now, for one draw of U from above 0 to 1.
fn is_due(stamp: Stamp, now_ms: u64, beta: f64, draw: f64) -> bool {
    if stamp.expires_ms == 0 {
        return false;
    }
    let delta_ms = f64::from(stamp.load_us) / 1e3;
    now_ms as f64 - delta_ms * beta * draw.ln() >= stamp.expires_ms as f64
}

impl<C: StrategyCache, S: Source> Strategy for Xfetch<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let looked_up = self.loader.look_up(id).await?;
        if let LookUp::Hit(version, _, stamp) = &looked_up {
            // `random` returns 0 to below 1. It is subtracted from 1, since the logarithm of 0 is not finite.
            let draw = 1.0 - rand::random::<f64>();
            if is_due(*stamp, clock::unix_millis(), self.beta, draw) {
                self.refresher.refresh(id, *version);
            }
        }
        self.loader.read_from(id, looked_up).await
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of draws that refresh an entry that took 100 ms to load, `before_expiry_ms` before it
    /// expires.
    fn share(before_expiry_ms: u64, beta: f64) -> f64 {
        let stamp = Stamp { expires_ms: 1_000_000, load_us: 100_000 };
        let draws = 10_000_u32;
        let due = (1..=draws).filter(|draw| {
            is_due(stamp, 1_000_000 - before_expiry_ms, beta, f64::from(*draw) / f64::from(draws))
        });
        due.count() as f64 / f64::from(draws)
    }

    #[test]
    fn the_chance_of_a_refresh_falls_exponentially_with_the_time_left_by_that_of_a_load() {
        // P(−δβ ln U ≥ left) = e^(−left/δβ).
        for (left, beta, expected) in
            [(0, 1.0, 1.0), (100, 1.0, 0.367_9), (200, 1.0, 0.135_3), (200, 2.0, 0.367_9), (2_000, 1.0, 0.0)]
        {
            let share = share(left, beta);
            assert!((share - expected).abs() < 1e-3, "{left} ms left, beta {beta}: {share}");
        }
    }

    #[test]
    fn an_entry_without_an_end_is_never_refreshed() {
        assert!(!is_due(Stamp { expires_ms: 0, load_us: 100_000 }, u64::MAX, 1.0, 1e-9));
    }
}
