//! The steps of `hotset report`, and the table that also ends a run.

use std::path::Path;

use crate::base::output::{answer, note};
use crate::base::shown;
use crate::commands::exit::Exit;
use crate::commands::output::print;
use crate::report::enough::wanted_hit_rates;
use crate::report::group::{Group, groups};
use crate::report::picture::{PictureRequest, draw_picture};
use crate::report::terminal::closing_table;
use crate::report::{self, ReportError};
use crate::results::{EnoughCacheRow, Results, write_named};
use crate::run::findings::enough_cache;
use crate::run::plan::{Plan, PlanOptions};

/// The width of a table that goes to a file or a pipe.
const WIDTH_OF_A_FILE: usize = 160;

/// Draws the charts and the report of a run again and prints its table, or draws only the one picture that is asked for.
#[must_use]
pub fn execute(dir: &Path, picture: Option<&PictureRequest>, junit: Option<&Path>) -> Exit {
    if let Some(request) = picture {
        return match read_results(dir).and_then(|results| draw_picture(&results, request)) {
            Ok((path, said)) => {
                say(said.as_deref());
                print(&format!("{}\n", path.display()))
            }
            Err(error) => {
                note!("error: {}", shown::lines(&error.to_string()));
                Exit::Wrong
            }
        };
    }
    match draw_and_tell(dir, junit) {
        Ok(exit) => exit,
        Err(error) => {
            note!("error: {}", shown::lines(&error.to_string()));
            Exit::Wrong
        }
    }
}

/// Reads the results of a run, with what theory says that hit rates take.
///
/// # Errors
/// Those of [`report::read`].
pub fn read_results(dir: &Path) -> Result<Results, ReportError> {
    let mut results = report::read(dir)?;
    results.enough_cache = enough_cache_of(&results);
    Ok(results)
}

/// Nothing where no capacity was swept, and of a scenario that this version of hotset does not read.
fn enough_cache_of(results: &Results) -> Vec<EnoughCacheRow> {
    let run = &results.run;
    let is_swept = results.summary.iter().any(|row| row.swept.contains("cache.capacity="));
    let scenario: toml::Table = run.effective_scenario.parse().unwrap_or_default();
    // A trace would be read for it from its beginning to its end, and no model covers one.
    let has_trace = scenario.get("workload").is_some_and(|workload| workload.get("trace").is_some());
    if !is_swept || has_trace {
        return Vec::new();
    }
    let plan = Plan::parse(&run.name, &run.scenario_path, &run.effective_scenario, &PlanOptions::default());
    plan.map_or_else(|_| Vec::new(), |plan| enough_cache(&plan, &wanted_hit_rates(run)))
}

fn draw_and_tell(dir: &Path, junit: Option<&Path>) -> Result<Exit, ReportError> {
    let results = read_results(dir)?;
    let groups = groups(&results)?;
    let drawn = report::draw(&results, &groups)?;
    for path in &drawn.written {
        answer!("{}", path.display());
    }
    say(drawn.note.as_deref());
    Ok(print_table(&results, &groups).worse_of(conclude(&results, &groups, junit)))
}

/// Says what is to be said of pictures.
pub fn say(said: Option<&str>) {
    if let Some(said) = said {
        note!("note: {}", shown::lines(said));
    }
}

/// Writes the numbers for machines and says whether the scenario's requirements are met.
#[must_use]
pub fn conclude(results: &Results, groups: &[Group<'_>], junit: Option<&Path>) -> Exit {
    let conclusion = match report::conclude(results, groups) {
        Ok(conclusion) => conclusion,
        Err(error) => {
            note!(
                "error: the results are kept, but could not be summed up: {}",
                shown::lines(&error.to_string())
            );
            return Exit::NotRun;
        }
    };
    if let Some(path) = junit
        && let Err(error) = write_named(path, conclusion.junit.as_bytes())
    {
        note!("error: {}", shown::lines(&error.to_string()));
        return Exit::NotRun;
    }
    if conclusion.missed { Exit::Unmet } else { Exit::Done }
}

/// Returns the width that printed text may have.
#[must_use]
pub fn width() -> usize {
    console::Term::stdout().size_checked().map_or(WIDTH_OF_A_FILE, |(_, columns)| columns.into())
}

/// Prints the closing table of results.
#[must_use]
pub fn print_table(results: &Results, groups: &[Group<'_>]) -> Exit {
    for warning in &results.notes {
        note!("warning: {}", shown::lines(warning));
    }
    print(&closing_table(results, groups, width()))
}
