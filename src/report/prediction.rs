//! The part of the page that holds measured hit rates against what theory predicts.

use std::fmt::Write as _;

use super::group::Group;
use super::html::escape;
use super::safety::percent;
use super::stats::median;

/// A table of predictions; empty where no model covers any strategy of the group.
#[must_use]
pub fn section(group: &Group<'_>) -> String {
    let mut rows = String::new();
    for entry in &group.entries {
        let Some(row) = entry.measured.iter().find(|row| row.predicted_hit_rate.is_some()) else { continue };
        let (low, high) = (row.predicted_hit_rate_low, row.predicted_hit_rate_high);
        let expected = match (row.predicted_hit_rate, low.zip(high)) {
            (_, Some((low, high))) if high - low > 1e-4 => format!("{} to {}", percent(low), percent(high)),
            (Some(value), _) => percent(value),
            _ => continue,
        };
        let measured = median(&entry.values(|row| row.hit_rate)).map_or_else(String::new, percent);
        let off = median(&entry.values(|row| row.hit_rate_off_points));
        let off = off.map_or_else(String::new, |off| match off {
            off if off.abs() < 0.05 => "as expected".into(),
            off => format!("{off:+.1} points"),
        });
        let note =
            entry.measured.iter().map(|row| row.prediction_note.as_str()).find(|note| !note.is_empty());
        let cells = [
            entry.label.to_owned(),
            measured,
            expected,
            off,
            row.predicted_by.clone(),
            note.unwrap_or_default().to_owned(),
        ];
        rows += "<tr>";
        for (at, cell) in cells.iter().enumerate() {
            let class = if at == 0 || at > 3 { " class=\"word\"" } else { "" };
            let _ = write!(rows, "<td{class}>{}</td>", escape(cell));
        }
        rows += "</tr>\n";
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<h3>What theory predicts of the hit rate</h3>\n<div class=\"wide\"><table>\n<thead><tr><th>strategy</th>\
         <th>measured</th><th>predicted</th><th>difference</th><th>model</th><th></th></tr></thead>\n<tbody>\n{rows}\
         </tbody>\n</table></div>\n<p>Predictions are made from what was configured, for the steady state, and never fitted to the \
         run.</p>\n"
    )
}
