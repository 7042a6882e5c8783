//! What faults did: failures, throughput, hit rate and p99 on one axis of time, with what was broken and mended.

use super::hit_rate::{EVENT_ROW, Windows, draw_events, events, parts, placed_names, time_scale, windows};
use crate::report::answer::{few, is_told_apart};
use crate::report::canvas::Canvas;
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::format::{self, three_digits};
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{Criterion, named};
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

/// The figures, those that users feel first.
const FIGURES: [Figure; 4] = [
    Figure {
        title: "operations that failed (%)",
        value: |row| {
            (row.operations > 0).then(|| row.answers.failures() as f64 / row.operations as f64 * 100.0)
        },
        scale: |values| Scale::even(0.0, most(values).max(0.01), 4, three_digits),
    },
    Figure {
        title: "operations answered a second (1/s)",
        value: |row| Some(row.achieved_per_s),
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
    let mut sheet = Sheet::new("What the faults did", answer(group), group);
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
    sheet.legend(&group.entries.iter().map(LegendEntry::of).collect::<Vec<_>>());
    sheet.note(
        "Each line is one repeat, each point one window; a percentile is of its window's operations. Dotted lines are \
         what was broken, mended or noticed.",
    );
    Some(sheet.finish())
}

/// Says how much failed and for how long with the strategy that failed most, and with the one that failed least where
/// the data tell them apart.
fn answer(group: &Group<'_>) -> Option<String> {
    let figure = named("failed")?;
    let mut known: Vec<_> =
        group.entries.iter().filter_map(|entry| Some((entry, figure.of(entry)?.value))).collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (worst, share) = *known.first()?;
    if share <= 0.0 {
        return Some("no operation failed".into());
    }
    let sound: Vec<&str> =
        known.iter().filter(|(_, share)| *share <= 0.0).map(|(entry, _)| entry.label).collect();
    let (least, _) = *known.last()?;
    let others = match sound.as_slice() {
        _ if known.len() < 2 => String::new(),
        _ if !is_told_apart(figure, worst, least) => "; no difference shown between the strategies".into(),
        [] => format!("; {}: {}", least.label, failures(figure, least)),
        sound => format!("; none failed with {}", few(sound)),
    };
    Some(format!("{}: {}{others}", worst.label, failures(figure, worst)))
}

/// `2.1 % of the operations failed, reads for up to 2.8 s`.
fn failures(figure: &Criterion, entry: &StrategyRepeats<'_>) -> String {
    let without = |name: &str, what: &str| {
        let of = named(name).filter(|down| down.of(entry).is_some_and(|of| of.value > 0.0));
        of.map(|down| format!("{what} without service for up to {}", down.show(entry)))
    };
    let mut parts = vec![format!("{} of the operations failed", figure.show(entry))];
    parts.extend(without("read_outage", "reads"));
    parts.extend(without("write_outage", "writes"));
    parts.join(", ")
}

/// Without the warm-up.
fn measured(mut windows: Windows<'_>) -> Windows<'_> {
    for rows in windows.values_mut() {
        rows.retain(|row| row.phase == Phase::Measure);
    }
    windows
}

fn draw_lines(canvas: &mut Canvas, panel: &Panel, group: &Group<'_>, windows: &Windows<'_>, figure: &Figure) {
    let point = |row: &&TimeseriesRow| {
        (figure.value)(row).map(|value| panel.at(row.start_s + row.length_s / 2.0, value))
    };
    for entry in &group.entries {
        canvas.of_strategy(entry.label, |canvas| {
            for rows in entry.measured.iter().filter_map(|row| windows.get(row.cell.as_str())) {
                for part in parts(rows.iter().map(point)) {
                    canvas.line(part, entry.look.colour, 1.5, entry.look.dash);
                }
            }
        });
    }
}
