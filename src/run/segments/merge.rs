//! The results of all segments of a run as the results of one run.
//!
//! What was observed of each cell is added up, and its rows are made from the sum by the findings that a run by one process
//! uses: a percentile of the whole is that of all operations, and a verdict that on all keys.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use super::record::SegmentRecord;
use super::sum::sum;
use crate::audit::CLOCKS_AGREE_WITHIN;
use crate::base::units::show_duration;
use crate::load::workload::LoadPart;
use crate::results::{
    CellResults, Results, ResultsDir, ResultsError, RunInfo, SegmentInfo, Status, SummaryRow,
    segment_record_name,
};
use crate::run::driver;
use crate::run::findings::{self, OfferedLoad};
use crate::run::plan::{Cell, Plan, PlanError, PlanOptions};

/// Why segments were not merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Results could not be read or written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The results are of a whole load.
    #[error("{} is no segment of a run: it holds the results of a whole one; name the directories that runs with --segment have left", path.display())]
    NotASegment {
        /// The directory.
        path: PathBuf,
    },
    /// Two directories are not of one run.
    #[error("{} and {} are not segments of one run: {what}; name the directories that the segments of one --run have left", first.display(), second.display())]
    OtherRun {
        /// The first directory.
        first: PathBuf,
        /// The one that differs.
        second: PathBuf,
        /// The difference.
        what: String,
    },
    /// A segment is there twice.
    #[error("segment {number} is there twice: {} and {}; leave out one of them", first.display(), second.display())]
    Twice {
        /// The segment.
        number: u64,
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Segments are not there.
    #[error(
        "of {of} segments there is no {missing}; name their directories as well: what they drove cannot be made up"
    )]
    Missing {
        /// The number of segments.
        of: u64,
        /// The missing ones.
        missing: String,
    },
    /// Nothing was run by all of them.
    #[error("there is no run that all segments have ended; run them again")]
    Nothing,
    /// The scenario does not read back.
    #[error("the scenario that {} keeps cannot be read again: {why}; merge with the version of hotset that ran it, and where the files are that it names", path.display())]
    Scenario {
        /// The directory.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The observations of a cell do not read back.
    #[error("{}: {why}; it belongs to the results, so copy the whole directory, or run the segments again", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The rows of a cell could not be made.
    #[error("{cell} cannot be put together: {why}")]
    Cell {
        /// The cell.
        cell: String,
        /// The reason.
        why: String,
    },
}

/// The outcome of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The directory of the results of the whole.
    pub directory: PathBuf,
    /// Cells that some segments have not ended, which are left out.
    pub left_out: Vec<String>,
    /// The number of cells that some segment could not run.
    pub failed: usize,
}

/// One segment's results.
struct Segment {
    info: SegmentInfo,
    results: Results,
}

/// Merges the results of all segments of a run into a directory of its own below `out`.
///
/// # Errors
/// [`MergeError`]; nothing is written where the directories do not belong together.
pub fn merge(directories: &[PathBuf], out: &Path) -> Result<Merged, MergeError> {
    let segments = read_all(directories)?;
    let plan = plan_of(&segments)?;
    let run = &segments[0].results.run;
    let (cells, left_out) = cells_of_all(&segments, &plan);
    if cells.is_empty() {
        return Err(MergeError::Nothing);
    }
    let started = jiff::Timestamp::now();
    let mut directory = ResultsDir::create(out, &plan.name, started, &plan.swept_keys())?;
    let mut info = info_of(&segments, &plan);
    directory.write_run_info(&info)?;
    let mut offered = BTreeMap::new();
    let mut failed = 0;
    for cell in cells {
        let merged = match failed_row(&segments, cell) {
            Some(summary) => {
                failed += 1;
                CellResults { summary, swept: cell.swept.clone(), ..CellResults::default() }
            }
            None => merge_cell(&segments, cell, &mut offered)?,
        };
        directory.append_cell(&merged)?;
    }
    let has_all = left_out.is_empty() && segments.iter().all(|one| one.results.run.finished_utc.is_some());
    if has_all {
        let ends = segments.iter().filter_map(|one| one.results.run.finished_utc.clone());
        info.finished_utc = ends.max().or_else(|| run.finished_utc.clone());
    }
    directory.write_run_info(&info)?;
    Ok(Merged { directory: directory.path().to_owned(), left_out, failed })
}

/// Reads every directory, in the order of the segments, and holds them to be all segments of one run.
fn read_all(directories: &[PathBuf]) -> Result<Vec<Segment>, MergeError> {
    let mut segments: Vec<Segment> = Vec::new();
    for path in directories {
        let results = Results::read(path)?;
        let info = results.run.segment.clone();
        let info = info.ok_or_else(|| MergeError::NotASegment { path: path.clone() })?;
        let segment = Segment { info, results };
        if let Some(first) = segments.first()
            && let Some(what) = difference(first, &segment)
        {
            let (first, second) = (first.results.path.clone(), path.clone());
            return Err(MergeError::OtherRun { first, second, what });
        }
        if let Some(other) = segments.iter().find(|other| other.info.number == segment.info.number) {
            let (first, number) = (other.results.path.clone(), segment.info.number);
            return Err(MergeError::Twice { number, first, second: path.clone() });
        }
        segments.push(segment);
    }
    let of = segments.first().ok_or(MergeError::Nothing)?.info.of;
    let is_missing = |number: &u64| segments.iter().all(|segment| segment.info.number != *number);
    let missing: Vec<String> = (1..=of).filter(is_missing).map(|number| number.to_string()).collect();
    if !missing.is_empty() {
        return Err(MergeError::Missing { of, missing: missing.join(", ") });
    }
    segments.sort_by_key(|segment| segment.info.number);
    Ok(segments)
}

/// The reason why two segments are not of one run.
fn difference(first: &Segment, other: &Segment) -> Option<String> {
    let (a, b) = (&first.results.run, &other.results.run);
    let differ = |what: &str, a: &str, b: &str| (a != b).then(|| format!("{what} {a} and {b}"));
    differ("their runs are", &first.info.run, &other.info.run)
        .or_else(|| {
            differ("their numbers of segments are", &first.info.of.to_string(), &other.info.of.to_string())
        })
        .or_else(|| differ("their seeds are", &a.seed.to_string(), &b.seed.to_string()))
        .or_else(|| differ("the digests of their scenarios are", &a.scenario_digest, &b.scenario_digest))
        .or_else(|| differ("they are of hotset", &a.version, &b.version))
        .or_else(|| {
            let commit = |run: &RunInfo| run.commit.clone().unwrap_or_else(|| "unknown".into());
            differ("they are of the commits", &commit(a), &commit(b))
        })
        .or_else(|| (a.cells != b.cells).then(|| "they did not plan the same runs (--only)".into()))
}

/// The plan that all segments followed.
fn plan_of(segments: &[Segment]) -> Result<Plan, MergeError> {
    let first = &segments[0];
    let run = &first.results.run;
    let parts = NonZeroU64::new(first.info.of).unwrap_or(NonZeroU64::MIN);
    let options = PlanOptions { part: LoadPart::all_of(parts), ..PlanOptions::default() };
    let plan = Plan::parse(&run.name, &run.scenario_path, &run.effective_scenario, &options);
    plan.map_err(|error| {
        let why = match error {
            PlanError::Unreadable { reason, .. } => reason,
            PlanError::Invalid(invalid) => {
                let told = invalid.mistakes.iter().map(|one| format!("{}: {}", one.key, one.message));
                told.collect::<Vec<_>>().join("; ")
            }
        };
        MergeError::Scenario { path: first.results.path.clone(), why }
    })
}

/// The cells that all segments have a row of, in their order, and the names of the others.
fn cells_of_all<'a>(segments: &[Segment], plan: &'a Plan) -> (Vec<&'a Cell>, Vec<String>) {
    let (mut of_all, mut left_out) = (Vec::new(), Vec::new());
    for id in &segments[0].results.run.cells {
        let cell = plan.cells.iter().find(|cell| cell.id == *id);
        match cell.filter(|_| segments.iter().all(|segment| row(segment, id).is_some())) {
            Some(cell) => of_all.push(cell),
            None => left_out.push(id.clone()),
        }
    }
    (of_all, left_out)
}

fn row<'a>(segment: &'a Segment, cell: &str) -> Option<&'a SummaryRow> {
    segment.results.summary.iter().find(|row| row.cell == cell)
}

/// The row of a cell that a segment could not run.
fn failed_row(segments: &[Segment], cell: &Cell) -> Option<SummaryRow> {
    let failed = segments.iter().filter_map(|segment| {
        let row = row(segment, &cell.id).filter(|row| row.status == Status::Failed)?;
        Some((format!("segment {}: {}", segment.info.number, row.reason), row))
    });
    let failed: Vec<(String, &SummaryRow)> = failed.collect();
    let (_, first) = failed.first()?;
    let reasons: Vec<&str> = failed.iter().map(|(reason, _)| reason.as_str()).collect();
    Some(SummaryRow {
        status: Status::Failed,
        reason: reasons.join("; "),
        started_utc: first.started_utc.clone(),
        ..findings::names(cell)
    })
}

fn merge_cell(
    segments: &[Segment],
    cell: &Cell,
    offered: &mut BTreeMap<(u64, String), OfferedLoad>,
) -> Result<CellResults, MergeError> {
    let records = segments.iter().map(|segment| Ok((segment.info.number, record(segment, &cell.id)?)));
    let records = records.collect::<Result<Vec<_>, MergeError>>()?;
    let failed = |why: String| MergeError::Cell { cell: cell.id.clone(), why };
    let sum = sum(records, cell.scenario.run.window.0, cell.shares_backlog());
    let observed = sum.ok_or_else(|| failed("there is no segment".into()))?.into_observed();
    let of = (cell.repeat, findings::shown_swept(cell));
    if !offered.contains_key(&of) {
        offered.insert(of.clone(), driver::offered(cell).map_err(failed)?);
    }
    findings::of(cell, &observed, &offered[&of]).map_err(failed)
}

fn record(segment: &Segment, cell: &str) -> Result<SegmentRecord, MergeError> {
    let path = segment.results.path.join(segment_record_name(cell));
    let failed = |why: String| MergeError::Record { path: path.clone(), why };
    let text = fs::read(&path).map_err(|error| failed(error.to_string()))?;
    let record: SegmentRecord = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
    if record.cell != cell {
        return Err(failed(format!("it is of {}", record.cell)));
    }
    Ok(record)
}

/// The record of the whole run: what the segments have in common is the first one's.
fn info_of(segments: &[Segment], plan: &Plan) -> RunInfo {
    let runs = || segments.iter().map(|segment| &segment.results.run);
    let first = &segments[0].results.run;
    let mut servers = Vec::new();
    for server in runs().flat_map(|run| &run.servers) {
        if !servers.contains(server) {
            servers.push(server.clone());
        }
    }
    let mut warnings = plan.warnings();
    warnings.push(format!(
        "put together from {} segments of the run \"{}\": reads of documents that another segment wrote were held against what that had been acknowledged, to within {} of their clocks, and stale ones of one version of a document count as one; machine, command and latency floors are those of segment 1, and windows of the warm-up have no times",
        segments.len(),
        segments[0].info.run,
        show_duration(CLOCKS_AGREE_WITHIN)
    ));
    RunInfo {
        warnings,
        started_utc: runs().map(|run| run.started_utc.clone()).min().unwrap_or_default(),
        finished_utc: None,
        servers,
        spent_s: runs().map(|run| run.spent_s).fold(0.0, f64::max),
        segment: None,
        ..first.clone()
    }
}
