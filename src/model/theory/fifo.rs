//! FIFO: entries leave in the order in which they came (Garetto et al., 2016).
//!
//! In a large cache the time T from fill to eviction is nearly the same for all entries, whatever their use:
//! - writes ignored: λT/(1+λT);
//! - writes update (in place; an update does not move the entry): (λ+μ)T/(1+(λ+μ)T), for a write fills too;
//! - writes delete: an entry lives min(T, X), X exponential with rate μ, of mean m = (1−e^{−μT})/μ; with
//!   an absence of mean 1/λ the key is cached for λm/(1+λm) of the time, as under a TTL of T.

use super::{
    Class, ModelCapacity, ModelWritePolicy, Popularity, Prediction, TheoryModel, characteristic_time, renewal,
};

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "FIFO",
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
    let Class { reads_per_second, writes_per_second, .. } = *class;
    match on_write {
        ModelWritePolicy::Ignored => renewal::occupancy(class, ModelWritePolicy::Ignored, seconds),
        ModelWritePolicy::Updates => {
            let filled = Class { reads_per_second: reads_per_second + writes_per_second, ..*class };
            renewal::occupancy(&filled, ModelWritePolicy::Ignored, seconds)
        }
        ModelWritePolicy::Deletes => {
            let life = renewal::mean_cut_life(writes_per_second, seconds);
            renewal::occupancy(class, ModelWritePolicy::Deletes, life)
        }
    }
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
    fn a_simulated_fifo_agrees_within_half_a_point() {
        for on_write in [ModelWritePolicy::Ignored, ModelWritePolicy::Updates, ModelWritePolicy::Deletes] {
            let simulation = TheorySimulation::small(Evicts::FirstIn).on_write(on_write);
            let measured = simulation.hit_rate();
            let predicted = hit_rate(&simulation.popularity, simulation.capacity(), on_write).value;
            assert!((measured - predicted).abs() < 5e-3, "{on_write:?}: {measured} {predicted}");
        }
    }
}
