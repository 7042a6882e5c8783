//! The figures that a decision is made from, and strategies named by them.

use crate::model::stats::{Ratio, paired_ratio};
use crate::report::format;
use crate::report::group::{Group, StrategyRepeats};
use crate::report::headline::NONE;
use crate::results::{Criterion, Mode, named};

/// More strategies than this are not named in one sentence.
pub const NAMED: usize = 3;

pub fn value(entry: &StrategyRepeats<'_>, name: &str) -> Option<f64> {
    named(name)?.of(entry).map(|of| of.value)
}

pub fn show(entry: &StrategyRepeats<'_>, name: &str) -> String {
    named(name).map_or_else(String::new, |figure| figure.show(entry))
}

/// The figure with its interval, or with the number of repeats where these are too few for one.
pub fn known(entry: &StrategyRepeats<'_>, name: &str) -> String {
    let Some((figure, of)) = named(name).and_then(|figure| Some((figure, figure.of(entry)?))) else {
        return NONE.into();
    };
    let show = |value| figure.unit.show(value);
    match of.interval {
        Some(interval) => format!(
            "{} ({} to {}, n = {})",
            show(of.value),
            show(interval.low),
            show(interval.high),
            of.repeats
        ),
        None => format!("{} (n = {})", show(of.value), of.repeats),
    }
}

pub fn ratio(figure: &Criterion, ours: &StrategyRepeats<'_>, theirs: &StrategyRepeats<'_>) -> Option<Ratio> {
    paired_ratio(&figure.by_block(ours), &figure.by_block(theirs))
}

pub fn is_open(group: &Group<'_>) -> bool {
    group.entries.iter().flat_map(|entry| &entry.measured).any(|row| row.mode == Mode::Open)
}

/// The strategies that have more than 0 of a figure, worst first.
pub fn with<'a, 'b>(group: &'a Group<'b>, figure: &str) -> Vec<(&'a StrategyRepeats<'b>, f64)> {
    let mut found: Vec<_> = group
        .entries
        .iter()
        .filter_map(|entry| Some((entry, value(entry, figure)?)))
        .filter(|(_, value)| *value > 0.0)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

/// Names the worst few and counts the rest.
pub fn listed(
    of: &[(&StrategyRepeats<'_>, f64)],
    say: impl Fn(&StrategyRepeats<'_>, f64) -> String,
) -> String {
    let mut names: Vec<String> = of.iter().take(NAMED).map(|(entry, value)| say(entry, *value)).collect();
    if of.len() > NAMED {
        names.push(format!("{} more", of.len() - NAMED));
    }
    format::list(&names)
}

/// The database's reads for each answered operation, as a share of those of no cache; `None` where that did not run or read nothing.
#[must_use]
pub fn share_of_reference(group: &Group<'_>, entry: &StrategyRepeats<'_>) -> Option<f64> {
    let reference = group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty())?;
    let theirs = value(reference, "database.reads_per_op").filter(|reads| *reads > 0.0)?;
    value(entry, "database.reads_per_op").map(|ours| ours / theirs)
}
