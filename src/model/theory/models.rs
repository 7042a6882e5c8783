//! The list of the models, which reports name.

use super::{
    TheoryModel, both, counted_lfu, fifo, lru, perfect_lfu, random, refresh_ahead, sampled_lru, staleness,
    ttl, write_behind,
};

/// All models, each under a name of its own.
pub const MODELS: [TheoryModel; 12] = [
    perfect_lfu::MODEL,
    lru::MODEL,
    counted_lfu::MODEL,
    sampled_lru::MODEL,
    fifo::MODEL,
    random::MODEL,
    ttl::FROM_FILL,
    ttl::FROM_LAST_USE,
    both::MODEL,
    refresh_ahead::MODEL,
    staleness::MODEL,
    write_behind::MODEL,
];

/// Where a model comes from, by its name.
#[must_use]
pub fn reference(name: &str) -> Option<&'static str> {
    MODELS.iter().find(|model| model.name == name).map(|model| model.reference)
}
