//! The steps of `hotset report`, and the table that also ends a run.

use std::path::Path;

use crate::base::output::{answer, note};
use crate::base::shown;
use crate::commands::exit::Exit;
use crate::commands::output::print;
use crate::report;
use crate::report::picture::{PictureRequest, draw_picture};
use crate::report::terminal::closing_table;
use crate::results::{Results, write_atomically};

/// The width of a table that goes to a file or a pipe.
const WIDTH_OF_A_FILE: usize = 160;

/// Draws the charts and the report of a run again and prints its table, or draws only the one picture that is asked for.
#[must_use]
pub fn execute(dir: &Path, picture: Option<&PictureRequest>, junit: Option<&Path>) -> Exit {
    if let Some(request) = picture {
        return match draw_picture(dir, request) {
            Ok(path) => print(&format!("{}\n", path.display())),
            Err(error) => {
                note!("error: {}", shown::lines(&error.to_string()));
                Exit::Wrong
            }
        };
    }
    match report::draw(dir) {
        Ok(drawn) => {
            for path in &drawn {
                answer!("{}", path.display());
            }
            print_table(dir).worse_of(conclude(dir, junit))
        }
        Err(error) => {
            note!("error: {}", shown::lines(&error.to_string()));
            Exit::Wrong
        }
    }
}

/// Writes the numbers for machines and says whether the scenario's requirements are met.
#[must_use]
pub fn conclude(dir: &Path, junit: Option<&Path>) -> Exit {
    let conclusion = match report::conclude(dir) {
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

/// Prints the closing table of the results in a directory.
#[must_use]
pub fn print_table(dir: &Path) -> Exit {
    let table = Results::read(dir).map_err(|error| error.to_string());
    let table = table.and_then(|results| {
        for warning in &results.notes {
            note!("warning: {}", shown::lines(warning));
        }
        closing_table(&results, width()).map_err(|error| error.to_string())
    });
    match table {
        Ok(table) => print(&table),
        Err(error) => {
            note!("error: {}", shown::lines(&error));
            Exit::NotRun
        }
    }
}
