//! The steps of `hotset merge`.

use std::path::{Path, PathBuf};

use crate::base::output::{answer, note};
use crate::base::shown;
use crate::commands::exit::Exit;
use crate::commands::report;
use crate::run::segments::merge::{MergeError, merge};

/// Puts the results of all segments of a run together, and reports them as a run does.
#[must_use]
pub fn execute(directories: &[PathBuf], out: &Path) -> Exit {
    let merged = match merge(directories, out) {
        Ok(merged) => merged,
        Err(error) => {
            note!("error: {}", shown::lines(&error.to_string()));
            return match error {
                MergeError::Results(_) | MergeError::Cell { .. } => Exit::NotRun,
                _ => Exit::Wrong,
            };
        }
    };
    if !merged.left_out.is_empty() {
        let cells = shown::lines(&merged.left_out.join(", ")).into_owned();
        note!("warning: not every segment has ended these, which are left out: {cells}");
    }
    let exit = report::execute(&merged.directory, None, None);
    answer!("results: {}", merged.directory.display());
    if merged.failed > 0 {
        note!("{} of the runs failed; the reasons are in summary.csv", merged.failed);
        return exit.worse_of(Exit::NotRun);
    }
    exit
}
