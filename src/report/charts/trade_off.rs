//! The database's work against what users wait for: a point a strategy and topology, no cache hollow as the reference.

use plotters::style::Color;

use super::topologies::heading;
use crate::report::answer::{WORK_AND_READS, by_topology, winners};
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, LegendSample, MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Anchor, Canvas, INK, Lettering, Weight};
use crate::report::criteria::Estimate;
use crate::report::format::three_digits;
use crate::report::group::{Group, StrategyRepeats, ends_side_by_side};
use crate::report::style::{Look, nth};
use crate::results::named;

const HEIGHT: f64 = 330.0;
const GUTTER: f64 = 76.0;
const RADIUS: f64 = 5.0;
const WORK: &str = "database.reads_per_op";
/// The figure on y and the panel's title.
const PANELS: [(&str, &str); 2] = [("read.p50", "Median read (p50)"), ("read.p99", "Slow read (p99)")];
const LABELS: Lettering =
    Lettering { size: 10.5, colour: INK, weight: Weight::Regular, anchor: Anchor::Left };
/// Between two labels on one line, which read as one where they touch.
const ASIDE: f64 = 5.0;
/// So many rows above and below a point its label may stand.
const ROWS: u8 = 8;
/// The widest that a label gets.
const LABEL_WIDTH: f64 = 130.0;

/// A strategy on a topology.
struct Point<'a> {
    entry: &'a StrategyRepeats<'a>,
    look: Look,
    work: Estimate,
    time: Estimate,
}

/// Draws the chart; `None` where fewer than two strategies have both figures.
pub(super) fn draw(groups: &[Group<'_>]) -> Option<Canvas> {
    let blocks = ends_side_by_side(groups);
    let most = blocks.iter().map(|block| points(block, PANELS[0].0).len()).max()?;
    if most < 2 {
        return None;
    }
    let last = blocks.last()?;
    let answer = by_topology(last, |group| winners(group, WORK_AND_READS));
    let answer = answer.map(|answer| match blocks.len() {
        1 => answer,
        _ => format!("at {}: {answer}", heading(last)),
    });
    let mut sheet = Sheet::of_run("Database work against response time", answer, groups);
    for block in &blocks {
        if blocks.len() > 1 {
            sheet.heading(&heading(block));
        }
        draw_block(&mut sheet, block);
    }
    sheet.legend(&legend(&blocks));
    sheet.note(
        "Down and to the left is better. A point is a strategy on a topology, over all its repeats, with 95 % intervals; the hollow one is no \
         cache, the reference.",
    );
    Some(sheet.finish())
}

/// Every strategy of these groups that has both figures; of several topologies, the marker tells which.
fn points<'a>(block: &[&'a Group<'a>], figure: &str) -> Vec<Point<'a>> {
    let mut points = Vec::new();
    for (at, group) in block.iter().enumerate() {
        let group: &'a Group<'a> = group;
        for entry in &group.entries {
            let of = |name: &str| named(name)?.of(entry);
            if let Some((work, time)) = of(WORK).zip(of(figure)) {
                let marker = if block.len() > 1 { nth(at).marker } else { entry.look.marker };
                let look = Look { marker, filled: !entry.is_reference(), ..entry.look };
                points.push(Point { entry, look, work, time });
            }
        }
    }
    points
}

fn draw_block(sheet: &mut Sheet, block: &[&Group<'_>]) {
    let top = sheet.next + 24.0;
    let width = (WIDTH - 2.0 * MARGIN + 12.0) / PANELS.len() as f64;
    for (at, (figure, title)) in PANELS.iter().enumerate() {
        let points = points(block, figure);
        let left = MARGIN - 12.0 + at as f64 * width;
        let panel = Panel {
            left: left + GUTTER,
            top,
            right: left + width - 8.0,
            bottom: top + HEIGHT,
            x: work_scale(&points),
            y: Some(time_scale(&points)),
        };
        panel.draw_title(&mut sheet.canvas, title);
        panel.draw_axes(
            &mut sheet.canvas,
            "database reads for each answered operation",
            "response time (log scale)",
        );
        draw_points(&mut sheet.canvas, &panel, &points);
    }
    sheet.next = top + HEIGHT + 62.0;
}

fn work_scale(points: &[Point<'_>]) -> Scale {
    let most = points.iter().map(|point| point.work.value).fold(0.0, f64::max);
    Scale::even(0.0, most.max(0.01) * 1.05, 5, three_digits)
}

fn time_scale(points: &[Point<'_>]) -> Scale {
    let times = || points.iter().map(|point| point.time.value);
    let (low, high) = (times().fold(f64::INFINITY, f64::min), times().fold(0.0, f64::max));
    Scale::log_micros(low * 0.8, high * 1.25)
}

/// Left, top, right and bottom of what is taken.
type Edges = [f64; 4];

fn draw_points(canvas: &mut Canvas, panel: &Panel, points: &[Point<'_>]) {
    let place = |point: &Point<'_>| panel.at(point.work.value, point.time.value);
    // No label stands over a point, and over the line of an interval only where there is no other place.
    let mut taken: Vec<Edges> = points.iter().map(|point| around(place(point), RADIUS + 1.0)).collect();
    let lines: Vec<Edges> =
        points.iter().flat_map(|point| interval_lines(panel, point)).map(edges_of).collect();
    for point in points {
        let label = LABELS.cut(point.entry.label, LABEL_WIDTH);
        let at = place(point);
        let mut places = label_places(at, LABELS.width(&label));
        places.retain(|edges| is_inside(edges, panel) && taken.iter().all(|other| are_apart(edges, other)));
        let is_clear = |edges: &&Edges| lines.iter().all(|line| are_apart(edges, line));
        let free = places.iter().find(is_clear).or_else(|| places.first()).copied();
        canvas.of_strategy(point.entry.label, |canvas| {
            draw_intervals(canvas, panel, point);
            if let Some(edges) = free {
                draw_label(canvas, at, edges, point.look, label);
            }
            canvas.marker(at, RADIUS, point.look);
        });
        taken.extend(free.map(|[left, top, right, bottom]| [left - ASIDE, top, right + ASIDE, bottom]));
    }
}

fn draw_intervals(canvas: &mut Canvas, panel: &Panel, point: &Point<'_>) {
    for line in interval_lines(panel, point) {
        canvas.line(line, point.look.colour.mix(0.5), 1.0, &[]);
    }
}

/// The lines of the intervals of a point, across and upright.
fn interval_lines(panel: &Panel, point: &Point<'_>) -> Vec<[(f64, f64); 2]> {
    let work =
        point.work.interval.map(|work| [work.low, work.high].map(|end| panel.at(end, point.time.value)));
    let time =
        point.time.interval.map(|time| [time.low, time.high].map(|end| panel.at(point.work.value, end)));
    work.into_iter().chain(time).collect()
}

fn edges_of([a, b]: [(f64, f64); 2]) -> Edges {
    [a.0.min(b.0) - 1.0, a.1.min(b.1) - 1.0, a.0.max(b.0) + 1.0, a.1.max(b.1) + 1.0]
}

/// A label that does not stand at the point's side is tied to it by a line.
fn draw_label(canvas: &mut Canvas, at: (f64, f64), edges: Edges, look: Look, label: String) {
    let [left, top, right, bottom] = edges;
    let middle = f64::midpoint(top, bottom);
    if (middle - at.1).abs() > 1.0 {
        let end = if left > at.0 { left - 2.0 } else { right.min(at.0) };
        canvas.line([at, (end, middle)], look.colour.mix(0.5), 0.75, &[]);
    }
    canvas.text((left, middle), label, LABELS);
}

/// Where the label of a point may stand, the best place first.
fn label_places((x, y): (f64, f64), width: f64) -> Vec<Edges> {
    let half = LABELS.size / 2.0 + 0.5;
    let gap = RADIUS + 4.0;
    let sides = [(x + gap, y), (x - gap - width, y)];
    let above_and_below = (1..=ROWS).flat_map(|row| [f64::from(row), -f64::from(row)]).flat_map(|row| {
        let y = y + row * (2.0 * half + 1.0);
        // The further up or down, the further aside too, so that the lines to the points of a cluster fan out.
        let aside = gap + 6.0 * (row.abs() - 1.0);
        [(x + aside, y), (x - aside - width, y), (x - width / 2.0, y)]
    });
    let places = sides.into_iter().chain(above_and_below);
    places.map(|(left, y)| [left, y - half, left + width, y + half]).collect()
}

fn around((x, y): (f64, f64), radius: f64) -> Edges {
    [x - radius, y - radius, x + radius, y + radius]
}

fn is_inside([left, top, right, bottom]: &Edges, panel: &Panel) -> bool {
    *left > panel.left && *right < panel.right && *top > panel.top && *bottom < panel.bottom
}

fn are_apart(a: &Edges, b: &Edges) -> bool {
    a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1]
}

/// The strategies, and of several topologies their markers.
fn legend(blocks: &[Vec<&Group<'_>>]) -> Vec<LegendEntry> {
    let topologies = blocks.first().filter(|block| block.len() > 1);
    // Where the marker tells the topology, only the colour is the strategy's.
    let sample = if topologies.is_some() { LegendSample::Line } else { LegendSample::Marker };
    let mut entries: Vec<LegendEntry> = Vec::new();
    let all = blocks.iter().flatten().flat_map(|group| &group.entries);
    for entry in all.filter(|entry| !entry.measured.is_empty()) {
        if entries.iter().all(|known| known.strategy.as_deref() != Some(entry.label)) {
            let look = Look { filled: !entry.is_reference(), dash: &[], ..entry.look };
            entries.push(LegendEntry {
                label: entry.label.to_owned(),
                look,
                sample,
                ..LegendEntry::of(entry)
            });
        }
    }
    for (at, group) in topologies.into_iter().flatten().enumerate() {
        let look = Look { colour: INK, dash: &[], ..nth(at) };
        entries.push(LegendEntry {
            label: group.topology.to_owned(),
            look,
            sample: LegendSample::Marker,
            strategy: None,
        });
    }
    entries
}
