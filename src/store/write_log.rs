//! A cache that is written before the database: it holds entries that the database does not have yet, and a
//! log of them that outlives the instance that wrote them.
//!
//! An entry is *dirty* while the database may not have it yet. A dirty entry has no time to live and is never
//! evicted; a clean entry of the same kind always has one, however long, and that is how the two are told
//! apart.
//!
//! The log is what Redis calls a stream with a consumer group: records in the order of writing, each given to
//! one consumer, which holds it until it removes it. The records of a consumer that died are taken over by
//! another after a while. See <https://redis.io/docs/latest/develop/data-types/streams/>.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use compact_str::CompactString;

use super::{Cache, Entry, ErrorKind, StoreError, Token, Version};

/// The entry that a writer has seen under a key, which its write replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedEntry {
    /// A document at this version.
    Document(Version),
    /// A token, the writer's own or another's.
    Token(Token),
}

/// The place of a record in its log: the server's time in milliseconds, and a number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecordId {
    /// Milliseconds since 1970, by the cache's clock.
    pub millis: u64,
    /// The number of the record within its millisecond.
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
pub struct LogRecord {
    /// The record's place in the log.
    pub id: RecordId,
    /// The id of the entity.
    pub entity: CompactString,
    /// The entity.
    pub entry: Entry,
}

/// The reader of a log: the log and the reader's name.
#[derive(Debug, Clone, Copy)]
pub struct LogConsumer<'a> {
    /// The key of the log.
    pub log: &'a str,
    /// The name of the consumer, which no other instance has.
    pub consumer: &'a str,
}

/// Records that were taken over from other consumers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// The records that the caller holds now.
    pub records: Vec<LogRecord>,
    /// The place to go on from; `None` at the end of the log.
    pub next: Option<RecordId>,
}

/// The outcome of removing records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// The number of records that were removed.
    pub records: u64,
    /// The number of records that are left in the log, delivered or not.
    pub left: u64,
}

/// The length of a log, with delivered and undelivered records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogLength {
    /// The number of records.
    pub records: u64,
    /// The place of the oldest record; `None` if the log is empty.
    pub oldest: Option<RecordId>,
}

/// A cache that is written before the database. Errors have the same meaning as in [`Cache`].
pub trait WriteLog: Cache {
    /// Puts a dirty entry in the place of exactly the entry that the caller has seen; returns the place of
    /// its record, or `None` if another entry is there by now. With a log, given as `(key, id of the
    /// entity)`, the record is appended in the same step, before the entry changes; without one, the returned
    /// place is the default one.
    ///
    /// # Errors
    /// Returns [`ErrorKind::OutOfMemory`] if the cache is full of entries that it may not evict; nothing has
    /// changed then.
    fn put_dirty(
        &self,
        key: &str,
        over: ExpectedEntry,
        entry: &Entry,
        log: Option<(&str, &str)>,
    ) -> impl Future<Output = Result<Option<RecordId>, StoreError>> + Send;

    /// Tells the cache that the database has this version of an entry. An entry of exactly this version may
    /// be forgotten from now on, after `ttl` at the latest. An older clean entry, and the token of a load
    /// that may have read an older one, are removed: they can only be there because the cache has lost the
    /// entry meanwhile. Returns true if the entry had exactly this version.
    fn mark_clean(
        &self,
        key: &str,
        version: Version,
        ttl: Duration,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes the entry or token under a key unless it is dirty; returns true if it did.
    fn remove_clean(&self, key: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes what is under the key of an entity that the database has deleted: a token, the knowledge that there is none,
    /// and a document up to the version `last`, dirty or not; returns true if it did. A later one is of an entity that was
    /// inserted again.
    fn remove_deleted(
        &self,
        key: &str,
        last: Version,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Takes up to `most` records that no consumer was given yet, oldest first, without waiting for any. The
    /// caller holds them until it removes them.
    fn read_log(
        &self,
        reader: LogConsumer<'_>,
        most: u64,
    ) -> impl Future<Output = Result<Vec<LogRecord>, StoreError>> + Send;

    /// Takes over up to `most` records, from a place on, that were given to a consumer at least `idle` ago.
    /// Records that the caller holds already may be among them.
    fn take_over(
        &self,
        reader: LogConsumer<'_>,
        idle: Duration,
        from: RecordId,
        most: u64,
    ) -> impl Future<Output = Result<Taken, StoreError>> + Send;

    /// Removes records, whichever consumer holds them.
    fn remove_records(
        &self,
        log: &str,
        records: &[RecordId],
    ) -> impl Future<Output = Result<Removed, StoreError>> + Send;

    /// The number of records in a log and the oldest of them.
    fn log_length(&self, log: &str) -> impl Future<Output = Result<LogLength, StoreError>> + Send;
}
