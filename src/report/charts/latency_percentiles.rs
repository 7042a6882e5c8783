//! Response times over the percentiles, spread like HdrHistogram's plots; reads and writes side by side.

use hdrhistogram::Histogram;

use crate::report::answer::{ComparedFigure, winners};
use crate::report::canvas::end_labels::{EndLabel, draw_end_labels, room_for};
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Anchor, Canvas, FAINT_INK, Lettering};
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{Measure, OperationClass};

/// Fewer slower operations than this say little about their percentile.
const SLOWER_TO_SHOW: f64 = 10.0;
/// No chart goes beyond 99.999 %.
const MOST_NINES: f64 = 5.0;
const HEIGHT: f64 = 360.0;
/// Points of a line for each nine.
const POINTS_A_NINE: u32 = 80;

const READS: &[ComparedFigure] = &[
    ComparedFigure { figure: "read.p50", wins: "has the fastest median read", what: "the median read" },
    ComparedFigure { figure: "read.p99", wins: "has the fastest p99 of reads", what: "the p99 of reads" },
];

/// Draws the chart; `None` where no cell left an interval log.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let shown: Vec<OperationClass> = [OperationClass::Read, OperationClass::Write]
        .into_iter()
        .filter(|operation| group.entries.iter().any(|entry| histogram(entry, *operation).is_some()))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let mut sheet = Sheet::new("Response time by percentile", winners(group, READS), group);
    let top = sheet.next + 22.0;
    let gutter = 86.0;
    let width = (WIDTH - MARGIN - 12.0) / shown.len() as f64;
    // One scale for both panels, so that they can be compared.
    let (x, y) = scales(group, &shown);
    for (at, operation) in shown.iter().enumerate() {
        let left = 12.0 + at as f64 * width;
        let panel = Panel {
            left: left + gutter,
            top,
            right: left + width - 8.0 - room_for(group.entries.len()),
            bottom: top + HEIGHT,
            x: x.clone(),
            y: Some(y.clone()),
        };
        draw_panel(&mut sheet.canvas, &panel, group, *operation);
    }
    sheet.next = top + HEIGHT + 62.0;
    let legend: Vec<LegendEntry> = group
        .entries
        .iter()
        .filter(|entry| shown.iter().any(|operation| histogram(entry, *operation).is_some()))
        .map(LegendEntry::of)
        .collect();
    sheet.legend(&legend);
    sheet.note(
        "Lower is better. Response time runs from when an operation was due until its answer was complete. Percentiles are of \
         all repeats' operations together; a line ends where fewer than ten operations are slower.",
    );
    Some(sheet.finish())
}

fn histogram<'a>(entry: &'a StrategyRepeats<'_>, operation: OperationClass) -> Option<&'a Histogram<u64>> {
    entry.merged(operation, Measure::Response)
}

/// The highest share of operations that a line goes up to.
fn end(histogram: &Histogram<u64>) -> f64 {
    let most = 1.0 - 10_f64.powf(-MOST_NINES);
    (1.0 - SLOWER_TO_SHOW / histogram.len() as f64).clamp(0.5, most)
}

fn value_us(histogram: &Histogram<u64>, share: f64) -> f64 {
    histogram.value_at_quantile(share) as f64 / 1e3
}

fn scales(group: &Group<'_>, shown: &[OperationClass]) -> (Scale, Scale) {
    let (mut low, mut high, mut last) = (f64::INFINITY, 0.0_f64, 0.9_f64);
    for entry in &group.entries {
        for histogram in shown.iter().filter_map(|operation| histogram(entry, *operation)) {
            low = low.min(value_us(histogram, 0.0));
            high = high.max(value_us(histogram, end(histogram)));
            last = last.max(end(histogram));
        }
    }
    (Scale::nines(last), Scale::log_micros(low, high))
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, group: &Group<'_>, operation: OperationClass) {
    panel.draw_title(canvas, if operation == OperationClass::Read { "Reads" } else { "Writes" });
    panel.draw_axes(canvas, "share of operations that took no longer (%)", "response time (log scale)");
    let mut ends = Vec::new();
    for entry in &group.entries {
        if let Some(histogram) = histogram(entry, operation) {
            canvas.of_strategy(entry.label, |canvas| draw_line(canvas, panel, entry, histogram));
            let at = panel.at(end(histogram), value_us(histogram, end(histogram)));
            ends.push(EndLabel { strategy: entry.label, at, colour: entry.look.colour });
        }
    }
    draw_end_labels(canvas, ends, panel.right, (panel.top, panel.bottom));
    if !group.entries.iter().any(|entry| histogram(entry, operation).is_some()) {
        let middle = (f64::midpoint(panel.left, panel.right), f64::midpoint(panel.top, panel.bottom));
        canvas.text(middle, "none", Lettering::new(12.0, FAINT_INK).held(Anchor::Middle));
    }
}

fn draw_line(canvas: &mut Canvas, panel: &Panel, entry: &StrategyRepeats<'_>, histogram: &Histogram<u64>) {
    let end = end(histogram);
    let nines = -(1.0 - end).log10();
    let steps = (nines * f64::from(POINTS_A_NINE)).ceil() as u32;
    let share = |step: u32| 1.0 - 10_f64.powf(-nines * f64::from(step) / f64::from(steps.max(1)));
    let point = |share: f64| panel.at(share, value_us(histogram, share));
    let points: Vec<_> = (0..=steps).map(|step| point(share(step))).collect();
    canvas.line(points, entry.look.colour, 2.0, entry.look.dash);
    for tick in panel.x.ticks.iter().filter(|tick| tick.value > 0.0 && tick.value <= end) {
        canvas.marker(point(tick.value), 4.0, entry.look);
    }
}
