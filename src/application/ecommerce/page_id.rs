//! Which page of a category is asked for.

use compact_str::{CompactString, format_compact};

use crate::store::Version;

/// The identity of a page of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageId {
    /// The category's number.
    pub category: u64,
    /// The page's number, from 1.
    pub number: u64,
    /// The number of products on a full page.
    pub per_page: u64,
}

impl PageId {
    /// The number of products of the category that come before it.
    #[must_use]
    pub fn skip(self) -> u64 {
        (self.number - 1).saturating_mul(self.per_page)
    }

    /// The part of its cache key after `category:`.
    #[must_use]
    pub fn key(self, epoch: Version) -> CompactString {
        format_compact!("{}:page:{}:{}:{epoch:x}", self.category, self.number, self.per_page)
    }

    /// The page of a key; `None` where the key names no page, as with a number or a size of 0.
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
