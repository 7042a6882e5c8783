//! The part of the page that says what became of the data.

use std::fmt::Write as _;

use super::format;
use super::group::Group;
use super::headline::NONE;
use super::html::escape;
use super::safety::{Safety, percent, sentence};
use crate::results::AuditRow;

/// The table of a group, what has to be said of it, and its examples; empty where nothing was audited.
#[must_use]
pub fn section(group: &Group<'_>) -> String {
    let audited: Vec<_> =
        group.entries.iter().filter_map(|entry| Some((entry, Safety::of(entry)?))).collect();
    if audited.is_empty() {
        return String::new();
    }
    let mut html = String::from("<h3>What became of the data</h3>\n");
    html += "<div class=\"wide\"><table>\n<thead><tr>";
    for heading in [
        "strategy",
        "promise",
        "kept",
        "audited reads",
        "stale",
        "share",
        "oldest",
        "corrupt",
        "lost writes",
        "divergent keys",
    ] {
        let _ = write!(html, "<th>{heading}</th>");
    }
    html += "</tr></thead>\n<tbody>\n";
    for (entry, safety) in &audited {
        let count = |number: u64| format::count(number as f64);
        let optional = |number: Option<u64>| number.map_or_else(|| NONE.to_owned(), count);
        let promise = entry.measured.iter().find_map(|row| row.guarantee.clone()).unwrap_or_default();
        let corrupt = entry.measured.iter().map(|row| row.corrupt_reads).sum();
        let cells = [
            entry.label.to_owned(),
            promise,
            safety.verdict_text(),
            count(safety.audited),
            count(safety.stale),
            percent(safety.stale_share()),
            safety.oldest_ms.map_or_else(|| NONE.into(), |ms| format::micros(ms * 1e3)),
            count(corrupt),
            optional(safety.lost),
            optional(safety.divergent),
        ];
        html += "<tr>";
        for (at, cell) in cells.iter().enumerate() {
            // Words begin at the left, figures end at the right.
            let class = if at < 3 { " class=\"word\"" } else { "" };
            let _ = write!(html, "<td{class}>{}</td>", escape(cell));
        }
        html += "</tr>\n";
    }
    html += "</tbody>\n</table></div>\n";
    for entry in &group.entries {
        if let Some(sentence) = sentence(entry) {
            let _ = writeln!(html, "<p>{}</p>", escape(&sentence));
        }
        html += &examples(group, entry.label);
    }
    html
}

/// Examples of all repeats of a strategy, folded away.
fn examples(group: &Group<'_>, label: &str) -> String {
    let cells: Vec<&str> = group
        .entries
        .iter()
        .filter(|entry| entry.label == label)
        .flat_map(|entry| entry.measured.iter().map(|row| row.cell.as_str()))
        .collect();
    let rows: Vec<&AuditRow> =
        group.results.audit.iter().filter(|row| cells.contains(&row.cell.as_str())).take(MOST).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut html = format!(
        "<details><summary>{}: {} examples of what was found</summary>\n<div class=\"wide\"><table>\n<thead><tr>",
        escape(label),
        rows.len()
    );
    for heading in [
        "kind",
        "key",
        "field",
        "version read",
        "expected",
        "reader",
        "writer",
        "acknowledged (s)",
        "sent (s)",
        "answered (s)",
        "age (ms)",
        "more",
    ] {
        let _ = write!(html, "<th>{heading}</th>");
    }
    html += "</tr></thead>\n<tbody>\n";
    for row in rows {
        let number = |number: Option<u64>| number.map_or_else(|| NONE.into(), |number| number.to_string());
        let decimal =
            |number: Option<f64>| number.map_or_else(|| NONE.into(), |number| format!("{number:.6}"));
        let cells = [
            row.kind.clone(),
            row.key.clone(),
            row.field.clone().unwrap_or_else(|| NONE.into()),
            number(row.read_version),
            number(row.expected_version),
            number(row.reader_instance),
            number(row.writer_instance),
            decimal(row.acknowledged_s),
            decimal(row.sent_s),
            decimal(row.done_s),
            row.age_ms.map_or_else(|| NONE.into(), |age| format!("{age:.3}")),
            row.detail.clone(),
        ];
        html += "<tr>";
        for cell in cells {
            let _ = write!(html, "<td>{}</td>", escape(&cell));
        }
        html += "</tr>\n";
    }
    html += "</tbody>\n</table></div>\n</details>\n";
    html
}

/// So many examples of a strategy are on the page; all are in `audit.csv`.
const MOST: usize = 100;
