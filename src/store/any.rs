//! The backends as enums, so that the path of an operation neither boxes nor calls through a vtable.

mod access_counts;
mod changes;
mod sessions;
mod streams;
mod tracking;

use std::time::Duration;

use compact_str::CompactString;

use super::local::LocalCache;
use super::mongodb::MongoDatabase;
use super::network::{DelayedCache, DelayedDatabase};
use super::redb::EmbeddedDatabase;
use super::redis::RedisCache;
use super::write_log::{
    ExpectedEntry, LogConsumer, LogLength, LogRecord, RecordId, Removed, Taken, WriteLog,
};
use super::{
    BulkItem, Cache, Claimed, Counters, Database, Document, Entry, Page, Patch, SettleOutcome, StoreError,
    Token, Version,
};

/// The cache that applications use: any cache, at any distance.
pub type AppCache = DelayedCache<AnyCache>;

/// The database that applications use: any database, at any distance.
pub type AppDatabase = DelayedDatabase<AnyDatabase>;

/// Every kind of cache.
#[derive(Debug, Clone)]
pub enum AnyCache {
    /// In this process.
    Local(LocalCache),
    /// In one Redis.
    Redis(RedisCache),
}

/// Every kind of database.
#[derive(Debug, Clone)]
pub enum AnyDatabase {
    /// In one file of this process.
    Embedded(EmbeddedDatabase),
    /// In MongoDB.
    Mongo(MongoDatabase),
}

/// Calls the method of the same name, with the same arguments, on the backend inside.
macro_rules! whichever {
    ($any:ident is $($backend:ident)|+: $method:ident $arguments:tt) => {
        match $any {
            $(Self::$backend(backend) => backend.$method $arguments.await,)+
        }
    };
}

macro_rules! cache {
    ($any:ident.$method:ident $arguments:tt) => {
        whichever!($any is Local | Redis: $method $arguments)
    };
}

macro_rules! database {
    ($any:ident.$method:ident $arguments:tt) => {
        whichever!($any is Embedded | Mongo: $method $arguments)
    };
}

impl Cache for AnyCache {
    fn counters(&self) -> &Counters {
        match self {
            Self::Local(cache) => cache.counters(),
            Self::Redis(cache) => cache.counters(),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        cache!(self.get(key))
    }

    async fn get_many(&self, keys: &[CompactString]) -> Vec<Result<Option<Entry>, StoreError>> {
        cache!(self.get_many(keys))
    }

    async fn get_newest(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        cache!(self.get_newest(key))
    }

    async fn set(&self, key: &str, entry: &Entry, ttl: Option<Duration>) -> Result<(), StoreError> {
        cache!(self.set(key, entry, ttl))
    }

    async fn set_if_newer(
        &self,
        key: &str,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        cache!(self.set_if_newer(key, entry, ttl))
    }

    async fn place_token(&self, key: &str, token: Token, ttl: Duration) -> Result<Claimed, StoreError> {
        cache!(self.place_token(key, token, ttl))
    }

    async fn fill(
        &self,
        key: &str,
        token: Token,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        cache!(self.fill(key, token, entry, ttl))
    }

    async fn settle(
        &self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<SettleOutcome, StoreError> {
        cache!(self.settle(key, token, entry, ttl))
    }

    async fn replace(
        &self,
        key: &str,
        expected: Version,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        cache!(self.replace(key, expected, entry, ttl))
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        cache!(self.delete(key))
    }

    async fn increment(&self, key: &str, by: i64, ttl: Duration) -> Result<i64, StoreError> {
        cache!(self.increment(key, by, ttl))
    }

    async fn append(
        &self,
        stream: &str,
        fields: &[(&str, &[u8])],
        max_length: u64,
    ) -> Result<(), StoreError> {
        cache!(self.append(stream, fields, max_length))
    }
}

impl WriteLog for AnyCache {
    async fn put_dirty(
        &self,
        key: &str,
        over: ExpectedEntry,
        entry: &Entry,
        log: Option<(&str, &str)>,
    ) -> Result<Option<RecordId>, StoreError> {
        cache!(self.put_dirty(key, over, entry, log))
    }

    async fn mark_clean(&self, key: &str, version: Version, ttl: Duration) -> Result<bool, StoreError> {
        cache!(self.mark_clean(key, version, ttl))
    }

    async fn remove_clean(&self, key: &str) -> Result<bool, StoreError> {
        cache!(self.remove_clean(key))
    }

    async fn remove_deleted(&self, key: &str, last: Version) -> Result<bool, StoreError> {
        cache!(self.remove_deleted(key, last))
    }

    async fn read_log(&self, reader: LogConsumer<'_>, most: u64) -> Result<Vec<LogRecord>, StoreError> {
        cache!(self.read_log(reader, most))
    }

    async fn take_over(
        &self,
        reader: LogConsumer<'_>,
        idle: Duration,
        from: RecordId,
        most: u64,
    ) -> Result<Taken, StoreError> {
        cache!(self.take_over(reader, idle, from, most))
    }

    async fn remove_records(&self, log: &str, records: &[RecordId]) -> Result<Removed, StoreError> {
        cache!(self.remove_records(log, records))
    }

    async fn log_length(&self, log: &str) -> Result<LogLength, StoreError> {
        cache!(self.log_length(log))
    }
}

impl Database for AnyDatabase {
    async fn find(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        database!(self.find(collection, id))
    }

    async fn find_many(
        &self,
        collection: &str,
        ids: &[CompactString],
    ) -> Result<Vec<Option<Document>>, StoreError> {
        database!(self.find_many(collection, ids))
    }

    async fn find_by_category(
        &self,
        collection: &str,
        category: &str,
        page: Page,
        projection: &[&str],
    ) -> Result<Vec<Document>, StoreError> {
        database!(self.find_by_category(collection, category, page, projection))
    }

    async fn update(
        &self,
        collection: &str,
        id: &str,
        patch: &Patch,
    ) -> Result<Option<Document>, StoreError> {
        database!(self.update(collection, id, patch))
    }

    async fn insert(&self, collection: &str, document: &Document) -> Result<bool, StoreError> {
        database!(self.insert(collection, document))
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        database!(self.delete(collection, id))
    }

    async fn bulk_update(
        &self,
        collection: &str,
        items: &[BulkItem],
    ) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        database!(self.bulk_update(collection, items))
    }

    async fn put_many(&self, collection: &str, documents: Vec<Document>) -> Result<(), StoreError> {
        database!(self.put_many(collection, documents))
    }

    async fn scan(&self, collection: &str, visit: impl FnMut(Document) + Send) -> Result<(), StoreError> {
        database!(self.scan(collection, visit))
    }

    async fn reset(&self, collection: &str) -> Result<(), StoreError> {
        database!(self.reset(collection))
    }
}
