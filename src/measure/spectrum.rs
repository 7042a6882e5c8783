//! The percentile spectrum of a histogram: the points of a latency curve.

use super::window::Latency;

/// How many points there are from one halving of the distance to 100 % to the next.
pub const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// One point: this share of the operations took at most this long.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SpectrumPoint {
    /// From 0 to 100.
    pub percentile: f64,
    /// In microseconds.
    pub value_us: f64,
    /// How many operations took at most that.
    pub count_at_or_below: u64,
    /// How many there were.
    pub total: u64,
}

/// The spectrum as HdrHistogram's own tools print it: [`TICKS_PER_HALF_DISTANCE`] points on the way from 0 to
/// 50 %, as many to 75 %, to 87.5 % and so on, ending with 100 %. Empty for an empty histogram.
#[must_use]
pub fn spectrum(latency: &Latency) -> Vec<SpectrumPoint> {
    if latency.is_empty() {
        return Vec::new();
    }
    let mut at_or_below = 0;
    let points = latency.iter_quantiles(TICKS_PER_HALF_DISTANCE).map(|point| {
        at_or_below += point.count_since_last_iteration();
        SpectrumPoint {
            percentile: point.quantile_iterated_to() * 100.0,
            value_us: point.value_iterated_to() as f64 / 1e3,
            count_at_or_below: at_or_below,
            total: latency.len(),
        }
    });
    points.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;

    fn of(values_ns: impl Iterator<Item = u64>) -> Vec<SpectrumPoint> {
        let mut latency = Histogram::new_with_bounds(10, 120_000_000_000, 3).unwrap();
        values_ns.for_each(|ns| latency.saturating_record(ns));
        spectrum(&latency)
    }

    #[test]
    fn the_curve_rises_to_everything_at_100_percent() {
        let points = of((1..=100_000).map(|us| us * 1_000));
        assert!(points.windows(2).all(|w| w[0].percentile < w[1].percentile || w[1].percentile >= 100.0));
        assert!(points.is_sorted_by_key(|p| p.value_us) && points.is_sorted_by_key(|p| p.count_at_or_below));
        let last = points.last().unwrap();
        assert_eq!((last.count_at_or_below, last.total), (100_000, 100_000));
        assert!((last.percentile - 100.0).abs() < 1e-9 && (last.value_us / 100_000.0 - 1.0).abs() < 2e-3);
    }

    #[test]
    fn each_point_holds_at_least_its_percentile() {
        for point in of((1..=100_000).map(|us| us * 1_000)) {
            assert!(
                point.count_at_or_below as f64 >= point.percentile / 100.0 * 100_000.0 - 1e-6,
                "{point:?}"
            );
            assert!((point.value_us - point.count_at_or_below as f64).abs() <= point.value_us * 2e-3 + 0.01);
        }
    }

    #[test]
    fn points_crowd_towards_the_tail() {
        let points = of((1..=100_000).map(|us| us * 1_000));
        let within =
            |from: f64, to: f64| points.iter().filter(|p| (from..to).contains(&p.percentile)).count();
        assert_eq!(within(0.0, 50.0), 5);
        assert_eq!(within(50.0, 75.0), 5);
        assert_eq!(within(75.0, 87.5), 5);
        assert!(within(99.0, 100.0) > 20);
    }

    #[test]
    fn nothing_has_no_spectrum_and_one_operation_has_one() {
        assert!(of(std::iter::empty()).is_empty());
        assert_eq!(of([5_000].into_iter()).last().unwrap().count_at_or_below, 1);
    }
}
