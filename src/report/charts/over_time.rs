//! Panels one above the other over the measured time: a line a strategy, with what was broken and mended.

use std::collections::BTreeMap;

use plotters::style::Color;

use super::hit_rate::{
    EVENT_ROW, NamesAbove, PlacedName, Windows, draw_events, events, parts, placed_names, time_scale, windows,
};
use crate::model::stats::median;
use crate::report::canvas::Canvas;
use crate::report::canvas::end_labels::{EndLabel, draw_end_labels, height_for, room_for};
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{EventKind, EventRow, Phase, TimeseriesRow};

/// Between two panels, for the title of the lower one.
const GAP: f64 = 52.0;
/// The height of all panels together, and the least of one.
const HEIGHTS: (f64, f64) = (480.0, 120.0);

/// One of the panels.
pub(super) struct TimeFigure {
    pub title: &'static str,
    pub value: fn(&TimeseriesRow) -> Option<f64>,
    pub scale: fn(&[f64]) -> Scale,
    pub marks: Marks,
}

/// What is marked on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    Nothing,
    /// The window with the highest value of all repeats.
    Highest,
}

/// The most of some values.
pub(super) fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// Times spread by factors, from the least to the most.
pub(super) fn times(values: &[f64]) -> Scale {
    let low = values.iter().copied().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let low = if low.is_finite() { low } else { 1.0 };
    Scale::log_micros(low * 0.8, most(values).max(low * 2.0) * 1.2)
}

/// Draws the panels that have values; `None` where none has.
pub(super) fn draw(
    title: &str,
    answer: Option<String>,
    group: &Group<'_>,
    figures: &[TimeFigure],
    note: &str,
) -> Option<Canvas> {
    let windows = measured(windows(group));
    let values = |figure: &TimeFigure| -> Vec<f64> {
        windows.values().flatten().filter_map(|row| (figure.value)(row)).collect()
    };
    let shown: Vec<(&TimeFigure, Vec<f64>)> = figures
        .iter()
        .map(|figure| (figure, values(figure)))
        .filter(|(_, values)| !values.is_empty())
        .collect();
    if shown.is_empty() {
        return None;
    }
    let events = events(group);
    let mut sheet = Sheet::new(title, answer, group);
    let frame = Panel {
        left: MARGIN + 70.0,
        top: 0.0,
        right: WIDTH - MARGIN - room_for(group.entries.len()),
        bottom: 0.0,
        x: time_scale(windows.values().flatten().copied()),
        y: None,
    };
    let names = placed_names(&frame, &events);
    let rows = names.iter().map(|name| name.row + 1).max().unwrap_or(0);
    let height = (HEIGHTS.0 / shown.len() as f64).max(HEIGHTS.1).max(height_for(group.entries.len()));
    let mut top = sheet.next + 46.0 + EVENT_ROW * rows as f64;
    for (number, (figure, values)) in shown.iter().enumerate() {
        let panel = Panel { top, bottom: top + height, y: Some((figure.scale)(values)), ..frame.clone() };
        let is_last = number + 1 == shown.len();
        panel.draw_axes(&mut sheet.canvas, if is_last { "time since measuring began (s)" } else { "" }, "");
        panel.draw_title(&mut sheet.canvas, figure.title);
        let above = if number == 0 { NamesAbove::Here } else { NamesAbove::AtTheFirst };
        draw_events(&mut sheet.canvas, &panel, &events, (&names, above));
        draw_lines(&mut sheet.canvas, &panel, group, &windows, figure);
        top += height + GAP;
    }
    sheet.next = top - GAP + 62.0;
    sheet.legend(&group.entries.iter().map(LegendEntry::of).collect::<Vec<_>>());
    let several = group.entries.iter().any(|entry| entry.measured.len() > 1);
    let lines = if several {
        " A line is the median of the repeats in each window, the band around it their least and their most."
    } else {
        ""
    };
    let is_phase_of = |event: &&EventRow| event.kind == EventKind::LoadPhase;
    let phases = if events.iter().any(is_phase_of) {
        " Upright lines are where a phase of the load begins."
    } else {
        ""
    };
    let others = events.iter().filter(|event| !is_phase_of(event)).count();
    sheet.note(&format!("{note}{lines}{phases}{}", about_events(others, &names, &events)));
    Some(sheet.finish())
}

/// Says what the dotted lines are, and how many events have none.
fn about_events(others: usize, names: &[PlacedName], events: &[&EventRow]) -> String {
    let is_of_phase = |name: &&PlacedName| events[name.event].kind == EventKind::LoadPhase;
    let unnamed = others - names.iter().filter(|name| !is_of_phase(name)).count();
    match (others, unnamed) {
        (0, _) => String::new(),
        (_, 0) => " Dotted lines are what stands above the first panel.".into(),
        (_, more) => {
            format!(" Dotted lines are what stands above the first panel; events.csv has {more} more.")
        }
    }
}

/// Without the warm-up.
fn measured(mut windows: Windows<'_>) -> Windows<'_> {
    for rows in windows.values_mut() {
        rows.retain(|row| row.phase == Phase::Measure);
    }
    windows
}

fn draw_lines(
    canvas: &mut Canvas,
    panel: &Panel,
    group: &Group<'_>,
    windows: &Windows<'_>,
    figure: &TimeFigure,
) {
    let mut ends = Vec::new();
    for entry in &group.entries {
        let repeats: Vec<&Vec<&TimeseriesRow>> =
            entry.measured.iter().filter_map(|row| windows.get(row.cell.as_str())).collect();
        canvas.of_strategy(entry.label, |canvas| {
            let line = draw_entry(canvas, panel, entry, &repeats, figure);
            if let Some(at) = line.last() {
                ends.push(EndLabel { strategy: entry.label, at: *at, colour: entry.look.colour });
            }
        });
    }
    draw_end_labels(canvas, ends, panel.right, (panel.top, panel.bottom));
}

/// Draws one strategy; returns the last part of its line.
fn draw_entry(
    canvas: &mut Canvas,
    panel: &Panel,
    entry: &StrategyRepeats<'_>,
    repeats: &[&Vec<&TimeseriesRow>],
    figure: &TimeFigure,
) -> Vec<(f64, f64)> {
    let look = entry.look;
    let windows = over_repeats(repeats, figure);
    let line = |value: fn(&RepeatSpread) -> f64| {
        let points = windows
            .iter()
            .map(|window| window.spread.as_ref().map(|spread| panel.at(window.middle_s, value(spread))));
        parts(points)
    };
    if repeats.len() > 1 {
        for (low, high) in line(|spread| spread.least).into_iter().zip(line(|spread| spread.most)) {
            let around: Vec<_> = low.into_iter().chain(high.into_iter().rev()).collect();
            canvas.area(around, look.colour.mix(0.15));
        }
    }
    let medians = line(|spread| spread.median);
    for part in &medians {
        canvas.line(part.clone(), look.colour, 1.5, look.dash);
    }
    let highest = windows.iter().filter_map(|window| Some((window.middle_s, window.spread.as_ref()?.most)));
    let highest = highest.max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((middle_s, value)) = highest.filter(|_| figure.marks == Marks::Highest) {
        canvas.marker(panel.at(middle_s, value), 4.0, look);
    }
    medians.into_iter().next_back().unwrap_or_default()
}

/// A window over all repeats.
struct OverRepeats {
    middle_s: f64,
    /// `None` where no repeat has a value.
    spread: Option<RepeatSpread>,
}

struct RepeatSpread {
    least: f64,
    median: f64,
    most: f64,
}

impl RepeatSpread {
    fn of(values: &[f64]) -> Option<Self> {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        median(values).map(|median| Self { least, median, most: most(values) })
    }
}

/// The windows of the repeats, by their numbers.
fn over_repeats(repeats: &[&Vec<&TimeseriesRow>], figure: &TimeFigure) -> Vec<OverRepeats> {
    let mut windows: BTreeMap<u64, (f64, Vec<f64>)> = BTreeMap::new();
    for row in repeats.iter().flat_map(|rows| rows.iter()) {
        let window = windows.entry(row.window).or_insert((row.start_s + row.length_s / 2.0, Vec::new()));
        window.1.extend((figure.value)(row));
    }
    let window =
        |(middle_s, values): (f64, Vec<f64>)| OverRepeats { middle_s, spread: RepeatSpread::of(&values) };
    windows.into_values().map(window).collect()
}
