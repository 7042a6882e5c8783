//! `zipf`: exact Zipf over N keys, P(rank k) ∝ k^−s for any s > 0, s = 1 included.
//!
//! Ranks are drawn by rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from
//! monotone discrete distributions", 1996), in the form that stays accurate as s passes through 1. It needs no table,
//! so N may be anything up to 2^53, and no rank is approximated: rejection is decided against the exact k^−s. Few keys are
//! drawn from a [`KeyTable`](super::KeyTable) instead.

use std::num::NonZeroU64;

use super::super::random::Xoroshiro;
use crate::scenario::PositiveNumber;

crate::settings! {
    /// The settings of `zipf`.
    pub struct Zipf {
        /// the exponent s: the larger, the more requests go to the hottest keys
        exponent: PositiveNumber = PositiveNumber(0.99),
    }
}

/// Draws ranks counted from 0, rank r in proportion to (r + 1)^−s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZipfRanks {
    keys: u64,
    exponent: f64,
    /// The integral of the envelope at both ends, the last rank's and the first's.
    from: f64,
    to: f64,
    /// A point within this distance of its rank is under the curve, whichever rank it is.
    surely_within: f64,
    /// The sum of k^−s over all ranks.
    total: f64,
}

impl ZipfRanks {
    /// Ranks of `keys` keys; `exponent` is above 0 and finite.
    #[must_use]
    pub fn new(keys: NonZeroU64, exponent: f64) -> Self {
        let keys = keys.get();
        Self {
            keys,
            exponent,
            from: integral(exponent, keys as f64 + 0.5),
            to: integral(exponent, 1.5) - 1.0,
            surely_within: 2.0
                - inverse_integral(exponent, integral(exponent, 2.5) - 2.0_f64.powf(-exponent)),
            total: power_sum(exponent, keys),
        }
    }

    /// A rank, counted from 0.
    #[inline]
    #[must_use]
    pub fn sample(&self, random: &mut Xoroshiro) -> u64 {
        loop {
            let area = self.from + random.unit() * (self.to - self.from);
            let x = inverse_integral(self.exponent, area);
            // Rounding can carry the ends of the range half a step too far.
            let rank = ((x + 0.5) as u64).clamp(1, self.keys);
            let k = rank as f64;
            if k - x <= self.surely_within
                || area >= integral(self.exponent, k + 0.5) - (-self.exponent * k.ln()).exp()
            {
                return rank - 1;
            }
        }
    }

    /// The exact probability of a rank below the number of keys.
    #[must_use]
    pub fn probability(&self, rank: u64) -> f64 {
        (rank as f64 + 1.0).powf(-self.exponent) / self.total
    }

    /// The exact probability of one of the first `ranks` ranks.
    #[must_use]
    pub fn cumulative(&self, ranks: u64) -> f64 {
        power_sum(self.exponent, ranks) / self.total
    }
}

/// ∫₁ˣ t^−s dt, accurate for s near and at 1.
#[inline]
fn integral(exponent: f64, x: f64) -> f64 {
    let log = x.ln();
    let t = (1.0 - exponent) * log;
    // (e^t − 1) / t
    let ratio = if t.abs() > 1e-8 { t.exp_m1() / t } else { 1.0 + t * 0.5 };
    ratio * log
}

/// The x with [`integral`]`(x) = area`.
#[inline]
fn inverse_integral(exponent: f64, area: f64) -> f64 {
    // Rounding must not carry the argument of the logarithm below 0.
    let t = (area * (1.0 - exponent)).max(-1.0);
    // ln(1 + t) / t
    let ratio = if t.abs() > 1e-8 { t.ln_1p() / t } else { 1.0 - t * 0.5 };
    (ratio * area).exp()
}

/// Σ k^−s for k = 1..=n. The first terms are summed one by one, the rest by Euler and Maclaurin's formula, whose error
/// there is below the rounding of an `f64`.
fn power_sum(exponent: f64, n: u64) -> f64 {
    const ONE_BY_ONE: u64 = 2_000;
    let head_end = n.min(ONE_BY_ONE);
    // Summed from the smallest term up, so that none is lost.
    let head: f64 = (1..=head_end).rev().map(|k| (k as f64).powf(-exponent)).sum();
    if n == head_end {
        return head;
    }
    let (a, b, s) = (head_end as f64, n as f64, exponent);
    let term = |x: f64| x.powf(-s);
    let first_derivative = |x: f64| -s * x.powf(-s - 1.0);
    let third_derivative = |x: f64| -s * (s + 1.0) * (s + 2.0) * x.powf(-s - 3.0);
    let tail = integral(s, b) - integral(s, a)
        + (term(b) - term(a)) / 2.0
        + (first_derivative(b) - first_derivative(a)) / 12.0
        - (third_derivative(b) - third_derivative(a)) / 720.0;
    head + tail
}

#[cfg(test)]
mod tests {
    use super::super::super::random::{Purpose, RandomSource};
    use super::*;

    #[test]
    fn the_sum_of_powers_is_the_sum_of_powers() {
        for s in [0.01, 0.5, 0.99, 1.0, 1.000_000_01, 1.3, 4.0] {
            for n in [1, 2, 1_999, 2_000, 2_001, 50_000, 1_000_000] {
                let exact: f64 = (1..=n).rev().map(|k| (k as f64).powf(-s)).sum();
                let found = power_sum(s, n);
                assert!((found - exact).abs() < exact * 1e-12, "{s} {n}: {found} {exact}");
            }
        }
    }

    #[test]
    fn the_integral_and_its_inverse_meet_on_both_sides_of_1() {
        for s in [0.1, 0.99, 1.0 - 1e-12, 1.0, 1.0 + 1e-12, 1.5, 3.0] {
            for x in [0.5, 1.0, 1.5, 10.0, 1e6] {
                let back = inverse_integral(s, integral(s, x));
                assert!((back - x).abs() < x * 1e-3, "{s} {x} {back}");
            }
        }
    }

    #[test]
    fn extreme_settings_draw_ranks_that_exist() {
        let source = RandomSource::new(1, Purpose::Measure);
        for s in [1e-9, 0.001, 1.0, 10.0, 300.0] {
            for n in [1, 2, 3, 1_000_000, 1 << 53] {
                let ranks = ZipfRanks::new(NonZeroU64::new(n).unwrap(), s);
                assert!((0..2_000).all(|i| ranks.sample(&mut source.at(0, i)) < n), "{s} {n}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_random_range_draw_the_ends_of_the_ranks() {
        let ranks = ZipfRanks::new(NonZeroU64::new(1000).unwrap(), 0.99);
        assert!((inverse_integral(0.99, ranks.from) - 1000.5).abs() < 1e-9);
        let first = inverse_integral(0.99, ranks.to);
        assert!((0.5..1.5).contains(&first), "{first}");
    }
}
