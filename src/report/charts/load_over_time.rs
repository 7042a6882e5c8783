//! What was asked and what was answered over time, where the load changes from phase to phase.

use super::over_time::{self, Marks, TimeFigure, most};
use crate::report::answer::few_phrases;
use crate::report::canvas::Canvas;
use crate::report::canvas::scale::Scale;
use crate::report::format;
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{Of, PhaseRow};

const FIGURES: [TimeFigure; 2] = [
    TimeFigure {
        title: "operations due a second (1/s)",
        value: |row| row.offered_per_s,
        scale: counts,
        marks: Marks::Nothing,
    },
    TimeFigure {
        title: "operations answered a second (1/s)",
        value: |row| Some(row.achieved_per_s),
        scale: counts,
        marks: Marks::Nothing,
    },
];

/// A phase that answered less than this share of what was due left a queue behind.
const KEPT_UP: f64 = 0.99;

fn counts(values: &[f64]) -> Scale {
    Scale::even(0.0, most(values).max(1.0) * 1.05, 4, format::count)
}

/// Draws the chart; `None` where the load has no phases.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    if !group.entries.iter().any(|entry| phases(group, entry).next().is_some()) {
        return None;
    }
    let due = |entry| phases(group, entry).any(|row| row.offered_per_s.is_some());
    let note = if group.entries.iter().any(due) {
        "What was due is the mean of the rate in each window. Where less was answered than was due a queue grows, and it shrinks \
         where more was."
    } else {
        "In a closed loop as many clients as the phase says issue operations, each as soon as it has its answer."
    };
    over_time::draw("Load over time", answer(group), group, &FIGURES, note)
}

/// The phases of all repeats of a strategy.
fn phases<'a>(
    group: &'a Group<'_>,
    entry: &'a StrategyRepeats<'_>,
) -> impl Iterator<Item = &'a Of<PhaseRow>> {
    group.results.phases.iter().filter(|row| entry.measured.iter().any(|of| of.cell == row.cell))
}

/// The phases in which strategies answered less than was due.
fn answer(group: &Group<'_>) -> Option<String> {
    let share =
        |row: &PhaseRow| Some(row.achieved_per_s / row.offered_per_s.filter(|offered| *offered > 0.0)?);
    let mut worst: Vec<(&str, &str, f64)> = Vec::new();
    let mut is_open = false;
    for entry in &group.entries {
        let shares = phases(group, entry).filter_map(|row| Some((row.name.as_str(), share(row)?)));
        if let Some((name, share)) = shares.min_by(|a, b| a.1.total_cmp(&b.1)) {
            is_open = true;
            worst.push((entry.label, name, share));
        }
    }
    worst.retain(|(_, _, share)| *share < KEPT_UP);
    worst.sort_by(|a, b| a.2.total_cmp(&b.2));
    let told: Vec<String> = worst
        .iter()
        .map(|(label, name, share)| {
            format!("{} answers {} of what is due in {name}", format::quoted(label), format::percent(*share))
        })
        .collect();
    let all_well =
        || is_open.then(|| "By the end of each phase every strategy has answered what was due in it".into());
    if told.is_empty() { all_well() } else { Some(few_phrases(&told)) }
}
