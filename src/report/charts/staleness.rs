//! How many reads were stale, and how old their answers were, by strategy.

use plotters::style::Color;

use super::by_strategy::{LABELS_GAP, ROW, VALUES, draw_labels, labels_of, row_middle};
use crate::report::answer::few_phrases;
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::{Scale, Spread, Tick};
use crate::report::canvas::sheet::{MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Canvas, FAINT_INK, INK, Lettering};
use crate::report::format;
use crate::report::group::Group;
use crate::report::safety::{Safety, percent};

/// Shares below this lie on the axis' beginning.
const LEAST_SHARE: f64 = 1e-6;

/// Draws the chart; `None` where nothing was audited.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    group.entries.iter().find_map(Safety::of)?;
    let mut sheet = Sheet::new("Stale reads by strategy", answer(group), group);
    let top = sheet.next + 22.0;
    let bottom = top + ROW * group.entries.len() as f64 + 8.0;
    let left = MARGIN + draw_labels(&mut sheet.canvas, &labels_of(group), top, ROW) + LABELS_GAP;
    let middle = f64::midpoint(left, WIDTH - MARGIN);
    draw_shares(&mut sheet.canvas, group, (left, top, middle - VALUES - 14.0, bottom));
    draw_ages(&mut sheet.canvas, group, (middle + 14.0, top, WIDTH - MARGIN - VALUES - 14.0, bottom));
    sheet.next = bottom + 58.0;
    sheet.note(
        "A read is stale where a newer version had been acknowledged before it was sent; its age counts from that \
         acknowledgement. Left: all repeats together. Right: a line a repeat, from the median age to the longest, with a point at the 99th percentile. \
         Controls are naive forms, there to show that the audit sees them.",
    );
    Some(sheet.finish())
}

/// Whose reads were stale, the worst first.
fn answer(group: &Group<'_>) -> Option<String> {
    let audited: Vec<_> = group
        .entries
        .iter()
        .filter_map(|entry| Some((entry.label, Safety::of(entry)?.stale_share())))
        .collect();
    let mut stale: Vec<_> = audited.iter().filter(|(_, share)| *share > 0.0).collect();
    stale.sort_by(|a, b| b.1.total_cmp(&a.1));
    let named: Vec<String> = stale
        .iter()
        .map(|(label, share)| format!("{} ({})", format::quoted(label), percent(*share)))
        .collect();
    match (audited.len(), stale.len()) {
        (0, _) => None,
        (_, 0) => Some("no audited read was stale".into()),
        (all, some) if all == some => {
            Some(format!("every strategy served stale reads: {}", few_phrases(&named)))
        }
        _ => Some(format!("stale reads were served by {} and by no other", few_phrases(&named))),
    }
}

/// Shares from a millionth to all, each factor of ten equally long.
pub(super) fn shares() -> Scale {
    let ticks = (-6..=0).map(|power| 10_f64.powi(power)).map(|value| Tick { value, label: percent(value) });
    Scale { spread: Spread::Log, low: LEAST_SHARE, high: 1.0, ticks: ticks.collect() }
}

fn draw_shares(canvas: &mut Canvas, group: &Group<'_>, (left, top, right, bottom): (f64, f64, f64, f64)) {
    let panel = Panel { left, top, right, bottom, x: shares(), y: None };
    panel.draw_title(canvas, "Share of reads that were stale");
    panel.draw_axes(canvas, "of audited reads (log scale)", "");
    for (row, entry) in group.entries.iter().enumerate() {
        let y = row_middle(top, row, ROW);
        let Some(safety) = Safety::of(entry) else {
            canvas.text((left + 10.0, y), "not audited", Lettering::new(11.5, FAINT_INK));
            continue;
        };
        if safety.stale == 0 {
            let none = format!("none of {}", format::count(safety.audited as f64));
            canvas.text((left + 10.0, y), none, Lettering::new(11.5, FAINT_INK));
        } else {
            let at = (panel.at_x(safety.stale_share()), y);
            canvas.of_strategy(entry.label, |canvas| canvas.marker(at, 4.5, entry.look));
        }
        canvas.text((right + 8.0, y), percent(safety.stale_share()), Lettering::new(12.0, INK));
    }
}

fn draw_ages(canvas: &mut Canvas, group: &Group<'_>, (left, top, right, bottom): (f64, f64, f64, f64)) {
    let ages = |figure: fn(&crate::results::SummaryRow) -> Option<f64>| {
        group.entries.iter().flat_map(move |entry| entry.values(figure)).filter(|age| *age > 0.0)
    };
    let low = ages(|row| row.audited.stale_age_p50_ms).fold(f64::INFINITY, f64::min);
    let high = ages(|row| row.audited.wrong.stale_age_max_ms).fold(0.0, f64::max);
    let (low, high) = if high > 0.0 { (low.min(high), high) } else { (1.0, 1000.0) };
    let x = Scale::log_micros(low * 900.0, high * 1100.0);
    let panel = Panel { left, top, right, bottom, x, y: None };
    panel.draw_title(canvas, "How long their answers had been out of date");
    panel.draw_axes(canvas, "age (log scale)", "");
    for (row, entry) in group.entries.iter().enumerate() {
        let y = row_middle(top, row, ROW);
        let many = entry.measured.len();
        for (n, row) in entry.measured.iter().enumerate() {
            let (Some(p50), Some(p99), Some(most)) = (
                row.audited.stale_age_p50_ms,
                row.audited.stale_age_p99_ms,
                row.audited.wrong.stale_age_max_ms,
            ) else {
                continue;
            };
            let shift = if many < 2 { 0.0 } else { (n as f64 / (many - 1) as f64 - 0.5) * 18.0 };
            let at = |ms: f64| (panel.at_x(ms * 1e3), y + shift);
            canvas.of_strategy(entry.label, |canvas| {
                canvas.line([at(p50), at(most)], entry.look.colour.mix(0.6), 1.5, &[]);
                canvas.marker(at(p99), 2.6, entry.look);
            });
        }
        let oldest = Safety::of(entry).and_then(|safety| safety.oldest_ms);
        let text = oldest.map_or_else(|| "–".into(), |ms| format::micros(ms * 1e3));
        canvas.text((right + 8.0, y), text, Lettering::new(12.0, INK));
    }
}
