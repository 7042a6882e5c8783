//! The error of a write, and whether the database holds the write all the same.

use std::fmt;

use crate::store::{StoreError, Version};

/// A write that its caller cannot take for done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteError {
    /// The error of the store.
    pub error: StoreError,
    /// The version at which the database is known to hold the write although a later step failed, so
    /// that the cache may still hold something older.
    pub committed: Option<Version>,
}

impl WriteError {
    /// The error of a step after the commit: the database holds the write at `version`.
    #[must_use]
    pub fn after_commit(error: StoreError, version: Option<Version>) -> Self {
        Self { error, committed: version }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self { error, committed: None }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for WriteError {}
