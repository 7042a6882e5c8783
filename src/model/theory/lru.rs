//! LRU by Che's approximation, with and without writes.
//!
//! An entry leaves when it has not been used for the characteristic time T, which is nearly the same for all keys.
//! A key is therefore cached exactly when its last event within T left it there (Che et al., 2002; why that is
//! so accurate: Fricker et al., 2012):
//! - writes ignored: a read within T, 1 − e^{−λT};
//! - writes update: a read or a write within T, 1 − e^{−(λ+μ)T};
//! - writes delete: the last of the events within T is a read, λ/(λ+μ) · (1 − e^{−(λ+μ)T}), so that deleting caps
//!   the hit rate at the share of reads, whatever the memory.

use super::{
    Class, ModelCapacity, ModelWritePolicy, Popularity, Prediction, TheoryModel, characteristic_time,
};

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "LRU (Che)",
    reference: "Che et al., Hierarchical Web Caching Systems, JSAC 2002; Fricker et al., ITC 2012",
};

/// The predicted share of reads that hit.
#[must_use]
pub fn hit_rate(popularity: &Popularity, capacity: ModelCapacity, on_write: ModelWritePolicy) -> Prediction {
    let seconds = characteristic_time(popularity, capacity, on_write);
    Prediction::point(popularity.share_of_reads(|class| occupancy(class, seconds, on_write)), MODEL)
}

/// Returns the time that an unused entry stays, in seconds: the cache turns over about once in that time. Infinity
/// where everything fits.
#[must_use]
pub fn characteristic_time(
    popularity: &Popularity,
    capacity: ModelCapacity,
    on_write: ModelWritePolicy,
) -> f64 {
    characteristic_time::solve(popularity, capacity, |class, seconds| occupancy(class, seconds, on_write))
}

/// The share of time that a key of the class is cached.
pub(super) fn occupancy(class: &Class, seconds: f64, on_write: ModelWritePolicy) -> f64 {
    let Class { reads_per_second: reads, writes_per_second: writes, .. } = *class;
    let within = |rate: f64| if rate == 0.0 { 0.0 } else { -(-rate * seconds).exp_m1() };
    match on_write {
        ModelWritePolicy::Ignored => within(reads),
        ModelWritePolicy::Updates => within(reads + writes),
        ModelWritePolicy::Deletes => reads / (reads + writes) * within(reads + writes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::simulation::{Evicts, TheorySimulation};

    fn zipf(exponent: f64, reads: f64, writes: f64) -> Popularity {
        Popularity::zipf(100_000, exponent, reads, writes).unwrap()
    }

    /// Hit rates computed independently from the formulas above over all 10⁵ ranks (Newton's method instead of
    /// bisection), at capacities of 1, 10 and 50 %.
    #[test]
    fn the_hit_rates_are_those_that_were_computed_independently() {
        for (exponent, on_write, writes, expected) in CONSTANTS {
            let popularity = zipf(exponent, 1e4 - writes, writes);
            for (entries, expected) in [1e3, 1e4, 5e4].into_iter().zip(expected) {
                let capacity = ModelCapacity::entries(entries).unwrap();
                let predicted = hit_rate(&popularity, capacity, on_write).value;
                assert!(
                    (predicted - expected).abs() < 5e-5,
                    "{exponent} {on_write:?} {entries}: {predicted} {expected}"
                );
            }
        }
    }

    #[test]
    fn ten_percent_of_zipf_holds_the_known_shares() {
        for (exponent, expected) in [(0.8, 0.4687), (0.99, 0.7250), (1.2, 0.9176)] {
            let capacity = ModelCapacity::entries(1e4).unwrap();
            let predicted = hit_rate(&zipf(exponent, 1.0, 0.0), capacity, ModelWritePolicy::Ignored).value;
            assert!((predicted - expected).abs() < 5e-5, "{exponent}: {predicted}");
        }
    }

    #[test]
    fn the_speed_of_the_clock_does_not_matter() {
        let capacity = ModelCapacity::entries(1e3).unwrap();
        let slow = hit_rate(&zipf(0.99, 0.9, 0.1), capacity, ModelWritePolicy::Deletes).value;
        let fast = hit_rate(&zipf(0.99, 9e6, 1e6), capacity, ModelWritePolicy::Deletes).value;
        assert!((slow - fast).abs() < 1e-9);
    }

    #[test]
    fn a_simulated_lru_agrees_within_half_a_point() {
        for on_write in [ModelWritePolicy::Ignored, ModelWritePolicy::Updates, ModelWritePolicy::Deletes] {
            let simulation = TheorySimulation::small(Evicts::LeastRecentlyUsed).on_write(on_write);
            let measured = simulation.hit_rate();
            let predicted = hit_rate(&simulation.popularity, simulation.capacity(), on_write).value;
            assert!((measured - predicted).abs() < 5e-3, "{on_write:?}: {measured} {predicted}");
        }
    }

    #[rustfmt::skip]
    const CONSTANTS: [(f64, ModelWritePolicy, f64, [f64; 3]); 9] = [
        (0.80, ModelWritePolicy::Ignored, 0.0, [0.204_334, 0.468_685, 0.803_488]),
        (0.80, ModelWritePolicy::Updates, 1000.0, [0.204_334, 0.468_685, 0.803_488]),
        (0.80, ModelWritePolicy::Deletes, 1000.0, [0.191_633, 0.437_197, 0.748_589]),
        (0.99, ModelWritePolicy::Ignored, 0.0, [0.489_394, 0.724_964, 0.913_305]),
        (0.99, ModelWritePolicy::Updates, 1000.0, [0.489_394, 0.724_964, 0.913_305]),
        (0.99, ModelWritePolicy::Deletes, 1000.0, [0.449_657, 0.662_876, 0.833_923]),
        (1.20, ModelWritePolicy::Ignored, 0.0, [0.795_328, 0.917_575, 0.978_526]),
        (1.20, ModelWritePolicy::Updates, 1000.0, [0.795_328, 0.917_575, 0.978_526]),
        (1.20, ModelWritePolicy::Deletes, 1000.0, [0.721_931, 0.829_845, 0.883_830]),
    ];
}
