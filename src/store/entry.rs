//! The entry that a cache holds under a key, and its encoding in bytes.
//!
//! ```text
//! document   'D'  version: 8 bytes, big-endian  stamp: 12 bytes  the document's BSON, as the database answered
//! absent     'A'  version: 8 bytes of 0
//! token      'T'  16 bytes, drawn at random
//! ```
//! The version stands at a fixed place and is big-endian, so that its bytes compare as numbers do: a script
//! inside Redis can tell the newer of two documents without decoding either.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Document, ErrorKind, StoreError, Version};

const HEADER_BYTES: usize = 9;
const STAMP_BYTES: usize = 12;

/// The times that a strategy writes beside a document so that it can be refreshed before it expires: 8 bytes
/// for the time of expiry and 4 for the time the load took, both big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The end of the entry's time to live, in milliseconds since 1970; 0 if it has no end.
    pub expires_ms: u64,
    /// The time the document took to load, in microseconds; 0 if it was not measured.
    pub load_us: u32,
}

impl Stamp {
    /// The time that is left of the entry's time to live; `None` if it has no end.
    #[must_use]
    pub fn left(self, now_ms: u64) -> Option<Duration> {
        (self.expires_ms > 0).then(|| Duration::from_millis(self.expires_ms.saturating_sub(now_ms)))
    }
}

/// A reader's or writer's mark on a key, 128 random bits, so that no two are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u128);

impl Token {
    /// A new token, drawn at random.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The token derived from a key. It must never be used to fill, because every instance has the same one.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(key.as_bytes()))
    }
}

/// A value that a cache holds under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A document at a version.
    Document {
        /// The version of the document when it was put into the cache.
        version: Version,
        /// The document.
        document: Document,
        /// The times that are written beside it.
        stamp: Stamp,
    },
    /// The database was asked and has no such document.
    Absent,
    /// A reader or writer is about to put an entry here.
    Token(Token),
}

impl Entry {
    /// The entry of a document as loaded from the database.
    #[must_use]
    pub fn of(document: Document) -> Self {
        Self::Document { version: document.version(), document, stamp: Stamp::default() }
    }

    /// The same entry with another stamp. Only a document has a stamp; other entries stay as they are.
    #[must_use]
    pub fn stamped(self, stamp: Stamp) -> Self {
        match self {
            Self::Document { version, document, .. } => Self::Document { version, document, stamp },
            other => other,
        }
    }

    /// The same entry with its document made [`alone`](Document::alone).
    #[must_use]
    pub(super) fn alone(&self) -> Self {
        match self {
            Self::Document { version, document, stamp } => {
                Self::Document { version: *version, document: document.alone(), stamp: *stamp }
            }
            other => other.clone(),
        }
    }

    /// The version of the document; 0 for other entries.
    #[must_use]
    pub fn version(&self) -> Version {
        match self {
            Self::Document { version, .. } => *version,
            Self::Absent | Self::Token(_) => 0,
        }
    }

    /// The number of bytes that [`Entry::encode`] makes.
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
    /// Returns [`ErrorKind::Malformed`] if the bytes are not an entry.
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
