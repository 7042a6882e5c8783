//! `exponential`: each key is asked for a little more often than the next, P(rank k) ∝ e^−γk.

use std::num::NonZeroU64;

use super::super::random::Xoroshiro;
use crate::base::units::Share;
use crate::scenario::{Reader, Settings};

crate::settings! {
    /// The settings of `exponential`; the defaults are YCSB's.
    pub struct Exponential {
        /// the share of all keys that takes `request_share` of the requests, above 0 and below 1
        hot_share: Share = Share::new(0.857_142_857_1).unwrap_or(Share::ALL),
        /// the share of all requests that ask for one of these, above `hot_share` and below 1
        request_share: Share = Share::new(0.95).unwrap_or(Share::ALL),
    }
}

/// Reads the settings, and refuses shares that no decay has.
pub(super) fn read_checked(reader: &Reader<'_>) -> Exponential {
    let settings = Exponential::read(reader);
    let (hot, requests) = (settings.hot_share.get(), settings.request_share.get());
    if hot <= 0.0 || hot >= 1.0 {
        let help = "give a share above 0 and below 1";
        reader.wrong("hot_share", "all of the keys, or none, are no part of them", Some(help.into()));
    } else if requests <= hot {
        let message = format!("{hot} of the keys that take {requests} of the requests are not hot");
        reader.wrong("request_share", message, Some(format!("give a share above {hot}")));
    } else if requests >= 1.0 {
        let help = "give a share below 1; for keys that get nothing at all use distribution = \"hotspot\"";
        reader.wrong("request_share", "leaves nothing for the other keys", Some(help.into()));
    }
    settings
}

/// Draws ranks counted from 0, each less often than the one before by the same factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialRanks {
    keys: u64,
    /// γ: the decay from one rank to the next.
    decay: f64,
    /// 1 − e^(−γN): what all keys have of the law without end.
    mass: f64,
}

impl ExponentialRanks {
    /// `hot_share` of `keys` takes `request_share` of the requests.
    #[must_use]
    pub fn new(keys: NonZeroU64, hot_share: f64, request_share: f64) -> Self {
        let keys = keys.get();
        let decay = decay_over_all(hot_share, request_share);
        Self { keys, decay: decay / keys as f64, mass: -(-decay).exp_m1() }
    }

    /// A rank, counted from 0.
    #[inline]
    #[must_use]
    pub fn sample(&self, random: &mut Xoroshiro) -> u64 {
        let rank = -(-random.unit() * self.mass).ln_1p() / self.decay;
        // Rounding can carry the last rank a step too far.
        (rank as u64).min(self.keys - 1)
    }

    /// The exact probability of a rank below the number of keys.
    #[must_use]
    pub fn probability(&self, rank: u64) -> f64 {
        (-self.decay * rank as f64).exp() * -(-self.decay).exp_m1() / self.mass
    }

    /// The exact probability of one of the first `ranks` ranks.
    #[must_use]
    pub fn cumulative(&self, ranks: u64) -> f64 {
        -(-self.decay * ranks as f64).exp_m1() / self.mass
    }
}

/// γN, by which the first share of all keys takes that share of the requests: (1 − e^(−γNh)) / (1 − e^(−γN)) grows from h to 1.
fn decay_over_all(hot_share: f64, request_share: f64) -> f64 {
    const HALVINGS: u32 = 200;
    let taken = |decay: f64| (-decay * hot_share).exp_m1() / (-decay).exp_m1();
    let (mut low, mut high) = (1e-9, 1.0);
    while taken(high) < request_share && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if taken(middle) < request_share { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hot_share_takes_its_share_of_the_requests() {
        for (hot, requests) in [(6.0 / 7.0, 0.95), (0.1, 0.9), (0.01, 0.999), (0.5, 0.5001)] {
            let ranks = ExponentialRanks::new(NonZeroU64::new(70_000).unwrap(), hot, requests);
            let taken = ranks.cumulative((70_000.0 * hot) as u64);
            assert!((taken - requests).abs() < 1e-4, "{hot} {requests}: {taken}");
        }
    }
}
