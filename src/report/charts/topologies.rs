//! The topologies side by side: a row a strategy, in it a point a topology.

use plotters::style::Color;

use super::by_strategy::{LABELS_GAP, ROW, draw_labels, micros_scale, row_middle};
use crate::report::answer::leaders;
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, LegendSample, MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Canvas, INK};
use crate::report::format::{self, three_digits};
use crate::report::group::{Group, StrategyRepeats, ends_side_by_side, short_swept};
use crate::report::style::{Look, nth};
use crate::results::{Criterion, named};

/// Between the points of two topologies in one row.
const APART: f64 = 9.0;

/// One of the panels.
struct Figure {
    /// Its name in `criteria`.
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    /// The words on the topology that is best.
    wins: &'static str,
    /// The unit of the axis, as a multiple of the figure's.
    factor: f64,
    scale: fn(&[f64]) -> Scale,
}

const FIGURES: [Figure; 4] = [
    Figure {
        name: "read.p50",
        title: "Median read (p50)",
        axis: "response time",
        wins: "fastest median read",
        factor: 1.0,
        scale: |values| micros_scale(values, 3),
    },
    Figure {
        name: "read.p99",
        title: "Slow read (p99)",
        axis: "response time",
        wins: "fastest p99 of reads",
        factor: 1.0,
        scale: |values| micros_scale(values, 3),
    },
    Figure {
        name: "database.reads_per_op",
        title: "Database reads",
        axis: "for each answered operation",
        wins: "fewest database reads",
        factor: 1.0,
        scale: |values| Scale::even(0.0, most(values).max(0.01), 3, three_digits),
    },
    Figure {
        name: "failed",
        title: "Failed",
        axis: "of the operations (%)",
        wins: "fewest failures",
        factor: 100.0,
        scale: |values| Scale::even(0.0, most(values).max(0.01), 3, three_digits),
    },
];

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// Draws the chart; `None` of a single topology.
pub(super) fn draw(groups: &[Group<'_>]) -> Option<Canvas> {
    let blocks = ends_side_by_side(groups);
    let topologies: Vec<&str> = blocks.first()?.iter().map(|group| group.topology).collect();
    if topologies.len() < 2 || blocks.iter().flatten().all(|group| measured_labels(&[*group]).is_empty()) {
        return None;
    }
    let mut sheet = Sheet::of_run("The topologies side by side", answer(&blocks), groups);
    for block in &blocks {
        if blocks.len() > 1 {
            sheet.heading(&heading(block));
        }
        draw_block(&mut sheet, block);
    }
    sheet.next += 8.0;
    let topology = |(at, label): (usize, &&str)| LegendEntry {
        label: (*label).to_owned(),
        look: Look { colour: INK, dash: &[], ..nth(at) },
        sample: LegendSample::Marker,
        strategy: None,
    };
    sheet.legend(&topologies.iter().enumerate().map(topology).collect::<Vec<_>>());
    sheet.note(
        "Lower is better in all four. A point is a strategy on a topology, over all its repeats; level lines are 95 % intervals.",
    );
    Some(sheet.finish())
}

/// The swept values of groups that are drawn together; those of a topology that obeys no swept key are empty.
pub(super) fn heading(block: &[&Group<'_>]) -> String {
    let swept = block.iter().map(|group| short_swept(group.swept, " = ", ", "));
    swept.max_by_key(String::len).unwrap_or_default()
}

/// The labels of all strategies that were measured in these groups, in the order in which they are shown.
fn measured_labels<'a>(block: &[&Group<'a>]) -> Vec<&'a str> {
    let mut labels: Vec<&str> = Vec::new();
    for entry in block.iter().flat_map(|group| &group.entries).filter(|entry| !entry.measured.is_empty()) {
        if !labels.contains(&entry.label) {
            labels.push(entry.label);
        }
    }
    labels
}

fn draw_block(sheet: &mut Sheet, block: &[&Group<'_>]) {
    let labels = measured_labels(block);
    let height = ROW.max(APART * (block.len() + 1) as f64);
    let top = sheet.next + 24.0;
    let bottom = top + height * labels.len() as f64 + 8.0;
    let left = MARGIN + draw_labels(&mut sheet.canvas, &labels, top, height) + LABELS_GAP;
    let width = (WIDTH - MARGIN - left) / FIGURES.len() as f64;
    for (at, figure) in FIGURES.iter().enumerate() {
        let Some(criterion) = named(figure.name) else { continue };
        let entries = block.iter().flat_map(|group| &group.entries);
        let values: Vec<f64> =
            entries.filter_map(|entry| Some(criterion.of(entry)?.value * figure.factor)).collect();
        let left = left + at as f64 * width;
        let x = (figure.scale)(&values);
        let panel = Panel { left, top, right: left + width - 34.0, bottom, x, y: None };
        panel.draw_title(&mut sheet.canvas, figure.title);
        panel.draw_axes(&mut sheet.canvas, figure.axis, "");
        for (row, label) in labels.iter().enumerate() {
            let y = row_middle(top, row, height);
            sheet.canvas.of_strategy(label, |canvas| {
                draw_row(canvas, &panel, block, (figure, criterion), (label, y));
            });
        }
    }
    sheet.next = bottom + 54.0;
}

fn draw_row(
    canvas: &mut Canvas,
    panel: &Panel,
    block: &[&Group<'_>],
    (figure, criterion): (&Figure, &Criterion),
    (label, y): (&str, f64),
) {
    for (at, group) in block.iter().enumerate() {
        let entry = group.entries.iter().find(|entry| entry.label == label);
        let Some((entry, of)) = entry.and_then(|entry| Some((entry, criterion.of(entry)?))) else { continue };
        let y = y + (at as f64 - (block.len() - 1) as f64 / 2.0) * APART;
        let colour = entry.look.colour;
        if let Some(interval) = of.interval {
            let ends = [interval.low, interval.high].map(|end| (panel.at_x(end * figure.factor), y));
            canvas.line(ends, colour.mix(0.6), 1.5, &[]);
        }
        let look = Look { marker: nth(at).marker, filled: true, ..entry.look };
        canvas.marker((panel.at_x(of.value * figure.factor), y), 3.6, look);
    }
}

/// For how many strategies which topology is the best in what, where the data show it.
fn answer(blocks: &[Vec<&Group<'_>>]) -> Option<String> {
    let parts: Vec<String> = FIGURES.iter().filter_map(|figure| answer_of(figure, blocks)).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn answer_of(figure: &Figure, blocks: &[Vec<&Group<'_>>]) -> Option<String> {
    let criterion = named(figure.name)?;
    let mut wins: Vec<(&str, usize)> = Vec::new();
    let mut compared = 0;
    for block in blocks {
        for label in measured_labels(block) {
            let (topologies, entries): (Vec<&str>, Vec<&StrategyRepeats<'_>>) = block
                .iter()
                .filter_map(|group| {
                    Some((group.topology, group.entries.iter().find(|entry| entry.label == label)?))
                })
                .unzip();
            let leading = leaders(&entries, criterion);
            compared += usize::from(!leading.is_empty());
            if let [best] = leading.as_slice() {
                match wins.iter_mut().find(|(topology, _)| *topology == topologies[*best]) {
                    Some((_, count)) => *count += 1,
                    None => wins.push((topologies[*best], 1)),
                }
            }
        }
    }
    if compared == 0 {
        return None;
    }
    // The first of those that win equally often, as topologies have no order by themselves.
    wins.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let all = if blocks.len() > 1 { "pairs" } else { "strategies" };
    let parts: Vec<String> = wins
        .iter()
        .map(|(topology, count)| format!("{} for {count} of {compared} {all}", format::quoted(topology)))
        .collect();
    Some(if parts.is_empty() {
        format!("no difference shown in {}", figure.title.to_lowercase())
    } else {
        format!("{}: {}", figure.wins, format::list(&parts))
    })
}
