//! Which documents there are before the load begins, and whether the load changes that.

use crate::base::key_share::KeyShare;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Population {
    /// Those that are in the database at first.
    pub at_first: KeyShare,
    /// True if documents are inserted or deleted while the load runs.
    pub changes: bool,
}

impl Population {
    /// All documents, all the time.
    pub const ALL: Self = Self { at_first: KeyShare::ALL, changes: false };

    /// Returns true if a document may be missing at some time.
    #[inline]
    #[must_use]
    pub fn may_lack_some(&self) -> bool {
        *self != Self::ALL
    }
}
