//! Draws keys by a distribution of ranks.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::exponential::ExponentialRanks;
use super::file::FileRanks;
use super::hotspot::HotspotRanks;
use super::shift::RankShift;
use super::table::KeyTable;
use super::zipf::ZipfRanks;
use super::zipf_one_hit::ZipfOneHitRanks;
use super::{Distribution, latest, sequential};
use crate::base::units::Share;
use crate::load::workload::bijection::Bijection;
use crate::load::workload::random::Xoroshiro;

/// The shares of all requests that go to the hottest keys, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct TopShares {
    /// The share of the hottest key.
    pub top_key: f64,
    /// The share of the hottest 1 % of keys, rounded up to whole keys.
    pub top_1_percent: f64,
    /// The share of the hottest 10 % of keys, rounded up to whole keys.
    pub top_10_percent: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Ranks {
    Zipf(ZipfRanks),
    Uniform,
    Hotspot(HotspotRanks),
    Sequential,
    Latest(ZipfRanks),
    Exponential(ExponentialRanks),
    ZipfOneHit(ZipfOneHitRanks),
    File(Arc<FileRanks>),
}

impl Ranks {
    fn new(distribution: &Distribution, keys: NonZeroU64) -> Self {
        match distribution {
            Distribution::Zipf(settings) => Self::Zipf(ZipfRanks::new(keys, settings.exponent.0)),
            Distribution::Uniform(_) => Self::Uniform,
            Distribution::Hotspot(settings) => {
                Self::Hotspot(HotspotRanks::new(keys, settings.hot_share.get(), settings.request_share.get()))
            }
            Distribution::Sequential(_) => Self::Sequential,
            Distribution::Latest(settings) => Self::Latest(ZipfRanks::new(keys, settings.exponent.0)),
            Distribution::Exponential(settings) => Self::Exponential(ExponentialRanks::new(
                keys,
                settings.hot_share.get(),
                settings.request_share.get(),
            )),
            Distribution::ZipfOneHit(settings) => Self::ZipfOneHit(ZipfOneHitRanks::new(keys, settings)),
            Distribution::File(popularity) => Self::File(Arc::clone(&popularity.ranks)),
        }
    }
}

/// Draws keys. It is small, so that every client can have one.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySampler {
    keys: NonZeroU64,
    ranks: Ranks,
    bijection: Bijection,
    /// What has become of the ranks since the start, the latest change last.
    shifts: Arc<[RankShift]>,
    /// What keys are drawn from, where it is quicker than drawing a rank and looking for its key.
    table: Option<Arc<KeyTable>>,
}

impl KeySampler {
    /// A sampler of the keys 0..`keys`. The seed decides which keys are the hot ones.
    #[must_use]
    pub fn new(distribution: &Distribution, keys: NonZeroU64, seed: u64) -> Self {
        let ranks = Ranks::new(distribution, keys);
        let bijection = Bijection::new(keys, seed);
        Self { keys, ranks, bijection, shifts: Arc::from([]), table: None }.with_table()
    }

    /// The same sampler with a table of its own, where that pays.
    fn with_table(mut self) -> Self {
        // These are drawn as quickly, or not each by itself.
        let is_quick = matches!(self.ranks, Ranks::Uniform | Ranks::Sequential | Ranks::ZipfOneHit(_));
        let keys = self.keys.get();
        self.table = (!is_quick && keys <= KeyTable::MOST_KEYS).then(|| {
            let probabilities: Vec<f64> =
                (0..keys).map(|key| self.probability(self.rank_of_key(key))).collect();
            Arc::new(KeyTable::new(&probabilities))
        });
        self
    }

    /// The same sampler after a `share` of the hot keys was replaced by others, which the seed draws. Hot are the hottest
    /// tenth of the keys, or what the distribution itself calls hot.
    #[must_use]
    pub fn shifted(&self, share: Share, seed: u64) -> Self {
        let hot = match &self.ranks {
            Ranks::Hotspot(ranks) => ranks.hot(),
            _ => self.top_ranks(10),
        };
        let are_alike = matches!(self.ranks, Ranks::Uniform | Ranks::Sequential);
        let next = RankShift::new(hot, self.keys, share.get(), seed).filter(|_| !are_alike);
        Self { shifts: self.shifts.iter().copied().chain(next).collect(), ..self.clone() }.with_table()
    }

    /// The same keys drawn by another distribution. Where both scatter their hot keys, the hottest stay the hottest, whether
    /// they have been so from the start or since a shift.
    #[must_use]
    pub fn drawn_by(&self, distribution: &Distribution) -> Self {
        Self { ranks: Ranks::new(distribution, self.keys), ..self.clone() }.with_table()
    }

    /// Returns true if the other draws its ranks in the same way, whichever keys have them.
    #[must_use]
    pub fn is_drawn_as(&self, other: &Self) -> bool {
        (self.keys, &self.ranks) == (other.keys, &other.ranks)
    }

    /// The number of keys.
    #[must_use]
    pub fn keys(&self) -> NonZeroU64 {
        self.keys
    }

    /// The key that operation `sequence` of `client` (of `clients`) requests: an index below [`keys`](Self::keys).
    #[inline]
    #[must_use]
    pub fn sample(&self, random: &mut Xoroshiro, client: u64, sequence: u64, clients: u64) -> u64 {
        if let Some(table) = &self.table {
            return table.sample(random);
        }
        match &self.ranks {
            Ranks::Zipf(ranks) => self.scattered(ranks.sample(random)),
            Ranks::Uniform => random.below(self.keys.get()),
            Ranks::Hotspot(ranks) => self.scattered(ranks.sample(random)),
            Ranks::Sequential => sequential::key(self.keys, client, sequence, clients),
            Ranks::Latest(ranks) => latest::newest_first(self.keys, self.moved(ranks.sample(random))),
            Ranks::Exponential(ranks) => self.scattered(ranks.sample(random)),
            Ranks::ZipfOneHit(ranks) => self.scattered(ranks.sample(random, client, sequence, clients)),
            Ranks::File(ranks) => self.key_of_rank(ranks.sample(random)),
        }
    }

    /// The key of a rank. Rank 0 is the hottest.
    #[must_use]
    pub fn key_of_rank(&self, rank: u64) -> u64 {
        self.unshifted_key(self.moved(rank))
    }

    /// The rank of a key. Rank 0 is the hottest.
    #[must_use]
    pub fn rank_of_key(&self, key: u64) -> u64 {
        self.shifts.iter().fold(self.unshifted_rank(key), |rank, shift| shift.of(rank))
    }

    /// The rank whose place a rank has taken: the latest shift says it, and so on to the first.
    #[inline]
    fn moved(&self, rank: u64) -> u64 {
        self.shifts.iter().rev().fold(rank, |rank, shift| shift.of(rank))
    }

    /// The key of a rank where keys are scattered.
    #[inline]
    fn scattered(&self, rank: u64) -> u64 {
        self.bijection.forward(self.moved(rank))
    }

    /// The key that had a rank at the start.
    fn unshifted_key(&self, rank: u64) -> u64 {
        match &self.ranks {
            Ranks::Zipf(_) | Ranks::Hotspot(_) | Ranks::Exponential(_) | Ranks::ZipfOneHit(_) => {
                self.bijection.forward(rank)
            }
            // Scattering would change nothing where all keys are alike, and cost time.
            Ranks::Uniform | Ranks::Sequential => rank,
            Ranks::Latest(_) => latest::newest_first(self.keys, rank),
            Ranks::File(ranks) if ranks.names_keys() => ranks.key_of_rank(rank),
            Ranks::File(_) => self.bijection.forward(rank),
        }
    }

    /// The rank that a key had at the start.
    fn unshifted_rank(&self, key: u64) -> u64 {
        match &self.ranks {
            Ranks::Zipf(_) | Ranks::Hotspot(_) | Ranks::Exponential(_) | Ranks::ZipfOneHit(_) => {
                self.bijection.backward(key)
            }
            Ranks::Uniform | Ranks::Sequential => key,
            Ranks::Latest(_) => latest::newest_first(self.keys, key),
            Ranks::File(ranks) if ranks.names_keys() => ranks.rank_of_key(key),
            Ranks::File(_) => self.bijection.backward(key),
        }
    }

    /// The exact probability that an operation requests the key of this rank, counted from 0; 0 if there is no such
    /// rank. For `sequential` it is the share of operations.
    #[must_use]
    pub fn probability(&self, rank: u64) -> f64 {
        if rank >= self.keys.get() {
            return 0.0;
        }
        match &self.ranks {
            Ranks::Zipf(ranks) | Ranks::Latest(ranks) => ranks.probability(rank),
            Ranks::Uniform | Ranks::Sequential => 1.0 / self.keys.get() as f64,
            Ranks::Hotspot(ranks) => ranks.probability(rank),
            Ranks::Exponential(ranks) => ranks.probability(rank),
            Ranks::ZipfOneHit(ranks) => ranks.probability(rank),
            Ranks::File(ranks) => ranks.probability(rank),
        }
    }

    /// The exact probability that an operation requests one of the `ranks` hottest keys.
    #[must_use]
    pub fn cumulative(&self, ranks: u64) -> f64 {
        let ranks = ranks.min(self.keys.get());
        match &self.ranks {
            Ranks::Zipf(zipf) | Ranks::Latest(zipf) => zipf.cumulative(ranks),
            Ranks::Uniform | Ranks::Sequential => ranks as f64 / self.keys.get() as f64,
            Ranks::Hotspot(hotspot) => hotspot.cumulative(ranks),
            Ranks::Exponential(exponential) => exponential.cumulative(ranks),
            Ranks::ZipfOneHit(zipf) => zipf.cumulative(ranks),
            Ranks::File(file) => file.cumulative(ranks),
        }
    }

    /// The expected shares of the hottest keys.
    #[must_use]
    pub fn expected_shares(&self) -> TopShares {
        TopShares {
            top_key: self.cumulative(1),
            top_1_percent: self.cumulative(self.top_ranks(100)),
            top_10_percent: self.cumulative(self.top_ranks(10)),
        }
    }

    /// The number of keys in one of `parts` equal parts, rounded up.
    pub(in crate::load::workload) fn top_ranks(&self, parts: u64) -> u64 {
        self.keys.get().div_ceil(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::REGISTRY;
    use super::super::testing::{read, written};
    use super::*;
    use crate::load::workload::random::{Purpose, RandomSource};

    #[test]
    fn probabilities_sum_to_one_and_agree_with_their_cumulation() {
        for row in REGISTRY {
            let (distribution, _) = read(&written(row.name));
            for keys in [1, 2, 3, 10, 1000, 20_011] {
                let sampler = KeySampler::new(&distribution, NonZeroU64::new(keys).unwrap(), 1);
                let mut sum = 0.0;
                for rank in 0..keys {
                    assert!((sampler.cumulative(rank) - sum).abs() < 1e-11, "{distribution:?} {keys} {rank}");
                    sum += sampler.probability(rank);
                }
                assert!((sum - 1.0).abs() < 1e-11, "{distribution:?} {keys}: {sum}");
                assert!(sampler.probability(keys).abs() < f64::EPSILON);
            }
        }
    }

    #[test]
    fn the_skew_of_a_million_keys_is_the_known_one() {
        let sampler = KeySampler::new(&Distribution::default(), NonZeroU64::new(1_000_000).unwrap(), 1);
        let shares = sampler.expected_shares();
        assert!((shares.top_key - 0.065).abs() < 5e-4, "{shares:?}");
        assert!((shares.top_1_percent - 0.664).abs() < 5e-4, "{shares:?}");
        assert!((shares.top_10_percent - 0.830).abs() < 5e-4, "{shares:?}");
    }

    #[test]
    fn a_shift_replaces_a_share_of_the_hot_keys_and_changes_no_probability() {
        let keys = NonZeroU64::new(10_000).unwrap();
        let share = Share::new(0.3).unwrap();
        for (toml, hot) in [("", 1_000), ("distribution = \"hotspot\"\nhot_share = 0.05", 500)] {
            let before = KeySampler::new(&read(toml).0, keys, 1);
            let after = before.shifted(share, 5);
            let again = after.shifted(share, 6);
            let set =
                |sampler: &KeySampler| (0..hot).map(|rank| sampler.key_of_rank(rank)).collect::<Vec<_>>();
            for (one, other) in [(&before, &after), (&after, &again)] {
                let (one_set, other_set) = (set(one), set(other));
                let kept = other_set.iter().filter(|key| one_set.contains(key)).count() as u64;
                assert!(kept.abs_diff(hot * 7 / 10) <= hot / 10, "{kept} of {hot} are still hot");
                assert_eq!(
                    one_set.iter().zip(&other_set).filter(|(a, b)| a != b).count() as u64,
                    hot * 3 / 10
                );
                assert!((one.probability(7) - other.probability(7)).abs() < f64::EPSILON);
            }
            for rank in 0..10_000 {
                assert_eq!(again.rank_of_key(again.key_of_rank(rank)), rank);
            }
        }
    }

    #[test]
    fn the_hot_keys_of_another_distribution_are_those_that_are_hot_by_then() {
        let (zipf, _) = read("");
        let (hotspot, _) = read("distribution = \"hotspot\"\nhot_share = 0.1");
        let keys = NonZeroU64::new(1_000).unwrap();
        for before in [
            KeySampler::new(&zipf, keys, 3),
            KeySampler::new(&zipf, keys, 3).shifted(Share::new(0.3).unwrap(), 5),
        ] {
            let after = before.drawn_by(&hotspot);
            assert!((0..1_000).all(|rank| after.key_of_rank(rank) == before.key_of_rank(rank)));
            assert!((after.cumulative(100) - 0.8).abs() < 1e-9, "what the hotspot says of its keys");
            let mut random = RandomSource::new(1, Purpose::Measure).at(0, 0);
            let hot = (0..10_000)
                .filter(|number| before.rank_of_key(after.sample(&mut random, 0, *number, 1)) < 100)
                .count();
            assert!(hot.abs_diff(8_000) < 200, "{hot} of 10000");
            assert_eq!(after.drawn_by(&zipf), before);
            assert!(before.is_drawn_as(&before.shifted(Share::ALL, 9)) && !before.is_drawn_as(&after));
        }
    }

    #[test]
    fn where_all_keys_are_alike_none_is_hot_and_a_shift_changes_nothing() {
        for distribution in ["uniform", "sequential"] {
            let (distribution, _) = read(&format!("distribution = \"{distribution}\""));
            assert!(!distribution.has_hot_keys());
            let sampler = KeySampler::new(&distribution, NonZeroU64::new(100).unwrap(), 1);
            assert_eq!(sampler.shifted(Share::ALL, 2), sampler);
        }
    }

    #[test]
    fn a_single_key_is_always_asked_for() {
        for row in REGISTRY {
            let (distribution, _) = read(&written(row.name));
            let sampler = KeySampler::new(&distribution, NonZeroU64::MIN, 1);
            let source = RandomSource::new(1, Purpose::Measure);
            assert!((0..1000).all(|n| sampler.sample(&mut source.at(0, n), 0, n, 1) == 0), "{}", row.name);
        }
    }
}
