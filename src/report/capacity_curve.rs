//! Hit rate against capacity: a panel for each set of swept values and each thing that writes do, in it a line for each
//! simulated policy and a ring for each measured cell.

use super::canvas::panel::Panel;
use super::canvas::scale::Scale;
use super::canvas::sheet::{LegendEntry, LegendSample, MARGIN, Sheet, WIDTH};
use super::canvas::{Canvas, INK, Lettering};
use super::format;
use super::group::BETWEEN;
use super::style::{self, Look};
use crate::results::{CurveRow, CurveSource};

const HEIGHT: f64 = 400.0;

/// Draws the chart of a scenario or trace; `None` without a point.
#[must_use]
pub fn draw(name: &str, rows: &[CurveRow]) -> Option<Canvas> {
    let capacities = || rows.iter().filter_map(capacity);
    let (low, high) = (capacities().reduce(f64::min)?, capacities().reduce(f64::max)?);
    let mut sheet = Sheet::titled("Hit rate against capacity");
    sheet.paragraph(name, Lettering::new(12.0, INK));
    let (families, policies) = (families(rows), policies(rows));
    for family in &families {
        let title = family.title(&families);
        let top = sheet.next + if title.is_empty() { 10.0 } else { 30.0 };
        let panel = Panel {
            left: MARGIN + 62.0,
            top,
            right: WIDTH - MARGIN,
            bottom: top + HEIGHT,
            x: Scale::log_counts(low, high),
            y: Some(Scale::even(0.0, 100.0, 5, format::three_digits)),
        };
        panel.draw_axes(&mut sheet.canvas, axis(rows), "hit rate (%)");
        panel.draw_title(&mut sheet.canvas, &title);
        for (policy, look) in &policies {
            let of_policy = rows.iter().filter(|row| row.policy == *policy && family.has(row));
            draw_policy(&mut sheet.canvas, &panel, *look, of_policy);
        }
        sheet.next = panel.bottom + 62.0;
    }
    let entries: Vec<_> = policies
        .iter()
        .map(|(policy, look)| LegendEntry {
            label: (*policy).into(),
            look: *look,
            sample: LegendSample::Both,
            strategy: None,
        })
        .collect();
    sheet.legend(&entries);
    sheet.note(note(rows));
    Some(sheet.finish())
}

/// Curves of the same operations with the same done on a write.
#[derive(Debug, PartialEq, Eq)]
struct Family<'a> {
    swept: &'a str,
    on_write: &'a str,
}

/// The families in the order of the rows.
fn families(rows: &[CurveRow]) -> Vec<Family<'_>> {
    let mut families = Vec::new();
    for row in rows.iter().filter(|row| row.source == CurveSource::Simulated) {
        let family = Family { swept: &row.swept, on_write: &row.on_write };
        if !families.contains(&family) {
            families.push(family);
        }
    }
    families
}

impl Family<'_> {
    fn has(&self, row: &CurveRow) -> bool {
        row.swept == self.swept && (row.on_write == self.on_write || row.on_write.is_empty())
    }

    /// Returns what tells it from the others.
    fn title(&self, others: &[Self]) -> String {
        let writes = match self.on_write {
            "update" => "writes update the cache",
            "invalidate" => "writes invalidate what is cached",
            _ => "writes leave the cache as it is",
        };
        let differ = others.iter().any(|other| other.on_write != self.on_write);
        let swept = (!self.swept.is_empty()).then(|| self.swept.replace('=', " = ").replace(';', ", "));
        let parts = [swept, differ.then(|| writes.to_owned())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(BETWEEN)
    }
}

/// The number of entries or bytes; the rows of one drawing all have the same unit.
fn capacity(row: &CurveRow) -> Option<f64> {
    row.capacity_entries.or(row.capacity_bytes).map(|capacity| capacity as f64)
}

fn axis(rows: &[CurveRow]) -> &'static str {
    if rows.iter().any(|row| row.capacity_bytes.is_some()) {
        "capacity (bytes)"
    } else {
        "capacity (entries)"
    }
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
    let at = |row: &CurveRow| Some(panel.at(capacity(row)?, row.hit_rate? * 100.0));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(source: CurveSource, swept: &str, on_write: &str) -> CurveRow {
        CurveRow { source, swept: swept.into(), on_write: on_write.into(), ..CurveRow::default() }
    }

    #[test]
    fn each_family_has_a_panel_that_names_what_tells_it_from_the_others() {
        let simulated = |swept, on_write| row(CurveSource::Simulated, swept, on_write);
        let titles = |rows: &[CurveRow]| {
            let families = families(rows);
            families.iter().map(|family| family.title(&families)).collect::<Vec<_>>()
        };
        assert_eq!(titles(&[simulated("", "update"), simulated("", "update")]), [""]);
        let both = [simulated("keys=5", "invalidate"), simulated("keys=5", "update")];
        let of_keys = |writes| format!("keys = 5{BETWEEN}{writes}");
        let expected = ["writes invalidate what is cached", "writes update the cache"].map(of_keys);
        assert_eq!(titles(&both), expected);
        assert_eq!(titles(&[simulated("s=1", "update"), simulated("s=2", "update")]), ["s = 1", "s = 2"]);
    }

    #[test]
    fn a_measured_point_is_in_the_panels_of_its_own() {
        let family = Family { swept: "s=1", on_write: "update" };
        let measured = |swept, on_write| row(CurveSource::Measured, swept, on_write);
        assert!(family.has(&measured("s=1", "update")) && family.has(&measured("s=1", "")));
        assert!(!family.has(&measured("s=2", "update")) && !family.has(&measured("s=1", "invalidate")));
    }
}
