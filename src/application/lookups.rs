//! The answers to the lookups of one batch.

use crate::strategy::ReadOutcome;

/// The outcomes, the slowest first: where one key of a batch was bypassed or missed, the whole batch has waited for that.
const SLOWEST_FIRST: [ReadOutcome; 4] =
    [ReadOutcome::Bypassed, ReadOutcome::Miss, ReadOutcome::Hit, ReadOutcome::NegativeHit];

/// How the lookups of one batch were answered. There is one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookups([u16; SLOWEST_FIRST.len()]);

impl Lookups {
    /// Counts lookups; `None` where there are none.
    #[must_use]
    pub fn of(outcomes: &[ReadOutcome]) -> Option<Self> {
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        let counts = SLOWEST_FIRST.map(|wanted| u16::try_from(count(wanted)).unwrap_or(u16::MAX));
        (!outcomes.is_empty()).then_some(Self(counts))
    }

    /// The outcome of the batch as a whole: that of its slowest lookup, so that only a batch of which the cache answered
    /// every key is a hit.
    #[must_use]
    pub fn whole(self) -> ReadOutcome {
        let slowest = SLOWEST_FIRST.into_iter().zip(self.0).find(|(_, count)| *count > 0);
        slowest.map_or(ReadOutcome::Hit, |(outcome, _)| outcome)
    }

    /// The lookups besides the one that the outcome of the whole stands for.
    pub fn further(self) -> impl Iterator<Item = (ReadOutcome, u64)> {
        let whole = self.whole();
        let besides = move |(outcome, count)| (outcome, u64::from(count) - u64::from(outcome == whole));
        SLOWEST_FIRST.into_iter().zip(self.0).map(besides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_hit_only_if_the_cache_answered_every_key_and_counts_each_of_them() {
        use ReadOutcome::{Bypassed, Hit, Miss, NegativeHit};
        for (outcomes, whole) in [
            (vec![Hit, Hit], Hit),
            (vec![NegativeHit, Hit], Hit),
            (vec![NegativeHit, NegativeHit], NegativeHit),
            (vec![Hit, Miss, Hit], Miss),
            (vec![Miss, Bypassed, Hit], Bypassed),
        ] {
            let lookups = Lookups::of(&outcomes).unwrap();
            assert_eq!(lookups.whole(), whole, "{outcomes:?}");
            let mut counted: Vec<ReadOutcome> = vec![whole];
            for (outcome, count) in lookups.further() {
                counted.extend(std::iter::repeat_n(outcome, count as usize));
            }
            let count = |all: &[ReadOutcome], one| all.iter().filter(|outcome| **outcome == one).count();
            for one in SLOWEST_FIRST {
                assert_eq!(count(&counted, one), count(&outcomes, one), "{one:?} of {outcomes:?}");
            }
        }
        assert_eq!(Lookups::of(&[]), None);
    }
}
