//! What a strategy gains, with what it costs beside it.

use std::fmt::Write as _;

use super::figures::{is_open, ratio, show, value};
use crate::report::format;
use crate::report::group::{Group, StrategyRepeats};
use crate::report::stats::Ratio;
use crate::results::named;

/// `2.9 × (2.8 to 3.0, n = 5)`.
fn times(ratio: &Ratio) -> String {
    let estimate = format::three_digits(ratio.estimate);
    match ratio.interval {
        Some(of) => format!(
            "{estimate} × ({} to {}, n = {})",
            format::three_digits(of.low),
            format::three_digits(of.high),
            ratio.blocks
        ),
        None => format!("{estimate} × (n = {})", ratio.blocks),
    }
}

/// Says what a strategy gains against no cache, in the database's work, the median and the tail.
pub fn gain(
    group: &Group<'_>,
    entry: &StrategyRepeats<'_>,
    reference: Option<&StrategyRepeats<'_>>,
) -> String {
    let mut text = entry.label.to_owned();
    let Some(reference) = reference else {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            " reads the database {} times an operation, and answers half of its reads within {} and 99 % within {}",
            show(entry, "database.reads_per_op"),
            show(entry, "read.p50"),
            show(entry, "read.p99"),
        );
        text += &throughput(group, entry, None);
        text.push('.');
        return text + &holds(entry);
    };
    let reads = |of| value(of, "database.reads_per_op");
    match (reads(entry), reads(reference)) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => {
            let _ = write!(
                text,
                " needs {} of the database reads of {} ({} against {} an operation)",
                format::percent(ours / theirs),
                reference.label,
                format::three_digits(ours),
                format::three_digits(theirs),
            );
        }
        _ => text += " was measured",
    }
    text += &throughput(group, entry, Some(reference));
    text += &compared(entry, reference, "read.p50", " and answers half of its reads in ");
    text.push('.');
    text += &tail(entry, reference);
    text + &holds(entry)
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
        Some(of) => format!(", does {ops} operations a second, {} as many,", times(&of)),
        None => format!(", at {ops} operations a second"),
    }
}

/// `0.47 ms instead of 1.36 ms: 2.9 × (2.8 to 3.0, n = 5) faster`.
fn compared(
    entry: &StrategyRepeats<'_>,
    reference: &StrategyRepeats<'_>,
    figure: &str,
    begin: &str,
) -> String {
    let Some(figure) = named(figure) else { return String::new() };
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
        _ => format!(", {} {word}", times(&of)),
    };
    format!("{begin}{ours} instead of {theirs}{shown}")
}

fn tail(entry: &StrategyRepeats<'_>, reference: &StrategyRepeats<'_>) -> String {
    if value(entry, "read.p99").is_none() {
        return String::new();
    }
    compared(entry, reference, "read.p99", " Of a hundred reads the slowest takes ") + "."
}

/// Says what a strategy that holds writes back risks, which stands beside what it gains.
fn holds(entry: &StrategyRepeats<'_>) -> String {
    match value(entry, "at_risk") {
        Some(risk) if risk > 0.0 => format!(
            " It holds writes back: a crash at a bad moment would have lost up to {}.",
            format::count(risk)
        ),
        _ => String::new(),
    }
}
