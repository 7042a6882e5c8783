//! What repeats can and cannot show.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Fewer repeats are shown, but neither given an interval nor ranked.
pub const REPEATS_TO_RANK: usize = 5;

/// How many times the repeats are drawn again. The ends of the interval are then steady to about a percent.
const RESAMPLES: usize = 10_000;
/// Fixed, so that drawing a report again gives the same report.
const SEED: u64 = 0x686f_7473_6574;

/// A 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceInterval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl ConfidenceInterval {
    /// Returns true if some value lies in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
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

/// The percentile bootstrap's 95 % interval of the median; `None` of fewer than five values.
#[must_use]
pub fn median_interval(values: &[f64]) -> Option<ConfidenceInterval> {
    bootstrap(values, |sample| {
        sample.sort_by(f64::total_cmp);
        median_of_sorted(sample).unwrap_or(f64::NAN)
    })
}

/// The percentile bootstrap's 95 % interval of the mean; `None` of fewer than five values.
#[must_use]
pub fn mean_interval(values: &[f64]) -> Option<ConfidenceInterval> {
    bootstrap(values, |sample| sample.iter().sum::<f64>() / sample.len() as f64)
}

fn bootstrap(values: &[f64], statistic: impl Fn(&mut [f64]) -> f64) -> Option<ConfidenceInterval> {
    if values.len() < REPEATS_TO_RANK {
        return None;
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut sample = vec![0.0; values.len()];
    let mut statistics = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        sample.fill_with(|| values[random.random_range(0..values.len())]);
        statistics.push(statistic(&mut sample));
    }
    statistics.sort_by(f64::total_cmp);
    let at = |share: f64| statistics[(share * (RESAMPLES - 1) as f64).round() as usize];
    Some(ConfidenceInterval { low: at(0.025), high: at(0.975) })
}

/// Which end of a measure is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Such as throughput.
    Higher,
    /// Such as latency.
    Lower,
}

/// Something with a value for each repeat.
#[derive(Debug, Clone)]
pub struct Contestant {
    /// What it is called.
    pub name: String,
    /// One value a repeat.
    pub values: Vec<f64>,
}

/// The order of the medians in words, best first, each neighbour told apart only where the intervals are apart.
/// `None` with fewer than two contestants, or where one of them has fewer than five repeats.
#[must_use]
pub fn ranking(contestants: &[Contestant], better: Better) -> Option<String> {
    let mut judged = contestants
        .iter()
        .map(|c| Some((c.name.as_str(), median(&c.values)?, median_interval(&c.values)?)))
        .collect::<Option<Vec<_>>>()?;
    judged.sort_by(|a, b| match better {
        Better::Higher => b.1.total_cmp(&a.1),
        Better::Lower => a.1.total_cmp(&b.1),
    });
    let clauses: Vec<String> = judged
        .windows(2)
        .map(|pair| {
            let ((better, _, its), (worse, _, other)) = (pair[0], pair[1]);
            if its.overlaps(other) {
                format!("no difference shown between {better} and {worse}")
            } else {
                format!("{better} is better than {worse}")
            }
        })
        .collect();
    (!clauses.is_empty()).then(|| clauses.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contestant(name: &str, values: &[f64]) -> Contestant {
        Contestant { name: name.into(), values: values.to_vec() }
    }

    #[test]
    fn the_interval_holds_the_median_and_lies_within_the_repeats() {
        let values = [10.0, 11.0, 12.0, 13.0, 20.0];
        let interval = median_interval(&values).unwrap();
        assert!(
            interval.low >= 10.0 && interval.low <= 12.0 && interval.high >= 12.0 && interval.high <= 20.0
        );
        assert_eq!(median_interval(&values), Some(interval), "seeded, so the same again");
        assert!(mean_interval(&values).unwrap().high < 20.0);
    }

    #[test]
    fn four_repeats_give_no_interval_and_no_ranking() {
        assert_eq!(median_interval(&[1.0, 2.0, 3.0, 4.0]), None);
        let few = [contestant("a", &[1.0; 4]), contestant("b", &[2.0; 5])];
        assert_eq!(ranking(&few, Better::Higher), None);
    }

    #[test]
    fn neighbours_whose_intervals_overlap_are_not_told_apart() {
        let all = [
            contestant("slow", &[1.0, 1.1, 1.2, 1.1, 1.0]),
            contestant("fast", &[5.0, 5.1, 5.2, 5.3, 5.4]),
            contestant("quick", &[5.1, 5.2, 5.3, 5.2, 5.1]),
        ];
        let higher = ranking(&all, Better::Higher).unwrap();
        assert!(higher.contains("no difference shown between") && higher.contains("is better than slow"));
        assert!(ranking(&all, Better::Lower).unwrap().starts_with("slow is better than"));
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
