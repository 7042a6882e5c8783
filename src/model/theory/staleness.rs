//! Stale reads where nothing but the TTL ends an entry's life.
//!
//! A miss at 0 fetches the current value, and hits until T return it. A hit at age x is stale when a write came before
//! it, with probability 1 − e^{−μx}. In a cycle of 1 + λT reads, λ∫₀ᵀ(1 − e^{−μx})dx = λ[T − (1−e^{−μT})/μ] are stale.

use super::ttl::Ttl;
use super::{Class, Popularity, Prediction, TheoryModel};

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "stale share under a TTL",
    reference: "renewal argument after Jung et al., Modeling TTL-based Internet Caches, INFOCOM 2003",
};

/// The predicted share of all reads that return an old value, for a TTL that runs from the fill in a cache with
/// room for everything, when writes do not reach the cache: λ[T − (1−e^{−μT})/μ]/(1+λT).
#[must_use]
pub fn stale_share(popularity: &Popularity, ttl: Ttl) -> Prediction {
    let stale = |class: &Class| {
        let (reads, seconds) = (class.reads_per_second, ttl.mean_seconds());
        reads * (seconds - ttl.mean_cut_life(class.writes_per_second)) / (1.0 + reads * seconds)
    };
    Prediction::point(popularity.share_of_reads(stale), MODEL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::ModelWritePolicy;
    use crate::model::theory::simulation::TheorySimulation;
    use crate::model::theory::ttl::{self, Clock};
    use proptest::prelude::*;

    #[test]
    fn a_simulated_cache_is_as_stale_within_half_a_point() {
        for (seconds, jitter) in [(0.5, 0.0), (4.0, 0.0), (4.0, 0.8)] {
            let ttl = Ttl::seconds(seconds).unwrap().with_jitter(jitter).unwrap();
            let simulation = TheorySimulation::unbounded()
                .on_write(ModelWritePolicy::Ignored)
                .expiring(ttl, Clock::FromFill);
            let measured = simulation.stale_share();
            let predicted = stale_share(&simulation.popularity, ttl).value;
            assert!((measured - predicted).abs() < 5e-3, "{seconds} {jitter}: {measured} {predicted}");
        }
    }

    /// Computed independently over all 10⁵ ranks: 900 reads and 100 writes a second, a TTL of ten seconds.
    #[test]
    fn the_stale_share_under_zipf_is_the_one_that_was_computed_independently() {
        let popularity = Popularity::zipf(100_000, 0.99, 900.0, 100.0).unwrap();
        let predicted = stale_share(&popularity, Ttl::seconds(10.0).unwrap()).value;
        assert!((predicted - 0.349_239).abs() < 5e-5, "{predicted}");
    }

    proptest! {
        #[test]
        fn the_stale_are_among_the_hits_and_grow_with_the_ttl_and_the_writes(
            reads in 1e-3..1e3_f64, writes in 0.0..1e3_f64, seconds in 1e-2..1e3_f64,
        ) {
            let stale = |writes: f64, seconds: f64| {
                let popularity = Popularity::of_keys(&[reads], &[writes]).unwrap();
                let ttl = Ttl::seconds(seconds).unwrap();
                let hits = ttl::hit_rate(&popularity, ttl, Clock::FromFill, ModelWritePolicy::Ignored).value;
                (stale_share(&popularity, ttl).value, hits)
            };
            let (share, hits) = stale(writes, seconds);
            prop_assert!(share >= 0.0 && share <= hits + 1e-12, "{share} {hits}");
            prop_assert!(stale(writes, seconds * 2.0).0 >= share - 1e-9);
            prop_assert!(stale(writes * 2.0, seconds).0 >= share - 1e-9);
        }
    }

    #[test]
    fn nothing_is_stale_without_writes_and_at_most_every_hit_with_them() {
        let ttl = Ttl::seconds(10.0).unwrap();
        assert!(stale_share(&Popularity::uniform(5, 10.0, 0.0).unwrap(), ttl).value.abs() < 1e-12);
        let busy = Popularity::uniform(5, 10.0, 1e9).unwrap();
        let hits = ttl::hit_rate(&busy, ttl, Clock::FromFill, ModelWritePolicy::Ignored).value;
        assert!((stale_share(&busy, ttl).value - hits).abs() < 1e-6);
    }
}
