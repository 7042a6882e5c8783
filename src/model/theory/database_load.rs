//! The reads of a database behind a cache, per second.

use super::refresh_ahead::{self, RefreshAhead};
use super::{Popularity, Prediction};

/// Every miss is one read of the database, where misses of one key at the same moment are rare.
#[must_use]
pub fn of_misses(popularity: &Popularity, hit_rate: Prediction) -> f64 {
    popularity.reads_per_second() * (1.0 - hit_rate.value)
}

/// As [`of_misses`], where a write builds on the entity as the cache has it, and loads it first where it does not: it
/// finds its key cached as often as a read does, as long as writes are spread over the keys as reads are.
#[must_use]
pub fn of_misses_of_reads_and_writes(popularity: &Popularity, hit_rate: Prediction) -> f64 {
    of_misses(popularity, hit_rate) + popularity.writes_per_second() * (1.0 - hit_rate.value)
}

/// As [`of_misses`], with the refreshes' reads on top of the misses'.
#[must_use]
pub fn of_misses_and_refreshes(popularity: &Popularity, refresh: RefreshAhead) -> f64 {
    popularity.reads_per_second() * refresh_ahead::loads_per_read(popularity, refresh).value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::ttl::Ttl;
    use crate::model::theory::{ModelCapacity, perfect_lfu};

    #[test]
    fn the_database_sees_the_misses_of_reads_and_of_writes_that_build_on_what_is_cached() {
        let popularity = Popularity::of_keys(&[6.0, 3.0, 1.0], &[0.6, 0.3, 0.1]).unwrap();
        let hits = perfect_lfu::hit_rate(&popularity, ModelCapacity::entries(1.0).unwrap());
        assert!((of_misses(&popularity, hits) - 4.0).abs() < 1e-12);
        assert!((of_misses_of_reads_and_writes(&popularity, hits) - 4.4).abs() < 1e-12);
    }

    #[test]
    fn refreshes_read_on_top_of_the_misses() {
        let popularity = Popularity::zipf(1_000, 0.99, 900.0, 0.0).unwrap();
        let refresh = RefreshAhead::new(Ttl::seconds(5.0).unwrap(), 0.8).unwrap();
        let misses = of_misses(&popularity, refresh_ahead::hit_rate(&popularity, refresh));
        let share = |class: &crate::model::theory::Class| 1.0 / (1.0 + class.reads_per_second * 4.0);
        let loads = 900.0 * popularity.share_of_reads(share);
        assert!((of_misses_and_refreshes(&popularity, refresh) - loads).abs() < 1e-9 && loads > misses);
    }
}
