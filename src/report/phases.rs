//! The part of the page that says what was measured in each phase of the load.

use maud::{Markup, html};

use super::format;
use super::group::Group;
use super::headline::NONE;
use super::table::{PageTable, figures, words};
use crate::results::{Of, PhaseRow};

/// A table of the phases of each strategy's first repeat; empty where the load had no phases.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let mut table = PageTable::new(
        "What was measured in each phase of the load",
        [
            words("strategy"),
            words("phase"),
            figures("from"),
            figures("offered/s"),
            figures("answered/s"),
            figures("at once"),
            figures("queued"),
            figures("read p50"),
            figures("read p99"),
            figures("hit rate"),
            figures("failed"),
            figures("database reads/s"),
        ],
    );
    for entry in &group.entries {
        let Some(first) = entry.measured.first() else { continue };
        // The steps of a staircase have a table of their own.
        if group.results.staircase.iter().any(|row| row.cell == first.cell) {
            continue;
        }
        for row in group.results.phases.iter().filter(|row| row.cell == first.cell) {
            table.add_with_hint(
                &cells(entry.label, row),
                &format!("{} s long", format::three_digits(row.length_s)),
            );
        }
    }
    if table.is_empty() {
        return html! {};
    }
    html! {
        h3 { "What was measured in each phase of the load" }
        (table.html())
        p { "Times are response times of reads that were answered in the phase, from histograms of its windows added up, of each \
            strategy's first repeat; phases.csv has the others. At once is the most operations that were under way at once, and queued the most that were due and waited. What is still queued when a phase ends is answered, and counted, in \
            the next." }
    }
}

fn cells(label: &str, row: &Of<PhaseRow>) -> [String; 12] {
    let time = |us: Option<f64>| us.map_or_else(|| NONE.into(), format::micros);
    let depth = |most: Option<u64>| most.map_or_else(|| NONE.into(), |most| format::count(most as f64));
    let share = |share: Option<f64>| share.map_or_else(|| NONE.into(), format::percent);
    [
        label.to_owned(),
        row.name.clone(),
        format!("{} s", format::three_digits(row.start_s)),
        row.offered_per_s.map_or_else(|| NONE.into(), format::count),
        format::count(row.achieved_per_s),
        depth(row.queues.in_flight_max),
        depth(row.queues.queued_max),
        time(row.read_response.p50_us),
        time(row.read_response.p99_us),
        share(row.answers.hit_rate),
        share(row.failed_share),
        format::count(row.db_reads_per_s),
    ]
}
