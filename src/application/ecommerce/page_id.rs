//! Which page of a category is asked for.

use compact_str::{CompactString, format_compact};

use crate::store::Version;

/// A page of a category: which one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageId {
    /// The category's number.
    pub category: u64,
    /// The page's number, from 1.
    pub number: u64,
    /// How many products a page shows.
    pub per_page: u64,
}

impl PageId {
    /// How many products come before it.
    #[must_use]
    pub fn skip(self) -> u64 {
        (self.number - 1).saturating_mul(self.per_page)
    }

    /// What stands in its key behind `category:`.
    #[must_use]
    pub fn key(self, epoch: Version) -> CompactString {
        format_compact!("{}:page:{}:{}:{epoch:x}", self.category, self.number, self.per_page)
    }

    /// The page of a key; `None` where it is none, as with a number or a size of 0.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split(':');
        let category = parts.next()?.parse().ok()?;
        parts.next().filter(|word| *word == "page")?;
        let number = parts.next()?.parse().ok().filter(|number| *number > 0)?;
        let per_page = parts.next()?.parse().ok().filter(|size| *size > 0)?;
        Some(Self { category, number, per_page })
    }
}
