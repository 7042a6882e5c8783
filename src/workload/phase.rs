//! The parts of a cell that have streams of their own.

use super::random::Purpose;

/// The parts of a cell that have streams of their own, so that the measured operations do not depend
/// on how long the cache took to warm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Warming the cache.
    Warmup,
    /// Measuring.
    Measure,
}

impl Phase {
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Warmup => Purpose::Warmup,
            Self::Measure => Purpose::Measure,
        }
    }
}
