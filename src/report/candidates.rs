//! The strategies that may be proposed at all.

use super::group::{Group, StrategyRepeats};
use crate::results::{Status, SummaryRow, Verdict, named};

/// A strategy of which a larger share of the operations failed is no candidate, unless something was broken on purpose.
const MOST_FAILURES: f64 = 0.001;

fn is_candidate(entry: &StrategyRepeats<'_>, broken_on_purpose: bool) -> bool {
    let any = |holds: fn(&SummaryRow) -> bool| entry.measured.iter().any(|row| holds(row));
    let failed = named("failed").and_then(|figure| figure.of(entry)).map_or(0.0, |of| of.value);
    !entry.measured.is_empty()
        && !entry.is_reference()
        && !any(|row| row.control.is_some())
        && !any(|row| row.judgement.verdict == Some(Verdict::Broken))
        // Where a write may be lost, so may be what later reads lack; without an audit nobody knows.
        && !any(|row| row.audited.wrong.corrupt_reads > 0 && row.judgement.verdict != Some(Verdict::Kept))
        && !any(|row| row.status.is_overloaded() || row.status == Status::Impaired)
        // What is left where most runs failed says little of the strategy.
        && entry.failed.len() <= entry.measured.len()
        && (broken_on_purpose || failed <= MOST_FAILURES)
}

/// Returns no cache where what it costs is that of a database that does all that it is asked for, so that others may be held
/// against it.
#[must_use]
pub fn sound_reference<'a, 'b>(group: &'a Group<'b>) -> Option<&'a StrategyRepeats<'b>> {
    let reference = group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty())?;
    let bears = !reference.is_overloaded() && !reference.is_impaired();
    let answers = group.is_broken_on_purpose() || failures_worth_naming(reference).is_none();
    (bears && answers).then_some(reference)
}

/// The share of operations that failed, where it is so large that no figure of the others may stand without it.
#[must_use]
pub fn failures_worth_naming(entry: &StrategyRepeats<'_>) -> Option<f64> {
    named("failed")?.of(entry).map(|of| of.value).filter(|failed| *failed > MOST_FAILURES)
}

/// The strategies of a group that may be proposed.
#[must_use]
pub fn candidates<'a, 'b>(group: &'a Group<'b>) -> Vec<&'a StrategyRepeats<'b>> {
    let faults = group.is_broken_on_purpose();
    group.entries.iter().filter(|entry| is_candidate(entry, faults)).collect()
}
