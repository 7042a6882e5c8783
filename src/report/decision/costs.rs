//! What strategies risk, and what was wrong with their answers.

use super::figures::{listed, show, value, with};
use crate::report::group::{Group, StrategyRepeats};
use crate::report::{format, safety};
use crate::results::{HeldIn, Verdict};

/// What was lost, whether the guarantee allowed it or not.
pub fn lost(group: &Group<'_>) -> Option<String> {
    let lost = with(group, "lost");
    let say = |entry: &StrategyRepeats<'_>, lost: f64| {
        let runs =
            entry.measured.iter().filter(|row| row.at_end.lost_writes.is_some_and(|lost| lost > 0)).count();
        let is_allowed = entry.measured.iter().all(|row| row.judgement.verdict == Some(Verdict::Kept));
        let allowed = if is_allowed { ", as its guarantee allows" } else { "" };
        format!(
            "{} {} in {runs} of {} runs{allowed}",
            format::quoted(entry.label),
            format::count(lost),
            entry.measured.len()
        )
    };
    (!lost.is_empty()).then(|| format!("Acknowledged writes WERE LOST: {}.", listed(&lost, say)))
}

pub fn at_risk(group: &Group<'_>) -> Option<String> {
    let risky = with(group, "at_risk");
    let say = |entry: &StrategyRepeats<'_>, risk: f64| {
        let held = entry.measured.iter().find_map(|row| row.at_risk.at_risk_in);
        let whose = held.map_or_else(String::new, |held| match held {
            HeldIn::Instances => " in its instances' memory".into(),
            HeldIn::Cache => " in the cache, which had neither persisted nor replicated them".into(),
        });
        format!("{} up to {}{whose}", format::quoted(entry.label), format::count(risk))
    };
    (!risky.is_empty()).then(|| {
        format!("A crash at the worst moment would have lost acknowledged writes: {}.", listed(&risky, say))
    })
}

pub fn stale(group: &Group<'_>) -> Option<String> {
    let stale = with(group, "stale_share");
    let say = |entry: &StrategyRepeats<'_>, share: f64| {
        format!(
            "{} {}, up to {} old",
            format::quoted(entry.label),
            safety::percent(share),
            show(entry, "stale_age_max")
        )
    };
    (!stale.is_empty()).then(|| format!("Reads were stale: {}.", listed(&stale, say)))
}

pub fn failed(group: &Group<'_>) -> Option<String> {
    let failed = with(group, "failed");
    let say = |entry: &StrategyRepeats<'_>, share: f64| {
        let down = |class: &str, outage: &str| {
            let lasted = value(entry, outage).filter(|seconds| *seconds > 0.0);
            lasted.map(|_| format!("{class} for up to {}", show(entry, outage)))
        };
        let down: Vec<String> =
            down("reads", "read_outage").into_iter().chain(down("writes", "write_outage")).collect();
        let down = if down.is_empty() {
            String::new()
        } else {
            format!(" (after a fault some {})", format::list(&down))
        };
        format!("{} {}{down}", format::quoted(entry.label), safety::percent(share))
    };
    (!failed.is_empty()).then(|| {
        let of =
            if group.is_broken_on_purpose() { " (of all that was measured, faults included)" } else { "" };
        format!("Operations failed{of}: {}.", listed(&failed, say))
    })
}
