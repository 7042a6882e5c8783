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
