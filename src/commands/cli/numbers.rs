//! Numbers on the command line.

use std::num::NonZeroU64;

/// Reads a whole number that is not 0.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroU64, String> {
    text.parse().map_err(|_| "give a whole number, 1 or more".into())
}
