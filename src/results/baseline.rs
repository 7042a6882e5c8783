//! Runs that are kept by a name for others to be compared with: `baselines/NAME` under the root of all results, with what a
//! comparison reads and no more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::durable::sync_parent;
use super::{RUN_INFO, Results, ResultsError, SUMMARY, file_safe, interval_log_name, write_atomically};

const FOLDER: &str = "baselines";

/// The ways to deal with a baseline that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// It stays, and saving is refused.
    Never,
    /// The new one takes its place.
    Existing,
}

/// A baseline that is kept.
#[derive(Debug)]
pub struct Baseline {
    /// Its name.
    pub name: String,
    /// Its results, or why they cannot be read.
    pub results: Result<Results, ResultsError>,
}

/// Keeps a copy of a run's summary, description and interval logs as a baseline, in one step: readers see the whole of it or,
/// until then, what was there before. Returns where it is.
///
/// # Errors
/// Where the name is no baseline's or is taken, or the folder holds no run or cannot be copied. What was kept under the name
/// is then still there.
pub fn save_baseline(
    root: &Path,
    name: &str,
    from: &Path,
    replace: Replace,
) -> Result<PathBuf, ResultsError> {
    let path = checked_path(root, name)?;
    let results = Results::read_summary(from)?;
    if results.summary.is_empty() {
        return Err(ResultsError::NothingToKeep { path: from.to_owned() });
    }
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| ResultsError::io("create", &folder, error))?;
    // Removed with whatever is in it at the end, which is the old baseline where one was replaced.
    let scratch = tempfile::Builder::new().prefix(".saving-").tempdir_in(&folder);
    let scratch = scratch.map_err(|error| ResultsError::io("create a folder in", &folder, error))?;
    let fresh = scratch.path().join(name);
    fs::create_dir(&fresh).map_err(|error| ResultsError::io("create", &fresh, error))?;
    copy(&results, &fresh)?;
    match (fs::rename(&fresh, &path), replace) {
        (Ok(()), _) => {}
        (Err(error), replace) if is_taken(&error) => match replace {
            Replace::Never => return Err(ResultsError::BaselineTaken { name: name.to_owned(), path }),
            Replace::Existing => renameat_with(CWD, &fresh, CWD, &path, RenameFlags::EXCHANGE)
                .map_err(|error| ResultsError::io("replace", &path, error.into()))?,
        },
        (Err(error), _) => return Err(ResultsError::io("write", &path, error)),
    }
    sync_parent(&path);
    Ok(path)
}

/// A folder with files in it, or a file, is in the way of a rename.
fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory
    )
}

fn copy(results: &Results, to: &Path) -> Result<(), ResultsError> {
    let copy = |file: &str| {
        let from = results.path.join(file);
        let bytes = fs::read(&from).map_err(|error| ResultsError::io("read", &from, error))?;
        write_atomically(&to.join(file), &bytes)
    };
    copy(RUN_INFO)?;
    copy(SUMMARY)?;
    for row in &results.summary {
        let log = interval_log_name(&row.cell);
        // A cell that could not be run has none.
        if results.path.join(&log).exists() {
            copy(&log)?;
        }
    }
    Ok(())
}

/// Where the baseline of a name is.
///
/// # Errors
/// Where the name is no baseline's, or none has it; then it says which there are.
pub fn baseline_path(root: &Path, name: &str) -> Result<PathBuf, ResultsError> {
    let path = checked_path(root, name)?;
    if path.is_dir() {
        return Ok(path);
    }
    let names = names(root)?;
    let known = if names.is_empty() {
        "keep one with `hotset baseline save NAME DIR`".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    Err(ResultsError::NoBaseline { name: name.to_owned(), path: root.join(FOLDER), known })
}

/// Every baseline that is kept, by name.
///
/// # Errors
/// Where the folder cannot be read; that there is none is no error.
pub fn baselines(root: &Path) -> Result<Vec<Baseline>, ResultsError> {
    let of = |name: String| Baseline { results: Results::read_summary(&root.join(FOLDER).join(&name)), name };
    Ok(names(root)?.into_iter().map(of).collect())
}

fn names(root: &Path) -> Result<Vec<String>, ResultsError> {
    let folder = root.join(FOLDER);
    let failed = |error| ResultsError::io("read", &folder, error);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && is_name(&name) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A name is that of a folder as it stands; one that begins with a dot is a save that has not ended.
fn is_name(name: &str) -> bool {
    file_safe(name) == name
}

fn checked_path(root: &Path, name: &str) -> Result<PathBuf, ResultsError> {
    if is_name(name) {
        Ok(root.join(FOLDER).join(name))
    } else {
        Err(ResultsError::BaselineName { name: name.to_owned() })
    }
}
