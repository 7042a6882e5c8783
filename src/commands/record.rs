//! The steps of `hotset record`.

use std::num::NonZeroU64;
use std::path::Path;

use crate::base::output::note;
use crate::base::shown;
use crate::base::terminal::moves_cursor;
use crate::commands::exit::Exit;
use crate::commands::output::print;
use crate::commands::plan::read;
use crate::commands::{progress, recording};
use crate::run::plan::PlanOptions;

/// Writes the operations of a scenario as a trace.
#[must_use]
pub fn execute(scenario: &Path, set: Vec<String>, operations: NonZeroU64, out: &Path, quiet: bool) -> Exit {
    let plan = match read(scenario, &PlanOptions { set, ..PlanOptions::default() }) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let progress = progress::operations(quiet, moves_cursor(&std::io::stderr()), Some(operations.get()));
    match recording::record(&plan.scenario, operations, out, progress) {
        Ok(()) => print(&format!("{}\n", out.display())),
        Err(error) => {
            note!("error: {}", shown::lines(&error.to_string()));
            Exit::NotRun
        }
    }
}
