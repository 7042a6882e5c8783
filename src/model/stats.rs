//! What repeats can and cannot show.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

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

/// One in so many intervals leaves out the truth, and one in so many comparisons of what is alike finds a difference.
pub const LEVEL: f64 = 0.05;

/// A difference counts as one that would be seen where this share of series like the one at hand would find it.
const POWER: f64 = 0.8;

/// The distance of something from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// By how much.
    pub estimate: f64,
    /// Its 95 % interval.
    pub interval: ConfidenceInterval,
    /// The probability of an estimate so far from 0, on either side, where the truth is 0.
    pub p: f64,
    standard_error: f64,
    freedom: f64,
}

impl Shift {
    /// The smallest distance that four of five such series would find at this level.
    #[must_use]
    pub fn would_be_seen(&self, level: f64) -> Option<f64> {
        errors_to_be_seen(self.freedom, level).map(|errors| errors * self.standard_error)
    }
}

/// How many standard errors from 0 the truth has to be for [`POWER`] of all series to find that at this level: the noncentral
/// distribution of Student's t, as the normal one averaged over the scatter that a series may happen to show.
fn errors_to_be_seen(freedom: f64, level: f64) -> Option<f64> {
    const POINTS: u32 = 64;
    const HALVINGS: u32 = 40;
    let needed = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(1.0 - level / 2.0);
    let normal = Normal::standard();
    // Wilson and Hilferty's (1931) quantiles of chi squared by its degrees of freedom.
    let scatter = |at: u32| {
        let z = normal.inverse_cdf((f64::from(at) + 0.5) / f64::from(POINTS));
        let ninth = 2.0 / (9.0 * freedom);
        (1.0 - ninth + z * ninth.sqrt()).max(0.0).powf(1.5)
    };
    let scatters: Vec<f64> = (0..POINTS).map(scatter).collect();
    let power = |errors: f64| {
        scatters.iter().map(|of| normal.cdf(errors - needed * of)).sum::<f64>() / f64::from(POINTS)
    };
    let (mut low, mut high) = (0.0, 4.0 * (needed + 1.0));
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if power(middle) < POWER { low = middle } else { high = middle }
    }
    Some(high)
}

/// `None` only where there is no freedom to tell by.
fn students_shift(estimate: f64, standard_error: f64, freedom: f64) -> Option<Shift> {
    let students = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let margin = students.inverse_cdf(1.0 - LEVEL / 2.0) * standard_error;
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
        standard_error,
        freedom,
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

/// How a figure scatters from repeat to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scatter {
    /// By factors, as times, rates and counts do: none is below 0.
    Factors,
    /// By the odds, as a share does that cannot leave 0 to 1.
    Odds,
}

impl Scatter {
    /// The value on the scale on which the repeats scatter evenly; `None` at an end of it.
    fn evenly(self, value: f64) -> Option<f64> {
        let scaled = match self {
            Self::Factors => value.ln(),
            Self::Odds => (value / (1.0 - value)).ln(),
        };
        scaled.is_finite().then_some(scaled)
    }

    fn back(self, scaled: f64) -> f64 {
        match self {
            Self::Factors => scaled.exp(),
            Self::Odds => 1.0 / (1.0 + (-scaled).exp()),
        }
    }

    fn most(self) -> f64 {
        match self {
            Self::Factors => f64::INFINITY,
            Self::Odds => 1.0,
        }
    }
}

/// The 95 % interval of a figure by how far its repeats scatter: Student's t on the scale on which they do so evenly, around the
/// figure itself, which is of all answers together and may lie beside the middle of the repeats. Where a repeat is at an end of
/// that scale, such as one in which nothing failed, it is Student's t of the values as they are, within what is possible. `None`
/// of fewer than three repeats.
#[must_use]
pub fn interval_around(estimate: f64, repeats: &[f64], scatter: Scatter) -> Option<ConfidenceInterval> {
    let scaled: Option<Vec<f64>> = repeats.iter().map(|value| scatter.evenly(*value)).collect();
    if let (Some(scaled), Some(estimate)) = (scaled, scatter.evenly(estimate)) {
        let margin = margin(&scaled)?;
        return Some(ConfidenceInterval {
            low: scatter.back(estimate - margin),
            high: scatter.back(estimate + margin),
        });
    }
    let margin = margin(repeats)?;
    Some(ConfidenceInterval {
        low: (estimate - margin).max(0.0),
        high: (estimate + margin).min(scatter.most()),
    })
}

fn margin(values: &[f64]) -> Option<f64> {
    mean_shift(values).map(|of| (of.interval.high - of.interval.low) / 2.0)
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
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let estimate = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
    let interval = mean_shift(&logs).map(|Shift { interval, .. }| ConfidenceInterval {
        low: interval.low.exp(),
        high: interval.high.exp(),
    });
    Some(Ratio { estimate, interval, blocks: logs.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_repeats_give_no_interval() {
        assert_eq!(interval_around(1.5, &[1.0, 2.0], Scatter::Factors), None);
        assert_eq!(interval_around(0.0, &[0.0, 0.0], Scatter::Odds), None);
        assert_eq!(paired_ratio(&[(1, 2.0), (2, 2.0)], &[(1, 1.0), (2, 1.0)]).unwrap().interval, None);
    }

    #[test]
    fn the_interval_of_the_mean_is_students() {
        let of = mean_shift(&[1.0, 2.0, 3.0]).unwrap().interval;
        // 4.303 standard errors of 1 / sqrt(3).
        assert!((of.low - (2.0 - 2.484)).abs() < 1e-3 && (of.high - (2.0 + 2.484)).abs() < 1e-3, "{of:?}");
    }

    #[test]
    fn an_interval_stays_within_what_is_possible_and_around_the_figure() {
        let share = interval_around(0.97, &[0.9, 0.98, 0.999], Scatter::Odds).unwrap();
        assert!(share.low > 0.0 && share.low < 0.97 && share.high > 0.97 && share.high < 1.0, "{share:?}");
        let time = interval_around(3.0, &[0.1, 2.0, 9.0], Scatter::Factors).unwrap();
        assert!(time.low > 0.0 && ((time.low * time.high).sqrt() - 3.0).abs() < 1e-9, "{time:?}");
        let failed = interval_around(0.01, &[0.0, 0.0, 0.03], Scatter::Odds).unwrap();
        assert!(failed.low == 0.0 && failed.high > 0.03 && failed.high < 1.0, "{failed:?}");
        // Every repeat agrees: none says how far another might lie.
        let none = interval_around(0.0, &[0.0; 5], Scatter::Odds).unwrap();
        assert!(none.low == 0.0 && none.high == 0.0, "{none:?}");
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
    fn what_jumps_about_shows_no_difference() {
        let ours = [(1, 1.0), (2, 3.0), (3, 1.0), (4, 2.0)];
        let of = paired_ratio(&ours, &[(1, 2.0), (2, 1.5), (3, 1.2), (4, 1.0)]).unwrap();
        assert!(!of.is_shown(), "{of:?}");
    }

    #[test]
    fn nothing_is_so_many_times_nothing() {
        assert_eq!(paired_ratio(&[(1, 0.0)], &[(1, 0.0)]), None);
        assert_eq!(paired_ratio(&[(1, 1.0)], &[(2, 1.0)]), None);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
