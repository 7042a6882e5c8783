//! A read with everything by which it is judged.

use super::view::KnownVersions;
use super::{Expected, Seen};

/// A read that is being judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) key: u64,
    /// The instance of the client that read.
    pub(super) instance: u64,
    pub(super) expected: Expected,
    pub(super) seen: Seen,
    /// The client's knowledge of the key before this read.
    pub(super) known: KnownVersions,
    /// Both times are in microseconds since the audit began.
    pub(super) sent_us: u64,
    pub(super) done_us: u64,
}
