//! `latency.csv`: one row for each point of a cell's percentile spectra.

use hdrhistogram::Histogram;

use super::columns::{columns, words};

words! {
    /// The classes of operation, by what they do to the data.
    #[derive(Default)]
    pub enum OperationClass {
        /// It reads one entity or page.
        #[default]
        Read = "read",
        /// It writes.
        Write = "write",
    }
}

words! {
    /// The ways in which an operation ends, and sums of them.
    #[derive(Default)]
    pub enum OutcomeClass {
        /// A read from the cache; of several documents, where the cache answered for all of them.
        Hit = "hit",
        /// A read from the database; of several documents, where one of them came from there.
        Miss = "miss",
        /// A read of something that the cache knows to be absent.
        NegativeHit = "negative-hit",
        /// A read from the database, as the cache had failed and was passed by.
        Bypassed = "bypassed",
        /// A write that was acknowledged.
        Written = "written",
        /// The end of an operation that is neither a read nor a write.
        Done = "done",
        /// An error.
        Error = "error",
        /// An operation that was given up: if it was a write, it may or may not have happened.
        Timeout = "timeout",
        /// Every outcome that is an answer: all but errors and what was given up.
        #[default]
        Answered = "answered",
        /// Every outcome together.
        All = "all",
    }
}

words! {
    /// The two times that are measured of an operation.
    #[derive(Default)]
    pub enum Measure {
        /// The time from due to done, which a user waits.
        #[default]
        Response = "response",
        /// The time from sent to done, which the system takes.
        Service = "service",
    }
}

impl OutcomeClass {
    /// The outcomes that an operation can have: [`OutcomeClass::Answered`] and
    /// [`OutcomeClass::All`] are sums of them.
    pub const EACH: [Self; 8] = [
        Self::Hit,
        Self::Miss,
        Self::NegativeHit,
        Self::Bypassed,
        Self::Written,
        Self::Done,
        Self::Error,
        Self::Timeout,
    ];

    /// Returns true if the operation did what it was asked to.
    #[must_use]
    pub fn is_success(self) -> bool {
        !matches!(self, Self::Error | Self::Timeout | Self::Answered | Self::All)
    }

    /// Returns true if it is a read that got an answer.
    #[must_use]
    pub fn is_answered_read(self) -> bool {
        matches!(self, Self::Hit | Self::Miss | Self::NegativeHit | Self::Bypassed)
    }
}

columns! {
    /// One point of one percentile spectrum.
    pub struct LatencyRow {
        /// The operations: `read` or `write` for all that do; or one kind of operation of an application that has several
        /// of these.
        operation: String,
        /// The way in which they ended.
        outcome: OutcomeClass,
        /// The time that was measured.
        measure: Measure,
        /// From 0 to 100, such as 99.9.
        percentile: f64,
        /// The time that this share of the operations did not exceed.
        value_us: f64 as "µs",
        /// The number of operations that took no longer.
        count_at_or_below: u64,
        /// The number of operations in the spectrum.
        total_count: u64,
    }
}

/// The percentiles that every spectrum has a row for, as people ask for these.
const ALWAYS: [f64; 8] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0];

/// The spectrum of a histogram of nanoseconds: five points for each halving of what remains above, the percentiles
/// that people ask for, and the maximum. Empty if nothing was recorded.
#[must_use]
pub fn spectrum(
    (operation, outcome, measure): (&str, OutcomeClass, Measure),
    histogram: &Histogram<u64>,
) -> Vec<LatencyRow> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let row = |percentile: f64, value: u64, below: u64| LatencyRow {
        operation: operation.to_owned(),
        outcome,
        measure,
        percentile: round(percentile, 1e9),
        value_us: round(value as f64 / 1e3, 1e3),
        count_at_or_below: below,
        total_count: histogram.len(),
    };
    let mut below = 0;
    let mut rows = Vec::new();
    for step in histogram.iter_quantiles(5) {
        below += step.count_since_last_iteration();
        rows.push(row(step.quantile_iterated_to() * 100.0, step.value_iterated_to(), below));
    }
    for percentile in ALWAYS {
        if rows.iter().all(|row| (row.percentile - percentile).abs() > 1e-6) {
            let value = histogram.value_at_percentile(percentile);
            rows.push(row(percentile, value, histogram.count_between(0, value)));
        }
    }
    rows.sort_by(|a, b| a.percentile.total_cmp(&b.percentile));
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
        let rows = spectrum(("read", OutcomeClass::All, Measure::Response), &histogram);
        assert!(
            rows.windows(2).all(|w| w[0].value_us <= w[1].value_us && w[0].percentile <= w[1].percentile)
        );
        let last = rows.last().unwrap();
        assert_eq!((last.count_at_or_below, last.total_count), (10_000, 10_000));
        assert!((last.percentile - 100.0).abs() < 1e-9);
        assert!((last.value_us - 10_000.0).abs() < 20.0);
    }

    #[test]
    fn every_spectrum_has_the_percentiles_that_people_ask_for() {
        for recorded in [1, 7, 100, 123_456] {
            let mut histogram = Histogram::<u64>::new(3).unwrap();
            (1..=recorded).for_each(|us| histogram.record(us * 1000).unwrap());
            let rows = spectrum(("read", OutcomeClass::All, Measure::Response), &histogram);
            for percentile in ALWAYS {
                let exact: Vec<_> =
                    rows.iter().filter(|row| (row.percentile - percentile).abs() < 1e-9).collect();
                assert_eq!(exact.len(), 1, "{percentile} of {recorded}");
                assert!(exact[0].count_at_or_below as f64 >= recorded as f64 * percentile / 100.0 - 1e-6);
            }
            assert!(
                rows.is_sorted_by(
                    |a, b| a.value_us <= b.value_us && a.count_at_or_below <= b.count_at_or_below
                )
            );
        }
    }

    #[test]
    fn each_outcome_stands_in_its_own_place_and_their_sums_after_them() {
        for (at, class) in OutcomeClass::EACH.into_iter().enumerate() {
            assert_eq!(class as usize, at);
        }
        assert_eq!(OutcomeClass::Answered as usize, OutcomeClass::EACH.len());
    }

    #[test]
    fn nothing_recorded_gives_no_spectrum() {
        let histogram = Histogram::<u64>::new(3).unwrap();
        assert!(spectrum(("write", OutcomeClass::All, Measure::Service), &histogram).is_empty());
    }
}
