//! The steps of `hotset report`, and the table that also ends a run.

use std::path::Path;

use crate::base::output::{answer, note};
use crate::base::shown;
use crate::commands::exit::Exit;
use crate::commands::output::print;
use crate::report::group::{Group, groups};
use crate::report::picture::{PictureRequest, draw_picture};
use crate::report::terminal::closing_table;
use crate::report::{self, ReportError};
use crate::results::{Results, write_atomically};

/// The width of a table that goes to a file or a pipe.
const WIDTH_OF_A_FILE: usize = 160;

/// Draws the charts and the report of a run again and prints its table, or draws only the one picture that is asked for.
#[must_use]
pub fn execute(dir: &Path, picture: Option<&PictureRequest>, junit: Option<&Path>) -> Exit {
    if let Some(request) = picture {
        return match draw_picture(dir, request) {
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

fn draw_and_tell(dir: &Path, junit: Option<&Path>) -> Result<Exit, ReportError> {
    let results = report::read(dir)?;
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
        && let Err(error) = write_atomically(path, conclusion.junit.as_bytes())
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
