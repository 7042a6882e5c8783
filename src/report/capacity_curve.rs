//! Hit rate against capacity: a line for each simulated policy, a ring for each measured cell.

use super::canvas::panel::Panel;
use super::canvas::scale::Scale;
use super::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use super::canvas::{Canvas, INK, Lettering};
use super::format;
use super::style::{self, Look};
use crate::results::{CurveRow, CurveSource};

const HEIGHT: f64 = 400.0;

/// Draws the chart of a scenario or trace; `None` without a point.
#[must_use]
pub fn draw(name: &str, rows: &[CurveRow]) -> Option<Canvas> {
    let capacities = || rows.iter().map(|row| row.capacity_entries as f64);
    let (low, high) = (capacities().reduce(f64::min)?, capacities().reduce(f64::max)?);
    let mut sheet = Sheet { canvas: Canvas { width: WIDTH, ..Canvas::default() }, next: 30.0 };
    sheet.canvas.text((MARGIN, sheet.next), "Hit rate against capacity", Lettering::new(18.0, INK).bold());
    sheet.next += 26.0;
    sheet.paragraph(name, Lettering::new(12.0, INK));
    let panel = Panel {
        left: MARGIN + 62.0,
        top: sheet.next + 10.0,
        right: WIDTH - MARGIN,
        bottom: sheet.next + 10.0 + HEIGHT,
        x: Scale::log_counts(low, high),
        y: Some(Scale::even(0.0, 100.0, 5, format::three_digits)),
    };
    panel.draw_axes(&mut sheet.canvas, "capacity (entries)", "hit rate (%)");
    let policies = policies(rows);
    for (policy, look) in &policies {
        draw_policy(&mut sheet.canvas, &panel, *look, rows.iter().filter(|row| row.policy == *policy));
    }
    sheet.next = panel.bottom + 62.0;
    let entries: Vec<_> =
        policies.iter().map(|(policy, look)| LegendEntry { label: (*policy).into(), look: *look }).collect();
    sheet.legend(&entries);
    sheet.note(note(rows));
    Some(sheet.finish())
}

fn note(rows: &[CurveRow]) -> &'static str {
    if rows.iter().any(|row| row.source == CurveSource::Measured) {
        "Lines are simulated, without servers; large hollow marks were measured by earlier runs of the same scenario."
    } else {
        "Lines are simulated, without servers; no earlier run of the same scenario was found."
    }
}

/// The policies in the order of the rows, each with how it looks.
fn policies(rows: &[CurveRow]) -> Vec<(&str, Look)> {
    let mut policies: Vec<(&str, Look)> = Vec::new();
    for row in rows {
        if policies.iter().all(|(known, _)| *known != row.policy) {
            policies.push((&row.policy, style::nth(policies.len())));
        }
    }
    policies
}

fn draw_policy<'a>(canvas: &mut Canvas, panel: &Panel, look: Look, rows: impl Iterator<Item = &'a CurveRow>) {
    let at = |row: &CurveRow| row.hit_rate.map(|rate| panel.at(row.capacity_entries as f64, rate * 100.0));
    let (simulated, measured): (Vec<_>, Vec<_>) = rows.partition(|row| row.source == CurveSource::Simulated);
    let line: Vec<_> = simulated.into_iter().filter_map(at).collect();
    if line.len() > 1 {
        canvas.line(line.clone(), look.colour, 2.0, look.dash);
    }
    for point in line {
        canvas.marker(point, 3.0, look);
    }
    for point in measured.into_iter().filter_map(at) {
        canvas.marker(point, 7.0, Look { filled: false, ..look });
    }
}
