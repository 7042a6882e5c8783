//! `hotspot`: a share of the keys takes a share of the requests, each evenly within.

use std::num::NonZeroU64;

use super::super::random::Xoroshiro;
use crate::base::units::Share;
use crate::scenario::{Reader, Settings};

crate::settings! {
    /// The settings of `hotspot`.
    pub struct Hotspot {
        /// the share of all keys that are hot, from 0 to 1
        hot_share: Share = Share::new(0.2).unwrap_or(Share::ALL),
        /// the share of all requests that ask for a hot key, from 0 to 1
        request_share: Share = Share::new(0.8).unwrap_or(Share::ALL),
    }
}

/// Reads the settings, and refuses hot keys that would get fewer requests than the others.
pub(super) fn read_checked(reader: &Reader<'_>) -> Hotspot {
    let settings = Hotspot::read(reader);
    let (hot, requests) = (settings.hot_share.get(), settings.request_share.get());
    if hot <= 0.0 {
        let help = "give a share above 0; for keys that are all alike use distribution = \"uniform\"";
        reader.wrong("hot_share", "without hot keys there is no hotspot", Some(help.into()));
    } else if requests < hot {
        let message = format!("{hot} of the keys that take {requests} of the requests are not hot");
        reader.wrong("request_share", message, Some(format!("give a share of at least {hot}")));
    }
    settings
}

/// Draws ranks in two even classes; the class with more requests for each key comes first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HotspotRanks {
    keys: u64,
    first: u64,
    first_requests: f64,
}

impl HotspotRanks {
    /// `hot_share` of `keys` (at least one key, rounded to whole keys) takes `request_share` of the requests.
    #[must_use]
    pub fn new(keys: NonZeroU64, hot_share: f64, request_share: f64) -> Self {
        let keys = keys.get();
        let hot = ((keys as f64 * hot_share).round() as u64).clamp(1, keys);
        let requests = if hot == keys { 1.0 } else { request_share };
        let hot_density = requests / hot as f64;
        let cold_density = (1.0 - requests) / (keys - hot).max(1) as f64;
        if hot_density >= cold_density {
            Self { keys, first: hot, first_requests: requests }
        } else {
            Self { keys, first: keys - hot, first_requests: 1.0 - requests }
        }
    }

    /// The number of ranks in the class that comes first.
    #[must_use]
    pub fn hot(&self) -> u64 {
        self.first
    }

    /// A rank, counted from 0.
    #[inline]
    #[must_use]
    pub fn sample(&self, random: &mut Xoroshiro) -> u64 {
        // `unit` is below 1, so a share of 1 leaves no requests for the rest.
        if random.unit() < self.first_requests {
            random.below(self.first)
        } else {
            self.first + random.below(self.keys - self.first)
        }
    }

    /// The exact probability of a rank below the number of keys.
    #[must_use]
    pub fn probability(&self, rank: u64) -> f64 {
        if rank < self.first {
            self.first_requests / self.first as f64
        } else {
            (1.0 - self.first_requests) / (self.keys - self.first) as f64
        }
    }

    /// The exact probability of one of the first `ranks` ranks.
    #[must_use]
    pub fn cumulative(&self, ranks: u64) -> f64 {
        let in_first = ranks.min(self.first) as f64 / self.first as f64 * self.first_requests;
        if ranks <= self.first {
            in_first
        } else {
            in_first + (ranks - self.first) as f64 * self.probability(self.first)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::{Purpose, RandomSource};
    use super::*;
    use crate::scenario::{Mistakes, Table};

    fn ranks(keys: u64, hot: f64, requests: f64) -> HotspotRanks {
        HotspotRanks::new(NonZeroU64::new(keys).unwrap(), hot, requests)
    }

    #[test]
    fn a_fifth_of_the_keys_takes_four_fifths_of_the_requests() {
        let ranks = ranks(1000, 0.2, 0.8);
        assert!((ranks.cumulative(200) - 0.8).abs() < 1e-12);
        assert!((ranks.probability(0) - 0.004).abs() < 1e-12);
        assert!((ranks.probability(999) - 0.000_25).abs() < 1e-12);
    }

    #[test]
    fn all_requests_to_the_hot_keys_leave_the_others_alone() {
        let ranks = ranks(100, 0.1, 1.0);
        let source = RandomSource::new(1, Purpose::Measure);
        assert!((0..10_000).all(|n| ranks.sample(&mut source.at(0, n)) < 10));
    }

    #[test]
    fn rank_0_is_in_the_denser_class_even_where_that_is_the_cold_one() {
        let ranks = ranks(100, 0.5, 0.1);
        assert!(ranks.probability(0) > ranks.probability(99));
    }

    #[test]
    fn hot_keys_that_are_not_hot_are_a_mistake() {
        let mistakes = Mistakes::default();
        for (toml, key) in
            [("hot_share = 0.5\nrequest_share = 0.3", "request_share"), ("hot_share = 0", "hot_share")]
        {
            let table = Table::parse(toml, &mistakes);
            let _ = read_checked(&Reader::new(&table, "keys", &mistakes));
            assert!(!mistakes.is_empty(), "{key}");
        }
        let keys: Vec<_> = mistakes.into_sorted().into_iter().map(|m| m.key).collect();
        assert!(keys.contains(&"keys.hot_share".into()) && keys.contains(&"keys.request_share".into()));
    }
}
