//! LRU with a TTL: an entry leaves at its TTL, or when unused for the characteristic time τ, whichever is first.
//!
//! Che's idea holds with a TTL as well: in a large cache τ is nearly the same for all keys, so a key of an LRU
//! with a TTL is a TTL cache with two timers, one reset by use (Fofack et al., 2014; Dehghan et al., 2019).
//!
//! A TTL that runs from the last use is simply min(TTL, τ) from the last use. One of D seconds that runs from the fill
//! needs the mean of min(D, Y, X): Y the end of the first gap of τ without a read, X the next write. Let S(x) be the
//! chance that no such gap ended within x of the fill. Then S = 1 below τ, 1 − e^{−λτ} at τ (no read followed
//! the fill), and beyond it an eviction at x needs a use at x − τ, before which the entry lived, and none since:
//! S′(x) = −λ e^{−λτ} S(x − τ). The mean life is ∫₀^D S(x) e^{−μx} dx, and `renewal` turns it into the
//! share of reads that hit. τ is such that the occupancies add up to the capacity; where the TTL alone keeps
//! the cache below it, nothing is evicted.
//!
//! A cache of C entries that the TTL alone would fill to within a few √C of its capacity is full now and then only; the
//! prediction takes it for one or the other, and is then too high by up to a point at C = 100, 0.2 at C = 1000.

use super::ttl::{Clock, GAUSS, Ttl};
use super::{
    Class, ModelCapacity, ModelWritePolicy, Popularity, Prediction, TheoryModel, characteristic_time, lru,
    renewal,
};

/// When the room of an expired entry becomes free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// At once, or so soon that it makes no difference.
    AtOnce,
    /// Only when a read finds it expired, a write deletes it, or it is the least recently used.
    WhenFound,
}

/// The limits of the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheLimits {
    /// The number of entries that fit.
    pub capacity: ModelCapacity,
    /// The time that entries live.
    pub ttl: Ttl,
    /// The event that the TTL is counted from.
    pub clock: Clock,
    /// When an expired entry makes room.
    pub expiry: Expiry,
}

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "LRU with TTL",
    reference: "after Fofack et al., Performance Evaluation of Hierarchical TTL-based Cache Networks, 2014",
};

/// The predicted share of reads that hit an LRU with a TTL.
#[must_use]
pub fn hit_rate(popularity: &Popularity, limits: CacheLimits, on_write: ModelWritePolicy) -> Prediction {
    let seconds = characteristic_time(popularity, limits, on_write);
    Prediction::point(popularity.share_of_reads(|class| occupancy(class, limits, seconds, on_write)), MODEL)
}

/// Returns the time that an unused entry stays if its TTL allows, in seconds; infinity where the TTL keeps the cache
/// below its capacity.
#[must_use]
pub fn characteristic_time(popularity: &Popularity, limits: CacheLimits, on_write: ModelWritePolicy) -> f64 {
    match limits.expiry {
        Expiry::AtOnce => characteristic_time::solve(popularity, limits.capacity, |class, seconds| {
            occupancy(class, limits, seconds, on_write)
        }),
        // An expired entry keeps its place in the order of use, as if there were no TTL.
        Expiry::WhenFound => lru::characteristic_time(popularity, limits.capacity, on_write),
    }
}

/// The share of time that a key of the class is cached and has not expired.
fn occupancy(class: &Class, limits: CacheLimits, unused: f64, on_write: ModelWritePolicy) -> f64 {
    match limits.clock {
        Clock::FromLastUse => limits.ttl.mean(|ttl| lru::occupancy(class, ttl.min(unused), on_write)),
        Clock::FromFill => {
            let writes = renewal::ending_writes(class, on_write);
            let life = limits.ttl.mean(|ttl| mean_life(class.reads_per_second, writes, ttl, unused));
            renewal::occupancy(class, on_write, life)
        }
    }
}

/// Intervals of τ after which S falls by a constant factor for each: the faster decaying parts have died out.
const INTERVALS: u32 = 12;
/// Terms of S within one interval; the coefficient of yⁿ is at most e^{−n}/n!.
const TERMS: usize = 12;

/// The mean of min(ttl, Y, X), in seconds, for a key that is read at a rate λ: Y is the end of the first gap of
/// `unused` seconds without a read, X exponential with the rate of `writes`.
fn mean_life(reads: f64, writes: f64, ttl: f64, unused: f64) -> f64 {
    if ttl <= unused {
        return renewal::mean_cut_life(writes, ttl);
    }
    // From here on time is in units of τ: S on the interval k is a polynomial in y, from 0 to 1.
    let (use_rate, write_rate, end) = (reads * unused, writes * unused, ttl / unused);
    let eviction = use_rate * (-use_rate).exp();
    let mut survival = [0.0; TERMS];
    survival[0] = 1.0;
    let mut next_start = -(-use_rate).exp_m1();
    let mut life = renewal::mean_cut_life(write_rate, 1.0);
    let mut left = end - 1.0;
    let mut undisturbed = 1.0;
    let mut ratio = 1.0;
    for _ in 0..INTERVALS {
        survival = integrated(&survival, next_start, -eviction);
        undisturbed *= (-write_rate).exp();
        life += undisturbed * weighted_integral(&survival, write_rate, left.min(1.0));
        left -= 1.0;
        let end_value = survival.iter().sum::<f64>();
        // Below this S is the rounding of numbers near 1.
        if left <= 0.0 || end_value < 1e-13 {
            return life * unused;
        }
        ratio = end_value / survival[0];
        next_start = end_value;
    }
    let tail = renewal::mean_cut_life(write_rate - ratio.min(1.0).ln(), left);
    (life + undisturbed * (-write_rate).exp() * next_start * tail) * unused
}

/// The polynomial `start + factor · ∫₀^y of`.
fn integrated(of: &[f64; TERMS], start: f64, factor: f64) -> [f64; TERMS] {
    let mut integral = [0.0; TERMS];
    integral[0] = start;
    for power in 1..TERMS {
        integral[power] = factor * of[power - 1] / power as f64;
    }
    integral
}

/// ∫₀^end of(y) e^{−rate·y} dy. Substituting v = (1 − e^{−rate·y}) / rate leaves a smooth integrand at any rate.
fn weighted_integral(of: &[f64; TERMS], rate: f64, end: f64) -> f64 {
    let span = renewal::mean_cut_life(rate, end);
    let at = |v: f64| if rate < 1e-9 { v } else { -(-rate * v).ln_1p() / rate };
    let value = |y: f64| of.iter().rev().fold(0.0, |sum, coefficient| sum * y + coefficient);
    span * GAUSS.iter().map(|&(v, weight)| weight * value(at(v * span))).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::simulation::{Evicts, SplitMix, TheorySimulation};
    use crate::model::theory::ttl;

    const CLOCKS: [Clock; 2] = [Clock::FromFill, Clock::FromLastUse];
    const ON_WRITE: [ModelWritePolicy; 3] =
        [ModelWritePolicy::Ignored, ModelWritePolicy::Updates, ModelWritePolicy::Deletes];

    fn limits(entries: f64, ttl: f64, clock: Clock, expiry: Expiry) -> CacheLimits {
        let capacity = ModelCapacity::entries(entries).unwrap();
        CacheLimits { capacity, ttl: Ttl::seconds(ttl).unwrap(), clock, expiry }
    }

    fn agrees(
        simulation: TheorySimulation,
        (ttl, clock, expiry): (Ttl, Clock, Expiry),
        on_write: ModelWritePolicy,
    ) {
        let simulation = simulation.on_write(on_write).expiring(ttl, clock).freeing(expiry);
        let limits = CacheLimits { capacity: simulation.capacity(), ttl, clock, expiry };
        let measured = simulation.hit_rate();
        let predicted = hit_rate(&simulation.popularity, limits, on_write).value;
        assert!((measured - predicted).abs() < 5e-3, "{on_write:?} {limits:?}: {measured} {predicted}");
    }

    #[test]
    fn a_simulated_lru_with_a_ttl_agrees_within_half_a_point() {
        // Counted from the last use, entries expire in the order of eviction, and it makes no difference when they go.
        for (clock, expiry) in [
            (Clock::FromFill, Expiry::AtOnce),
            (Clock::FromFill, Expiry::WhenFound),
            (Clock::FromLastUse, Expiry::AtOnce),
        ] {
            for on_write in ON_WRITE {
                for (seconds, jitter) in [(0.2, 0.0), (1.0, 0.0), (2.0, 0.5), (8.0, 0.0)] {
                    let ttl = Ttl::seconds(seconds).unwrap().with_jitter(jitter).unwrap();
                    agrees(
                        TheorySimulation::small(Evicts::LeastRecentlyUsed),
                        (ttl, clock, expiry),
                        on_write,
                    );
                }
            }
        }
    }

    #[test]
    fn where_the_ttl_alone_nearly_fills_the_cache_a_thousand_entries_are_needed_to_agree() {
        for (clock, seconds, on_write) in [
            (Clock::FromFill, 0.65, ModelWritePolicy::Ignored),
            (Clock::FromFill, 0.75, ModelWritePolicy::Deletes),
            (Clock::FromLastUse, 0.45, ModelWritePolicy::Updates),
        ] {
            let simulation = TheorySimulation::of_size(4_000, Evicts::LeastRecentlyUsed);
            agrees(simulation, (Ttl::seconds(seconds).unwrap(), clock, Expiry::AtOnce), on_write);
        }
    }

    #[test]
    fn the_mean_life_is_that_of_many_simulated_lives() {
        let mut random = SplitMix::seeded(11);
        for (reads, writes, ttl) in
            [(0.3, 0.0, 40.0), (1.0, 0.2, 7.5), (2.0, 0.0, 3.3), (3.0, 0.05, 1e3), (4.0, 1.5, 9.0)]
        {
            let mut total = 0.0;
            let lives = 200_000;
            for _ in 0..lives {
                let mut last_use = 0.0;
                let unused = loop {
                    let next = last_use + random.exponential(reads);
                    if next > last_use + 1.0 || next > ttl {
                        break last_use + 1.0;
                    }
                    last_use = next;
                };
                total += ttl.min(unused).min(random.exponential(writes));
            }
            let (simulated, computed) = (total / f64::from(lives), mean_life(reads, writes, ttl, 1.0));
            assert!(
                (simulated / computed - 1.0).abs() < 0.01,
                "{reads} {writes} {ttl}: {simulated} {computed}"
            );
        }
    }

    #[test]
    fn without_a_ttl_in_reach_the_mean_life_is_that_of_an_lru() {
        // The first gap of τ in a Poisson process ends after (e^{λτ} − 1)/λ on average.
        for reads in [0.01, 0.5, 1.0, 1.5, 4.0, 12.0_f64] {
            let expected = reads.exp_m1() / reads;
            assert!((mean_life(reads, 0.0, 1e9, 1.0) / expected - 1.0).abs() < 1e-4, "{reads}");
        }
    }

    #[test]
    fn a_short_ttl_is_a_ttl_cache_and_a_long_one_an_lru() {
        let popularity = Popularity::zipf(10_000, 0.9, 900.0, 100.0).unwrap();
        for clock in CLOCKS {
            for on_write in ON_WRITE {
                let rate = |seconds| {
                    hit_rate(&popularity, limits(500.0, seconds, clock, Expiry::AtOnce), on_write).value
                };
                let timed = ttl::hit_rate(&popularity, Ttl::seconds(0.1).unwrap(), clock, on_write).value;
                let bounded =
                    lru::hit_rate(&popularity, ModelCapacity::entries(500.0).unwrap(), on_write).value;
                assert!((rate(0.1) - timed).abs() < 1e-9, "{clock:?} {on_write:?}");
                assert!(
                    (rate(1e7) - bounded).abs() < 1e-4,
                    "{clock:?} {on_write:?}: {} {bounded}",
                    rate(1e7)
                );
            }
        }
    }

    #[test]
    fn expired_entries_that_keep_their_room_cost_hits() {
        let popularity = Popularity::zipf(10_000, 0.9, 1_000.0, 0.0).unwrap();
        let rate = |expiry| {
            hit_rate(&popularity, limits(500.0, 2.0, Clock::FromFill, expiry), ModelWritePolicy::Ignored)
                .value
        };
        assert!(rate(Expiry::AtOnce) > rate(Expiry::WhenFound) + 0.001);
    }

    #[test]
    fn the_occupancies_add_up_to_the_capacity() {
        let popularity = Popularity::zipf(10_000, 0.9, 900.0, 100.0).unwrap();
        let limits = limits(500.0, 3.0, Clock::FromFill, Expiry::AtOnce);
        let unused = characteristic_time(&popularity, limits, ModelWritePolicy::Deletes);
        let entries = popularity.sum(|class| occupancy(class, limits, unused, ModelWritePolicy::Deletes));
        assert!(unused.is_finite() && (entries - 500.0).abs() < 1e-3, "{unused} {entries}");
    }
}
