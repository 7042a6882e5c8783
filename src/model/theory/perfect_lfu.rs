//! The perfect LFU: the C most popular keys are always cached (Breslau et al., 1999).
//!
//! No policy that knows nothing of the future does better under independent references without writes.

use super::{ModelCapacity, Popularity, Prediction, TheoryModel};

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "perfect LFU",
    reference: "Breslau et al., Web Caching and Zipf-like Distributions, INFOCOM 1999",
};

/// The share of reads that go to the C most read keys, Σ_{i≤C} λᵢ / Σ λᵢ. Writes are not regarded.
#[must_use]
pub fn hit_rate(popularity: &Popularity, capacity: ModelCapacity) -> Prediction {
    let mut classes = popularity.classes().to_vec();
    classes.sort_by(|a, b| b.reads_per_second.total_cmp(&a.reads_per_second));
    let mut room = capacity.get();
    let mut hits_per_second = 0.0;
    for class in classes {
        let cached = class.keys.min(room);
        hits_per_second += cached * class.reads_per_second;
        room -= cached;
    }
    Prediction::point(hits_per_second / popularity.reads_per_second(), MODEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed independently from the formula over all 10⁵ ranks, at capacities of 1, 10 and 50 %.
    #[test]
    fn the_hit_rates_are_those_that_were_computed_independently() {
        let popularity = Popularity::zipf(100_000, 0.99, 1.0, 0.0).unwrap();
        for (entries, expected) in [(1e3, 0.604_848), (1e4, 0.800_132), (5e4, 0.939_348)] {
            let capacity = ModelCapacity::entries(entries).unwrap();
            let predicted = hit_rate(&popularity, capacity).value;
            assert!((predicted - expected).abs() < 5e-5, "{entries}: {predicted} {expected}");
        }
    }

    #[test]
    fn the_most_read_keys_are_the_cached_ones_whatever_their_order() {
        let popularity = Popularity::reads_only(&[1.0, 6.0, 3.0]).unwrap();
        let rate = |entries| hit_rate(&popularity, ModelCapacity::entries(entries).unwrap()).value;
        assert!((rate(1.0) - 0.6).abs() < 1e-12);
        assert!((rate(2.0) - 0.9).abs() < 1e-12);
        assert!((rate(1.5) - 0.75).abs() < 1e-12);
        assert!((rate(9.0) - 1.0).abs() < 1e-12);
    }
}
