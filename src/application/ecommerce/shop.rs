//! The shop's dataset: products, stocks and categories as they are when a cell begins, how they change, and what a
//! right answer looks like.
//!
//! Products are numbered; a category is a range of them, larger or smaller by its rank. The products on sale are
//! followed by the prepared ones, which have a category and are not listed in it. Beside each field that a write
//! changes stand the write that set it last (`price_by`) and a checksum over id, field, value and write (`price_sum`).

use compact_str::{CompactString, format_compact};
use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{RawDocument, rawdoc};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::page_id::PageId;
use super::settings::{INVENTORY, PRODUCT, Spec};
use crate::application::Population;
use crate::application::catalog::{Products, write_id};
use crate::application::{Damage, Dataset, DatasetParameters, EntityKind, EntityRef, Model as _};
use crate::audit::{FieldSet, Seen, Write, WriteId};
use crate::base::units::ByteSize;
use crate::load::workload::{Operation, ValueSizes};
use crate::store::{Document, Patch, Version};

/// The collection of products.
pub const PRODUCTS: &str = "products";
/// The collection of stocks.
pub const INVENTORIES: &str = "inventory";

/// From this number of products on, ids would not sort as the products are numbered.
pub const TOO_MANY: u64 = 1_000_000_000;

/// The fields of a product, as the audit numbers them: its price, and whether it is on sale.
const PRICE: usize = 0;
const LISTED: usize = 1;
/// The one field of a stock.
const STOCK: usize = 0;

/// The documents of a shop.
#[derive(Debug, Clone)]
pub struct Shop {
    facts: DatasetParameters,
    prepared: u64,
    /// The first product of each category, and the end of the last.
    starts: Vec<u64>,
}

/// A write's change to one field.
#[derive(Debug, Clone)]
pub struct FieldChange {
    /// The write as the audit knows it.
    pub write: Write,
    /// The patch that the database gets.
    pub patch: Patch,
    /// The new value.
    pub value: i64,
}

/// The checksum of a field that writes change.
fn field_sum(id: &[u8], field: &[u8], value: i64, by: WriteId) -> i64 {
    let mut numbers = [0; 16];
    numbers[..8].copy_from_slice(&value.to_le_bytes());
    numbers[8..].copy_from_slice(&by.to_le_bytes());
    xxh3_64_with_seed(&numbers, xxh3_64_with_seed(field, xxh3_64(id))).cast_signed()
}

/// The checksum of the fields that never change.
fn fixed_sum(texts: [&str; 5]) -> i64 {
    texts.into_iter().fold(0, |seed, text| xxh3_64_with_seed(text.as_bytes(), seed)).cast_signed()
}

/// The number of products in each category: one at least, and as near to shares of `rank^-skew` as whole numbers allow.
fn sizes(products: u64, categories: u64, skew: f64) -> Vec<u64> {
    let categories = categories.clamp(1, products.max(1));
    let weights: Vec<f64> = (1..=categories).map(|rank| (rank as f64).powf(-skew)).collect();
    let all: f64 = weights.iter().sum();
    // Each category has one; the rest is shared out, and rounding is evened out along the way.
    let over = (products - categories) as f64;
    let (mut given, mut sum) = (0, 0.0);
    weights
        .iter()
        .map(|weight| {
            sum += weight;
            let until = (over * sum / all).round() as u64;
            let size = 1 + (until - given);
            given = until;
            size
        })
        .collect()
}

impl Shop {
    /// The number of products that are on sale from the beginning.
    #[must_use]
    pub fn on_sale(&self) -> u64 {
        self.facts.keys
    }

    /// A shop of `facts.keys` products on sale, and some that are prepared.
    #[must_use]
    pub fn new(facts: DatasetParameters, skew: f64, prepared: u64) -> Self {
        let mut starts = vec![0];
        for size in sizes(facts.keys, facts.categories, skew) {
            starts.push(starts.last().copied().unwrap_or(0) + size);
        }
        Self { facts, prepared, starts }
    }

    /// The number of products, on sale or prepared.
    fn products(&self) -> u64 {
        self.facts.keys + self.prepared
    }

    fn categories(&self) -> u64 {
        self.starts.len() as u64 - 1
    }

    /// The id of a product, and of its stock: ids sort as products are numbered.
    #[must_use]
    pub fn id(product: u64) -> CompactString {
        format_compact!("{product:09}")
    }

    /// The product of an id.
    #[must_use]
    pub fn product(id: &str) -> Option<u64> {
        id.parse().ok()
    }

    /// The category of a product, on sale or prepared.
    #[must_use]
    pub fn category_of(&self, product: u64) -> u64 {
        let prepared = product.saturating_sub(self.facts.keys);
        // The prepared products are spread over the categories as the others are.
        let like = if product < self.facts.keys {
            product
        } else {
            (u128::from(prepared) * u128::from(self.facts.keys) / u128::from(self.prepared.max(1))) as u64
        };
        (self.starts.partition_point(|start| *start <= like) as u64).clamp(1, self.categories()) - 1
    }

    /// The name of a category.
    #[must_use]
    pub fn category_name(&self, category: u64) -> CompactString {
        format_compact!("category-{category}")
    }

    /// The first product of a category.
    #[must_use]
    pub fn first_of(&self, category: u64) -> u64 {
        self.starts.get(category as usize).copied().unwrap_or_default()
    }

    /// The number after the category's last product on sale.
    pub(super) fn end_of(&self, category: u64) -> u64 {
        self.starts.get(category as usize + 1).copied().unwrap_or(self.facts.keys)
    }

    /// The prepared products of a category.
    fn prepared_of(&self, category: u64) -> impl Iterator<Item = u64> + '_ {
        let keys = u128::from(self.facts.keys);
        let prepared = u128::from(self.prepared);
        // The first prepared product whose share of the products lies in the category.
        let bound = |product: u64| (u128::from(product) * prepared).div_ceil(keys.max(1)) as u64;
        let (from, to) = (bound(self.first_of(category)), bound(self.end_of(category)));
        (from..to.min(self.prepared)).map(|number| self.facts.keys + number)
    }

    /// One of the prepared products, picked by an operation's draw.
    #[must_use]
    pub fn prepared(&self, draw: u64) -> u64 {
        self.facts.keys + draw % self.prepared.max(1)
    }

    /// The stock of a product, as the audit numbers it.
    #[must_use]
    pub fn inventory_of(&self, product: u64) -> u64 {
        self.products() + product
    }

    /// The page that an operation requests, of its product's category. The share `first` of requests wants the first
    /// page, the same share of the others the second, and so on; past the category's last page it starts again at the
    /// first.
    #[must_use]
    pub fn page(&self, operation: &Operation, per_page: &[u64], first: f64) -> PageId {
        let category = self.category_of(operation.key);
        let sizes = per_page.len().max(1) as u64;
        let per_page = per_page.get((operation.draw % sizes) as usize).copied().unwrap_or(20).max(1);
        let size = self.end_of(category) - self.first_of(category);
        let pages = size.div_ceil(per_page).max(1);
        let uniform = ((operation.draw >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let further =
            if first >= 1.0 { 0.0 } else { uniform.ln() / (1.0 - first).max(f64::MIN_POSITIVE).ln() };
        let further = if first <= 0.0 { (uniform * pages as f64).floor() } else { further.floor() };
        PageId { category, number: 1 + (further.min(1e15) as u64) % pages, per_page }
    }

    /// The products whose presence on a page can be checked: those that it shows where nothing is new and, where it
    /// reaches the end of these, all that may have been put on sale.
    pub fn subjects_of(&self, page: PageId) -> impl Iterator<Item = u64> + '_ {
        let (first, end) = (self.first_of(page.category), self.end_of(page.category));
        let from = (first + page.skip()).min(end);
        let to = from.saturating_add(page.per_page).min(end);
        let reaches_end = page.skip() + page.per_page > end - first;
        let new = reaches_end.then(|| self.prepared_of(page.category)).into_iter().flatten();
        (from..to).chain(new)
    }

    fn change(
        product: u64,
        field: (usize, [&'static CStr; 3]),
        operation: (u32, &Operation),
        value: i64,
    ) -> FieldChange {
        let (client, operation) = operation;
        let (number, [name, by, sum]) = field;
        let write = write_id(client, operation.number);
        let checksum = field_sum(Self::id(product).as_bytes(), name.as_str().as_bytes(), value, write);
        FieldChange {
            write: Write { key: product, fields: FieldSet::One(number), id: write },
            patch: Patch::new().set(name, value).set(by, write).set(sum, checksum),
            value,
        }
    }

    /// A new price, in cents.
    #[must_use]
    pub fn new_price(&self, client: u32, operation: &Operation) -> FieldChange {
        let field = (PRICE, [cstr!("price"), cstr!("price_by"), cstr!("price_sum")]);
        let cents = 100 + i64::try_from(operation.draw % 99_900).unwrap_or(0);
        Self::change(operation.key, field, (client, operation), cents)
    }

    /// A new stock.
    #[must_use]
    pub fn new_stock(&self, client: u32, operation: &Operation) -> FieldChange {
        let field = (STOCK, [cstr!("stock"), cstr!("stock_by"), cstr!("stock_sum")]);
        let pieces = i64::try_from(operation.draw % 500).unwrap_or(0);
        let mut change = Self::change(operation.key, field, (client, operation), pieces);
        change.write.key = self.inventory_of(operation.key);
        change
    }

    /// Puts a prepared product on sale: it is listed in its category from then on.
    #[must_use]
    pub fn put_on_sale(&self, product: u64, client: u32, operation: &Operation) -> FieldChange {
        let field = (LISTED, [cstr!("listed"), cstr!("listed_by"), cstr!("listed_sum")]);
        let mut change = Self::change(product, field, (client, operation), 1);
        let category = self.category_name(self.category_of(product));
        change.patch = change.patch.set(cstr!("category"), category.as_str());
        change
    }

    fn product_document(&self, product: u64) -> Document {
        let id = Self::id(product);
        let name = name_of(product);
        let thumbnail = thumbnail_of(product);
        let home = self.category_name(self.category_of(product));
        let listed = i64::from(product < self.facts.keys);
        let category = if listed == 1 { home.clone() } else { format_compact!("prepared-for-{home}") };
        let price = 100 + i64::try_from(product % 9_900).unwrap_or(0);
        let build = |description: &str| {
            Document::from_raw(rawdoc! {
                "_id": id.as_str(),
                "name": name.as_str(),
                "category": category.as_str(),
                "home": home.as_str(),
                "thumbnail": thumbnail.as_str(),
                "description": description,
                "sum": fixed_sum([&id, &name, &home, &thumbnail, description]),
                "price": price,
                "price_by": 0_i64,
                "price_sum": field_sum(id.as_bytes(), b"price", price, 0),
                "listed": listed,
                "listed_by": 0_i64,
                "listed_sum": field_sum(id.as_bytes(), b"listed", listed, 0),
                "_v": 1_i64,
            })
        };
        let wanted = self.facts.value_size.bytes_of(self.facts.seed, product) as usize;
        let bare = build("").bytes().len();
        let words = Products {
            keys: self.products(),
            population: Population::ALL,
            categories: 1,
            value_size: ValueSizes::Fixed(ByteSize(1)),
            seed: self.facts.seed,
        };
        build(&words.description(product, wanted.saturating_sub(bare)))
    }

    fn inventory_document(product: u64) -> Document {
        let id = Self::id(product);
        let stock = i64::try_from(product % 500).unwrap_or(0);
        Document::from_raw(rawdoc! {
            "_id": id.as_str(),
            "stock": stock,
            "stock_by": 0_i64,
            "stock_sum": field_sum(id.as_bytes(), b"stock", stock, 0),
            "_v": 1_i64,
        })
    }

    /// Checks a product whole.
    ///
    /// # Errors
    /// Returns the first damage that it finds.
    pub fn verify_product(
        &self,
        product: u64,
        version: Version,
        document: &Document,
    ) -> Result<Seen, Damage> {
        let id = Self::id(product);
        let raw = whole(&id, version, document)?;
        let text = |field| raw.get_str(field).map_err(|_| Damage::MissingField);
        let (home, category) = (text("home")?, text("category")?);
        let fixed = fixed_sum([&id, text("name")?, home, text("thumbnail")?, text("description")?]);
        if fixed != number(raw, "sum")? || home != self.category_name(self.category_of(product)) {
            return Err(Damage::Checksum);
        }
        let price = checked(raw, &id, "price", "price_by", "price_sum")?;
        let listed = checked(raw, &id, "listed", "listed_by", "listed_sum")?;
        if (number(raw, "listed")? == 1) != (category == home) {
            return Err(Damage::Checksum);
        }
        Ok(Seen { version, writes: [price, listed] })
    }

    /// Checks a stock whole.
    ///
    /// # Errors
    /// Returns the first damage that it finds.
    pub fn verify_inventory(
        &self,
        product: u64,
        version: Version,
        document: &Document,
    ) -> Result<Seen, Damage> {
        let id = Self::id(product);
        let raw = whole(&id, version, document)?;
        Ok(Seen { version, writes: [checked(raw, &id, "stock", "stock_by", "stock_sum")?, 0] })
    }
}

pub(super) fn name_of(product: u64) -> CompactString {
    format_compact!("Product {product}")
}

pub(super) fn thumbnail_of(product: u64) -> CompactString {
    format_compact!("/thumbnails/{product}.webp")
}

/// The raw document, if it is the one that was requested, at the version that it was kept under.
fn whole<'a>(id: &str, version: Version, document: &'a Document) -> Result<&'a RawDocument, Damage> {
    let raw = document.raw().ok_or(Damage::MissingField)?;
    if raw.get_str("_id").map_err(|_| Damage::MissingField)? != id {
        return Err(Damage::WrongDocument);
    }
    if Version::try_from(number(raw, "_v")?).ok() != Some(version) {
        return Err(Damage::VersionMismatch);
    }
    Ok(raw)
}

pub(super) fn number(raw: &RawDocument, field: &str) -> Result<i64, Damage> {
    raw.get_i64(field).map_err(|_| Damage::MissingField)
}

/// The write that set a field last, if the field's checksum is right.
pub(super) fn checked(
    raw: &RawDocument,
    id: &str,
    field: &str,
    by: &str,
    sum: &str,
) -> Result<WriteId, Damage> {
    let (value, by, sum) = (number(raw, field)?, number(raw, by)?, number(raw, sum)?);
    if field_sum(id.as_bytes(), field.as_bytes(), value, by) == sum { Ok(by) } else { Err(Damage::Checksum) }
}

impl Dataset for Shop {
    fn entities(&self) -> &'static [EntityKind] {
        Spec::ENTITIES
    }

    fn len(&self) -> u64 {
        2 * self.products()
    }

    fn place(&self, subject: u64) -> EntityRef {
        let products = self.products();
        if subject < products {
            EntityRef { entity: PRODUCT, id: Self::id(subject) }
        } else {
            EntityRef { entity: INVENTORY, id: Self::id(subject - products) }
        }
    }

    fn document(&self, subject: u64) -> Document {
        let products = self.products();
        if subject < products {
            self.product_document(subject)
        } else {
            Self::inventory_document(subject - products)
        }
    }

    fn verify(&self, subject: u64, version: Version, document: &Document) -> Result<Seen, Damage> {
        let products = self.products();
        if subject < products {
            self.verify_product(subject, version, document)
        } else {
            self.verify_inventory(subject - products, version, document)
        }
    }
}
