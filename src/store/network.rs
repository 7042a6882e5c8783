//! Stores as if they were further away: round trips, and a database that serves only so many at once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::write_log::{Held, LogLength, Reader, Record, RecordId, Removed, Taken, WriteLog};
use super::{
    BulkItem, Cache, Claimed, Database, Document, Entry, ErrorKind, Page, Patch, Settled, StoreError, Token,
    Version,
};
use crate::clock;

/// The time to a store and back, which may be changed while a run goes on. Clones are the same.
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

    /// Changes it for the calls that begin from now on.
    pub fn set(&self, duration: Duration) {
        self.0.store(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Makes it longer until what is returned is dropped. Several add up, in whichever order they end.
    #[must_use = "it is as long as before as soon as this is dropped"]
    pub fn longer_by(&self, duration: Duration) -> Longer {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanoseconds, Relaxed);
        Longer { round_trip: self.clone(), nanoseconds }
    }

    /// How long it is now.
    #[must_use]
    pub fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }

    /// Half of it before the call and half after.
    pub(super) async fn around<T>(&self, call: impl Future<Output = T>) -> T {
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

/// Half of the time before the call and half after, each with a random part of half the jitter.
async fn around<T>(time: Duration, jitter: Duration, call: impl Future<Output = T>) -> T {
    if time.is_zero() && jitter.is_zero() {
        return call.await;
    }
    let one_way = || {
        if jitter.is_zero() { time / 2 } else { time / 2 + (jitter / 2).mul_f64(rand::random()) }
    };
    clock::sleep(one_way()).await;
    let answer = call.await;
    clock::sleep(one_way()).await;
    answer
}

/// A cache at a distance.
#[derive(Debug, Clone)]
pub struct DelayedCache<C> {
    inner: C,
    round_trip: RoundTrip,
}

impl<C> DelayedCache<C> {
    /// Puts a cache at a distance.
    #[must_use]
    pub fn new(inner: C, round_trip: RoundTrip) -> Self {
        Self { inner, round_trip }
    }

    /// The cache itself, for what is not to be delayed.
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

/// What a database at a distance does with every call.
#[derive(Debug, Clone)]
pub struct DatabaseDelay {
    /// The time to it and back.
    pub round_trip: RoundTrip,
    /// How long it is busy with a call, besides what the real database takes.
    pub service_time: Duration,
    /// What a call holds one of while it is served, shared by all who use the database; the others wait.
    /// `None`: it serves all at once.
    pub servers: Option<Arc<Semaphore>>,
    /// The longest that a call waits to be served; then it has timed out without having been begun.
    pub queue_timeout: Duration,
    /// How much longer every call takes now, which may be changed for all who use the database.
    pub slowness: RoundTrip,
    /// A random part of this, drawn twice, is added to the round trip: half of each on the way there and on the way back.
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

/// A database at a distance, with a service time and a limit to what it serves at once. Clones share the
/// limit.
#[derive(Debug, Clone)]
pub struct DelayedDatabase<D> {
    inner: D,
    delay: DatabaseDelay,
}

impl<D> DelayedDatabase<D> {
    /// Puts a database at a distance.
    #[must_use]
    pub fn new(inner: D, delay: DatabaseDelay) -> Self {
        Self { inner, delay }
    }

    /// The database itself, for what is not to be delayed.
    #[must_use]
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The distance, which may be changed.
    #[must_use]
    pub fn round_trip(&self) -> &RoundTrip {
        &self.delay.round_trip
    }

    /// A server is held for the service time and the real call together: both keep it busy.
    async fn serve<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let served = async {
            let _server = self.server().await?;
            if !self.delay.service_time.is_zero() {
                clock::sleep(self.delay.service_time).await;
            }
            call.await
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
            // Nobody closes the semaphore.
            Ok(server) => Ok(server.ok()),
            Err(_) => Err(StoreError::new(
                ErrorKind::Timeout,
                format!("waited {:?} to be served by the database", self.delay.queue_timeout),
            )),
        }
    }
}

impl<C: Cache> Cache for DelayedCache<C> {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.round_trip.around(self.inner.get(key)).await
    }

    async fn get_newest(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.round_trip.around(self.inner.get_newest(key)).await
    }

    async fn set(&self, key: &str, entry: &Entry, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.round_trip.around(self.inner.set(key, entry, ttl)).await
    }

    async fn set_if_newer(
        &self,
        key: &str,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.round_trip.around(self.inner.set_if_newer(key, entry, ttl)).await
    }

    async fn place_token(&self, key: &str, token: Token, ttl: Duration) -> Result<Claimed, StoreError> {
        self.round_trip.around(self.inner.place_token(key, token, ttl)).await
    }

    async fn fill(
        &self,
        key: &str,
        token: Token,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.round_trip.around(self.inner.fill(key, token, entry, ttl)).await
    }

    async fn settle(
        &self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<Settled, StoreError> {
        self.round_trip.around(self.inner.settle(key, token, entry, ttl)).await
    }

    async fn replace(
        &self,
        key: &str,
        expected: Version,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.round_trip.around(self.inner.replace(key, expected, entry, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.round_trip.around(self.inner.delete(key)).await
    }

    async fn increment(&self, key: &str, by: i64, ttl: Duration) -> Result<i64, StoreError> {
        self.round_trip.around(self.inner.increment(key, by, ttl)).await
    }

    async fn append(
        &self,
        stream: &str,
        fields: &[(&str, &[u8])],
        max_length: u64,
    ) -> Result<(), StoreError> {
        self.round_trip.around(self.inner.append(stream, fields, max_length)).await
    }
}

impl<C: WriteLog> WriteLog for DelayedCache<C> {
    async fn put_dirty(
        &self,
        key: &str,
        over: Held,
        entry: &Entry,
        log: Option<(&str, &str)>,
    ) -> Result<Option<RecordId>, StoreError> {
        self.round_trip.around(self.inner.put_dirty(key, over, entry, log)).await
    }

    async fn mark_clean(&self, key: &str, version: Version, ttl: Duration) -> Result<bool, StoreError> {
        self.round_trip.around(self.inner.mark_clean(key, version, ttl)).await
    }

    async fn remove_clean(&self, key: &str) -> Result<bool, StoreError> {
        self.round_trip.around(self.inner.remove_clean(key)).await
    }

    async fn read_log(&self, reader: Reader<'_>, most: u64) -> Result<Vec<Record>, StoreError> {
        self.round_trip.around(self.inner.read_log(reader, most)).await
    }

    async fn take_over(
        &self,
        reader: Reader<'_>,
        idle: Duration,
        from: RecordId,
        most: u64,
    ) -> Result<Taken, StoreError> {
        self.round_trip.around(self.inner.take_over(reader, idle, from, most)).await
    }

    async fn remove_records(&self, log: &str, records: &[RecordId]) -> Result<Removed, StoreError> {
        self.round_trip.around(self.inner.remove_records(log, records)).await
    }

    async fn log_length(&self, log: &str) -> Result<LogLength, StoreError> {
        self.round_trip.around(self.inner.log_length(log)).await
    }
}

impl<D: Database> Database for DelayedDatabase<D> {
    async fn find(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        self.serve(self.inner.find(collection, id)).await
    }

    async fn find_by_category(
        &self,
        collection: &str,
        category: &str,
        page: Page,
        projection: &[&str],
    ) -> Result<Vec<Document>, StoreError> {
        self.serve(self.inner.find_by_category(collection, category, page, projection)).await
    }

    async fn update(
        &self,
        collection: &str,
        id: &str,
        patch: &Patch,
    ) -> Result<Option<Document>, StoreError> {
        self.serve(self.inner.update(collection, id, patch)).await
    }

    async fn bulk_update(
        &self,
        collection: &str,
        items: &[BulkItem],
    ) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.serve(self.inner.bulk_update(collection, items)).await
    }

    // Loading, restoring and auditing a dataset are no part of what is measured.

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
mod tests {
    use super::*;
    use crate::store::counters::Counters;
    use crate::store::local::{LocalCache, LocalCapacity};

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_the_round_trip_and_one_that_is_zero_takes_no_time() {
        let cache = LocalCache::new(LocalCapacity::Entries(1), Counters::new());
        let cache = DelayedCache::new(cache, RoundTrip::new(Duration::from_millis(10)));
        let start = clock::now();
        cache.get("a").await.unwrap();
        assert_eq!(clock::now() - start, Duration::from_millis(10));
        cache.clone().round_trip().set(Duration::ZERO);
        cache.get("a").await.unwrap();
        assert_eq!(clock::now() - start, Duration::from_millis(10));
    }

    #[test]
    fn each_of_several_that_make_a_round_trip_longer_ends_alone() {
        let round_trip = RoundTrip::new(Duration::from_millis(1));
        let long = round_trip.longer_by(Duration::from_millis(20));
        let short = round_trip.clone().longer_by(Duration::from_millis(5));
        assert_eq!(round_trip.get(), Duration::from_millis(26));
        drop(long);
        assert_eq!(round_trip.get(), Duration::from_millis(6));
        drop(short);
        assert_eq!(round_trip.get(), Duration::from_millis(1));
    }

    fn delayed(concurrency: usize, queue_timeout: Duration) -> DelayedDatabase<()> {
        let service_time = Duration::from_millis(20);
        let delay = DatabaseDelay {
            service_time,
            servers: Some(Arc::new(Semaphore::new(concurrency))),
            queue_timeout,
            ..Default::default()
        };
        DelayedDatabase::new((), delay)
    }

    async fn call_times(database: &DelayedDatabase<()>, calls: usize) -> Vec<Result<u128, ErrorKind>> {
        let start = clock::now();
        let calls: Vec<_> = (0..calls)
            .map(|_| {
                let database = database.clone();
                tokio::spawn(async move { database.serve(async { Ok(()) }).await.map(|()| clock::now()) })
            })
            .collect();
        let mut times = Vec::new();
        for call in calls {
            let end = call.await.unwrap();
            times.push(end.map(|end| (end - start).as_millis()).map_err(|error| error.kind));
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_calls_are_served_at_once() {
        let times = call_times(&delayed(2, Duration::from_secs(1)), 4).await;
        assert_eq!(times, [Ok(20), Ok(20), Ok(40), Ok(40)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_not_served_in_time_has_timed_out() {
        let times = call_times(&delayed(1, Duration::from_millis(30)), 3).await;
        assert_eq!(times, [Ok(20), Ok(40), Err(ErrorKind::Timeout)]);
    }
}
