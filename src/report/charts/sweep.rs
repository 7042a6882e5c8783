//! What a swept value does: for each swept quantity and topology a row of panels with the quantity on x and a line a strategy.

mod reached;
mod row;

use plotters::style::{Color, RGBColor};

use self::reached::answers;
pub(in crate::report) use self::reached::predictions;
use self::row::{HIT_RATE, SweepPoint, SweepRow, last_part, rows};
use super::by_strategy::micros_scale;
use super::hit_rate::rate_scale;
use crate::report::canvas::Canvas;
use crate::report::canvas::end_labels::{EndLabel, draw_end_labels, room_for};
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::format::{self, three_digits};
use crate::report::group::{Group, StrategyRepeats, labelled};
use crate::results::named;

const HEIGHT: f64 = 190.0;
/// Left of each panel, for the labels of its axis.
const GUTTER: f64 = 58.0;
const TARGET_LINE: RGBColor = RGBColor(130, 130, 130);

/// One of the panels of a row.
struct Figure {
    /// Its name in `criteria`.
    name: &'static str,
    title: &'static str,
    /// The name of a target of it.
    what: &'static str,
    /// The unit of the axis, as a multiple of the figure's.
    factor: f64,
    scale: fn(&[f64]) -> Scale,
}

const FIGURES: [Figure; 4] = [
    Figure {
        name: "read.p99",
        title: "p99 of reads",
        what: "a p99 of reads",
        factor: 1.0,
        scale: |values| micros_scale(values, 4),
    },
    Figure { name: HIT_RATE, title: "Hit rate (%)", what: "a hit rate", factor: 100.0, scale: rate_scale },
    Figure {
        name: "database.reads_per_op",
        title: "Database reads/op",
        what: "database reads for each answered operation",
        factor: 1.0,
        scale: |values| Scale::even(0.0, most(values).max(0.01), 4, three_digits),
    },
    Figure {
        name: "stale_share",
        title: "Stale reads (%)",
        what: "a share of stale reads",
        factor: 100.0,
        scale: |values| Scale::even(0.0, most(values).max(0.01), 4, three_digits),
    },
];

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// Draws the chart; `None` where no quantity was swept.
pub(super) fn draw(groups: &[Group<'_>]) -> Option<Canvas> {
    let rows = rows(groups);
    if rows.is_empty() {
        return None;
    }
    let mut sheet = Sheet::of_run("What the swept values do", answers(&rows), groups);
    let figures: Vec<&Figure> = FIGURES.iter().filter(|figure| !values(&rows, figure).is_empty()).collect();
    let room = room_for(rows.iter().map(|row| row.entries().len()).max().unwrap_or(0));
    // Names at the ends of lines need wider panels.
    let columns = if room > 0.0 { figures.len().min(2) } else { figures.len() };
    let width = (WIDTH - 2.0 * MARGIN + 12.0) / columns as f64;
    for row in &rows {
        sheet.heading(&row.name(&rows));
        for (at, figure) in figures.iter().enumerate() {
            if at > 0 && at.is_multiple_of(columns) {
                sheet.next += 24.0 + HEIGHT + 50.0;
            }
            let top = sheet.next + 24.0;
            let left = MARGIN - 12.0 + (at % columns) as f64 * width;
            // One scale for a figure in all rows, so that they can be compared.
            let y = (figure.scale)(&values(&rows, figure));
            let (left, right, bottom) = (left + GUTTER, left + width - 8.0 - room, top + HEIGHT);
            let panel = Panel { left, top, right, bottom, x: row.scale(), y: Some(y) };
            panel.draw_title(&mut sheet.canvas, figure.title);
            panel.draw_axes(&mut sheet.canvas, last_part(row.key), "");
            draw_lines(&mut sheet.canvas, &panel, row, figure);
        }
        sheet.next += 24.0 + HEIGHT + 50.0;
    }
    sheet.next += 8.0;
    sheet.legend(&legend(&rows));
    sheet.note(&note(&rows));
    Some(sheet.finish())
}

/// Every value of a figure, also the predicted ones, as its axis counts.
fn values(rows: &[SweepRow<'_>], figure: &Figure) -> Vec<f64> {
    let entries = || rows.iter().flat_map(|row| &row.points).flat_map(|point| &point.group.entries);
    let measured = entries().filter_map(|entry| Some(named(figure.name)?.of(entry)?.value));
    let mut values: Vec<f64> = measured.collect();
    if figure.name == HIT_RATE && !values.is_empty() {
        values.extend(entries().filter_map(predicted));
    }
    values.iter().map(|value| value * figure.factor).collect()
}

/// The hit rate that theory predicts.
fn predicted(entry: &StrategyRepeats<'_>) -> Option<f64> {
    entry.measured.iter().find_map(|row| row.predicted.predicted_hit_rate)
}

fn draw_lines(canvas: &mut Canvas, panel: &Panel, row: &SweepRow<'_>, figure: &Figure) {
    if let Some(target) = row.target(figure.name) {
        draw_target(canvas, panel, target * figure.factor);
    }
    let mut ends = Vec::new();
    for entry in row.entries() {
        let points = row.of_strategy(entry.label);
        canvas.of_strategy(entry.label, |canvas| {
            if figure.name == HIT_RATE {
                draw_prediction(canvas, panel, entry, &points);
            }
            let end = draw_line(canvas, panel, entry, figure, &points);
            ends.extend(end.map(|at| EndLabel { strategy: entry.label, at, colour: entry.look.colour }));
        });
    }
    draw_end_labels(canvas, ends, panel.right, (panel.top, panel.bottom));
}

fn draw_target(canvas: &mut Canvas, panel: &Panel, target: f64) {
    if panel.y.as_ref().is_some_and(|y| target > y.low && target <= y.high) {
        let y = panel.at(panel.x.low, target).1;
        canvas.line([(panel.left, y), (panel.right, y)], TARGET_LINE, 1.0, &[2, 3]);
    }
}

type Measurements<'a> = [(SweepPoint<'a>, &'a StrategyRepeats<'a>)];

fn draw_prediction(
    canvas: &mut Canvas,
    panel: &Panel,
    entry: &StrategyRepeats<'_>,
    points: &Measurements<'_>,
) {
    let at = |(point, entry): &(SweepPoint<'_>, &StrategyRepeats<'_>)| {
        predicted(entry).map(|rate| panel.at(point.x, rate * 100.0))
    };
    let line: Vec<_> = points.iter().filter_map(at).collect();
    canvas.line(line, entry.look.colour.mix(0.6), 1.0, &[5, 3]);
}

/// A line through the values, with the interval of each upright; returns where it ends.
fn draw_line(
    canvas: &mut Canvas,
    panel: &Panel,
    entry: &StrategyRepeats<'_>,
    figure: &Figure,
    points: &Measurements<'_>,
) -> Option<(f64, f64)> {
    let criterion = named(figure.name)?;
    let known: Vec<_> =
        points.iter().filter_map(|(point, entry)| Some((point.x, criterion.of(entry)?))).collect();
    let at = |x: f64, value: f64| panel.at(x, value * figure.factor);
    canvas.line(
        known.iter().map(|(x, of)| at(*x, of.value)).collect::<Vec<_>>(),
        entry.look.colour,
        1.75,
        entry.look.dash,
    );
    for (x, of) in &known {
        let x = *x;
        if let Some(interval) = of.interval {
            canvas.line([at(x, interval.low), at(x, interval.high)], entry.look.colour.mix(0.6), 1.0, &[]);
        }
        canvas.marker(at(x, of.value), 3.4, entry.look);
    }
    known.last().map(|(x, of)| at(*x, of.value))
}

/// Each strategy once, with what is to be known of it at any of the values.
fn legend(rows: &[SweepRow<'_>]) -> Vec<LegendEntry> {
    let mut entries: Vec<LegendEntry> = Vec::new();
    let all = || rows.iter().flat_map(|row| &row.points).flat_map(|point| &point.group.entries);
    for entry in rows.iter().flat_map(SweepRow::entries) {
        if entries.iter().all(|known| known.strategy.as_deref() != Some(entry.label)) {
            let of_label: Vec<_> = all().filter(|other| other.label == entry.label).collect();
            let label = labelled(entry.label, &of_label);
            entries.push(LegendEntry { label, ..LegendEntry::of(entry) });
        }
    }
    entries
}

fn note(rows: &[SweepRow<'_>]) -> String {
    let mut entries = rows.iter().flat_map(|row| &row.points).flat_map(|point| &point.group.entries);
    let theory = if entries.any(|entry| predicted(entry).is_some()) {
        " Thin dashed lines are the hit rates that theory predicts."
    } else {
        ""
    };
    let others = if rows.iter().any(|row| !row.others.is_empty()) {
        " Where other values were swept too, the first and the last of them are drawn."
    } else {
        ""
    };
    let mut targets: Vec<String> = Vec::new();
    for figure in &FIGURES {
        let bounds = rows.iter().filter_map(|row| row.target(figure.name));
        for bound in bounds {
            let target = named(figure.name).map(|of| format!("{} of {}", figure.what, of.unit.show(bound)));
            targets.extend(target.filter(|target| !targets.contains(target)));
        }
    }
    format!(
        "Upright lines are 95 % intervals over the repeats; dotted is {}.{theory}{others}",
        format::list(&targets)
    )
}
