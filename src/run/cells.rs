//! The cells of a plan in their order. Each is saved as it ends; an interrupted run goes on from there.

mod deployments;
mod run_record;
mod tidying;
mod until;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;

use crate::base::clock;
use crate::base::interrupt::Interrupt;
use crate::base::observer::{Event, Observer};
use crate::results::{
    CellResults, ClientDigest, Requirement, Results, ResultsDir, ResultsError, RunInfo, Status, SummaryRow,
};
use crate::run::driver::{self, CellError};
use crate::run::findings::{self, Observed, OfferedLoad};
use crate::run::floor;
use crate::run::plan::{Cell, Plan};
use crate::run::search::CellSearch;
use crate::run::segments::name::RunName;
use crate::run::segments::protocol::MeetingPoint;
use crate::run::segments::record;
use crate::topology::Deployed;
use deployments::Deployments;
use until::Until;

/// Options for running a plan.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Results go to `out`/scenario/time …
    pub out: PathBuf,
    /// … or to this directory of an interrupted run.
    pub resume: Option<PathBuf>,
    /// The command line, without secrets.
    pub command: Vec<String>,
    /// The name of the run, where several processes drive its load.
    pub run: Option<RunName>,
}

/// The outcome of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutcome {
    /// The directory with the results.
    pub directory: PathBuf,
    /// The number of cells that could not be run.
    pub failed: usize,
    /// The number of cells in which more than half of the operations failed.
    pub mostly_failed: usize,
    /// True if it was interrupted.
    pub interrupted: bool,
}

/// Why a run could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The results could not be written or read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The directory holds results of another scenario.
    #[error("{directory} holds a run of another scenario, or of this one with other options; run it anew without --resume, or give the scenario and the options that it was begun with", directory = directory.display())]
    OtherScenario {
        /// The directory.
        directory: PathBuf,
    },
}

/// Runs what is left of a plan.
///
/// Boxed, so that all of a run is compiled in this crate: what a future does is otherwise compiled wherever it is awaited.
///
/// # Errors
/// Where results cannot be written; what had been written stays.
pub fn run<'a>(
    plan: &'a Plan,
    options: &'a RunOptions,
    observer: &'a dyn Observer,
    interrupt: Interrupt,
) -> LocalBoxFuture<'a, Result<RunOutcome, RunError>> {
    Box::pin(run_plan(plan, options, observer, interrupt))
}

async fn run_plan(
    plan: &Plan,
    options: &RunOptions,
    observer: &dyn Observer,
    interrupt: Interrupt,
) -> Result<RunOutcome, RunError> {
    let Opened { mut directory, mut info, rows } = open(plan, options)?;
    let before = Ended::of(&rows);
    directory.write_run_info(&info)?;
    observer.observe(Event::RunStarted {
        cells: plan.cells.len(),
        finished: rows.len(),
        directory: directory.path().display().to_string(),
    });
    for note in directory.notes() {
        observer.observe(Event::Warning { what: note.clone() });
    }
    let segment = run_record::segment_of(plan, options.run.as_ref());
    let own_prefix = || run_record::run_id(&info.started_utc);
    let prefix = segment.as_ref().map_or_else(own_prefix, |segment| segment.run.key_prefix());
    let mut deployments = Deployments::new(&prefix, segment);
    let mut in_progress = RunInProgress {
        directory: &mut directory,
        info: &mut info,
        deployments: &mut deployments,
        streams: Streams::default(),
        required: &plan.requirements,
        observer,
        interrupt: &interrupt,
    };
    let ended = Box::pin(run_blocks(plan, rows, &mut in_progress)).await;
    // Also where results could not be written: nothing of this run stays on servers of others.
    for what in Box::pin(deployments.close(&interrupt, observer)).await {
        observer.observe(Event::Warning { what });
    }
    let ended = ended?;
    let interrupted = interrupt.is_set();
    if !interrupted {
        info.finished_utc = Some(clock::now_utc());
    }
    directory.write_run_info(&info)?;
    observer.observe(Event::RunEnded);
    let Ended { failed, mostly_failed } = ended.and(before);
    Ok(RunOutcome { directory: directory.path().to_owned(), failed, mostly_failed, interrupted })
}

/// How cells have ended that did not do what was asked.
#[derive(Debug, Clone, Copy, Default)]
struct Ended {
    /// Those that could not be run.
    failed: usize,
    /// Those in which more than half of the operations failed.
    mostly_failed: usize,
}

impl Ended {
    /// How cells have ended whose rows these are.
    fn of(rows: &[SummaryRow]) -> Self {
        Self {
            failed: rows.iter().filter(|row| row.status == Status::Failed).count(),
            mostly_failed: rows.iter().filter(|row| row.has_mostly_failed()).count(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self { failed: self.failed + other.failed, mostly_failed: self.mostly_failed + other.mostly_failed }
    }
}

/// What the cells of a run have in common.
struct RunInProgress<'a> {
    directory: &'a mut ResultsDir,
    info: &'a mut RunInfo,
    deployments: &'a mut Deployments,
    streams: Streams,
    required: &'a [Requirement],
    observer: &'a dyn Observer,
    interrupt: &'a Interrupt,
}

/// Runs what is left of each block, a repeat of every cell, as long as another is wanted. `rows` are those of the cells that an
/// earlier part of the run has finished.
async fn run_blocks(
    plan: &Plan,
    rows: Vec<SummaryRow>,
    run: &mut RunInProgress<'_>,
) -> Result<Ended, RunError> {
    let begun = Instant::now();
    let spent_before = run.info.spent_s;
    let finished: BTreeSet<String> = rows.iter().map(|row| row.cell.clone()).collect();
    let blocks_begun = rows.iter().map(|row| u64::from(row.block)).max().unwrap_or(0);
    let mut until = Until::new(plan, rows);
    let mut ended = Ended::default();
    let mut planned: BTreeSet<String> = run.info.cells.iter().cloned().collect();
    for (block, cells) in (1..).zip(plan.cells.chunk_by(|a, b| a.repeat == b.repeat)) {
        let new = cells.iter().map(|cell| &cell.id).filter(|id| planned.insert((*id).clone()));
        run.info.cells.extend(new.cloned());
        for cell in cells.iter().filter(|cell| !finished.contains(&cell.id)) {
            let Some(row) = Box::pin(run_and_save(cell, run, &mut ended)).await? else { return Ok(ended) };
            if let Some(until) = &mut until {
                until.take(row);
            }
            run.info.spent_s = spent_before + begun.elapsed().as_secs_f64();
            run.directory.write_run_info(run.info)?;
            if run.interrupt.is_set() {
                return Ok(ended);
            }
        }
        // That another block was wanted was decided when it was begun.
        if block < blocks_begun {
            continue;
        }
        let spent = Duration::from_secs_f64(run.info.spent_s);
        if let Some(known) = until.as_ref().and_then(|until| until.after(block, spent)) {
            run.observer.observe(Event::Note { what: known.sentence() });
            let is_last = known.ended_by.is_some();
            run.info.precision = Some(known);
            if is_last {
                break;
            }
        }
    }
    Ok(ended)
}

/// Runs a cell at one rate after another, each as a cell by itself: what one leaves behind, the next does not find.
async fn run_search(
    mut search: CellSearch<'_>,
    deployments: &mut Deployments,
    offered: &OfferedLoad,
    info: &mut RunInfo,
    observer: &dyn Observer,
    interrupt: &Interrupt,
) -> Result<CellResults, CellError> {
    while let Some((run, rate, cell)) = search.next_run() {
        observer.observe(Event::Step { what: format!("{}: run {run} of the search, at {rate}/s", cell.id) });
        let results = Box::pin(run_cell(&cell, deployments, offered, info, observer, interrupt)).await?;
        if interrupt.is_set() {
            return Err(CellError::Interrupted);
        }
        search.note(rate, results);
    }
    search.conclude().ok_or_else(|| CellError::Failed("the search ended before its first run".into()))
}

/// Runs a cell and saves it as it ends; `None` where it was interrupted.
async fn run_and_save(
    cell: &Cell,
    run: &mut RunInProgress<'_>,
    ended: &mut Ended,
) -> Result<Option<SummaryRow>, RunError> {
    let (observer, interrupt) = (run.observer, run.interrupt);
    let cell = Arc::new(cell.clone());
    let of_run = &cell.scenario.run;
    let at_most = (of_run.warmup_max.0 + of_run.duration.0) * cell.scenario.most_runs();
    observer.observe(Event::CellStarted { cell: cell.id.clone(), position: cell.position, at_most });
    let result = match driver::unless(interrupt, run.streams.of(&cell)).await {
        Ok(offered) => match &cell.scenario.search {
            None => run_cell(&cell, run.deployments, offered, run.info, observer, interrupt).await,
            Some(settings) => {
                let search = CellSearch::new(&cell, settings, run.required);
                run_search(search, run.deployments, offered, run.info, observer, interrupt).await
            }
        },
        Err(error) => Err(error),
    };
    let results = match result {
        Ok(results) => {
            run.streams.note(run.info, &cell);
            run.directory.append_cell(&results)?;
            ended.mostly_failed += usize::from(results.summary.has_mostly_failed());
            let line = findings::line(&results.summary);
            observer.observe(Event::CellEnded { cell: cell.id.clone(), line });
            results
        }
        Err(CellError::Interrupted) => return Ok(None),
        Err(CellError::Failed(reason)) => {
            ended.failed += 1;
            let results = failed_cell(&cell, &reason);
            run.directory.append_cell(&results)?;
            observer.observe(Event::CellFailed { cell: cell.id.clone(), reason: reason.clone() });
            if let Some(meeting) = run.deployments.meeting() {
                let told = meeting.give_up(cell.position as u64, &reason, observer);
                let _ = interrupt.cut(told).await;
            }
            // Whatever state the servers are in, the next cell gets new ones.
            Box::pin(run.deployments.abandon(interrupt, observer)).await;
            results
        }
    };
    Ok(Some(results.summary))
}

async fn run_cell(
    cell: &Arc<Cell>,
    deployments: &mut Deployments,
    offered: &OfferedLoad,
    info: &mut RunInfo,
    observer: &dyn Observer,
    interrupt: &Interrupt,
) -> Result<CellResults, CellError> {
    let deployed = interrupt.cut(Box::pin(deployments.prepare(cell, observer))).await;
    let (deployed, meeting) =
        deployed.ok_or(CellError::Interrupted)?.map_err(|e| CellError::Failed(e.to_string()))?;
    note_floor(info, cell, deployed, observer, interrupt).await?;
    let driven = Box::pin(driver::run_cell(cell, deployed, meeting.as_deref(), observer, interrupt)).await;
    // While they are there: servers that a fault wore out are taken down before the next cell.
    if let Some(servers) = interrupt.cut(deployments.describe()).await {
        run_record::note_servers(info, servers);
    }
    let (seen, touched) = driven?;
    if let Some(meeting) = &meeting {
        // From now on nobody uses what the first segment takes down.
        let over = meeting.meet(cell.position as u64, MeetingPoint::Over, observer);
        driver::unless(interrupt, over).await?;
    }
    let (seen, results) = driver::unless(interrupt, found(cell, seen, offered)).await?;
    let failed: Vec<String> = findings::not_carried_out(&seen.load.events).collect();
    if !failed.is_empty() {
        // The servers may be in any state.
        let what = format!("{}: {}; the next run gets new servers", cell.id, failed.join("; "));
        observer.observe(Event::Warning { what });
        Box::pin(deployments.abandon(interrupt, observer)).await;
        return Ok(results);
    }
    // Where the run ends here, what is left behind goes with the servers.
    let restored = interrupt.cut(Box::pin(deployments.restore(cell, &touched, observer))).await;
    if let Some(Err(error)) = restored {
        // The cell's figures are good all the same; the next run gets new servers and a new dataset.
        observer.observe(Event::Warning { what: error.to_string() });
        Box::pin(deployments.abandon(interrupt, observer)).await;
    }
    Ok(results)
}

/// Measures, before the first cell of a topology, what every latency on it holds.
async fn note_floor(
    info: &mut RunInfo,
    cell: &Cell,
    deployed: Deployed<'_>,
    observer: &dyn Observer,
    interrupt: &Interrupt,
) -> Result<(), CellError> {
    let topology = &cell.topology.label;
    if info.latency_floors.iter().any(|floor| floor.topology == *topology) {
        return Ok(());
    }
    let measured = interrupt.cut(floor::measure(topology, deployed.cache.endpoint())).await;
    match measured.ok_or(CellError::Interrupted)? {
        Ok(floor) => info.latency_floors.push(floor),
        Err(reason) => observer.observe(Event::Warning {
            what: format!("how much of a latency on {topology} is nobody's could not be measured: {reason}"),
        }),
    }
    Ok(())
}

/// Works out the findings on a thread of its own: models may compute for long, and nobody could end that here.
async fn found(
    cell: &Arc<Cell>,
    seen: Observed,
    offered: &OfferedLoad,
) -> Result<(Observed, CellResults), String> {
    let (cell, offered) = (Arc::clone(cell), offered.clone());
    let found = tokio::task::spawn_blocking(move || {
        let mut rows = findings::of(&cell, &seen, &offered)?;
        if cell.scenario.part.number().is_some() {
            rows.segment_record = record::text_of(&cell, &seen)?;
        }
        Ok((seen, rows))
    });
    found.await.map_err(|error| format!("what was found could not be worked out: {error}"))?
}

/// The directory of a run, what is known of the run, and the rows of the cells that have finished.
struct Opened {
    directory: ResultsDir,
    info: RunInfo,
    rows: Vec<SummaryRow>,
}

fn open(plan: &Plan, options: &RunOptions) -> Result<Opened, RunError> {
    let Some(resume) = &options.resume else {
        let started = jiff::Timestamp::now();
        let directory = ResultsDir::create(&options.out, &plan.name, started, &plan.swept_keys())?;
        return Ok(Opened {
            directory,
            info: run_record::new(plan, &options.command, options.run.as_ref()),
            rows: Vec::new(),
        });
    };
    // Said first: another scenario may sweep other keys, and then has other columns.
    if Results::read(resume)?.run.scenario_digest != plan.digest {
        return Err(RunError::OtherScenario { directory: resume.clone() });
    }
    let (directory, results) = ResultsDir::open_for_resume(resume, &plan.swept_keys())?;
    // A cell that failed counts as finished: its row says why, and a new run is the way to try again.
    Ok(Opened { directory, info: results.run, rows: results.summary })
}

/// The offered load, by repeat and swept values: the same for every strategy and topology.
#[derive(Default)]
struct Streams(BTreeMap<(u64, String), OfferedLoad>);

impl Streams {
    async fn of(&mut self, cell: &Arc<Cell>) -> Result<&OfferedLoad, String> {
        match self.0.entry((cell.repeat, findings::shown_swept(cell))) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let cell = Arc::clone(cell);
                // Many clients take long, and nobody could end that on this thread.
                let drawn = tokio::task::spawn_blocking(move || driver::offered(&cell)).await;
                let drawn = drawn.map_err(|error| format!("the operations could not be drawn: {error}"))?;
                Ok(unknown.insert(drawn?))
            }
        }
    }

    fn note(&self, info: &mut RunInfo, cell: &Cell) {
        let swept = findings::shown_swept(cell);
        let repeat = cell.repeat as u32;
        if info.stream_digests.iter().any(|known| known.swept == swept && known.repeat == repeat) {
            return;
        }
        let Some(offered) = self.0.get(&(cell.repeat, swept.clone())) else { return };
        for (client, digest) in (0..).zip(&offered.digest.clients) {
            let digest = format!("{digest:016x}");
            info.stream_digests.push(ClientDigest { swept: swept.clone(), repeat, client, digest });
        }
    }
}

fn failed_cell(cell: &Cell, reason: &str) -> CellResults {
    let summary = SummaryRow {
        status: Status::Failed,
        reason: reason.to_owned(),
        started_utc: clock::now_utc(),
        ..findings::names(cell)
    };
    CellResults { summary, swept: cell.swept.clone(), ..CellResults::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_ends_as_the_cells_of_its_first_part_did_too() {
        let failed = SummaryRow { status: Status::Failed, ..SummaryRow::default() };
        let mut impaired = SummaryRow { operations: 10, status: Status::Impaired, ..SummaryRow::default() };
        impaired.answers.errors = 6;
        let Ended { failed, mostly_failed } =
            Ended::of(&[failed, impaired, SummaryRow::default()]).and(Ended { failed: 1, mostly_failed: 1 });
        assert_eq!((failed, mostly_failed), (2, 2));
    }
}
