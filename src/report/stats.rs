//! What repeats can and cannot show.

use std::cmp::Ordering;

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceInterval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The middle value, or the mean of the middle two; `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n.is_multiple_of(2) => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        _ => Some(sorted[middle]),
    }
}

/// Fewer repeats are given no interval: two say next to nothing about how far a third would lie from them.
pub const REPEATS_FOR_INTERVAL: usize = 3;

/// Student's 95 % interval of the mean; `None` of fewer than three values.
#[must_use]
pub fn mean_t_interval(values: &[f64]) -> Option<ConfidenceInterval> {
    if values.len() < REPEATS_FOR_INTERVAL {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    // Refused only for degrees of freedom that are not positive.
    let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(0.975);
    let margin = t * (variance / n).sqrt();
    Some(ConfidenceInterval { low: mean - margin, high: mean + margin })
}

/// The same of the logarithms, for times: they differ by factors, and none is below 0. `None` where one is not above 0.
#[must_use]
pub fn log_interval(values: &[f64]) -> Option<ConfidenceInterval> {
    if values.iter().any(|value| *value <= 0.0) {
        return None;
    }
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    mean_t_interval(&logs).map(|of| ConfidenceInterval { low: of.low.exp(), high: of.high.exp() })
}

/// How many times as much one strategy has of a figure as another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The geometric mean over the blocks in which both ran.
    pub estimate: f64,
    /// Its 95 % interval; `None` of fewer than three blocks.
    pub interval: Option<ConfidenceInterval>,
    /// In how many blocks both ran.
    pub blocks: usize,
}

impl Ratio {
    /// Returns true if the data show that the two differ.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.interval.is_some_and(|of| of.low > 1.0 || of.high < 1.0)
    }

    /// The smallest difference that would have been seen, as a share: half the interval's width.
    #[must_use]
    pub fn would_be_seen(&self) -> Option<f64> {
        self.interval.map(|of| (of.high / of.low).sqrt() - 1.0)
    }
}

/// The ratio of a figure of two strategies, block by block: in a block both were offered the same operations within the same
/// minutes, so what the machine did to one it most likely did to the other. `None` where no block has both, above 0.
#[must_use]
pub fn paired_ratio(ours: &[(u32, f64)], theirs: &[(u32, f64)]) -> Option<Ratio> {
    let mut ratios = Vec::new();
    for (block, value) in ours {
        if let Some((_, other)) = theirs.iter().find(|(other, _)| other == block) {
            ratios.push(value / other);
        }
    }
    if ratios.is_empty() || ratios.iter().any(|ratio| !ratio.is_finite() || *ratio <= 0.0) {
        return None;
    }
    let estimate = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    Some(Ratio { estimate, interval: log_interval(&ratios), blocks: ratios.len() })
}

/// Which end of a measure is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Such as throughput.
    Higher,
    /// Such as latency.
    Lower,
}

impl Better {
    /// Sorts the better value first.
    #[must_use]
    pub fn order(self, a: f64, b: f64) -> Ordering {
        match self {
            Self::Higher => b.total_cmp(&a),
            Self::Lower => a.total_cmp(&b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_repeats_give_no_interval() {
        assert_eq!(mean_t_interval(&[1.0, 2.0]), None);
        assert_eq!(paired_ratio(&[(1, 2.0), (2, 2.0)], &[(1, 1.0), (2, 1.0)]).unwrap().interval, None);
    }

    #[test]
    fn the_interval_of_the_mean_is_students() {
        let of = mean_t_interval(&[1.0, 2.0, 3.0]).unwrap();
        // 4.303 standard errors of 1 / sqrt(3).
        assert!((of.low - (2.0 - 2.484)).abs() < 1e-3 && (of.high - (2.0 + 2.484)).abs() < 1e-3, "{of:?}");
    }

    #[test]
    fn a_ratio_is_taken_block_by_block() {
        // The second block ran on a slow machine; both strategies did.
        let ours = [(1, 1.0), (2, 10.0), (3, 1.1)];
        let theirs = [(3, 2.2), (1, 2.0), (2, 20.0), (4, 7.0)];
        let of = paired_ratio(&ours, &theirs).unwrap();
        assert!((of.estimate - 0.5).abs() < 1e-9 && of.blocks == 3 && of.is_shown(), "{of:?}");
    }

    #[test]
    fn what_jumps_about_shows_no_difference_and_says_how_large_one_would_be_seen() {
        let ours = [(1, 1.0), (2, 3.0), (3, 1.0), (4, 2.0)];
        let of = paired_ratio(&ours, &[(1, 2.0), (2, 1.5), (3, 1.2), (4, 1.0)]).unwrap();
        assert!(!of.is_shown() && of.would_be_seen().unwrap() > 0.5, "{of:?}");
    }

    #[test]
    fn nothing_is_so_many_times_nothing() {
        assert_eq!(paired_ratio(&[(1, 0.0)], &[(1, 0.0)]), None);
        assert_eq!(paired_ratio(&[(1, 1.0)], &[(2, 1.0)]), None);
    }

    /// The share of series of so many blocks whose interval holds the true ratio.
    fn coverage(blocks: u32, mut draw: impl FnMut() -> f64) -> f64 {
        const SERIES: u32 = 4_000;
        let mut series =
            |factor: f64| -> Vec<(u32, f64)> { (0..blocks).map(|block| (block, factor * draw())).collect() };
        let held = (0..SERIES).filter(|_| {
            let (ours, theirs) = (series(1.1), series(1.0));
            let of = paired_ratio(&ours, &theirs).and_then(|of| of.interval).unwrap();
            of.low <= 1.1 && 1.1 <= of.high
        });
        held.count() as f64 / f64::from(SERIES)
    }

    #[test]
    fn the_interval_of_a_ratio_holds_the_true_one_nineteen_times_in_twenty() {
        use rand::SeedableRng;
        use rand_distr::Distribution;
        let mut random = rand::rngs::Xoshiro256PlusPlus::seed_from_u64(7);
        for blocks in [3, 5, 7, 15, 30] {
            let normal = rand_distr::LogNormal::new(0.0, 0.2).unwrap();
            let share = coverage(blocks, || normal.sample(&mut random));
            assert!((0.94..=0.96).contains(&share), "{blocks} blocks, log-normal: {share}");
            // With a heavy tail the interval is wider than it need be, and holds the true ratio more often.
            let heavy = rand_distr::Pareto::new(1.0, 3.0).unwrap();
            let share = coverage(blocks, || heavy.sample(&mut random));
            assert!((0.94..=0.98).contains(&share), "{blocks} blocks, Pareto: {share}");
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
