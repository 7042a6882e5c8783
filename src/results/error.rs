//! What can go wrong with result files, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A results folder could not be written, read or compared.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}; {remedy}", path.display())]
    Io {
        /// The step that failed, as in "cannot *append to* summary.csv".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
        /// The remedy, as an imperative.
        remedy: &'static str,
    },
    /// Another process writes there.
    #[error("{} is being written by another hotset; wait for it to end, or end it", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A row is not one that this version of hotset writes.
    #[error("{} line {line} is not a row of this version of hotset ({reason}); mend or remove that line, or draw the results with the version named in run.json", path.display())]
    Row {
        /// The CSV file.
        path: PathBuf,
        /// Counted from 1, the header included.
        line: u64,
        /// The reason why it does not fit.
        reason: String,
    },
    /// A file with two columns of one name, of which no one can say which is meant.
    #[error("{} has two columns `{column}`; take one of them out", path.display())]
    ColumnTwice {
        /// The CSV file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// Two rows of one cell, which has one.
    #[error("{} has two rows of {cell}; take one of them out: counted as two repeats, they would be another result", path.display())]
    CellTwice {
        /// The CSV file.
        path: PathBuf,
        /// The cell's id.
        cell: String,
    },
    /// A file of an earlier version, which did not measure what this one shows.
    #[error("{} has no column `{column}`: an earlier version of hotset wrote it, or it was changed since; put the column back, run the scenario again, or draw the results with the version named in run.json", path.display())]
    Older {
        /// The CSV file.
        path: PathBuf,
        /// The first column that is missing.
        column: String,
    },
    /// A run cannot be gone on with, as its files have other columns.
    #[error("{} has other columns than this version of hotset writes for this scenario; rows of both cannot stand in one file (nor can those of a file that another program saved): run the scenario anew, or resume it with the version named in run.json", path.display())]
    OtherColumns {
        /// The CSV file.
        path: PathBuf,
    },
    /// `run.json` is not what this version of hotset writes.
    #[error("{} is not a run.json of this version of hotset ({source}); draw the results with the version that wrote them", path.display())]
    RunInfo {
        /// The file.
        path: PathBuf,
        /// The reason why it does not fit.
        source: serde_json::Error,
    },
    /// Rows could not be turned into text.
    #[error("cannot write a row of {file}: {reason}; this is a mistake in hotset, please report it")]
    Encode {
        /// The file's name.
        file: &'static str,
        /// The writer's own words.
        reason: String,
    },
    /// A folder that holds no run.
    #[error("{} is not a results folder: it has no {missing}; name a folder such as results/<scenario>/latest", path.display())]
    NotResults {
        /// The folder.
        path: PathBuf,
        /// The file that is missing.
        missing: &'static str,
    },
    /// An interval log that does not decode.
    #[error("{} is not a HdrHistogram interval log ({reason}); remove it to go on without that cell's percentiles", path.display())]
    IntervalLog {
        /// The file.
        path: PathBuf,
        /// The reason why it does not fit.
        reason: String,
    },
    /// A name that no baseline can have.
    #[error(
        "{name:?} cannot be the name of a baseline, which is that of its folder; take letters, digits, `.`, `_`, `=` and `-`, such as main or v1.2"
    )]
    BaselineName {
        /// The name.
        name: String,
    },
    /// A baseline of that name is kept already.
    #[error("there is a baseline {name} already, in {}; give another name, or --replace it", path.display())]
    BaselineTaken {
        /// Its name.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
    /// No baseline of that name is kept.
    #[error("there is no baseline {name} in {}; {known}", path.display())]
    NoBaseline {
        /// The name.
        name: String,
        /// The folder of all baselines.
        path: PathBuf,
        /// The baselines that there are, or how one is kept.
        known: String,
    },
    /// A run of which nothing can be kept.
    #[error("{} holds no finished cell, so there is nothing to keep; let the run finish a cell", path.display())]
    NothingToKeep {
        /// The results folder.
        path: PathBuf,
    },
    /// Cells that were offered different operations.
    #[error(
        "cells {first} and {second} were offered different operations (stream digests {first_digest} and {second_digest}), so they cannot be compared; run them again in one run with one seed"
    )]
    UnequalStreams {
        /// One cell.
        first: String,
        /// Its stream digest.
        first_digest: String,
        /// A cell of the same repeat and swept values.
        second: String,
        /// Its stream digest, which differs.
        second_digest: String,
    },
}

impl ResultsError {
    /// Names what was being done when the operating system refused.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let remedy = remedy(source.kind());
        Self::Io { doing, path: path.to_owned(), source, remedy }
    }
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, then go on with --resume; what had ended is kept"
        }
        io::ErrorKind::FileTooLarge => {
            "raise the limit of a file's size (ulimit -f), then go on with --resume; what had ended is kept"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that you may write to with --out"
        }
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::DirectoryNotEmpty => "something else is in the way; move it aside",
        _ => "check the disk and the path, or choose another folder with --out",
    }
}
