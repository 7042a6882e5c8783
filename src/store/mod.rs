//! The two stores that a strategy works with, as traits: a fast [`Cache`] and a true [`Database`].
//!
//! Backends meet in the enums [`AnyCache`] and [`AnyDatabase`], so that the path of an operation
//! neither boxes nor calls through a vtable.
//!
//! This room stands on floor 2 and may use `base`, `model`, `results` and `scenario`.

pub mod access_counts;
mod announced;
pub mod any;
pub mod changes;
pub mod counters;
pub mod document;
pub mod entry;
pub mod error;
pub mod gathering;
pub mod journal;
pub mod local;
pub mod mongodb;
pub mod network;
pub mod redb;
pub mod redis;
pub mod remedy;
pub mod secret;
pub mod sessions;
pub mod setbacks;
pub mod streams;
pub mod tracking;
pub mod write_log;

use std::future::Future;
use std::time::Duration;

use compact_str::CompactString;
use futures_util::future::join_all;

pub use access_counts::AccessCounts;
pub use any::{AnyCache, AnyDatabase, AppCache, AppDatabase};
pub use changes::{Announced, ChangeFeed, Changes};
pub use counters::{Counters, CountersSnapshot};
pub use document::{Document, Patch, Version};
pub use entry::{Entry, Stamp, Token};
pub use error::{ErrorKind, StoreError};
pub use network::{DatabaseDelay, DelayedCache, DelayedDatabase, RoundTrip};
pub use secret::SecretUrl;
pub use sessions::{Session, Sessions};
pub use setbacks::{FirstFailure, FirstFailures, Setbacks};
pub use streams::Streams;
pub use tracking::{Announcement, Announcements, Tracking};
pub use write_log::WriteLog;

/// The outcome of an attempt to place a token, see [`Cache::place_token`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The token is in place.
    Placed,
    /// Another entry was there, and it stays.
    Found(Entry),
}

/// The outcome of an attempt to put a written document into the cache, see [`Cache::settle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleOutcome {
    /// The document is in the cache now.
    Stored,
    /// The cache already holds this version or a newer one.
    NewerThere,
    /// Nothing was there, or the token of a load in flight, which is now void and cannot fill, or the knowledge of an
    /// absence, which is gone.
    Voided,
}

/// A cache of entries under text keys.
///
/// After `Ok` the effect has happened, and every later call by any instance sees it. After an error of kind
/// [`ErrorKind::Timeout`] or [`ErrorKind::Connection`] a change is *indeterminate*: the caller must assume
/// neither that it happened nor that it did not, nor that it will not happen later. Every other error means
/// that nothing was changed. An implementation MUST answer within the timeouts that it was made with, and
/// MUST treat an expired entry as absent.
pub trait Cache: Clone + Send + Sync + 'static {
    /// The counters of this handle, to which the failures of what no operation waits for are added too.
    fn counters(&self) -> &Counters;

    /// The entry of a key; `None` if there is none.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send;

    /// The entries of several keys, looked up at the same time: an answer for each, in their order, as [`Cache::get`] has
    /// it.
    fn get_many(
        &self,
        keys: &[CompactString],
    ) -> impl Future<Output = Vec<Result<Option<Entry>, StoreError>>> + Send {
        async { join_all(keys.iter().map(|key| self.get(key))).await }
    }

    /// The entry of a key as the node that accepts its changes holds it, even if [`Cache::get`] may be
    /// answered by a replica that is a moment behind.
    fn get_newest(&self, key: &str) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send {
        self.get(key)
    }

    /// Puts an entry in place of whatever is there, for `ttl` (for ever if that is `None`).
    fn set(
        &self,
        key: &str,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Puts a document in place of an older document, of a token or of nothing; leaves a newer or equal one
    /// alone. Returns true if it was stored.
    ///
    /// This alone does not keep old values out: if the newer one has expired or was evicted, an older one is
    /// let in. [`Cache::settle`] keeps it out.
    fn set_if_newer(
        &self,
        key: &str,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Puts a token under an empty key, for `ttl`, or returns the entry that is there, in one step. The
    /// caller asks the database only after this, and then offers the answer to [`Cache::fill`].
    fn place_token(
        &self,
        key: &str,
        token: Token,
        ttl: Duration,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Puts an entry in the place of the caller's own token, and only there; returns true if it did. A token
    /// that was voided, evicted, flushed or has expired lets nothing in.
    fn fill(
        &self,
        key: &str,
        token: Token,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a write: after the database has committed `entry` (a document), makes sure that the cache holds
    /// nothing older. The document replaces the caller's own token or an older document; a newer or equal
    /// document stays; another's token is removed, so that its load cannot fill, and so is the knowledge
    /// that there is none, which may be of after a delete; under an empty key nothing is put, since a newer version may have
    /// been there and been evicted.
    fn settle(
        &self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<SettleOutcome, StoreError>> + Send;

    /// Puts a document in the place of the document of exactly the version `expected`, and only there;
    /// returns true if it did. A document that was invalidated meanwhile is not brought back.
    fn replace(
        &self,
        key: &str,
        expected: Version,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes whatever is under a key, token or entry; returns true if there was anything.
    fn delete(&self, key: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Adds to the counter of a key and returns the sum; a counter that is new lives for `ttl`.
    fn increment(
        &self,
        key: &str,
        by: i64,
        ttl: Duration,
    ) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Appends a record to a stream, which is trimmed to about `max_length` records.
    fn append(
        &self,
        stream: &str,
        fields: &[(&str, &[u8])],
        max_length: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// One update of a batch, see [`Database::bulk_update`].
#[derive(Debug, Clone, PartialEq)]
pub struct BulkItem {
    /// The id of the document.
    pub id: String,
    /// The fields that change.
    pub patch: Patch,
    /// The version that the document has afterwards; the update is skipped if the database already holds this
    /// version or a newer one. With `None` the database counts up.
    pub version: Option<Version>,
}

/// A page of a category's documents, see [`Database::find_by_category`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The number of documents to skip, in the order of `_id`.
    pub skip: u64,
    /// The number of documents to return at most.
    pub limit: u64,
}

/// A database of documents in collections, found by `_id` or by category.
///
/// After `Ok` an update is as durable as the database was configured to make it, and every later call sees
/// it. After [`ErrorKind::Timeout`] or [`ErrorKind::Connection`] a change is *indeterminate*: the caller must
/// count it neither as failed nor as done. An implementation MUST answer within its timeouts, and MUST count
/// `_v` up by one on every update.
pub trait Database: Clone + Send + Sync + 'static {
    /// The document with this `_id`; `None` if there is none.
    fn find(
        &self,
        collection: &str,
        id: &str,
    ) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// The documents with these `_id`s by one query, each at the place of its id; `None` where there is none.
    fn find_many(
        &self,
        collection: &str,
        ids: &[CompactString],
    ) -> impl Future<Output = Result<Vec<Option<Document>>, StoreError>> + Send;

    /// A page of the documents of a category in the order of `_id`; with a projection only its
    /// fields and `_id`.
    fn find_by_category(
        &self,
        collection: &str,
        category: &str,
        page: Page,
        projection: &[&str],
    ) -> impl Future<Output = Result<Vec<Document>, StoreError>> + Send;

    /// Sets the fields of a patch, counts `_v` up and returns the merged document; `None` if no document has
    /// this id (nothing is inserted).
    fn update(
        &self,
        collection: &str,
        id: &str,
        patch: &Patch,
    ) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// Puts a new document there; returns false, and changes nothing, if there is one with its `_id`.
    fn insert(
        &self,
        collection: &str,
        document: &Document,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a document and returns it as it was; `None` if no document has this id.
    fn delete(
        &self,
        collection: &str,
        id: &str,
    ) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// Applies many updates. The result of each is `Ok(true)` if it was done, `Ok(false)` if it was skipped
    /// because of its version or because there is no such document, or an error.
    fn bulk_update(
        &self,
        collection: &str,
        items: &[BulkItem],
    ) -> impl Future<Output = Result<Vec<Result<bool, StoreError>>, StoreError>> + Send;

    /// Replaces or inserts whole documents with their versions; used to load and restore a dataset.
    fn put_many(
        &self,
        collection: &str,
        documents: Vec<Document>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Calls `visit` with every document of a collection, in no order.
    fn scan(
        &self,
        collection: &str,
        visit: impl FnMut(Document) + Send,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a collection with all its documents and makes it anew with its category index.
    fn reset(&self, collection: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}
