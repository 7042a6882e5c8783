//! Reading a run back, whether it has ended or not. Nothing here changes a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use serde::de::DeserializeOwned;

use super::durable::whole_rows;
use super::interval_log::{add, merged_histograms};
use super::{
    APPLICATION, AUDIT, ApplicationRow, AuditRow, ENTITIES, EVENTS, EntityRow, EventRow, LATENCY, LatencyRow,
    Measure, NODES, NodeRow, OPERATIONS, Operation, OperationRow, RUN_INFO, ResultsError, RunInfo, SUMMARY,
    SummaryRow, TIMESERIES, TimeseriesRow, interval_log_name,
};

/// A row that belongs to a cell.
pub(super) trait OfCell {
    /// The cell's id.
    fn cell(&self) -> &str;
}

macro_rules! of_cell {
    ($($row:ty),*) => { $(impl OfCell for $row { fn cell(&self) -> &str { &self.cell } })* };
}
of_cell!(
    SummaryRow,
    TimeseriesRow,
    LatencyRow,
    EventRow,
    AuditRow,
    NodeRow,
    OperationRow,
    EntityRow,
    ApplicationRow
);

/// The finished cells of a run.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// The folder that they were read from.
    pub path: PathBuf,
    /// What was run, where, and with what.
    pub run: RunInfo,
    /// One row for each finished cell, in the order in which they ended.
    pub summary: Vec<SummaryRow>,
    /// Windows of finished cells.
    pub timeseries: Vec<TimeseriesRow>,
    /// Percentile spectra of finished cells.
    pub latency: Vec<LatencyRow>,
    /// What happened in finished cells.
    pub events: Vec<EventRow>,
    /// Examples of what the audit found in finished cells.
    pub audit: Vec<AuditRow>,
    /// The nodes of finished cells' caches.
    pub nodes: Vec<NodeRow>,
    /// The kinds of operation of finished cells.
    pub operations: Vec<OperationRow>,
    /// The kinds of entity of finished cells.
    pub entities: Vec<EntityRow>,
    /// Figures of the applications of finished cells.
    pub application: Vec<ApplicationRow>,
}

impl Results {
    /// Reads a run. A torn last line, and rows of cells that did not finish, are ignored.
    ///
    /// # Errors
    /// Where the folder holds no run, or a row other than the last does not read.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let run = read_run_info(path)?;
        let summary: Vec<SummaryRow> = read_rows(&path.join(SUMMARY))?;
        let mut results = Self { path: path.to_owned(), run, summary, ..Self::default() };
        let finished = results.finished_cells();
        results.timeseries = read_rows_of(&path.join(TIMESERIES), &finished)?;
        results.latency = read_rows_of(&path.join(LATENCY), &finished)?;
        results.events = read_rows_of(&path.join(EVENTS), &finished)?;
        results.audit = read_newer_rows_of(&path.join(AUDIT), &finished)?;
        results.nodes = read_newer_rows_of(&path.join(NODES), &finished)?;
        results.operations = read_newer_rows_of(&path.join(OPERATIONS), &finished)?;
        results.entities = read_newer_rows_of(&path.join(ENTITIES), &finished)?;
        results.application = read_newer_rows_of(&path.join(APPLICATION), &finished)?;
        Ok(results)
    }

    /// The ids of the cells that have a row in `summary.csv`.
    #[must_use]
    pub fn finished_cells(&self) -> BTreeSet<String> {
        self.summary.iter().map(|row| row.cell.clone()).collect()
    }

    /// The cells that were planned and have not finished, in the order in which they are to run.
    #[must_use]
    pub fn unfinished_cells(&self) -> Vec<String> {
        let finished = self.finished_cells();
        self.run.cells.iter().filter(|cell| !finished.contains(*cell)).cloned().collect()
    }

    /// Everything that a cell recorded while measuring, by operation and measure, in nanoseconds; empty where it
    /// left no interval log.
    ///
    /// # Errors
    /// Where the log does not read or decode.
    pub fn histograms(
        &self,
        cell: &str,
    ) -> Result<BTreeMap<(Operation, Measure), Histogram<u64>>, ResultsError> {
        let path = self.path.join(interval_log_name(cell));
        match fs::read(&path) {
            Ok(log) => merged_histograms(&log).map_err(|reason| ResultsError::IntervalLog { path, reason }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(ResultsError::io("read", &path, error)),
        }
    }

    /// What several cells recorded, added up: percentiles of the sum are percentiles of all the operations, which
    /// averages of the cells' percentiles are not.
    ///
    /// # Errors
    /// Where a log does not read or decode.
    pub fn merged_histograms<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<(Operation, Measure), Histogram<u64>>, ResultsError> {
        let mut merged: BTreeMap<_, Histogram<u64>> = BTreeMap::new();
        for cell in cells {
            for (kind, histogram) in self.histograms(cell)? {
                let Some(sum) = merged.get_mut(&kind) else {
                    merged.insert(kind, histogram);
                    continue;
                };
                add(sum, &histogram).map_err(|reason| ResultsError::IntervalLog {
                    path: self.path.join(interval_log_name(cell)),
                    reason,
                })?;
            }
        }
        Ok(merged)
    }

    /// Holds the cells of each repeat and swept value to the same offered operations. Failed cells are not compared.
    ///
    /// # Errors
    /// Names two cells that were offered different operations.
    pub fn check_comparable(&self) -> Result<(), ResultsError> {
        let mut first_of: BTreeMap<(u32, &str), &SummaryRow> = BTreeMap::new();
        for row in self.summary.iter().filter(|row| row.status != super::Status::Failed) {
            let first = first_of.entry((row.repeat, &row.swept)).or_insert(row);
            if first.stream_digest != row.stream_digest {
                return Err(ResultsError::UnequalStreams {
                    first: first.cell.clone(),
                    first_digest: first.stream_digest.clone(),
                    second: row.cell.clone(),
                    second_digest: row.stream_digest.clone(),
                });
            }
        }
        Ok(())
    }
}

fn read_run_info(folder: &Path) -> Result<RunInfo, ResultsError> {
    let path = folder.join(RUN_INFO);
    let text = match fs::read(&path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(ResultsError::NotResults { path: folder.to_owned(), missing: RUN_INFO });
        }
        other => other.map_err(|error| ResultsError::io("read", &path, error))?,
    };
    serde_json::from_slice(&text).map_err(|source| ResultsError::RunInfo { path, source })
}

/// The whole rows of a CSV.
pub(super) fn read_rows<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>, ResultsError> {
    let text = fs::read(path).map_err(|error| ResultsError::io("read", path, error))?;
    csv::Reader::from_reader(&text[..whole_rows(&text)])
        .deserialize()
        .map(|row| row.map_err(|error| row_error(path, &error)))
        .collect()
}

fn row_error(path: &Path, error: &csv::Error) -> ResultsError {
    let line = error.position().map_or(0, csv::Position::line);
    ResultsError::Row { path: path.to_owned(), line, reason: error.to_string() }
}

fn read_rows_of<R: DeserializeOwned + OfCell>(
    path: &Path,
    cells: &BTreeSet<String>,
) -> Result<Vec<R>, ResultsError> {
    let mut rows: Vec<R> = read_rows(path)?;
    rows.retain(|row| cells.contains(row.cell()));
    Ok(rows)
}

/// As [`read_rows_of`]; nothing where the file is not there, as in a run of an earlier version.
fn read_newer_rows_of<R: DeserializeOwned + OfCell>(
    path: &Path,
    cells: &BTreeSet<String>,
) -> Result<Vec<R>, ResultsError> {
    if path.exists() { read_rows_of(path, cells) } else { Ok(Vec::new()) }
}
