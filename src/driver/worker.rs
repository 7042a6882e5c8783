//! A load-driving thread: one or more instances of the application with their connections and their
//! share of the clients, on a runtime of its own.
//!
//! Everything that an instance does happens on one thread, so a client's request, the connection's
//! task and the answer need no crossing between threads, and the recorder needs no lock.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::client::{self, Shared};
use super::control::{self, Control, Stage};
use super::touched::Touched;
use crate::application::catalog::{self, Catalog};
use crate::clock;
use crate::measure::collectors::process_cpu::thread_cpu;
use crate::measure::{Recorder, Window};
use crate::plan::Cell;
use crate::source::{Collection, Kind};
use crate::store::mongodb::{PoolWait, PoolWaitSnapshot};
use crate::store::{AnyDatabase, Counters, CountersSnapshot, ErrorKind, StoreError};
use crate::strategy::Strategy;
use crate::topology::{CacheEndpoint, DatabaseEndpoint};
use crate::workload::{OperationStream, Phase, Schedule};

/// What a worker is given.
#[derive(Clone)]
pub struct Job {
    /// The cell.
    pub cell: Arc<Cell>,
    /// How to reach the cache.
    pub cache: CacheEndpoint,
    /// How to reach the database.
    pub database: DatabaseEndpoint,
    /// What to do now.
    pub control: Arc<Control>,
    /// The operations of the warm-up.
    pub warmup: Arc<OperationStream>,
    /// The measured operations.
    pub measure: Arc<OperationStream>,
    /// When operations are due in an open loop.
    pub schedule: Option<Schedule>,
    /// Which keys were written.
    pub touched: Arc<Touched>,
}

/// What a worker reports.
pub enum Report {
    /// Its instances are connected.
    Ready,
    /// It could not connect.
    Failed(StoreError),
    /// A window of one of the stages.
    Window(Box<WorkerWindow>),
    /// Its clients have ended; what their last operations left, and what draining left undone.
    Ended(Box<WorkerWindow>, Option<StoreError>),
}

/// What a worker saw in one window.
pub struct WorkerWindow {
    /// Which worker reports.
    pub worker: usize,
    /// Whether it only says what was used before a stage began.
    pub is_start_of_stage: bool,
    /// Whether it holds what came after the last whole window.
    pub is_tail: bool,
    /// When the stage began that it belongs to.
    pub stage_start: Instant,
    /// Warm-up or measuring.
    pub phase: Phase,
    /// Which window of the stage, from 0.
    pub index: u64,
    /// How long it really was.
    pub length: Duration,
    /// The operations.
    pub window: Window,
    /// Calls of the stores since the cell began.
    pub counters: CountersSnapshot,
    /// Waiting for connections to the database since the cell began.
    pub pool_wait: PoolWaitSnapshot,
    /// CPU time of the thread since it began.
    pub thread_cpu: Duration,
}

/// Starts worker `index` of `workers`; it serves the instances whose number leaves `index` when
/// divided by `workers`.
///
/// # Errors
/// Where the operating system gives no thread.
pub fn start(
    index: usize,
    workers: usize,
    job: Job,
    reports: mpsc::UnboundedSender<Report>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("hotset-load-{index}")).spawn(move || {
        pin(&job.cell.scenario.pin.hotset, index);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                let local = LocalSet::new();
                runtime.block_on(local.run_until(work(index, workers, job, reports)));
                // Connections end with the runtime; none of their tasks may outlive the cell.
                runtime.shutdown_timeout(Duration::from_secs(1));
            }
            Err(error) => {
                let error = StoreError::new(ErrorKind::Other, format!("cannot start a runtime: {error}"));
                let _ = reports.send(Report::Failed(error));
            }
        }
    })
}

/// Keeps this thread on one of the processors, where there is a list of them.
fn pin(cpus: &[u64], index: usize) {
    #[cfg(target_os = "linux")]
    if !cpus.is_empty() {
        let mut set = rustix::thread::CpuSet::new();
        set.set(cpus[index % cpus.len()] as usize);
        // Checked against the machine's processors when the scenario was read; a container may still
        // refuse, and then the thread runs where it can.
        if let Err(error) = rustix::thread::sched_setaffinity(None, &set) {
            tracing::warn!("cannot pin a load-driving thread: {error}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (cpus, index);
}

async fn work(index: usize, workers: usize, job: Job, reports: mpsc::UnboundedSender<Report>) {
    if let Err(error) = clock::install_fine_timer() {
        tracing::warn!("no fine timer, so open-loop operations are due to the millisecond: {error}");
    }
    let counters = Counters::default();
    let instances = job.cell.scenario.workload.instances.get();
    let mut strategies = Vec::new();
    let mut pools = Vec::new();
    for _ in (index as u64..instances).step_by(workers) {
        match connect(&job, &counters).await {
            Ok((strategy, pool)) => {
                strategies.push(Arc::new(strategy));
                pools.extend(pool);
            }
            Err(error) => {
                let _ = reports.send(Report::Failed(error));
                return;
            }
        }
    }
    let recorder = Rc::new(RefCell::new(Recorder::new(catalog::OPERATIONS.len(), Recorder::LATE_AFTER)));
    let mut clients = Vec::new();
    for (slot, strategy) in strategies.iter().enumerate() {
        let instance = (index + slot * workers) as u64;
        let shared = Shared {
            application: Arc::new(Catalog::new(Arc::clone(strategy))),
            recorder: Rc::clone(&recorder),
            warmup: Arc::clone(&job.warmup),
            measure: Arc::clone(&job.measure),
            schedule: job.schedule,
            control: Arc::clone(&job.control),
            touched: Arc::clone(&job.touched),
        };
        for client in (instance..job.cell.scenario.workload.clients.get()).step_by(instances as usize) {
            clients.push(tokio::task::spawn_local(client::run(client as u32, shared.clone())));
        }
    }
    let _ = reports.send(Report::Ready);
    let mut windows = Windows {
        worker: index,
        recorder,
        counters,
        pools,
        length: job.cell.scenario.run.window.0,
        reports: reports.clone(),
        stage: job.control.follow(),
        last: Instant::now(),
    };
    windows.follow().await;
    for client in clients {
        // A client ends within the timeouts of its stores.
        if let Err(error) = client.await {
            let error =
                StoreError::new(ErrorKind::Other, format!("a client ended by a mistake in hotset: {error}"));
            let _ = reports.send(Report::Failed(error));
            return;
        }
    }
    let mut undone = None;
    for strategy in &strategies {
        if let Err(error) = strategy.drain(job.cell.scenario.run.drain_timeout.0).await {
            undone = Some(error);
        }
    }
    let mut tail = windows.take(Phase::Measure, u64::MAX);
    tail.is_tail = true;
    let _ = reports.send(Report::Ended(Box::new(tail), undone));
}

/// One instance: its connections, and the strategy over them.
async fn connect(
    job: &Job,
    counters: &Counters,
) -> Result<(impl Strategy + use<>, Option<PoolWait>), StoreError> {
    let scenario = &job.cell.scenario;
    let cache = job
        .cache
        .connect(scenario.workload.connections.get(), scenario.network.cache_rtt, counters.clone())
        .await?;
    let database =
        job.database.connect(scenario.network.database_rtt, &scenario.database, counters.clone()).await?;
    let pool = match database.inner() {
        AnyDatabase::Mongo(mongodb) => Some(mongodb.pool_wait().clone()),
        AnyDatabase::Embedded(_) => None,
    };
    let kind = Kind { key_prefix: "product:".into(), ttl: scenario.cache.ttl.map(|ttl| ttl.0) };
    let source = Collection::new(database, catalog::COLLECTION, kind);
    Ok((job.cell.strategy.spec.build(cache, source), pool))
}

/// Hands a window over at each of its ends.
struct Windows {
    worker: usize,
    recorder: Rc<RefCell<Recorder>>,
    counters: Counters,
    pools: Vec<PoolWait>,
    length: Duration,
    reports: mpsc::UnboundedSender<Report>,
    stage: watch::Receiver<Stage>,
    last: Instant,
}

impl Windows {
    /// Through all stages, until the measured time is over.
    async fn follow(&mut self) {
        let mut stages = self.stage.clone();
        let mut stage = Stage::Prepare;
        loop {
            stage = control::next(&mut stages, stage).await;
            let mut over = stages.clone();
            match stage {
                Stage::Prepare => {}
                Stage::Fill { start } | Stage::Warmup { start } => {
                    clock::sleep_until(start).await;
                    self.begin_stage();
                    tokio::select! {
                        () = self.hand_over(Phase::Warmup, start, None) => {}
                        _ = control::next(&mut over, stage) => {}
                    }
                }
                Stage::Measure { start, end } => {
                    clock::sleep_until(start).await;
                    self.begin_stage();
                    tokio::select! {
                        () = self.hand_over(Phase::Measure, start, Some(end)) => {}
                        _ = control::next(&mut over, stage) => {}
                    }
                    return;
                }
                Stage::Stop => return,
            }
        }
    }

    /// The operations after the last whole window of the stage before are nobody's, and what was used until
    /// now is not to be counted as used in this stage.
    fn begin_stage(&mut self) {
        let mut before = self.take(Phase::Warmup, u64::MAX);
        before.is_start_of_stage = true;
        let _ = self.reports.send(Report::Window(Box::new(before)));
    }

    async fn hand_over(&mut self, phase: Phase, start: Instant, end: Option<Instant>) {
        self.last = start;
        for index in 0.. {
            let mut at = start + self.length * (index as u32 + 1);
            let is_last = end.is_some_and(|end| at >= end);
            if let Some(end) = end.filter(|_| is_last) {
                at = end;
            }
            clock::sleep_until(at).await;
            let mut window = self.take(phase, index);
            window.stage_start = start;
            let _ = self.reports.send(Report::Window(Box::new(window)));
            if is_last {
                return;
            }
        }
    }

    fn take(&mut self, phase: Phase, index: u64) -> WorkerWindow {
        let now = Instant::now();
        let length = now - self.last;
        self.last = now;
        WorkerWindow {
            worker: self.worker,
            is_start_of_stage: false,
            is_tail: false,
            stage_start: now,
            phase,
            index,
            length,
            window: self.recorder.borrow_mut().swap(Window::new(catalog::OPERATIONS.len())),
            counters: self.counters.snapshot(),
            pool_wait: self.pools.iter().map(PoolWait::snapshot).sum(),
            thread_cpu: thread_cpu(),
        }
    }
}
