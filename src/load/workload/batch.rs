//! Reads that ask for several documents together: how many, and for which besides the operation's own.

use crate::scenario::{Setting, Value};

/// The most documents that one read may ask for.
const MOST: u64 = 1_000;

/// The number of documents that one read asks for together, from 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysPerRead(u64);

impl KeysPerRead {
    /// One document a read.
    pub const ONE: Self = Self(1);

    /// The number of documents.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns true if a read asks for more than one document.
    #[must_use]
    pub fn is_batch(self) -> bool {
        self.0 > 1
    }
}

impl Setting for KeysPerRead {
    fn expects() -> String {
        format!("a whole number from 1 to {MOST}")
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let keys = u64::read(value)?;
        let is_allowed = (1..=MOST).contains(&keys);
        is_allowed.then_some(Self(keys)).ok_or_else(|| Some(format!("{keys} is not from 1 to {MOST}")))
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// The kind of operation that asks for several documents, and for how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// The kind: an index into the application's table of operations.
    pub kind: u8,
    /// The number of keys that are drawn for each operation of that kind; those that are drawn twice are one.
    pub keys: u64,
}

/// A key that an operation asks for besides its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FurtherKey {
    /// The key: below the number of keys N, or from N to 2N if it is absent.
    pub key: u64,
    /// True if the key was never stored.
    pub absent: bool,
}
