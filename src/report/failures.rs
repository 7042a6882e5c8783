//! What failed, with the first words of each kind: for the page and the terminal.

use maud::{Markup, html};

use super::format;
use super::group::Group;
use super::headline::NONE;
use super::table::{PageTable, figures, words};
use crate::results::{ErrorRow, Of, Results};

/// A terminal shows no more of them than this.
const MOST_LINES: usize = 12;

/// A table of the failures of every run of a group; empty where nothing failed.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let heading = [
        words("run"),
        words("what failed"),
        words("kind"),
        figures("how often"),
        figures("first at"),
        words("the first time"),
    ];
    let mut table = PageTable::new("What failed, by step and kind", heading);
    let cells = group.entries.iter().flat_map(|entry| &entry.measured);
    for row in cells.flat_map(|cell| group.results.errors.iter().filter(|row| row.cell == cell.cell)) {
        table.add(&[
            row.cell.clone(),
            row.step.to_string(),
            row.kind.clone(),
            format::count(row.failures as f64),
            row.first_at_s.map_or_else(|| NONE.into(), |at_s| format!("{at_s:.3} s")),
            row.first.clone(),
        ]);
    }
    if table.is_empty() {
        return html! {};
    }
    html! {
        details open {
            summary { "What failed, with the words of the first of each kind" }
            (table.html())
        }
    }
}

/// The same in lines, one for each kind of failure, the most frequent first.
#[must_use]
pub fn lines(results: &Results) -> Vec<String> {
    let mut rows: Vec<&Of<ErrorRow>> = results.errors.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.failures));
    let line = |row: &&Of<ErrorRow>| {
        let ErrorRow { step, kind, failures, first, .. } = &row.row;
        format!("{}: {failures} × {step} failed ({kind}), first with: {first}", row.cell)
    };
    let mut lines: Vec<String> = rows.iter().take(MOST_LINES).map(line).collect();
    if rows.len() > MOST_LINES {
        lines.push(format!("{} more kinds of failure are in errors.csv.", rows.len() - MOST_LINES));
    }
    lines
}
