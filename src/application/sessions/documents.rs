//! The documents of a user in the database: the permissions and the record.
//!
//! Both are documents under the user's id, with `about`, which fills them up to the wanted size and never changes, and
//! one field that writes change: `granted`, the permissions as the bits of a number, or `display_name`. Beside that
//! field stand the write that set it last (`…_by`) and a checksum over id, field, value and write (`…_sum`), so that an
//! answer can be checked whole wherever it comes from; `sum` is the checksum of the fields that never change.

use compact_str::{CompactString, ToCompactString};
use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{RawBson, RawDocumentBuf, rawdoc};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::settings::{PERMISSIONS, SESSION, Spec, USER};
use crate::application::catalog::write_id;
use crate::application::{Damage, Dataset, DatasetParameters, EntityKind, EntityRef, Model};
use crate::audit::{FIELDS, FieldSet, Seen, Write};
use crate::load::workload::{Operation, ValueSizes};
use crate::store::document::Flat;
use crate::store::{Document, Patch, Version};

/// The number of permissions: the bits of a signed 64-bit number without its sign.
pub const PERMISSIONS_THERE_ARE: u64 = 63;
/// The value of `granted` with all permissions.
const ALL_GRANTED: i64 = i64::MAX;

/// The names of the fields in which the two kinds of document differ.
#[derive(Debug, Clone, Copy)]
struct Shape {
    field: &'static CStr,
    by: &'static CStr,
    sum: &'static CStr,
}

const SHAPES: [Shape; 2] = [
    Shape { field: cstr!("granted"), by: cstr!("granted_by"), sum: cstr!("granted_sum") },
    Shape { field: cstr!("display_name"), by: cstr!("display_name_by"), sum: cstr!("display_name_sum") },
];

/// The users that a run starts from. Entities are numbered: first the permissions of each user, then each user's record; the
/// numbers after those stand for the users' sessions, which are in no collection.
#[derive(Debug, Clone)]
pub struct Users {
    keys: u64,
    value_size: ValueSizes,
    seed: u64,
}

/// The number of an entity of a user in the audit.
#[must_use]
pub fn subject(entity: usize, user: u64, users: u64) -> u64 {
    entity as u64 * users + user
}

/// The id of a user, and of the user's documents.
#[must_use]
pub fn id(user: u64) -> CompactString {
    user.to_compact_string()
}

impl Users {
    /// The users of a dataset.
    #[must_use]
    pub fn new(facts: &DatasetParameters) -> Self {
        Self { keys: facts.keys, value_size: facts.value_size.clone(), seed: facts.seed }
    }

    /// The number of users.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.keys
    }
}

/// The value of a field that writes change.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Granted(i64),
    Name(String),
}

impl Value {
    /// The value that every user begins with.
    fn first(entity: usize, user: u64) -> Self {
        if entity == PERMISSIONS { Self::Granted(ALL_GRANTED) } else { Self::Name(format!("User {user}")) }
    }

    /// The value that an operation writes: all permissions but the one that it revokes, or another name.
    fn written(entity: usize, operation: &Operation) -> Self {
        if entity == PERMISSIONS {
            Self::Granted(ALL_GRANTED & !(1 << (operation.draw % PERMISSIONS_THERE_ARE)))
        } else {
            Self::Name(format!("User {:08x}", operation.draw >> 32))
        }
    }

    fn bson(&self) -> RawBson {
        match self {
            Self::Granted(bits) => RawBson::Int64(*bits),
            Self::Name(name) => RawBson::String(name.clone()),
        }
    }

    fn sum(&self, id: &str, field: &str, by: i64) -> i64 {
        match self {
            Self::Granted(bits) => value_sum(id.as_bytes(), field, &bits.to_le_bytes(), by),
            Self::Name(name) => value_sum(id.as_bytes(), field, name.as_bytes(), by),
        }
    }
}

/// The checksum of a field that writes change. One hash seeds the next, so that every part counts, and its length.
fn value_sum(id: &[u8], field: &str, value: &[u8], by: i64) -> i64 {
    let seed = xxh3_64_with_seed(value, xxh3_64_with_seed(field.as_bytes(), xxh3_64(id)));
    xxh3_64_with_seed(&by.to_le_bytes(), seed).cast_signed()
}

fn fixed_sum(id: &[u8], about: &[u8]) -> i64 {
    xxh3_64_with_seed(about, xxh3_64(id)).cast_signed()
}

/// A document of a user, with an `about` of `about` letters.
fn build(entity: usize, user: u64, about: usize) -> Document {
    let (id, shape, value) = (id(user), SHAPES[entity], Value::first(entity, user));
    let about = "about a user ".repeat(about / 13 + 1)[..about].to_owned();
    let mut document: RawDocumentBuf = rawdoc! {
        "_id": id.as_str(),
        "sum": fixed_sum(id.as_bytes(), about.as_bytes()),
        "about": about,
    };
    document.append(shape.field, value.bson());
    document.append(shape.by, 0_i64);
    document.append(shape.sum, value.sum(&id, shape.field.as_str(), 0));
    document.append(cstr!("_v"), 1_i64);
    Document::from_raw(document)
}

impl Dataset for Users {
    fn entities(&self) -> &'static [EntityKind] {
        Spec::ENTITIES
    }

    fn len(&self) -> u64 {
        self.keys * 2
    }

    fn place(&self, subject: u64) -> EntityRef {
        let entity = if subject < self.keys {
            PERMISSIONS
        } else if subject < self.keys * 2 {
            USER
        } else {
            SESSION
        };
        EntityRef { entity, id: id(subject % self.keys.max(1)) }
    }

    fn document(&self, subject: u64) -> Document {
        let (entity, user) = ((subject / self.keys) as usize % 2, subject % self.keys);
        let wanted = self.value_size.bytes_of(self.seed, subject) as usize;
        let bare = build(entity, user, 0).bytes().len();
        build(entity, user, wanted.saturating_sub(bare))
    }

    fn verify(&self, subject: u64, version: Version, document: &Document) -> Result<Seen, Damage> {
        let EntityRef { entity, id } = self.place(subject);
        verify(entity, &id, version, document)
    }
}

/// The audit's view of a write: key, field and id.
#[must_use]
pub fn write_of(subject: u64, client: u32, operation: &Operation) -> Write {
    Write { key: subject, fields: FieldSet::One(0), id: write_id(client, operation.number) }
}

/// The patch of an operation on a document of a user.
#[must_use]
pub fn patch(entity: usize, id: &str, client: u32, operation: &Operation) -> Patch {
    let (shape, value) = (SHAPES[entity], Value::written(entity, operation));
    let by = write_id(client, operation.number);
    let sum = value.sum(id, shape.field.as_str(), by);
    Patch::new().set(shape.field, value.bson()).set(shape.by, by).set(shape.sum, sum)
}

/// The fields that were found in a document's bytes.
#[derive(Default)]
struct Fields<'a> {
    id: Option<&'a [u8]>,
    about: Option<&'a [u8]>,
    sum: Option<i64>,
    value: Option<Flat<'a>>,
    by: Option<i64>,
    value_sum: Option<i64>,
    version: Option<i64>,
}

impl<'a> Fields<'a> {
    fn of(shape: Shape, document: &'a Document) -> Option<Self> {
        let mut fields = Self::default();
        for field in document.flat_fields() {
            match field? {
                (b"_id", Flat::Text(text)) => fields.id = Some(text),
                (b"about", Flat::Text(text)) => fields.about = Some(text),
                (b"sum", Flat::Integer(number)) => fields.sum = Some(number),
                (b"_v", Flat::Integer(number)) => fields.version = Some(number),
                (name, value) if name == shape.field.as_str().as_bytes() => fields.value = Some(value),
                (name, Flat::Integer(number)) if name == shape.by.as_str().as_bytes() => {
                    fields.by = Some(number);
                }
                (name, Flat::Integer(number)) if name == shape.sum.as_str().as_bytes() => {
                    fields.value_sum = Some(number);
                }
                // A field that hotset never writes means that the bytes are damaged.
                _ => return None,
            }
        }
        Some(fields)
    }
}

/// Checks an answer whole, as [`crate::application::catalog::verify`] does.
///
/// # Errors
/// Returns the first damage that it finds.
pub fn verify(entity: usize, id: &str, version: Version, document: &Document) -> Result<Seen, Damage> {
    let shape = SHAPES.get(entity).ok_or(Damage::WrongDocument)?;
    let fields = Fields::of(*shape, document).ok_or(Damage::MissingField)?;
    if fields.id.ok_or(Damage::MissingField)? != id.as_bytes() {
        return Err(Damage::WrongDocument);
    }
    let (Some(about), Some(sum), Some(value), Some(by), Some(value_sum_held)) =
        (fields.about, fields.sum, fields.value, fields.by, fields.value_sum)
    else {
        return Err(Damage::MissingField);
    };
    let field = shape.field.as_str();
    let expected = match value {
        Flat::Integer(bits) if entity == PERMISSIONS => {
            value_sum(id.as_bytes(), field, &bits.to_le_bytes(), by)
        }
        Flat::Text(name) if entity == USER => value_sum(id.as_bytes(), field, name, by),
        _ => return Err(Damage::MissingField),
    };
    if fixed_sum(id.as_bytes(), about) != sum || expected != value_sum_held {
        return Err(Damage::Checksum);
    }
    if fields.version.and_then(|version| Version::try_from(version).ok()) != Some(version) {
        return Err(Damage::VersionMismatch);
    }
    let mut writes = [0; FIELDS];
    writes[0] = by;
    Ok(Seen { version, writes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn users() -> Users {
        Users { keys: 10, value_size: ValueSizes::Fixed(crate::base::units::ByteSize(500)), seed: 7 }
    }

    fn operation(draw: u64) -> Operation {
        Operation { number: 9, kind: 0, key: 3, absent: false, draw }
    }

    #[test]
    fn every_document_is_of_the_wanted_size_and_passes_its_own_check_and_no_others() {
        let users = users();
        for subject in 0..users.len() {
            let document = users.document(subject);
            assert_eq!(document.bytes().len(), 500);
            assert_eq!(users.verify(subject, 1, &document), Ok(Seen { version: 1, writes: [0, 0] }));
            for other in (0..users.len()).filter(|other| *other != subject) {
                assert!(users.verify(other, 1, &document).is_err(), "{subject} {other}");
            }
        }
    }

    #[test]
    fn subjects_are_numbered_kind_by_kind_and_sessions_come_last() {
        let users = users();
        for (entity, kind) in [PERMISSIONS, USER, SESSION].into_iter().zip(0..) {
            let place = users.place(subject(entity, 3, 10));
            assert_eq!((place.entity, place.id.as_str(), entity), (entity, "3", kind));
        }
    }

    #[test]
    fn a_patched_document_still_passes_and_says_whose_write_it_shows() {
        for (entity, subject) in [(PERMISSIONS, 3), (USER, 13)] {
            let patch = patch(entity, "3", 5, &operation(u64::MAX - 1));
            let patched = users().document(subject).merged(&patch, 2).unwrap();
            let seen = Seen { version: 2, writes: [write_id(5, 9), 0] };
            assert_eq!(users().verify(subject, 2, &patched), Ok(seen));
            assert_eq!(users().verify(subject, 3, &patched), Err(Damage::VersionMismatch));
        }
    }

    #[test]
    fn a_revocation_takes_one_permission_away_and_leaves_the_others() {
        let document = users().document(3).merged(&patch(PERMISSIONS, "3", 5, &operation(64)), 2).unwrap();
        assert_eq!(document.integer("granted"), Some(i64::MAX & !2));
        assert_eq!(u64::from(i64::MAX.count_ones()), PERMISSIONS_THERE_ARE);
    }

    proptest! {
        #[test]
        fn any_one_changed_byte_is_seen(of_user: bool, at in 4_usize..499, flip in 1_u8..=255) {
            let subject = if of_user { 13 } else { 3 };
            let mut bytes = users().document(subject).bytes().to_vec();
            bytes[at] ^= flip;
            let is_seen = match Document::from_bytes(Bytes::from(bytes)) {
                Ok(document) => users().verify(subject, 1, &document).is_err(),
                Err(_) => true,
            };
            prop_assert!(is_seen, "byte {at}");
        }
    }
}
