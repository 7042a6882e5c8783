//! `latency.csv`: one row for each point of a cell's percentile spectra.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// What a client did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// A read of one entity or page.
    #[default]
    Read,
    /// A write.
    Write,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Read from the cache.
    Hit,
    /// Read from the database.
    Miss,
    /// Known absent from the cache.
    NegativeHit,
    /// Read from the database, as the cache had failed and was passed by.
    Bypassed,
    /// A write that was acknowledged.
    Written,
    /// What is neither, done.
    Done,
    /// An error.
    Error,
    /// Given up; a write may or may not have happened.
    Timeout,
    /// Every outcome together.
    #[default]
    All,
}

/// Which time was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// From due to done.
    #[default]
    Response,
    /// From sent to done.
    Service,
}

impl Operation {
    /// As in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl Measure {
    /// As in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
        }
    }
}

/// One point of one percentile spectrum.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LatencyRow {
    /// The cell's id.
    pub cell: String,
    /// `read` or `write`: all operations that do; or one kind of operation of an application that has several of these.
    pub operation: String,
    /// How they ended.
    pub outcome: Outcome,
    /// Response or service time.
    pub measure: Measure,
    /// From 0 to 100.
    pub percentile: f64,
    /// The time that this share of the operations did not exceed.
    pub value_us: f64,
    /// How many operations took no longer.
    pub count_at_or_below: u64,
    /// How many operations there were.
    pub total_count: u64,
}

/// The spectrum of a histogram of nanoseconds: five points for each halving of what remains above, and the maximum.
/// Empty where nothing was recorded.
#[must_use]
pub fn spectrum(
    cell: &str,
    (operation, outcome, measure): (&str, Outcome, Measure),
    histogram: &Histogram<u64>,
) -> Vec<LatencyRow> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let mut below = 0;
    let mut rows = Vec::new();
    for step in histogram.iter_quantiles(5) {
        below += step.count_since_last_iteration();
        rows.push(LatencyRow {
            cell: cell.to_owned(),
            operation: operation.to_owned(),
            outcome,
            measure,
            percentile: round(step.quantile_iterated_to() * 100.0, 1e9),
            value_us: round(step.value_iterated_to() as f64 / 1e3, 1e3),
            count_at_or_below: below,
            total_count: histogram.len(),
        });
    }
    rows
}

/// Keeps the noise of binary fractions out of the file.
fn round(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spectrum_rises_to_the_maximum_and_counts_everything() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        (1..=10_000).for_each(|us| histogram.record(us * 1000).unwrap());
        let rows = spectrum("c", ("read", Outcome::All, Measure::Response), &histogram);
        assert!(
            rows.windows(2).all(|w| w[0].value_us <= w[1].value_us && w[0].percentile <= w[1].percentile)
        );
        let last = rows.last().unwrap();
        assert_eq!((last.count_at_or_below, last.total_count), (10_000, 10_000));
        assert!((last.percentile - 100.0).abs() < 1e-9);
        assert!((last.value_us - 10_000.0).abs() < 20.0);
    }

    #[test]
    fn nothing_recorded_gives_no_spectrum() {
        let histogram = Histogram::<u64>::new(3).unwrap();
        assert!(spectrum("c", ("write", Outcome::All, Measure::Service), &histogram).is_empty());
    }
}
