//! The usual, slow and slowest answers over time.

use super::over_time::{self, Marks, TimeFigure, times};
use crate::model::stats::median;
use crate::report::answer::few;
use crate::report::canvas::Canvas;
use crate::report::format::{micros, three_digits};
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{Phase, TimeseriesRow};

const FIGURES: [TimeFigure; 3] = [
    TimeFigure {
        title: "p50 response time (log scale)",
        value: |row| row.times.response_p50_us,
        scale: times,
        marks: Marks::Nothing,
    },
    TimeFigure {
        title: "p95 response time (log scale)",
        value: |row| row.times.response_p95_us,
        scale: times,
        marks: Marks::Nothing,
    },
    TimeFigure {
        title: "p99 response time (log scale)",
        value: |row| row.times.response_p99_us,
        scale: times,
        marks: Marks::Highest,
    },
];

/// From this factor between the slowest window and the usual one on, something happened.
const NOTABLE: f64 = 2.0;

/// Draws the chart; `None` where no window has a time.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let note = "Lower is better. Times are of reads and writes together that were answered in a window; a marker is the highest p99.";
    over_time::draw("Response time over time", answer(group), group, &FIGURES, note)
}

/// How far the slowest window of a strategy lies above its usual one.
struct Swing<'a> {
    label: &'a str,
    usual: f64,
    worst: f64,
}

impl Swing<'_> {
    fn factor(&self) -> f64 {
        self.worst / self.usual
    }
}

fn swing<'a>(group: &Group<'_>, entry: &StrategyRepeats<'a>) -> Option<Swing<'a>> {
    let is_of = |row: &TimeseriesRow, cell: &str| {
        row.phase == Phase::Measure && entry.measured.iter().any(|of| of.cell == cell)
    };
    let windows = group.results.timeseries.iter().filter(|of| is_of(&of.row, &of.cell));
    let values: Vec<f64> = windows.filter_map(|of| of.row.times.response_p99_us).collect();
    let usual = median(&values).filter(|usual| *usual > 0.0)?;
    Some(Swing { label: entry.label, usual, worst: over_time::most(&values) })
}

/// Whose answers are slow now and then, and by how much.
fn answer(group: &Group<'_>) -> Option<String> {
    let mut swings: Vec<Swing<'_>> = group.entries.iter().filter_map(|entry| swing(group, entry)).collect();
    swings.sort_by(|a, b| b.factor().total_cmp(&a.factor()));
    let worst = swings.first()?;
    let of = |swing: &Swing<'_>| {
        format!(
            "{} in the slowest window of {}, {} times its usual {}",
            micros(swing.worst),
            swing.label,
            three_digits(swing.factor()),
            micros(swing.usual)
        )
    };
    let steady: Vec<&str> =
        swings.iter().filter(|swing| swing.factor() < NOTABLE).map(|swing| swing.label).collect();
    Some(if steady.len() == swings.len() {
        format!("The p99 is steady: at most {}", of(worst))
    } else if steady.is_empty() {
        format!("The p99 swings with every strategy, most to {}", of(worst))
    } else {
        format!("The p99 goes up to {}; it is steady with {}", of(worst), few(&steady))
    })
}
