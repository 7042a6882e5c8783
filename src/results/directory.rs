//! A run's folder, and how a cell gets into it: summary row last, everything on disk before the next cell.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::durable::{Appended, append, header, rows, rows_with_header, whole_rows, write_atomically};
use super::read::{OfCell, read_rows};
use super::{
    APPLICATION, AUDIT, ApplicationRow, AuditRow, ENTITIES, EVENTS, EntityRow, EventRow, LATENCY, LatencyRow,
    NODES, NodeRow, OPERATIONS, OperationRow, RUN_INFO, Results, ResultsError, RunInfo, SUMMARY, SummaryRow,
    TIMESERIES, TimeseriesRow, file_safe, interval_log_name,
};

/// Everything that one cell leaves.
#[derive(Debug, Clone, Default)]
pub struct CellResults {
    /// The cell's row in `summary.csv`; of a failed cell, status and reason.
    pub summary: SummaryRow,
    /// Its windows.
    pub timeseries: Vec<TimeseriesRow>,
    /// Its percentile spectra.
    pub latency: Vec<LatencyRow>,
    /// What happened in it.
    pub events: Vec<EventRow>,
    /// Examples of what the audit found.
    pub audit: Vec<AuditRow>,
    /// The nodes of its cache.
    pub nodes: Vec<NodeRow>,
    /// Its kinds of operation.
    pub operations: Vec<OperationRow>,
    /// Its kinds of entity.
    pub entities: Vec<EntityRow>,
    /// Figures of its application.
    pub application: Vec<ApplicationRow>,
    /// Its interval log, from [`super::interval_log`]; empty where nothing was measured.
    pub interval_log: Vec<u8>,
}

/// The folder of a run that is being written.
///
/// One process writes to a folder at a time; the caller sees to that.
#[derive(Debug)]
pub struct ResultsDir {
    path: PathBuf,
    /// Held for as long as this process writes here, so that no other resumes the run meanwhile.
    _lock: File,
}

/// Takes the folder for this process.
fn lock(path: &Path) -> Result<File, ResultsError> {
    let file = File::open(path).map_err(|error| ResultsError::io("open", path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ResultsError::Busy { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(ResultsError::io("lock", path, error)),
    }
}

impl ResultsDir {
    /// Creates `<out>/<scenario>/<UTC time>/` with empty CSVs, and points `latest` at it.
    ///
    /// # Errors
    /// Names the folder that could not be made and what to do.
    pub fn create(out: &Path, scenario: &str, started: jiff::Timestamp) -> Result<Self, ResultsError> {
        let parent = out.join(file_safe(scenario));
        fs::create_dir_all(&parent).map_err(|error| ResultsError::io("create", &parent, error))?;
        let path = create_untaken(&parent, &started.strftime("%Y-%m-%dT%H-%M-%SZ").to_string())?;
        write_atomically(&path.join(SUMMARY), &header::<SummaryRow>(SUMMARY)?)?;
        write_atomically(&path.join(TIMESERIES), &header::<TimeseriesRow>(TIMESERIES)?)?;
        write_atomically(&path.join(LATENCY), &header::<LatencyRow>(LATENCY)?)?;
        write_atomically(&path.join(EVENTS), &header::<EventRow>(EVENTS)?)?;
        for (file, header) in newer_files()? {
            write_atomically(&path.join(file), &header)?;
        }
        point_latest_at(&parent, &path)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Opens a run that was interrupted, and removes what its last cell left unfinished. The results are those of the
    /// finished cells; failed cells count as finished.
    ///
    /// # Errors
    /// Where the folder holds no run, or a row that is not the last does not read.
    pub fn open_for_resume(path: &Path) -> Result<(Self, Results), ResultsError> {
        let results = Results::read(path)?;
        let lock = lock(path)?;
        let finished = results.finished_cells();
        keep_whole_rows(&path.join(SUMMARY))?;
        keep_rows_of::<TimeseriesRow>(path, TIMESERIES, &finished)?;
        keep_rows_of::<LatencyRow>(path, LATENCY, &finished)?;
        keep_rows_of::<EventRow>(path, EVENTS, &finished)?;
        for (file, header) in newer_files()? {
            // A run of an earlier version has none.
            if !path.join(file).exists() {
                write_atomically(&path.join(file), &header)?;
            }
        }
        keep_rows_of::<AuditRow>(path, AUDIT, &finished)?;
        keep_rows_of::<NodeRow>(path, NODES, &finished)?;
        keep_rows_of::<OperationRow>(path, OPERATIONS, &finished)?;
        keep_rows_of::<EntityRow>(path, ENTITIES, &finished)?;
        keep_rows_of::<ApplicationRow>(path, APPLICATION, &finished)?;
        Ok((Self { path: path.to_owned(), _lock: lock }, results))
    }

    /// Where the run is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `run.json`, in one step; once at the start and once at the end.
    ///
    /// # Errors
    /// Names the file and what to do; the old content is then still there.
    pub fn write_run_info(&self, run: &RunInfo) -> Result<(), ResultsError> {
        let path = self.path.join(RUN_INFO);
        let mut text = serde_json::to_vec_pretty(run)
            .map_err(|error| ResultsError::Encode { file: RUN_INFO, reason: error.to_string() })?;
        text.push(b'\n');
        write_atomically(&path, &text)
    }

    /// Puts a cell on disk. When this returns, the cell has survived whatever happens next; when it fails, the
    /// CSVs are as they were before.
    ///
    /// # Errors
    /// Names the file that could not be written and what to do.
    pub fn append_cell(&mut self, cell: &CellResults) -> Result<(), ResultsError> {
        let mut appended = Vec::new();
        let result = self.append_parts(cell, &mut appended);
        if result.is_err() {
            appended.iter().rev().for_each(Appended::undo);
        }
        result
    }

    fn append_parts(&self, cell: &CellResults, done: &mut Vec<Appended>) -> Result<(), ResultsError> {
        let mut put = |file: &'static str, bytes: Vec<u8>| {
            append(&self.path.join(file), &bytes).map(|appended| done.push(appended))
        };
        put(TIMESERIES, rows(TIMESERIES, &cell.timeseries)?)?;
        put(LATENCY, rows(LATENCY, &cell.latency)?)?;
        put(EVENTS, rows(EVENTS, &cell.events)?)?;
        put(AUDIT, rows(AUDIT, &cell.audit)?)?;
        put(NODES, rows(NODES, &cell.nodes)?)?;
        put(OPERATIONS, rows(OPERATIONS, &cell.operations)?)?;
        put(ENTITIES, rows(ENTITIES, &cell.entities)?)?;
        put(APPLICATION, rows(APPLICATION, &cell.application)?)?;
        if !cell.interval_log.is_empty() {
            write_atomically(&self.path.join(interval_log_name(&cell.summary.cell)), &cell.interval_log)?;
        }
        // Last: with this row the cell is finished.
        put(SUMMARY, rows(SUMMARY, std::slice::from_ref(&cell.summary))?)
    }
}

/// The files that a run of an earlier version may lack, with their headers.
fn newer_files() -> Result<[(&'static str, Vec<u8>); 5], ResultsError> {
    Ok([
        (AUDIT, header::<AuditRow>(AUDIT)?),
        (NODES, header::<NodeRow>(NODES)?),
        (OPERATIONS, header::<OperationRow>(OPERATIONS)?),
        (ENTITIES, header::<EntityRow>(ENTITIES)?),
        (APPLICATION, header::<ApplicationRow>(APPLICATION)?),
    ])
}

/// Makes a folder of that name, or of the name with `-2`, `-3`, … where it is taken.
fn create_untaken(parent: &Path, name: &str) -> Result<PathBuf, ResultsError> {
    let mut path = parent.join(name);
    for number in 2.. {
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = parent.join(format!("{name}-{number}"));
            }
            Err(error) => return Err(ResultsError::io("create", &path, error)),
            Ok(()) => break,
        }
    }
    Ok(path)
}

/// Swaps the link in one step, so that `latest` always leads somewhere.
fn point_latest_at(parent: &Path, run: &Path) -> Result<(), ResultsError> {
    let latest = parent.join("latest");
    let temporary = parent.join(format!(".latest.{}.tmp", std::process::id()));
    let target = run.file_name().unwrap_or_default();
    let linked =
        std::os::unix::fs::symlink(target, &temporary).and_then(|()| fs::rename(&temporary, &latest));
    if let Err(error) = linked {
        let _ = fs::remove_file(&temporary);
        return Err(ResultsError::io("point the link", &latest, error));
    }
    Ok(())
}

/// Drops a torn last line.
fn keep_whole_rows(path: &Path) -> Result<(), ResultsError> {
    let text = fs::read(path).map_err(|error| ResultsError::io("read", path, error))?;
    let whole = whole_rows(&text);
    if whole == text.len() { Ok(()) } else { write_atomically(path, &text[..whole]) }
}

/// Drops the rows of cells that did not finish, and a torn last line.
fn keep_rows_of<R>(folder: &Path, file: &'static str, finished: &BTreeSet<String>) -> Result<(), ResultsError>
where
    R: Serialize + DeserializeOwned + Default + OfCell,
{
    let path = folder.join(file);
    let mut kept: Vec<R> = read_rows(&path)?;
    kept.retain(|row| finished.contains(row.cell()));
    let text = if kept.is_empty() { header::<R>(file)? } else { rows_with_header(file, &kept)? };
    let before = fs::read(&path).map_err(|error| ResultsError::io("read", &path, error))?;
    if text == before { Ok(()) } else { write_atomically(&path, &text) }
}
