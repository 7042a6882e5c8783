//! The steps of `hotset curve`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::output::{answer, note};
use crate::base::shown;
use crate::base::terminal::moves_cursor;
use crate::commands::cli::CurveArguments;
use crate::commands::exit::Exit;
use crate::commands::plan::read;
use crate::commands::progress;
use crate::commands::sizing::{self, Sizing};
use crate::report::{self, ReportError};
use crate::results::{CurveRow, file_safe, write_curve};
use crate::run::plan::PlanOptions;

/// Simulates the curves of a scenario, keeps and draws them, and answers what was asked of them.
#[must_use]
pub fn execute(scenario: &Path, arguments: &CurveArguments) -> Exit {
    let options = PlanOptions { set: arguments.set.clone(), ..PlanOptions::default() };
    let plan = match read(scenario, &options) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let request = arguments.request();
    let total = sizing::operations(&plan, &request);
    let progress = progress::operations(arguments.quiet, moves_cursor(&std::io::stderr()), total);
    let found = match sizing::simulate(&plan, &request, progress) {
        Ok(found) => found,
        Err(error) => {
            note!("error: {}", shown::lines(&error.to_string()));
            return Exit::Wrong;
        }
    };
    print_curve_notes(&found);
    let mut rows: Vec<CurveRow> = found.iter().flat_map(Sizing::rows).collect();
    if request.trace.is_none() {
        rows.extend(sizing::measured(&plan, &arguments.out));
    }
    if let Err(error) = keep_curve(&plan.name, &rows, &arguments.out.join(file_safe(&plan.name))) {
        note!("error: {}", shown::lines(&error.to_string()));
        return Exit::NotRun;
    }
    print_tables(&found);
    if let Some(target) = arguments.target_hit_rate {
        for sizing in &found {
            let name = sizing.name(&found);
            let of = if name.is_empty() { String::new() } else { format!("{name}: ") };
            answer!("{of}{}", sizing.answer(target));
        }
    }
    Exit::Done
}

/// Prints the points of those curves that look at sizes or times to live.
fn print_tables(found: &[Sizing]) {
    for sizing in found {
        let (table, name) = (sizing.table(), sizing.name(found));
        if !table.is_empty() && !name.is_empty() {
            answer!("{name}:");
        }
        for line in table {
            answer!("{line}");
        }
    }
}

/// Prints what is to be known of simulated curves before they are looked at, each thing once.
fn print_curve_notes(found: &[Sizing]) {
    for warning in found.iter().filter_map(Sizing::warning).collect::<BTreeSet<_>>() {
        note!("warning: {warning}");
    }
    if let Some((lines, first)) =
        found.iter().find_map(|one| Some((one.skipped.lines, one.skipped.first.as_ref()?)))
    {
        note!("warning: {lines} broken lines were left out, the first: {first}");
    }
    for reason in found.iter().filter_map(|one| one.reason.as_ref()).collect::<BTreeSet<_>>() {
        answer!("{reason}");
    }
    for note in found.iter().flat_map(|one| &one.notes).collect::<BTreeSet<_>>() {
        answer!("{note}");
    }
}

fn keep_curve(name: &str, rows: &[CurveRow], directory: &Path) -> Result<(), ReportError> {
    let table = write_curve(directory, rows)?;
    for written in [vec![table], report::draw_curve(name, rows, directory)?].concat() {
        answer!("{}", written.display());
    }
    Ok(())
}
