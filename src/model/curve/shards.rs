//! A sample of the keys that stands for all of them.

use std::num::NonZeroU32;

use super::{StreamTotals, Tally};
use crate::base::hash::mix;

/// The number of bits that tell rates apart: 2 to this power is P of the paper.
const MODULUS_BITS: u32 = 24;
const MODULUS: u64 = 1 << MODULUS_BITS;
/// Entries a capacity should be left with. Of twelve samples of a tenth of 10⁵ keys, with Zipf's
/// popularities of exponent 0.99, all were within 0.9 points of the exact hit rate at 1000 scaled entries
/// or more, the worst was off by 2.2 points at 300, and by 4.3 at 100.
const ENOUGH_ENTRIES: u32 = 1000;
/// Makes the sampling independent of what policies do with the hash of a key: if all sampled keys had
/// small hashes, they would meet in few places of a policy's tables.
const SALT: u64 = 0x5348_4152_4453;

/// SHARDS, with a fixed rate: all accesses to a key are kept or none, by its hash, and a cache of the
/// kept keys with the same share of the entries hits about as the whole does. Hits are estimated with
/// the correction SHARDS-adj: where the kept keys are more or less popular than they should be, the
/// difference in reads counts as hits at every capacity, since popular keys do hit. The paper's traces remove
/// nothing; where removals come at random among a key's reads, a read of a popular key hits if the key was read, and
/// not removed, last: as often as reads are among both.
///
/// Waldspurger, Park, Garthwaite and Ahmad, "Efficient MRC construction with SHARDS", FAST 2015; for
/// policies other than LRU: Waldspurger, Saemundsson, Ahmad and Park, "Cache modeling and optimization
/// using miniature simulations", USENIX ATC 2017.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    threshold: u64,
}

/// A rate that is no share of the keys, or too small to be told from none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a sampling rate: choose one above 0 (0.000001 at least), up to 1")]
pub struct RateOutOfRange(pub f64);

impl Sampling {
    /// All keys.
    pub const ALL: Self = Self { threshold: MODULUS };

    /// A share of the keys.
    pub fn new(rate: f64) -> Result<Self, RateOutOfRange> {
        let threshold = (rate * MODULUS as f64).round();
        let valid = (1.0..=MODULUS as f64).contains(&threshold);
        if valid { Ok(Self { threshold: threshold as u64 }) } else { Err(RateOutOfRange(rate)) }
    }

    /// The share of the keys.
    #[must_use]
    pub fn rate(self) -> f64 {
        self.threshold as f64 / MODULUS as f64
    }

    /// Returns true if the accesses to a key are kept.
    #[inline]
    #[must_use]
    pub fn keeps(self, key: u64) -> bool {
        mix(key ^ SALT) >> (u64::BITS - MODULUS_BITS) < self.threshold
    }

    /// The capacity that stands for one: its share, and one entry at least.
    #[must_use]
    pub fn scaled(self, capacity: NonZeroU32) -> NonZeroU32 {
        let scaled = (f64::from(capacity.get()) * self.rate()).round() as u32;
        NonZeroU32::new(scaled).unwrap_or(NonZeroU32::MIN)
    }

    /// Returns true if the hit rate at a capacity is estimated within a point or so: it is where all
    /// keys are kept, or enough entries are left of the capacity.
    #[must_use]
    pub fn is_good_at(self, capacity: NonZeroU32) -> bool {
        self == Self::ALL || self.scaled(capacity).get() >= ENOUGH_ENTRIES
    }

    /// The hits among all reads, from what the kept ones came to.
    #[must_use]
    pub fn hits(self, kept: Tally, all: StreamTotals) -> u64 {
        let surplus = all.reads as f64 * self.rate() - kept.reads as f64;
        // Without a read there is no surplus.
        let hitting = surplus * all.reads as f64 / (all.reads + all.removals).max(1) as f64;
        let hits = (kept.hits as f64 + hitting) / self.rate();
        (hits.round().max(0.0) as u64).min(all.reads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::curve::testing::zipf;
    use crate::model::curve::{Access, Keys, StackDistances, WritePolicy};

    #[test]
    fn the_share_of_kept_keys_is_the_rate() {
        let sampling = Sampling::new(0.1).expect("a rate");
        let kept = (0..1_000_000).filter(|&key| sampling.keeps(key)).count();
        // Five standard deviations of a binomial (10⁶, 0.1).
        assert!(kept.abs_diff(100_000) < 1500, "{kept}");
        assert!((0..1000).all(|key| Sampling::ALL.keeps(key)));
    }

    #[test]
    fn a_rate_is_above_zero_and_at_most_one() {
        for rate in [0.0, -0.1, 1.1, 1e-9, f64::NAN] {
            assert!(Sampling::new(rate).is_err(), "{rate}");
        }
        assert_eq!(Sampling::new(1.0), Ok(Sampling::ALL));
    }

    #[test]
    fn without_sampling_hits_are_what_was_counted() {
        assert_eq!(
            Sampling::ALL.hits(Tally { reads: 10, hits: 7 }, StreamTotals { reads: 10, removals: 5 }),
            7
        );
    }

    #[test]
    fn a_missing_popular_key_is_made_up_for() {
        let half = Sampling::new(0.5).expect("a rate");
        // 500 reads of 1000 should have been kept: the 100 that were not would have hit.
        let kept = Tally { reads: 400, hits: 100 };
        assert_eq!(half.hits(kept, StreamTotals { reads: 1000, removals: 0 }), 400);
        // Every second of them would have found its key removed.
        assert_eq!(half.hits(kept, StreamTotals { reads: 1000, removals: 1000 }), 300);
    }

    #[test]
    fn a_sample_is_good_where_it_leaves_enough_entries() {
        let (tenth, entries) =
            (Sampling::new(0.1).expect("a rate"), |entries| NonZeroU32::new(entries).expect("some"));
        assert!(tenth.is_good_at(entries(10_000)) && !tenth.is_good_at(entries(9000)));
        assert!(Sampling::ALL.is_good_at(entries(1)));
    }

    #[test]
    fn a_tenth_of_the_keys_gives_the_curve_within_one_point() {
        let reads = zipf(100_000, 0.99, 11).map(Access::read);
        assert_near_the_exact_curve(reads.take(2_000_000));
    }

    #[test]
    fn so_it_does_where_every_second_access_removes_its_key() {
        let access = |(number, key): (u64, u64)| {
            if mix(number).is_multiple_of(2) { Access::write(key) } else { Access::read(key) }
        };
        let accesses = (0..).zip(zipf(100_000, 0.99, 11)).map(access);
        assert_near_the_exact_curve(accesses.take(4_000_000));
    }

    fn assert_near_the_exact_curve(accesses: impl Iterator<Item = Access>) {
        let (sampling, keys) = (Sampling::new(0.1).expect("a rate"), Keys::Numbered(100_000));
        let mut exact = StackDistances::new(WritePolicy::Invalidate, keys);
        let mut sampled = StackDistances::new(WritePolicy::Invalidate, keys);
        let mut all = StreamTotals::default();
        for access in accesses {
            all.count(WritePolicy::Invalidate, access.kind);
            exact.access(access);
            if sampling.keeps(access.key) {
                sampled.access(access);
            }
        }
        for capacity in [1000, 3000, 10_000, 20_000, 30_000, 50_000, 70_000, 100_000] {
            let capacity = NonZeroU32::new(capacity).expect("one or more");
            let hits = exact.tally(capacity).hits;
            let estimated = sampling.hits(sampled.tally(sampling.scaled(capacity)), all);
            let difference = (estimated as f64 - hits as f64) / all.reads as f64;
            assert!(difference.abs() < 0.01, "{capacity} entries: {difference:+.4}");
        }
    }
}
