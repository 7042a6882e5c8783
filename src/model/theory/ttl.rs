//! A cache that is bounded by time alone.
//!
//! With a TTL T that runs from the fill (Jung et al., 2003) an entry lives m = (1−e^{−μT})/μ until it expires or is
//! written, or T without writes, and `renewal` turns that into the share of reads that hit: λT/(1+λT) without
//! writes, a/(1+a) with a = λm where writes delete.
//! With a TTL that runs from the last use (Fofack et al., 2014) the key is cached when its last event within T left it
//! there, as under an LRU whose characteristic time is T.

use super::{Class, ModelWritePolicy, Popularity, Prediction, TheoryError, TheoryModel, accept, renewal};

/// The time that entries live, drawn for each entry evenly from [T·(1−jitter), T].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ttl {
    seconds: f64,
    jitter: f64,
}

/// The event that the time to live is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clock {
    /// From the fill, or from a write that updates the entry.
    FromFill,
    /// From the last read or update (renewed on a hit).
    FromLastUse,
}

impl Ttl {
    /// The same time to live for all entries, in seconds.
    ///
    /// # Errors
    /// Refuses a time that is not positive and finite.
    pub fn seconds(seconds: f64) -> Result<Self, TheoryError> {
        let good = seconds.is_finite() && seconds > 0.0;
        let remedy = "give a positive number of seconds, or use a model without a TTL";
        accept(seconds, good, "TTL in seconds", remedy).map(|seconds| Self { seconds, jitter: 0.0 })
    }

    /// Shortens each entry's time by a random share of up to `jitter`.
    ///
    /// # Errors
    /// Refuses a share outside 0 to 1.
    pub fn with_jitter(self, jitter: f64) -> Result<Self, TheoryError> {
        let remedy = "give a share from 0 to 1";
        accept(jitter, (0.0..=1.0).contains(&jitter), "jitter of the TTL", remedy)
            .map(|jitter| Self { jitter, ..self })
    }

    /// The mean time to live, in seconds.
    #[must_use]
    pub fn mean_seconds(self) -> f64 {
        self.seconds * (1.0 - self.jitter / 2.0)
    }

    /// The longest time to live, T, in seconds.
    #[must_use]
    pub fn longest_seconds(self) -> f64 {
        self.seconds
    }

    /// The mean of min(TTL, X) for X exponential with the rate, in seconds.
    pub(super) fn mean_cut_life(self, rate: f64) -> f64 {
        let spread = rate * self.seconds * self.jitter;
        if spread < 1e-6 {
            return renewal::mean_cut_life(rate, self.mean_seconds());
        }
        // E[e^{−rate·TTL}] over the even distribution, arranged so that no factor overflows.
        let shortest = (-rate * self.seconds * (1.0 - self.jitter)).exp();
        let reaches_end = shortest * -(-spread).exp_m1() / spread;
        (1.0 - reaches_end) / rate
    }

    /// The mean of `of_seconds` over the times to live (four-point Gauss–Legendre).
    pub(super) fn mean(self, of_seconds: impl Fn(f64) -> f64) -> f64 {
        if self.jitter == 0.0 {
            return of_seconds(self.seconds);
        }
        let weighted =
            |&(at, weight): &(f64, f64)| weight * of_seconds(self.seconds * (1.0 - self.jitter * at));
        GAUSS.iter().map(weighted).sum()
    }
}

/// Abscissas and weights of the four-point Gauss–Legendre rule on [0, 1].
pub(super) const GAUSS: [(f64, f64); 4] = [
    (0.069_431_844_202_973_71, 0.173_927_422_568_726_93),
    (0.330_009_478_207_571_87, 0.326_072_577_431_273_07),
    (0.669_990_521_792_428_1, 0.326_072_577_431_273_07),
    (0.930_568_155_797_026_3, 0.173_927_422_568_726_93),
];

/// A TTL that runs from the fill.
pub const FROM_FILL: TheoryModel = TheoryModel {
    name: "TTL from fill",
    reference: "Jung et al., Modeling TTL-based Internet Caches, INFOCOM 2003",
};

/// A TTL that runs from the last use.
pub const FROM_LAST_USE: TheoryModel = TheoryModel {
    name: "TTL renewed on use",
    reference: "Fofack et al., Performance Evaluation of Hierarchical TTL-based Cache Networks, 2014",
};

/// The predicted share of reads that hit, in a cache with room for everything.
#[must_use]
pub fn hit_rate(popularity: &Popularity, ttl: Ttl, clock: Clock, on_write: ModelWritePolicy) -> Prediction {
    let value = popularity.share_of_reads(|class| occupancy(class, ttl, clock, on_write));
    let model = match clock {
        Clock::FromFill => FROM_FILL,
        Clock::FromLastUse => FROM_LAST_USE,
    };
    Prediction::point(value, model)
}

fn occupancy(class: &Class, ttl: Ttl, clock: Clock, on_write: ModelWritePolicy) -> f64 {
    let Class { reads_per_second: reads, writes_per_second: writes, .. } = *class;
    match (clock, on_write) {
        (Clock::FromFill, _) => {
            let life = ttl.mean_cut_life(renewal::ending_writes(class, on_write));
            renewal::occupancy(class, on_write, life)
        }
        (Clock::FromLastUse, ModelWritePolicy::Ignored) => reads * ttl.mean_cut_life(reads),
        (Clock::FromLastUse, ModelWritePolicy::Updates) => {
            (reads + writes) * ttl.mean_cut_life(reads + writes)
        }
        (Clock::FromLastUse, ModelWritePolicy::Deletes) => reads * ttl.mean_cut_life(reads + writes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::simulation::TheorySimulation;
    use proptest::prelude::*;

    const CLOCKS: [Clock; 2] = [Clock::FromFill, Clock::FromLastUse];
    const ON_WRITE: [ModelWritePolicy; 3] =
        [ModelWritePolicy::Ignored, ModelWritePolicy::Updates, ModelWritePolicy::Deletes];

    fn one_key(reads: f64, writes: f64) -> Popularity {
        Popularity::of_keys(&[reads], &[writes]).unwrap()
    }

    #[test]
    fn one_key_follows_the_published_formulas() {
        let (reads, writes, seconds) = (0.7_f64, 0.2_f64, 5.0_f64);
        let ttl = Ttl::seconds(seconds).unwrap();
        let rate = |clock, on_write| hit_rate(&one_key(reads, writes), ttl, clock, on_write).value;
        let a = reads * (1.0 - (-writes * seconds).exp()) / writes;
        assert!((rate(Clock::FromFill, ModelWritePolicy::Ignored) - 3.5 / 4.5).abs() < 1e-12);
        assert!((rate(Clock::FromFill, ModelWritePolicy::Deletes) - a / (1.0 + a)).abs() < 1e-12);
        assert!(
            (rate(Clock::FromLastUse, ModelWritePolicy::Ignored) - (1.0 - (-3.5_f64).exp())).abs() < 1e-12
        );
    }

    /// Computed independently over all 10⁵ ranks: 900 reads and 100 writes a second, a TTL of ten seconds.
    #[test]
    fn the_hit_rates_under_zipf_are_those_that_were_computed_independently() {
        let popularity = Popularity::zipf(100_000, 0.99, 900.0, 100.0).unwrap();
        let ttl = Ttl::seconds(10.0).unwrap();
        for (on_write, expected) in
            [(ModelWritePolicy::Ignored, 0.581_755), (ModelWritePolicy::Deletes, 0.541_833)]
        {
            let predicted = hit_rate(&popularity, ttl, Clock::FromFill, on_write).value;
            assert!((predicted - expected).abs() < 5e-5, "{on_write:?}: {predicted} {expected}");
        }
    }

    #[test]
    fn a_simulated_ttl_agrees_within_half_a_point() {
        for clock in CLOCKS {
            for on_write in ON_WRITE {
                for jitter in [0.0, 0.6] {
                    let ttl = Ttl::seconds(3.0).unwrap().with_jitter(jitter).unwrap();
                    let simulation = TheorySimulation::unbounded().on_write(on_write).expiring(ttl, clock);
                    let measured = simulation.hit_rate();
                    let predicted = hit_rate(&simulation.popularity, ttl, clock, on_write).value;
                    assert!(
                        (measured - predicted).abs() < 5e-3,
                        "{clock:?} {on_write:?} {jitter}: {measured} {predicted}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_ttl_of_nothing_is_refused_with_the_remedy() {
        assert!(Ttl::seconds(0.0).unwrap_err().to_string().contains("positive number of seconds"));
        assert!(Ttl::seconds(f64::NAN).is_err() && Ttl::seconds(f64::INFINITY).is_err());
        assert!(Ttl::seconds(1.0).unwrap().with_jitter(1.1).is_err());
    }

    proptest! {
        #[test]
        fn hit_rates_are_shares_and_grow_with_the_ttl(
            reads in 1e-3..1e3_f64, writes in 0.0..1e3_f64, seconds in 1e-3..1e4_f64, jitter in 0.0..=1.0_f64,
            clock in prop::sample::select(&CLOCKS), on_write in prop::sample::select(&ON_WRITE),
        ) {
            let rate = |seconds| {
                let ttl = Ttl::seconds(seconds).unwrap().with_jitter(jitter).unwrap();
                hit_rate(&one_key(reads, writes), ttl, clock, on_write).value
            };
            prop_assert!((0.0..=1.0).contains(&rate(seconds)));
            prop_assert!(rate(seconds * 1.5) >= rate(seconds) - 1e-9);
        }

        #[test]
        fn for_ever_is_a_cache_in_which_only_deletes_miss(reads in 0.1..10.0_f64, writes in 0.1..10.0_f64) {
            for clock in CLOCKS {
                let ttl = Ttl::seconds(1e12).unwrap();
                let rate = |on_write| hit_rate(&one_key(reads, writes), ttl, clock, on_write).value;
                prop_assert!(rate(ModelWritePolicy::Ignored) > 1.0 - 1e-9 && rate(ModelWritePolicy::Updates) > 1.0 - 1e-9);
                prop_assert!((rate(ModelWritePolicy::Deletes) - reads / (reads + writes)).abs() < 1e-9);
            }
        }
    }
}
