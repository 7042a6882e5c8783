//! The product catalogue of the guide's first slides: read a product, change its price or stock.
//!
//! A product is `_id`, `name`, `category`, `description` (padded to the wanted size), `price` in cents and `stock`,
//! with `_v` counted up by the database. Beside each field that a write changes stand the write that set it last
//! (`price_by`) and a checksum over id, field, value and write (`price_sum`); `sum` is a checksum over the fields that
//! never change. A patch that replaces one field therefore leaves every checksum right, and an answer can be checked
//! whole wherever it comes from.

use std::sync::Arc;
use std::time::Duration;

use compact_str::{CompactString, ToCompactString};
use mongodb::bson::raw::cstr;
use mongodb::bson::rawdoc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::lives::{LifeChange, Lives};
use super::{
    Answer, Application, Damage, Dataset, DatasetParameters, EntityKind, EntityRef, EntityStrategy, Lookups,
    Model, OperationClass, OperationKind, Parts, Population, Served, Visitor, lost_document,
};
use crate::audit::{FIELDS, FieldSet, Seen, Write, WriteId};
use crate::base::lives::end_of_life;
use crate::load::workload::{FurtherKey, Operation, ValueSizes};
use crate::store::document::Flat;
use crate::store::{Changes, Document, Patch, StoreError, Version, gathering};
use crate::strategy::source::Collection;
use crate::strategy::{Backlog, Read, Strategy, StrategyCache, WriteError};

crate::settings! {
    /// The settings of the catalogue, which has none: `[workload] reads` says how often it is read.
    pub struct Spec {}
}

/// The operations of the catalogue. Their shares are those of `[workload] reads`.
pub const OPERATIONS: [OperationKind; 4] = [
    OperationKind {
        name: "read",
        class: OperationClass::Read,
        can_be_absent: true,
        shows: &[PRODUCT],
        share: 0.95,
    },
    OperationKind {
        name: "write",
        class: OperationClass::Write,
        can_be_absent: false,
        shows: &[PRODUCT],
        share: 0.05,
    },
    OperationKind {
        name: "insert",
        class: OperationClass::Write,
        can_be_absent: false,
        shows: &[PRODUCT],
        share: 0.0,
    },
    OperationKind {
        name: "delete",
        class: OperationClass::Write,
        can_be_absent: false,
        shows: &[PRODUCT],
        share: 0.0,
    },
];
/// The index of products among the kinds of entity.
pub const PRODUCT: usize = 0;
/// The index of `read`.
pub const READ: u8 = 0;
/// The index of `write`.
pub const WRITE: u8 = 1;
/// The index of `insert`.
pub const INSERT: u8 = 2;
/// The index of `delete`.
pub const DELETE: u8 = 3;

/// The collection of products.
pub const COLLECTION: &str = "products";

/// The products that a run starts from.
#[derive(Debug, Clone)]
pub struct Products {
    /// The number of products.
    pub keys: u64,
    /// Those of them that there are.
    pub population: Population,
    /// The number of categories that they are spread over.
    pub categories: u64,
    /// The sizes of the documents.
    pub value_size: ValueSizes,
    /// The seed of sizes and descriptions.
    pub seed: u64,
}

/// The id of the write that set a field last: client and operation, 0 for the dataset itself.
#[must_use]
pub fn write_id(client: u32, number: u64) -> WriteId {
    ((i64::from(client) + 1) << 40) | (number & 0xff_ffff_ffff).cast_signed()
}

/// The fields that writes change, in the order of [`Seen::writes`].
pub const WRITTEN_FIELDS: [&str; FIELDS] = ["price", "stock"];

/// The field that a write changes.
fn field_of(operation: &Operation) -> usize {
    (operation.draw & 1) as usize
}

/// The audit's view of a write: key, fields and id.
#[must_use]
pub fn write_of(client: u32, operation: &Operation) -> Write {
    let fields = if operation.kind == WRITE { FieldSet::One(field_of(operation)) } else { FieldSet::All };
    Write { key: operation.key, fields, id: write_id(client, operation.number) }
}

/// The checksum of a field that writes change. One hash seeds the next, so that every part counts and no buffer is
/// needed.
fn field_sum(id: &[u8], field: &[u8], value: i64, by: i64) -> i64 {
    let mut numbers = [0; 16];
    numbers[..8].copy_from_slice(&value.to_le_bytes());
    numbers[8..].copy_from_slice(&by.to_le_bytes());
    xxh3_64_with_seed(&numbers, xxh3_64_with_seed(field, xxh3_64(id))).cast_signed()
}

/// The checksum of the fields that never change. The hash includes the length of each.
fn fixed_sum(texts: [&[u8]; 4]) -> i64 {
    texts.into_iter().fold(0, |seed, text| xxh3_64_with_seed(text, seed)).cast_signed()
}

impl Products {
    /// The id of a key.
    #[must_use]
    pub fn id(key: u64) -> CompactString {
        key.to_compact_string()
    }

    /// The bytes of a key's document without its description: it is no smaller, whatever size is wanted.
    #[must_use]
    pub fn bare_bytes(key: u64, categories: u64) -> u64 {
        described(key, categories, "", 1, 0).bytes().len() as u64
    }

    /// Words of `length` bytes in all, the same for a key and a seed.
    pub(super) fn description(&self, key: u64, length: usize) -> String {
        const WORDS: [&str; 16] = [
            "solid ",
            "light ",
            "steel ",
            "oak ",
            "for ",
            "home ",
            "and ",
            "garden ",
            "with ",
            "two ",
            "year ",
            "warranty ",
            "made ",
            "to ",
            "last ",
            "well ",
        ];
        let mut state = self.seed ^ key.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut text = String::with_capacity(length + 9);
        while text.len() < length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(WORDS[(state >> 60) as usize]);
        }
        text.truncate(length);
        text
    }
}

impl Model for Spec {
    const ENTITIES: &'static [EntityKind] = &[EntityKind {
        name: "product",
        collection: Some(COLLECTION),
        fields: WRITTEN_FIELDS,
        served: Served::ByStrategy,
        made_of: None,
    }];
    const OPERATIONS: &'static [OperationKind] = &OPERATIONS;
    type Dataset = Products;
    type World = Lives;
    type Instance<C: StrategyCache, D: Changes> = Catalog<EntityStrategy<C, D>>;

    fn dataset(&self, facts: DatasetParameters) -> Products {
        let DatasetParameters { keys, population, categories, value_size, seed } = facts;
        Products { keys, population, categories, value_size, seed }
    }

    fn key_prefix(&self, _entity: usize) -> &'static str {
        "product:"
    }

    fn build<C: StrategyCache, D: Changes>(&self, parts: Parts<C, D, Self>) -> Self::Instance<C, D> {
        let source = Collection::new(parts.database, COLLECTION, parts.kinds[PRODUCT].clone());
        let strategy = parts.strategies[PRODUCT].build(parts.cache, source.into());
        Catalog::new(strategy, parts.dataset, parts.world)
    }
}

impl Dataset for Products {
    fn entities(&self) -> &'static [EntityKind] {
        Spec::ENTITIES
    }

    fn place(&self, subject: u64) -> EntityRef {
        EntityRef { entity: PRODUCT, id: Self::id(subject) }
    }

    fn verify(&self, subject: u64, version: Version, document: &Document) -> Result<Seen, Damage> {
        verify(&Self::id(subject), version, document)
    }

    fn len(&self) -> u64 {
        self.keys
    }

    fn document(&self, key: u64) -> Document {
        self.written(key, 1, 0)
    }

    fn is_there_at_first(&self, subject: u64) -> bool {
        self.population.at_first.contains(subject)
    }
}

impl Products {
    /// The document of a key as a write puts all of it there, 0 for the dataset itself.
    fn written(&self, key: u64, version: Version, by: WriteId) -> Document {
        let wanted = self.value_size.bytes_of(self.seed, key) as usize;
        let bare = Self::bare_bytes(key, self.categories) as usize;
        let description = self.description(key, wanted.saturating_sub(bare));
        described(key, self.categories, &description, version, by)
    }
}

/// The document of a key with this description.
fn described(key: u64, categories: u64, description: &str, version: Version, by: WriteId) -> Document {
    let id = Products::id(key);
    let name = format!("Product {key}");
    let category = format!("category-{}", key % categories.max(1));
    let price = 100 + i64::try_from(key % 9_900).unwrap_or(0);
    let stock = i64::try_from(key % 500).unwrap_or(0);
    Document::from_raw(rawdoc! {
        "_id": id.as_str(),
        "name": name.as_str(),
        "category": category.as_str(),
        "description": description,
        "sum": fixed_sum([id.as_str(), &name, &category, description].map(str::as_bytes)),
        "price": price,
        "price_by": by,
        "price_sum": field_sum(id.as_bytes(), b"price", price, by),
        "stock": stock,
        "stock_by": by,
        "stock_sum": field_sum(id.as_bytes(), b"stock", stock, by),
        "_v": version.cast_signed(),
    })
}

/// The patch of a write: a new price or a new stock, depending on the operation's draw.
#[must_use]
pub fn patch(id: &str, client: u32, operation: &Operation) -> Patch {
    let (field, by) = (field_of(operation), write_id(client, operation.number));
    let value = i64::try_from((operation.draw >> 1) % 10_000).unwrap_or(0);
    if field == 0 {
        Patch::new()
            .set(cstr!("price"), value)
            .set(cstr!("price_by"), by)
            .set(cstr!("price_sum"), field_sum(id.as_bytes(), b"price", value, by))
    } else {
        Patch::new()
            .set(cstr!("stock"), value)
            .set(cstr!("stock_by"), by)
            .set(cstr!("stock_sum"), field_sum(id.as_bytes(), b"stock", value, by))
    }
}

/// The fields that were found in a product's bytes.
#[derive(Default)]
struct Fields<'a> {
    id: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    category: Option<&'a [u8]>,
    description: Option<&'a [u8]>,
    sum: Option<i64>,
    price: [Option<i64>; 3],
    stock: [Option<i64>; 3],
    version: Option<i64>,
}

impl<'a> Fields<'a> {
    fn of(document: &'a Document) -> Option<Self> {
        let mut fields = Self::default();
        for field in document.flat_fields() {
            match field? {
                (b"_id", Flat::Text(text)) => fields.id = Some(text),
                (b"name", Flat::Text(text)) => fields.name = Some(text),
                (b"category", Flat::Text(text)) => fields.category = Some(text),
                (b"description", Flat::Text(text)) => fields.description = Some(text),
                (b"sum", Flat::Integer(number)) => fields.sum = Some(number),
                (b"price", Flat::Integer(number)) => fields.price[0] = Some(number),
                (b"price_by", Flat::Integer(number)) => fields.price[1] = Some(number),
                (b"price_sum", Flat::Integer(number)) => fields.price[2] = Some(number),
                (b"stock", Flat::Integer(number)) => fields.stock[0] = Some(number),
                (b"stock_by", Flat::Integer(number)) => fields.stock[1] = Some(number),
                (b"stock_sum", Flat::Integer(number)) => fields.stock[2] = Some(number),
                (b"_v", Flat::Integer(number)) => fields.version = Some(number),
                // A field that hotset never writes means that the bytes are damaged.
                _ => return None,
            }
        }
        Some(fields)
    }
}

/// Checks an answer whole: it is the document that was requested, every field is there, every checksum is right, and
/// the version inside is the one that it was kept under. Returns the version and the writes, for the audit.
///
/// # Errors
/// Returns the first damage that it finds.
pub fn verify(id: &str, version: Version, document: &Document) -> Result<Seen, Damage> {
    let fields = Fields::of(document).ok_or(Damage::MissingField)?;
    if fields.id.ok_or(Damage::MissingField)? != id.as_bytes() {
        return Err(Damage::WrongDocument);
    }
    let (Some(name), Some(category), Some(description), Some(sum)) =
        (fields.name, fields.category, fields.description, fields.sum)
    else {
        return Err(Damage::MissingField);
    };
    if fixed_sum([id.as_bytes(), name, category, description]) != sum {
        return Err(Damage::Checksum);
    }
    let mut writes = [0; FIELDS];
    let written = [fields.price, fields.stock];
    for ((write, field), [value, by, sum]) in writes.iter_mut().zip(WRITTEN_FIELDS).zip(written) {
        let (Some(value), Some(by), Some(sum)) = (value, by, sum) else { return Err(Damage::MissingField) };
        if field_sum(id.as_bytes(), field.as_bytes(), value, by) != sum {
            return Err(Damage::Checksum);
        }
        *write = by;
    }
    if fields.version.and_then(|v| Version::try_from(v).ok()) != Some(version) {
        return Err(Damage::VersionMismatch);
    }
    Ok(Seen { version, writes })
}

/// One instance of the catalogue, over any strategy.
pub struct Catalog<S> {
    strategy: S,
    products: Products,
    lives: Arc<Lives>,
}

impl<S: Strategy> Catalog<S> {
    /// The catalogue of some products, served by a strategy.
    #[must_use]
    pub fn new(strategy: S, products: Products, lives: Arc<Lives>) -> Self {
        Self { strategy, products, lives }
    }

    /// Checks the answer to a read. Whether a document that comes and goes is rightly missing, the audit judges.
    fn seen(&self, is_absent: bool, id: &str, read: &Read) -> Result<Option<Seen>, Damage> {
        match (&read.found, is_absent) {
            (Some((version, document)), false) => verify(id, *version, document).map(Some),
            (None, false) if !self.products.population.may_lack_some() => Err(Damage::FalselyAbsent),
            (None, _) => Ok(None),
            (Some(_), true) => Err(Damage::FalselyPresent),
        }
    }
}

impl<S: Strategy> Catalog<S> {
    /// Reads the operation's document and all further ones at the same time. It fails if one of them does.
    async fn read_together(
        &self,
        visitor: &mut Visitor,
        operation: &Operation,
    ) -> Result<Answer, WriteError> {
        let own = FurtherKey { key: operation.key, absent: operation.absent };
        let wanted: Vec<FurtherKey> = std::iter::once(own).chain(visitor.further.drain(..)).collect();
        let ids: Vec<CompactString> = wanted.iter().map(|one| Products::id(one.key)).collect();
        let reading = || gathering::together(ids.iter().map(|id| self.strategy.read(id)));
        let keys = wanted.iter().map(|one| one.key);
        let verify = |at: usize, read: &Read| self.seen(wanted[at].absent, &ids[at], read);
        let reads = visitor.read_many(PRODUCT, keys, reading, verify).await;
        let outcomes =
            reads.into_iter().map(|read| Ok(read?.outcome)).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Lookups::of(&outcomes).map_or(Answer::Done, Answer::ReadMany))
    }

    async fn write(
        &self,
        visitor: &mut Visitor,
        id: &str,
        operation: &Operation,
    ) -> Result<Answer, WriteError> {
        let write = write_of(visitor.number, operation);
        let changed = match operation.kind {
            INSERT => self.insert(visitor, write).await?,
            DELETE => self.delete(visitor, id, write).await?,
            _ => {
                let patch = patch(id, visitor.number, operation);
                let changed = visitor.write(write, || self.strategy.write(id, &patch)).await?;
                if changed.is_none() {
                    self.lives.count(LifeChange::NotChanged);
                }
                changed
            }
        };
        match changed {
            Some(_) => Ok(Answer::Written),
            None if self.products.population.may_lack_some() => Ok(Answer::Done),
            None => Err(lost_document(id).into()),
        }
    }

    /// Inserts a document, of a life of its own.
    async fn insert(&self, visitor: &mut Visitor, write: Write) -> Result<Option<Version>, WriteError> {
        let Some(version) = self.lives.begin(write.key) else { return Ok(None) };
        let document = self.products.written(write.key, version, write.id);
        let inserted = visitor.write(write, || self.strategy.insert(&document)).await;
        let is_open =
            |failed: &WriteError| failed.committed.is_none() && failed.error.kind.is_indeterminate();
        if !inserted.as_ref().is_err_and(is_open) {
            self.lives.end(write.key);
        }
        let inserted = inserted?;
        self.lives.count(if inserted.is_some() { LifeChange::Inserted } else { LifeChange::Refused });
        Ok(inserted)
    }

    /// Deletes a document, whose life ends with that.
    async fn delete(
        &self,
        visitor: &mut Visitor,
        id: &str,
        write: Write,
    ) -> Result<Option<Version>, WriteError> {
        let deleting = || async {
            let deleted = self.strategy.delete(id).await;
            let ended = |last: Option<Version>| last.map(end_of_life);
            deleted.map(ended).map_err(|failed| WriteError { committed: ended(failed.committed), ..failed })
        };
        let deleted = visitor.write(write, deleting).await?;
        self.lives.count(if deleted.is_some() { LifeChange::Deleted } else { LifeChange::Missed });
        Ok(deleted)
    }
}

impl<S: Strategy> Application for Catalog<S> {
    async fn perform(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        if operation.kind == READ && !visitor.further.is_empty() {
            return Box::pin(self.read_together(visitor, operation)).await;
        }
        let id = Products::id(operation.key);
        if operation.kind == READ {
            let reading = || self.strategy.read(&id);
            let read = visitor
                .read(PRODUCT, operation.key, reading, |read| self.seen(operation.absent, &id, read))
                .await?;
            return Ok(Answer::Read(read.outcome));
        }
        // Boxed, since reads are most of all operations and their future would be as large as that of a write.
        Box::pin(self.write(visitor, &id, operation)).await
    }

    async fn recover(&self) -> Result<u64, StoreError> {
        self.strategy.recover().await
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.strategy.drain(bound).await
    }

    fn backlog(&self) -> Backlog {
        self.strategy.backlog()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn products() -> Products {
        Products {
            keys: 1000,
            population: Population::ALL,
            categories: 10,
            value_size: ValueSizes::Fixed(crate::base::units::ByteSize(600)),
            seed: 7,
        }
    }

    fn write(number: u64, draw: u64) -> Operation {
        Operation { number, kind: WRITE, key: 5, absent: false, draw }
    }

    #[test]
    fn a_document_has_the_wanted_size() {
        assert_eq!(products().document(5).bytes().len(), 600);
    }

    #[test]
    fn a_document_is_the_same_each_time_and_passes_its_own_check() {
        assert_eq!(products().document(5), products().document(5));
        assert_eq!(verify("5", 1, &products().document(5)), Ok(Seen { version: 1, writes: [0, 0] }));
    }

    #[test]
    fn a_patched_document_still_passes() {
        let patched = products().document(5).merged(&patch("5", 3, &write(9, 12345)), 2).unwrap();
        assert_eq!(verify("5", 2, &patched), Ok(Seen { version: 2, writes: [0, write_id(3, 9)] }));
    }

    #[test]
    fn another_document_and_a_patch_alone_do_not_pass() {
        assert_eq!(verify("6", 1, &products().document(5)), Err(Damage::WrongDocument));
        let patch_alone = Document::from_raw(patch("5", 3, &write(9, 12345)).raw().to_owned());
        assert_eq!(verify("5", 1, &patch_alone), Err(Damage::MissingField));
    }

    proptest! {
        #[test]
        fn any_one_changed_byte_is_seen(at in 4_usize..599, flip in 1_u8..=255) {
            let mut bytes = products().document(5).bytes().to_vec();
            bytes[at] ^= flip;
            let seen = match Document::from_bytes(Bytes::from(bytes)) {
                Ok(document) => verify("5", 1, &document).is_err(),
                Err(_) => true,
            };
            prop_assert!(seen, "byte {at}");
        }
    }
}
