//! Which model knows a cell, and what it says of it.

use std::time::Duration;

use crate::load::workload::KeySampler;
use crate::load::workload::keys::Distribution;
use crate::model::eviction::PolicyKind;
use crate::model::theory::{
    Class, ModelCapacity, ModelWritePolicy, Popularity, Prediction, both, counted_lfu, database_load, fifo,
    lru, random, refresh_ahead, sampled_lru, staleness, ttl,
};
use crate::run::plan::Cell;
use crate::strategy::{RefreshAge, Refreshes, WriteEffect, WriteModel};
use crate::topology::servers::EvictionPolicy;

/// Stands for the rate of a closed loop, which nobody knows beforehand: a cache that is asked as fast as it can answer
/// turns over within seconds.
const AS_FAST_AS_IT_CAN: f64 = 1e6;

/// Returns how often each key is looked up and written; `None` where no model knows the distribution.
pub fn popularity(cell: &Cell) -> Option<Popularity> {
    let drawn = popularity_of_draws(cell)?;
    let keys = cell.scenario.workload.keys_per_read;
    Some(if keys.is_batch() { drawn.looked_up_in_batches_of(keys.get()) } else { drawn })
}

/// Returns how often each key is drawn for a read and written.
fn popularity_of_draws(cell: &Cell) -> Option<Popularity> {
    let workload = &cell.scenario.workload;
    let is_catalog = cell.scenario.is_catalog();
    // The models are of a load that goes on as it is.
    let changes = !cell.scenario.phases.is_empty() || cell.scenario.facts().population.may_lack_some();
    if workload.absent_share.get() > 0.0 || cell.scenario.recorded.is_some() || !is_catalog || changes {
        return None;
    }
    let rate = workload.rate_per_second.map_or(AS_FAST_AS_IT_CAN, |rate| rate.0);
    let (reads, writes) = (rate * workload.reads.get(), rate * (1.0 - workload.reads.get()));
    let keys = cell.scenario.dataset.keys.get();
    match &cell.scenario.distribution {
        Distribution::Zipf(zipf) => Popularity::zipf(keys, zipf.exponent.0, reads, writes).ok(),
        Distribution::Uniform(_) => Popularity::uniform(keys, reads, writes).ok(),
        Distribution::Hotspot(spot) => {
            let hot = (keys as f64 * spot.hot_share.get()).round().clamp(1.0, keys as f64);
            let class = |share: f64, keys: f64| Class {
                reads_per_second: reads * share / keys.max(1.0),
                writes_per_second: writes * share / keys.max(1.0),
                keys,
            };
            let requests = spot.request_share.get();
            let classes = vec![class(requests, hot), class(1.0 - requests, keys as f64 - hot)];
            Popularity::of_classes(classes.into_iter().filter(|class| class.keys > 0.0).collect()).ok()
        }
        Distribution::Latest(latest) => Popularity::zipf(keys, latest.exponent.0, reads, writes).ok(),
        Distribution::Exponential(_) | Distribution::File(_) => {
            let sampler = KeySampler::new(
                &cell.scenario.distribution,
                cell.scenario.dataset.keys,
                cell.scenario.run.seed,
            );
            Popularity::of_ranks(keys, |ranks| sampler.cumulative(ranks), reads, writes).ok()
        }
        // Not drawn independently, which every model takes for granted.
        Distribution::Sequential(_) | Distribution::ZipfOneHit(_) => None,
    }
}

/// The hit rate in the steady state; `None` where no model covers the cell, as on a server whose limit of memory is not
/// known.
pub fn hit_rate(cell: &Cell, popularity: &Popularity) -> Option<Prediction> {
    if !knows_its_memory(cell) {
        return None;
    }
    if let Some(refresh) = refresh(cell, popularity) {
        return Some(refresh_ahead::hit_rate(popularity, refresh));
    }
    let WriteModel { effect, ttl_jitter } = cell.strategy.spec.promise().writes()?;
    let scenario = &cell.scenario;
    let on_write = match effect {
        WriteEffect::None => ModelWritePolicy::Ignored,
        WriteEffect::Puts => ModelWritePolicy::Updates,
        WriteEffect::Removes => ModelWritePolicy::Deletes,
    };
    let keys = scenario.dataset.keys.get();
    let entries = match scenario.cache.capacity {
        None => keys,
        Some(capacity) => capacity.entries(keys)?,
    };
    let capacity = ModelCapacity::entries(entries as f64).ok()?;
    let Some(ttl) = ttl_that_matters(cell) else { return by_policy(cell, popularity, capacity, on_write) };
    // In a closed loop nobody knows how often a key is asked for within its time to live.
    scenario.workload.rate_per_second?;
    if cell.holds_back() && popularity.writes_per_second() > 0.0 {
        // That begins only when what was written is flushed.
        return None;
    }
    let ttl = ttl::Ttl::seconds(ttl.as_secs_f64()).ok()?.with_jitter(ttl_jitter).ok()?;
    if entries >= keys {
        return Some(ttl::hit_rate(popularity, ttl, ttl::Clock::FromFill, on_write));
    }
    let is_lru = cell.topology.spec.is_embedded() && scenario.cache.policy == PolicyKind::Lru;
    let limits =
        both::CacheLimits { capacity, ttl, clock: ttl::Clock::FromFill, expiry: both::Expiry::WhenFound };
    is_lru.then(|| both::hit_rate(popularity, limits, on_write))
}

/// Returns the number of reads that the database is asked for by each operation in the steady state.
pub fn db_reads_per_op(cell: &Cell, popularity: &Popularity, hit_rate: Prediction) -> f64 {
    let writes_build_on_the_cache = cell.strategy.spec.promise().flushes().is_some();
    let reads_per_second = match refresh(cell, popularity) {
        Some(refresh) => database_load::of_misses_and_refreshes(popularity, refresh),
        None if writes_build_on_the_cache => {
            database_load::of_misses_of_reads_and_writes(popularity, hit_rate)
        }
        None => database_load::of_misses(popularity, hit_rate),
    };
    reads_per_second / (popularity.reads_per_second() + popularity.writes_per_second())
}

/// The time to live that all entries have, where one can reach its end within the cell.
pub fn ttl_that_matters(cell: &Cell) -> Option<Duration> {
    let run = &cell.scenario.run;
    let ttl = cell.scenario.cache.ttl?.fixed()?.0;
    (ttl < run.warmup_max.0 + run.duration.0).then_some(ttl)
}

/// Returns true if the cache is limited by what was configured. A server that was given by URL may have
/// any `maxmemory` and any policy, and other users; without a `cache.capacity` of ours it may still
/// evict.
fn knows_its_memory(cell: &Cell) -> bool {
    cell.topology.spec.is_embedded() || cell.topology.spec.manages_cache_servers()
}

/// Returns the hit rate of a full cache by its policy.
fn by_policy(
    cell: &Cell,
    popularity: &Popularity,
    capacity: ModelCapacity,
    on_write: ModelWritePolicy,
) -> Option<Prediction> {
    let scenario = &cell.scenario;
    if capacity.get() >= scenario.dataset.keys.get() as f64 {
        return Some(lru::hit_rate(popularity, capacity, on_write));
    }
    if cell.topology.spec.is_embedded() {
        return match scenario.cache.policy {
            PolicyKind::Lru => Some(lru::hit_rate(popularity, capacity, on_write)),
            PolicyKind::Fifo => Some(fifo::hit_rate(popularity, capacity, on_write)),
            PolicyKind::Random => Some(random::hit_rate(popularity, capacity, on_write)),
            PolicyKind::Lfu => frequent(popularity, capacity, on_write),
            PolicyKind::WTinyLfu | PolicyKind::S3Fifo | PolicyKind::Sieve => None,
        };
    }
    match scenario.cache.eviction {
        EvictionPolicy::AllKeysLru | EvictionPolicy::VolatileLru => {
            Some(sampled_lru::hit_rate(popularity, capacity, on_write))
        }
        EvictionPolicy::AllKeysRandom | EvictionPolicy::VolatileRandom => {
            Some(random::hit_rate(popularity, capacity, on_write))
        }
        EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu => frequent(popularity, capacity, on_write),
        _ => None,
    }
}

/// Returns the hit rate of a policy that counts uses; what a deleted entry does to its count no model says.
fn frequent(
    popularity: &Popularity,
    capacity: ModelCapacity,
    on_write: ModelWritePolicy,
) -> Option<Prediction> {
    if on_write == ModelWritePolicy::Deletes && popularity.writes_per_second() > 0.0 {
        return None;
    }
    Some(counted_lfu::hit_rate(popularity, capacity, on_write))
}

/// Refreshing ahead of the end of entries' lives, where nothing else is loaded ahead within the cell and nobody writes.
fn refresh(cell: &Cell, popularity: &Popularity) -> Option<refresh_ahead::RefreshAhead> {
    let Refreshes { from, alone_for } = cell.strategy.spec.promise().refreshes()?;
    let run = &cell.scenario.run;
    let fits = cell.scenario.cache.capacity.is_none();
    if !fits || popularity.writes_per_second() > 0.0 || alone_for < run.warmup_max.0 + run.duration.0 {
        return None;
    }
    cell.scenario.workload.rate_per_second?;
    let ttl = ttl_that_matters(cell)?.as_secs_f64();
    let share_of_ttl = match from {
        RefreshAge::OfTtl(share) => share,
        RefreshAge::After(age) => (age.as_secs_f64() / ttl).min(1.0),
    };
    refresh_ahead::RefreshAhead::new(ttl::Ttl::seconds(ttl).ok()?, share_of_ttl).ok()
}

/// The share of stale reads of a cache that nobody tells of writes.
pub fn stale_share(cell: &Cell, popularity: &Popularity) -> Option<Prediction> {
    let WriteModel { effect, ttl_jitter } = cell.strategy.spec.promise().writes()?;
    let fits = match cell.scenario.cache.capacity {
        None => true,
        Some(capacity) => {
            capacity.entries(cell.scenario.dataset.keys.get())? >= cell.scenario.dataset.keys.get()
        }
    };
    if effect != WriteEffect::None || !fits || !knows_its_memory(cell) {
        return None;
    }
    cell.scenario.workload.rate_per_second?;
    let ttl = ttl_that_matters(cell)?.as_secs_f64();
    let ttl = ttl::Ttl::seconds(ttl).ok()?.with_jitter(ttl_jitter).ok()?;
    Some(staleness::stale_share(popularity, ttl))
}
