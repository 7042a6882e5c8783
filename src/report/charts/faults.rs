//! What faults did: throughput, errors, hit rate and p99 on one axis of time, with what was broken and mended.

use super::hit_rate::{EVENT_ROW, Windows, draw_events, events, parts, placed_names, time_scale, windows};
use crate::report::canvas::Canvas;
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::format::{self, three_digits};
use crate::report::group::Group;
use crate::results::{EventKind, Phase, TimeseriesRow};

const HEIGHT: f64 = 120.0;
/// Between two panels, for the title of the lower one.
const GAP: f64 = 52.0;

/// One of the panels.
struct Figure {
    title: &'static str,
    value: fn(&TimeseriesRow) -> Option<f64>,
    scale: fn(&[f64]) -> Scale,
}

const FIGURES: [Figure; 4] = [
    Figure {
        title: "operations answered a second (1/s)",
        value: |row| Some(row.achieved_per_s),
        scale: |values| Scale::even(0.0, most(values).max(1.0) * 1.05, 4, format::count),
    },
    Figure {
        title: "errors and timeouts a second (1/s)",
        value: |row| {
            (row.length_s > 0.0).then(|| (row.answers.errors + row.answers.timeouts) as f64 / row.length_s)
        },
        scale: |values| Scale::even(0.0, most(values).max(1.0) * 1.05, 4, format::count),
    },
    Figure {
        title: "hit rate (%)",
        value: |row| row.answers.hit_rate.map(|rate| rate * 100.0),
        scale: |_| Scale::even(0.0, 100.0, 4, three_digits),
    },
    Figure {
        title: "p99 response time (log scale)",
        value: |row| row.times.response_p99_us,
        scale: |values| {
            let low = values.iter().copied().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
            let low = if low.is_finite() { low } else { 1.0 };
            Scale::log_micros(low * 0.8, most(values).max(low * 2.0) * 1.2)
        },
    },
];

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// Draws the chart; `None` where nothing was broken.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let events = events(group);
    if !events.iter().any(|event| event.kind == EventKind::Fault) {
        return None;
    }
    let windows = measured(windows(group));
    let mut sheet = Sheet::new("What the faults did", group);
    let frame = Panel {
        left: MARGIN + 70.0,
        top: 0.0,
        right: WIDTH - MARGIN,
        bottom: 0.0,
        x: time_scale(windows.values().flatten().copied()),
        y: None,
    };
    let names = placed_names(&frame, &events);
    let rows = names.iter().map(|name| name.row + 1).max().unwrap_or(0);
    let mut top = sheet.next + 46.0 + EVENT_ROW * rows as f64;
    for (number, figure) in FIGURES.iter().enumerate() {
        let rows = windows.values().flatten();
        let values: Vec<f64> = rows.filter_map(|row| (figure.value)(row)).collect();
        let panel = Panel { top, bottom: top + HEIGHT, y: Some((figure.scale)(&values)), ..frame.clone() };
        let is_last = number + 1 == FIGURES.len();
        panel.draw_axes(&mut sheet.canvas, if is_last { "time since measuring began (s)" } else { "" }, "");
        panel.draw_title(&mut sheet.canvas, figure.title);
        // The events' names stand above the first panel.
        let shown = if number == 0 { &names[..] } else { &[] };
        draw_events(&mut sheet.canvas, &panel, &events, shown);
        draw_lines(&mut sheet.canvas, &panel, group, &windows, figure);
        top += HEIGHT + GAP;
    }
    sheet.next = top - GAP + 62.0;
    let legend = |entry: &crate::report::group::StrategyRepeats<'_>| LegendEntry {
        label: entry.legend_label(),
        look: entry.look,
    };
    sheet.legend(&group.entries.iter().map(legend).collect::<Vec<_>>());
    sheet.note(
        "Each line is one repeat, each point one window; a percentile is of its window's operations. Dotted lines are \
         what was broken, mended or noticed.",
    );
    Some(sheet.finish())
}

/// Without the warm-up.
fn measured(mut windows: Windows<'_>) -> Windows<'_> {
    for rows in windows.values_mut() {
        rows.retain(|row| row.phase == Phase::Measure);
    }
    windows
}

fn draw_lines(canvas: &mut Canvas, panel: &Panel, group: &Group<'_>, windows: &Windows<'_>, figure: &Figure) {
    for entry in &group.entries {
        for row in &entry.measured {
            let Some(rows) = windows.get(row.cell.as_str()) else { continue };
            let point = |row: &&TimeseriesRow| {
                (figure.value)(row).map(|value| panel.at(row.start_s + row.length_s / 2.0, value))
            };
            for part in parts(rows.iter().map(point)) {
                canvas.line(part, entry.look.colour, 1.5, entry.look.dash);
            }
        }
    }
}
