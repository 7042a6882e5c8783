//! What the data do not show.

use super::figures::{NAMED, is_open};
use crate::model::stats::REPEATS_FOR_INTERVAL;
use crate::report::answer::{are_comparable, leaders, would_be_seen};
use crate::report::candidates::candidates;
use crate::report::format;
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{Status, SummaryRow, named};

/// A difference that is at least so large is no number that anybody expects, but a sign of few repeats or much noise.
const TWICE: f64 = 1.0;

/// Strategies of which nothing is known, since all of their runs failed.
pub fn could_not_run(group: &Group<'_>) -> Option<String> {
    let nothing = |entry: &&StrategyRepeats<'_>| entry.measured.is_empty() && !entry.failed.is_empty();
    let unknown: Vec<_> = group.entries.iter().filter(nothing).collect();
    let reason = unknown.first()?.failed.first()?.reason.as_str();
    let whose = if unknown.len() == group.entries.len() {
        "Every run failed, so that nothing is known here".to_owned()
    } else {
        let labels: Vec<String> =
            unknown.iter().map(|entry| format::quoted(entry.label).into_owned()).collect();
        format!("Every run of {} failed, so that nothing is known of it", format::list(&labels))
    };
    Some(format!("{whose}: {}.", reason.trim_end_matches('.')))
}

/// Strategies of which some runs failed, so that what is told of them is of the others.
pub fn failed_runs(group: &Group<'_>) -> Option<String> {
    let some = |entry: &&StrategyRepeats<'_>| !entry.measured.is_empty() && !entry.failed.is_empty();
    let all: Vec<_> = group.entries.iter().filter(some).collect();
    let reason = all.first()?.failed.first()?.reason.as_str();
    let of = |entry: &&StrategyRepeats<'_>| {
        let runs = entry.measured.len() + entry.failed.len();
        format!("{} of {runs} runs of {}", entry.failed.len(), format::quoted(entry.label))
    };
    let whose: Vec<String> = all.iter().map(of).collect();
    let reason = reason.trim_end_matches('.');
    Some(format!("{} failed, and figures are of the others: {reason}.", format::list(&whose)))
}

pub fn overloaded(group: &Group<'_>) -> Option<String> {
    let all = group.entries.iter().filter_map(|entry| {
        let row = entry.measured.iter().find(|row| row.status.is_overloaded())?;
        let reason = row.reason.split(';').next().unwrap_or_default();
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        Some(format!("{}{why}", format::quoted(entry.label)))
    });
    let all: Vec<String> = all.collect();
    (!all.is_empty()).then(|| {
        format!("Overloaded, so that latencies are those of a queue that grows: {}.", format::list(&all))
    })
}

/// Candidates that the data do not tell from the best in what they are chosen by, as the charts have it.
pub fn not_shown(group: &Group<'_>) -> Option<String> {
    let entries = candidates(group);
    // Where each was searched for its own rate, that rate is what they are chosen by.
    let tail = named("read.p99").filter(|tail| is_open(group) && are_comparable(tail, &entries));
    let (figure, what) =
        tail.map(|tail| (tail, "the p99 of reads")).or_else(|| Some((named("throughput")?, "throughput")))?;
    let leading: Vec<&StrategyRepeats<'_>> =
        leaders(&entries, figure).into_iter().map(|at| entries[at]).collect();
    let (best, alike) = leading.split_first()?;
    let is_other = |entry: &&StrategyRepeats<'_>| entry.label != best.label && figure.of(entry).is_some();
    let others: Vec<&StrategyRepeats<'_>> = entries.iter().copied().filter(is_other).collect();
    let seen = would_be_seen(figure, best, &others);
    let found = |entry: &&StrategyRepeats<'_>| {
        let seen = (*others.iter().zip(&seen).find(|(other, _)| other.label == entry.label)?.1)?;
        let seen = if seen < TWICE {
            format!("a difference over {} would be seen", format::percent(seen))
        } else {
            "twice as much would mostly go unseen".to_owned()
        };
        Some(format!("{} ({seen})", format::quoted(entry.label)))
    };
    let mut alike: Vec<String> = alike.iter().filter_map(found).collect();
    let more = alike.len().saturating_sub(NAMED);
    alike.truncate(NAMED);
    alike.extend((more > 0).then(|| format!("{more} more")));
    let best = format::quoted(best.label);
    (!alike.is_empty()).then(|| {
        format!("No difference is shown in {what} between {best}, the best, and {}.", format::list(&alike))
    })
}

pub fn impaired(group: &Group<'_>) -> Option<String> {
    let rows = || group.entries.iter().flat_map(|entry| &entry.measured);
    let impaired: Vec<&SummaryRow> = rows().filter(|row| row.status == Status::Impaired).copied().collect();
    let first = impaired.first()?;
    let whose = if impaired.len() == 1 { "its" } else { "their" };
    Some(format!(
        "{} of {} runs {} impaired, and {whose} figures are not of what {whose} name says: {}: {}.",
        impaired.len(),
        rows().count(),
        was(impaired.len()),
        first.cell,
        first.reason
    ))
}

pub fn disturbed(groups: &[&Group<'_>]) -> Option<String> {
    let rows = || measured(groups);
    let disturbed = rows().filter(|row| row.status.is_disturbed()).count();
    let worst = rows()
        .filter(|row| row.status.is_disturbed())
        .filter_map(|row| row.disturbed_share)
        .max_by(f64::total_cmp)
        .map_or_else(String::new, |late| format!(", {} of the operations at worst", format::percent(late)));
    (disturbed > 0).then(|| {
        format!(
            "{disturbed} of {} runs {} disturbed: this machine sent operations late{worst}{}",
            rows().count(),
            was(disturbed),
            consequence(groups)
        )
    })
}

fn measured<'a>(groups: &'a [&Group<'_>]) -> impl Iterator<Item = &'a SummaryRow> {
    groups.iter().flat_map(|group| &group.entries).flat_map(|entry| &entry.measured).copied()
}

fn consequence(groups: &[&Group<'_>]) -> String {
    match groups.iter().map(|group| group.left_out.len()).sum::<usize>() {
        0 => ", so the slowest reads may be its doing. No block could be left out for it, so that they count in every figure. A quieter machine, a lower rate or more repeats would tell."
            .into(),
        1 => ". Times and throughput are of the other blocks, for every strategy alike.".into(),
        more => format!(". Times and throughput leave {more} blocks out, for every strategy alike."),
    }
}

fn was(runs: usize) -> &'static str {
    if runs == 1 { "was" } else { "were" }
}

pub fn warming(groups: &[&Group<'_>]) -> Option<String> {
    let rows = || measured(groups);
    let warming = rows().filter(|row| row.status.is_warming()).count();
    (warming > 0).then(|| {
        format!(
            "{warming} of {} runs {} measured before the hit rate was seen to stand still; a longer `run.warmup_max` tells what it comes to.",
            rows().count(),
            was(warming)
        )
    })
}

pub fn few_repeats(groups: &[&Group<'_>]) -> Option<String> {
    let group = groups.first()?;
    let entries = groups.iter().flat_map(|group| &group.entries);
    let most = entries.map(|entry| entry.measured.len()).max().unwrap_or(0);
    (most > 0 && most < REPEATS_FOR_INTERVAL).then(|| {
        let command = group.results.run.command_with_enough_repeats();
        let times = if most == 1 { "once" } else { "twice" };
        format!(
            "Each strategy ran {times}, so no difference is shown to be more than chance: `{command}` tells."
        )
    })
}
