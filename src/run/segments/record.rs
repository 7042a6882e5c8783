//! The observations of a segment of a cell, as a file beside its rows: sums of several are made from it, and the rows of
//! the whole from those. Moments are kept by their distance from the start of measuring.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::audit::{Conclusion, Example, SettledKeys, Testimony};
use crate::base::clock::Instant;
use crate::measure::{QueueUse, Warmth, Window};
use crate::results::{EventKind, EventRow, FailedStep, Phase};
use crate::run::findings::{
    AuditEnd, Load, Observed, ObservedEvent, ObservedWindow, Sample, times_of_window,
};
use crate::run::plan::Cell;
use crate::store::mongodb::PoolWaitSnapshot;
use crate::store::{CountersSnapshot, ErrorKind, FirstFailure, FirstFailures, StoreError};
use crate::strategy::Backlog;
use crate::topology::{CacheFigures, NodeFigures, ServerUse};

/// The observations of a segment of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// The cell.
    pub cell: String,
    /// A word that processes on one machine have in common.
    pub machine: String,
    /// When the cell began, as UTC in ISO 8601.
    pub started_utc: String,
    /// See [`Load::start_time`].
    pub start_time: SystemTime,
    /// See [`Load::warmup_length`].
    pub warmup_length: Duration,
    /// See [`Load::warmth`].
    pub warmth: Warmth,
    /// See [`Load::length`].
    pub length: Duration,
    /// See [`Load::warmup`].
    pub warmup: Vec<RecordedWindow>,
    /// See [`Load::windows`].
    pub windows: Vec<RecordedWindow>,
    /// See [`Load::tail`].
    pub tail: Window,
    /// See [`Load::answered_in_time`].
    pub answered_in_time: u64,
    /// See [`Load::calls`].
    pub calls: CountersSnapshot,
    /// See [`Load::pool_wait`].
    pub pool_wait: PoolWaitSnapshot,
    /// See [`Load::busiest_thread_share`].
    pub busiest_thread_share: f64,
    /// See [`Load::machine_cores`].
    pub machine_cores: f64,
    /// See [`Load::samples`].
    pub samples: [RecordedSample; 2],
    /// See [`Load::events`].
    pub events: Vec<RecordedEvent>,
    /// See [`Load::first_failures`].
    pub first_failures: Vec<RecordedFailure>,
    /// See [`Load::nodes`].
    pub nodes: [Vec<NodeFigures>; 2],
    /// See [`Load::undelivered`].
    pub undelivered: Option<StoreError>,
    /// See [`Load::undone`].
    pub undone: Option<StoreError>,
    /// The audit's findings at the end; `None` where there was no audit.
    pub audited: Option<RecordedAudit>,
}

/// A window; see [`ObservedWindow`]. Its times follow from its operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is documented in ObservedWindow")]
pub struct RecordedWindow {
    pub index: u64,
    pub start: Duration,
    pub length: Duration,
    pub operations: Window,
    pub calls: CountersSnapshot,
    pub pool_wait: PoolWaitSnapshot,
    pub busiest_thread: Duration,
    pub backlog: Backlog,
    pub queues: Option<QueueUse>,
    pub samples: [RecordedSample; 2],
}

/// A sample; see [`Sample`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is documented in Sample")]
pub struct RecordedSample {
    /// Nanoseconds from the start of measuring.
    pub at_ns: i64,
    pub hotset_cpu: Duration,
    pub cache: Option<CacheFigures>,
    pub database: Option<ServerUse>,
}

/// An event; see [`EventRow`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is documented in EventRow")]
pub struct RecordedEvent {
    pub at_s: f64,
    pub kind: EventKind,
    pub subject: String,
    pub detail: String,
}

/// The first failure of a step with a kind of error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFailure {
    /// The step.
    pub step: FailedStep,
    /// The kind of error.
    pub kind: ErrorKind,
    /// Nanoseconds from the start of measuring.
    pub at_ns: i64,
    /// The words of the store.
    pub detail: String,
}

/// See [`AuditEnd`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedAudit {
    /// The ends of the writes.
    pub conclusion: Conclusion,
    /// Examples of what was found.
    pub examples: Vec<Example>,
    /// By kind of entity what the stores held, or why they could not be compared.
    pub compared: Result<Vec<SettledKeys>, StoreError>,
    /// The testimony that completes the audits of the other segments.
    pub testimony: Option<Testimony>,
}

/// The text of the record of a cell.
///
/// # Errors
/// Says what cannot be written.
pub fn text_of(cell: &Cell, observed: &Observed) -> Result<Vec<u8>, String> {
    let record = SegmentRecord::of(&cell.id, observed);
    serde_json::to_vec(&record).map_err(|error| format!("what was observed cannot be kept: {error}"))
}

fn nanos_after(start: std::time::Instant, at: std::time::Instant) -> i64 {
    let nanos = |of: Duration| i64::try_from(of.as_nanos()).unwrap_or(i64::MAX);
    nanos(at.saturating_duration_since(start)) - nanos(start.saturating_duration_since(at))
}

/// The moment that lies so many nanoseconds after another, or before it.
fn moment_after(start: Instant, nanos: i64) -> Instant {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    let moment = if nanos < 0 { start.checked_sub(distance) } else { start.checked_add(distance) };
    moment.unwrap_or(start)
}

impl SegmentRecord {
    /// The record of what was observed.
    #[must_use]
    pub fn of(cell: &str, observed: &Observed) -> Self {
        let load = &observed.load;
        let start = load.end.checked_sub(load.length).unwrap_or(load.end);
        let window = |window: &ObservedWindow| RecordedWindow::of(window, start);
        Self {
            cell: cell.to_owned(),
            machine: machine(),
            started_utc: observed.started_utc.clone(),
            start_time: load.start_time,
            warmup_length: load.warmup_length,
            warmth: load.warmth,
            length: load.length,
            warmup: load.warmup.iter().map(window).collect(),
            windows: load.windows.iter().map(window).collect(),
            tail: load.tail.clone(),
            answered_in_time: load.answered_in_time,
            calls: load.calls,
            pool_wait: load.pool_wait,
            busiest_thread_share: load.busiest_thread_share,
            machine_cores: load.machine_cores,
            samples: load.samples.map(|sample| RecordedSample::of(&sample, start)),
            events: load.events.iter().map(|event| RecordedEvent::of(&event.row)).collect(),
            first_failures: failures(&load.first_failures, start),
            nodes: load.nodes.clone(),
            undelivered: load.undelivered.clone(),
            undone: load.undone.clone(),
            audited: observed.audited.as_ref().map(|audited| RecordedAudit {
                conclusion: audited.conclusion,
                examples: audited.examples.clone(),
                compared: audited.compared.clone(),
                testimony: audited.testimony.clone(),
            }),
        }
    }

    /// The observations, with moments on this process' clock.
    #[must_use]
    pub fn into_observed(self) -> Observed {
        let start = Instant::now();
        let mut first_failures = FirstFailures::default();
        for RecordedFailure { step, kind, at_ns, detail } in self.first_failures {
            let failure = FirstFailure { at: moment_after(start, at_ns).into_std(), detail };
            first_failures.take(step, kind, failure);
        }
        let mut all = self.tail.clone();
        self.windows.iter().for_each(|window| all.add(&window.operations));
        let windows = |windows: Vec<RecordedWindow>, phase| {
            windows.into_iter().map(|window| window.into_observed(phase, start)).collect()
        };
        let load = Load {
            start_time: self.start_time,
            end: (start + self.length).into_std(),
            warmup_length: self.warmup_length,
            warmth: self.warmth,
            length: self.length,
            warmup: windows(self.warmup, Phase::Warmup),
            windows: windows(self.windows, Phase::Measure),
            tail: self.tail,
            all,
            answered_in_time: self.answered_in_time,
            calls: self.calls,
            pool_wait: self.pool_wait,
            busiest_thread_share: self.busiest_thread_share,
            machine_cores: self.machine_cores,
            samples: self.samples.map(|sample| sample.into_observed(start)),
            events: self.events.into_iter().map(RecordedEvent::into_observed).collect(),
            // No faults are tried on segments.
            outages: crate::measure::OutageRecorder::default(),
            first_failures,
            nodes: self.nodes,
            undelivered: self.undelivered,
            undone: self.undone,
        };
        let audited = self.audited.map(|audited| AuditEnd {
            conclusion: audited.conclusion,
            examples: audited.examples,
            compared: audited.compared,
            testimony: audited.testimony,
        });
        // Nor any application that has figures of its own.
        Observed { started_utc: self.started_utc, load, audited, application: Vec::new() }
    }
}

fn failures(first: &FirstFailures, start: std::time::Instant) -> Vec<RecordedFailure> {
    let record = |(step, kind, failure): (FailedStep, ErrorKind, &FirstFailure)| RecordedFailure {
        step,
        kind,
        at_ns: nanos_after(start, failure.at),
        detail: failure.detail.clone(),
    };
    first.iter().map(record).collect()
}

/// The id of this start of the machine, or else the name of the host.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    if boot.trim().is_empty() { host() } else { boot.trim().to_owned() }
}

impl RecordedWindow {
    fn of(window: &ObservedWindow, start: std::time::Instant) -> Self {
        Self {
            index: window.index,
            start: window.start,
            length: window.length,
            operations: window.operations.clone(),
            calls: window.calls,
            pool_wait: window.pool_wait,
            busiest_thread: window.busiest_thread,
            backlog: window.backlog,
            queues: window.queues,
            samples: window.samples.map(|sample| RecordedSample::of(&sample, start)),
        }
    }

    fn into_observed(self, phase: Phase, start: Instant) -> ObservedWindow {
        ObservedWindow {
            phase,
            index: self.index,
            start: self.start,
            length: self.length,
            times: times_of_window(&self.operations),
            operations: self.operations,
            calls: self.calls,
            pool_wait: self.pool_wait,
            busiest_thread: self.busiest_thread,
            backlog: self.backlog,
            queues: self.queues,
            samples: self.samples.map(|sample| sample.into_observed(start)),
        }
    }
}

impl RecordedSample {
    fn of(sample: &Sample, start: std::time::Instant) -> Self {
        Self {
            at_ns: nanos_after(start, sample.at.into_std()),
            hotset_cpu: sample.hotset_cpu,
            cache: sample.cache,
            database: sample.database,
        }
    }

    fn into_observed(self, start: Instant) -> Sample {
        Sample {
            at: moment_after(start, self.at_ns),
            hotset_cpu: self.hotset_cpu,
            cache: self.cache,
            database: self.database,
        }
    }
}

impl RecordedEvent {
    fn of(row: &EventRow) -> Self {
        let EventRow { at_s, kind, subject, detail } = row.clone();
        Self { at_s, kind, subject, detail }
    }

    fn into_observed(self) -> ObservedEvent {
        let Self { at_s, kind, subject, detail } = self;
        ObservedEvent { fault: None, row: EventRow { at_s, kind, subject, detail } }
    }
}
