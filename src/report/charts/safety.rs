//! What a strategy's speed is paid with: p99 against stale reads, with writes marked that were lost or at risk.

use super::staleness::shares;
use crate::report::answer::few;
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Anchor, Canvas, FAINT_INK, Lettering};
use crate::report::format;
use crate::report::group::{Group, StrategyRepeats};
use crate::report::safety::Safety;
use crate::results::{Measure, OperationClass, named};

const HEIGHT: f64 = 360.0;
/// The least width of the strip at the left for those without a stale read: a log axis has no 0.
const NONE_STRIP: f64 = 90.0;
/// From one of these to the next, so that the rings around two of one latency do not cover each other.
const APART: f64 = 32.0;

struct Point<'a> {
    entry: &'a StrategyRepeats<'a>,
    safety: Safety,
    p99_us: f64,
    /// The most acknowledged writes that a crash would have lost.
    at_risk: u64,
}

impl Point<'_> {
    /// True if nothing that the audit looks at went wrong, nor would have in a crash.
    fn is_safe(&self) -> bool {
        self.safety.stale == 0 && self.safety.lost == Some(0) && self.at_risk == 0
    }
}

/// Draws the chart; `None` where nothing was audited.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let points: Vec<Point<'_>> = group
        .entries
        .iter()
        .filter_map(|entry| {
            let p99_us = entry.merged_us(OperationClass::Read, Measure::Response, 0.99)?;
            let at_risk =
                named("at_risk").and_then(|figure| figure.of(entry)).map_or(0, |risk| risk.value as u64);
            Some(Point { entry, safety: Safety::of(entry)?, p99_us, at_risk })
        })
        .collect();
    if points.is_empty() {
        return None;
    }
    let mut sheet = Sheet::new("Tail latency against stale reads", answer(&points), group);
    let (top, bottom) = (sheet.next + 12.0, sheet.next + 12.0 + HEIGHT);
    let low = points.iter().map(|point| point.p99_us).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point.p99_us).fold(0.0, f64::max);
    let y = Scale::log_micros(low * 0.8, high * 1.25);
    let strip_width = strip_width(&points);
    let left = MARGIN + 74.0 + strip_width;
    let panel = Panel { left, top, right: WIDTH - MARGIN - 30.0, bottom, x: shares(), y: Some(y.clone()) };
    let strip = Panel { left: left - strip_width, right: left - 8.0, x: none(), ..panel.clone() };
    strip.draw_axes(&mut sheet.canvas, "", "p99 response time of reads (log scale)");
    let unlabelled = Scale {
        ticks: y
            .ticks
            .iter()
            .map(|tick| crate::report::canvas::scale::Tick { label: String::new(), ..*tick })
            .collect(),
        ..y
    };
    Panel { y: Some(unlabelled), ..panel.clone() }.draw_axes(
        &mut sheet.canvas,
        "share of reads that were stale (log scale)",
        "",
    );
    let letters = Lettering::new(11.0, FAINT_INK).held(Anchor::Middle);
    sheet.canvas.text((f64::midpoint(strip.left, strip.right), bottom + 14.0), "none", letters);
    draw_points(&mut sheet.canvas, &panel, &strip, &points);
    sheet.next = bottom + 56.0;
    let legend: Vec<_> = points.iter().map(legend).collect();
    sheet.legend(&legend);
    sheet.note(
        "Down and to the left is better. All repeats of a strategy together. A red ring marks lost writes, an orange one writes that a crash \
         would have lost, a grey one controls: naive forms, there to show that the audit sees them.",
    );
    Some(sheet.finish())
}

/// The axis of the strip: a single place.
fn none() -> Scale {
    Scale { spread: crate::report::canvas::scale::Spread::Even, low: 0.0, high: 1.0, ticks: Vec::new() }
}

fn clean_points(points: &[Point<'_>]) -> usize {
    points.iter().filter(|point| point.safety.stale == 0).count()
}

fn strip_width(points: &[Point<'_>]) -> f64 {
    NONE_STRIP.max(APART * (clean_points(points) + 1) as f64)
}

fn draw_points(canvas: &mut Canvas, panel: &Panel, strip: &Panel, points: &[Point<'_>]) {
    let clean = clean_points(points);
    let mut placed = 0;
    for point in points {
        let at = if point.safety.stale == 0 {
            // Side by side, so that those of one latency do not cover each other.
            placed += 1;
            strip.at(f64::from(placed) / (clean + 1) as f64, point.p99_us)
        } else {
            panel.at(point.safety.stale_share(), point.p99_us)
        };
        canvas.of_strategy(point.entry.label, |canvas| {
            canvas.marker(at, 5.0, point.entry.look);
            if point.safety.lost.is_some_and(|lost| lost > 0) {
                ring(canvas, at, 11.5, plotters::style::RGBColor(200, 30, 30));
            }
            if point.at_risk > 0 {
                ring(canvas, at, 14.5, plotters::style::RGBColor(225, 130, 0));
            }
            if point.safety.control.is_some() {
                ring(canvas, at, 8.5, plotters::style::RGBColor(130, 130, 130));
            }
        });
    }
}

fn ring(canvas: &mut Canvas, at: (f64, f64), radius: f64, colour: plotters::style::RGBColor) {
    let around: Vec<_> = (0..=24)
        .map(|step| f64::from(step) / 24.0 * std::f64::consts::TAU)
        .map(|angle| (at.0 + radius * angle.cos(), at.1 + radius * angle.sin()))
        .collect();
    canvas.line(around, colour, 1.8, &[]);
}

/// Who is safe, fastest first; controls are never among them.
fn answer(points: &[Point<'_>]) -> Option<String> {
    let judged =
        || points.iter().filter(|point| point.safety.control.is_none() && !point.entry.is_reference());
    let mut safe: Vec<&Point<'_>> = judged().filter(|point| point.is_safe()).collect();
    safe.sort_by(|a, b| a.p99_us.total_cmp(&b.p99_us));
    let names: Vec<&str> = safe.iter().map(|point| point.entry.label).collect();
    judged().next()?;
    Some(match (safe.len(), judged().count()) {
        (0, _) => {
            "No strategy was shown to be free of stale reads, lost writes and writes at risk".to_owned()
        }
        (some, all) if some == all => "Nothing was stale, lost or at risk with any strategy".to_owned(),
        _ => format!("Nothing was stale, lost or at risk with {}", few(&names)),
    })
}

fn legend(point: &Point<'_>) -> LegendEntry {
    let mut entry = LegendEntry::of(point.entry);
    let lost =
        point.safety.lost.filter(|lost| *lost > 0).map(|lost| format!("{} lost", format::count(lost as f64)));
    let risk = (point.at_risk > 0).then(|| format!("{} at risk", format::count(point.at_risk as f64)));
    let bad: Vec<String> = lost.into_iter().chain(risk).collect();
    if !bad.is_empty() {
        entry.label = format!("{} ({})", entry.label, bad.join(", "));
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::Shape;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Results, Verdict};

    #[test]
    fn those_without_a_stale_read_stand_apart_however_many_they_are() {
        let row = |number: u32| {
            let mut row = run_of(&format!("strategy {number}"), 1);
            row.judgement.verdict = Some(Verdict::Kept);
            row
        };
        let results = Results { summary: (0..9).map(row).collect(), ..Results::default() };
        let groups = groups(&results).unwrap();
        let entries = &groups[0].entries;
        let point = |entry| Some(Point { entry, safety: Safety::of(entry)?, p99_us: 1_000.0, at_risk: 1 });
        let points: Vec<Point<'_>> = entries.iter().filter_map(point).collect();
        assert_eq!(points.len(), 9);
        let right = strip_width(&points);
        let y = Some(Scale::log_micros(500.0, 2_000.0));
        let strip = Panel { left: 0.0, top: 0.0, right: right - 8.0, bottom: 300.0, x: none(), y };
        let mut canvas = Canvas::default();
        draw_points(&mut canvas, &strip, &strip, &points);
        let ring = |shape: &Shape| match shape {
            Shape::Line { points, .. } => {
                let xs = || points.iter().map(|(x, _)| *x);
                Some((xs().fold(f64::INFINITY, f64::min), xs().fold(0.0, f64::max)))
            }
            Shape::Area { .. } | Shape::Disc { .. } | Shape::Text { .. } => None,
        };
        let rings: Vec<(f64, f64)> = canvas.shapes.iter().filter_map(ring).collect();
        assert_eq!(rings.len(), 9);
        assert!(rings.windows(2).all(|pair| pair[0].1 < pair[1].0), "{rings:?}");
    }
}
