//! What a strategy gains, with what it costs beside it.

use std::fmt::Write as _;

use super::figures::{is_open, known, ratio, show, value};
use super::said::Tone;
use crate::report::answer::are_comparable;
use crate::report::candidates::{candidates, failures_worth_naming};
use crate::report::format;
use crate::report::group::{Group, StrategyRepeats};
use crate::report::safety;
use crate::results::named;

/// A strategy with which so small a part of what failed with another did is named for that.
const MUCH_LESS: f64 = 0.5;

/// Without an interval a smaller ratio than this is taken for less.
const WORTH: f64 = 0.95;

/// The candidate that asks the database least, the one whose median read is quickest, where one of these holds writes back, the
/// one that asks the database least among those that do not, and where much failed with one of them, the one with which least did.
pub fn worth_naming<'a, 'b>(group: &'a Group<'b>) -> Vec<&'a StrategyRepeats<'b>> {
    let candidates = candidates(group);
    let holds_nothing = |entry: &&StrategyRepeats<'_>| value(entry, "at_risk").unwrap_or(0.0) <= 0.0;
    let least = |of: &[&'a StrategyRepeats<'b>], figure: &str| {
        let known = of.iter().filter_map(|entry| Some((*entry, value(entry, figure)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(entry, _)| entry)
    };
    let sound: Vec<_> = candidates.iter().copied().filter(|entry| holds_nothing(entry)).collect();
    let mut chosen: Vec<&StrategyRepeats<'b>> = Vec::new();
    let are_comparable = |figure: &&str| named(figure).is_some_and(|of| are_comparable(of, &candidates));
    let all = [
        least(&sound, "database.reads_per_op"),
        least(&candidates, "database.reads_per_op"),
        Some("read.p50").filter(are_comparable).and_then(|figure| least(&candidates, figure)),
    ];
    for entry in all.into_iter().flatten() {
        if chosen.iter().all(|other| other.label != entry.label) {
            chosen.push(entry);
        }
    }
    let most_failed = chosen.iter().filter_map(|entry| failures_worth_naming(entry)).fold(0.0, f64::max);
    let sturdiest = least(&candidates, "failed")
        .filter(|entry| value(entry, "failed").is_some_and(|failed| failed < most_failed * MUCH_LESS));
    chosen.extend(sturdiest);
    chosen
}

/// Returns true if a strategy asks the database less than no cache, or answers half of its reads faster, as far as the data
/// tell; without no cache there is nothing that it could be worse than.
fn is_gain(entry: &StrategyRepeats<'_>, reference: Option<&StrategyRepeats<'_>>) -> bool {
    let Some(reference) = reference else { return true };
    let is_less = |name: &str| {
        let figure = named(name).filter(|figure| are_comparable(figure, &[entry, reference]));
        figure
            .and_then(|figure| ratio(figure, entry, reference))
            .is_some_and(|of| of.estimate < 1.0 && of.interval.map_or(of.estimate < WORTH, |_| of.is_shown()))
    };
    is_less("database.reads_per_op") || is_less("read.p50")
}

/// What kind of thing the sentence on a strategy says.
pub fn tone(entry: &StrategyRepeats<'_>, reference: Option<&StrategyRepeats<'_>>) -> Tone {
    if !is_gain(entry, reference) {
        return Tone::Cost;
    }
    let holds_writes_back = value(entry, "at_risk").is_some_and(|risk| risk > 0.0);
    let is_slower = |name: &str| {
        let reference = reference?;
        let figure = named(name).filter(|figure| are_comparable(figure, &[entry, reference]))?;
        ratio(figure, entry, reference).map(|of| of.estimate > 1.0 && of.interval.is_some() && of.is_shown())
    };
    let is_slower = ["read.p50", "read.p99"].into_iter().filter_map(is_slower).any(|is_slower| is_slower);
    if holds_writes_back || is_slower { Tone::TradeOff } else { Tone::Gain }
}

/// What a strategy gains against no cache, in the database's work, the median and the tail.
pub fn sentence(
    group: &Group<'_>,
    entry: &StrategyRepeats<'_>,
    reference: Option<&StrategyRepeats<'_>>,
) -> String {
    let mut text = format::quoted(entry.label).into_owned();
    let Some(reference) = reference else {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            " reads the database {} times for each operation that was answered, and answers half of its reads within {} and 99 % within {}",
            known(entry, "database.reads_per_op"),
            known(entry, "read.p50"),
            known(entry, "read.p99"),
        );
        text += &throughput(group, entry, None);
        text.push('.');
        return text + &holds(entry) + &failed(entry);
    };
    let reads = |of| value(of, "database.reads_per_op");
    match (reads(entry), reads(reference)) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => {
            let _ = write!(
                text,
                " needs {} of the database reads of {}{}",
                format::percent(ours / theirs),
                reference.label,
                fewer(entry, reference),
            );
        }
        _ => text += " was measured",
    }
    text += &throughput(group, entry, Some(reference));
    text += &compared(entry, reference, "read.p50", " and answers half of its reads in ");
    text.push('.');
    text += &tail(entry, reference);
    text += &peak(entry, reference);
    text + &holds(entry) + &failed(entry)
}

/// What the database has to bear at its busiest.
fn peak(entry: &StrategyRepeats<'_>, reference: &StrategyRepeats<'_>) -> String {
    let Some(figure) =
        named("database.peak_per_s").filter(|figure| are_comparable(figure, &[entry, reference]))
    else {
        return String::new();
    };
    match (figure.of(entry), figure.of(reference)) {
        (Some(ours), Some(theirs)) => format!(
            " In its busiest window the database did {} operations a second instead of {}.",
            figure.unit.show(ours.value),
            figure.unit.show(theirs.value)
        ),
        _ => String::new(),
    }
}

/// ` (5.9 ± 0.1 × less an operation, n = 5)`.
fn fewer(entry: &StrategyRepeats<'_>, reference: &StrategyRepeats<'_>) -> String {
    let of = named("database.reads_per_op").and_then(|figure| ratio(figure, reference, entry));
    of.filter(|of| of.estimate > 1.0)
        .map_or_else(String::new, |of| format!(" ({})", of.times("less for each operation")))
}

/// In a closed loop a faster strategy does more.
fn throughput(
    group: &Group<'_>,
    entry: &StrategyRepeats<'_>,
    reference: Option<&StrategyRepeats<'_>>,
) -> String {
    if is_open(group) {
        return String::new();
    }
    let ops = show(entry, "throughput");
    match reference.and_then(|reference| ratio(named("throughput")?, entry, reference)) {
        Some(of) => format!(", does {ops} operations a second ({}),", of.times("as many")),
        None => format!(", at {ops} operations a second"),
    }
}

/// `0.47 ms instead of 1.36 ms (2.9 ± 0.1 × faster, n = 5)`.
fn compared(
    entry: &StrategyRepeats<'_>,
    reference: &StrategyRepeats<'_>,
    figure: &str,
    begin: &str,
) -> String {
    let Some(figure) = named(figure).filter(|of| are_comparable(of, &[entry, reference])) else {
        return String::new();
    };
    let (ours, theirs) = (figure.show(entry), figure.show(reference));
    // How many times as long the other takes, where it takes longer.
    let Some(slower) = ratio(figure, reference, entry) else {
        return format!("{begin}{ours} instead of {theirs}");
    };
    let faster = slower.estimate >= 1.0;
    let of = if faster { Some(slower) } else { ratio(figure, entry, reference) };
    let (word, of) = (if faster { "faster" } else { "slower" }, of.unwrap_or(slower));
    let shown = match of.interval {
        Some(_) if !of.is_shown() => "; the data show no difference".to_owned(),
        _ => format!(" ({})", of.times(word)),
    };
    format!("{begin}{ours} instead of {theirs}{shown}")
}

fn tail(entry: &StrategyRepeats<'_>, reference: &StrategyRepeats<'_>) -> String {
    if value(entry, "read.p99").is_none() {
        return String::new();
    }
    let text = compared(entry, reference, "read.p99", " Its p99 of reads is ");
    if text.is_empty() { text } else { text + "." }
}

/// Failed operations are in none of the times, and none of those that calls are counted by, which the scorecard says.
fn failed(entry: &StrategyRepeats<'_>) -> String {
    failures_worth_naming(entry)
        .map_or_else(String::new, |failed| format!(" {} of its operations failed.", safety::percent(failed)))
}

/// What a strategy that holds writes back risks stands beside what it gains.
fn holds(entry: &StrategyRepeats<'_>) -> String {
    match value(entry, "at_risk") {
        Some(risk) if risk > 0.0 => format!(
            " It holds writes back: a crash at the worst moment would have lost up to {}.",
            format::count(risk)
        ),
        _ => String::new(),
    }
}
