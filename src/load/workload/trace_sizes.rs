//! The sizes of documents as a trace tells those of its keys.

use std::sync::Arc;

use super::key_facts::KeyColumn;
use crate::base::units::ByteSize;

/// The size of each key's document: as the trace tells it, or one that stands for what it does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSizes {
    of_key: Arc<Vec<u32>>,
    unknown: ByteSize,
    mean_bytes: f64,
    largest: u64,
}

impl TraceSizes {
    /// The size of a document of which nothing is told, unless a scenario says another.
    pub const UNKNOWN: ByteSize = ByteSize(500);

    /// The sizes of a trace that has not been read: all are `unknown`.
    #[must_use]
    pub fn unread(unknown: ByteSize) -> Self {
        Self { of_key: Arc::default(), unknown, mean_bytes: unknown.0 as f64, largest: unknown.0 }
    }

    /// The sizes that a trace tells, of a dataset of so many keys whose documents have `at_least` so many bytes, whatever is
    /// told.
    #[must_use]
    pub fn told(&self, sizes: &KeyColumn, keys: u64, at_least: u64) -> Self {
        let unknown = self.unknown.0.max(at_least);
        let told = sizes.finite().map(|bytes| u64::from(bytes).max(at_least));
        let (mut sum, mut largest) = (0_u64, 0);
        told.for_each(|bytes| {
            sum = sum.saturating_add(bytes);
            largest = largest.max(bytes);
        });
        let untold = keys.saturating_sub(sizes.told());
        sum = sum.saturating_add(untold.saturating_mul(unknown));
        Self {
            of_key: Arc::clone(sizes.of_keys()),
            unknown: self.unknown,
            mean_bytes: sum as f64 / keys.max(sizes.told()).max(1) as f64,
            largest: largest.max(if untold > 0 { unknown } else { 0 }),
        }
    }

    /// The size in bytes that the trace tells of a key's value, or that of those of which it tells none.
    #[must_use]
    pub fn bytes_of(&self, key: u64) -> u64 {
        let told = usize::try_from(key).ok().and_then(|key| self.of_key.get(key));
        told.copied().filter(|bytes| *bytes != KeyColumn::UNKNOWN).map_or(self.unknown.0, u64::from)
    }

    /// The size of a document of which nothing is told.
    #[must_use]
    pub fn unknown(&self) -> ByteSize {
        self.unknown
    }

    /// The mean size of the documents in bytes.
    #[must_use]
    pub fn mean_bytes(&self) -> f64 {
        self.mean_bytes
    }

    /// The size of the largest document in bytes.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.largest
    }
}
