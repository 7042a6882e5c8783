//! `zipf-one-hit`: Zipf beside one-hit wonders, which are asked for and then not again for long.
//!
//! Some of the keys are set aside. Requests for them walk through these one after another, so that none comes a second time before
//! as many operations have passed as there are such keys. They fill a cache with what nobody asks for again, which tells
//! policies that admit everything from those that do not.

use std::num::NonZeroU64;

use super::super::random::Xoroshiro;
use super::sequential;
use super::zipf::ZipfRanks;
use crate::base::units::Share;
use crate::scenario::{PositiveNumber, Reader, Settings};

crate::settings! {
    /// The settings of `zipf-one-hit`.
    pub struct ZipfOneHit {
        /// the exponent s of the other keys: the larger, the more requests go to the hottest
        exponent: PositiveNumber = PositiveNumber(0.99),
        /// the share of all requests that ask for a one-hit wonder, from 0 to 1
        one_hit_share: Share = Share::new(0.2).unwrap_or(Share::NONE),
        /// the share of all keys that are set aside for them, above 0 and below 1: the more, the longer until one comes again
        one_hit_keys: Share = Share::new(0.5).unwrap_or(Share::NONE),
    }
}

/// Reads the settings, and refuses to set all keys aside, or none.
pub(super) fn read_checked(reader: &Reader<'_>) -> ZipfOneHit {
    let settings = ZipfOneHit::read(reader);
    let aside = settings.one_hit_keys.get();
    if aside <= 0.0 || aside >= 1.0 {
        let help = "give a share above 0 and below 1; without one-hit wonders use distribution = \"zipf\"";
        let message = format!("{aside} of the keys leave none for one of the two kinds of request");
        reader.wrong("one_hit_keys", message, Some(help.into()));
    }
    settings
}

/// Draws ranks: first those of the keys that are asked for by Zipf, then those of the one-hit wonders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZipfOneHitRanks {
    zipf: ZipfRanks,
    others: u64,
    /// `None` where there are too few keys to set any aside.
    once: Option<NonZeroU64>,
    share: f64,
}

impl ZipfOneHitRanks {
    /// `one_hit_keys` of `keys` are set aside for `one_hit_share` of the requests.
    #[must_use]
    pub fn new(keys: NonZeroU64, settings: &ZipfOneHit) -> Self {
        let aside = (keys.get() as f64 * settings.one_hit_keys.get()).round() as u64;
        let once = aside.min(keys.get() - 1);
        let others = keys.get() - once;
        let (once, share) = match NonZeroU64::new(once) {
            Some(once) => (Some(once), settings.one_hit_share.get()),
            None => (None, 0.0),
        };
        let zipf = ZipfRanks::new(NonZeroU64::new(others).unwrap_or(NonZeroU64::MIN), settings.exponent.0);
        Self { zipf, others, once, share }
    }

    /// The rank of operation `sequence` of `client` (of `clients`), counted from 0.
    #[inline]
    #[must_use]
    pub fn sample(&self, random: &mut Xoroshiro, client: u64, sequence: u64, clients: u64) -> u64 {
        match self.once {
            Some(once) if random.unit() < self.share => {
                self.others + sequential::key(once, client, sequence, clients)
            }
            _ => self.zipf.sample(random),
        }
    }

    /// The share of the operations that ask for a rank below the number of keys.
    #[must_use]
    pub fn probability(&self, rank: u64) -> f64 {
        match self.once {
            Some(once) if rank >= self.others => self.share / once.get() as f64,
            _ => (1.0 - self.share) * self.zipf.probability(rank),
        }
    }

    /// The share of the operations that ask for one of the first `ranks` ranks.
    #[must_use]
    pub fn cumulative(&self, ranks: u64) -> f64 {
        let by_zipf = (1.0 - self.share) * self.zipf.cumulative(ranks.min(self.others));
        let beyond = ranks.saturating_sub(self.others) as f64;
        by_zipf + self.once.map_or(0.0, |once| self.share * beyond / once.get() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::{Purpose, RandomSource};
    use super::*;

    #[test]
    fn a_one_hit_wonder_does_not_come_again_before_as_many_operations_as_there_are() {
        let keys = NonZeroU64::new(1_000).unwrap();
        let ranks = ZipfOneHitRanks::new(keys, &ZipfOneHit::default());
        let source = RandomSource::new(1, Purpose::Measure);
        let (mut seen, mut wonders) = (vec![None; 1_000], 0);
        // Four clients by turns.
        for at in 0..20_000_u64 {
            let (client, sequence) = (at % 4, at / 4);
            let rank = ranks.sample(&mut source.at(client, sequence), client, sequence, 4) as usize;
            if rank >= 500 {
                wonders += 1;
                assert!(seen[rank].is_none_or(|before| at - before >= 500), "{rank} at {at}");
                seen[rank] = Some(at);
            }
        }
        assert!((3_700..4_300).contains(&wonders), "a fifth of the operations: {wonders}");
    }
}
