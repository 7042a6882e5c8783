//! What is acknowledged and not in the database yet, over time.

use super::over_time::{self, Marks, TimeFigure, most};
use crate::report::answer::few;
use crate::report::canvas::Canvas;
use crate::report::canvas::scale::Scale;
use crate::report::format::{self, three_digits};
use crate::report::group::{Group, StrategyRepeats};
use crate::results::named;

const FIGURES: [TimeFigure; 2] = [
    TimeFigure {
        title: "acknowledged and not in the database",
        value: |row| row.backlog.map(|backlog| backlog as f64),
        scale: |values| Scale::even(0.0, most(values).max(1.0) * 1.05, 4, format::count),
        marks: Marks::Highest,
    },
    TimeFigure {
        title: "how long the oldest of them had waited (s)",
        value: |row| row.backlog_oldest_s,
        scale: |values| Scale::even(0.0, most(values).max(0.1) * 1.05, 4, three_digits),
        marks: Marks::Highest,
    },
];

/// Draws the chart; `None` where no strategy holds writes back.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let note = "Entities at the end of each window; a marker is the most of all repeats. Whether a crash would lose them is in the answer above.";
    over_time::draw("Backlog at risk over time", answer(group), group, &FIGURES, note)
}

/// What a crash at the worst moment would have lost, and who holds writes back without that.
fn answer(group: &Group<'_>) -> Option<String> {
    let at_risk = named("at_risk")?;
    let holds_back =
        |entry: &&StrategyRepeats<'_>| entry.measured.iter().any(|row| row.backlog.backlog_max.is_some());
    let mut risky: Vec<(&str, f64)> = Vec::new();
    let mut logged: Vec<&str> = Vec::new();
    for entry in group.entries.iter().filter(holds_back) {
        match at_risk.of(entry).map(|of| of.value) {
            Some(risk) if risk > 0.0 => risky.push((entry.label, risk)),
            Some(_) => logged.push(entry.label),
            None => {}
        }
    }
    risky.sort_by(|a, b| b.1.total_cmp(&a.1));
    let losses: Vec<String> = risky
        .iter()
        .map(|(label, risk)| format!("{} with {}", format::count(*risk), format::quoted(label)))
        .collect();
    let mut parts = Vec::new();
    if !losses.is_empty() {
        parts.push(format!("A crash at the worst moment would have lost {}", format::list(&losses)));
    }
    if !logged.is_empty() {
        parts.push(format!("No crash would have lost what {} held back", few(&logged)));
    }
    (!parts.is_empty()).then(|| parts.join(". "))
}
