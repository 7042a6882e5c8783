//! The steps of `hotset baseline`.

use std::path::Path;

use crate::base::output::{answer, note};
use crate::base::shown;
use crate::commands::cli::BaselineAction;
use crate::commands::exit::Exit;
use crate::report::format;
use crate::results::{Baseline, Replace, ResultsError, baselines, save_baseline};

/// Keeps a run as a baseline, or prints those that are kept.
#[must_use]
pub fn execute(action: &BaselineAction) -> Exit {
    let done = match action {
        BaselineAction::Save { name, dir, out, replace } => {
            let replace = if *replace { Replace::Existing } else { Replace::Never };
            save_baseline(out, name, dir, replace).map(|path| answer!("{}", path.display()))
        }
        BaselineAction::List { out } => list(out),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(error) => {
            note!("error: {}", shown::lines(&error.to_string()));
            if matches!(error, ResultsError::Io { .. }) { Exit::NotRun } else { Exit::Wrong }
        }
    }
}

fn list(out: &Path) -> Result<(), ResultsError> {
    let all = baselines(out)?;
    if all.is_empty() {
        note!("no baseline is kept in {}; keep one with `hotset baseline save NAME DIR`", out.display());
    }
    for baseline in &all {
        answer!("{}", shown::line(&line(baseline)));
    }
    Ok(())
}

fn line(baseline: &Baseline) -> String {
    match &baseline.results {
        Ok(results) => {
            let run = &results.run;
            let commit = run.commit.as_ref().map_or_else(String::new, |commit| format!(", commit {commit}"));
            format!(
                "{}  {}, {}, {} runs, hotset {}{commit}",
                baseline.name,
                run.name,
                format::date(&run.started_utc),
                results.summary.len(),
                run.version
            )
        }
        Err(error) => format!("{}  does not read: {error}", baseline.name),
    }
}
