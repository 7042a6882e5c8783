//! How long reads take at one rate after another, with the rate up to which a strategy keeps up.

use plotters::style::Color;

use super::over_time::{most, times};
use crate::report::answer::few_phrases;
use crate::report::canvas::end_labels::{EndLabel, draw_end_labels, height_for, room_for};
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Anchor, Canvas, INK, Lettering};
use crate::report::format;
use crate::report::group::Group;
use crate::report::knee::{RateSeries, series};
use crate::results::AtRate;

/// Between two panels, for the title of the lower one.
const GAP: f64 = 52.0;
const HEIGHT: f64 = 220.0;

/// One of the panels.
struct RateFigure {
    title: &'static str,
    value: fn(&AtRate) -> Option<f64>,
}

const FIGURES: [RateFigure; 2] = [
    RateFigure { title: "p50 response time of reads (log scale)", value: |at| at.read_response.p50_us },
    RateFigure { title: "p99 response time of reads (log scale)", value: |at| at.read_response.p99_us },
];

/// Draws the chart; `None` where there was neither a staircase nor a search.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let all = series(group);
    if all.is_empty() {
        return None;
    }
    let mut sheet = Sheet::new("Response time by offered rate", Some(answer(&all)), group);
    let rates: Vec<f64> = all.iter().flat_map(|one| &one.points).map(|at| at.rate_per_s).collect();
    let height = HEIGHT.max(height_for(all.len()));
    let mut top = sheet.next + 40.0;
    for (number, figure) in FIGURES.iter().enumerate() {
        let values: Vec<f64> =
            all.iter().flat_map(|one| &one.points).filter_map(|at| (figure.value)(at)).collect();
        let panel = Panel {
            left: MARGIN + 70.0,
            top,
            right: WIDTH - MARGIN - room_for(all.len()),
            bottom: top + height,
            x: Scale::even(0.0, most(&rates), 8, format::count),
            y: Some(times(&values)),
        };
        let is_last = number + 1 == FIGURES.len();
        panel.draw_axes(&mut sheet.canvas, if is_last { "operations due a second (1/s)" } else { "" }, "");
        panel.draw_title(&mut sheet.canvas, figure.title);
        draw_lines(&mut sheet.canvas, &panel, &all, figure);
        top += height + GAP;
    }
    sheet.next = top - GAP + 62.0;
    sheet.legend(&all.iter().map(|one| LegendEntry::of(one.entry)).collect::<Vec<_>>());
    sheet.note(
        "Lower is better. Each point is one rate, of the first repeat. An upright dashed line is the highest rate that a strategy keeps \
         up with: 99 % of what was due was answered in time, and in a search every requirement was met.",
    );
    Some(sheet.finish())
}

/// Who keeps up to which rate, the highest first.
fn answer(all: &[RateSeries<'_>]) -> String {
    let mut kept: Vec<&RateSeries<'_>> = all.iter().collect();
    kept.sort_by(|a, b| b.knee().unwrap_or(0.0).total_cmp(&a.knee().unwrap_or(0.0)));
    let told: Vec<String> = kept
        .iter()
        .map(|one| match one.knee() {
            Some(knee) => format!("{} up to {}/s", format::quoted(one.entry.label), format::count(knee)),
            None => format!("{} at no rate", format::quoted(one.entry.label)),
        })
        .collect();
    format!("Keeps up: {}", few_phrases(&told))
}

fn draw_lines(canvas: &mut Canvas, panel: &Panel, all: &[RateSeries<'_>], figure: &RateFigure) {
    let mut ends = Vec::new();
    for (number, one) in all.iter().enumerate() {
        let look = one.entry.look;
        let points: Vec<(f64, f64)> =
            one.points.iter().filter_map(|at| Some(panel.at(at.rate_per_s, (figure.value)(at)?))).collect();
        canvas.of_strategy(one.entry.label, |canvas| {
            if let Some(knee) = one.knee() {
                let x = panel.at_x(knee);
                canvas.line([(x, panel.top), (x, panel.bottom)], look.colour.mix(0.7), 1.0, &[5, 3]);
                let (letters, name) = (Lettering::new(10.5, INK), format!("{}/s", format::count(knee)));
                // One under the other, so that knees at one rate can all be read.
                let y = panel.top + 9.0 + 12.0 * number as f64;
                if x + 4.0 + letters.width(&name) < panel.right {
                    canvas.text((x + 4.0, y), name, letters);
                } else {
                    canvas.text((x - 4.0, y), name, letters.held(Anchor::Right));
                }
            }
            canvas.line(points.clone(), look.colour, 1.75, look.dash);
            for point in &points {
                canvas.marker(*point, 3.4, look);
            }
        });
        let end = points.last().copied();
        ends.extend(end.map(|at| EndLabel { strategy: one.entry.label, at, colour: look.colour }));
    }
    draw_end_labels(canvas, ends, panel.right, (panel.top, panel.bottom));
}
