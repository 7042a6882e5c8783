//! A group in one line: the range of what its strategies reach.

use super::figures::share_of_reference;
use crate::report::answer::few;
use crate::report::candidates::candidates;
use crate::report::group::{Group, StrategyRepeats};
use crate::report::requirements::{JudgedRequirement, Met};
use crate::report::{faults, format};
use crate::results::named;

/// The figures of the line, in its order.
const SHOWN: [&str; 4] = ["failed", "database.peak_per_s", "read.p50", "read.p99"];

/// What most requirements are met by, and the least and the most of a few figures of all that may be proposed.
pub fn line(group: &Group<'_>, judged: &[JudgedRequirement<'_>]) -> String {
    let entries = candidates(group);
    let share = |entry: &&StrategyRepeats<'_>| share_of_reference(group, entry);
    let reads = range(entries.iter().filter_map(share), format::percent)
        .map(|range| format!("database reads {range} of those of no-cache"));
    let figures = SHOWN.iter().filter_map(|name| {
        let figure = named(name)?;
        let values = entries.iter().filter_map(|entry| Some(figure.of(entry)?.value));
        let during = if *name == "failed" { faults::in_short(&faults::rows_of(group)) } else { Vec::new() };
        let during = if during.is_empty() { String::new() } else { format!(" ({})", format::list(&during)) };
        Some(format!("{} {}{during}", figure.heading, range(values, |value| figure.unit.show(value))?))
    });
    let parts: Vec<String> = most_met(group, judged).into_iter().chain(reads).chain(figures).collect();
    parts.join("; ")
}

/// `met at best 5 of 6 by cache-through`.
fn most_met(group: &Group<'_>, judged: &[JudgedRequirement<'_>]) -> Option<String> {
    let of = |label: &str| {
        let own = judged.iter().filter(|one| one.strategy == label && one.group.anchor() == group.anchor());
        own.fold((0, 0), |(met, all), one| (met + usize::from(one.met == Met::Met), all + 1))
    };
    let counts: Vec<(&str, (usize, usize))> = group
        .entries
        .iter()
        .map(|entry| (entry.label, of(entry.label)))
        .filter(|(_, (_, all))| *all > 0)
        .collect();
    let (_, (most, all)) = counts.iter().copied().max_by_key(|(_, (met, _))| *met)?;
    let best: Vec<&str> =
        counts.iter().filter(|(_, (met, _))| *met == most).map(|(label, _)| *label).collect();
    Some(format!("at best {most} of {all} requirements met, by {}", few(&best)))
}

/// `1.59 % to 27.7 %`, or the value where all have the same.
fn range(values: impl Iterator<Item = f64>, show: impl Fn(f64) -> String) -> Option<String> {
    let values: Vec<f64> = values.collect();
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    let high = values.iter().copied().max_by(f64::total_cmp)?;
    let (low, high) = (show(low), show(high));
    Some(if low == high { low } else { format!("{low} to {high}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_both_ends_and_is_one_value_where_all_are_alike() {
        let show = |value: f64| format!("{value}");
        assert_eq!(range([3.0, 1.0, 2.0].into_iter(), show).as_deref(), Some("1 to 3"));
        assert_eq!(range([2.0, 2.0].into_iter(), show).as_deref(), Some("2"));
        assert_eq!(range(std::iter::empty(), show), None);
    }
}
