//! What can go wrong in a store, by kind.

use std::fmt;

/// The kinds of error that results count apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// No answer in time. A change may or may not have happened.
    Timeout,
    /// The connection was refused, reset or closed. A change may or may not have happened.
    Connection,
    /// The server is there but not serving yet or not serving this: LOADING, CLUSTERDOWN, no primary.
    Unavailable,
    /// A write was sent to a replica.
    ReadOnly,
    /// The server is out of memory and may not evict.
    OutOfMemory,
    /// The instance of the application crashed meanwhile, or was down. A change may or may not have happened.
    Crashed,
    /// The password, user or permission was refused.
    Denied,
    /// The circuit breaker is open: the cache was not asked.
    CircuitOpen,
    /// What is stored is not what hotset stores.
    Malformed,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Every kind, in the order of results.
    pub const ALL: [Self; 10] = [
        Self::Timeout,
        Self::Connection,
        Self::Unavailable,
        Self::ReadOnly,
        Self::OutOfMemory,
        Self::Crashed,
        Self::Denied,
        Self::CircuitOpen,
        Self::Malformed,
        Self::Other,
    ];

    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Unavailable => "unavailable",
            Self::ReadOnly => "read-only",
            Self::OutOfMemory => "out-of-memory",
            Self::Crashed => "crashed",
            Self::Denied => "denied",
            Self::CircuitOpen => "circuit-open",
            Self::Malformed => "malformed",
            Self::Other => "other",
        }
    }

    /// Whether a change that ended so may or may not have happened.
    #[must_use]
    pub fn is_indeterminate(self) -> bool {
        matches!(self, Self::Timeout | Self::Connection | Self::Crashed)
    }
}

/// A call to a store that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// Its kind.
    pub kind: ErrorKind,
    /// What was being done, to what, and what the store said. Never holds a secret.
    pub detail: String,
}

impl StoreError {
    /// An error of a kind.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.kind.name())
    }
}

impl std::error::Error for StoreError {}
