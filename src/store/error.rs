//! Errors of the stores, by kind.

use std::fmt;

use crate::base::secrets;

/// The kinds of error that results count apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum ErrorKind {
    /// No answer came in time. A change may or may not have happened.
    Timeout,
    /// The connection was refused, reset or closed. A change may or may not have happened.
    Connection,
    /// The server is up but does not serve yet, or does not serve this key: LOADING, CLUSTERDOWN, no primary.
    Unavailable,
    /// A write was sent to a replica.
    ReadOnly,
    /// The server is out of memory and may not evict.
    OutOfMemory,
    /// The instance of the application crashed meanwhile, or was down. A change may or may not have happened.
    Crashed,
    /// The password, user or permission was refused.
    Denied,
    /// The circuit breaker is open, so the call was not sent to the cache.
    CircuitOpen,
    /// The stored value is not one that hotset writes.
    Malformed,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Every kind, in the order in which results list them.
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

    /// The name of the kind in results.
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

    /// Returns true if a change that ended with this error may or may not have happened.
    #[must_use]
    pub fn is_indeterminate(self) -> bool {
        matches!(self, Self::Timeout | Self::Connection | Self::Crashed)
    }
}

/// A call to a store that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoreError {
    /// The kind of error, by which results count it.
    pub kind: ErrorKind,
    /// The operation, its target and the store's message. It never holds a secret.
    pub detail: String,
}

impl StoreError {
    /// An error of a kind.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        // What a driver or a server says may quote the password that it was given.
        Self { kind, detail: secrets::strike(&detail.into()).into_owned() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.kind.name())
    }
}

impl std::error::Error for StoreError {}
