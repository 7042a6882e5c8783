//! The reading of a scenario for a command, and what the user is told of its mistakes.

use std::path::Path;

use crate::base::output::note;
use crate::base::shown;
use crate::commands::exit::Exit;
use crate::run::plan::{Plan, PlanError, PlanOptions};

/// Reads the plan of a scenario, or tells the user why there is none.
///
/// # Errors
/// Where the file cannot be read or not be run; the user has been told why.
pub fn read(scenario: &Path, options: &PlanOptions) -> Result<Plan, Exit> {
    Plan::read(scenario, options).map_err(|error| {
        match &error {
            PlanError::Unreadable { .. } => {
                let error = error.to_string();
                note!(
                    "error: {}; check the path, or try `hotset scenarios/quickstart.toml`",
                    shown::lines(&error)
                );
            }
            PlanError::Invalid(invalid) => {
                for report in invalid.reports() {
                    note!("{report:?}");
                }
                let count = invalid.mistakes.len();
                let s = if count == 1 { "" } else { "s" };
                note!("{count} mistake{s} in {}: nothing was run", shown::line(&invalid.path));
            }
        }
        Exit::Wrong
    })
}
