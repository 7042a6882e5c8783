//! The part of the page that says what became of the data.

use maud::{Markup, html};

use super::format;
use super::group::Group;
use super::headline::NONE;
use super::safety::{Safety, percent, sentence};
use super::table::{PageTable, TableColumn, figures, words};
use crate::results::{AnomalyKind, AuditRow};

/// The table of a group, what has to be said of it, and its examples; empty where nothing was audited.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let audited: Vec<_> =
        group.entries.iter().filter_map(|entry| Some((entry, Safety::of(entry)?))).collect();
    if audited.is_empty() {
        return html! {};
    }
    let mut table = PageTable::new(
        "What the audit found of each strategy",
        [
            words("strategy"),
            words("guarantee"),
            words("held"),
            figures("audited reads"),
            figures("stale"),
            figures("share"),
            figures("oldest"),
            figures("corrupt"),
            figures("lost writes"),
            figures("divergent keys"),
        ],
    );
    for (entry, safety) in &audited {
        let count = |number: u64| format::count(number as f64);
        let optional = |number: Option<u64>| number.map_or_else(|| NONE.to_owned(), count);
        let guarantee = entry.measured.iter().find_map(|row| row.guarantee.clone()).unwrap_or_default();
        let corrupt = entry.measured.iter().map(|row| row.audited.wrong.corrupt_reads).sum();
        table.add(&[
            entry.label.to_owned(),
            guarantee,
            safety.verdict_text(),
            count(safety.audited),
            count(safety.stale),
            percent(safety.stale_share()),
            safety.oldest_ms.map_or_else(|| NONE.into(), |ms| format::micros(ms * 1e3)),
            count(corrupt),
            optional(safety.lost),
            optional(safety.divergent),
        ]);
    }
    html! {
        h3 { "What became of the data" }
        (table.html())
        @for entry in &group.entries {
            @if let Some(sentence) = sentence(entry) { p { (sentence) } }
            (examples(group, entry.label))
        }
    }
}

/// Examples of all repeats of a strategy, folded away.
fn examples(group: &Group<'_>, label: &str) -> Markup {
    let cells: Vec<&str> = group
        .entries
        .iter()
        .filter(|entry| entry.label == label)
        .flat_map(|entry| entry.measured.iter().map(|row| row.cell.as_str()))
        .collect();
    let rows: Vec<&AuditRow> = group
        .results
        .audit
        .iter()
        .filter(|row| cells.contains(&row.cell.as_str()))
        .map(|of| &of.row)
        .take(MOST)
        .collect();
    if rows.is_empty() {
        return html! {};
    }
    let mut table = PageTable::new(format!("Examples of what the audit found of {label}"), EXAMPLE_COLUMNS);
    for row in &rows {
        table.add(&example(row));
    }
    let mut kinds: Vec<AnomalyKind> = Vec::new();
    for row in &rows {
        if !kinds.contains(&row.kind) {
            kinds.push(row.kind);
        }
    }
    html! {
        details {
            summary { (label) ": " (rows.len()) " examples of what was found" }
            p { @for kind in kinds { em { (kind.name()) } ": " (kind.meaning()) ". " } }
            (table.html())
        }
    }
}

const EXAMPLE_COLUMNS: [TableColumn; 12] = [
    words("kind"),
    words("key"),
    words("field"),
    figures("version read"),
    figures("expected"),
    figures("reader"),
    figures("writer"),
    figures("acknowledged (s)"),
    figures("sent (s)"),
    figures("answered (s)"),
    figures("age (ms)"),
    words("more"),
];

fn example(row: &AuditRow) -> [String; 12] {
    let whole = |number: Option<u64>| number.map_or_else(|| NONE.into(), |number| number.to_string());
    let seconds = |time: Option<f64>| time.map_or_else(|| NONE.into(), |time| format!("{time:.6}"));
    [
        row.kind.name().to_owned(),
        row.key.clone(),
        row.field.clone().unwrap_or_else(|| NONE.into()),
        whole(row.read_version),
        whole(row.expected_version),
        whole(row.reader_instance),
        whole(row.writer_instance),
        seconds(row.acknowledged_s),
        seconds(row.sent_s),
        seconds(row.done_s),
        row.age_ms.map_or_else(|| NONE.into(), |age| format!("{age:.3}")),
        row.detail.clone(),
    ]
}

/// So many examples of a strategy are on the page; all are in `audit.csv`.
const MOST: usize = 100;
