//! What can be written in a scenario and what is found in results, as a list, a page or a schema.

use crate::commands::catalog;
use crate::commands::cli::Listed;
use crate::commands::exit::Exit;
use crate::commands::output::{print, refuse};
use crate::report::machine_files;

/// Prints what was asked for, where there is such a form of it.
#[must_use]
pub fn execute(what: Option<Listed>, markdown: bool, json_schema: bool) -> Exit {
    match what {
        Some(Listed::Schema) => print(&machine_files::schema()),
        Some(Listed::Columns) if json_schema => print(&catalog::summary_schema()),
        Some(Listed::Columns) if markdown => print(&catalog::columns_page()),
        Some(Listed::Faults) if markdown => print(&catalog::faults_table()),
        None | Some(Listed::Settings) if markdown => print(&catalog::settings_page()),
        Some(_) | None if markdown => {
            refuse("--markdown prints settings, faults or columns: `hotset list columns --markdown`")
        }
        Some(_) | None if json_schema => {
            refuse("--json-schema is of columns: `hotset list columns --json-schema`")
        }
        _ => print(&catalog::list(what)),
    }
}
