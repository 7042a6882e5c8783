//! Stores with an added delay: round trips, and a database that serves a limited number of calls at once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use compact_str::CompactString;
use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::gathering::{self, Claiming, Gathering, Loading};
use super::write_log::{
    ExpectedEntry, LogConsumer, LogLength, LogRecord, RecordId, Removed, Taken, WriteLog,
};
use super::{
    BulkItem, Cache, Claimed, Counters, Database, Document, Entry, ErrorKind, Page, Patch, SettleOutcome,
    StoreError, Token, Version,
};
use crate::base::clock;

/// The time to a store and back, which may be changed while a run goes on. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct RoundTrip(Arc<AtomicU64>);

impl RoundTrip {
    /// A round trip of this length; zero costs nothing.
    #[must_use]
    pub fn new(duration: Duration) -> Self {
        let round_trip = Self::default();
        round_trip.set(duration);
        round_trip
    }

    /// Changes the round trip for the calls that begin from now on.
    pub fn set(&self, duration: Duration) {
        self.0.store(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Makes the round trip longer until the returned guard is dropped. Several guards add up, in whichever
    /// order they are dropped.
    #[must_use = "it is as long as before as soon as this is dropped"]
    pub fn longer_by(&self, duration: Duration) -> Longer {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanoseconds, Relaxed);
        Longer { round_trip: self.clone(), nanoseconds }
    }

    /// The round trip at this moment.
    #[must_use]
    pub fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }

    /// Waits half of the round trip before the call and half after it.
    ///
    /// It takes a function and not the future itself, here as elsewhere on the way of an operation: a future that is
    /// handed on is copied, and each layer of calls would keep room for it twice.
    pub(super) async fn around<T, F: Future<Output = T>>(&self, call: impl FnOnce() -> F) -> T {
        around(self.get(), Duration::ZERO, call).await
    }
}

/// A round trip that is longer until this is dropped.
#[derive(Debug)]
pub struct Longer {
    round_trip: RoundTrip,
    nanoseconds: u64,
}

impl Drop for Longer {
    fn drop(&mut self) {
        self.round_trip.0.fetch_sub(self.nanoseconds, Relaxed);
    }
}

/// Waits half of the time before the call and half after it, each with a random part of half the jitter
/// added.
async fn around<T, F: Future<Output = T>>(time: Duration, jitter: Duration, call: impl FnOnce() -> F) -> T {
    if time.is_zero() && jitter.is_zero() {
        return call().await;
    }
    Box::pin(async {
        let one_way = || {
            if jitter.is_zero() { time / 2 } else { time / 2 + (jitter / 2).mul_f64(rand::random()) }
        };
        clock::sleep(one_way()).await;
        let answer = call().await;
        clock::sleep(one_way()).await;
        answer
    })
    .await
}

/// A cache whose calls take a round trip longer.
#[derive(Debug, Clone)]
pub struct DelayedCache<C> {
    inner: C,
    round_trip: RoundTrip,
}

impl<C> DelayedCache<C> {
    /// Adds a round trip to every call of a cache.
    #[must_use]
    pub fn new(inner: C, round_trip: RoundTrip) -> Self {
        Self { inner, round_trip }
    }

    /// The cache itself, for calls that must not be delayed.
    #[must_use]
    pub fn inner(&self) -> &C {
        &self.inner
    }

    /// The distance, which may be changed.
    #[must_use]
    pub fn round_trip(&self) -> &RoundTrip {
        &self.round_trip
    }
}

/// The delays that a [`DelayedDatabase`] adds to every call.
#[derive(Debug, Clone)]
pub struct DatabaseDelay {
    /// The time to the database and back.
    pub round_trip: RoundTrip,
    /// The time the database is busy with a call, besides the time the real database takes.
    pub service_time: Duration,
    /// Permits, of which a call holds one while it is served; the other calls wait. All users of the database
    /// share them. With `None` all calls are served at once.
    pub servers: Option<Arc<Semaphore>>,
    /// The longest that a call waits to be served. After that it has timed out and was never begun.
    pub queue_timeout: Duration,
    /// Extra time that every call takes at this moment. A change holds for all users of the database.
    pub slowness: RoundTrip,
    /// The most that is added to the round trip at random: up to half of it on the way there and up to half
    /// on the way back, drawn separately.
    pub jitter: Duration,
}

impl Default for DatabaseDelay {
    fn default() -> Self {
        Self {
            round_trip: RoundTrip::default(),
            service_time: Duration::ZERO,
            servers: None,
            queue_timeout: Duration::from_secs(5),
            slowness: RoundTrip::default(),
            jitter: Duration::ZERO,
        }
    }
}

/// A database with a round trip, a service time and a limit on the calls it serves at once. Clones share the
/// limit.
#[derive(Debug, Clone)]
pub struct DelayedDatabase<D> {
    inner: D,
    delay: DatabaseDelay,
}

impl<D> DelayedDatabase<D> {
    /// Adds delays to every call of a database.
    #[must_use]
    pub fn new(inner: D, delay: DatabaseDelay) -> Self {
        Self { inner, delay }
    }

    /// The database itself, for calls that must not be delayed.
    #[must_use]
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The distance, which may be changed.
    #[must_use]
    pub fn round_trip(&self) -> &RoundTrip {
        &self.delay.round_trip
    }

    /// Holds a permit for the service time and the real call together, since both keep the database busy.
    async fn serve<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        call: impl FnOnce() -> F,
    ) -> Result<T, StoreError> {
        let served = || async {
            let _server = self.server().await?;
            if !self.delay.service_time.is_zero() {
                clock::sleep(self.delay.service_time).await;
            }
            call().await
        };
        let time = self.delay.round_trip.get() + self.delay.slowness.get();
        around(time, self.delay.jitter, served).await
    }

    async fn server(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        let Some(servers) = &self.delay.servers else { return Ok(None) };
        if let Ok(server) = servers.try_acquire() {
            return Ok(Some(server));
        }
        match tokio::time::timeout(self.delay.queue_timeout, servers.acquire()).await {
            // The semaphore is never closed.
            Ok(server) => Ok(server.ok()),
            Err(_) => Err(StoreError::new(
                ErrorKind::Timeout,
                format!("waited {:?} to be served by the database", self.delay.queue_timeout),
            )),
        }
    }
}

impl<C: Cache> DelayedCache<C> {
    async fn get_in(&self, batch: Arc<Gathering>, key: &str) -> Result<Option<Entry>, StoreError> {
        let call = |keys: Vec<CompactString>| async move { self.get_many(&keys).await };
        batch.look_ups.ask(key.into(), call).await
    }

    async fn place_token_in(&self, batch: Arc<Gathering>, claiming: Claiming) -> Result<Claimed, StoreError> {
        let place = |(key, token, ttl): Claiming| async move {
            self.round_trip.around(|| self.inner.place_token(&key, token, ttl)).await
        };
        let call = |claims: Vec<Claiming>| async move { join_all(claims.into_iter().map(place)).await };
        batch.claims.ask(claiming, call).await
    }
}

impl<D: Database> DelayedDatabase<D> {
    async fn find_in(&self, batch: Arc<Gathering>, loading: Loading) -> Result<Option<Document>, StoreError> {
        batch.loads.ask(loading, |loads| self.find_each(loads)).await
    }

    /// Finds documents, those of one collection by one query.
    async fn find_each(&self, loads: Vec<Loading>) -> Vec<Result<Option<Document>, StoreError>> {
        let Some((collection, _)) = loads.first() else { return Vec::new() };
        if loads.iter().any(|(other, _)| other != collection) {
            let find = |(collection, id): &Loading| {
                let (collection, id) = (collection.clone(), id.clone());
                async move { self.serve(|| self.inner.find(&collection, &id)).await }
            };
            return join_all(loads.iter().map(find)).await;
        }
        let ids: Vec<CompactString> = loads.iter().map(|(_, id)| id.clone()).collect();
        match self.find_many(collection, &ids).await {
            Ok(found) => found.into_iter().map(Ok).collect(),
            Err(error) => loads.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

impl<C: Cache> Cache for DelayedCache<C> {
    fn counters(&self) -> &Counters {
        self.inner.counters()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        match gathering::under_way() {
            None => self.round_trip.around(|| self.inner.get(key)).await,
            Some(batch) => Box::pin(self.get_in(batch, key)).await,
        }
    }

    async fn get_many(&self, keys: &[CompactString]) -> Vec<Result<Option<Entry>, StoreError>> {
        self.round_trip.around(|| self.inner.get_many(keys)).await
    }

    async fn get_newest(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.round_trip.around(|| self.inner.get_newest(key)).await
    }

    async fn set(&self, key: &str, entry: &Entry, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.round_trip.around(|| self.inner.set(key, entry, ttl)).await
    }

    async fn set_if_newer(
        &self,
        key: &str,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.round_trip.around(|| self.inner.set_if_newer(key, entry, ttl)).await
    }

    async fn place_token(&self, key: &str, token: Token, ttl: Duration) -> Result<Claimed, StoreError> {
        match gathering::under_way() {
            None => self.round_trip.around(|| self.inner.place_token(key, token, ttl)).await,
            Some(batch) => Box::pin(self.place_token_in(batch, (key.into(), token, ttl))).await,
        }
    }

    async fn fill(
        &self,
        key: &str,
        token: Token,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.round_trip.around(|| self.inner.fill(key, token, entry, ttl)).await
    }

    async fn settle(
        &self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<SettleOutcome, StoreError> {
        self.round_trip.around(|| self.inner.settle(key, token, entry, ttl)).await
    }

    async fn replace(
        &self,
        key: &str,
        expected: Version,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.round_trip.around(|| self.inner.replace(key, expected, entry, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.round_trip.around(|| self.inner.delete(key)).await
    }

    async fn increment(&self, key: &str, by: i64, ttl: Duration) -> Result<i64, StoreError> {
        self.round_trip.around(|| self.inner.increment(key, by, ttl)).await
    }

    async fn append(
        &self,
        stream: &str,
        fields: &[(&str, &[u8])],
        max_length: u64,
    ) -> Result<(), StoreError> {
        self.round_trip.around(|| self.inner.append(stream, fields, max_length)).await
    }
}

impl<C: WriteLog> WriteLog for DelayedCache<C> {
    async fn put_dirty(
        &self,
        key: &str,
        over: ExpectedEntry,
        entry: &Entry,
        log: Option<(&str, &str)>,
    ) -> Result<Option<RecordId>, StoreError> {
        self.round_trip.around(|| self.inner.put_dirty(key, over, entry, log)).await
    }

    async fn mark_clean(&self, key: &str, version: Version, ttl: Duration) -> Result<bool, StoreError> {
        self.round_trip.around(|| self.inner.mark_clean(key, version, ttl)).await
    }

    async fn remove_clean(&self, key: &str) -> Result<bool, StoreError> {
        self.round_trip.around(|| self.inner.remove_clean(key)).await
    }

    async fn remove_deleted(&self, key: &str, last: Version) -> Result<bool, StoreError> {
        self.round_trip.around(|| self.inner.remove_deleted(key, last)).await
    }

    async fn read_log(&self, reader: LogConsumer<'_>, most: u64) -> Result<Vec<LogRecord>, StoreError> {
        self.round_trip.around(|| self.inner.read_log(reader, most)).await
    }

    async fn take_over(
        &self,
        reader: LogConsumer<'_>,
        idle: Duration,
        from: RecordId,
        most: u64,
    ) -> Result<Taken, StoreError> {
        self.round_trip.around(|| self.inner.take_over(reader, idle, from, most)).await
    }

    async fn remove_records(&self, log: &str, records: &[RecordId]) -> Result<Removed, StoreError> {
        self.round_trip.around(|| self.inner.remove_records(log, records)).await
    }

    async fn log_length(&self, log: &str) -> Result<LogLength, StoreError> {
        self.round_trip.around(|| self.inner.log_length(log)).await
    }
}

impl<D: Database> Database for DelayedDatabase<D> {
    async fn find(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        match gathering::under_way() {
            None => self.serve(|| self.inner.find(collection, id)).await,
            Some(batch) => Box::pin(self.find_in(batch, (collection.into(), id.into()))).await,
        }
    }

    async fn find_many(
        &self,
        collection: &str,
        ids: &[CompactString],
    ) -> Result<Vec<Option<Document>>, StoreError> {
        self.serve(|| self.inner.find_many(collection, ids)).await
    }

    async fn find_by_category(
        &self,
        collection: &str,
        category: &str,
        page: Page,
        projection: &[&str],
    ) -> Result<Vec<Document>, StoreError> {
        self.serve(|| self.inner.find_by_category(collection, category, page, projection)).await
    }

    async fn update(
        &self,
        collection: &str,
        id: &str,
        patch: &Patch,
    ) -> Result<Option<Document>, StoreError> {
        self.serve(|| self.inner.update(collection, id, patch)).await
    }

    async fn insert(&self, collection: &str, document: &Document) -> Result<bool, StoreError> {
        self.serve(|| self.inner.insert(collection, document)).await
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        self.serve(|| self.inner.delete(collection, id)).await
    }

    async fn bulk_update(
        &self,
        collection: &str,
        items: &[BulkItem],
    ) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.serve(|| self.inner.bulk_update(collection, items)).await
    }

    // Loading, restoring and auditing a dataset are not measured, so they are not delayed.

    async fn put_many(&self, collection: &str, documents: Vec<Document>) -> Result<(), StoreError> {
        self.inner.put_many(collection, documents).await
    }

    async fn scan(&self, collection: &str, visit: impl FnMut(Document) + Send) -> Result<(), StoreError> {
        self.inner.scan(collection, visit).await
    }

    async fn reset(&self, collection: &str) -> Result<(), StoreError> {
        self.inner.reset(collection).await
    }
}

#[cfg(test)]
mod tests;
