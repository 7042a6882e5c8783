//! Documents as the bytes that the database answered with (BSON), and patches to them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use mongodb::bson::raw::{CStr, RawBsonRef, cstr};
use mongodb::bson::{RawBson, RawDocument, RawDocumentBuf};

use super::{ErrorKind, StoreError};

/// The version of a document. The store that orders the writes counts it up, never down.
pub type Version = u64;

/// The field that holds the version.
pub const VERSION_FIELD: &str = "_v";

/// A document, kept as BSON and not decoded on its way through the stores. Clones share the bytes.
#[derive(Clone)]
pub struct Document(Backing);

#[derive(Clone)]
enum Backing {
    Alone(Bytes),
    Within(Arc<dyn AsRef<Bytes> + Send + Sync>),
}

impl Document {
    /// Takes bytes that should be one BSON document; its frame is checked, its fields are not.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Malformed`] if the length or the end does not fit.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, StoreError> {
        match RawDocument::from_bytes(&bytes) {
            Ok(_) => Ok(Self(Backing::Alone(bytes))),
            Err(error) => Err(StoreError::new(ErrorKind::Malformed, format!("this is no document: {error}"))),
        }
    }

    /// A document that was just built. The room that its buffer was given to grow is given back, often half of it: a
    /// cache that keeps the document would keep the room too, and not count it.
    #[must_use]
    pub fn from_raw(raw: RawDocumentBuf) -> Self {
        Self(Backing::Alone(raw.into_bytes().into_boxed_slice().into()))
    }

    /// The document inside an entry of a cache, shared with the cache. A lookup has the memory of the entry
    /// at hand already; sharing only the bytes would touch a second reference count elsewhere in memory, and
    /// that is most of a hit's cost when the cache is large. The caller guarantees that the bytes are those
    /// of a document that was checked.
    #[inline]
    #[must_use]
    pub(super) fn within(place: Arc<dyn AsRef<Bytes> + Send + Sync>) -> Self {
        Self(Backing::Within(place))
    }

    /// The same document without the entry that it was [`within`](Self::within), to be kept for long.
    #[must_use]
    pub(super) fn alone(&self) -> Self {
        Self(Backing::Alone(self.bytes().clone()))
    }

    /// The document as BSON.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match &self.0 {
            Backing::Alone(bytes) => bytes,
            Backing::Within(place) => (**place).as_ref(),
        }
    }

    /// The fields, found by walking the bytes; `None` only if the bytes are not a document.
    #[must_use]
    pub fn raw(&self) -> Option<&RawDocument> {
        RawDocument::from_bytes(self.bytes()).ok()
    }

    /// The version; 0 if the document has none.
    #[must_use]
    pub fn version(&self) -> Version {
        self.integer(VERSION_FIELD).and_then(|v| u64::try_from(v).ok()).unwrap_or(0)
    }

    /// The `_id`; `None` if it is not a text.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.text("_id")
    }

    /// The value of a field; `None` if it is not an integer.
    #[must_use]
    pub fn integer(&self, field: &str) -> Option<i64> {
        let value = self.raw()?.get(field).ok()??;
        value.as_i64().or_else(|| value.as_i32().map(i64::from))
    }

    /// The value of a field; `None` if it is not a text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.raw()?.get_str(field).ok()
    }

    /// The fields of a document that holds only texts and 64-bit integers, found by one pass over the bytes;
    /// an item is `None` if the bytes are anything else, and the walk ends there.
    ///
    /// The path of an operation uses this, since every value that is read is checked there and the general
    /// reader of BSON takes several times as long.
    pub fn flat_fields(&self) -> impl Iterator<Item = Option<FlatField<'_>>> {
        // The frame was checked when the document was made: four bytes of length, and a zero at the end.
        let bytes = self.bytes();
        let mut rest = bytes.get(4..bytes.len().saturating_sub(1)).unwrap_or_default();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let Some((field, after)) = flat_field(rest) else {
                rest = &[];
                return Some(None);
            };
            rest = after;
            Some(Some(field))
        })
    }

    /// Returns the document with the fields of a patch set and another version; the order of fields stays.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Malformed`] if a field cannot be read.
    pub fn merged(&self, patch: &Patch, version: Version) -> Result<Self, StoreError> {
        let malformed = |error: &dyn std::fmt::Display| {
            StoreError::new(ErrorKind::Malformed, format!("this document cannot be read: {error}"))
        };
        let raw = self.raw().ok_or_else(|| malformed(&"its frame is broken"))?;
        let version = RawBsonRef::Int64(i64::try_from(version).unwrap_or(i64::MAX));
        let mut merged = RawDocumentBuf::new();
        for element in raw {
            let (name, value) = element.map_err(|error| malformed(&error))?;
            let patched = patch.0.get(name).ok().flatten();
            let value = if name == VERSION_FIELD { version } else { patched.unwrap_or(value) };
            merged.append(name, value);
        }
        for element in &patch.0 {
            let (name, value) = element.map_err(|error| malformed(&error))?;
            if matches!(raw.get(name), Ok(None)) && name != VERSION_FIELD {
                merged.append(name, value);
            }
        }
        if matches!(raw.get(VERSION_FIELD), Ok(None)) {
            merged.append(cstr!("_v"), version);
        }
        Ok(Self::from_raw(merged))
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Document {}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Document").field(self.bytes()).finish()
    }
}

/// A value of a flat document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flat<'a> {
    /// The bytes of a text, not checked to be UTF-8.
    Text(&'a [u8]),
    /// A 64-bit integer.
    Integer(i64),
}

/// The name of a field and its value.
pub type FlatField<'a> = (&'a [u8], Flat<'a>);

/// The first field of an element list and the bytes after it; see the BSON specification 1.1.
fn flat_field(bytes: &[u8]) -> Option<(FlatField<'_>, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (name, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
    match kind {
        0x02 => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = usize::try_from(i32::from_le_bytes(*length)).ok()?;
            let (text, rest) = rest.split_at_checked(length)?;
            let (zero, text) = text.split_last()?;
            (*zero == 0).then_some(((name, Flat::Text(text)), rest))
        }
        0x12 => {
            let (number, rest) = rest.split_first_chunk()?;
            Some(((name, Flat::Integer(i64::from_le_bytes(*number))), rest))
        }
        _ => None,
    }
}

/// Fields to set in a document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patch(RawDocumentBuf);

impl Patch {
    /// A patch that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field to the patch. A field that is set already keeps its first value.
    #[must_use]
    pub fn set(mut self, field: &CStr, value: impl Into<RawBson>) -> Self {
        if matches!(self.0.get(field), Ok(None)) {
            self.0.append(field, value.into());
        }
        self
    }

    /// A patch that sets every field of a document except its `_id` and its version.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Malformed`] if a field cannot be read.
    pub fn of_whole(document: &Document) -> Result<Self, StoreError> {
        let malformed = || StoreError::new(ErrorKind::Malformed, "this document cannot be read");
        let mut fields = RawDocumentBuf::new();
        for element in document.raw().ok_or_else(malformed)? {
            let (name, value) = element.map_err(|_| malformed())?;
            if name != "_id" && name != VERSION_FIELD {
                fields.append(name, value);
            }
        }
        Ok(Self(fields))
    }

    /// This patch followed by a later one: if both set a field, the later one's value holds.
    #[must_use]
    pub fn then(&self, later: &Self) -> Self {
        let mut merged = later.0.clone();
        for (name, value) in self.0.iter().flatten() {
            if matches!(later.0.get(name), Ok(None)) {
                merged.append(name, value);
            }
        }
        Self(merged)
    }

    /// The fields as a BSON document.
    #[must_use]
    pub fn raw(&self) -> &RawDocument {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::rawdoc;

    fn document() -> Document {
        Document::from_raw(
            rawdoc! { "_id": "7", "name": "kettle", "price": 100_i64, "stock": 3_i64, "_v": 4_i64 },
        )
    }

    #[test]
    fn flat_fields_are_found_in_order_and_anything_else_ends_the_walk() {
        let document = document();
        let names: Vec<_> = document.flat_fields().map(|field| field.unwrap().0.to_vec()).collect();
        assert_eq!(names, [&b"_id"[..], b"name", b"price", b"stock", b"_v"]);
        assert_eq!(document.flat_fields().nth(2), Some(Some((&b"price"[..], Flat::Integer(100)))));
        let nested = Document::from_raw(rawdoc! { "a": 1_i64, "b": { "c": 1_i64 }, "d": 1_i64 });
        let seen: Vec<_> = nested.flat_fields().map(|field| field.is_some()).collect();
        assert_eq!(seen, [true, false]);
    }

    proptest::proptest! {
        #[test]
        fn a_flat_walk_over_damaged_bytes_ends_without_a_panic(at in 4_usize..60, byte: u8) {
            let mut bytes = document().bytes().to_vec();
            let at = at.min(bytes.len() - 2);
            bytes[at] = byte;
            if let Ok(document) = Document::from_bytes(bytes.into()) {
                proptest::prop_assert!(document.flat_fields().count() <= 60);
            }
        }
    }

    #[test]
    fn merging_sets_the_patched_fields_and_the_version_and_keeps_the_others() {
        let merged = document().merged(&Patch::new().set(cstr!("price"), 120_i64), 5).unwrap();
        assert_eq!(merged.integer("price"), Some(120));
        assert_eq!(merged.integer("stock"), Some(3));
        assert_eq!(merged.text("name"), Some("kettle"));
        assert_eq!(merged.version(), 5);
        assert_eq!(merged.id(), Some("7"));
    }

    #[test]
    fn a_field_that_the_document_did_not_have_is_added() {
        let merged = document().merged(&Patch::new().set(cstr!("colour"), "red"), 5).unwrap();
        assert_eq!(merged.text("colour"), Some("red"));
    }

    #[test]
    fn the_later_of_two_patches_wins_field_by_field() {
        let first = Patch::new().set(cstr!("price"), 1_i64).set(cstr!("stock"), 1_i64);
        let both = first.then(&Patch::new().set(cstr!("price"), 2_i64));
        let merged = document().merged(&both, 5).unwrap();
        assert_eq!((merged.integer("price"), merged.integer("stock")), (Some(2), Some(1)));
    }

    #[test]
    fn bytes_that_are_no_document_are_malformed() {
        let error = Document::from_bytes(Bytes::from_static(b"not bson at all")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Malformed);
    }
}
