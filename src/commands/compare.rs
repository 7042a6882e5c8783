//! The steps of `hotset compare`.

use std::path::{Path, PathBuf};

use crate::base::output::note;
use crate::base::shown;
use crate::base::units::Share;
use crate::commands::cli::{CompareArguments, ComparisonFormat};
use crate::commands::exit::Exit;
use crate::commands::output::{print, refuse};
use crate::commands::report::width;
use crate::report::compare::{
    CompareError, Comparison, MOST_RUNS, RunToCompare, Unlike, compare, markdown, page, terminal,
};
use crate::report::format;
use crate::results::{Results, ResultsError, baseline_path};

/// Compares runs with the first of them, or with a baseline, and prints what differs.
#[must_use]
pub fn execute(arguments: &CompareArguments) -> Exit {
    let runs = match read(arguments) {
        Ok(runs) => runs,
        Err(error) => return refuse(&error.to_string()),
    };
    if runs.len() < 2 {
        return refuse("a run is compared with another: name a second directory, or --baseline NAME");
    }
    if runs.len() > MOST_RUNS {
        return refuse(&format!("{MOST_RUNS} runs are compared at most, the baseline among them"));
    }
    let unlike = if arguments.anyway { Unlike::CompareAnyway } else { Unlike::Refuse };
    if unlike == Unlike::Refuse
        && let Some((first, others)) = runs.split_first()
        && let Some(other) = others.iter().find(|other| is_same_run(first, other))
    {
        return refuse(&format!(
            "{} and {} are the same run, so that no difference can be seen between them; name the run that came after it, or compare them --anyway",
            first.source, other.source
        ));
    }
    let comparison = match compare(&runs, unlike) {
        Ok(comparison) => comparison,
        Err(error @ CompareError::Results(_)) => {
            note!("error: {}", shown::lines(&error.to_string()));
            return Exit::NotRun;
        }
        Err(error @ (CompareError::Unlike { .. } | CompareError::NothingInCommon { .. })) => {
            return refuse(&error.to_string());
        }
    };
    let printed = print(&match arguments.format {
        ComparisonFormat::Terminal => terminal::text(&comparison, width()),
        ComparisonFormat::Markdown => markdown::text(&comparison),
        ComparisonFormat::Html => page::page(&comparison),
    });
    match arguments.fail_on_regression {
        Some(allowed) if printed == Exit::Done => verdict(&comparison, allowed),
        _ => printed,
    }
}

fn read(arguments: &CompareArguments) -> Result<Vec<RunToCompare>, ResultsError> {
    let mut sources: Vec<(String, PathBuf)> = Vec::new();
    if let Some(name) = &arguments.baseline {
        sources.push((format!("baseline {name}"), baseline_path(&arguments.out, name)?));
    }
    let of_dir = |dir: &PathBuf| (dir.display().to_string(), dir.clone());
    sources.extend(arguments.dirs.iter().map(of_dir));
    sources.into_iter().map(|(source, path)| read_run(source, &path)).collect()
}

fn read_run(source: String, path: &Path) -> Result<RunToCompare, ResultsError> {
    let results = Results::read_summary(path)?;
    for warning in &results.notes {
        note!("warning: {source}: {}", shown::lines(warning));
    }
    Ok(RunToCompare { source, results })
}

/// Returns true if two directories hold one run, as a baseline and the run that was kept for it do.
fn is_same_run(one: &RunToCompare, other: &RunToCompare) -> bool {
    one.results.run.started_utc == other.results.run.started_utc
        && one.results.summary == other.results.summary
}

/// Says on standard error what got worse by more than is allowed.
fn verdict(comparison: &Comparison, allowed: Share) -> Exit {
    let regressions = comparison.regressions(allowed.get());
    if regressions.is_empty() {
        let too_few: usize = comparison.changes.iter().map(|change| change.counts().too_few).sum();
        if too_few > 0 {
            note!(
                "warning: {too_few} figures have not enough repeats to tell, so that --fail-on-regression says nothing of them"
            );
        }
        return Exit::Done;
    }
    note!("error: worse by more than {}:", format::percent(allowed.get()));
    for regression in &regressions {
        note!("  {}", shown::line(regression));
    }
    Exit::Unmet
}
