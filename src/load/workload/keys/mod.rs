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
pub mod sampler;
pub mod sequential;
pub mod shift;
pub mod table;
#[cfg(test)]
mod testing;
pub mod uniform;
pub mod zipf;
pub mod zipf_one_hit;

use crate::scenario::{Reader, SettingDoc, Settings, suggest};

pub use exponential::{Exponential, ExponentialRanks};
pub use file::{FilePopularity, FileRanks, PopularityFile};
pub use hotspot::{Hotspot, HotspotRanks};
pub use latest::Latest;
pub use sampler::{KeySampler, TopShares};
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

#[cfg(test)]
mod tests {
    use super::testing::{read, written};
    use super::*;

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
}
