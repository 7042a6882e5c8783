//! Refresh-ahead: an entry that is read in the last part of its TTL is loaded again in the background.
//!
//! A fill at 0 begins a cycle. Reads up to fT hit and change nothing. The first read after fT ends the cycle: before T
//! it hits and starts the refresh, after T it misses. A cycle is therefore 1 + λfT reads long, of which the last
//! is a miss with probability e^{−λ(1−f)T}. A refresh is taken to be over before the next read of its key.

use super::ttl::Ttl;
use super::{Class, Popularity, Prediction, TheoryError, TheoryModel, accept};

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "refresh-ahead",
    reference: "renewal argument after Jung et al., Modeling TTL-based Internet Caches, INFOCOM 2003",
};

/// When entries are refreshed: on a read at an age from `fraction` of the TTL to the TTL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefreshAhead {
    ttl: Ttl,
    fraction: f64,
}

impl RefreshAhead {
    /// Refreshes from `fraction` of the TTL, f, on; the jitter of the TTL is not regarded.
    ///
    /// # Errors
    /// Refuses a fraction outside 0 to 1.
    pub fn new(ttl: Ttl, fraction: f64) -> Result<Self, TheoryError> {
        let good = (0.0..=1.0).contains(&fraction);
        accept(fraction, good, "fraction of the TTL before a refresh", "give a share from 0 to 1")?;
        Ok(Self { ttl, fraction })
    }

    /// Reads of a cycle, 1 + λfT.
    fn cycle(self, class: &Class) -> f64 {
        1.0 + class.reads_per_second * self.fraction * self.ttl.mean_seconds()
    }
}

/// The predicted share of reads that hit: 1 − e^{−λ(1−f)T}/(1+λfT), in a cache with room for everything.
#[must_use]
pub fn hit_rate(popularity: &Popularity, refresh: RefreshAhead) -> Prediction {
    let window = (1.0 - refresh.fraction) * refresh.ttl.mean_seconds();
    let hit = |class: &Class| 1.0 - (-class.reads_per_second * window).exp() / refresh.cycle(class);
    Prediction::point(popularity.share_of_reads(hit), MODEL)
}

/// The predicted loads from the database (misses and refreshes) for each read: 1/(1+λfT).
#[must_use]
pub fn loads_per_read(popularity: &Popularity, refresh: RefreshAhead) -> Prediction {
    let loads = popularity.share_of_reads(|class| 1.0 / refresh.cycle(class));
    Prediction::point(loads, MODEL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::ModelWritePolicy;
    use crate::model::theory::simulation::SplitMix;
    use crate::model::theory::ttl::{self, Clock};
    use proptest::prelude::*;

    #[test]
    fn a_simulated_refresh_ahead_agrees_within_half_a_point() {
        let (ttl, fraction) = (4.0, 0.75);
        let refresh = RefreshAhead::new(Ttl::seconds(ttl).unwrap(), fraction).unwrap();
        let mut random = SplitMix::seeded(5);
        for reads in [0.2, 1.0, 3.0] {
            let (events, mut hits, mut loads) = (400_000, 0, 0);
            let (mut now, mut filled) = (0.0, f64::NEG_INFINITY);
            for _ in 0..events {
                now += random.exponential(reads);
                let age = now - filled;
                hits += i32::from(age < ttl);
                if age >= fraction * ttl {
                    loads += 1;
                    filled = now;
                }
            }
            let popularity = Popularity::reads_only(&[reads]).unwrap();
            let share = |count: i32| f64::from(count) / f64::from(events);
            assert!((share(hits) - hit_rate(&popularity, refresh).value).abs() < 5e-3, "{reads}");
            assert!((share(loads) - loads_per_read(&popularity, refresh).value).abs() < 5e-3, "{reads}");
        }
    }

    /// Computed independently over all 10⁵ ranks: 900 reads a second, a TTL of ten seconds, refreshed from the eighth on.
    #[test]
    fn hits_and_loads_under_zipf_are_those_that_were_computed_independently() {
        let popularity = Popularity::zipf(100_000, 0.99, 900.0, 0.0).unwrap();
        let refresh = RefreshAhead::new(Ttl::seconds(10.0).unwrap(), 0.8).unwrap();
        let (hits, loads) =
            (hit_rate(&popularity, refresh).value, loads_per_read(&popularity, refresh).value);
        assert!((hits - 0.607_341).abs() < 5e-5 && (loads - 0.436_920).abs() < 5e-5, "{hits} {loads}");
    }

    #[test]
    fn a_refresh_at_the_very_end_is_a_plain_ttl() {
        let popularity = Popularity::zipf(1_000, 0.9, 500.0, 0.0).unwrap();
        let ttl = Ttl::seconds(3.0).unwrap();
        let refreshed = hit_rate(&popularity, RefreshAhead::new(ttl, 1.0).unwrap()).value;
        let plain = ttl::hit_rate(&popularity, ttl, Clock::FromFill, ModelWritePolicy::Ignored).value;
        assert!((refreshed - plain).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn refreshing_never_costs_hits_and_never_saves_loads(
            reads in 1e-3..1e3_f64, seconds in 1e-2..1e3_f64, fraction in 0.0..=1.0_f64,
        ) {
            let popularity = Popularity::reads_only(&[reads]).unwrap();
            let ttl = Ttl::seconds(seconds).unwrap();
            let refresh = RefreshAhead::new(ttl, fraction).unwrap();
            let plain = ttl::hit_rate(&popularity, ttl, Clock::FromFill, ModelWritePolicy::Ignored).value;
            let hits = hit_rate(&popularity, refresh).value;
            prop_assert!((plain - 1e-12..=1.0).contains(&hits), "{hits} {plain}");
            let loads = loads_per_read(&popularity, refresh).value;
            prop_assert!((1.0 - plain - 1e-12..=1.0).contains(&loads), "{loads} {plain}");
        }
    }

    #[test]
    fn a_fraction_outside_the_ttl_is_refused() {
        assert!(RefreshAhead::new(Ttl::seconds(1.0).unwrap(), 1.5).is_err());
    }
}
