//! A load-driving thread: one or more instances of the application with their connections and their
//! share of the clients, on a runtime of its own.
//!
//! Everything that an instance does happens on one thread, so a client's request, the connection's
//! task and the answer need no crossing between threads, and the recorder needs no lock.

use std::cell::{Cell as Counter, RefCell};
use std::ops::{Add, Sub};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::client::{self, JoiningClients, WorkerState};
use super::control::{self, Control, Stage};
use super::faults;
use super::instance::{Instance, Recovered};
use super::open_loop::{Schedules, ThreadQueues};
use crate::application::touched::Touched;
use crate::application::{AnyApplication, AnyWorld, Application};
use crate::audit::Audit;
use crate::base::clock;
use crate::load::workload::{OperationStream, PhasedStream};
use crate::measure::collectors::process_cpu::thread_cpu;
use crate::measure::{OutageRecorder, QueueUse, Recorder, Window};
use crate::results::Phase;
use crate::run::fault::Life;
use crate::run::plan::Cell;
use crate::store::mongodb::{PoolWait, PoolWaitSnapshot};
use crate::store::{
    AnyDatabase, AppCache, AppDatabase, Counters, CountersSnapshot, ErrorKind, FirstFailures, StoreError,
};
use crate::strategy::Backlog;
use crate::topology::{CacheEndpoint, DatabaseEndpoint};

/// How long a thread waits for what its connections do on threads of their own, as looking up a name.
const SHUTDOWN_BOUND: Duration = Duration::from_millis(500);

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
    pub measure: Arc<PhasedStream>,
    /// When operations are due in an open loop.
    pub schedules: Option<Schedules>,
    /// Which keys were written.
    pub touched: Arc<Touched>,
    /// What holds every read against every write.
    pub audit: Option<Arc<Audit>>,
    /// Whether each instance runs; none where no fault crashes any.
    pub lives: Arc<[watch::Sender<Life>]>,
    /// What outlives the instances.
    pub world: AnyWorld,
    /// The counts of what runs beside the instances.
    pub beside: Counters,
}

impl Job {
    /// How many kinds of operation there are.
    fn kinds(&self) -> usize {
        self.cell.scenario.application.spec.operations().len()
    }
}

/// What a worker reports.
pub enum Report {
    /// Its instances are connected.
    Ready,
    /// It could not connect.
    Failed(StoreError),
    /// A window of one of the stages.
    Window(Box<WorkerWindow>),
    /// Its instances have delivered what they held back, but for what stands here.
    Delivered(Option<StoreError>),
    /// Its clients have ended: what it still has to hand over, and what draining left undone.
    Ended(Box<WorkerEnd>, Option<StoreError>),
    /// An instance that had crashed serves again.
    Recovered(u64, Recovered),
}

/// What a worker hands over when its clients have ended.
pub struct WorkerEnd {
    /// What came after its last window.
    pub tail: WorkerWindow,
    /// What it saw of outages.
    pub outages: OutageRecorder,
    /// The first failure of each step with each kind of error.
    pub first_failures: FirstFailures,
}

/// One window of one worker.
pub struct WorkerWindow {
    /// The worker that reports.
    pub worker: usize,
    /// When the stage began that the window belongs to.
    pub stage_start: Instant,
    /// The window's number in its stage, counted from 0.
    pub index: u64,
    /// The window's real length.
    pub length: Duration,
    /// The operations that ended in it.
    pub operations: Window,
    /// What the worker used in it.
    pub used: Used,
    /// What its instances had acknowledged at the end of the window and not flushed.
    pub backlog: Vec<Backlog>,
    /// How full its queues were; `None` in a closed loop.
    pub queues: Option<QueueUse>,
}

/// What a worker has used: since it began, or between two moments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Calls of the stores.
    pub calls: CountersSnapshot,
    /// Waits for connections to the database.
    pub pool_wait: PoolWaitSnapshot,
    /// CPU time of its thread.
    pub thread_cpu: Duration,
}

impl Sub for Used {
    type Output = Self;

    /// Returns what was used since an earlier moment.
    fn sub(self, earlier: Self) -> Self {
        Self {
            calls: self.calls - earlier.calls,
            pool_wait: self.pool_wait - earlier.pool_wait,
            thread_cpu: self.thread_cpu.saturating_sub(earlier.thread_cpu),
        }
    }
}

impl Add for Used {
    type Output = Self;

    /// Returns the sum of both.
    fn add(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            pool_wait: [self.pool_wait, other.pool_wait].into_iter().sum(),
            thread_cpu: self.thread_cpu + other.thread_cpu,
        }
    }
}

/// Starts worker `index` of `workers`; of the instances of this process it serves each `workers`th, from the one at `index`
/// on.
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
        if let Err(error) = pin(&job.cell.scenario.pin.hotset, index) {
            let reason =
                format!("a load-driving thread cannot be kept on its processor (run.pin.hotset): {error}");
            let _ = reports.send(Report::Failed(StoreError::new(ErrorKind::Other, reason)));
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                let local = LocalSet::new();
                let control = Arc::clone(&job.control);
                runtime.block_on(local.run_until(async {
                    tokio::select! {
                        // Whatever a client, an instance or a window waits for: its due time may be a day away.
                        () = control.stopped() => {}
                        () = work(index, workers, job, reports) => {}
                    }
                }));
                {
                    let _context = runtime.enter();
                    drop(local);
                }
                // Connections end with the runtime; none of their tasks may outlive the cell.
                runtime.shutdown_timeout(SHUTDOWN_BOUND);
            }
            Err(error) => {
                let error = StoreError::new(ErrorKind::Other, format!("cannot start a runtime: {error}"));
                let _ = reports.send(Report::Failed(error));
            }
        }
    })
}

/// Keeps this thread on one of the processors, where there is a list of them.
fn pin(cpus: &[u64], index: usize) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if !cpus.is_empty() {
        let mut set = rustix::thread::CpuSet::new();
        set.set(cpus[index % cpus.len()] as usize);
        rustix::thread::sched_setaffinity(None, &set)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (cpus, index);
    Ok(())
}

async fn work(index: usize, workers: usize, job: Job, reports: mpsc::UnboundedSender<Report>) {
    if let Err(error) = clock::install_fine_timer() {
        tracing::warn!("no fine timer, so open-loop operations are due to the millisecond: {error}");
    }
    let counters = Counters::default();
    let pools = Rc::new(RefCell::new(Vec::new()));
    let numbers = job.cell.own_instances().skip(index).step_by(workers);
    let instances = match connect_all(&job, numbers, &counters, &pools).await {
        Ok(instances) => instances,
        Err(error) => {
            let _ = reports.send(Report::Failed(error));
            return;
        }
    };
    let recorder = Rc::new(RefCell::new(Recorder::new(job.kinds(), Recorder::LATE_AFTER)));
    let filling = Rc::default();
    let (clients, queues) = start_clients(&job, &instances, &recorder, &filling, &counters);
    let lives = futures_util::future::join_all(instances.iter().map(|(number, instance)| {
        let recovered = |recovered| drop(reports.send(Report::Recovered(*number, recovered)));
        Box::pin(instance.live(|| Box::pin(connect(&job, *number, &counters, &pools)), recovered))
    }));
    let _ = reports.send(Report::Ready);
    let mut windows = Windows {
        worker: index,
        recorder,
        counters: counters.clone(),
        pools: Rc::clone(&pools),
        instances: instances.iter().map(|(_, instance)| Rc::clone(instance)).collect(),
        length: job.cell.scenario.run.window.0,
        reports: reports.clone(),
        stage: job.control.follow(),
        last: Instant::now(),
        used: Used::default(),
        faults: faults::beginnings(&job.cell),
        kinds: job.kinds(),
        filling,
        queues,
    };
    let work = async {
        windows.follow().await;
        // Clients end within the timeouts of their stores.
        clients.await.map_err(|error| {
            StoreError::new(ErrorKind::Other, format!("a client ended by a mistake in hotset: {error}"))
        })?;
        let mut undone = None;
        for (_, instance) in &instances {
            if let Err(error) = Box::pin(instance.drain(job.cell.scenario.run.drain_timeout.0)).await {
                undone = Some(error);
            }
        }
        let tail = windows.take(windows.last, u64::MAX, Phase::Measure);
        let outages = windows.recorder.borrow().outages().clone();
        let first_failures = counters.first_failures();
        Ok(Report::Ended(Box::new(WorkerEnd { tail, outages, first_failures }), undone))
    };
    let report = tokio::select! {
        ended = work => ended.unwrap_or_else(Report::Failed),
        // Instances live on as long as somebody may crash them.
        report = async { lives.await; std::future::pending().await } => report,
    };
    let _ = reports.send(report);
}

/// The instances of these numbers, each with its number.
async fn connect_all(
    job: &Job,
    numbers: impl Iterator<Item = u64>,
    counters: &Counters,
    pools: &RefCell<Vec<PoolWait>>,
) -> Result<Vec<(u64, Rc<Instance<AnyApplication<AppCache, AppDatabase>>>)>, StoreError> {
    let mut instances = Vec::new();
    for number in numbers {
        // Boxed, as are the others of an instance's futures: each is as deep as the strategies are, and there is one of them.
        let application = Box::pin(connect(job, number, counters, pools)).await?;
        let life = job.lives.get(number as usize).map(watch::Sender::subscribe);
        instances.push((number, Rc::new(Instance::new(application, life))));
    }
    Ok(instances)
}

/// Starts the clients of this thread's instances; their queues are returned beside them.
fn start_clients<A: Application>(
    job: &Job,
    instances: &[(u64, Rc<Instance<A>>)],
    recorder: &Rc<RefCell<Recorder>>,
    filling: &Rc<Counter<u64>>,
    counters: &Counters,
) -> (tokio::task::JoinHandle<()>, ThreadQueues) {
    let mut queues = ThreadQueues::default();
    let joining = JoiningClients::default();
    let mut clients = Vec::new();
    for (number, instance) in instances {
        let shared = WorkerState {
            instance: Rc::clone(instance),
            recorder: Rc::clone(recorder),
            warmup: Arc::clone(&job.warmup),
            measure: Arc::clone(&job.measure),
            open_loop: None,
            filling: Rc::clone(filling),
            joining: Rc::clone(&joining),
            control: Arc::clone(&job.control),
            touched: Arc::clone(&job.touched),
            audit: job.audit.clone(),
            counters: counters.clone(),
        };
        let of_instance = queues.clients_of(*number, &job.cell.scenario, job.schedules.as_ref());
        clients.extend(
            of_instance
                .into_iter()
                .map(|(client, open_loop)| (client as u32, WorkerState { open_loop, ..shared.clone() })),
        );
    }
    (tokio::task::spawn_local(client::run_all(clients, joining)), queues)
}

/// One instance: its connections, the strategies over them, and the application over those.
async fn connect(
    job: &Job,
    number: u64,
    counters: &Counters,
    pools: &RefCell<Vec<PoolWait>>,
) -> Result<AnyApplication<AppCache, AppDatabase>, StoreError> {
    let scenario = &job.cell.scenario;
    let cache = job
        .cache
        .connect(scenario.workload.connections.get(), scenario.network.cache_rtt, counters.clone())
        .await?;
    let database = job.database.connect(&scenario.network, &scenario.database, counters.clone()).await?;
    if let AnyDatabase::Mongo(mongodb) = database.inner() {
        pools.borrow_mut().push(mongodb.pool_wait().clone());
    }
    let spec = &scenario.application.spec;
    let strategies = (0..spec.entities().len()).map(|entity| job.cell.strategy_of(entity).clone()).collect();
    let how = (job.cell.kinds(), strategies);
    spec.build(number, (cache, database), how, scenario.facts(), job.world.clone())
        .ok_or_else(|| StoreError::new(ErrorKind::Other, "the cell's world is that of another application"))
}

/// Between two looks at whether clients still fill the cache.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Hands a window over at each of its ends.
struct Windows<A> {
    worker: usize,
    recorder: Rc<RefCell<Recorder>>,
    counters: Counters,
    pools: Rc<RefCell<Vec<PoolWait>>>,
    instances: Vec<Rc<Instance<A>>>,
    length: Duration,
    reports: mpsc::UnboundedSender<Report>,
    stage: watch::Receiver<Stage>,
    /// When the window before ended.
    last: Instant,
    /// What was used until then.
    used: Used,
    /// When faults begin, from the start of measuring.
    faults: Vec<Duration>,
    /// How many kinds of operation there are.
    kinds: usize,
    /// Where arrivals wait.
    queues: ThreadQueues,
    /// How many clients are filling the cache.
    filling: Rc<Counter<u64>>,
}

impl<A: Application> Windows<A> {
    /// Through all stages, until the measured time is over.
    async fn follow(&mut self) {
        let mut stages = self.stage.clone();
        let mut stage = Stage::Prepare;
        loop {
            stage = control::next(&mut stages, stage).await;
            let mut over = stages.clone();
            match stage {
                Stage::Prepare => {}
                Stage::Deliver { within } => self.deliver(within).await,
                Stage::Fill { start } | Stage::Warmup { start } => {
                    clock::sleep_until(start).await;
                    self.begin_stage();
                    tokio::select! {
                        () = self.hand_over(start, None, Phase::Warmup) => {}
                        _ = control::next(&mut over, stage) => {}
                    }
                }
                Stage::Measure { start, end } => {
                    clock::sleep_until(start).await;
                    self.begin_stage();
                    let faults = self.faults.iter().map(|at| (start + *at).into_std()).collect();
                    self.recorder.borrow_mut().watch_outages(faults, self.kinds);
                    tokio::select! {
                        () = self.hand_over(start, Some(end), Phase::Measure) => {}
                        _ = control::next(&mut over, stage) => {}
                    }
                    return;
                }
                Stage::Stop => return,
            }
        }
    }

    /// Waits until the last operation of the filling has ended, which else the load would find before it, and has each
    /// instance deliver what it holds back.
    async fn deliver(&self, within: Duration) {
        let deadline = Instant::now() + within;
        while self.filling.get() > 0 && Instant::now() < deadline {
            clock::sleep(BETWEEN_LOOKS).await;
        }
        let mut undone = None;
        for instance in &self.instances {
            let left = deadline.saturating_duration_since(Instant::now());
            undone = undone.or(Box::pin(instance.drain(left)).await.err());
        }
        let _ = self.reports.send(Report::Delivered(undone));
    }

    /// The operations after the last whole window of the stage before are nobody's, and what was used until
    /// now is not to be counted as used in this stage.
    fn begin_stage(&mut self) {
        drop(self.take(self.last, u64::MAX, Phase::Warmup));
    }

    async fn hand_over(&mut self, start: Instant, end: Option<Instant>, phase: Phase) {
        self.last = start;
        for index in 0.. {
            let mut at = start + self.length * (index as u32 + 1);
            let is_last = end.is_some_and(|end| at >= end);
            if let Some(end) = end.filter(|_| is_last) {
                at = end;
            }
            clock::sleep_until(at).await;
            let window = self.take(start, index, phase);
            let _ = self.reports.send(Report::Window(Box::new(window)));
            if is_last {
                return;
            }
        }
    }

    /// Takes what was counted and used since the window before.
    fn take(&mut self, stage_start: Instant, index: u64, phase: Phase) -> WorkerWindow {
        let now = Instant::now();
        let used = Used {
            calls: self.counters.snapshot(),
            pool_wait: self.pools.borrow().iter().map(PoolWait::snapshot).sum(),
            thread_cpu: thread_cpu(),
        };
        let queues = match phase {
            Phase::Warmup => &self.queues.warmup,
            Phase::Measure => &self.queues.measure,
        };
        let window = WorkerWindow {
            worker: self.worker,
            stage_start,
            index,
            length: now - self.last,
            operations: self.recorder.borrow_mut().swap(Window::new(self.kinds)),
            used: used - self.used,
            backlog: self.instances.iter().map(|instance| instance.backlog()).collect(),
            queues: queues.take_use(now),
        };
        (self.last, self.used) = (now, used);
        window
    }
}
