//! An LFU that counts uses only within the cache, or forgets: between LRU and the perfect LFU.

use super::{ModelCapacity, ModelWritePolicy, Popularity, Prediction, TheoryModel, lru, perfect_lfu};

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "between LRU and perfect LFU",
    reference: "between Che et al. 2002 (LRU) and Breslau et al. 1999 (perfect LFU)",
};

/// The band from LRU to the perfect LFU, with its middle as the value. What a deleted entry does to its count no model says.
#[must_use]
pub fn hit_rate(popularity: &Popularity, capacity: ModelCapacity, on_write: ModelWritePolicy) -> Prediction {
    let lru = lru::hit_rate(popularity, capacity, on_write).value;
    let lfu = perfect_lfu::hit_rate(popularity, capacity).value;
    let (low, high) = (lru.min(lfu), lru.max(lfu));
    Prediction { value: f64::midpoint(low, high), low, high, model: MODEL }
}
