//! Writing to the cache first and to the database later: what `cache-behind` and `write-behind` share.
//!
//! *The cache orders the writes.* A write merges its patch into the whole entity as the cache has it, counts
//! the version up and puts the result in the place of exactly what it has seen. So writers in all instances
//! build on one another, and a version is one state of the entity.
//!
//! *What is flushed is the whole entity at its version*, applied only where the database has an older one.
//! Flushing in any order, by whichever instance, once or often, ends in the newest state.
//!
//! *A read never misses what is not flushed yet*: a dirty entry has no time to live and is not evicted. It
//! is given its time to live after the database has acknowledged exactly its version. A miss therefore says that
//! the database has everything; and a fill goes in only in the place of the token that stood before the
//! database was asked, which every write replaces.
//!
//! *A cache that has lost its memory* holds less than this instance still has to flush. Its own state then
//! counts where it is newer than what the cache or, on a miss, the database has. It is not asked first: after
//! its flush, but before the answer to that is here, another instance may have written something newer.
//!
//! Every write must come through the cache: a version that somebody else gave in the database is not known
//! here.

mod drain;
mod flush;
mod item;
mod lives;
mod log;
mod queue;
mod room;
mod turns;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use compact_str::CompactString;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use self::flush::{Goal, LOOK_EVERY, Pause};
use self::log::{LogPlace, Logs};
pub use self::queue::Joining;
use self::queue::{Flushed, PendingWrite, Queue};
pub use self::room::WhenFull;
use self::room::{Permit, Room, Way};
use self::turns::Turns;
use super::flight::SingleFlight;
use super::{Circumstances, Guarantee, Loss, Needs, Read, ReadOutcome, Staleness, WriteError};
use crate::base::units::Share;
use crate::results::FailedStep;
use crate::scenario::{Positive, Reader, SettingDoc, Settings};
use crate::store::write_log::ExpectedEntry;
use crate::store::{Claimed, Document, Entry, ErrorKind, Patch, StoreError, Token, Version, WriteLog};
use crate::strategy::source::{Keyspace, Source};

/// The time to live of a clean entry of a kind that has none: what has none at all is dirty.
const FOR_EVER: Duration = Duration::from_hours(100 * 365 * 24);
/// Between two tries to put a write into the cache, from the third on, and while the cache is full.
const PAUSE: Duration = Duration::from_millis(2);
/// So often it doubles, up to a quarter of a second, while the cache is full.
const MOST_DOUBLINGS: u32 = 5;

crate::settings! {
    /// The settings of every strategy that writes to the cache first.
    pub struct QueueSettings {
        /// how many writes may wait to be flushed
        queue_capacity: std::num::NonZeroU64 = std::num::NonZeroU64::new(10_000).unwrap_or(std::num::NonZeroU64::MIN),
        /// what a write does when so many wait: `block` waits for room, `write-through` flushes this write by itself before it is acknowledged
        when_full: WhenFull = WhenFull::Block,
        /// the longest that a write waits for room, or for earlier writes of its key; then it fails
        block_for: Positive = Positive::seconds(5),
        /// how often an entity that the database refuses is tried before it is set aside; an outage is no refusal
        max_tries: std::num::NonZeroU64 = std::num::NonZeroU64::new(5).unwrap_or(std::num::NonZeroU64::MIN),
        /// how long the cache remembers that the database has no such document; "0s" remembers nothing
        negative_ttl: Duration = Duration::from_secs(30),
        /// each time to live is shortened by a random share of up to this much, so that entries filled together do not expire together
        ttl_jitter: Share = Share::NONE,
        /// how long a fill token stands; longer than any load takes, since a load that outlives its token fills nothing
        token_ttl: Positive = Positive::seconds(10),
    }
}

impl QueueSettings {
    /// Returns the time that a full queue takes to be flushed, if a batch takes so long.
    #[must_use]
    pub fn flush(&self, batch: u64, each: Duration) -> Duration {
        let batches = self.queue_capacity.get().div_ceil(batch.max(1));
        each.saturating_mul(u32::try_from(batches).unwrap_or(u32::MAX))
    }
}

/// Settings of a strategy together with those that all have who write to the cache first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WithQueue<T> {
    /// The strategy's own.
    pub own: T,
    /// Those of the queue.
    pub queue: QueueSettings,
}

impl<T: Settings> Settings for WithQueue<T> {
    fn docs() -> Vec<SettingDoc> {
        let mut docs = T::docs();
        docs.extend(QueueSettings::docs());
        docs
    }

    fn read(reader: &Reader<'_>) -> Self {
        Self { own: T::read(reader), queue: QueueSettings::read(reader) }
    }

    fn show(&self) -> Vec<(&'static str, String)> {
        let mut shown = self.own.show();
        shown.extend(self.queue.show());
        shown
    }
}

/// Returns the common guarantee of those that write to the cache first: as long as the cache keeps what it has
/// acknowledged, no stale read, and nothing lost in it.
#[must_use]
pub fn guarantee(circumstances: &Circumstances) -> Guarantee {
    if circumstances.cache_loses_entries {
        let (staleness, loss) = (Staleness::UntilEvicted, Loss::CachePersistence);
        return Guarantee { staleness, loss, converges: false };
    }
    Guarantee::SOUND
}

/// A cache that evicts nothing dirty.
pub const NEEDS: Needs = Needs { no_eviction_of_dirty: true, ..Needs::CACHE };

/// Where what is to be flushed is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// In the instance's memory.
    Memory(Joining),
    /// In the cache's log; records held for so long by an instance that does not remove them are taken over.
    Log(Duration),
}

/// One kind of entity in one instance that writes to the cache first.
#[derive(Debug)]
pub struct Behind<C, S> {
    cache: C,
    source: S,
    settings: QueueSettings,
    flights: SingleFlight,
    turns: Turns,
    room: Room,
    queue: Queue,
    logs: Option<Logs>,
    take_over_after: Duration,
    next_take_over: Mutex<Instant>,
    /// When every log was looked at last.
    looked_at_all: Mutex<Option<Instant>>,
    /// Writes of which it is not known whether the cache has them.
    doubts: Mutex<Vec<Doubt>>,
    /// Documents that the database has, while the cache does not know yet.
    unsettled: Mutex<HashMap<(CompactString, Version), Vec<LogPlace>>>,
    /// One flush at a time.
    flushing: tokio::sync::Mutex<()>,
    wake: Notify,
    pressed: AtomicBool,
}

/// A write that the cache may have taken.
#[derive(Debug)]
struct Doubt {
    id: CompactString,
    version: Version,
    document: Document,
    place: Option<Permit>,
}

/// The document that a writer builds on.
struct Base {
    held: ExpectedEntry,
    version: Version,
    document: Document,
}

impl<C: WriteLog, S: Source> Behind<C, S> {
    /// An instance that has nothing to flush yet.
    pub fn new(cache: C, source: S, settings: QueueSettings, keeping: Keeping) -> Self {
        let (joining, logs, take_over_after) = match keeping {
            Keeping::Memory(joining) => (joining, None, Duration::ZERO),
            Keeping::Log(after) => (Joining::Merge, Some(Logs::of(source.kind())), after),
        };
        Self {
            room: Room::new(settings.queue_capacity.get(), settings.when_full),
            queue: Queue::new(joining, settings.max_tries.get()),
            cache,
            source,
            settings,
            flights: SingleFlight::default(),
            turns: Turns::default(),
            logs,
            take_over_after,
            next_take_over: Mutex::new(Instant::now() + take_over_after),
            looked_at_all: Mutex::new(None),
            doubts: Mutex::default(),
            unsettled: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            pressed: AtomicBool::new(false),
        }
    }

    fn kind(&self) -> &Keyspace {
        self.source.kind()
    }

    /// See [`super::Strategy::read`].
    pub async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let key = self.kind().key(id);
        match self.look_up(&key).await? {
            Entry::Document { version, document, .. } => {
                Ok(Read { outcome: ReadOutcome::Hit, found: Some(self.newer_of(id, version, document)) })
            }
            Entry::Absent => Ok(Read { outcome: ReadOutcome::NegativeHit, found: None }),
            Entry::Token(token) => {
                let load = || async {
                    let loaded = self.load(id, &key).await?;
                    self.fill(id, &key, token, loaded.as_ref()).await;
                    Ok(loaded)
                };
                let loaded = self.flights.join(token, load).await?;
                let found = loaded.map(|document| self.newer_of(id, document.version(), document));
                Ok(Read { outcome: ReadOutcome::Miss, found })
            }
        }
    }

    /// Returns what is under the key, as whoever answers reads knows it; where nothing was, the caller's own token by
    /// now.
    async fn look_up(&self, key: &str) -> Result<Entry, StoreError> {
        match self.cache.get(key).await? {
            Some(entry) => Ok(entry),
            None => Box::pin(self.place_token(key)).await,
        }
    }

    /// Like [`Self::look_up`], as the primary knows it: a replica may still have what was overwritten long ago, and
    /// nothing can be built on that.
    async fn look_up_newest(&self, key: &str) -> Result<Entry, StoreError> {
        match self.cache.get_newest(key).await? {
            Some(entry) => Ok(entry),
            None => self.place_token(key).await,
        }
    }

    /// The caller's own token, or what is there by now.
    async fn place_token(&self, key: &str) -> Result<Entry, StoreError> {
        let token = Token::random();
        match self.cache.place_token(key, token, self.settings.token_ttl.0).await? {
            Claimed::Placed => Ok(Entry::Token(token)),
            Claimed::Found(entry) => Ok(entry),
        }
    }

    /// Asks the database; where that fails, leaves no token behind. What a write has put there meanwhile stays.
    async fn load(&self, id: &str, key: &str) -> Result<Option<Document>, StoreError> {
        let loaded = self.source.load(id).await;
        if loaded.is_err() {
            let removed = self.cache.remove_clean(key).await;
            self.note(FailedStep::Invalidation, removed);
        }
        loaded
    }

    /// Offers what was loaded to the cache, which takes it only while the token stands. Where this instance
    /// has still to flush something newer, the cache has lost that, and gets it back. A cache that fails here
    /// costs a later miss and nothing else.
    async fn fill(&self, id: &str, key: &str, token: Token, loaded: Option<&Document>) {
        let Some(loaded) = loaded else {
            let told = if self.settings.negative_ttl.is_zero() {
                self.cache.remove_clean(key).await
            } else {
                self.cache.fill(key, token, &Entry::Absent, Some(self.settings.negative_ttl)).await
            };
            self.note(FailedStep::Fill, told);
            return;
        };
        let newer = self.queue.newest(id).filter(|(version, _)| *version > loaded.version());
        if let Some((_, own)) = newer {
            let put = self.cache.put_dirty(key, ExpectedEntry::Token(token), &Entry::of(own), None).await;
            self.note(FailedStep::Fill, put);
        } else {
            let loaded = Entry::of(loaded.clone());
            let filled = self.cache.fill(key, token, &loaded, Some(self.ttl(key))).await;
            self.note(FailedStep::Fill, filled);
        }
    }

    /// Counts a failure that no operation is told of.
    fn note<T>(&self, step: FailedStep, outcome: Result<T, StoreError>) {
        if let Err(error) = outcome {
            self.cache.counters().setback(step, &error);
        }
    }

    /// A flush has failed and waits for better times.
    pub fn note_failed_flush(&self, error: &StoreError) {
        self.cache.counters().setback(FailedStep::Background, error);
    }

    /// Returns what the cache or the database has, or what this instance has still to flush where that is newer.
    fn newer_of(&self, id: &str, version: Version, document: Document) -> (Version, Document) {
        self.queue.newest(id).filter(|(own, _)| *own > version).unwrap_or((version, document))
    }

    /// See [`super::Strategy::write`].
    pub async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        let key = self.kind().key(id);
        let deadline = Instant::now() + self.settings.block_for.0;
        let turn = tokio::time::timeout_at(deadline, self.turns.take(&key)).await;
        let _turn = turn.map_err(|_| self.too_long("for earlier writes of its key"))?;
        let place = self.room.enter(deadline, || self.press()).await;
        let mut place = Some(place.ok_or_else(|| self.too_long("for room in the queue"))?);
        let mut tries = 0;
        loop {
            let Some(base) = self.base(id, &key).await? else { return Ok(None) };
            let (version, on_a_token) = (base.version + 1, matches!(base.held, ExpectedEntry::Token(_)));
            let document = base.document.merged(patch, version)?;
            let doubt = Doubt { id: id.into(), version, document, place: place.take() };
            match self.put(&key, base.held, doubt).await {
                Ok(Put::Done(version)) => return Ok(Some(version)),
                Ok(Put::Overtaken(back)) => place = back,
                Ok(Put::Full(back, error)) => {
                    place = back;
                    self.press();
                    if Instant::now() >= deadline {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error),
            }
            if Instant::now() >= deadline {
                return Err(self.too_long("for writes of other instances").into());
            }
            tries += 1;
            if tries > 2 {
                let mut pause = PAUSE * (1 + rand::random::<u32>() % 4);
                if on_a_token {
                    // Perhaps nobody was faster, and the cache is too full of dirty entries even for a token. Only flushes
                    // help then, and each try asks the database that is to take them.
                    self.press();
                    pause *= 1 << (tries - 3).min(MOST_DOUBLINGS);
                }
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Returns what the cache has, or else the database, or else this instance's queue, whichever is newest; `None`
    /// where there is no such entity.
    async fn base(&self, id: &str, key: &str) -> Result<Option<Base>, StoreError> {
        let (held, version, document) = match self.look_up_newest(key).await? {
            Entry::Document { version, document, .. } => {
                (ExpectedEntry::Document(version), version, document)
            }
            Entry::Absent => return Ok(None),
            Entry::Token(token) => {
                let loaded = self.flights.join(token, || self.load(id, key)).await?;
                let Some(document) = loaded else {
                    self.fill(id, key, token, None).await;
                    return Ok(None);
                };
                (ExpectedEntry::Token(token), document.version(), document)
            }
        };
        let (version, document) = self.newer_of(id, version, document);
        Ok(Some(Base { held, version, document }))
    }

    async fn put(&self, key: &str, over: ExpectedEntry, write: Doubt) -> Result<Put, WriteError> {
        let entry = Entry::Document {
            version: write.version,
            document: write.document.clone(),
            stamp: crate::store::Stamp::default(),
        };
        let log = self.logs.as_ref().map(|logs| logs.of_entity(self.kind(), &write.id));
        let mut under_way = UnderWay { behind: self, write: Some(write), certain: false };
        let put = self.cache.put_dirty(key, over, &entry, log.map(|(_, log)| (log, under_way.id()))).await;
        let record = match put {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Put::Overtaken(under_way.give_up())),
            Err(error) if error.kind == ErrorKind::OutOfMemory => {
                return Ok(Put::Full(under_way.give_up(), error));
            }
            Err(error) => {
                if !error.kind.is_indeterminate() {
                    drop(under_way.give_up());
                }
                return Err(error.into());
            }
        };
        under_way.certain = true;
        if let (Some(logs), Some((number, _))) = (&self.logs, log) {
            logs.has_records(number);
        }
        self.acknowledge(log.map(|(log, _)| LogPlace { log, record }), under_way).await
    }

    /// The cache has the write: the acknowledgement waits for the database only where the queue is full.
    async fn acknowledge(
        &self,
        record: Option<LogPlace>,
        mut under_way: UnderWay<'_, C, S>,
    ) -> Result<Put, WriteError> {
        let Some(mut write) = under_way.write.take() else { return Ok(Put::Overtaken(None)) };
        let (version, way) = (write.version, write.place.as_ref().map_or(Way::Queued, Permit::way));
        if record.is_some()
            && let Some(place) = write.place.take()
        {
            place.becomes_a_record();
        }
        if way == Way::Queued {
            if record.is_none() {
                under_way.write = Some(write);
            }
            // Dropped, it waits in the queue.
            drop(under_way);
            self.wake.notify_one();
            return Ok(Put::Done(version));
        }
        let item = self::item::item(&write.id, version, &write.document)?;
        let flushed = Flushed { id: write.id.clone(), version, records: record.into_iter().collect() };
        // Until it is flushed it is in the log, or is to wait in the queue.
        under_way.write = record.is_none().then_some(write);
        match self.apply(&[item]).await.pop() {
            Some(Ok(())) => {
                drop(under_way.give_up());
                self.settle(vec![flushed]).await;
                Ok(Put::Done(version))
            }
            Some(Err(error)) => {
                let kind = if error.kind.is_indeterminate() { error.kind } else { ErrorKind::Timeout };
                let detail =
                    format!("the cache has the write, but the database did not take it: {}", error.detail);
                Err(StoreError::new(kind, detail).into())
            }
            None => Ok(Put::Done(version)),
        }
    }

    fn too_long(&self, waiting: &str) -> StoreError {
        let waited = self.settings.block_for.0;
        StoreError::new(ErrorKind::Unavailable, format!("the write waited {waited:?} {waiting}"))
    }

    /// Makes the next read ask the database, unless the cache has something that the database does not have
    /// yet: that is newer than whatever is there.
    pub async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        self.cache.remove_clean(&self.kind().key(id)).await.map(drop)
    }

    /// The time to live of a clean entry.
    fn ttl(&self, key: &str) -> Duration {
        let ttl = self.kind().ttl_of_key(key).unwrap_or(FOR_EVER);
        let jitter = self.settings.ttl_jitter.get();
        ttl.mul_f64(1.0 - jitter * rand::random::<f64>()).max(Duration::from_millis(1))
    }
}

/// The outcomes of a write in the cache.
enum Put {
    /// It is acknowledged, at this version.
    Done(Version),
    /// Something else was there by then; the place in the room is given back.
    Overtaken(Option<Permit>),
    /// The cache is full of what it may not evict.
    Full(Option<Permit>, StoreError),
}

/// A write that the cache was asked to take. Dropped before anything is known of it, for want of an answer or
/// because its client has gone, it is a doubt; dropped when it is certain, it waits in the queue. A record of
/// the log needs neither.
struct UnderWay<'a, C, S> {
    behind: &'a Behind<C, S>,
    write: Option<Doubt>,
    certain: bool,
}

impl<C, S> UnderWay<'_, C, S> {
    fn id(&self) -> &str {
        self.write.as_ref().map_or("", |write| &write.id)
    }

    /// The cache has not taken it, or it is done: nothing has to be remembered.
    fn give_up(mut self) -> Option<Permit> {
        self.write.take()?.place
    }
}

impl<C, S> Drop for UnderWay<'_, C, S> {
    fn drop(&mut self) {
        let Some(write) = self.write.take() else { return };
        if self.certain {
            let id = write.id.clone();
            self.behind.queue.push(&id, write.into());
        } else if self.behind.logs.is_none() {
            self.behind.doubts.lock().push(write);
        }
    }
}

impl From<Doubt> for PendingWrite {
    fn from(write: Doubt) -> Self {
        Self { version: write.version, document: write.document, records: Vec::new(), place: write.place }
    }
}
