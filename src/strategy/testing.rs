//! Fakes for the tests of strategies: a source whose steps a test holds and releases one by one, and a cache
//! whose calls a test interferes with.

mod batches;
mod behind;
mod controls;
mod draws;
mod failures;
mod interleavings;
mod listen;
mod lives;
mod own_ttl;
mod refresh;
mod simulation;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mongodb::bson::raw::cstr;
use mongodb::bson::rawdoc;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use self::draws::Draws;
use super::background::spawn;
use super::stale_while_revalidate::OnWriteHere;
use super::{
    AnyStrategy, CachingSettings, OnWrite, StrategySpec, cache_ahead, cache_aside, cache_through, lease,
    read_through, stale_while_revalidate, xfetch,
};
use crate::store::local::{LocalCache, LocalCapacity};
use crate::store::streams::{StreamRecord, Streams};
use crate::store::write_log::{
    ExpectedEntry, LogConsumer, LogLength, LogRecord, RecordId, Removed, Taken, WriteLog,
};
use crate::store::{
    AccessCounts, Announced, Announcements, BulkItem, Cache, ChangeFeed, Claimed, Counters, Document, Entry,
    ErrorKind, Patch, Session, Sessions, SettleOutcome, StoreError, Token, Tracking, Version,
};
use crate::strategy::source::{Keyspace, Source, TimesToLive};
use crate::strategy::{Read, ReadOutcome, Strategy, WriteError};

/// A place in a call of the source at which a test may hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// A load has not read yet.
    BeforeRead,
    /// A load has read and has not answered yet.
    AfterRead,
    /// An update has changed nothing yet.
    BeforeCommit,
    /// An update is committed and has not answered yet.
    AfterCommit,
}

/// One call held at a point. It goes on when it is released or when this is dropped.
pub(crate) struct Hold {
    reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Hold {
    /// Waits until a call is held here.
    pub(crate) async fn reached(&mut self) {
        (&mut self.reached).await.expect("the call that was to be held is under way");
    }

    /// Lets the call go on.
    pub(crate) fn release(self) {
        // This fails if no call was held, which does not matter.
        let _ = self.release.send(());
    }
}

/// The effect that a failed update had on the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Committed,
    Nothing,
}

#[derive(Debug, Default)]
struct Scripts {
    documents: HashMap<String, Document>,
    holds: Vec<(Point, oneshot::Sender<()>, oneshot::Receiver<()>)>,
    related: Vec<String>,
    listeners: Vec<tokio::sync::mpsc::UnboundedSender<Announced>>,
    failing_loads: Vec<ErrorKind>,
    failing_updates: Vec<(ErrorKind, Effect)>,
}

/// Documents in memory, whose updates count their versions up.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedSource {
    kind: Arc<Keyspace>,
    scripts: Arc<Mutex<Scripts>>,
    loads: Arc<AtomicU64>,
    updates: Arc<AtomicU64>,
}

impl ScriptedSource {
    /// The documents `ids` at version 1, to be cached for `ttl`.
    pub(crate) fn of(ids: &[&str], ttl: Option<Duration>) -> Self {
        Self::with_ttls(ids, ttl.into())
    }

    /// The documents `ids` at version 1, each to be cached for its own time.
    pub(crate) fn with_ttls(ids: &[&str], ttl: TimesToLive) -> Self {
        let source = Self {
            kind: Arc::new(Keyspace { key_prefix: "thing:".into(), ttl, tags: 0 }),
            scripts: Arc::default(),
            loads: Arc::default(),
            updates: Arc::default(),
        };
        for id in ids {
            source.create(id);
        }
        source
    }

    /// Creates a document at version 1, as another client would.
    pub(crate) fn create(&self, id: &str) {
        let document = Document::from_raw(rawdoc! { "_id": id, "price": 0_i64, "_v": 1_i64 });
        self.scripts.lock().documents.insert(id.to_owned(), document);
    }

    /// Puts a document, as another client would.
    pub(crate) fn put(&self, document: Document) {
        let id = document.id().expect("it has an id").to_owned();
        self.scripts.lock().documents.insert(id, document);
    }

    /// Sends an announcement to all listeners.
    pub(crate) fn announce(&self, announced: &Announced) {
        self.scripts.lock().listeners.retain(|listener| listener.send(announced.clone()).is_ok());
    }

    /// Deletes a document, as another client would.
    pub(crate) fn remove(&self, id: &str) {
        self.scripts.lock().documents.remove(id);
    }

    /// Makes these ids related to every document.
    pub(crate) fn relate(&self, ids: &[&str]) {
        self.scripts.lock().related = ids.iter().map(ToString::to_string).collect();
    }

    /// Holds the next call that comes to a point; several holds of one point take one call each.
    pub(crate) fn hold(&self, point: Point) -> Hold {
        let (arrive, reached) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.scripts.lock().holds.push((point, arrive, released));
        Hold { reached, release }
    }

    /// Makes the next load fail.
    pub(crate) fn fail_load(&self, kind: ErrorKind) {
        self.scripts.lock().failing_loads.push(kind);
    }

    /// Makes the next update fail, with or without its effect.
    pub(crate) fn fail_update(&self, kind: ErrorKind, effect: Effect) {
        self.scripts.lock().failing_updates.push((kind, effect));
    }

    /// The number of loads that were begun.
    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// The number of updates that were begun.
    pub(crate) fn updates(&self) -> u64 {
        self.updates.load(Ordering::Relaxed)
    }

    async fn pass(&self, point: Point) {
        let held = {
            let mut scripts = self.scripts.lock();
            let at = scripts.holds.iter().position(|(held, ..)| *held == point);
            at.map(|at| scripts.holds.remove(at))
        };
        if let Some((_, arrive, released)) = held {
            let _ = arrive.send(());
            // A hold that was dropped releases the call too.
            let _ = released.await;
        }
    }

    fn commit(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        let mut scripts = self.scripts.lock();
        let Some(document) = scripts.documents.get_mut(id) else { return Ok(None) };
        *document = document.merged(patch, document.version() + 1)?;
        Ok(Some(document.clone()))
    }
}

impl Source for ScriptedSource {
    fn kind(&self) -> &Keyspace {
        &self.kind
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.pass(Point::BeforeRead).await;
        let (read, failing) = {
            let mut scripts = self.scripts.lock();
            (scripts.documents.get(id).cloned(), scripts.failing_loads.pop())
        };
        self.pass(Point::AfterRead).await;
        failing.map_or(Ok(read), |kind| Err(StoreError::new(kind, "a scripted load")))
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        self.updates.fetch_add(1, Ordering::Relaxed);
        self.pass(Point::BeforeCommit).await;
        let failing = self.scripts.lock().failing_updates.pop();
        if let Some((kind, Effect::Nothing)) = failing {
            return Err(StoreError::new(kind, "a scripted update that did nothing"));
        }
        let merged = self.commit(id, patch);
        self.pass(Point::AfterCommit).await;
        failing.map_or(merged, |(kind, _)| Err(StoreError::new(kind, "a scripted update that was done")))
    }

    async fn insert(&self, entity: &Document) -> Result<bool, StoreError> {
        self.pass(Point::BeforeCommit).await;
        let id = entity.id().expect("it has an id").to_owned();
        let is_new = {
            let mut scripts = self.scripts.lock();
            let is_new = !scripts.documents.contains_key(&id);
            scripts.documents.entry(id).or_insert_with(|| entity.clone());
            is_new
        };
        self.pass(Point::AfterCommit).await;
        Ok(is_new)
    }

    async fn delete(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.pass(Point::BeforeCommit).await;
        let deleted = self.scripts.lock().documents.remove(id);
        self.pass(Point::AfterCommit).await;
        Ok(deleted)
    }

    async fn changes(&self) -> Result<ChangeFeed, StoreError> {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let _ = sender.send(Announced::Connected);
        self.scripts.lock().listeners.push(sender);
        Ok(receiver)
    }

    async fn related(&self, _id: &str, most: u64) -> Result<Vec<String>, StoreError> {
        Ok(self.scripts.lock().related.iter().take(most as usize).cloned().collect())
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        Ok(items.iter().map(|item| self.commit(&item.id, &item.patch).map(|done| done.is_some())).collect())
    }
}

/// The calls of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    Get,
    Set,
    SetIfNewer,
    PlaceToken,
    Fill,
    Settle,
    Replace,
    Delete,
    Increment,
    Append,
    ReadStream,
    Count,
    Track,
    PutDirty,
    MarkClean,
    RemoveClean,
    RemoveDeleted,
    ReadLog,
    TakeOver,
    RemoveRecords,
    LogLength,
}

/// Interference with the calls of a cache.
pub(crate) trait Interference: Clone + Send + Sync + 'static {
    /// Called before a call has its effect. After an error the call has none.
    fn before(&self, _method: Method) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// Called after a call has had its effect.
    fn after(&self, _method: Method) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The entry that a reader gets in place of this one.
    fn show(&self, entry: Entry) -> Entry {
        entry
    }

    /// Called with an entry that is about to be set, whether or not that succeeds.
    fn note_set(&self, _key: &str, _entry: &Entry) {}

    /// Called with the time to live of an entry that is put in.
    fn note_ttl(&self, _ttl: Option<Duration>) {}
}

/// A cache whose calls are interfered with.
#[derive(Debug, Clone)]
pub(crate) struct Interfered<C, I> {
    pub(crate) cache: C,
    pub(crate) with: I,
}

impl<C: Cache, I: Interference> Interfered<C, I> {
    async fn call<T: Send>(
        &self,
        method: Method,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.with.before(method).await?;
        let answer = call.await;
        self.with.after(method).await;
        answer
    }
}

impl<C: Cache, I: Interference> Cache for Interfered<C, I> {
    fn counters(&self) -> &Counters {
        self.cache.counters()
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let entry = self.call(Method::Get, self.cache.get(key)).await?;
        Ok(entry.map(|entry| self.with.show(entry)))
    }

    /// Fails like any other read, but always shows the real entry, since it is the primary's.
    async fn get_newest(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.call(Method::Get, self.cache.get_newest(key)).await
    }

    async fn set(&self, key: &str, entry: &Entry, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.with.note_ttl(ttl);
        self.with.note_set(key, entry);
        self.call(Method::Set, self.cache.set(key, entry, ttl)).await
    }

    async fn set_if_newer(
        &self,
        key: &str,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.with.note_ttl(ttl);
        self.call(Method::SetIfNewer, self.cache.set_if_newer(key, entry, ttl)).await
    }

    async fn place_token(&self, key: &str, token: Token, ttl: Duration) -> Result<Claimed, StoreError> {
        self.call(Method::PlaceToken, self.cache.place_token(key, token, ttl)).await
    }

    async fn fill(
        &self,
        key: &str,
        token: Token,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.with.note_ttl(ttl);
        self.call(Method::Fill, self.cache.fill(key, token, entry, ttl)).await
    }

    async fn settle(
        &self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<SettleOutcome, StoreError> {
        self.with.note_ttl(ttl);
        self.call(Method::Settle, self.cache.settle(key, token, entry, ttl)).await
    }

    async fn replace(
        &self,
        key: &str,
        expected: crate::store::Version,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.with.note_ttl(ttl);
        self.call(Method::Replace, self.cache.replace(key, expected, entry, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.call(Method::Delete, self.cache.delete(key)).await
    }

    async fn increment(&self, key: &str, by: i64, ttl: Duration) -> Result<i64, StoreError> {
        self.call(Method::Increment, self.cache.increment(key, by, ttl)).await
    }

    async fn append(
        &self,
        stream: &str,
        fields: &[(&str, &[u8])],
        max_length: u64,
    ) -> Result<(), StoreError> {
        self.call(Method::Append, self.cache.append(stream, fields, max_length)).await
    }
}

impl<C: Streams, I: Interference> Streams for Interfered<C, I> {
    async fn read_stream(
        &self,
        stream: &str,
        group: &str,
        most: u64,
    ) -> Result<Vec<StreamRecord>, StoreError> {
        self.call(Method::ReadStream, self.cache.read_stream(stream, group, most)).await
    }
}

impl<C: AccessCounts, I: Interference> AccessCounts for Interfered<C, I> {
    async fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.call(Method::Count, self.cache.count_accesses(window, added, ttl)).await
    }

    async fn most_accessed(&self, window: &str, most: u64) -> Result<Vec<(String, u64)>, StoreError> {
        self.call(Method::Count, self.cache.most_accessed(window, most)).await
    }
}

impl<C: Tracking, I: Interference> Tracking for Interfered<C, I> {
    async fn track(&self, key_prefix: &str, check_every: Duration) -> Result<Announcements, StoreError> {
        self.call(Method::Track, self.cache.track(key_prefix, check_every)).await
    }
}

// Sessions are not interfered with, since no strategy uses them.
impl<C: Sessions, I: Interference> Sessions for Interfered<C, I> {
    async fn begin_session(
        &self,
        key: &str,
        token_id: &str,
        data: &[u8],
        expires_ms: u64,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.cache.begin_session(key, token_id, data, expires_ms, now_ms).await
    }

    async fn touch_session(
        &self,
        key: &str,
        token_id: &str,
        now_ms: u64,
    ) -> Result<Option<Session>, StoreError> {
        self.cache.touch_session(key, token_id, now_ms).await
    }

    async fn end_session(&self, key: &str, token_id: &str) -> Result<bool, StoreError> {
        self.cache.end_session(key, token_id).await
    }

    async fn end_all_sessions(&self, key: &str) -> Result<u64, StoreError> {
        self.cache.end_all_sessions(key).await
    }
}

impl<C: WriteLog, I: Interference> WriteLog for Interfered<C, I> {
    async fn put_dirty(
        &self,
        key: &str,
        over: ExpectedEntry,
        entry: &Entry,
        log: Option<(&str, &str)>,
    ) -> Result<Option<RecordId>, StoreError> {
        self.call(Method::PutDirty, self.cache.put_dirty(key, over, entry, log)).await
    }

    async fn mark_clean(&self, key: &str, version: Version, ttl: Duration) -> Result<bool, StoreError> {
        self.call(Method::MarkClean, self.cache.mark_clean(key, version, ttl)).await
    }

    async fn remove_clean(&self, key: &str) -> Result<bool, StoreError> {
        self.call(Method::RemoveClean, self.cache.remove_clean(key)).await
    }

    async fn remove_deleted(&self, key: &str, last: Version) -> Result<bool, StoreError> {
        self.call(Method::RemoveDeleted, self.cache.remove_deleted(key, last)).await
    }

    async fn read_log(&self, reader: LogConsumer<'_>, most: u64) -> Result<Vec<LogRecord>, StoreError> {
        self.call(Method::ReadLog, self.cache.read_log(reader, most)).await
    }

    async fn take_over(
        &self,
        reader: LogConsumer<'_>,
        idle: Duration,
        from: RecordId,
        most: u64,
    ) -> Result<Taken, StoreError> {
        self.call(Method::TakeOver, self.cache.take_over(reader, idle, from, most)).await
    }

    async fn remove_records(&self, log: &str, records: &[RecordId]) -> Result<Removed, StoreError> {
        self.call(Method::RemoveRecords, self.cache.remove_records(log, records)).await
    }

    async fn log_length(&self, log: &str) -> Result<LogLength, StoreError> {
        self.call(Method::LogLength, self.cache.log_length(log)).await
    }
}

#[derive(Debug, Default)]
struct Flaws {
    all: Option<ErrorKind>,
    next: HashMap<Method, (ErrorKind, u64)>,
    calls: HashMap<Method, u64>,
    ttls: Vec<Option<Duration>>,
}

/// Fails calls as it is set to, counts them, and remembers times to live.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flaky(Arc<Mutex<Flaws>>);

impl Flaky {
    /// Makes the next `times` calls of a method fail.
    pub(crate) fn fail(&self, method: Method, kind: ErrorKind, times: u64) {
        self.0.lock().next.insert(method, (kind, times));
    }

    /// Makes every call fail until it is healed.
    pub(crate) fn fail_all(&self, kind: ErrorKind) {
        self.0.lock().all = Some(kind);
    }

    /// Ends all failures.
    pub(crate) fn heal(&self) {
        let mut flaws = self.0.lock();
        flaws.all = None;
        flaws.next.clear();
    }

    /// The number of calls of a method, failed or not.
    pub(crate) fn calls(&self, method: Method) -> u64 {
        self.0.lock().calls.get(&method).copied().unwrap_or(0)
    }

    /// The number of calls of all methods.
    pub(crate) fn all_calls(&self) -> u64 {
        self.0.lock().calls.values().sum()
    }

    /// The times to live of the entries that were offered to the cache.
    pub(crate) fn ttls(&self) -> Vec<Option<Duration>> {
        self.0.lock().ttls.clone()
    }
}

impl Interference for Flaky {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        let mut flaws = self.0.lock();
        *flaws.calls.entry(method).or_default() += 1;
        let mut failing = flaws.all;
        if let Some((kind, times)) = flaws.next.get_mut(&method)
            && *times > 0
        {
            *times -= 1;
            failing = Some(*kind);
        }
        failing.map_or(Ok(()), |kind| Err(StoreError::new(kind, format!("a scripted {method:?}"))))
    }

    fn note_ttl(&self, ttl: Option<Duration>) {
        self.0.lock().ttls.push(ttl);
    }
}

/// A cache that fails as it is set to.
pub(crate) type FlakyCache<C> = Interfered<C, Flaky>;

impl<C: Cache> FlakyCache<C> {
    pub(crate) fn over(cache: C) -> Self {
        Self { cache, with: Flaky::default() }
    }
}

/// A cache in this process with room for `entries` entries.
pub(crate) fn local_cache(entries: u64) -> LocalCache {
    LocalCache::new(LocalCapacity::Entries(entries), Counters::new())
}

/// A write of a price.
pub(crate) fn price(value: i64) -> Patch {
    Patch::new().set(cstr!("price"), value)
}

/// The strategies that fill loaded documents and promise no stale read. Those that refresh are set to do so
/// early.
pub(crate) fn sound_forms(caching: &CachingSettings) -> Vec<StrategySpec> {
    let mut forms = Vec::new();
    for on_write in [OnWrite::Invalidate, OnWrite::Update] {
        let caching = caching.clone();
        let own = cache_aside::Own { on_write };
        forms.push(StrategySpec::CacheAside(cache_aside::Spec { own, caching: caching.clone() }));
        let own = cache_through::Own { on_write, ..cache_through::Own::default() };
        forms.push(StrategySpec::CacheThrough(cache_through::Spec { own, caching }));
    }
    let own = read_through::Own::default();
    forms.push(StrategySpec::ReadThrough(read_through::Spec { own, caching: caching.clone() }));
    let own = lease::Own::default();
    forms.push(StrategySpec::Lease(lease::Spec { own, caching: caching.clone() }));
    let own = xfetch::Own { beta: crate::scenario::PositiveNumber(20.0), on_write: OnWrite::Invalidate };
    forms.push(StrategySpec::Xfetch(xfetch::Spec { own, caching: caching.clone() }));
    let fresh_for = crate::scenario::Positive::millis(100);
    for on_write in [OnWriteHere::Invalidate, OnWriteHere::Update] {
        let own = stale_while_revalidate::Own { fresh_for, on_write };
        let spec = stale_while_revalidate::Spec { own, caching: caching.clone() };
        forms.push(StrategySpec::StaleWhileRevalidate(spec));
    }
    let refresh_at = crate::base::units::Share::of(1, 2);
    let interval = crate::scenario::Positive::millis(300);
    let own = cache_ahead::Own { interval, refresh_at, ..cache_ahead::Own::default() };
    forms.push(StrategySpec::CacheAhead(cache_ahead::Spec { own, caching: caching.clone() }));
    forms
}

type TestedCache = FlakyCache<LocalCache>;
type Tested = Arc<AnyStrategy<TestedCache, ScriptedSource>>;

/// A read of "a" that is under way.
fn read_of(instance: &Tested) -> tokio::task::JoinHandle<Result<Read, StoreError>> {
    let instance = Arc::clone(instance);
    spawn(async move { instance.read("a").await })
}

/// A write to "a" that is under way.
fn write_of(instance: &Tested, value: i64) -> tokio::task::JoinHandle<Result<Option<Version>, WriteError>> {
    let instance = Arc::clone(instance);
    spawn(async move { instance.write("a", &price(value)).await })
}

async fn version_read(instance: &Tested) -> Option<Version> {
    instance.read("a").await.expect("the stores answer").found.map(|(version, _)| version)
}

async fn read(instance: &Tested) -> (ReadOutcome, u64) {
    let read = instance.read("a").await.expect("the stores answer");
    (read.outcome, read.found.map_or(0, |(version, _)| version))
}

/// Lets tasks that need no time get on.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Two instances of one application, over one cache and one source.
struct Pair {
    /// The strategy under test, to be named if a test fails.
    form: String,
    local: LocalCache,
    /// The interference with the cache of instance 0 and of instance 1.
    ways: [Flaky; 2],
    source: ScriptedSource,
    instances: [Tested; 2],
}

impl Pair {
    /// A pair whose document "a" exists at version 1, with nothing cached.
    fn of(spec: &StrategySpec) -> Self {
        let local = local_cache(100);
        let source = ScriptedSource::of(&["a"], Some(Duration::from_hours(1)));
        let caches = [FlakyCache::over(local.clone()), FlakyCache::over(local.clone())];
        let ways = [caches[0].with.clone(), caches[1].with.clone()];
        let instances = caches.map(|cache| Arc::new(spec.build(cache, source.clone())));
        Self { form: format!("{} {:?}", spec.name(), spec.show()), local, ways, source, instances }
    }

    /// The entry that the cache holds for "a".
    async fn cached(&self) -> Option<Entry> {
        self.local.get("thing:a").await.expect("a local cache does not fail")
    }

    async fn evict(&self) {
        self.local.delete("thing:a").await.expect("a local cache does not fail");
    }
}
