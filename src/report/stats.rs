//! What repeats can and cannot show.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::format;

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

/// The distance of something from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// By how much.
    pub estimate: f64,
    /// Its 95 % interval.
    pub interval: ConfidenceInterval,
    /// The probability of an estimate so far from 0, on either side, where the truth is 0.
    pub p: f64,
}

/// `None` only where there is no freedom to tell by.
fn students_shift(estimate: f64, standard_error: f64, freedom: f64) -> Option<Shift> {
    let students = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let margin = students.inverse_cdf(0.975) * standard_error;
    let p = match standard_error {
        error if error > 0.0 => 2.0 * students.cdf(-(estimate / error).abs()),
        // All repeats agree to the last digit.
        _ if estimate == 0.0 => 1.0,
        _ => 0.0,
    };
    Some(Shift {
        estimate,
        interval: ConfidenceInterval { low: estimate - margin, high: estimate + margin },
        p,
    })
}

/// The mean, and the variance of a single value.
fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// Student's shift of the mean; `None` of fewer than three values.
#[must_use]
pub fn mean_shift(values: &[f64]) -> Option<Shift> {
    if values.len() < REPEATS_FOR_INTERVAL {
        return None;
    }
    let (mean, variance) = mean_and_variance(values);
    let n = values.len() as f64;
    students_shift(mean, (variance / n).sqrt(), n - 1.0)
}

/// Welch's shift from one mean to another, of values that are not pairs and may scatter unequally; `None` of fewer than three
/// values on a side.
#[must_use]
pub fn welch_shift(from: &[f64], to: &[f64]) -> Option<Shift> {
    if from.len().min(to.len()) < REPEATS_FOR_INTERVAL {
        return None;
    }
    let of = |values: &[f64]| {
        let (mean, variance) = mean_and_variance(values);
        (mean, variance / values.len() as f64, values.len() as f64 - 1.0)
    };
    let ((from_mean, from_square, from_freedom), (to_mean, to_square, to_freedom)) = (of(from), of(to));
    let squares = from_square + to_square;
    // Welch (1947) and Satterthwaite (1946).
    let freedom = squares.powi(2) / (from_square.powi(2) / from_freedom + to_square.powi(2) / to_freedom);
    let freedom = if freedom.is_finite() { freedom } else { from_freedom + to_freedom };
    students_shift(to_mean - from_mean, squares.sqrt(), freedom)
}

/// The largest p that counts as a finding where so many are looked at together, by Benjamini and Hochberg (1995, J. R. Stat.
/// Soc. B 57): of what is found, no more than this share is expected to be chance. `None` where nothing is found.
#[must_use]
pub fn false_discovery_threshold(p: &[f64], share: f64) -> Option<f64> {
    let mut sorted = p.to_vec();
    sorted.sort_by(f64::total_cmp);
    let step = share / sorted.len() as f64;
    let found = sorted.iter().zip(1_u32..).filter(|(p, rank)| **p <= step * f64::from(*rank));
    found.last().map(|(p, _)| *p)
}

/// Student's 95 % interval of the mean; `None` of fewer than three values.
#[must_use]
pub fn mean_t_interval(values: &[f64]) -> Option<ConfidenceInterval> {
    mean_shift(values).map(|of| of.interval)
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

/// The ratio of one strategy's figure to another's.
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

    /// `2.9 ± 0.1 × faster, n = 5`.
    #[must_use]
    pub fn times(&self, word: &str) -> String {
        let estimate = format::three_digits(self.estimate);
        let margin = self.interval.map_or_else(String::new, |of| {
            // As many decimals as the estimate may have, and never an error of nothing.
            let decimals = match self.estimate {
                estimate if estimate >= 99.95 => 0,
                estimate if estimate >= 9.995 => 1,
                _ => 2,
            };
            let half = ((of.high - of.low) / 2.0).max(0.1_f64.powi(decimals));
            format!(
                " ± {}",
                format::three_digits(format!("{half:.*}", decimals as usize).parse().unwrap_or(half))
            )
        });
        format!("{estimate}{margin} × {word}, n = {}", self.blocks)
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
    fn welchs_shift_is_the_textbooks() {
        // By hand: t = 3.1322 at 3.6900 degrees of freedom.
        let of = welch_shift(&[1.0, 2.0, 3.0], &[5.0, 8.0, 5.0, 12.0]).unwrap();
        assert!((of.estimate - 5.5).abs() < 1e-12 && (of.p - 0.039_209).abs() < 1e-5, "{of:?}");
        assert_eq!(welch_shift(&[1.0, 2.0], &[5.0, 8.0, 5.0]), None);
        assert_eq!(welch_shift(&[2.0; 3], &[2.0; 4]).map(|of| of.p), Some(1.0));
        assert_eq!(welch_shift(&[2.0; 3], &[3.0; 4]).map(|of| of.p), Some(0.0));
    }

    #[test]
    fn an_interval_that_leaves_out_0_is_one_whose_p_is_below_a_twentieth() {
        for values in [[1.0, 1.1, 1.3], [-0.2, 0.4, 0.3], [0.1, 0.2, 0.9], [3.0, 3.1, -3.0]] {
            let of = mean_shift(&values).unwrap();
            assert_eq!(of.p < 0.05, of.interval.low > 0.0 || of.interval.high < 0.0, "{of:?}");
        }
    }

    #[test]
    fn the_threshold_of_findings_is_that_of_benjamini_and_hochbergs_example() {
        // Fifteen p of their paper; they find four at 0.05, where Bonferroni's three are the first.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        assert_eq!(false_discovery_threshold(&p, 0.05), Some(0.0095));
        assert_eq!(false_discovery_threshold(&[0.2, 0.9], 0.05), None);
        assert_eq!(false_discovery_threshold(&[], 0.05), None);
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
