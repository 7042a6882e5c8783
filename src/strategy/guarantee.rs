//! Promises of a strategy about the data: the age of an answer, and the writes that may be lost.

use std::fmt;
use std::time::Duration;

use crate::base::units::show_duration;

/// The conditions of a cell that a promise depends on, besides the strategy's own settings.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts; none follows from another")]
pub struct Circumstances {
    /// No fault that the strategy could notice is injected while the cell runs.
    pub undisturbed: bool,
    /// An instance of the application crashes while the cell runs.
    pub application_crashes: bool,
    /// The cache loses entries that it has acknowledged: it is flushed, or a server is killed that does not persist them.
    pub cache_loses_entries: bool,
    /// The time to live of a cached document; `None` keeps it until it is evicted or invalidated.
    pub ttl: Option<Duration>,
    /// The longest that one call of the database may take.
    pub longest_load: Duration,
    /// Instances may fail to reach the cache for a while in which it keeps its entries.
    pub cache_out_of_reach: bool,
}

/// The age that an answer may have, measured from the acknowledgement of the first write that it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staleness {
    /// No read that begins after a write was acknowledged returns an older document.
    None,
    /// An answer may lack an acknowledged write for at most this long.
    Within(Duration),
    /// An answer may lack an acknowledged write for as long as the entry stays in the cache.
    UntilEvicted,
}

/// The acknowledged writes that the database may never get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// No acknowledged write is lost.
    Nothing,
    /// Writes that were acknowledged and not flushed yet are lost.
    Backlog {
        /// The most writes that an instance holds back, which is the most that each fault loses.
        most: u64,
    },
    /// Writes that the cache had not persisted or not replicated are lost.
    CachePersistence,
    /// Writes that the database had acknowledged before they were in its journal are lost.
    DatabaseJournal,
}

/// The promise of a strategy in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarantee {
    /// The age that an answer may have.
    pub staleness: Staleness,
    /// The writes that may be lost.
    pub loss: Loss,
    /// True if the cache and the database agree once everything is drained.
    pub converges: bool,
}

impl Guarantee {
    /// No stale read, nothing lost, and both stores agree in the end.
    pub const SOUND: Self = Self { staleness: Staleness::None, loss: Loss::Nothing, converges: true };

    /// The guarantee weakened by a further staleness: an answer may lack an acknowledged write for `bound`
    /// longer, or until the entry is evicted if there is no bound, and the stores need not agree in the end.
    #[must_use]
    pub fn weakened_to(self, bound: Option<Duration>) -> Self {
        let staleness = match (self.staleness, bound) {
            (Staleness::UntilEvicted, _) | (_, None) => Staleness::UntilEvicted,
            (Staleness::None, Some(bound)) => Staleness::Within(bound),
            // A copy of a stale entry may be stale for both times together.
            (Staleness::Within(before), Some(bound)) => Staleness::Within(before + bound),
        };
        Self { staleness, converges: false, ..self }
    }

    /// Answers are stale for at most `bound`, or until evicted if there is no bound, and nothing is lost.
    #[must_use]
    pub fn stale_within(bound: Option<Duration>) -> Self {
        let staleness = bound.map_or(Staleness::UntilEvicted, Staleness::Within);
        Self { staleness, loss: Loss::Nothing, converges: false }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.staleness {
            Staleness::None => f.write_str("no stale read")?,
            Staleness::Within(bound) => write!(f, "stale for at most {}", show_duration(*bound))?,
            Staleness::UntilEvicted => f.write_str("stale until evicted")?,
        }
        match &self.loss {
            Loss::Nothing => f.write_str("; no acknowledged write lost"),
            Loss::Backlog { most } => write!(f, "; a crash loses at most its backlog ({most} writes)"),
            Loss::CachePersistence => {
                f.write_str("; a killed, flushed or failed-over cache loses what its persistence or its replicas did not have")
            }
            Loss::DatabaseJournal => {
                f.write_str("; a killed database loses what it had not written to its journal")
            }
        }
    }
}

/// Requirements of a strategy on the cell that it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct Needs {
    /// It uses a cache.
    pub cache: bool,
    /// The cache must not evict entries without a time to live, since the database does not have them yet.
    pub no_eviction_of_dirty: bool,
    /// The database must announce its changes.
    pub database_changes: bool,
    /// The cache must announce which keys have changed.
    pub cache_announcements: bool,
    /// The cache must count accesses.
    pub access_counts: bool,
}

impl Needs {
    /// It needs a cache and nothing else.
    pub const CACHE: Self = Self {
        cache: true,
        no_eviction_of_dirty: false,
        database_changes: false,
        cache_announcements: false,
        access_counts: false,
    };
    /// It needs nothing.
    pub const NOTHING: Self = Self { cache: false, ..Self::CACHE };

    /// What both need.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            cache: self.cache || other.cache,
            no_eviction_of_dirty: self.no_eviction_of_dirty || other.no_eviction_of_dirty,
            database_changes: self.database_changes || other.database_changes,
            cache_announcements: self.cache_announcements || other.cache_announcements,
            access_counts: self.access_counts || other.access_counts,
        }
    }
}

/// The effect of a write on the cached entry, as far as models of caches distinguish effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteEffect {
    /// The entry stays as it is.
    None,
    /// The written document is put there, whether or not the key was empty.
    Puts,
    /// The entry is removed.
    Removes,
}

/// The facts that models need of a strategy whose misses fill the one cache that all instances share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WriteModel {
    /// The effect of a write on the cached entry.
    pub effect: WriteEffect,
    /// The share by which times to live are shortened at random.
    pub ttl_jitter: f64,
}

/// The way in which a strategy flushes acknowledged writes to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushes {
    /// The longest time between two flushes.
    pub interval: Duration,
    /// The size of a batch, in the unit of `batches`.
    pub batch: u64,
    /// The unit of a batch, and whether a full one waits for the interval.
    pub batches: Batches,
}

/// The unit of a batch, and the time at which it is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batches {
    /// A batch counts single writes of an instance. One batch is flushed an interval, and no more.
    OneAnInterval,
    /// A batch counts keys that an instance has changed. It is flushed when it is full, and all waiting keys
    /// once an interval.
    OfKeys,
    /// A batch counts writes in a log that all instances share. It is flushed when an instance sees that it
    /// is full, and all writes once an interval.
    OfRecords {
        /// The longest time until an instance sees the writes of the others.
        seen_after: Duration,
    },
}

/// The way in which a strategy refreshes entries before they expire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refreshes {
    /// The age from which on a read refreshes an entry.
    pub from: RefreshAge,
    /// The time for which the strategy loads nothing else ahead of reads.
    pub alone_for: Duration,
}

/// The age of an entry from which on reads refresh it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RefreshAge {
    /// The age is this share of its time to live.
    OfTtl(f64),
    /// The age is this long, whatever its time to live.
    After(Duration),
}

/// Facts about a strategy that follow from its settings alone.
pub trait Promise {
    /// The guarantee of the strategy. A [control](Promise::control) returns that of its sound form, by which
    /// it is judged.
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee;

    /// The flaw of the strategy if its settings make it a control, a form that is known to be wrong and
    /// exists to show that the audit sees it.
    fn control(&self) -> Option<&'static str> {
        None
    }

    /// Returns true if all instances see the same backlog.
    fn shares_backlog(&self) -> bool {
        false
    }

    /// The facts that models need of its writes; `None` if no model describes it.
    fn writes(&self) -> Option<WriteModel> {
        None
    }

    /// The way in which it flushes acknowledged writes; `None` if the database has them before they are
    /// acknowledged.
    fn flushes(&self) -> Option<Flushes> {
        None
    }

    /// The way in which it refreshes entries that are read late in their life; `None` if it does not, or does
    /// so by chance or at a random age.
    fn refreshes(&self) -> Option<Refreshes> {
        None
    }

    /// The longest time from the acknowledgement of a write until the database has it; `None` if it is not
    /// bounded.
    fn write_delay(&self, _circumstances: &Circumstances) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    /// Says in one line what becomes of a read of several documents together, see `workload.keys_per_read`.
    fn batches(&self) -> &'static str {
        "one MGET (on a cluster one a slot); what is missing is loaded by one find with $in, its tokens and fills are a command each"
    }

    /// The requirements of the strategy.
    fn needs(&self) -> Needs {
        Needs::CACHE
    }
}
