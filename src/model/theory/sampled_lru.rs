//! Redis' approximate LRU: between LRU and random eviction.
//!
//! Redis evicts the longest unused of a few sampled entries by a clock that ticks once a second. A cache that turns
//! over within seconds gives most entries the same age, and the victim is then nearly random; one that turns over
//! slowly is an LRU within about a point.

use super::{ModelCapacity, ModelWritePolicy, Popularity, Prediction, TheoryModel, lru, random};

/// Ages of entries, in ticks of Redis' clock, from which its LRU is treated as an exact one.
const SETTLED_SECONDS: f64 = 30.0;

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "Redis LRU",
    reference: "between Che et al. 2002 (LRU) and Garetto et al. 2016 (random)",
};

/// The predicted share of reads that hit: LRU's where an unused entry stays for 30 s or more, otherwise the band from
/// random eviction to LRU with its middle as the value.
#[must_use]
pub fn hit_rate(popularity: &Popularity, capacity: ModelCapacity, on_write: ModelWritePolicy) -> Prediction {
    let exact = lru::hit_rate(popularity, capacity, on_write);
    let named = Prediction { model: MODEL, ..exact };
    if lru::characteristic_time(popularity, capacity, on_write) >= SETTLED_SECONDS {
        return named;
    }
    let random = random::hit_rate(popularity, capacity, on_write).value;
    let (low, high) = (exact.value.min(random), exact.value.max(random));
    Prediction { value: f64::midpoint(low, high), low, high, ..named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_turns_over_within_seconds_is_given_a_band_and_a_slow_one_a_value() {
        let capacity = ModelCapacity::entries(600.0).unwrap();
        let fast = hit_rate(
            &Popularity::zipf(100_000, 0.99, 94_000.0, 0.0).unwrap(),
            capacity,
            ModelWritePolicy::Ignored,
        );
        let slow = hit_rate(
            &Popularity::zipf(100_000, 0.99, 10.0, 0.0).unwrap(),
            capacity,
            ModelWritePolicy::Ignored,
        );
        // Measured at this capacity and rate: 39.5 %.
        assert!((fast.low - 0.399).abs() < 1e-3 && (fast.high - 0.440).abs() < 1e-3, "{fast:?}");
        assert!(fast.distance(0.395).abs() < 0.02);
        assert!((slow.low - slow.high).abs() < 1e-12 && (slow.value - fast.high).abs() < 1e-9, "{slow:?}");
    }
}
