//! Puts together what the load-driving threads report, window by window, with what the servers say of
//! themselves, and watches whether the hit rate has settled.

use std::collections::BTreeMap;
use std::ops::Add as _;
use std::time::{Duration, SystemTime};

use super::worker::{Used, WorkerEnd, WorkerWindow};
use crate::base::clock::Instant;
use crate::base::observer::{Event, LoadStage, Observer};
use crate::measure::collectors::process_cpu::process_cpu;
use crate::measure::settle::{DRIFT_LIMIT, FEWEST_WINDOWS};
use crate::measure::{HitRateWindow, OutageRecorder, QueueUse, SlopeTest, Trend, Warmth, Window, slope_test};
use crate::results::Phase;
use crate::run::findings::{Load, ObservedEvent, ObservedWindow, Sample, times_of_window};
use crate::run::plan::Cell;
use crate::store::{FirstFailures, StoreError};
use crate::strategy::Backlog;
use crate::topology::servers::UsageSampler;
use crate::topology::{Deployed, NodeFigures};

/// The degrees of certainty that a hit rate stands still.
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
    stage: LoadStage,
    phase: Phase,
    /// When the first window of the warm-up began; `None` before one.
    warmup_start: Option<Instant>,
    /// When the stage began whose windows come now.
    stage_start: Instant,
    /// Windows of which some workers have told and others have not.
    incomplete: BTreeMap<u64, Vec<WorkerWindow>>,
    /// The use of each worker in the stage.
    used: Vec<Used>,
    /// The use of all workers after the end of the measured time.
    used_after: Used,
    /// When the stage began, and when its latest window was complete.
    samples: [Sample; 2],
    warmup: Vec<ObservedWindow>,
    warmup_length: Duration,
    undelivered: Option<StoreError>,
    stage_windows: usize,
    /// True if the cache's memory limit was corrected in the stage.
    is_resized: bool,
    slope: SlopeTest,
    warmth: Warmth,
    windows: Vec<ObservedWindow>,
    tail: Window,
    outages: OutageRecorder,
    first_failures: FirstFailures,
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
            stage: LoadStage::WarmingUp,
            phase: Phase::Warmup,
            warmup_start: None,
            stage_start: Instant::now(),
            incomplete: BTreeMap::new(),
            used: vec![Used::default(); workers],
            used_after: Used::default(),
            samples: [Sample::nothing_at(Instant::now()); 2],
            warmup: Vec::new(),
            warmup_length: Duration::ZERO,
            undelivered: None,
            stage_windows: 0,
            is_resized: false,
            slope: slope_test(&[]),
            warmth: Warmth::Unknown,
            windows: Vec::new(),
            tail: Window::default(),
            outages: OutageRecorder::default(),
            first_failures: FirstFailures::default(),
            nodes_before: Vec::new(),
        }
    }

    /// A stage begins: what was used before is not its own.
    pub async fn begin(&mut self, stage: LoadStage, start: Instant) {
        let phase = match stage {
            LoadStage::Filling | LoadStage::WarmingUp => Phase::Warmup,
            LoadStage::Measuring => Phase::Measure,
        };
        self.stage = stage;
        match phase {
            Phase::Warmup if self.warmup.is_empty() => self.warmup_start = Some(start),
            Phase::Warmup => {}
            Phase::Measure => self.warmup_length = self.since_warmup_start(start),
        }
        self.phase = phase;
        self.stage_start = start;
        self.stage_windows = 0;
        self.is_resized = false;
        self.slope = slope_test(&[]);
        self.incomplete.clear();
        self.used.fill(Used::default());
        if phase == Phase::Measure {
            self.nodes_before = self.deployed.cache.node_figures().await;
        }
        self.samples = [self.sample().await; 2];
    }

    /// The time that the warm-up had lasted at a moment; none where there was no warm-up.
    fn since_warmup_start(&self, moment: Instant) -> Duration {
        self.warmup_start.map_or(Duration::ZERO, |start| moment - start)
    }

    /// Takes a worker's window; where it is the last of all workers, the window is complete.
    pub async fn take(&mut self, report: WorkerWindow) {
        if report.stage_start != self.stage_start {
            return;
        }
        if let Some(used) = self.used.get_mut(report.worker) {
            *used = *used + report.used;
        }
        let index = report.index;
        let told = self.incomplete.entry(index).or_default();
        told.push(report);
        if told.len() == self.workers
            && let Some(all) = self.incomplete.remove(&index)
        {
            self.complete(index, all).await;
        }
    }

    /// Takes what a worker's last operations left after the end of the measured time.
    pub fn take_end(&mut self, end: WorkerEnd) {
        self.tail.add(&end.tail.operations);
        self.used_after = self.used_after + end.tail.used;
        self.outages.add(&end.outages);
        self.first_failures.add(end.first_failures);
    }

    async fn complete(&mut self, index: u64, all: Vec<WorkerWindow>) {
        let sample = self.sample().await;
        let samples = [self.samples[1], sample];
        self.samples[1] = sample;
        let into_stage = self.cell.scenario.run.window.0 * index as u32;
        // Both stages of a warm-up are one series.
        let (start, number) = match self.phase {
            Phase::Warmup => {
                (self.since_warmup_start(self.stage_start) + into_stage, self.warmup.len() as u64)
            }
            Phase::Measure => (into_stage, index),
        };
        let mut operations = Window::default();
        for one in &all {
            operations.add(&one.operations);
        }
        let backlogs: Vec<Backlog> = all.iter().flat_map(|one| one.backlog.iter().copied()).collect();
        let used = all.iter().fold(Used::default(), |sum, one| sum + one.used);
        let mut window = ObservedWindow {
            phase: self.phase,
            index: number,
            start,
            length: all.iter().map(|one| one.length).max().unwrap_or_default(),
            times: times_of_window(&operations),
            operations,
            calls: used.calls,
            pool_wait: used.pool_wait,
            busiest_thread: all.iter().map(|one| one.used.thread_cpu).max().unwrap_or_default(),
            backlog: Backlog::of_all(&backlogs, self.cell.shares_backlog()),
            queues: all.iter().filter_map(|one| one.queues).reduce(QueueUse::add),
            samples,
        };
        self.report(&window);
        match self.phase {
            Phase::Warmup => {
                window.operations.drop_times();
                self.warmup.push(window);
                self.stage_windows += 1;
                // A hit rate grows with the capacity at most as the capacity itself does, and less where some keys are
                // asked for more often than others.
                if self.deployed.cache.correct_limits().await >= DRIFT_LIMIT {
                    self.stage_windows = 0;
                    self.is_resized = true;
                }
                self.slope = slope_test(&self.latest());
            }
            Phase::Measure => self.windows.push(window),
        }
    }

    fn report(&self, window: &ObservedWindow) {
        let run = &self.cell.scenario.run;
        let measuring = self.phase == Phase::Measure;
        let answers = window.operations.answers(|_| true);
        self.observer.observe(Event::Window {
            stage: self.stage,
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

    /// Returns the hit rates of the stage's latest windows. The stage's first window is left out: in it the clients
    /// begin.
    fn latest(&self) -> Vec<HitRateWindow> {
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
        windows[latest..].to_vec()
    }

    /// Returns how warm the stage has made the cache for what is measured.
    #[must_use]
    pub fn warmth(&self) -> Warmth {
        let scenario = &self.cell.scenario;
        let windows = match scenario.expected_operations() {
            // The cache is filled faster than it is measured: what counts is what is read and not how long it takes.
            Some(due) => {
                let of_stage = &self.warmup[self.warmup.len() - self.stage_windows..];
                let done: u64 = of_stage.iter().map(|window| window.operations.operations()).sum();
                due * of_stage.len() as f64 / done.max(1) as f64
            }
            None => scenario.busy_time().as_secs_f64() / scenario.run.window.0.as_secs_f64(),
        };
        match self.slope.warmth(windows) {
            Warmth::Unknown if self.is_resized => Warmth::Resized,
            warmth => warmth,
        }
    }

    /// Keeps how warm the cache was when measuring began.
    pub fn note_warmth(&mut self, warmth: Warmth) {
        self.warmth = warmth;
    }

    /// Returns true if the hit rate stands still.
    #[must_use]
    pub fn has_settled(&self, sureness: Sureness) -> bool {
        match sureness {
            Sureness::ToAPoint => self.slope.trend == Trend::Settled,
            Sureness::AsFarAsSeen => matches!(self.slope.trend, Trend::Settled | Trend::TooNoisy),
        }
    }

    /// Notes why writes of the filling are still held back as the warm-up begins.
    pub fn note_undelivered(&mut self, undelivered: Option<StoreError>) {
        self.undelivered = undelivered;
    }

    /// Puts all together.
    pub fn finish(
        self,
        start_time: SystemTime,
        nodes_after: Vec<NodeFigures>,
        events: Vec<ObservedEvent>,
        undone: Option<StoreError>,
    ) -> Load {
        let run = &self.cell.scenario.run;
        let used = self.used.iter().fold(self.used_after, |sum, worker| sum + *worker);
        let busiest = self.used.iter().map(|worker| worker.thread_cpu).max().unwrap_or_default();
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
            warmth: self.warmth,
            length: run.duration.0,
            warmup: self.warmup,
            windows: self.windows,
            tail: self.tail,
            all,
            answered_in_time: in_time.successes(),
            calls: used.calls,
            pool_wait: used.pool_wait,
            machine_cores: std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64),
            busiest_thread_share: busiest.as_secs_f64() / run.duration.0.as_secs_f64(),
            samples: self.samples,
            events,
            outages: self.outages,
            first_failures: self.first_failures,
            nodes: [self.nodes_before, nodes_after],
            undelivered: self.undelivered,
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
