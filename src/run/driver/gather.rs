//! Puts together what the load-driving threads report, window by window, with what the servers say of
//! themselves, and watches whether the hit rate has settled.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::worker::WorkerWindow;
use crate::base::clock::Instant;
use crate::base::observer::{Event, Observer};
use crate::measure::collectors::process_cpu::process_cpu;
use crate::measure::settle::FEWEST_WINDOWS;
use crate::measure::{HitRateWindow, OutageRecorder, Trend, Window, slope_test};
use crate::results::{CacheUse, Cores, EventRow, Measure, Phase, WindowTimes};
use crate::run::findings::{Load, ObservedWindow};
use crate::run::plan::Cell;
use crate::store::mongodb::PoolWaitSnapshot;
use crate::store::{CountersSnapshot, StoreError};
use crate::strategy::Backlog;
use crate::topology::Deployed;
use crate::topology::servers::UsageSampler;
use crate::topology::{CacheFigures, NodeFigures, ServerUse};

/// What the process and the servers had used and held at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    hotset_cpu: Duration,
    cache: Option<CacheFigures>,
    database: Option<ServerUse>,
}

/// The reports of some workers of one window, added up.
struct Gathered {
    workers: usize,
    window: Window,
    length: Duration,
    calls: CountersSnapshot,
    backlog: Vec<Backlog>,
}

/// The latest totals of one worker.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    counters: CountersSnapshot,
    pool_wait: PoolWaitSnapshot,
    thread_cpu: Duration,
}

/// How sure one has to be that a hit rate stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sureness {
    /// So sure that it would not drift by a point over as many windows again.
    ToAPoint,
    /// Its slope cannot be told from 0.
    AsFarAsSeen,
}

/// See the module.
pub struct Gatherer<'a> {
    cell: &'a Cell,
    deployed: Deployed<'a>,
    observer: &'a dyn Observer,
    usage: UsageSampler,
    workers: usize,
    phase: Phase,
    /// When the first window of the warm-up began.
    warmup_start: Instant,
    /// When the stage began whose windows come now.
    stage_start: Instant,
    incomplete: BTreeMap<u64, Gathered>,
    /// By worker, at its latest window; a worker's windows come in order.
    totals: Vec<Totals>,
    totals_at_start: Vec<Totals>,
    /// At its last whole window.
    totals_at_end: Vec<Totals>,
    last_sample: Option<Sample>,
    first_sample: Option<Sample>,
    warmup: Vec<ObservedWindow>,
    warmup_length: Duration,
    stage_windows: usize,
    settled: Trend,
    settled_at_start: bool,
    windows: Vec<ObservedWindow>,
    tail: Window,
    outages: OutageRecorder,
    nodes_before: Vec<NodeFigures>,
}

impl<'a> Gatherer<'a> {
    /// Nothing was reported yet.
    pub fn new(cell: &'a Cell, deployed: Deployed<'a>, workers: usize, observer: &'a dyn Observer) -> Self {
        Self {
            cell,
            deployed,
            observer,
            usage: UsageSampler::new(),
            workers,
            phase: Phase::Warmup,
            warmup_start: Instant::now(),
            stage_start: Instant::now(),
            incomplete: BTreeMap::new(),
            totals: vec![Totals::default(); workers],
            totals_at_start: vec![Totals::default(); workers],
            totals_at_end: vec![Totals::default(); workers],
            last_sample: None,
            first_sample: None,
            warmup: Vec::new(),
            warmup_length: Duration::ZERO,
            stage_windows: 0,
            settled: Trend::TooFewWindows,
            settled_at_start: false,
            windows: Vec::new(),
            tail: Window::default(),
            outages: OutageRecorder::default(),
            nodes_before: Vec::new(),
        }
    }

    /// A stage begins: what was used before is not its own.
    pub async fn begin(&mut self, phase: Phase, start: Instant) {
        if self.warmup.is_empty() && phase == Phase::Warmup {
            self.warmup_start = start;
        }
        if phase == Phase::Measure {
            self.warmup_length = start - self.warmup_start;
        }
        self.phase = phase;
        self.stage_start = start;
        self.stage_windows = 0;
        self.settled = Trend::TooFewWindows;
        self.incomplete.clear();
        if phase == Phase::Measure {
            self.nodes_before = self.deployed.cache.node_figures().await;
        }
        let sample = self.sample().await;
        self.first_sample = Some(sample);
        self.last_sample = Some(sample);
    }

    /// Takes a worker's window; where it is the last of all workers, the window is complete.
    pub async fn take(&mut self, report: WorkerWindow) {
        let calls = self.note_totals(&report);
        if report.stage_start != self.stage_start || report.is_start_of_stage {
            return;
        }
        let partial = self.incomplete.entry(report.index).or_insert_with(|| Gathered {
            workers: 0,
            window: Window::default(),
            length: Duration::ZERO,
            calls: CountersSnapshot::default(),
            backlog: Vec::new(),
        });
        partial.calls = partial.calls + calls;
        partial.window.add(&report.window);
        partial.backlog.extend(report.backlog);
        partial.workers += 1;
        partial.length = partial.length.max(report.length);
        if partial.workers < self.workers {
            return;
        }
        if let Some(whole) = self.incomplete.remove(&report.index) {
            self.complete(report.index, whole).await;
        }
    }

    /// Takes what a worker's last operations left after the end of the measured time.
    pub fn take_tail(&mut self, report: &WorkerWindow) {
        self.note_totals(report);
        self.tail.add(&report.window);
        self.outages.add(&report.outages);
    }

    /// Keeps a worker's totals, and returns its calls since its report before.
    fn note_totals(&mut self, report: &WorkerWindow) -> CountersSnapshot {
        let totals =
            Totals { counters: report.counters, pool_wait: report.pool_wait, thread_cpu: report.thread_cpu };
        let Some(slot) = self.totals.get_mut(report.worker) else { return CountersSnapshot::default() };
        let calls = totals.counters - slot.counters;
        *slot = totals;
        if report.is_start_of_stage
            && let Some(at_start) = self.totals_at_start.get_mut(report.worker)
        {
            *at_start = totals;
        }
        if !report.is_tail
            && let Some(at_end) = self.totals_at_end.get_mut(report.worker)
        {
            *at_end = totals;
        }
        calls
    }

    async fn complete(&mut self, index: u64, whole: Gathered) {
        let Some(before) = self.last_sample else { return };
        let sample = self.sample().await;
        self.last_sample = Some(sample);
        let into_stage = self.cell.scenario.run.window.0 * index as u32;
        // Both stages of a warm-up are one series.
        let (start, number) = match self.phase {
            Phase::Warmup => (self.stage_start - self.warmup_start + into_stage, self.warmup.len() as u64),
            Phase::Measure => (into_stage, index),
        };
        let shares_backlog = self.cell.shares_backlog();
        let mut window = observed(self.phase, number, start, whole, shares_backlog, &before, &sample);
        self.report(&window);
        match self.phase {
            Phase::Warmup => {
                window.operations.drop_times();
                self.warmup.push(window);
                self.stage_windows += 1;
                if self.deployed.cache.correct_limits().await {
                    // How much the cache holds is another from here on, and so is how often it hits.
                    self.stage_windows = 0;
                }
                self.settled = self.trend();
            }
            Phase::Measure => self.windows.push(window),
        }
    }

    fn report(&self, window: &ObservedWindow) {
        let run = &self.cell.scenario.run;
        let measuring = self.phase == Phase::Measure;
        let answers = window.operations.answers(|_| true);
        self.observer.observe(Event::Window {
            measuring,
            elapsed: window.start + window.length,
            of: if measuring { run.duration.0 } else { run.warmup_max.0 },
            per_second: window.achieved_per_s(),
            p50_us: window.times.response_p50_us,
            p99_us: window.times.response_p99_us,
            hit_rate: answers.hit_rate,
            errors: answers.failures(),
            stale: window.operations.anomalies().stale,
        });
    }

    /// How the hit rate of the stage's latest windows moves. The stage's first window is left out: in it
    /// the clients begin.
    fn trend(&self) -> Trend {
        let of_stage = &self.warmup[self.warmup.len() - self.stage_windows..];
        let windows: Vec<HitRateWindow> = of_stage
            .iter()
            .skip(1)
            .map(|window| {
                let answers = window.operations.answers(|_| true);
                HitRateWindow {
                    hit_rate: answers.hit_rate.unwrap_or(0.0),
                    // A workload that only writes has a hit rate of 0 that stands still.
                    reads: answers.lookups().max(1),
                }
            })
            .collect();
        let latest = windows.len().saturating_sub(FEWEST_WINDOWS.max(windows.len() / 2));
        slope_test(&windows[latest..]).trend
    }

    /// Keeps whether the cell was measured with a hit rate that stood still.
    pub fn note_settled(&mut self, settled: bool) {
        self.settled_at_start = settled;
    }

    /// Returns true if the hit rate stands still.
    #[must_use]
    pub fn has_settled(&self, sureness: Sureness) -> bool {
        match sureness {
            Sureness::ToAPoint => self.settled == Trend::Settled,
            Sureness::AsFarAsSeen => matches!(self.settled, Trend::Settled | Trend::TooNoisy),
        }
    }

    /// Puts all together.
    pub fn finish(
        self,
        start_time: SystemTime,
        nodes_after: Vec<NodeFigures>,
        events: Vec<EventRow>,
        undone: Option<StoreError>,
    ) -> Load {
        let run = &self.cell.scenario.run;
        let zero = CountersSnapshot::default();
        let at_start = self.totals_at_start.iter().fold(zero, |sum, t| sum + t.counters);
        let at_end = self.totals.iter().fold(zero, |sum, t| sum + t.counters);
        let wait = |totals: &[Totals]| totals.iter().map(|t| t.pool_wait).sum::<PoolWaitSnapshot>();
        let busiest = self
            .totals_at_end
            .iter()
            .zip(&self.totals_at_start)
            .map(|(end, start)| end.thread_cpu.saturating_sub(start.thread_cpu))
            .max()
            .unwrap_or_default();
        let (cores, cache) = match (&self.first_sample, &self.last_sample) {
            (Some(first), Some(last)) => (cores(first, last), cache_use(first, last)),
            _ => (Cores::default(), CacheUse::default()),
        };
        let in_time = self.windows.iter().fold(Window::default(), |mut sum, window| {
            sum.add(&window.operations);
            sum
        });
        let mut all = in_time.clone();
        all.add(&self.tail);
        Load {
            start_time,
            end: (self.stage_start + run.duration.0).into_std(),
            warmup_length: self.warmup_length,
            settled: self.settled_at_start,
            length: run.duration.0,
            warmup: self.warmup,
            windows: self.windows,
            tail: self.tail,
            all,
            answered_in_time: in_time.successes(),
            calls: at_end - at_start,
            pool_wait: wait(&self.totals) - wait(&self.totals_at_start),
            machine_cores: std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64),
            busiest_thread_share: busiest.as_secs_f64() / run.duration.0.as_secs_f64(),
            cores,
            cache,
            events,
            outages: self.outages,
            nodes: [self.nodes_before, nodes_after],
            undone,
        }
    }

    async fn sample(&mut self) -> Sample {
        Sample {
            at: Instant::now(),
            hotset_cpu: process_cpu(),
            cache: self.deployed.cache.figures().await,
            database: self.deployed.database.server_use(&mut self.usage),
        }
    }
}

/// The processor cores that were used between two samples.
fn cores(before: &Sample, after: &Sample) -> Cores {
    let seconds = (after.at - before.at).as_secs_f64();
    if seconds <= 0.0 {
        return Cores::default();
    }
    // A server that was killed and started again is another, which begins at 0.
    let between = |before: Option<ServerUse>, after: Option<ServerUse>| match (before, after) {
        (Some(before), Some(after)) if before.server == after.server => {
            Some((after.cpu_seconds - before.cpu_seconds).max(0.0) / seconds)
        }
        _ => None,
    };
    let of = |sample: &Sample| sample.cache.and_then(|cache| cache.server_use);
    Cores {
        cpu_hotset_cores: Some((after.hotset_cpu.saturating_sub(before.hotset_cpu)).as_secs_f64() / seconds),
        cpu_cache_cores: between(of(before), of(after)),
        cpu_database_cores: between(before.database, after.database),
    }
}

/// What the cache holds at the second of two samples, and what left it between them.
fn cache_use(before: &Sample, after: &Sample) -> CacheUse {
    let server = |figures: &CacheFigures| figures.server_use.map(|used| used.server);
    // A server that was started anew in between counts from 0 again, and says nothing of before.
    let same = before.cache.zip(after.cache).filter(|(before, after)| server(before) == server(after));
    let grown = |field: fn(&CacheFigures) -> u64| {
        same.map(|(before, after)| field(&after).saturating_sub(field(&before)))
    };
    CacheUse {
        cache_evicted: grown(|cache| cache.evicted),
        cache_expired: grown(|cache| cache.expired),
        cache_memory_bytes: after.cache.map(|cache| cache.memory_bytes),
        cache_entries: after.cache.map(|cache| cache.entries),
    }
}

fn observed(
    phase: Phase,
    index: u64,
    start: Duration,
    whole: Gathered,
    shares_backlog: bool,
    before: &Sample,
    after: &Sample,
) -> ObservedWindow {
    let response = whole.window.times(Measure::Response, |_, _| true);
    ObservedWindow {
        phase,
        index,
        start,
        length: whole.length,
        times: WindowTimes {
            response_p50_us: response.p50_us,
            response_p99_us: response.p99_us,
            service_p99_us: whole.window.times(Measure::Service, |_, _| true).p99_us,
        },
        operations: whole.window,
        calls: whole.calls,
        backlog: Backlog::of_all(&whole.backlog, shares_backlog),
        cache: cache_use(before, after),
        cores: cores(before, after),
    }
}
