//! What the database bears over time, with the busiest window of each strategy marked.

use super::over_time::{self, Marks, TimeFigure, most};
use crate::report::answer::{ComparedFigure, winners};
use crate::report::canvas::Canvas;
use crate::report::canvas::scale::Scale;
use crate::report::format;
use crate::report::group::Group;
use crate::results::TimeseriesRow;

fn counts(values: &[f64]) -> Scale {
    Scale::even(0.0, most(values).max(1.0) * 1.05, 4, format::count)
}

fn per_second(calls: u64, row: &TimeseriesRow) -> Option<f64> {
    (row.length_s > 0.0).then(|| calls as f64 / row.length_s)
}

const FIGURES: [TimeFigure; 2] = [
    TimeFigure {
        title: "database reads a second (1/s)",
        value: |row| per_second(row.calls.db_reads, row),
        scale: counts,
        marks: Marks::Highest,
    },
    TimeFigure {
        title: "database writes a second (1/s)",
        value: |row| per_second(row.calls.db_writes, row),
        scale: counts,
        marks: Marks::Highest,
    },
];

const LOWEST_PEAK: &[ComparedFigure] = &[ComparedFigure {
    figure: "database.peak_per_s",
    wins: "asks the database least in its busiest window",
    what: "the busiest window of the database",
}];

/// Draws the chart; `None` where no window was measured.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let note = "Lower is better. A marker is the busiest window of all repeats: what the database has to be ready for.";
    over_time::draw("Database work over time", winners(group, LOWEST_PEAK), group, &FIGURES, note)
}
