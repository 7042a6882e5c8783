//! A cache that is written first: entries that the database does not have yet, and a log of them that
//! outlives the instance that wrote them.
//!
//! *Dirty* is an entry that the database may not have yet. It has no time to live and is never evicted; a
//! clean entry of the same kind always has one, however long, and that is how the two are told apart.
//!
//! The log is what Redis calls a stream with a consumer group: records in the order of writing, each given
//! to one consumer, which holds it until it removes it; what a consumer that died holds is taken over after a
//! while. See <https://redis.io/docs/latest/develop/data-types/streams/>.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use compact_str::CompactString;

use super::{Cache, Entry, ErrorKind, StoreError, Token, Version};

/// What a writer has seen under a key, and what its write replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A document at this version.
    Document(Version),
    /// A token, its own or another's.
    Token(Token),
}

/// The place of a record in its log: the server's time in milliseconds, and a number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecordId {
    /// Milliseconds since 1970, by the cache's clock.
    pub millis: u64,
    /// Counts the records of one millisecond.
    pub number: u64,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

impl FromStr for RecordId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let parts = text.split_once('-').and_then(|(millis, number)| {
            Some(Self { millis: millis.parse().ok()?, number: number.parse().ok()? })
        });
        parts.ok_or_else(|| {
            StoreError::new(ErrorKind::Malformed, format!("\"{text}\" is no place in a log of writes"))
        })
    }
}

/// One write in a log: the whole entity as the write left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub id: RecordId,
    /// The id of the entity.
    pub entity: CompactString,
    /// The entity.
    pub entry: Entry,
}

/// Who reads a log: which log, under which name.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The key of the log.
    pub log: &'a str,
    /// The name of the consumer, which no other instance has.
    pub consumer: &'a str,
}

/// Records that were held by others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// What the caller holds now.
    pub records: Vec<Record>,
    /// Where to go on; `None` at the end of the log.
    pub next: Option<RecordId>,
}

/// What came of removing records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many were there.
    pub records: u64,
    /// How many others there are in the log, delivered or not.
    pub left: u64,
}

/// What a log holds, delivered or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogLength {
    /// How many records.
    pub records: u64,
    /// The first of them.
    pub oldest: Option<RecordId>,
}

/// A cache that is written before the database. Errors mean what they do in [`Cache`].
pub trait WriteLog: Cache {
    /// Puts a dirty entry in the place of exactly what the caller has seen, and only there; returns the place
    /// of its record, or `None` where something else is there by now. With a log, `(key, id of the entity)`,
    /// the record is appended in the same step, before the entry changes; without, the place is the
    /// default one.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`] where the cache is full of what it may not evict; nothing has changed then.
    fn put_dirty(
        &self,
        key: &str,
        over: Held,
        entry: &Entry,
        log: Option<(&str, &str)>,
    ) -> impl Future<Output = Result<Option<RecordId>, StoreError>> + Send;

    /// Says that the database has this version of an entry. An entry of exactly this version may be
    /// forgotten from now on, after `ttl` at the latest; what is older and clean, and a token of a load that
    /// may have read something older, is removed, as it can only come from a cache that has lost the entry
    /// meanwhile. Returns whether it was exactly this version.
    fn mark_clean(
        &self,
        key: &str,
        version: Version,
        ttl: Duration,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes what is under a key, a token too, unless it is dirty; returns whether it did.
    fn remove_clean(&self, key: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Up to `most` records that were given to nobody yet, oldest first. They are the caller's until it
    /// removes them. Does not wait for any.
    fn read_log(
        &self,
        reader: Reader<'_>,
        most: u64,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// Up to `most` records, from a place on, that others were given at least `idle` ago: they are the
    /// caller's now. Those that the caller holds already may be among them.
    fn take_over(
        &self,
        reader: Reader<'_>,
        idle: Duration,
        from: RecordId,
        most: u64,
    ) -> impl Future<Output = Result<Taken, StoreError>> + Send;

    /// Removes records, whoever holds them.
    fn remove_records(
        &self,
        log: &str,
        records: &[RecordId],
    ) -> impl Future<Output = Result<Removed, StoreError>> + Send;

    /// What a log holds.
    fn log_length(&self, log: &str) -> impl Future<Output = Result<LogLength, StoreError>> + Send;
}
