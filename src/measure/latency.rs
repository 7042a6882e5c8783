//! Histograms of times on the path of an operation.

use hdrhistogram::Histogram;

/// Histograms in nanoseconds, to three significant digits. A counter that would pass 2^32 − 1 stays there; that many
/// operations within 0.1 % of one latency take over an hour at a million a second.
pub type Latency = Histogram<u32>;

/// Histograms are told apart from here on; what is shorter counts as this or as nothing.
pub const SHORTEST_NS: u64 = 10;
/// Longer times than this count as this.
pub const LONGEST_NS: u64 = 120_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// An empty histogram of the whole range; `None` only where the library refuses the layout, which a test of windows shows
/// it does not.
#[must_use]
pub fn empty() -> Option<Latency> {
    Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, SIGNIFICANT_DIGITS).ok()
}

/// The values that were recorded, as the histogram tells them apart, each with its count.
#[must_use]
pub fn counts(histogram: &Latency) -> Vec<(u64, u32)> {
    histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
}

/// Records such values in a histogram that tells them apart in the same way.
pub fn record_counts(histogram: &mut Latency, counts: &[(u64, u32)]) {
    for (value, count) in counts {
        histogram.saturating_record_n(*value, *count);
    }
}

/// Histograms of times in files: the values that were recorded and their counts.
pub mod counted {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::{Latency, counts, empty, record_counts};

    /// Writes one.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(histogram: &Latency, serializer: S) -> Result<S::Ok, S::Error> {
        counts(histogram).serialize(serializer)
    }

    /// Reads one.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Latency, D::Error> {
        let counts = Vec::<(u64, u32)>::deserialize(deserializer)?;
        let mut histogram =
            empty().ok_or_else(|| D::Error::custom("there is no histogram of this layout"))?;
        record_counts(&mut histogram, &counts);
        Ok(histogram)
    }
}
