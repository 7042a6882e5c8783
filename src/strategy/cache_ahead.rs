//! Cache-ahead: entities that are read often are loaded before they are read again. Accesses are counted; a
//! task preloads entities that were accessed often enough and are not cached, with others of their category;
//! and an entry that is read in the last part of its time to live may be refreshed. Reads and writes are
//! those of cache-through.
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | write | as cache-through | update |
//! | every `count_every` | EVALSHA (counts of all that was accessed) | – |
//! | every `interval`, one instance | SET NX GET (turn), ZREVRANGE twice; for each that is preloaded as a miss | find; find by category |
//!
//! Counts are kept by windows of `interval`. The count of a key is that of this window plus the share of the
//! last one that a window ending now would still cover, so that counts decay and keys that are no longer read
//! are not preloaded for ever.
//!
//! It promises that no read which begins after a write was acknowledged returns an older document: a
//! preload is a miss like any other, with a token placed before it asks the database; for refreshes see
//! [`refresh`](super::refresh).

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use compact_str::CompactString;
use parking_lot::Mutex;

use super::background::Background;
use super::flight::Flight;
use super::loader::Loader;
use super::refresh::Refresher;
use super::{
    Circumstances, EntityCache, Guarantee, LookUp, Needs, OnWrite, Promise, Read, RefreshAge, Refreshes,
    Strategy, StrategyCache, WithCache, WriteError, lifetime,
};
use crate::base::clock;
use crate::base::units::Share;
use crate::results::FailedStep;
use crate::scenario::Positive;
use crate::store::{Claimed, Document, Patch, Stamp, StoreError, Token, Version};
use crate::strategy::source::{Source, TimesToLive};

const fn at_least_one(number: u64) -> NonZeroU64 {
    match NonZeroU64::new(number) {
        Some(number) => number,
        None => NonZeroU64::MIN,
    }
}

crate::settings! {
    /// The settings of cache-ahead.
    pub struct Own {
        /// how often one instance preloads, and how long the windows are in which accesses are counted
        interval: Positive = Positive::seconds(300),
        /// how many accesses in a window make a key worth preloading
        threshold: NonZeroU64 = at_least_one(5),
        /// how many others of its category are preloaded with a key
        related: u64 = 5,
        /// how many keys are preloaded at the most, each time
        most_per_tick: NonZeroU64 = at_least_one(1000),
        /// how often an instance adds what it has counted to the counts in the cache
        count_every: Positive = Positive::seconds(1),
        /// the share of its time to live after which an entry that is read is refreshed, off the reader's path; 1 never
        refresh_at: Share = Share::ALL,
        /// what a write does to the cached entry: `update` puts the merged document there, never over a newer one, `invalidate` removes it
        on_write: OnWrite = OnWrite::Update,
    }
}

/// All settings of cache-ahead.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> CacheAhead<C, S> {
        let ttl = source.kind().ttl.clone();
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        let loader = Arc::new(Loader::new(cache, source, Flight::Token));
        let ahead = Arc::new(Ahead {
            loader: Arc::clone(&loader),
            settings: self.own.clone(),
            accesses: Mutex::default(),
        });
        CacheAhead {
            refresher: Refresher::new(loader),
            ttl,
            last_part: 1.0 - self.own.refresh_at.get(),
            tasks: [count(&ahead), preload(&ahead)],
            ahead,
        }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        self.caching.guarantee(circumstances)
    }

    fn control(&self) -> Option<&'static str> {
        self.own.on_write.control().or(self.caching.control())
    }

    fn needs(&self) -> Needs {
        Needs { access_counts: true, ..Needs::CACHE }
    }

    fn refreshes(&self) -> Option<Refreshes> {
        let from = self.own.refresh_at.get();
        let is_at_one_age = self.caching.ttl_jitter.get() == 0.0;
        let refreshes = Refreshes { from: RefreshAge::OfTtl(from), alone_for: self.own.interval.0 };
        (from < 1.0 && is_at_one_age).then_some(refreshes)
    }

    fn batches(&self) -> &'static str {
        "as cache-through; each key counts as an access, and is refreshed or preloaded by itself, off the reader's path"
    }
}

/// The strategy cache-ahead in one instance, see the module.
pub struct CacheAhead<C, S> {
    ahead: Arc<Ahead<C, S>>,
    refresher: Refresher<C, S>,
    ttl: TimesToLive,
    /// An entry that is read in this last part of its time to live is refreshed.
    last_part: f64,
    #[allow(dead_code, reason = "they end when this is dropped")]
    tasks: [Background; 2],
}

/// The state that the tasks share with the operations.
struct Ahead<C, S> {
    loader: Arc<Loader<C, S>>,
    settings: Own,
    /// Accesses since they were last added to the counts in the cache.
    accesses: Mutex<HashMap<CompactString, u64>>,
}

/// The most keys that are counted between two additions. The hottest are among them early.
const MOST_COUNTED: usize = 100_000;

/// The key whose token gives an instance the turn to preload.
const TURN: &str = "access_counts:turn";

fn window_key(window: u64) -> String {
    format!("access_counts:{window}")
}

/// Starts the task that adds this instance's counts to those in the cache.
fn count<C: StrategyCache, S: Source>(ahead: &Arc<Ahead<C, S>>) -> Background {
    let every = ahead.settings.count_every.0;
    repeat("counting accesses", ahead, every, |ahead| async move { ahead.add_counts().await })
}

/// Starts the task that preloads.
fn preload<C: StrategyCache, S: Source>(ahead: &Arc<Ahead<C, S>>) -> Background {
    let every = ahead.settings.interval.0;
    repeat("preloading", ahead, every, |ahead| async move { ahead.preload().await })
}

/// Repeats `turn` for as long as the strategy exists. A turn that fails is made up for by the next.
fn repeat<C: StrategyCache, S: Source, F>(
    name: &'static str,
    ahead: &Arc<Ahead<C, S>>,
    every: Duration,
    turn: impl Fn(Arc<Ahead<C, S>>) -> F + Clone + Send + Sync + 'static,
) -> Background
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let ahead = Arc::downgrade(ahead);
    Background::supervised(name, move || {
        let (ahead, turn) = (Weak::clone(&ahead), turn.clone());
        async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(ahead) = ahead.upgrade() else { return };
                if let Err(error) = turn(Arc::clone(&ahead)).await {
                    ahead.loader.cache.note(FailedStep::Background, &error);
                }
            }
        }
    })
}

impl<C: StrategyCache, S: Source> Ahead<C, S> {
    fn note(&self, id: &str) {
        let mut accesses = self.accesses.lock();
        if let Some(count) = accesses.get_mut(id) {
            *count += 1;
        } else if accesses.len() < MOST_COUNTED {
            accesses.insert(id.into(), 1);
        }
    }

    /// The number of the present window and the share of it that has passed.
    fn window(&self) -> (u64, f64) {
        let length = u64::try_from(self.settings.interval.0.as_millis()).unwrap_or(u64::MAX).max(1);
        let now = clock::unix_millis();
        (now / length, (now % length) as f64 / length as f64)
    }

    async fn add_counts(&self) -> Result<(), StoreError> {
        let counted = std::mem::take(&mut *self.accesses.lock());
        if counted.is_empty() {
            return Ok(());
        }
        let added: Vec<_> = counted.into_iter().map(|(id, count)| (id.to_string(), count)).collect();
        let (window, _) = self.window();
        let ttl = self.settings.interval.0 * 2;
        self.loader.cache.store().count_accesses(&window_key(window), &added, ttl).await
    }

    async fn preload(&self) -> Result<(), StoreError> {
        // The instance that takes the turn keeps the others from it for most of the interval. If it dies,
        // another takes the next turn.
        let turn_lasts = self.settings.interval.0.mul_f64(0.9);
        let turn = self.loader.cache.store().place_token(TURN, Token::random(), turn_lasts).await?;
        if turn != Claimed::Placed {
            return Ok(());
        }
        let mut left = self.settings.most_per_tick.get();
        for id in self.often_accessed().await? {
            self.preload_one(&id, &mut left).await?;
            let related = self.settings.related.min(left);
            if related > 0 {
                for other in self.loader.source.related(&id, related).await? {
                    self.preload_one(&other, &mut left).await?;
                }
            }
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The ids whose counts reach the threshold, the most accessed first.
    async fn often_accessed(&self) -> Result<Vec<String>, StoreError> {
        let (window, passed) = self.window();
        let most = self.settings.most_per_tick.get();
        let cache = self.loader.cache.store();
        let mut counts: HashMap<String, f64> = HashMap::new();
        for (window, weight) in [(Some(window), 1.0), (window.checked_sub(1), 1.0 - passed)] {
            let Some(window) = window else { continue };
            for (id, count) in cache.most_accessed(&window_key(window), most).await? {
                *counts.entry(id).or_default() += count as f64 * weight;
            }
        }
        let threshold = self.settings.threshold.get() as f64;
        let mut often: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= threshold).collect();
        often.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        often.truncate(most as usize);
        Ok(often.into_iter().map(|(id, _)| id).collect())
    }

    /// Loads an entity that is not cached, and takes one off the number that may still be preloaded.
    async fn preload_one(&self, id: &str, left: &mut u64) -> Result<(), StoreError> {
        if *left > 0 && self.loader.look_up(id).await? == LookUp::Miss {
            *left -= 1;
            self.loader.read_from(id, LookUp::Miss).await?;
        }
        Ok(())
    }
}

impl<C: StrategyCache, S: Source> CacheAhead<C, S> {
    fn is_near_its_end(&self, id: &str, stamp: Stamp) -> bool {
        let before = self.ttl.of(id).map(|ttl| ttl.mul_f64(self.last_part));
        let Some(before) = before.filter(|before| !before.is_zero()) else { return false };
        let before_ms = u64::try_from(before.as_millis()).unwrap_or(u64::MAX);
        stamp.expires_ms > 0 && clock::unix_millis().saturating_add(before_ms) >= stamp.expires_ms
    }
}

impl<C: StrategyCache, S: Source> Strategy for CacheAhead<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        self.ahead.note(id);
        let looked_up = self.ahead.loader.look_up(id).await?;
        if let LookUp::Hit(version, _, stamp) = &looked_up
            && self.is_near_its_end(id, *stamp)
        {
            self.refresher.refresh(id, *version);
        }
        self.ahead.loader.read_from(id, looked_up).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        let Loader { cache, source, .. } = &*self.ahead.loader;
        self.ahead.settings.on_write.write(cache, source, id, patch).await
    }

    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        let Loader { cache, source, .. } = &*self.ahead.loader;
        lifetime::insert(cache, source, entity).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        let Loader { cache, source, .. } = &*self.ahead.loader;
        lifetime::delete(cache, source, id).await
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        let cache = &self.ahead.loader.cache;
        cache.invalidate(&cache.key(id)).await
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.ahead.loader.cache.drain(bound).await
    }
}
