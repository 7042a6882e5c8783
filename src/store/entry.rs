//! What a cache holds under a key, and how it is written in bytes.
//!
//! ```text
//! document   'D'  version: 8 bytes, big-endian  stamp: 12 bytes  the document's BSON, as the database answered
//! absent     'A'  version: 8 bytes of 0
//! token      'T'  16 bytes, drawn at random
//! ```
//! The version stands at a fixed place and in an order in which bytes compare as numbers do, so
//! that a script inside Redis can tell the newer of two documents without decoding either.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Document, ErrorKind, StoreError, Version};

const HEADER_BYTES: usize = 9;
const STAMP_BYTES: usize = 12;

/// What a strategy that refreshes entries before they expire writes beside a document: 8 bytes for when
/// it expires and 4 for how long it took to load, both big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// When the entry's time to live ends, in milliseconds since 1970; 0 where it has no end.
    pub expires_ms: u64,
    /// How long the document took to load, in microseconds; 0 where nobody has measured it.
    pub load_us: u32,
}

impl Stamp {
    /// How much is left of the entry's time to live; `None` where it has no end.
    #[must_use]
    pub fn left(self, now_ms: u64) -> Option<Duration> {
        (self.expires_ms > 0).then(|| Duration::from_millis(self.expires_ms.saturating_sub(now_ms)))
    }
}

/// A reader's or writer's mark on a key, drawn at random so that no two are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u128);

impl Token {
    /// A new token.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The token that always belongs to a key; never one to fill with, as everybody has it.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(key.as_bytes()))
    }
}

/// What a cache holds under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A document at a version.
    Document {
        /// The version that the document had when it was put here.
        version: Version,
        /// The document.
        document: Document,
        /// What is written beside it.
        stamp: Stamp,
    },
    /// The database was asked and has no such document.
    Absent,
    /// Somebody is about to put something here.
    Token(Token),
}

impl Entry {
    /// The entry of a document as loaded from the database.
    #[must_use]
    pub fn of(document: Document) -> Self {
        Self::Document { version: document.version(), document, stamp: Stamp::default() }
    }

    /// The same with another stamp; what is no document has none.
    #[must_use]
    pub fn stamped(self, stamp: Stamp) -> Self {
        match self {
            Self::Document { version, document, .. } => Self::Document { version, document, stamp },
            other => other,
        }
    }

    /// The same, its document [`alone`](Document::alone).
    #[must_use]
    pub(super) fn alone(&self) -> Self {
        match self {
            Self::Document { version, document, stamp } => {
                Self::Document { version: *version, document: document.alone(), stamp: *stamp }
            }
            other => other.clone(),
        }
    }

    /// The version: 0 for what is no document.
    #[must_use]
    pub fn version(&self) -> Version {
        match self {
            Self::Document { version, .. } => *version,
            Self::Absent | Self::Token(_) => 0,
        }
    }

    /// How many bytes [`Entry::encode`] makes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Document { document, .. } => HEADER_BYTES + STAMP_BYTES + document.bytes().len(),
            Self::Absent => HEADER_BYTES,
            Self::Token(_) => 17,
        }
    }

    /// The entry as bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.encoded_len());
        match self {
            Self::Document { version, document, stamp } => {
                bytes.put_u8(b'D');
                bytes.put_u64(*version);
                bytes.put_u64(stamp.expires_ms);
                bytes.put_u32(stamp.load_us);
                bytes.put_slice(document.bytes());
            }
            Self::Absent => {
                bytes.put_u8(b'A');
                bytes.put_u64(0);
            }
            Self::Token(token) => {
                bytes.put_u8(b'T');
                bytes.put_u128(token.0);
            }
        }
        bytes.freeze()
    }

    /// Reads an entry; a document shares the bytes that it is read from.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] where the bytes are no entry.
    pub fn decode(mut bytes: Bytes) -> Result<Self, StoreError> {
        let header = bytes.get(1..HEADER_BYTES).and_then(|h| <[u8; 8]>::try_from(h).ok());
        match (bytes.first(), header) {
            (Some(b'D'), Some(version)) if bytes.len() >= HEADER_BYTES + STAMP_BYTES => {
                bytes.advance(HEADER_BYTES);
                let stamp = Stamp { expires_ms: bytes.get_u64(), load_us: bytes.get_u32() };
                let document = Document::from_bytes(bytes)?;
                Ok(Self::Document { version: u64::from_be_bytes(version), document, stamp })
            }
            (Some(b'A'), Some(_)) => Ok(Self::Absent),
            (Some(b'T'), Some(_)) if bytes.len() == 17 => {
                let token = bytes[1..].try_into().map_or(0, u128::from_be_bytes);
                Ok(Self::Token(Token(token)))
            }
            _ => Err(StoreError::new(
                ErrorKind::Malformed,
                format!("the cache holds {} bytes that hotset did not write", bytes.len()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::rawdoc;
    use proptest::prelude::*;

    #[test]
    fn every_entry_reads_back_as_it_was_written() {
        let document = Document::from_raw(rawdoc! { "_id": "1", "_v": 300_i64 });
        let stamp = Stamp { expires_ms: 1 << 40, load_us: 7 };
        let stamped = Entry::of(document.clone()).stamped(stamp);
        for entry in [Entry::of(document), stamped, Entry::Absent, Entry::Token(Token::random())] {
            assert_eq!(entry.encode().len(), entry.encoded_len());
            assert_eq!(Entry::decode(entry.encode()), Ok(entry));
        }
    }

    proptest! {
        #[test]
        fn the_bytes_of_a_version_compare_as_the_version_does(a: u64, b: u64) {
            let header = |version| {
                let document = Document::from_raw(rawdoc! {});
                Entry::Document { version, document, stamp: Stamp::default() }.encode().slice(1..9)
            };
            prop_assert_eq!(header(a).cmp(&header(b)), a.cmp(&b));
        }

        #[test]
        fn bytes_from_elsewhere_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Entry::decode(Bytes::from(bytes));
        }
    }
}
