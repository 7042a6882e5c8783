//! `file`: how often each key is asked for, read from a file.

use std::sync::Arc;

use super::super::random::Xoroshiro;
use super::super::weights;
use crate::scenario::{Reader, Settings};

crate::settings! {
    /// The settings of `file`.
    pub struct PopularityFile {
        /// a CSV of `rank,weight`, from rank 1 on and none heavier than the one before, whose keys are scattered, or of `key,weight`, with keys from 0 to one below `dataset.keys`; keys that it does not name are never asked for
        path: Option<String> = None,
    }
}

/// The name of a column of keys.
const KEY: &str = "key";
/// The name of a column of ranks.
const RANK: &str = "rank";

/// A popularity that was read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FilePopularity {
    /// The settings that name the file.
    pub settings: PopularityFile,
    /// What it says.
    pub ranks: Arc<FileRanks>,
}

impl FilePopularity {
    /// Reads the settings and the file that they name; what is wrong goes to the reader's mistakes.
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        let settings = PopularityFile::read(reader);
        let ranks = match &settings.path {
            None => Err("is missing".to_owned()),
            Some(path) => weights::read(path, &[RANK, KEY]).and_then(|read| {
                FileRanks::new(read.rows, read.name == KEY).map_err(|reason| format!("{path}, {reason}"))
            }),
        };
        let ranks = ranks.unwrap_or_else(|message| {
            let help = "give a CSV with the header `rank,weight` or `key,weight`";
            reader.wrong("path", message, Some(help.into()));
            FileRanks::one()
        });
        Self { settings, ranks: Arc::new(ranks) }
    }

    /// The keys that the dataset must have.
    #[must_use]
    pub fn keys_needed(&self) -> u64 {
        let by_rank = self.ranks.cumulative.len() as u64;
        let last = self.ranks.named.as_ref().and_then(|named| named.by_key.last());
        last.map_or(by_rank, |(key, _)| key + 1)
    }
}

/// Draws ranks by their weights, in constant time (Vose, "A linear algorithm for generating random numbers with a given
/// distribution", 1991).
#[derive(Debug, Clone, PartialEq)]
pub struct FileRanks {
    /// For each rank the share of its column that is its own, and the rank that has the rest.
    columns: Vec<(f64, u32)>,
    /// The share of all requests that each rank and those before it take.
    cumulative: Vec<f64>,
    named: Option<NamedKeys>,
}

/// Keys that the file names.
#[derive(Debug, Clone, PartialEq)]
struct NamedKeys {
    /// The key of each rank.
    by_rank: Vec<u64>,
    /// Each key with its rank, by key.
    by_key: Vec<(u64, u64)>,
    /// For each of them, by key, how many keys below it are not named.
    gaps: Vec<u64>,
}

impl FileRanks {
    fn one() -> Self {
        Self { columns: vec![(1.0, 0)], cumulative: vec![1.0], named: None }
    }

    fn new(mut rows: Vec<(u64, f64)>, are_keys: bool) -> Result<Self, String> {
        if rows.len() >= u32::MAX as usize {
            return Err(format!("which has {} lines; give fewer than {}", rows.len(), u32::MAX));
        }
        let named = if are_keys {
            // Equal weights stay in the order of the file.
            rows.sort_by(|a, b| b.1.total_cmp(&a.1));
            let by_rank: Vec<u64> = rows.iter().map(|(key, _)| *key).collect();
            let mut by_key: Vec<(u64, u64)> = by_rank.iter().copied().zip(0..).collect();
            by_key.sort_unstable();
            if let Some(twice) = by_key.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(format!("which names key {} twice; give each key one line", twice[0].0));
            }
            let gaps = by_key.iter().zip(0..).map(|((key, _), named)| key - named).collect();
            Some(NamedKeys { by_rank, by_key, gaps })
        } else {
            if let Some(((rank, _), wanted)) = rows.iter().zip(1_u64..).find(|((rank, _), at)| rank != at) {
                return Err(format!(
                    "which has rank {rank} where {wanted} follows; give every rank from 1 on"
                ));
            }
            if let Some(rising) = rows.windows(2).find(|pair| pair[0].1 < pair[1].1) {
                let (before, rank) = (rising[0].0, rising[1].0);
                return Err(format!("where rank {rank} is heavier than rank {before}; sort them by weight"));
            }
            None
        };
        let weights: Vec<f64> = rows.into_iter().map(|(_, weight)| weight).collect();
        let total: f64 = weights.iter().rev().sum();
        let mut sum = 0.0;
        let running = weights.iter().map(|weight| {
            sum += weight / total;
            sum
        });
        Ok(Self { cumulative: running.collect(), columns: columns(&weights, total), named })
    }

    /// A rank, counted from 0.
    #[inline]
    #[must_use]
    pub fn sample(&self, random: &mut Xoroshiro) -> u64 {
        let rank = random.below(self.columns.len() as u64);
        let (own, other) = self.columns[rank as usize];
        if random.unit() < own { rank } else { u64::from(other) }
    }

    /// The probability of a rank; 0 beyond those of the file.
    #[must_use]
    pub fn probability(&self, rank: u64) -> f64 {
        self.cumulative(rank + 1) - self.cumulative(rank)
    }

    /// The probability of one of the first `ranks` ranks.
    #[must_use]
    pub fn cumulative(&self, ranks: u64) -> f64 {
        let ranks = (ranks as usize).min(self.cumulative.len());
        ranks.checked_sub(1).map_or(0.0, |last| self.cumulative[last])
    }

    /// Returns true if the file says which key has which rank.
    #[must_use]
    pub fn names_keys(&self) -> bool {
        self.named.is_some()
    }

    /// The key of a rank where the file names keys; those that it does not name follow in their order.
    #[must_use]
    pub fn key_of_rank(&self, rank: u64) -> u64 {
        let Some(named) = &self.named else { return rank };
        if let Some(key) = named.by_rank.get(rank as usize) {
            return *key;
        }
        let unnamed = rank - named.by_rank.len() as u64;
        unnamed + named.gaps.partition_point(|gap| *gap <= unnamed) as u64
    }

    /// The rank of a key, as [`key_of_rank`](Self::key_of_rank).
    #[must_use]
    pub fn rank_of_key(&self, key: u64) -> u64 {
        let Some(named) = &self.named else { return key };
        match named.by_key.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => named.by_key[at].1,
            Err(named_below) => named.by_rank.len() as u64 + key - named_below as u64,
        }
    }
}

/// Spreads weights over as many equal columns, each of at most two ranks.
fn columns(weights: &[f64], total: f64) -> Vec<(f64, u32)> {
    let count = weights.len() as f64;
    let mut shares: Vec<f64> = weights.iter().map(|weight| weight / total * count).collect();
    let mut columns: Vec<(f64, u32)> = (0..weights.len() as u32).map(|rank| (1.0, rank)).collect();
    let (mut small, mut large): (Vec<u32>, Vec<u32>) =
        (0..weights.len() as u32).partition(|rank| shares[*rank as usize] < 1.0);
    while let (Some(less), Some(&more)) = (small.pop(), large.last()) {
        let own = shares[less as usize];
        columns[less as usize] = (own, more);
        let rest = &mut shares[more as usize];
        *rest -= 1.0 - own;
        if *rest < 1.0 {
            large.pop();
            small.push(more);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::super::{Distribution, KeySampler};
    use super::*;
    use crate::scenario::{Mistakes, Table};

    fn read(text: &str) -> Result<FilePopularity, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("popularity.csv");
        std::fs::write(&path, text).unwrap();
        let mistakes = Mistakes::default();
        let table = Table::parse(&format!("path = {path:?}"), &mistakes);
        let read = FilePopularity::read(&Reader::new(&table, "workload.keys", &mistakes));
        match mistakes.into_sorted().into_iter().next() {
            None => Ok(read),
            Some(mistake) => Err(mistake.message),
        }
    }

    #[test]
    fn the_keys_of_a_file_have_its_weights_and_no_other_key_is_asked_for() {
        let popularity = read("key,weight\n4,1\n0,6\n7,3\n").unwrap();
        assert_eq!(popularity.keys_needed(), 8);
        let sampler = KeySampler::new(&Distribution::File(popularity), NonZeroU64::new(10).unwrap(), 1);
        assert_eq!([0, 1, 2].map(|rank| sampler.key_of_rank(rank)), [0, 7, 4]);
        assert!((sampler.probability(1) - 0.3).abs() < 1e-12 && sampler.probability(3).abs() < 1e-12);
        for key in 0..10 {
            assert_eq!(sampler.key_of_rank(sampler.rank_of_key(key)), key);
        }
        let ranks: std::collections::BTreeSet<u64> = (0..10).map(|key| sampler.rank_of_key(key)).collect();
        assert_eq!(ranks.len(), 10);
    }

    #[test]
    fn keys_that_a_file_does_not_name_follow_in_their_order() {
        let ranks = read("key,weight\n4,1\n0,6\n5,2\n7,3\n").unwrap().ranks;
        let keys: Vec<u64> = (4..9).map(|rank| ranks.key_of_rank(rank)).collect();
        assert_eq!(keys, [1, 2, 3, 6, 8]);
    }

    #[test]
    fn ranks_are_scattered_over_the_keys() {
        let popularity = read("rank,weight\n1,6\n2,3\n3,1\n").unwrap();
        assert_eq!(popularity.keys_needed(), 3);
        let sampler = KeySampler::new(&Distribution::File(popularity), NonZeroU64::new(1_000).unwrap(), 1);
        assert!((sampler.cumulative(2) - 0.9).abs() < 1e-12);
        assert!((0..3).any(|rank| sampler.key_of_rank(rank) > 2));
    }

    #[test]
    fn what_a_file_cannot_mean_is_said() {
        for (text, part) in [
            ("rank,weight\n2,1\n", "has rank 2 where 1 follows"),
            ("rank,weight\n1,1\n2,5\n", "rank 2 is heavier than rank 1"),
            ("key,weight\n5,1\n5,2\n", "names key 5 twice"),
            ("weight\n5\n", "is not the header"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(part) && message.contains("popularity.csv"), "{text:?}: {message}");
        }
    }
}
