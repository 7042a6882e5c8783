//! How much fits into a cache: so many entries, or so many bytes.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use crate::base::units::ByteSize;

/// The room of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheSize {
    /// So many entries fit, whatever their sizes.
    Entries(NonZeroU32),
    /// Entries of so many bytes together fit.
    Bytes(NonZeroU64),
}

impl CacheSize {
    /// The number, of entries or of bytes.
    #[must_use]
    pub fn get(self) -> u64 {
        match self {
            Self::Entries(entries) => entries.get().into(),
            Self::Bytes(bytes) => bytes.get(),
        }
    }

    /// The room that an entry of so many bytes takes.
    #[inline]
    #[must_use]
    pub fn taken_by(self, bytes: u64) -> u64 {
        match self {
            Self::Entries(_) => 1,
            Self::Bytes(_) => bytes,
        }
    }

    /// The number of entries, where it is one.
    #[must_use]
    pub fn entries(self) -> Option<NonZeroU32> {
        match self {
            Self::Entries(entries) => Some(entries),
            Self::Bytes(_) => None,
        }
    }

    /// A smaller room in the same unit, where the number is smaller; of one at least.
    #[must_use]
    pub fn at_most(self, number: u64) -> Self {
        let number = number.min(self.get());
        match self {
            Self::Entries(_) => Self::Entries(NonZeroU32::new(number as u32).unwrap_or(NonZeroU32::MIN)),
            Self::Bytes(_) => Self::Bytes(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN)),
        }
    }

    /// The number without the word "entries", where something else says it: `1000`, `64MiB`.
    #[must_use]
    pub fn figure(self) -> String {
        match self {
            Self::Entries(entries) => entries.to_string(),
            Self::Bytes(bytes) => ByteSize(bytes.get()).to_string(),
        }
    }
}

impl fmt::Display for CacheSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries(entries) => write!(f, "{entries} entries"),
            Self::Bytes(bytes) => ByteSize(bytes.get()).fmt(f),
        }
    }
}
