//! Random eviction: the victim is drawn evenly from all entries (Garetto et al., 2016).
//!
//! In a large cache every entry is evicted at the same rate 1/T, whatever its use and age, so the key is a Markov
//! chain of two states. It enters the cache at the rate at which it is filled and leaves it at the rate at which it
//! is evicted or deleted; the balance of the two, o·leave = (1−o)·enter, gives
//! - writes ignored: λ/(λ + 1/T) = λT/(1+λT);
//! - writes update: (λ+μ)/(λ+μ + 1/T);
//! - writes delete: λ/(λ + μ + 1/T).

use super::{
    Class, ModelCapacity, ModelWritePolicy, Popularity, Prediction, TheoryModel, characteristic_time,
};

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "random eviction",
    reference: "Garetto et al., A Unified Approach to the Performance Analysis of Caching Systems, TOMPECS 2016",
};

/// The predicted share of reads that hit.
#[must_use]
pub fn hit_rate(popularity: &Popularity, capacity: ModelCapacity, on_write: ModelWritePolicy) -> Prediction {
    let occupancy = |class: &Class, seconds: f64| occupancy(class, seconds, on_write);
    let seconds = characteristic_time::solve(popularity, capacity, occupancy);
    Prediction::point(popularity.share_of_reads(|class| occupancy(class, seconds)), MODEL)
}

fn occupancy(class: &Class, seconds: f64, on_write: ModelWritePolicy) -> f64 {
    let Class { reads_per_second: reads, writes_per_second: writes, .. } = *class;
    let (enters, leaves) = match on_write {
        ModelWritePolicy::Ignored => (reads, 1.0 / seconds),
        ModelWritePolicy::Updates => (reads + writes, 1.0 / seconds),
        ModelWritePolicy::Deletes => (reads, writes + 1.0 / seconds),
    };
    if enters == 0.0 { 0.0 } else { enters / (enters + leaves) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::simulation::{Evicts, TheorySimulation};

    /// Computed independently from the formula over all 10⁵ ranks, at capacities of 1, 10 and 50 %.
    #[test]
    fn the_hit_rates_are_those_that_were_computed_independently() {
        let popularity = Popularity::zipf(100_000, 0.99, 1.0, 0.0).unwrap();
        for (entries, expected) in [(1e3, 0.448_251), (1e4, 0.687_887), (5e4, 0.890_592)] {
            let capacity = ModelCapacity::entries(entries).unwrap();
            let predicted = hit_rate(&popularity, capacity, ModelWritePolicy::Ignored).value;
            assert!((predicted - expected).abs() < 5e-5, "{entries}: {predicted} {expected}");
        }
    }

    #[test]
    fn a_simulated_random_eviction_agrees_within_half_a_point() {
        for on_write in [ModelWritePolicy::Ignored, ModelWritePolicy::Updates, ModelWritePolicy::Deletes] {
            let simulation = TheorySimulation::small(Evicts::AtRandom).on_write(on_write);
            let measured = simulation.hit_rate();
            let predicted = hit_rate(&simulation.popularity, simulation.capacity(), on_write).value;
            assert!((measured - predicted).abs() < 5e-3, "{on_write:?}: {measured} {predicted}");
        }
    }
}
