//! Reading a run back, whether it has ended or not. Nothing here changes a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::thread;

use hdrhistogram::Histogram;

use super::columns::Columns;
use super::files::{LATER, long_files};
use super::interval_log::{PicksWindow, add, merged_histograms, sums_of_windows};
use super::lines::{Rows, read_of_cells, read_rows};
use super::{
    APPLICATION, AUDIT, AuditRow, ENTITIES, ERRORS, EVENTS, EnoughCacheRow, EntityRow, ErrorRow, EventRow,
    FigureRow, LATENCY, LatencyRow, Measure, NODES, NodeRow, OPERATIONS, Of, OperationClass, OperationRow,
    PHASES, PhaseRow, RUN_INFO, ResultsError, RunInfo, SEARCH, STAIRCASE, SUMMARY, SearchRow, StepRow,
    SummaryRow, TIMESERIES, TimeseriesRow, interval_log_name,
};

macro_rules! results {
    ($(#[doc = $doc:literal] $field:ident: $row:ty = $name:ident, $file:literal,)*) => {
        /// The finished cells of a run.
        #[derive(Debug, Clone, Default)]
        pub struct Results {
            /// The folder that they were read from.
            pub path: PathBuf,
            /// The record of the run: what was run, where, and with what.
            pub run: RunInfo,
            /// One row for each finished cell, in the order in which they ended.
            pub summary: Vec<SummaryRow>,
            $( #[doc = $doc] pub $field: Vec<Of<$row>>, )*
            /// The gaps of the files, as sentences.
            pub notes: Vec<String>,
            /// What theory says that hit rates take; asked of it anew for each page, and read from no file.
            pub enough_cache: Vec<EnoughCacheRow>,
        }

        impl Results {
            /// Reads a run. A torn last line, and rows of cells that did not finish, are ignored.
            ///
            /// # Errors
            /// Returns an error if the folder holds no run, a row other than the last does not read, or an earlier
            /// version of hotset wrote it that did not measure what this one shows.
            pub fn read(path: &Path) -> Result<Self, ResultsError> {
                let mut results = Self::read_summary(path)?;
                let finished = results.finished_cells();
                // All at once: the largest two hold hundreds of thousands of rows each.
                thread::scope(|scope| {
                    $( let $field = scope.spawn(|| read_long::<$row>(path, $name)); )*
                    $(
                        let read = $field.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                        let Rows { rows, absent } = read?;
                        results.$field = rows;
                        results.$field.retain(|row| finished.contains(&row.cell));
                        results.note_absent($name, &absent);
                    )*
                    Ok(results)
                })
            }
        }
    };
}
long_files!(results);

/// The rows of a file; none where a version of hotset wrote the run that had no such file.
fn read_long<R: Columns>(folder: &Path, name: &str) -> Result<Rows<Of<R>>, ResultsError> {
    let path = folder.join(name);
    if LATER.contains(&name) && !path.exists() {
        return Ok(Rows { rows: Vec::new(), absent: Vec::new() });
    }
    read_of_cells(&path)
}

/// Holds each cell to one row.
fn check_cells(folder: &Path, summary: &[SummaryRow]) -> Result<(), ResultsError> {
    let mut known = BTreeSet::new();
    match summary.iter().find(|row| !known.insert(row.cell.as_str())) {
        Some(row) => Err(ResultsError::CellTwice { path: folder.join(SUMMARY), cell: row.cell.clone() }),
        None => Ok(()),
    }
}

impl Results {
    /// Reads what a run was and its rows in `summary.csv`, which is all that a baseline keeps besides interval logs; the other
    /// rows are left empty.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn read_summary(path: &Path) -> Result<Self, ResultsError> {
        let run = read_run_info(path)?;
        let Rows { rows: summary, absent } = read_rows::<SummaryRow>(&path.join(SUMMARY))?;
        check_cells(path, &summary)?;
        let mut results = Self { path: path.to_owned(), run, summary, ..Self::default() };
        results.note_absent(SUMMARY, &absent);
        results.note_lost_rows();
        Ok(results)
    }

    fn note_absent(&mut self, file: &str, columns: &[String]) {
        if !columns.is_empty() {
            let s = if columns.len() == 1 { "" } else { "s" };
            let note = format!(
                "{file} has no column{s} {}, so that nothing is said of what stands there",
                columns.join(", ")
            );
            self.notes.push(note);
        }
    }

    /// A run that ended has a row for each of its cells.
    fn note_lost_rows(&mut self) {
        let lost = self.unfinished_cells();
        if self.run.finished_utc.is_some() && !lost.is_empty() {
            let (rows, cells) = (self.summary.len(), self.run.cells.len());
            let note = format!(
                "the run ended with {cells} runs and {SUMMARY} has {rows} of them; these have no row: {}",
                lost.join(", ")
            );
            self.notes.push(note);
        }
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
    ) -> Result<BTreeMap<(OperationClass, Measure), Histogram<u64>>, ResultsError> {
        let path = self.path.join(interval_log_name(cell));
        match File::open(&path) {
            Ok(log) => merged_histograms(BufReader::new(log))
                .map_err(|reason| ResultsError::IntervalLog { path, reason }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(ResultsError::io("read", &path, error)),
        }
    }

    /// The windows of a cell that each of these picks, added up, in nanoseconds; `None` where it left no interval log.
    ///
    /// # Errors
    /// Where the log does not read or decode.
    pub fn sums_of_windows<const N: usize>(
        &self,
        cell: &str,
        kind: (OperationClass, Measure),
        picks: [PicksWindow<'_>; N],
    ) -> Result<Option<[Histogram<u64>; N]>, ResultsError> {
        let path = self.path.join(interval_log_name(cell));
        match fs::read(&path) {
            Ok(log) => sums_of_windows(&log, kind, picks)
                .map(Some)
                .map_err(|reason| ResultsError::IntervalLog { path, reason }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ResultsError::io("read", &path, error)),
        }
    }

    /// Adds what a cell recorded to a sum over several cells.
    ///
    /// # Errors
    /// Where the sum has no room for it.
    pub fn add_recorded(
        &self,
        cell: &str,
        sum: &mut Histogram<u64>,
        more: &Histogram<u64>,
    ) -> Result<(), ResultsError> {
        let path = || self.path.join(interval_log_name(cell));
        add(sum, more).map_err(|reason| ResultsError::IntervalLog { path: path(), reason })
    }

    /// Adds up what several cells recorded: percentiles of the sum are percentiles of all the operations, which
    /// averages of the cells' percentiles are not.
    ///
    /// # Errors
    /// Where a log does not read or decode.
    pub fn merged_histograms<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<(OperationClass, Measure), Histogram<u64>>, ResultsError> {
        let mut merged: BTreeMap<_, Histogram<u64>> = BTreeMap::new();
        for cell in cells {
            for (kind, histogram) in self.histograms(cell)? {
                let Some(sum) = merged.get_mut(&kind) else {
                    merged.insert(kind, histogram);
                    continue;
                };
                self.add_recorded(cell, sum, &histogram)?;
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
            if first.stream.stream_digest != row.stream.stream_digest {
                return Err(ResultsError::UnequalStreams {
                    first: first.cell.clone(),
                    first_digest: first.stream.stream_digest.clone(),
                    second: row.cell.clone(),
                    second_digest: row.stream.stream_digest.clone(),
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
