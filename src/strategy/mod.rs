//! Strategies by which an application uses a cache in front of a database, one per file.
//!
//! A strategy is generic over its cache and its source, so that its file reads like the textbook
//! and can be tested over fakes. `strategies!` below is the one table in which they meet.
//!
//! This room stands on floor 3 and may use `base`, `results`, `scenario` and `store`.

pub mod background;
mod behind;
pub mod breaker;
pub mod cache_ahead;
pub mod cache_aside;
pub mod cache_behind;
pub mod cache_through;
pub mod change_stream;
pub mod entity_cache;
pub mod flight;
pub mod guarantee;
pub mod lease;
pub mod lifetime;
pub mod loader;
pub mod near_cache;
pub mod no_cache;
pub mod on_write;
pub mod pending;
pub mod read_through;
pub mod refresh;
pub mod source;
pub mod stale_while_revalidate;
#[cfg(test)]
pub(crate) mod testing;
pub mod write_around;
pub mod write_behind;
pub mod write_error;
pub mod write_through;
pub mod xfetch;

use std::future::Future;
use std::time::Duration;

pub use entity_cache::{CachingSettings, Claim, EntityCache, Fill, LookUp, OnCacheError};
pub use guarantee::{
    Batches, Circumstances, Flushes, Guarantee, Loss, Needs, Promise, RefreshAge, Refreshes, Staleness,
    WriteEffect, WriteModel,
};
pub use on_write::OnWrite;
pub use write_error::WriteError;

use crate::scenario::{Mistakes, Reader, SettingDoc, Settings, SourceLocation, Table};
use crate::store::{
    AccessCounts, Cache, Document, Patch, Sessions, StoreError, Streams, Tracking, Version, WriteLog,
};
use crate::strategy::source::Source;

/// The way in which a read was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadOutcome {
    /// A document in the cache answered it.
    Hit,
    /// The cache knew that there is no such document.
    NegativeHit,
    /// The database answered, as the key was not cached.
    Miss,
    /// The database answered, as the cache failed and was bypassed.
    Bypassed,
}

/// The answer to a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The way in which it was answered.
    pub outcome: ReadOutcome,
    /// The version and the document; `None` if there is none.
    pub found: Option<(Version, Document)>,
}

impl Read {
    /// A read that the database answered.
    #[must_use]
    pub fn loaded(outcome: ReadOutcome, document: Option<Document>) -> Self {
        Self { outcome, found: document.map(|document| (document.version(), document)) }
    }

    /// A read that the cache answered; `None` if it had no answer.
    #[must_use]
    pub fn cached(looked_up: &LookUp) -> Option<Self> {
        match looked_up {
            LookUp::Hit(version, document, _) => {
                Some(Self { outcome: ReadOutcome::Hit, found: Some((*version, document.clone())) })
            }
            LookUp::KnownAbsent => Some(Self { outcome: ReadOutcome::NegativeHit, found: None }),
            LookUp::Loading(_) | LookUp::Miss | LookUp::Bypassed => None,
        }
    }
}

/// Writes that were acknowledged and have not reached the database yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Backlog {
    /// The number of entities that wait.
    pub entities: u64,
    /// The time that the oldest has waited.
    pub oldest: Duration,
    /// The number of entities that were set aside because the database kept refusing them.
    pub set_aside: u64,
}

impl Backlog {
    /// The backlog of several instances together. With `is_shared` they all see the same one.
    #[must_use]
    pub fn of_all(each: &[Self], is_shared: bool) -> Self {
        each.iter().fold(Self::default(), |sum, one| Self {
            entities: if is_shared { sum.entities.max(one.entities) } else { sum.entities + one.entities },
            oldest: sum.oldest.max(one.oldest),
            set_aside: sum.set_aside + one.set_aside,
        })
    }
}

/// A cache over which every strategy can be built. It has the traits of those strategies that need more than
/// [`Cache`].
pub trait StrategyCache: Cache + AccessCounts + Streams + Tracking + WriteLog + Sessions {}

impl<C: Cache + AccessCounts + Streams + Tracking + WriteLog + Sessions> StrategyCache for C {}

/// A caching strategy for one kind of entity, as one instance of an application holds it.
///
/// Every call ends within the timeouts of the stores. After a write has returned `Ok`, a read that
/// begins later, in whichever instance, is answered as the strategy's documentation promises.
pub trait Strategy: Send + Sync + 'static {
    /// Reads the entity with this id.
    fn read(&self, id: &str) -> impl Future<Output = Result<Read, StoreError>> + Send;

    /// Changes an entity and returns the version that it got; `None` if there is none to change.
    ///
    /// # Errors
    /// Returns an error if the write cannot be taken for done. It may still have happened if the error [is
    /// indeterminate](crate::store::ErrorKind::is_indeterminate), and it has happened if
    /// [`WriteError::committed`] says so.
    fn write(
        &self,
        id: &str,
        patch: &Patch,
    ) -> impl Future<Output = Result<Option<Version>, WriteError>> + Send;

    /// Puts a new entity into the database at once, whatever becomes of other writes, and returns its version; `None` if
    /// there is one with its id, which stays. After that no read is told that there is none.
    ///
    /// # Errors
    /// Returns errors as [`Strategy::write`] does.
    fn insert(&self, entity: &Document) -> impl Future<Output = Result<Option<Version>, WriteError>> + Send;

    /// Takes an entity out of the database at once, whatever becomes of other writes, and returns the last version that it
    /// had there; `None` if there is none. What was written of it before and has not been flushed goes with it.
    ///
    /// # Errors
    /// Returns errors as [`Strategy::write`] does.
    fn delete(&self, id: &str) -> impl Future<Output = Result<Option<Version>, WriteError>> + Send;

    /// Makes the next read of an entity ask the source, after another client has changed it.
    fn invalidate(&self, id: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Waits until everything that was acknowledged has reached the stores, for at most `bound`.
    fn drain(&self, bound: Duration) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes over the writes that a crashed instance, this or another, has left behind; returns their number.
    /// It is called once when an instance starts again.
    fn recover(&self) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async { Ok(0) }
    }

    /// The writes that were acknowledged and have not reached the database yet, as far as this instance
    /// knows.
    fn backlog(&self) -> Backlog {
        Backlog::default()
    }
}

/// A strategy as `hotset list strategies` shows it.
pub struct StrategyRow {
    /// The name in a scenario.
    pub name: &'static str,
    /// A summary of the strategy in one line.
    pub summary: &'static str,
    /// The documentation of its settings, including those of the cache if it uses one.
    pub docs: fn() -> Vec<SettingDoc>,
    /// Reads the settings from a scenario.
    pub read: fn(&Reader<'_>) -> StrategySpec,
}

impl StrategyRow {
    /// What becomes of a read of several documents with default settings.
    #[must_use]
    pub fn batches(&self) -> &'static str {
        self.with_defaults().promise().batches()
    }

    fn with_defaults(&self) -> StrategySpec {
        let nothing = Table::empty(SourceLocation::Option(String::new()));
        let mistakes = Mistakes::default();
        (self.read)(&Reader::new(&nothing, "", &mistakes))
    }

    /// The guarantee with default settings, a time to live of an hour, a database that answers within five
    /// seconds, and no faults.
    #[must_use]
    pub fn guarantee(&self) -> Guarantee {
        self.with_defaults().promise().guarantee(&Circumstances {
            undisturbed: true,
            application_crashes: false,
            cache_loses_entries: false,
            ttl: Some(Duration::from_hours(1)),
            longest_load: Duration::from_secs(5),
            cache_out_of_reach: false,
        })
    }
}

/// Generates the registry and the enums of all strategies from one row for each.
macro_rules! strategies {
    ($( $name:literal => $variant:ident, $module:ident, $summary:literal; )+) => {
        /// Every strategy there is.
        pub const REGISTRY: &[StrategyRow] = &[ $( StrategyRow {
            name: $name,
            summary: $summary,
            docs: <$module::Spec as Settings>::docs,
            read: |reader| StrategySpec::$variant(<$module::Spec as Settings>::read(reader)),
        }, )+ ];

        /// A strategy with its settings.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum StrategySpec { $( $variant($module::Spec), )+ }

        impl StrategySpec {
            /// The name in a scenario.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )+ }
            }

            /// Its settings as one would write them.
            #[must_use]
            pub fn show(&self) -> Vec<(&'static str, String)> {
                match self { $( Self::$variant(spec) => spec.show(), )+ }
            }

            /// The promises of the strategy.
            #[must_use]
            pub fn promise(&self) -> &dyn Promise {
                match self { $( Self::$variant(spec) => spec, )+ }
            }

            /// The strategy, for one kind of entity in one instance.
            pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> AnyStrategy<C, S> {
                match self { $( Self::$variant(spec) => AnyStrategy::$variant(spec.build(cache, source)), )+ }
            }
        }

        /// Any strategy; delegates without a box or a vtable.
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum AnyStrategy<C, S> { $( $variant($module::$variant<C, S>), )+ }

        impl<C: StrategyCache, S: Source> Strategy for AnyStrategy<C, S> {
            async fn read(&self, id: &str) -> Result<Read, StoreError> {
                match self { $( Self::$variant(strategy) => strategy.read(id).await, )+ }
            }
            async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
                match self { $( Self::$variant(strategy) => strategy.write(id, patch).await, )+ }
            }
            // Boxed, since they are rare and wait for the database.
            async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
                match self { $( Self::$variant(strategy) => Box::pin(strategy.insert(entity)).await, )+ }
            }
            async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
                match self { $( Self::$variant(strategy) => Box::pin(strategy.delete(id)).await, )+ }
            }
            async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
                match self { $( Self::$variant(strategy) => strategy.invalidate(id).await, )+ }
            }
            async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
                match self { $( Self::$variant(strategy) => strategy.drain(bound).await, )+ }
            }
            async fn recover(&self) -> Result<u64, StoreError> {
                match self { $( Self::$variant(strategy) => strategy.recover().await, )+ }
            }
            fn backlog(&self) -> Backlog {
                match self { $( Self::$variant(strategy) => strategy.backlog(), )+ }
            }
        }
    };
}

strategies! {
    "no-cache" => NoCache, no_cache, "every operation goes to the database: the control that any cache has to beat";
    "cache-aside" => CacheAside, cache_aside, "the application reads the cache, loads and fills on a miss, and invalidates or updates on a write";
    "cache-through" => CacheThrough, cache_through, "the cache layer owns the loader, one load a key at a time, and puts every write through to both stores";
    "cache-ahead" => CacheAhead, cache_ahead, "as cache-through, and what is asked for often is preloaded before it is asked for again";
    "cache-behind" => CacheBehind, cache_behind, "a write is acknowledged when the cache has it, and reaches the database later, whole and in batches";
    "read-through" => ReadThrough, read_through, "the cache layer loads what is missing, one load a key at a time; a write invalidates";
    "write-through" => WriteThrough, write_through, "a write goes to the database and then into the cache; a miss asks the database and fills nothing";
    "write-behind" => WriteBehind, write_behind, "a write is acknowledged when the cache has it, and waits in a queue that is flushed a few writes at a time";
    "write-around" => WriteAround, write_around, "a write goes to the database only; the time to live bounds how old an answer may be";
    "lease" => Lease, lease, "who misses gets a lease and loads, for all instances; the others wait and look again";
    "xfetch" => Xfetch, xfetch, "an entry is refreshed before it expires, by chance, the more likely the nearer its end";
    "stale-while-revalidate" => StaleWhileRevalidate, stale_while_revalidate, "past its soft time to live an entry is served at once and loaded anew meanwhile";
    "near-cache" => NearCache, near_cache, "a small cache in the process before the shared one, kept right by the changes that Redis announces";
    "change-stream" => ChangeStream, change_stream, "a write goes to the database only, whose change stream makes every instance invalidate";
}

/// The settings of a strategy together with those that all users of the cache share.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WithCache<T> {
    /// The strategy's own settings.
    pub own: T,
    /// The settings of the cache.
    pub caching: CachingSettings,
}

impl<T: Settings> Settings for WithCache<T> {
    fn docs() -> Vec<SettingDoc> {
        let mut docs = T::docs();
        docs.extend(CachingSettings::docs());
        docs
    }

    fn read(reader: &Reader<'_>) -> Self {
        Self { own: T::read(reader), caching: CachingSettings::read(reader) }
    }

    fn show(&self) -> Vec<(&'static str, String)> {
        let mut shown = self.own.show();
        shown.extend(self.caching.show());
        shown
    }
}

impl StrategySpec {
    /// Returns true if the strategy ever uses a cache.
    #[must_use]
    pub fn uses_cache(&self) -> bool {
        self.promise().needs().cache
    }
}
