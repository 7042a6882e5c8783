//! Panels side by side with a row a strategy: every repeat a point, the figure of all repeats
//! together a bar, their spread a line.

use plotters::style::{Color, RGBColor};

use crate::report::answer::{ComparedFigure, winners};
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Anchor, Canvas, FAINT_INK, INK, Lettering};
use crate::report::format;
use crate::report::group::{Group, StrategyRepeats};
use crate::report::style::Look;
use crate::results::{LimitedBy, SummaryRow, named};

/// The height of a row.
pub(super) const ROW: f64 = 40.0;
const BAND: RGBColor = RGBColor(248, 248, 248);
/// The widest that names of strategies get.
const LABELS: f64 = 210.0;
/// Room for the figures beside each panel.
pub(super) const VALUES: f64 = 74.0;
/// Between the names and the first panel.
pub(super) const LABELS_GAP: f64 = 14.0;
/// From this factor between the fastest and the slowest on, an even axis would hide the fast ones.
const FACTOR_FOR_LOG: f64 = 15.0;

/// A figure of a cell; `None` where the cell has none.
pub(super) type SummaryFigure = fn(&SummaryRow) -> Option<f64>;

/// One of the panels.
pub(super) struct Measured {
    pub title: &'static str,
    pub axis: &'static str,
    pub figure: SummaryFigure,
    /// The figure of all repeats together, as every table has it.
    pub whole: fn(&StrategyRepeats<'_>) -> Option<f64>,
    /// The figures that the scale has room for: this panel's own, and those of panels that it is compared with.
    pub on_one_scale_with: &'static [SummaryFigure],
    pub show: fn(f64) -> String,
    pub scale: fn(&[f64], u32) -> Scale,
    /// The number of steps that the axis has room for.
    pub steps: u32,
}

/// A criterion over all repeats of a strategy.
pub(super) fn whole(entry: &StrategyRepeats<'_>, criterion: &str) -> Option<f64> {
    named(criterion)?.of(entry).map(|of| of.value)
}

/// From 0 to the largest.
pub(super) fn count_scale(values: &[f64], steps: u32) -> Scale {
    let high = values.iter().copied().fold(1.0, f64::max);
    Scale::even(0.0, high * 1.02, steps, format::count)
}

/// From 0 to the longest, or logarithmic where short times would be hidden.
pub(super) fn micros_scale(values: &[f64], steps: u32) -> Scale {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    if low > 0.0 && low.is_finite() && high / low > FACTOR_FOR_LOG {
        return Scale::log_micros(low * 0.9, high * 1.1);
    }
    let zero_or = |us: f64| if us == 0.0 { "0".to_owned() } else { format::micros(us) };
    Scale::even(0.0, high.max(1e-3) * 1.02, steps, zero_or)
}

/// The title of a chart of panels, and what it says.
pub(super) struct Words<'a> {
    pub title: &'static str,
    /// The figures that the answer compares.
    pub compared: &'static [ComparedFigure],
    /// The words before the notes below.
    pub remark: &'a str,
}

/// Draws a chart of these panels; `None` where every cell failed.
pub(super) fn draw(words: &Words<'_>, group: &Group<'_>, panels: &[Measured]) -> Option<Canvas> {
    if group.entries.iter().all(|entry| entry.measured.is_empty()) {
        return None;
    }
    let mut sheet = Sheet::new(words.title, winners(group, words.compared), group);
    let top = sheet.next + 22.0;
    let bottom = top + ROW * group.entries.len() as f64 + 8.0;
    let labels = draw_labels(&mut sheet.canvas, &labels_of(group), top, ROW);
    let left = MARGIN + labels + LABELS_GAP;
    let width = (WIDTH - MARGIN - left) / panels.len() as f64;
    for (at, measured) in panels.iter().enumerate() {
        let left = left + at as f64 * width + if at == 0 { 0.0 } else { 14.0 };
        let right = left + width - VALUES - 14.0;
        draw_panel(&mut sheet.canvas, group, measured, (left, top, right, bottom));
    }
    sheet.next = bottom + 58.0;
    draw_key(&mut sheet);
    sheet.note(&note(words.remark, group));
    Some(sheet.finish())
}

fn note(remark: &str, group: &Group<'_>) -> String {
    let by_harness: Vec<String> = group
        .entries
        .iter()
        .filter(|entry| entry.measured.iter().any(|row| row.limits.limited_by == Some(LimitedBy::Hotset)))
        .map(|entry| format::quoted(entry.label).into_owned())
        .collect();
    let mut note = format!(
        "{remark}A point is one repeat; the bar and its number are of all repeats together, as in the scorecard."
    );
    if !by_harness.is_empty() {
        note += " Limited by hotset itself, so not a figure about the strategy: ";
        note += &format::list(&by_harness);
        note.push('.');
    }
    note
}

/// The labels of a group's strategies.
pub(super) fn labels_of<'a>(group: &Group<'a>) -> Vec<&'a str> {
    group.entries.iter().map(|entry| entry.label).collect()
}

/// Names rows of this height; returns the width that the names take.
pub(super) fn draw_labels(canvas: &mut Canvas, labels: &[&str], top: f64, height: f64) -> f64 {
    let letters = Lettering::new(12.5, INK).held(Anchor::Right);
    let lines: Vec<Vec<String>> = labels.iter().map(|label| label_lines(label, letters)).collect();
    let width = lines.iter().flatten().map(|line| letters.width(line)).fold(0.0, f64::max);
    for (row, (lines, label)) in lines.into_iter().zip(labels).enumerate() {
        let y = row_middle(top, row, height);
        if row % 2 == 1 {
            canvas.rectangle((MARGIN - 8.0, y - height / 2.0), (WIDTH - 8.0, y + height / 2.0), BAND);
        }
        let first = y - 7.5 * (lines.len() - 1) as f64;
        canvas.of_strategy(label, |canvas| {
            for (n, line) in lines.into_iter().enumerate() {
                canvas.text((MARGIN + width, first + 15.0 * n as f64), line, letters);
            }
        });
    }
    width
}

/// The label in one line or two.
fn label_lines(label: &str, letters: Lettering) -> Vec<String> {
    let mut lines = letters.wrap(label, LABELS);
    if lines.len() > 2 {
        let rest = lines.split_off(1).join(" ");
        lines.push(letters.cut(&rest, LABELS));
    }
    if lines.is_empty() { vec![String::new()] } else { lines }
}

/// The middle of a row of this height.
pub(super) fn row_middle(top: f64, row: usize, height: f64) -> f64 {
    top + 4.0 + height * (row as f64 + 0.5)
}

fn draw_panel(
    canvas: &mut Canvas,
    group: &Group<'_>,
    measured: &Measured,
    (left, top, right, bottom): (f64, f64, f64, f64),
) {
    let figures = measured.on_one_scale_with.iter();
    let values: Vec<f64> =
        figures.flat_map(|figure| group.entries.iter().flat_map(|entry| entry.values(*figure))).collect();
    let panel = Panel { left, top, right, bottom, x: (measured.scale)(&values, measured.steps), y: None };
    panel.draw_title(canvas, measured.title);
    let log = panel.x.spread == crate::report::canvas::scale::Spread::Log;
    let axis = if log { format!("{} (log scale)", measured.axis) } else { measured.axis.to_owned() };
    panel.draw_axes(canvas, &axis, "");
    for (row, entry) in group.entries.iter().enumerate() {
        let y = row_middle(top, row, ROW);
        canvas.of_strategy(entry.label, |canvas| draw_row(canvas, &panel, entry, measured, y));
    }
}

fn draw_row(canvas: &mut Canvas, panel: &Panel, entry: &StrategyRepeats<'_>, measured: &Measured, y: f64) {
    let values = entry.values(measured.figure);
    let Some(whole) = (measured.whole)(entry) else {
        let why = if entry.measured.is_empty() { "failed" } else { "no reads" };
        canvas.text((panel.left + 10.0, y), why, Lettering::new(11.5, FAINT_INK));
        return;
    };
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let colour = entry.look.colour;
    canvas.line([(panel.at_x(low), y), (panel.at_x(high), y)], colour.mix(0.6), 1.5, &[]);
    let x = panel.at_x(whole);
    canvas.rectangle((x - 1.25, y - 15.0), (x + 1.25, y + 15.0), colour);
    let many = entry.measured.len();
    for (n, row) in entry.measured.iter().enumerate() {
        if let Some(value) = (measured.figure)(row) {
            // Spread upwards and downwards, so that equal repeats do not cover each other.
            let shift = if many < 2 { 0.0 } else { (n as f64 / (many - 1) as f64 - 0.5) * 16.0 };
            let look = Look { filled: !row.status.is_overloaded(), ..entry.look };
            canvas.marker((panel.at_x(value), y + shift), 3.2, look);
        }
    }
    canvas.text((panel.right + 8.0, y), (measured.show)(whole), Lettering::new(12.0, INK));
}

/// Says what points, bars and lines mean.
fn draw_key(sheet: &mut Sheet) {
    let (letters, y) = (Lettering::new(12.0, INK), sheet.next);
    let plain = crate::report::style::look("no-cache", 0);
    let canvas = &mut sheet.canvas;
    let mut x = MARGIN;
    let mut draw_text = |canvas: &mut Canvas, text: &str| {
        canvas.text((x + 22.0, y), text, letters);
        let began = x;
        x += 22.0 + letters.width(text) + 28.0;
        began
    };
    let at = draw_text(canvas, "one repeat");
    canvas.marker((at + 9.0, y), 3.2, plain);
    let at = draw_text(canvas, "one repeat, overloaded");
    canvas.marker((at + 9.0, y), 3.2, Look { filled: false, ..plain });
    let at = draw_text(canvas, "all repeats together (number at the right)");
    canvas.rectangle((at + 7.75, y - 8.0), (at + 10.25, y + 8.0), plain.colour);
    let at = draw_text(canvas, "least to most");
    canvas.line([(at, y), (at + 18.0, y)], plain.colour.mix(0.6), 1.5, &[]);
    sheet.next += 26.0;
}
