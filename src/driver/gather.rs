//! Puts together what the load-driving threads report, window by window, with what the servers say of
//! themselves, and watches whether the hit rate has settled.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::faults::FaultEvent;
use super::figures::{Measured, Series};
use super::worker::WorkerWindow;
use crate::application::catalog;
use crate::clock::Instant;
use crate::measure::collectors::process_cpu::process_cpu;
use crate::measure::settle::FEWEST_WINDOWS;
use crate::measure::{HitRateWindow, LatencyKind, Trend, Window, slope_test};
use crate::observer::{Event, Observer};
use crate::plan::Cell;
use crate::store::mongodb::PoolWaitSnapshot;
use crate::store::{CountersSnapshot, StoreError};
use crate::topology::CacheFigures;
use crate::topology::Deployed;
use crate::topology::servers::UsageSampler;
use crate::workload::Phase;

/// What the process and the servers had used and held at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    hotset_cpu: Duration,
    cache: Option<CacheFigures>,
    database_cpu_seconds: Option<f64>,
}

/// What some of the workers have reported of a window.
struct Partial {
    workers: usize,
    window: Window,
    length: Duration,
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
    partial: BTreeMap<u64, Partial>,
    /// By worker, at its latest window; a worker's windows come in order.
    totals: Vec<Totals>,
    totals_at_start: Vec<Totals>,
    reported: CountersSnapshot,
    last_sample: Option<Sample>,
    first_sample: Option<Sample>,
    warmup: Vec<Series>,
    warmup_length: Duration,
    stage_windows: usize,
    settled: Trend,
    settled_at_start: bool,
    series: Vec<Series>,
    windows: Vec<(Duration, Duration, Window)>,
    tail: Window,
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
            partial: BTreeMap::new(),
            totals: vec![Totals::default(); workers],
            totals_at_start: vec![Totals::default(); workers],
            reported: CountersSnapshot::default(),
            last_sample: None,
            first_sample: None,
            warmup: Vec::new(),
            warmup_length: Duration::ZERO,
            stage_windows: 0,
            settled: Trend::TooFewWindows,
            settled_at_start: false,
            series: Vec::new(),
            windows: Vec::new(),
            tail: Window::new(catalog::OPERATIONS.len()),
        }
    }

    /// A stage begins: what was used before is not its own.
    pub async fn begin(&mut self, phase: Phase, start: Instant) {
        if self.warmup.is_empty() && phase == Phase::Warmup {
            self.warmup_start = start;
        }
        if phase == Phase::Measure {
            self.warmup_length = start - self.warmup_start;
            self.settled_at_start = self.has_settled(Sureness::AsFarAsSeen);
        }
        self.phase = phase;
        self.stage_start = start;
        self.stage_windows = 0;
        self.settled = Trend::TooFewWindows;
        self.partial.clear();
        let sample = self.sample().await;
        self.first_sample = Some(sample);
        self.last_sample = Some(sample);
    }

    /// Takes a worker's window; where it is the last of all workers, the window is complete.
    pub async fn take(&mut self, report: WorkerWindow) {
        self.note_totals(&report);
        if report.stage_start != self.stage_start {
            return;
        }
        let partial = self.partial.entry(report.index).or_insert_with(|| Partial {
            workers: 0,
            window: Window::new(catalog::OPERATIONS.len()),
            length: Duration::ZERO,
        });
        partial.window.add(&report.window);
        partial.workers += 1;
        partial.length = partial.length.max(report.length);
        if partial.workers < self.workers {
            return;
        }
        if let Some(whole) = self.partial.remove(&report.index) {
            self.complete(report.index, whole).await;
        }
    }

    /// Takes what a worker's last operations left after the end of the measured time.
    pub fn take_tail(&mut self, report: &WorkerWindow) {
        self.note_totals(report);
        self.tail.add(&report.window);
    }

    fn note_totals(&mut self, report: &WorkerWindow) {
        let totals =
            Totals { counters: report.counters, pool_wait: report.pool_wait, thread_cpu: report.thread_cpu };
        if let Some(slot) = self.totals.get_mut(report.worker) {
            *slot = totals;
        }
        if report.is_start_of_measuring
            && let Some(slot) = self.totals_at_start.get_mut(report.worker)
        {
            *slot = totals;
        }
    }

    async fn complete(&mut self, index: u64, whole: Partial) {
        let Some(before) = self.last_sample else { return };
        let sample = self.sample().await;
        self.last_sample = Some(sample);
        let counted = self.totals.iter().fold(CountersSnapshot::default(), |sum, t| sum + t.counters);
        let calls = counted - self.reported;
        self.reported = counted;
        let into_stage = self.cell.scenario.run.window.0 * index as u32;
        // Both stages of a warm-up are one series.
        let (start, number) = match self.phase {
            Phase::Warmup => (self.stage_start - self.warmup_start + into_stage, self.warmup.len() as u64),
            Phase::Measure => (into_stage, index),
        };
        let series = series(self.phase, number, start, &whole, calls, &before, &sample);
        self.tell(start, &whole, &series);
        match self.phase {
            Phase::Warmup => {
                self.warmup.push(series);
                self.stage_windows += 1;
                self.settled = self.trend();
            }
            Phase::Measure => {
                self.series.push(series);
                self.windows.push((start, whole.length, whole.window));
            }
        }
    }

    fn tell(&self, start: Duration, whole: &Partial, series: &Series) {
        let run = &self.cell.scenario.run;
        let measuring = self.phase == Phase::Measure;
        self.observer.observe(Event::Window {
            measuring,
            elapsed: start + whole.length,
            of: if measuring { run.duration.0 } else { run.warmup_max.0 },
            per_second: series.achieved_per_s,
            p99_us: series.response_p99_us,
            hit_rate: series.hit_rate,
            errors: series.errors + series.timeouts,
        });
    }

    /// How the hit rate of the stage's latest windows moves. The stage's first window is left out: in it
    /// the clients begin.
    fn trend(&self) -> Trend {
        let of_stage = &self.warmup[self.warmup.len() - self.stage_windows..];
        let windows: Vec<HitRateWindow> = of_stage
            .iter()
            .skip(1)
            .map(|series| HitRateWindow {
                hit_rate: series.hit_rate.unwrap_or(0.0),
                reads: series.hits + series.misses + series.negative_hits + series.bypassed,
            })
            .collect();
        let latest = windows.len().saturating_sub(FEWEST_WINDOWS.max(windows.len() / 2));
        slope_test(&windows[latest..]).trend
    }

    /// Whether the hit rate stands still.
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
        faults: Vec<FaultEvent>,
        undone: Option<StoreError>,
    ) -> Measured {
        let run = &self.cell.scenario.run;
        let zero = CountersSnapshot::default();
        let at_start = self.totals_at_start.iter().fold(zero, |sum, t| sum + t.counters);
        let at_end = self.totals.iter().fold(zero, |sum, t| sum + t.counters);
        let wait = |totals: &[Totals]| totals.iter().map(|t| t.pool_wait).sum::<PoolWaitSnapshot>();
        let busiest = self
            .totals
            .iter()
            .zip(&self.totals_at_start)
            .map(|(end, start)| end.thread_cpu.saturating_sub(start.thread_cpu))
            .max()
            .unwrap_or_default();
        let (hotset_cores, cache_cores, database_cores) = match (&self.first_sample, &self.last_sample) {
            (Some(first), Some(last)) => cores(first, last),
            _ => (None, None, None),
        };
        let in_time =
            self.windows.iter().fold(Window::new(catalog::OPERATIONS.len()), |mut sum, (.., window)| {
                sum.add(window);
                sum
            });
        let mut all = in_time.clone();
        all.add(&self.tail);
        let cache_at = |sample: &Option<Sample>| sample.as_ref().and_then(|sample| sample.cache);
        Measured {
            started_utc: String::new(),
            start_time,
            warmup_length: self.warmup_length,
            settled: self.settled_at_start,
            length: run.duration.0,
            answered_in_time: in_time.successes(),
            all,
            tail: self.tail,
            windows: self.windows,
            warmup: self.warmup,
            series: self.series,
            calls: at_end - at_start,
            pool_wait: wait(&self.totals) - wait(&self.totals_at_start),
            busiest_thread_share: busiest.as_secs_f64() / run.duration.0.as_secs_f64(),
            hotset_cores,
            cache_cores,
            database_cores,
            cache_before: cache_at(&self.first_sample),
            cache_after: cache_at(&self.last_sample),
            faults,
            undone,
        }
    }

    async fn sample(&mut self) -> Sample {
        Sample {
            at: Instant::now(),
            hotset_cpu: process_cpu(),
            cache: self.deployed.cache.figures().await,
            database_cpu_seconds: self.deployed.database.cpu_seconds(&mut self.usage),
        }
    }
}

/// Cores used by hotset, by the cache's server and by the database's between two samples.
fn cores(before: &Sample, after: &Sample) -> (Option<f64>, Option<f64>, Option<f64>) {
    let seconds = (after.at - before.at).as_secs_f64();
    if seconds <= 0.0 {
        return (None, None, None);
    }
    // A server that was killed and started again begins at 0.
    let between =
        |before: f64, after: f64| Some(after - before).filter(|used| *used >= 0.0).map(|used| used / seconds);
    let hotset = between(before.hotset_cpu.as_secs_f64(), after.hotset_cpu.as_secs_f64());
    let of = |sample: &Sample| sample.cache.and_then(|cache| cache.cpu_seconds);
    let cache = of(before).zip(of(after)).and_then(|(before, after)| between(before, after));
    let database = before
        .database_cpu_seconds
        .zip(after.database_cpu_seconds)
        .and_then(|(before, after)| between(before, after));
    (hotset, cache, database)
}

fn series(
    phase: Phase,
    index: u64,
    start: Duration,
    whole: &Partial,
    calls: CountersSnapshot,
    before: &Sample,
    after: &Sample,
) -> Series {
    use crate::measure::OutcomeClass as Class;
    let window = &whole.window;
    let p99 = |kind| window.figures(kind, |_, _| true).map(|figures| (figures.p50_us, figures.p99_us));
    let (hotset_cores, cache_cores, database_cores) = cores(before, after);
    let since = |field: fn(&CacheFigures) -> u64| {
        before.cache.as_ref().zip(after.cache.as_ref()).map(|(b, a)| field(a).saturating_sub(field(b)))
    };
    Series {
        phase,
        index,
        start,
        length: whole.length,
        operations: window.operations(),
        achieved_per_s: window.rate_per_second(whole.length),
        hits: window.outcomes(Class::Hit),
        misses: window.outcomes(Class::Miss),
        negative_hits: window.outcomes(Class::NegativeHit),
        bypassed: window.outcomes(Class::Bypassed),
        errors: window.outcomes(Class::Error),
        timeouts: window.outcomes(Class::Timeout),
        hit_rate: window.hit_rate(),
        response_p50_us: p99(LatencyKind::Response).map(|(p50, _)| p50),
        response_p99_us: p99(LatencyKind::Response).map(|(_, p99)| p99),
        service_p99_us: p99(LatencyKind::Service).map(|(_, p99)| p99),
        calls,
        cache_memory_bytes: after.cache.map(|cache| cache.memory_bytes),
        cache_entries: after.cache.map(|cache| cache.entries),
        cache_evicted: since(|cache| cache.evicted),
        cache_expired: since(|cache| cache.expired),
        hotset_cores,
        cache_cores,
        database_cores,
    }
}
