//! One cell: connect, warm up, measure, break what is to be broken, drain.

pub mod arrivals;
mod beginnings;
pub mod client;
mod conclude;
pub mod control;
mod crew;
pub mod dataset;
mod faults;
mod gather;
pub mod instance;
pub mod open_loop;
mod prerequisites;
#[cfg(test)]
mod testing;
pub mod worker;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::application::Dataset as _;
use crate::application::touched::Touched;
use crate::audit::{Audit, ForeignKeys, Setup};
use crate::base::clock::{self, Instant};
use crate::base::interrupt::Interrupt;
use crate::base::observer::{Event, LoadStage, Observer};
use crate::load::workload::{OperationStream, PhasedStream};
use crate::measure::Warmth;
use crate::results::{EventKind, EventRow, Phase};
use crate::run::fault::{Breakable, Life, Part};
use crate::run::findings::{AuditEnd, Load, Observed, ObservedEvent, OfferedLoad};
use crate::run::plan::Cell;
use crate::run::plan::settings::CacheAtStart;
use crate::run::segments::meeting::Meeting;
use crate::run::segments::protocol::MeetingPoint;
use crate::store::{Counters, StoreError};
use crate::topology::Deployed;
use beginnings::Beginnings;
use control::{Control, Stage};
use crew::{CONNECT_BOUND, Crew};
use gather::{Gatherer, Sureness};
use open_loop::Schedules;
pub use prerequisites::uses;
use worker::{Job, Report};

/// What instances do between the filling of the cache and the warm-up.
const DELIVERING: &str = "delivering what was written while the cache was filled";
/// What takes no longer is not told of.
const QUICKLY: Duration = Duration::from_secs(1);
/// Operations of the warm-up have so long to end before the cache is restarted.
const BEFORE_RESTART: Duration = Duration::from_millis(200);
/// Connections that broke while the cache was away are there again within this, those that announce changed keys among them.
const AFTER_RESTART: Duration = Duration::from_millis(600);
/// The longest time that a cell may take to end where the user wants the run to end.
const HURRIED_END_BOUND: Duration = Duration::from_millis(300);

/// Why a cell has no figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellError {
    /// The user wants the run to end.
    Interrupted,
    /// Something did not work.
    Failed(String),
}

/// Runs a cell on what is deployed for it, together with the other segments where several processes drive the load, and
/// returns what was observed with the keys that were written.
///
/// # Errors
/// [`CellError`]; every thread has ended then, or will within the timeouts of its stores.
pub async fn run_cell(
    cell: &Arc<Cell>,
    deployed: Deployed<'_>,
    meeting: Option<&Meeting>,
    observer: &dyn Observer,
    interrupt: &Interrupt,
) -> Result<(Observed, Arc<Touched>), CellError> {
    let started_utc = crate::base::clock::now_utc();
    let streams = Streams::of(cell).map_err(CellError::Failed)?;
    let touched = Arc::new(Touched::none_of(cell.scenario.documents().len()));
    let world = cell.scenario.application.spec.world();
    let control = Arc::new(Control::default());
    let job = Job {
        cell: Arc::clone(cell),
        cache: deployed.cache.endpoint().clone(),
        database: deployed.database.endpoint().clone(),
        control: Arc::clone(&control),
        warmup: Arc::clone(&streams.warmup),
        measure: Arc::clone(&streams.measure),
        schedules: streams.schedules,
        touched: Arc::clone(&touched),
        audit: audit(cell),
        lives: lives(cell),
        world: world.clone(),
        beside: Counters::default(),
    };
    unless(interrupt, Box::pin(prerequisites::try_out(cell, deployed))).await?;
    let sidecar = unless(interrupt, start_sidecar(&job)).await?;
    let mut crew = Crew::start(&job).map_err(CellError::Failed)?;
    let beginnings = Beginnings { cell, meeting, observer };
    let measured = unless(interrupt, Box::pin(measure(beginnings, deployed, &job, &mut crew))).await;
    control.set(Stage::Stop);
    if interrupt.cut_after(HURRIED_END_BOUND, crew.end()).await.is_none() {
        return Err(CellError::Interrupted);
    }
    let load = measured?;
    if let Some(why) = cell.scenario.recorded.as_ref().and_then(|recorded| recorded.failure()) {
        return Err(CellError::Failed(why.to_owned()));
    }
    if let Some(sidecar) = sidecar {
        let ended = interrupt.cut(sidecar.end(cell.scenario.run.drain_timeout.0)).await;
        ended.ok_or(CellError::Interrupted)?;
    }
    let audited = match &job.audit {
        None => None,
        Some(audit) => {
            let keys = touched.keys();
            let compared = interrupt.cut(conclude::conclude(cell, deployed, audit, &keys, observer)).await;
            Some(AuditEnd::of(audit, compared.ok_or(CellError::Interrupted)?))
        }
    };
    Ok((Observed { started_utc, load, audited, application: world.figures() }, touched))
}

/// Returns the result of a step, unless the user wants the run to end.
///
/// # Errors
/// [`CellError::Interrupted`] then, and what the step says where it fails.
pub async fn unless<T>(
    interrupt: &Interrupt,
    step: impl Future<Output = Result<T, String>>,
) -> Result<T, CellError> {
    interrupt.cut(step).await.ok_or(CellError::Interrupted)?.map_err(CellError::Failed)
}

/// The shares of the hottest keys are counted over so many operations of the stream.
const REALISED_OVER: u64 = 1_000_000;

/// Works out what the clients of a cell are offered, by drawing the operations.
///
/// # Errors
/// Returns an error if the workload cannot be drawn.
pub fn offered(cell: &Cell) -> Result<OfferedLoad, String> {
    let stream = Streams::of(cell)?.measure;
    Ok(OfferedLoad { digest: stream.digests(), shares: stream.realised_shares(REALISED_OVER) })
}

/// The operations that the clients of a cell are offered.
struct Streams {
    warmup: Arc<OperationStream>,
    measure: Arc<PhasedStream>,
    schedules: Option<Schedules>,
}

impl Streams {
    fn of(cell: &Cell) -> Result<Self, String> {
        let (scenario, seed) = (&cell.scenario, cell.seed());
        let warmup = scenario.stream(Phase::Warmup, seed).map_err(|error| error.to_string())?;
        let measure = scenario.measured_stream(seed).map_err(|error| error.to_string())?;
        Ok(Self {
            warmup: Arc::new(warmup),
            measure: Arc::new(measure),
            schedules: Schedules::of(scenario, seed),
        })
    }
}

/// A task that runs beside the instances of the application, on a connection of its own and not on a load-driving
/// thread; it ends when this is dropped.
struct Sidecar {
    ended: watch::Sender<bool>,
    tasks: tokio::task::JoinSet<()>,
}

impl Sidecar {
    /// The instances have ended: lets it do what they have left to do, for at most `bound`.
    async fn end(mut self, bound: Duration) {
        let _ = self.ended.send(true);
        let _ = tokio::time::timeout(bound, self.tasks.join_next()).await;
    }
}

/// Starts what runs beside the instances, where something does.
async fn start_sidecar(job: &Job) -> Result<Option<Sidecar>, String> {
    let scenario = &job.cell.scenario;
    if !scenario.application.spec.has_sidecar() {
        return Ok(None);
    }
    let cache = job.cache.connect(1, scenario.network.cache_rtt, job.beside.clone()).await;
    let cache =
        cache.map_err(|error| format!("what runs beside the application could not connect: {error}"))?;
    let (cell, world) = (Arc::clone(&job.cell), job.world.clone());
    let (ended, is_ended) = watch::channel(false);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { cell.scenario.application.spec.run_sidecar(cache, world, is_ended).await });
    Ok(Some(Sidecar { ended, tasks }))
}

/// Returns the audit of a cell, where its scenario wants one.
fn audit(cell: &Cell) -> Option<Arc<Audit>> {
    let workload = &cell.scenario.workload;
    let setup = Setup {
        keys: cell.scenario.documents().len(),
        clients: workload.clients.get(),
        instances: workload.instances.get(),
    };
    cell.scenario.run.audit.then(|| {
        let (audit, dataset) = (Audit::new(setup), cell.scenario.documents());
        for subject in (0..dataset.len()).filter(|subject| !dataset.is_there_at_first(*subject)) {
            audit.is_absent_at_first(subject);
        }
        Arc::new(match cell.scenario.write_keys() {
            None => audit,
            Some(keys) => audit.leaving_out(ForeignKeys::of(keys.of_others(cell.scenario.part))),
        })
    })
}

/// A switch for each instance, where a fault is aimed at one.
fn lives(cell: &Cell) -> Arc<[watch::Sender<Life>]> {
    let are_aimed_at = cell.scenario.faults.iter().any(|fault| fault.nature().part == Part::Application);
    let instances = if are_aimed_at { cell.scenario.workload.instances.get() } else { 0 };
    (0..instances).map(|_| watch::channel(Life::Up).0).collect()
}

/// Warms up, measures and drains.
async fn measure(
    beginnings: Beginnings<'_>,
    deployed: Deployed<'_>,
    job: &Job,
    crew: &mut Crew,
) -> Result<Load, String> {
    let Beginnings { cell, observer, .. } = beginnings;
    crew.connected().await?;
    let mut gatherer = Gatherer::new(cell, deployed, crew.size(), observer);
    let wanted = cell.scenario.run.cache;
    if wanted == CacheAtStart::Restored {
        deployed.cache.forget_history().await.map_err(|error| error.to_string())?;
    }
    if wanted != CacheAtStart::Cold {
        warm_up(beginnings, crew, &mut gatherer).await?;
    }
    let mut restored = None;
    if wanted == CacheAtStart::Restored {
        restored = Some((Instant::now(), restart_cache(crew, deployed, observer).await?));
    }

    let start = beginnings.next(MeetingPoint::Measuring, crew, &mut gatherer).await?;
    let end = start + cell.scenario.run.duration.0;
    let start_time = SystemTime::now() + start.saturating_duration_since(Instant::now());
    crew.control.set(Stage::Measure { start, end });
    if let Some(audit) = &job.audit {
        audit.begin_measuring(start);
    }
    job.world.begin_measuring();
    let before = job.beside.snapshot().setbacks;
    clock::sleep_until(start).await;
    gatherer.begin(LoadStage::Measuring, start).await;
    // At the same time: a server that does not say how it is must not hold up what the scenario does to it.
    let faults = faults::run(cell, Breakable { deployed, instances: &job.lives }, start);
    let (ended, broken) =
        tokio::try_join!(gather(cell, crew, &mut gatherer, start), async { Ok(faults.await) })?;
    let mut events = ended.recoveries;
    events.extend(broken);
    events.extend(noticed_since(start, deployed));
    events.extend(restored.map(|(at, detail)| ObservedEvent {
        fault: None,
        row: EventRow {
            at_s: -(start - at).as_secs_f64(),
            kind: EventKind::Restored,
            subject: "the cache".into(),
            detail,
        },
    }));
    events.sort_by(|a, b| a.row.at_s.total_cmp(&b.row.at_s));
    let nodes = deployed.cache.node_figures().await;
    let mut load = gatherer.finish(start_time, nodes, events, ended.undone);
    // Its calls are none of the operations'; what it failed in is a failure of the cell.
    load.calls.setbacks = load.calls.setbacks + (job.beside.snapshot().setbacks - before);
    load.first_failures.add(job.beside.first_failures());
    Ok(load)
}

/// The reports of the load-driving threads besides their windows, until all of them had ended.
#[derive(Default)]
struct CrewEnd {
    recoveries: Vec<ObservedEvent>,
    /// The first reason why a strategy left something to do.
    undone: Option<StoreError>,
}

/// Gathers what every load-driving thread reports until it has ended.
async fn gather(
    cell: &Cell,
    crew: &mut Crew,
    gatherer: &mut Gatherer<'_>,
    start: Instant,
) -> Result<CrewEnd, String> {
    let run = &cell.scenario.run;
    // After the end, operations under way end within their timeouts and strategies drain within theirs.
    let patience =
        run.window.0 + client::CATCHING_UP + run.drain_timeout.0 + cell.scenario.longest_operation();
    let mut end = CrewEnd::default();
    let mut ended = 0;
    while ended < crew.size() {
        match crew.next(patience, "measuring").await? {
            Report::Window(window) => gatherer.take(*window).await,
            Report::Ended(last, left) => {
                gatherer.take_end(*last);
                end.undone = end.undone.or(left);
                ended += 1;
            }
            Report::Recovered(instance, recovered) => {
                let at_s = (recovered.at - start).as_secs_f64();
                end.recoveries.extend(faults::instance_recovered(cell, instance, at_s, recovered.writes));
            }
            Report::Failed(error) => return Err(error.to_string()),
            Report::Ready | Report::Delivered(_) => {}
        }
    }
    Ok(end)
}

/// Returns what the connections have noticed from the beginning of measuring on.
fn noticed_since(start: Instant, deployed: Deployed<'_>) -> impl Iterator<Item = ObservedEvent> {
    let noticed = deployed.cache.noticed().into_iter().filter(move |noticed| noticed.at >= start);
    noticed.map(move |noticed| ObservedEvent {
        fault: None,
        row: EventRow {
            at_s: (noticed.at - start).as_secs_f64(),
            kind: noticed.kind,
            subject: noticed.subject,
            detail: noticed.detail,
        },
    })
}

/// Until the hit rate cannot be told from standing still, within the scenario's bound. Before an open
/// loop the cache is first filled as fast as clients can.
async fn warm_up(
    beginnings: Beginnings<'_>,
    crew: &mut Crew,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), String> {
    let cell = beginnings.cell;
    let run = &cell.scenario.run;
    let open_loop = cell.scenario.workload.rate_per_second.is_some();
    let first = if open_loop { MeetingPoint::Filling } else { MeetingPoint::WarmingUp };
    let mut start = beginnings.next(first, crew, gatherer).await?;
    let mut deadline = start + run.warmup_max.0;
    let mut filled = Warmth::Steady;
    if open_loop {
        let half = start + run.warmup_max.0 / 2;
        crew.control.set(Stage::Fill { start });
        gatherer.begin(LoadStage::Filling, start).await;
        filled = until(cell, crew, gatherer, half, Sureness::ToAPoint).await?;
        let filled_at = Instant::now();
        deliver(cell, crew, gatherer, beginnings.observer).await?;
        let left = deadline.saturating_duration_since(filled_at);
        start = beginnings.next(MeetingPoint::WarmingUp, crew, gatherer).await?;
        // Neither delivering nor waiting for other segments is a part of it.
        deadline = start + left;
    }
    crew.control.set(Stage::Warmup { start });
    gatherer.begin(LoadStage::WarmingUp, start).await;
    // An open loop's windows may hold too few operations to be sure of a point; the fill was sure.
    let sureness = if open_loop { Sureness::AsFarAsSeen } else { Sureness::ToAPoint };
    let warmed = until(cell, crew, gatherer, deadline, sureness).await?;
    gatherer.note_warmth(filled.or_worse(warmed));
    Ok(())
}

/// Has what was written while the cache was filled delivered, so that it counts as nobody's backlog afterwards.
async fn deliver(
    cell: &Cell,
    crew: &mut Crew,
    gatherer: &mut Gatherer<'_>,
    observer: &dyn Observer,
) -> Result<(), String> {
    let telling = async {
        clock::sleep(QUICKLY).await;
        observer.observe(Event::Step { what: DELIVERING.into() });
        std::future::pending().await
    };
    let undelivered = tokio::select! {
        done = crew.deliver(cell.scenario.run.drain_timeout.0, DELIVERING) => done?,
        never = telling => never,
    };
    gatherer.note_undelivered(undelivered);
    Ok(())
}

/// Restarts the cache with what it kept on disk, while no client asks anything of it. Returns what came of it.
async fn restart_cache(
    crew: &Crew,
    deployed: Deployed<'_>,
    observer: &dyn Observer,
) -> Result<String, String> {
    observer.observe(Event::Step { what: "restarting the cache with what it kept on disk".into() });
    crew.control.set(Stage::Prepare);
    clock::sleep(BEFORE_RESTART).await;
    let before = deployed.cache.figures().await;
    let begun = Instant::now();
    let after = deployed.cache.restart_all().await.map_err(|error| error.to_string())?;
    let took = begun.elapsed().as_secs_f64();
    clock::sleep(AFTER_RESTART).await;
    let of = before.map_or_else(String::new, |before| format!(" of {}", before.entries));
    Ok(format!("back after {took:.2} s with {}{of} entries", after.entries))
}

/// Waits until one is as sure as wanted that the hit rate stands still, or until the deadline; returns how warm the
/// cache is then.
async fn until(
    cell: &Cell,
    crew: &mut Crew,
    gatherer: &mut Gatherer<'_>,
    deadline: Instant,
    sureness: Sureness,
) -> Result<Warmth, String> {
    while !gatherer.has_settled(sureness) && Instant::now() < deadline {
        match crew.next(cell.scenario.run.window.0 + CONNECT_BOUND, "warming up").await? {
            Report::Window(window) => gatherer.take(*window).await,
            Report::Failed(error) => return Err(error.to_string()),
            Report::Ended(..) => return Err("a load-driving thread ended while warming up".into()),
            Report::Ready | Report::Delivered(_) | Report::Recovered(..) => {}
        }
    }
    Ok(gatherer.warmth())
}
