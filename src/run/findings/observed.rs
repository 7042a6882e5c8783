//! Everything that was observed of a cell.

use std::time::{Duration, SystemTime};

use crate::application::Figure;
use crate::audit::{Audit, Conclusion, Example, SettledKeys, Testimony};
use crate::base::clock::Instant;
use crate::load::workload::{StreamDigest, TopShares};
use crate::measure::{OutageRecorder, QueueUse, Warmth, Window};
use crate::results::{EventRow, Phase, WindowTimes};
use crate::store::mongodb::PoolWaitSnapshot;
use crate::store::{CountersSnapshot, FirstFailures, StoreError};
use crate::strategy::Backlog;
use crate::topology::{CacheFigures, NodeFigures, ServerUse};

/// The operations that the clients of a cell are offered, in figures. It is the same for every strategy and topology
/// of a repeat and swept values, so it need be worked out only once for them.
#[derive(Debug, Clone)]
pub struct OfferedLoad {
    /// The digests of the operations.
    pub digest: StreamDigest,
    /// The shares of the requests that the hottest keys get; `None` where phases of the load draw keys in several ways.
    pub shares: Option<TopShares>,
}

/// The resources that the process and the servers had used and held at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The moment.
    pub at: Instant,
    /// The CPU time of hotset.
    pub hotset_cpu: Duration,
    /// The cache's figures, as far as it answered.
    pub cache: Option<CacheFigures>,
    /// The database server's use, where hotset can see it.
    pub database: Option<ServerUse>,
}

impl Sample {
    /// Returns a sample that says nothing.
    #[must_use]
    pub fn nothing_at(at: Instant) -> Self {
        Self { at, hotset_cpu: Duration::ZERO, cache: None, database: None }
    }
}

/// One window of all load-driving threads together.
#[derive(Debug, Clone)]
pub struct ObservedWindow {
    /// Warm-up or measuring.
    pub phase: Phase,
    /// The window's number in its phase, counted from 0.
    pub index: u64,
    /// The window's start, counted from the start of its phase.
    pub start: Duration,
    /// The window's length.
    pub length: Duration,
    /// The operations that ended in it. Those of the warm-up have counts and no histograms.
    pub operations: Window,
    /// Their times, which outlive the histograms.
    pub times: WindowTimes,
    /// Calls of the stores.
    pub calls: CountersSnapshot,
    /// Waits for connections to the database.
    pub pool_wait: PoolWaitSnapshot,
    /// The CPU time of the busiest load-driving thread.
    pub busiest_thread: Duration,
    /// Writes that were acknowledged and not flushed at the window's end.
    pub backlog: Backlog,
    /// The most operations that were under way at once, and that waited for room; `None` in a closed loop.
    pub queues: Option<QueueUse>,
    /// The samples that were taken when the window before was complete, and when this one was.
    pub samples: [Sample; 2],
}

impl ObservedWindow {
    /// Operations that were answered, a second.
    #[must_use]
    pub fn achieved_per_s(&self) -> f64 {
        self.operations.successes() as f64 / self.length.as_secs_f64()
    }
}

/// The audit's findings at the end of a cell.
pub struct AuditEnd {
    pub(in crate::run) conclusion: Conclusion,
    pub(in crate::run) examples: Vec<Example>,
    /// By kind of entity what the stores held, or why they could not be compared.
    pub(in crate::run) compared: Result<Vec<SettledKeys>, StoreError>,
    /// The testimony that completes the audits of other segments; `None` where one process drove all of the load.
    pub(in crate::run) testimony: Option<Testimony>,
}

impl AuditEnd {
    /// Collects what an audit has to say.
    #[must_use]
    pub fn of(audit: &Audit, compared: Result<Vec<SettledKeys>, StoreError>) -> Self {
        let (conclusion, examples) = (audit.conclusion(), audit.examples());
        Self { conclusion, examples, compared, testimony: audit.testimony() }
    }
}

/// Something that happened in the measured time.
#[derive(Debug, Clone)]
pub struct ObservedEvent {
    /// The place, among the faults that [hit](super::that_hit) the cell, of the one that did it; `None` where none did.
    pub fault: Option<usize>,
    /// The event, with its time.
    pub row: EventRow,
}

/// The load that was driven, from the warm-up to the drained end.
pub struct Load {
    /// When measuring began, on the calendar.
    pub start_time: SystemTime,
    /// When measuring ended.
    pub end: std::time::Instant,
    /// The length of the warm-up.
    pub warmup_length: Duration,
    /// How warm the cache was when measuring began.
    pub warmth: Warmth,
    /// The length of the measured time.
    pub length: Duration,
    /// The windows of the warm-up.
    pub warmup: Vec<ObservedWindow>,
    /// The windows of the measured time.
    pub windows: Vec<ObservedWindow>,
    /// The operations that were due in the measured time and ended after it.
    pub tail: Window,
    /// All operations that were due in the measured time.
    pub all: Window,
    /// Operations that were answered before the end of the measured time.
    pub answered_in_time: u64,
    /// Calls of the stores.
    pub calls: CountersSnapshot,
    /// Waits for connections to the database.
    pub pool_wait: PoolWaitSnapshot,
    /// The CPU use of the busiest load-driving thread, 0 to 1.
    pub busiest_thread_share: f64,
    /// The processor cores that hotset may use.
    pub machine_cores: f64,
    /// The samples that were taken when measuring began, and when its last window was complete.
    pub samples: [Sample; 2],
    /// The events in the order in which they happened: what was broken and mended, and what connections noticed.
    pub events: Vec<ObservedEvent>,
    /// The times for which operations found no service after faults.
    pub outages: OutageRecorder,
    /// The first failure of each step with each kind of error.
    pub first_failures: FirstFailures,
    /// The figures of the cache's nodes when measuring began, and when it ended.
    pub nodes: [Vec<NodeFigures>; 2],
    /// The reason why something of what was written while the cache was filled was not delivered before the warm-up.
    pub undelivered: Option<StoreError>,
    /// The reason why draining left something undone.
    pub undone: Option<StoreError>,
}

/// Everything that was observed of a cell.
pub struct Observed {
    /// When the cell began, as UTC in ISO 8601.
    pub started_utc: String,
    /// The load that was driven.
    pub load: Load,
    /// The audit's findings at the end; `None` where there was no audit.
    pub audited: Option<AuditEnd>,
    /// Figures of the application.
    pub application: Vec<Figure>,
}
