//! A read with everything by which it is judged.

use super::view::Known;
use super::{Expected, Seen};

/// A read as it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) key: u64,
    /// The instance that read.
    pub(super) instance: u64,
    pub(super) expected: Expected,
    pub(super) seen: Seen,
    /// What the client knew before.
    pub(super) known: Known,
    /// Microseconds since the audit began, as the next.
    pub(super) sent_us: u64,
    pub(super) done_us: u64,
}
