//! The part of the page that says how long faults took service and hits away.

use maud::{Markup, html};

use super::format;
use super::group::{Group, StrategyRepeats};
use super::headline::NONE;
use super::safety::percent;
use super::table::{PageTable, figures, words};
use crate::model::stats::median;
use crate::results::SummaryRow;

/// A table of outages and recoveries; empty where nothing was broken.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let hit: Vec<&StrategyRepeats<'_>> = group
        .entries
        .iter()
        .filter(|entry| entry.measured.iter().any(|row| row.outages.read_outage_s.is_some()))
        .collect();
    if hit.is_empty() {
        return html! {};
    }
    let mut table = PageTable::new(
        "How long faults took service and hits away",
        [
            words("strategy"),
            figures("reads without service"),
            figures("writes without service"),
            figures("timeouts allow"),
            figures("hit rate before"),
            figures("hit rate back after"),
            figures("errors"),
            figures("database peak / mean"),
        ],
    );
    for entry in &hit {
        let worst = |figure: fn(&SummaryRow) -> Option<f64>| {
            highest(entry, figure).map_or_else(|| NONE.into(), seconds)
        };
        let errors: u64 = entry.measured.iter().map(|row| row.answers.errors + row.answers.timeouts).sum();
        table.add(&[
            entry.label.to_owned(),
            worst(|row| row.outages.read_outage_s),
            worst(|row| row.outages.write_outage_s),
            worst(|row| row.outages.outage_bound_s),
            median(&entry.values(|row| row.outages.hit_rate_before_fault))
                .map_or_else(|| NONE.into(), percent),
            recovery(entry),
            format::count(errors as f64),
            median(&entry.values(|row| row.load.db_peak_over_mean))
                .map_or_else(|| NONE.into(), |ratio| format!("{ratio:.1}")),
        ]);
    }
    html! {
        h3 { "How long the faults took service and hits away" }
        (table.html())
        p { "Without service: from a fault to the first success after the last error, the longest of all faults and repeats. What the \
            timeouts allow is what those that were configured add up to until a replica has taken over and clients have found it. Hit \
            rates are of what was answered." }
    }
}

/// Of several repeats the worst, since that is what one has to be ready for.
fn highest(entry: &StrategyRepeats<'_>, figure: fn(&SummaryRow) -> Option<f64>) -> Option<f64> {
    entry.values(figure).into_iter().max_by(f64::total_cmp)
}

/// After how long the hit rate was back.
fn recovery(entry: &StrategyRepeats<'_>) -> String {
    let rows = &entry.measured;
    if rows.iter().all(|row| row.outages.hit_rate_recovery_s.is_some()) {
        return match highest(entry, |row| row.outages.hit_rate_recovery_s) {
            Some(longest) if longest <= 0.0 => "did not fall".into(),
            longest => longest.map_or_else(|| NONE.into(), seconds),
        };
    }
    if rows.iter().all(|row| row.outages.hit_rate_before_fault.is_none()) {
        NONE.to_owned()
    } else {
        "not in this run".to_owned()
    }
}

fn seconds(seconds: f64) -> String {
    if seconds == 0.0 { "0 s".into() } else { format!("{seconds:.2} s") }
}
