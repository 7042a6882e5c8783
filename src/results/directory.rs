//! A run's folder, and how a cell gets into it: summary row last, everything on disk before the next cell.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::durable::{Appended, append, whole_rows, write_atomically};
use super::files::{LATER, long_files};
use super::lines::{encode, header_of_origin, header_with_swept, line_with_swept, lines_of_origin};
use super::{
    APPLICATION, AUDIT, AuditRow, ENTITIES, ERRORS, EVENTS, EntityRow, ErrorRow, EventRow, FigureRow,
    LATENCY, LatencyRow, NODES, NodeRow, OPERATIONS, OperationRow, Origin, PHASES, PhaseRow, RUN_INFO,
    Results, ResultsError, RunInfo, SEARCH, STAIRCASE, SUMMARY, SearchRow, StepRow, SummaryRow, TIMESERIES,
    TimeseriesRow, file_safe, interval_log_name, segment_record_name,
};

macro_rules! cell_results {
    ($(#[doc = $doc:literal] $field:ident: $row:ty = $name:ident, $file:literal,)*) => {
        /// Everything that one cell leaves.
        #[derive(Debug, Clone, Default)]
        pub struct CellResults {
            /// The cell's row in `summary.csv`; of a failed cell, status and reason.
            pub summary: SummaryRow,
            /// The swept keys and their values in the cell.
            pub swept: Vec<(String, String)>,
            $( #[doc = $doc] pub $field: Vec<$row>, )*
            /// Its interval log, from [`super::interval_log`]; empty where nothing was measured.
            pub interval_log: Vec<u8>,
            /// The observations of its segment, as `hotset merge` reads them; empty where one process drove all of the load.
            pub segment_record: Vec<u8>,
        }

        impl CellResults {
            /// The cell's lines in each file that holds many.
            fn long_lines(&self, swept_values: &[String]) -> Vec<(&'static str, Vec<u8>)> {
                let origin = Origin::of(&self.summary);
                vec![$( ($name, lines_of_origin(&origin, swept_values, &self.$field)) ),*]
            }
        }

        /// The files that hold many rows of a cell, with their headers.
        fn long_headers(swept_keys: &[String]) -> Vec<(&'static str, Vec<u8>)> {
            vec![$( ($name, header_of_origin::<$row>(swept_keys)) ),*]
        }
    };
}
long_files!(cell_results);

/// The folder of a run that is being written.
///
/// One process writes to a folder at a time; the caller sees to that.
#[derive(Debug)]
pub struct ResultsDir {
    path: PathBuf,
    /// The keys that the scenario sweeps: each is a column.
    swept_keys: Vec<String>,
    /// Held for as long as this process writes here, so that no other resumes the run meanwhile; `None` where the file
    /// system has no locks.
    _lock: Option<File>,
    /// What this file system could not do, a sentence each.
    notes: Vec<String>,
}

/// The file that is locked where a folder cannot be, as on NFS.
const LOCK: &str = ".lock";

/// Takes the folder for this process. A network's file system may lock only files that are written, or nothing; the run is
/// worth more than the lock.
fn lock(path: &Path, notes: &mut Vec<String>) -> Result<Option<File>, ResultsError> {
    let folder = File::open(path).map_err(|error| ResultsError::io("open", path, error))?;
    let by_file = || File::options().create(true).truncate(false).write(true).open(path.join(LOCK));
    // Made only where it is needed.
    let files = std::iter::once(Ok(folder)).chain(std::iter::once_with(by_file));
    match first_lock(path, files, File::try_lock)? {
        Ok(lock) => Ok(Some(lock)),
        Err(error) => {
            notes.push(format!(
                "{} cannot be locked ({error}): see to it that no other hotset resumes this run meanwhile",
                path.display()
            ));
            Ok(None)
        }
    }
}

/// The first of the files that can be locked; the inner error is the last reason why none can.
fn first_lock(
    path: &Path,
    files: impl IntoIterator<Item = io::Result<File>>,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> Result<io::Result<File>, ResultsError> {
    let mut last = io::Error::from(io::ErrorKind::Unsupported);
    for file in files {
        let locked = file.map_err(TryLockError::Error).and_then(|file| try_lock(&file).map(|()| file));
        match locked {
            Ok(file) => return Ok(Ok(file)),
            Err(TryLockError::WouldBlock) => return Err(ResultsError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => last = error,
        }
    }
    Ok(Err(last))
}

impl ResultsDir {
    /// Creates `<out>/<scenario>/<UTC time>/` with empty CSVs, which have a column for each swept key, and points
    /// `latest` at it.
    ///
    /// # Errors
    /// Names the folder that could not be made and what to do.
    pub fn create(
        out: &Path,
        scenario: &str,
        started: jiff::Timestamp,
        swept_keys: &[String],
    ) -> Result<Self, ResultsError> {
        let parent = out.join(file_safe(scenario));
        fs::create_dir_all(&parent).map_err(|error| ResultsError::io("create", &parent, error))?;
        let path = create_untaken(&parent, &started.strftime("%Y-%m-%dT%H-%M-%SZ").to_string())?;
        for (file, header) in headers(swept_keys) {
            write_atomically(&path.join(file), &header)?;
        }
        let mut notes: Vec<String> = point_latest_at(&parent, &path).err().into_iter().collect();
        let lock = lock(&path, &mut notes)?;
        Ok(Self { path, swept_keys: swept_keys.to_vec(), _lock: lock, notes })
    }

    /// Opens a run that was interrupted, and removes what its last cell left unfinished. The results are those of the
    /// finished cells; failed cells count as finished.
    ///
    /// # Errors
    /// Returns an error if the folder holds no run, if a row that is not the last does not read, or if its files have
    /// other columns than this version of hotset would append. Nothing is changed then.
    pub fn open_for_resume(path: &Path, swept_keys: &[String]) -> Result<(Self, Results), ResultsError> {
        let results = Results::read(path)?;
        let headers = headers(swept_keys);
        for (file, header) in &headers {
            let path = path.join(file);
            if LATER.contains(file) && !path.exists() {
                return Err(ResultsError::OtherColumns { path });
            }
            let text = fs::read(&path).map_err(|error| ResultsError::io("read", &path, error))?;
            if !text.starts_with(header) {
                return Err(ResultsError::OtherColumns { path });
            }
        }
        let mut notes = Vec::new();
        let lock = lock(path, &mut notes)?;
        let finished = results.finished_cells();
        for (file, _) in &headers {
            keep_rows_of(&path.join(file), &finished)?;
        }
        Ok((Self { path: path.to_owned(), swept_keys: swept_keys.to_vec(), _lock: lock, notes }, results))
    }

    /// What the file system of the folder could not do, a sentence each; the results are whole without it.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
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
        let value = |key: &String| {
            let found = cell.swept.iter().find(|(swept, _)| swept == key);
            // A key that means nothing to the cell's topology has no value there.
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let swept_values: Vec<String> = self.swept_keys.iter().map(value).collect();
        let mut put = |file: &'static str, bytes: Vec<u8>| {
            append(&self.path.join(file), &bytes).map(|appended| done.push(appended))
        };
        for (file, lines) in cell.long_lines(&swept_values) {
            put(file, lines)?;
        }
        if !cell.interval_log.is_empty() {
            write_atomically(&self.path.join(interval_log_name(&cell.summary.cell)), &cell.interval_log)?;
        }
        if !cell.segment_record.is_empty() {
            let path = self.path.join(segment_record_name(&cell.summary.cell));
            write_atomically(&path, &cell.segment_record)?;
        }
        // Last: with this row the cell is finished.
        put(SUMMARY, line_with_swept(&cell.summary, &swept_values))
    }
}

/// Every CSV of a run with its header.
fn headers(swept_keys: &[String]) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = vec![(SUMMARY, header_with_swept::<SummaryRow>(swept_keys))];
    headers.extend(long_headers(swept_keys));
    headers
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

/// Swaps the link in one step, so that `latest` always leads somewhere. It is a convenience: the error is a sentence that
/// says why there is none.
fn point_latest_at(parent: &Path, run: &Path) -> Result<(), String> {
    let latest = parent.join("latest");
    let is_another = fs::symlink_metadata(&latest).is_ok_and(|known| !known.file_type().is_symlink());
    if is_another {
        return Err(format!(
            "{} is no link and stays as it is; the run is in {}",
            latest.display(),
            run.display()
        ));
    }
    let temporary = parent.join(format!(".latest.{}.tmp", std::process::id()));
    let target = run.file_name().unwrap_or_default();
    let linked =
        std::os::unix::fs::symlink(target, &temporary).and_then(|()| fs::rename(&temporary, &latest));
    linked.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        format!("{} cannot lead to this run ({error}); it is in {}", latest.display(), run.display())
    })
}

/// Drops the rows of cells that did not finish, and a torn last line.
fn keep_rows_of(path: &Path, finished: &BTreeSet<String>) -> Result<(), ResultsError> {
    let text = fs::read(path).map_err(|error| ResultsError::io("read", path, error))?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..whole_rows(&text)]);
    let mut kept: Vec<Vec<String>> = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let failed = |error: &csv::Error| ResultsError::Row {
            path: path.to_owned(),
            line: error.position().map_or(0, csv::Position::line),
            reason: error.to_string(),
        };
        let record = record.map_err(|error| failed(&error))?;
        // The cell's id is the first column of every file, and the header is kept.
        if number == 0 || record.get(0).is_some_and(|cell| finished.contains(cell)) {
            kept.push(record.iter().map(str::to_owned).collect());
        }
    }
    let kept = encode(&kept);
    if kept == text { Ok(()) } else { write_atomically(path, &kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> [io::Result<File>; 2] {
        [File::open(folder), File::create(folder.join(LOCK))]
    }

    #[test]
    fn where_a_folder_cannot_be_locked_a_file_in_it_is_and_where_nothing_can_the_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let of_nfs = |file: &File| {
            let is_folder = file.metadata().unwrap().is_dir();
            if is_folder { Err(TryLockError::Error(io::Error::from_raw_os_error(9))) } else { Ok(()) }
        };
        let locked = first_lock(folder.path(), files(folder.path()), of_nfs).unwrap().unwrap();
        assert!(locked.metadata().unwrap().is_file());
        let nothing = |_: &File| Err(TryLockError::Error(io::Error::from_raw_os_error(37)));
        assert!(first_lock(folder.path(), files(folder.path()), nothing).unwrap().is_err());
        let busy = |_: &File| Err(TryLockError::WouldBlock);
        let taken = first_lock(folder.path(), files(folder.path()), busy);
        assert!(matches!(taken, Err(ResultsError::Busy { .. })));
    }

    #[test]
    fn where_the_folder_itself_is_locked_no_file_is_left_in_it() {
        let out = tempfile::tempdir().unwrap();
        let directory = ResultsDir::create(out.path(), "shop", jiff::Timestamp::now(), &[]).unwrap();
        assert!(!directory.path().join(LOCK).exists());
        let again = ResultsDir::open_for_resume(directory.path(), &[]).map(|_| ());
        assert!(!directory.path().join(LOCK).exists(), "{again:?}");
    }

    #[test]
    fn a_file_called_latest_stays_and_the_run_is_kept() {
        let out = tempfile::tempdir().unwrap();
        let parent = out.path().join("shop");
        fs::create_dir(&parent).unwrap();
        fs::write(parent.join("latest"), "mine").unwrap();
        let directory = ResultsDir::create(out.path(), "shop", jiff::Timestamp::now(), &[]).unwrap();
        assert_eq!(fs::read(parent.join("latest")).unwrap(), b"mine");
        assert!(directory.notes()[0].contains("is no link and stays"), "{:?}", directory.notes());
        assert!(directory.path().join(SUMMARY).is_file());
    }

    #[test]
    fn a_folder_that_takes_no_links_is_told_of_and_keeps_the_run() {
        let out = tempfile::tempdir().unwrap();
        let refused = point_latest_at(&out.path().join("missing"), Path::new("run")).unwrap_err();
        assert!(refused.contains("cannot lead to this run"), "{refused}");
    }
}
