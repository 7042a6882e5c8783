//! `latest`: the newest documents take most requests, as YCSB's distribution of that name.
//!
//! The newest is the one of the highest id, and a document's age in ids is drawn by Zipf. Hot keys are therefore neighbours and not
//! scattered. What is inserted while a cell runs has ids among the others, so that the newest stay the newest.

use std::num::NonZeroU64;

use crate::scenario::PositiveNumber;

crate::settings! {
    /// The settings of `latest`.
    pub struct Latest {
        /// the exponent s of the ages: the larger, the more requests go to the newest documents
        exponent: PositiveNumber = PositiveNumber(0.99),
    }
}

/// The key of an age, and the age of a key.
pub(super) fn newest_first(keys: NonZeroU64, rank: u64) -> u64 {
    keys.get() - 1 - rank
}
