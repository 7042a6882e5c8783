//! Hot keys that are replaced by others, as when a new season's products take the place of the old ones.
//!
//! A shift is a permutation of the ranks that swaps some hot ones with cold ones. Which hot ranks it takes is a systematic
//! sample with a random start: every rank is as likely as any other to be taken, exactly as many are taken as were asked
//! for, and they lie evenly between hot and less hot, so that they take about the same share of the requests.

use std::num::NonZeroU64;

use super::super::bijection::Bijection;
use super::super::random::mix;

/// One such permutation. It is its own inverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankShift {
    /// The hot ranks are those below this.
    hot: u64,
    /// So many of them are swapped.
    moved: u64,
    /// Where the sample begins, below `hot`.
    start: u64,
    /// Draws which cold ranks come in their place.
    cold: Bijection,
}

impl RankShift {
    /// Swaps a `share` of the `hot` first of all ranks with others, which the seed draws; `None` where that moves none, as
    /// where there are no others.
    #[must_use]
    pub fn new(hot: u64, keys: NonZeroU64, share: f64, seed: u64) -> Option<Self> {
        let others = NonZeroU64::new(keys.get().saturating_sub(hot))?;
        let moved = ((hot as f64 * share).round() as u64).min(hot).min(others.get());
        (moved > 0).then(|| Self { hot, moved, start: mix(seed) % hot, cold: Bijection::new(others, seed) })
    }

    /// The number of hot ranks that are swapped.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// The rank in whose place this one comes.
    #[inline]
    #[must_use]
    pub fn of(&self, rank: u64) -> u64 {
        if rank >= self.hot {
            let number = self.cold.backward(rank - self.hot);
            return if number < self.moved { self.rank_of(number) } else { rank };
        }
        let number = self.taken_before(rank);
        if self.taken_before(rank + 1) > number { self.hot + self.cold.forward(number) } else { rank }
    }

    /// How many of the ranks below this one are taken.
    #[inline]
    fn taken_before(&self, rank: u64) -> u64 {
        // Both factors may be 2^64, so their product needs twice as many bits.
        ((u128::from(rank) * u128::from(self.moved) + u128::from(self.start)) / u128::from(self.hot)) as u64
    }

    /// The rank that is taken as number 0, 1, 2, …
    #[inline]
    fn rank_of(&self, number: u64) -> u64 {
        let from = (u128::from(number) + 1) * u128::from(self.hot) - u128::from(self.start);
        (from.div_ceil(u128::from(self.moved)) - 1) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_shift_swaps_as_many_hot_ranks_as_asked_for_with_cold_ones_and_nothing_else(
            keys in 2_u64..2_000,
            hot_share in 0.001_f64..0.9,
            share in 0.0_f64..=1.0,
            seed: u64,
        ) {
            let hot = ((keys as f64 * hot_share) as u64).max(1);
            let wanted = ((hot as f64 * share).round() as u64).min(keys - hot);
            let shift = RankShift::new(hot, NonZeroU64::new(keys).unwrap(), share, seed);
            prop_assert_eq!(shift.map_or(0, |shift| shift.moved()), wanted);
            let Some(shift) = shift else { return Ok(()) };
            let mut moved = 0;
            for rank in 0..keys {
                let other = shift.of(rank);
                prop_assert!(other < keys && shift.of(other) == rank, "{rank} {other}");
                if other != rank {
                    prop_assert!((rank < hot) != (other < hot), "{rank} and {other} are on one side of {hot}");
                    moved += u64::from(rank < hot);
                }
            }
            prop_assert_eq!(moved, wanted);
        }
    }

    #[test]
    fn every_hot_rank_is_taken_as_often_as_any_other() {
        let keys = NonZeroU64::new(1_000).unwrap();
        let mut taken = [0_u32; 10];
        for seed in 0..10_000 {
            let shift = RankShift::new(10, keys, 0.3, seed).unwrap();
            for (rank, count) in (0..).zip(&mut taken) {
                *count += u32::from(shift.of(rank) != rank);
            }
        }
        assert!(taken.iter().all(|count| count.abs_diff(3_000) < 250), "{taken:?}");
    }
}
