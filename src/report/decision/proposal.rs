//! The strategies that may be proposed, and those of them that are worth naming.

use super::figures::value;
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{SummaryRow, Verdict};

/// A strategy of which a larger share of the operations failed is no candidate, unless something was broken on purpose.
const MOST_FAILURES: f64 = 0.001;

/// Returns true if a strategy may be proposed at all.
fn is_candidate(entry: &StrategyRepeats<'_>, broken_on_purpose: bool) -> bool {
    let any = |holds: fn(&SummaryRow) -> bool| entry.measured.iter().any(|row| holds(row));
    let failed = value(entry, "failed").unwrap_or(0.0);
    !entry.measured.is_empty()
        && !entry.is_reference()
        && !any(|row| row.control.is_some())
        && !any(|row| row.judgement.verdict == Some(Verdict::Broken))
        && !any(|row| row.audited.wrong.corrupt_reads > 0)
        && !any(|row| row.status.is_overloaded())
        && (broken_on_purpose || failed <= MOST_FAILURES)
}

/// The strategies that may be proposed.
pub fn candidates<'a, 'b>(group: &'a Group<'b>) -> Vec<&'a StrategyRepeats<'b>> {
    let faults =
        group.entries.iter().flat_map(|entry| &entry.measured).any(|row| row.outages.read_outage_s.is_some());
    group.entries.iter().filter(|entry| is_candidate(entry, faults)).collect()
}

/// The candidate that asks the database least, the one whose median read is quickest, and, where one of these holds writes
/// back, the one that asks the database least among those that do not.
pub fn worth_naming<'a, 'b>(group: &'a Group<'b>) -> Vec<&'a StrategyRepeats<'b>> {
    let candidates = candidates(group);
    let holds_nothing = |entry: &&StrategyRepeats<'_>| value(entry, "at_risk").unwrap_or(0.0) <= 0.0;
    let least = |of: &[&'a StrategyRepeats<'b>], figure: &str| {
        let known = of.iter().filter_map(|entry| Some((*entry, value(entry, figure)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(entry, _)| entry)
    };
    let sound: Vec<_> = candidates.iter().copied().filter(|entry| holds_nothing(entry)).collect();
    let mut chosen: Vec<&StrategyRepeats<'b>> = Vec::new();
    let all = [
        least(&sound, "database.reads_per_op"),
        least(&candidates, "database.reads_per_op"),
        least(&candidates, "read.p50"),
    ];
    for entry in all.into_iter().flatten() {
        if chosen.iter().all(|other| other.label != entry.label) {
            chosen.push(entry);
        }
    }
    chosen
}
