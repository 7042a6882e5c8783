//! The part of the page that holds what was measured against what theory predicts.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::format;
use super::group::{Group, StrategyRepeats};
use super::safety::percent;
use super::table::{PageTable, figures, words};
use crate::model::stats::median;
use crate::model::theory::{self, staleness, write_behind};
use crate::results::SummaryRow;

/// More cells than this whose hit rate is off are counted, not named.
const CELLS_TO_NAME: usize = 3;

/// A figure that theory predicts.
struct Figure {
    name: &'static str,
    measured: fn(&SummaryRow) -> Option<f64>,
    /// The ends of what is expected; the same where one number is.
    predicted: fn(&SummaryRow) -> Option<(f64, f64)>,
    off: fn(&SummaryRow) -> Option<f64>,
    model: fn(&SummaryRow) -> &str,
    unit: Unit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A share, and its difference in points of a hundred.
    Share,
    Number,
}

const FIGURES: &[Figure] = &[
    Figure {
        name: "hit rate",
        measured: |row| row.answers.hit_rate,
        predicted: |row| row.predicted.predicted_hit_rate_low.zip(row.predicted.predicted_hit_rate_high),
        off: |row| row.predicted.hit_rate_off_points,
        model: |row| &row.predicted.predicted_by,
        unit: Unit::Share,
    },
    Figure {
        name: "database reads/op",
        measured: |row| row.calls_per_op.db_reads_per_op,
        predicted: |row| twice(row.predicted.predicted_db_reads_per_op),
        off: |row| row.predicted.db_reads_per_op_off,
        model: |row| &row.predicted.predicted_by,
        unit: Unit::Number,
    },
    Figure {
        name: "stale reads",
        measured: |row| row.audited.stale_share,
        predicted: |row| twice(row.predicted.predicted_stale_share),
        off: |row| row.predicted.stale_share_off_points,
        model: |_| staleness::MODEL.name,
        unit: Unit::Share,
    },
    Figure {
        name: "database writes/write",
        measured: |row| {
            Some(row.predicted.predicted_db_writes_per_write? + row.predicted.db_writes_per_write_off?)
        },
        predicted: |row| twice(row.predicted.predicted_db_writes_per_write),
        off: |row| row.predicted.db_writes_per_write_off,
        model: |_| write_behind::MODEL.name,
        unit: Unit::Number,
    },
    Figure {
        name: "backlog",
        measured: |row| row.backlog.backlog_mean,
        predicted: |row| twice(row.predicted.predicted_backlog),
        off: |row| row.predicted.backlog_off,
        model: |_| write_behind::MODEL.name,
        unit: Unit::Number,
    },
];

fn twice(value: Option<f64>) -> Option<(f64, f64)> {
    value.map(|value| (value, value))
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Share => percent(value),
            Self::Number => format::three_digits(value),
        }
    }

    fn show_off(self, off: f64) -> String {
        match self {
            Self::Share if off.abs() < 0.05 => "as expected".into(),
            Self::Share => format!("{off:+.1} points"),
            Self::Number if off.abs() < 5e-4 => "as expected".into(),
            Self::Number => {
                format!("{}{}", if off < 0.0 { "-" } else { "+" }, format::three_digits(off.abs()))
            }
        }
    }
}

/// A table of predictions; empty where no model covers any strategy of the group.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let mut table = PageTable::new(
        "What theory predicts and what was measured",
        [
            words("strategy"),
            words(""),
            figures("measured"),
            figures("predicted"),
            figures("difference"),
            words("model"),
            words(""),
        ],
    );
    let mut models = BTreeSet::new();
    for entry in &group.entries {
        for figure in FIGURES {
            let Some((cells, model)) = cells(entry, figure) else { continue };
            models.insert(model);
            table.add(&cells);
        }
    }
    if table.is_empty() {
        return html! {};
    }
    let references =
        models.iter().filter_map(|model| Some(format!("{model}: {}", theory::reference(model)?)));
    html! {
        h3 { "What theory predicts" }
        (table.html())
        p { "Measured and difference are the medians of the repeats, of which the scorecard has the whole. "
            "Predictions are made from what was configured, for the steady state, and never fitted to the run. The models: "
            (references.collect::<Vec<_>>().join("; ")) "." }
    }
}

/// The row of a figure of a strategy, and the model that predicts it.
fn cells<'a>(entry: &StrategyRepeats<'a>, figure: &Figure) -> Option<([String; 7], &'a str)> {
    let row = entry.measured.iter().copied().find(|row| (figure.predicted)(row).is_some())?;
    let (low, high) = (figure.predicted)(row)?;
    let show = |value| figure.unit.show(value);
    let expected = if high - low > 1e-4 { format!("{} to {}", show(low), show(high)) } else { show(low) };
    let measured = median(&entry.values(figure.measured)).map_or_else(String::new, show);
    let off = median(&entry.values(figure.off)).map_or_else(String::new, |off| figure.unit.show_off(off));
    let is_hit_rate = figure.name == FIGURES[0].name;
    let note =
        entry.measured.iter().map(|row| row.predicted.prediction_note.as_str()).find(|note| !note.is_empty());
    let note = note.filter(|_| is_hit_rate).map_or_else(String::new, |note| match entry.measured.len() {
        1 => note.to_owned(),
        _ => format!("one repeat: {note}"),
    });
    let model = (figure.model)(row);
    Some(([entry.label.to_owned(), figure.name.into(), measured, expected, off, model.into(), note], model))
}

/// The cells whose hit rate is elsewhere than predicted, and why that may be; those beyond the first few are counted.
#[must_use]
pub fn sentences(groups: &[Group<'_>]) -> Vec<String> {
    let entries = groups.iter().flat_map(|group| &group.entries);
    let off: Vec<&SummaryRow> = entries
        .flat_map(|entry| entry.measured.iter().copied())
        .filter(|row| !row.predicted.prediction_note.is_empty())
        .collect();
    let shown = off.len().min(CELLS_TO_NAME);
    let mut sentences: Vec<String> = off[..shown]
        .iter()
        .map(|row| format!("The hit rate of {} is {}.", row.cell, row.predicted.prediction_note))
        .collect();
    if shown < off.len() {
        let more = off.len() - shown;
        let are = if more == 1 { "run is" } else { "runs are" };
        sentences
            .push(format!("{more} more {are} more than 2 points off; see prediction_note in summary.csv."));
    }
    sentences
}
