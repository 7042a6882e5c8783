//! The settings of the shop, and the indices of its kinds of entity.

use std::num::NonZeroU64;

use crate::base::units::Share;
use crate::scenario::Positive;

crate::settings! {
    /// The settings of the shop. `[dataset] keys` says how many products it sells, `categories` in how many categories.
    pub struct Spec {
        /// how long the cache may keep a product's details
        details_ttl: Positive = Positive::seconds(24 * 3600),
        /// how long the cache may keep a stock: no answer shows an older one
        inventory_ttl: Positive = Positive::seconds(300),
        /// how long the cache may keep a page of a category
        page_ttl: Positive = Positive::seconds(3600),
        /// how many products a page shows; which of these is asked for is drawn
        per_page: Vec<u64> = vec![20, 50],
        /// the share of page requests for a category's first page; of the others the same share asks for the second, and so on
        first_page: Share = Share::of(70, 100),
        /// how unequal the categories are in size: the Zipf exponent over their ranks; 0: all alike
        category_skew: f64 = 0.8,
        /// how many products are prepared and not on sale yet when a cell begins; each new_product puts one of them on sale, drawn at random
        prepared: NonZeroU64 = NonZeroU64::new(1_000).unwrap_or(NonZeroU64::MIN),
        /// about how many entries the stream price_updates keeps
        price_updates_max: NonZeroU64 = NonZeroU64::new(10_000).unwrap_or(NonZeroU64::MIN),
    }
}

/// The index of products among the kinds of entity.
pub const PRODUCT: usize = 0;
/// The index of stocks among the kinds of entity.
pub const INVENTORY: usize = 1;
/// The index of pages among the kinds of entity.
pub const PAGE: usize = 2;
