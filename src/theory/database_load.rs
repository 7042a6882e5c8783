//! What reaches the database behind a cache.

use super::refresh_ahead::{self, RefreshAhead};
use super::write_behind::{self, Flushing};
use super::{Popularity, Prediction};

/// Operations that reach the database.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatabaseLoad {
    /// Reads per second.
    pub reads_per_second: f64,
    /// Writes per second.
    pub writes_per_second: f64,
}

/// Every miss is one read of the database, and every write one write: cache-aside, read-through and write-through,
/// where misses of one key at the same moment are rare.
#[must_use]
pub fn of_misses(popularity: &Popularity, hit_rate: Prediction) -> DatabaseLoad {
    DatabaseLoad {
        reads_per_second: popularity.reads_per_second() * (1.0 - hit_rate.value),
        writes_per_second: popularity.writes_per_second(),
    }
}

/// As [`of_misses`], with writes that a flush brings together.
#[must_use]
pub fn behind_flushes(popularity: &Popularity, hit_rate: Prediction, flushing: Flushing) -> DatabaseLoad {
    let writes_per_second = write_behind::database_writes_per_second(popularity, flushing);
    DatabaseLoad { writes_per_second, ..of_misses(popularity, hit_rate) }
}

/// As [`of_misses`], with the refreshes' reads on top of the misses'.
#[must_use]
pub fn with_refreshes(popularity: &Popularity, refresh: RefreshAhead) -> DatabaseLoad {
    DatabaseLoad {
        reads_per_second: popularity.reads_per_second()
            * refresh_ahead::loads_per_read(popularity, refresh).value,
        writes_per_second: popularity.writes_per_second(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::ttl::Ttl;
    use crate::theory::{Capacity, perfect_lfu};

    #[test]
    fn the_database_sees_the_misses_and_all_writes() {
        let popularity = Popularity::of_keys(&[6.0, 3.0, 1.0], &[1.0, 1.0, 0.5]).unwrap();
        let load =
            of_misses(&popularity, perfect_lfu::hit_rate(&popularity, Capacity::entries(1.0).unwrap()));
        assert!((load.reads_per_second - 4.0).abs() < 1e-12 && (load.writes_per_second - 2.5).abs() < 1e-12);
    }

    #[test]
    fn flushes_write_less_and_refreshes_read_more() {
        let popularity = Popularity::zipf(1_000, 0.99, 900.0, 100.0).unwrap();
        let refresh = RefreshAhead::new(Ttl::seconds(5.0).unwrap(), 0.8).unwrap();
        let hits = refresh_ahead::hit_rate(&popularity, refresh);
        let plain = of_misses(&popularity, hits);
        assert!(with_refreshes(&popularity, refresh).reads_per_second > plain.reads_per_second);
        let flushed = behind_flushes(&popularity, hits, Flushing::new(1.0, 0.1).unwrap());
        assert!(flushed.writes_per_second < plain.writes_per_second);
        assert!((flushed.reads_per_second - plain.reads_per_second).abs() < 1e-12);
    }
}
