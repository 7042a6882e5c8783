//! What a strategy promises about the data: how old an answer may be, and what may be lost.

use std::fmt;
use std::time::Duration;

use crate::units::show_duration;

/// The conditions of a cell that a promise depends on, besides the strategy's own settings.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts; none follows from another")]
pub struct Circumstances {
    /// Nothing that the strategy could feel is broken while the cell runs.
    pub undisturbed: bool,
    /// An instance of the application crashes while the cell runs.
    pub application_crashes: bool,
    /// The cache loses entries that it has acknowledged: it is flushed, or a server is killed that does not persist them.
    pub cache_loses_entries: bool,
    /// The time to live of a cached document; `None`: until it is evicted or invalidated.
    pub ttl: Option<Duration>,
    /// The longest that one call of the database may take.
    pub longest_load: Duration,
    /// Instances may be without the cache for a while in which it keeps its entries.
    pub cache_out_of_reach: bool,
}

/// How old an answer may be: measured from the acknowledgement of the first write that it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staleness {
    /// No read that begins after a write was acknowledged returns an older document.
    None,
    /// An answer may lack what was acknowledged, but for no longer than this.
    Within(Duration),
    /// An answer may lack what was acknowledged for as long as the entry stays in the cache.
    UntilEvicted,
}

/// What of the acknowledged writes the database may never get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    Nothing,
    /// What was acknowledged and not flushed yet: at most so many writes for each crash.
    Backlog {
        /// The most that an instance holds back.
        most: u64,
    },
    /// What the cache's own persistence had not written down, or its replication not copied.
    CachePersistence,
    /// What the database had acknowledged before it was in its journal.
    DatabaseJournal,
}

/// A promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarantee {
    /// How old an answer may be.
    pub staleness: Staleness,
    /// What may be lost.
    pub loss: Loss,
    /// Whether the cache and the database agree once everything is drained.
    pub converges: bool,
}

impl Guarantee {
    /// No stale read, nothing lost, and both stores agree in the end.
    pub const SOUND: Self = Self { staleness: Staleness::None, loss: Loss::Nothing, converges: true };

    /// The same where an answer may in addition lack what was acknowledged for as long as `bound`, or until the entry is
    /// evicted where there is none, and the stores need not agree in the end.
    #[must_use]
    pub fn weakened_to(self, bound: Option<Duration>) -> Self {
        let staleness = match (self.staleness, bound) {
            (Staleness::UntilEvicted, _) | (_, None) => Staleness::UntilEvicted,
            (Staleness::None, Some(bound)) => Staleness::Within(bound),
            // What was old when it was copied grows older by as much as the copy may.
            (Staleness::Within(before), Some(bound)) => Staleness::Within(before + bound),
        };
        Self { staleness, converges: false, ..self }
    }

    /// Stale for at most `bound`, or until evicted where there is none; nothing lost.
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

/// What a strategy needs of the cell that it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// It asks a cache.
    pub cache: bool,
    /// The cache must not evict what has no time to live: it is not in the database yet.
    pub no_eviction_of_dirty: bool,
    /// The database must tell of its changes.
    pub database_changes: bool,
}

impl Needs {
    /// A cache and nothing else.
    pub const CACHE: Self = Self { cache: true, no_eviction_of_dirty: false, database_changes: false };
    /// Nothing at all.
    pub const NOTHING: Self = Self { cache: false, ..Self::CACHE };
}

/// What a write does to the cached entry, as far as models of caches tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteEffect {
    /// Nothing: the entry stays as it is.
    None,
    /// The written document is put there, whether something was there or not.
    Puts,
    /// The entry is removed.
    Removes,
}

/// What a model has to know of a strategy whose misses fill the one cache that all instances share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Writes {
    /// What a write does to the cached entry.
    pub effect: WriteEffect,
    /// The share by which times to live are shortened at random.
    pub ttl_jitter: f64,
}

/// How a strategy brings to the database what it has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushes {
    /// How long there is between two flushes at the most.
    pub interval: Duration,
    /// How many go into one batch.
    pub batch: u64,
    /// What a batch counts, and whether a full one waits for the interval.
    pub batches: Batches,
}

/// What a batch counts, and when it is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batches {
    /// Single writes of an instance: one batch an interval, and no more.
    OneAnInterval,
    /// Keys that an instance has changed: a batch when it is full, and all that waits once an interval.
    OfKeys,
    /// Writes in a log that all instances share: a batch when an instance sees that it is full, and all once an interval.
    OfRecords {
        /// What other instances have written is seen after so long at the latest.
        seen_after: Duration,
    },
}

/// How a strategy refreshes entries before they expire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refreshes {
    /// From which age on a read does it.
    pub from: RefreshAge,
    /// Nothing else is loaded before it is asked for until so much time has passed.
    pub alone_for: Duration,
}

/// How old an entry is when reads begin to refresh it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RefreshAge {
    /// A share of its time to live.
    OfTtl(f64),
    /// So old, whatever its time to live.
    After(Duration),
}

/// What a strategy says of itself, by its settings alone.
pub trait Promise {
    /// What it promises. A [control](Promise::control) gives the promise of its sound form, which is
    /// what it is judged by.
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee;

    /// What is naive about it, where its settings make it a control: a form that is known to be wrong
    /// and is there to show that the audit sees it.
    fn control(&self) -> Option<&'static str> {
        None
    }

    /// Whether all instances see the same backlog.
    fn shares_backlog(&self) -> bool {
        false
    }

    /// What a model has to know of its writes; `None` where no model describes it.
    fn writes(&self) -> Option<Writes> {
        None
    }

    /// How it brings to the database what it has acknowledged; `None` where that is there by then.
    fn flushes(&self) -> Option<Flushes> {
        None
    }

    /// How it refreshes entries that are read late in their life; `None` where it does not, by chance, or at an age that is
    /// drawn.
    fn refreshes(&self) -> Option<Refreshes> {
        None
    }

    /// The longest that what it has acknowledged may take until the database has it; `None` where nothing bounds that.
    fn write_delay(&self, _circumstances: &Circumstances) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    /// What it needs.
    fn needs(&self) -> Needs {
        Needs::CACHE
    }
}
