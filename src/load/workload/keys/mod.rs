//! Key distributions: which key an operation requests. Each is a file and a row in [`REGISTRY`].
//!
//! Distributions draw *ranks*: rank 0 is the key with the most requests. [`KeySampler`] maps ranks to keys by a seeded
//! bijection, so that the hot keys lie scattered while the skew stays untouched. Where there are few keys, it draws from a
//! [`KeyTable`] of what both together come to.

pub mod exponential;
pub mod file;
pub mod hotspot;
pub mod inline;
pub mod latest;
pub mod sequential;
pub mod shift;
pub mod table;
pub mod uniform;
pub mod zipf;
pub mod zipf_one_hit;

use std::num::NonZeroU64;
use std::sync::Arc;

use super::bijection::Bijection;
use super::random::Xoroshiro;
use crate::base::units::Share;
use crate::scenario::{Reader, SettingDoc, Settings, suggest};

pub use exponential::{Exponential, ExponentialRanks};
pub use file::{FilePopularity, FileRanks, PopularityFile};
pub use hotspot::{Hotspot, HotspotRanks};
pub use latest::Latest;
pub use sequential::Sequential;
pub use shift::RankShift;
pub use table::KeyTable;
pub use uniform::Uniform;
pub use zipf::{Zipf, ZipfRanks};
pub use zipf_one_hit::{ZipfOneHit, ZipfOneHitRanks};

/// A key distribution as a scenario names it, with its settings.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// P(rank k) ∝ k^−s.
    Zipf(Zipf),
    /// Every key gets the same share.
    Uniform(Uniform),
    /// A share of the keys takes a share of the requests.
    Hotspot(Hotspot),
    /// The clients together scan the keys.
    Sequential(Sequential),
    /// The newest keys take most requests.
    Latest(Latest),
    /// Each key gets a little more than the next.
    Exponential(Exponential),
    /// Zipf beside keys that are asked for once.
    ZipfOneHit(ZipfOneHit),
    /// The weights of a file.
    File(FilePopularity),
}

/// One distribution that a scenario can name.
#[derive(Debug, Clone, Copy)]
pub struct DistributionRow {
    /// Its name in a scenario.
    pub name: &'static str,
    /// One line for `hotset list`.
    pub summary: &'static str,
    /// Its settings.
    pub docs: fn() -> Vec<SettingDoc>,
    /// Reads its settings, and reports what is wrong to the reader's mistakes.
    pub read: fn(&Reader<'_>) -> Distribution,
}

/// Every distribution; the first is the default.
pub const REGISTRY: &[DistributionRow] = &[
    DistributionRow {
        name: "zipf",
        summary: "a few keys take most requests: the key of rank k is asked for in proportion to k^-exponent",
        docs: Zipf::docs,
        read: |reader| Distribution::Zipf(Zipf::read(reader)),
    },
    DistributionRow {
        name: "uniform",
        summary: "every key is asked for alike",
        docs: Uniform::docs,
        read: |reader| Distribution::Uniform(Uniform::read(reader)),
    },
    DistributionRow {
        name: "hotspot",
        summary: "a share of the keys takes a share of the requests, each evenly within",
        docs: Hotspot::docs,
        read: |reader| Distribution::Hotspot(hotspot::read_checked(reader)),
    },
    DistributionRow {
        name: "sequential",
        summary: "the clients together scan all keys in order, again and again",
        docs: Sequential::docs,
        read: |reader| Distribution::Sequential(Sequential::read(reader)),
    },
    DistributionRow {
        name: "latest",
        summary: "the newest documents, those of the highest ids, take most requests: a document's age is drawn by Zipf",
        docs: Latest::docs,
        read: |reader| Distribution::Latest(Latest::read(reader)),
    },
    DistributionRow {
        name: "exponential",
        summary: "each key is asked for a little more often than the next: a share of the keys takes a share of the requests",
        docs: Exponential::docs,
        read: |reader| Distribution::Exponential(exponential::read_checked(reader)),
    },
    DistributionRow {
        name: "zipf-one-hit",
        summary: "Zipf beside one-hit wonders: keys that are asked for and then not again for long",
        docs: ZipfOneHit::docs,
        read: |reader| Distribution::ZipfOneHit(zipf_one_hit::read_checked(reader)),
    },
    DistributionRow {
        name: "file",
        summary: "how often each key is asked for stands in a file, by rank or by key",
        docs: PopularityFile::docs,
        read: |reader| Distribution::File(FilePopularity::read(reader)),
    },
];

impl Distribution {
    /// Reads a table such as `{ distribution = "zipf", exponent = 0.99 }`. Without a name it is the first of
    /// [`REGISTRY`]. The caller finishes the reader.
    #[must_use]
    pub fn read(reader: &Reader<'_>) -> Self {
        let name: String = reader.get("distribution", REGISTRY[0].name.to_owned());
        if let Some(row) = REGISTRY.iter().find(|row| row.name == name) {
            return (row.read)(reader);
        }
        let names: Vec<&str> = REGISTRY.iter().map(|row| row.name).collect();
        let message = format!("there is no distribution \"{name}\"");
        reader.wrong("distribution", message, Some(suggest(&name, &names)));
        // The table's settings belong to the unknown name, whatever was meant. Reading the settings of every
        // distribution keeps one mistake from being reported as several.
        for doc in REGISTRY.iter().flat_map(|row| (row.docs)()) {
            let _ = reader.raw(doc.key);
        }
        Self::default()
    }

    /// Its name in a scenario.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Zipf(_) => "zipf",
            Self::Uniform(_) => "uniform",
            Self::Hotspot(_) => "hotspot",
            Self::Sequential(_) => "sequential",
            Self::Latest(_) => "latest",
            Self::Exponential(_) => "exponential",
            Self::ZipfOneHit(_) => "zipf-one-hit",
            Self::File(_) => "file",
        }
    }

    /// The keys that the dataset must have for it.
    #[must_use]
    pub fn keys_needed(&self) -> u64 {
        match self {
            Self::File(popularity) => popularity.keys_needed(),
            Self::Zipf(_)
            | Self::Uniform(_)
            | Self::Hotspot(_)
            | Self::Sequential(_)
            | Self::Latest(_)
            | Self::Exponential(_)
            | Self::ZipfOneHit(_) => 1,
        }
    }

    /// Returns true if each request is drawn by itself, whatever was asked for before: what models of caches take for granted.
    #[must_use]
    pub fn is_independent(&self) -> bool {
        match self {
            Self::Zipf(_)
            | Self::Uniform(_)
            | Self::Hotspot(_)
            | Self::Latest(_)
            | Self::Exponential(_)
            | Self::File(_) => true,
            Self::Sequential(_) | Self::ZipfOneHit(_) => false,
        }
    }

    /// Returns true if some keys are hotter than others.
    #[must_use]
    pub fn has_hot_keys(&self) -> bool {
        !matches!(self, Self::Uniform(_) | Self::Sequential(_))
    }

    /// Its name and every setting, each with its value as a scenario would have it.
    #[must_use]
    pub fn show_named(&self) -> Vec<(&'static str, String)> {
        let name = ("distribution", format!("\"{}\"", self.name()));
        std::iter::once(name).chain(self.show()).collect()
    }

    /// It in a few words, such as "Zipf 0.99".
    #[must_use]
    pub fn in_words(&self) -> String {
        let rounded = |number: f64| (number * 1e3).round() / 1e3;
        match self {
            Self::Zipf(zipf) => format!("Zipf {}", rounded(zipf.exponent.0)),
            Self::Uniform(_) => "every key alike".into(),
            Self::Hotspot(_) => "a hot share of the keys".into(),
            Self::Sequential(_) => "one key after another".into(),
            Self::Latest(latest) => format!("the newest first by Zipf {}", rounded(latest.exponent.0)),
            Self::Exponential(_) => "exponential".into(),
            Self::ZipfOneHit(settings) => format!(
                "Zipf {} and {} % one-hit wonders",
                rounded(settings.exponent.0),
                rounded(settings.one_hit_share.get() * 100.0)
            ),
            Self::File(popularity) => {
                format!("keys as in {}", popularity.settings.path.as_deref().unwrap_or_default())
            }
        }
    }

    /// Every setting with its value as a scenario would have it.
    #[must_use]
    pub fn show(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Zipf(settings) => settings.show(),
            Self::Uniform(settings) => settings.show(),
            Self::Hotspot(settings) => settings.show(),
            Self::Sequential(settings) => settings.show(),
            Self::Latest(settings) => settings.show(),
            Self::Exponential(settings) => settings.show(),
            Self::ZipfOneHit(settings) => settings.show(),
            Self::File(popularity) => popularity.settings.show(),
        }
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Self::Zipf(Zipf::default())
    }
}

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
    pub(super) fn top_ranks(&self, parts: u64) -> u64 {
        self.keys.get().div_ceil(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::{Purpose, RandomSource};
    use super::*;
    use crate::scenario::{Mistakes, Table};

    fn read(toml: &str) -> (Distribution, Vec<String>) {
        let mistakes = Mistakes::default();
        let table = Table::parse(toml, &mistakes);
        let reader = Reader::new(&table, "workload.keys", &mistakes);
        let distribution = Distribution::read(&reader);
        reader.finish();
        let messages = mistakes.into_sorted().into_iter();
        (
            distribution,
            messages.map(|m| format!("{}: {} {}", m.key, m.message, m.help.unwrap_or_default())).collect(),
        )
    }

    /// The table of a distribution with its defaults, and a file of one rank where it takes a file.
    fn written(name: &str) -> String {
        let path = if name == "file" {
            concat!("\npath = \"", env!("CARGO_MANIFEST_DIR"), "/tests/data/popularity.csv\"")
        } else {
            ""
        };
        format!("distribution = \"{name}\"{path}")
    }

    #[test]
    fn every_row_is_named_once_documented_and_reads_as_itself() {
        for row in REGISTRY {
            assert_eq!(REGISTRY.iter().filter(|other| other.name == row.name).count(), 1);
            assert!(row.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            assert!(!row.summary.is_empty() && !row.summary.ends_with('.'));
            assert!((row.docs)().iter().all(|doc| !doc.meaning.is_empty()));
            let (distribution, mistakes) = read(&written(row.name));
            assert_eq!(mistakes, Vec::<String>::new());
            assert_eq!(distribution.name(), row.name);
            assert_eq!(distribution.show().len(), (row.docs)().len());
        }
    }

    #[test]
    fn an_unknown_name_is_one_mistake_with_the_nearest_name() {
        let (_, mistakes) = read("distribution = \"zipff\"\nexponent = 1.1");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(
            mistakes[0].contains("workload.keys.distribution")
                && mistakes[0].contains("did you mean \"zipf\"")
        );
    }

    #[test]
    fn a_setting_of_another_distribution_is_refused() {
        let (_, mistakes) = read("distribution = \"uniform\"\nexponent = 1.1");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        let (_, mistakes) = read("exponent = 0");
        assert!(mistakes[0].contains("not above 0"), "{mistakes:?}");
    }

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
