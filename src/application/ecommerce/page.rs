//! One page of a category: its identity, and the check that it shows what it has to.

use mongodb::bson::{RawBsonRef, RawDocument};

use super::page_id::PageId;
use super::shop::{Shop, checked, name_of, number, thumbnail_of};
use crate::application::Damage;
use crate::audit::{Expected, Seen};
use crate::store::{Document, Version};

/// The products that a page showed of its category.
#[derive(Debug)]
pub struct OnPage<'a> {
    shop: &'a Shop,
    page: PageId,
    /// The products in their order, each with the version and writes that the page showed.
    shown: Vec<(u64, Result<Seen, Damage>)>,
}

impl Shop {
    /// Reads the products off a page: they are of its category, in their order, and no more than fit on it.
    ///
    /// # Errors
    /// Returns the damage that makes it no page of this category.
    pub fn products_on(&self, page: PageId, document: &Document) -> Result<OnPage<'_>, Damage> {
        let raw = document.raw().ok_or(Damage::MissingField)?;
        let items = raw.get_array("items").map_err(|_| Damage::MissingField)?;
        let mut shown: Vec<(u64, Result<Seen, Damage>)> = Vec::new();
        for item in items {
            let item = item.ok().and_then(RawBsonRef::as_document).ok_or(Damage::MissingField)?;
            let id = item.get_str("_id").map_err(|_| Damage::MissingField)?;
            let product = Self::product(id).ok_or(Damage::WrongDocument)?;
            let is_in_order = shown.last().is_none_or(|(last, _)| *last < product);
            if !is_in_order || self.category_of(product) != page.category {
                return Err(Damage::WrongDocument);
            }
            shown.push((product, seen_on_page(product, id, item)));
        }
        if shown.len() as u64 > page.per_page {
            return Err(Damage::WrongDocument);
        }
        Ok(OnPage { shop: self, page, shown })
    }
}

/// The version and the writes of a product as a page shows it.
fn seen_on_page(product: u64, id: &str, item: &RawDocument) -> Result<Seen, Damage> {
    let text = |field| item.get_str(field).map_err(|_| Damage::MissingField);
    if text("name")? != name_of(product) || text("thumbnail")? != thumbnail_of(product) {
        return Err(Damage::WrongDocument);
    }
    let version = Version::try_from(number(item, "_v")?).map_err(|_| Damage::VersionMismatch)?;
    let price = checked(item, id, "price", "price_by", "price_sum")?;
    Ok(Seen { version, writes: [price, number(item, "listed_by")?] })
}

impl OnPage<'_> {
    /// Returns how the page showed a product that it can be checked for; `None` where it need not show it.
    ///
    /// New products come after all that were on sale from the beginning. A new product whose listing was acknowledged
    /// has to be on the page if the page is not full, or if it shows a later product.
    #[must_use]
    pub fn showed(&self, product: u64, expected: Expected) -> Option<Result<Seen, Damage>> {
        if let Some((_, seen)) = self.shown.iter().find(|(shown, _)| *shown == product) {
            return Some(*seen);
        }
        if product < self.shop.on_sale() {
            // The product was on sale all the time, and this is its page.
            return Some(Err(Damage::FalselyAbsent));
        }
        let before = self.page.skip();
        let is_full = self.shown.len() as u64 == self.page.per_page;
        let is_passed = self.shown.last().is_some_and(|(last, _)| *last > product);
        let begins_later = self.shown.first().is_some_and(|(first, _)| *first > product);
        let old = self.shop.end_of(self.page.category) - self.shop.first_of(self.page.category);
        // If only products from the beginning come before this page, a missing new product is missing here.
        let is_first_with_new = before <= old;
        let must_be_here = (is_passed && !begins_later)
            || (!is_full && (is_first_with_new || !self.shown.is_empty() && !begins_later));
        let was_put_on_sale = expected.acknowledged > 1;
        (must_be_here && was_put_on_sale).then_some(Ok(Seen { version: 1, writes: [0, 0] }))
    }
}
