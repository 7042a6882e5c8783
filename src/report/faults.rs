//! The part of the page that says what reads took while faults had their effect, and how long these took service and hits away.

use maud::{Markup, html};

use super::fault_times::FaultTimes;
use super::format;
use super::group::{Group, StrategyRepeats};
use super::headline::NONE;
use super::safety::percent;
use super::table::{PageTable, figures, words};
use crate::model::stats::median;
use crate::results::{FaultTimesRow, StretchTimes, SummaryRow};

/// Of a fault that had its effect in a smaller share of its windows, the figures are mostly of the time around it.
const COARSE: f64 = 0.5;

/// Shares of failures that differ by a smaller factor are told as one range.
const ALIKE: f64 = 1.2;
/// Of whom so much failed, the reads that were answered say nothing.
const MOSTLY_DOWN: f64 = 0.5;

/// What was answered meanwhile, and then outages and recoveries; empty where nothing was broken.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    html! { (meanwhile(group)) (outages(group)) }
}

/// The rows of `faults.csv` of a group: a fault after the other, each with its strategies in their order.
#[must_use]
pub fn rows_of(group: &Group<'_>) -> Vec<FaultTimesRow> {
    let of_entry = |entry: &StrategyRepeats<'_>| {
        let row = |times: &FaultTimes| times.row(entry.label, group.topology, group.swept);
        entry.faults.iter().map(row).collect::<Vec<_>>()
    };
    let rows: Vec<FaultTimesRow> = group.entries.iter().flat_map(of_entry).collect();
    let begins_s = |one: &FaultTimesRow| {
        let same = rows.iter().filter(|row| (&row.fault, row.number) == (&one.fault, one.number));
        same.map(|row| row.at_s).fold(f64::INFINITY, f64::min)
    };
    let mut sorted: Vec<(f64, FaultTimesRow)> = rows.iter().map(|row| (begins_s(row), row.clone())).collect();
    sorted.sort_by(|(a, one), (b, other)| a.total_cmp(b).then_with(|| one.fault.cmp(&other.fault)));
    sorted.into_iter().map(|(_, row)| row).collect()
}

/// A table of what reads took before each fault and during it; empty where nothing was broken, or no interval log tells.
fn meanwhile(group: &Group<'_>) -> Markup {
    let rows = rows_of(group);
    if rows.is_empty() {
        return html! {};
    }
    let mut table = PageTable::new(
        "What reads took before each fault and while it had its effect",
        [
            words("strategy"),
            words("fault"),
            figures("from"),
            figures("until"),
            figures("windows"),
            figures("p50 before"),
            figures("p50 during"),
            figures("p99 before"),
            figures("p99 during"),
            figures("reads during"),
            figures("failed before"),
            figures("failed during"),
        ],
    );
    for row in &rows {
        table.add(&cells(row));
    }
    html! {
        h3 { "What reads took while a fault had its effect" }
        @for sentence in least_of(&rows) { p { (sentence) } }
        (table.html())
        p { "A fault has its effect until it is mended and, where operations go on to fail, until the first window without an error; at \
            the latest until the next fault. " em { "During" } " are the windows that touch that time, " em { "before" } " are whole \
            windows before it in which no fault had its effect. p50 and p99 are the response times of reads that were answered in these \
            windows, whenever they were due, of all repeats together, those in blocks that are left out excepted; what failed has no time, \
            and is a share of all operations. Reads of a key of which an invalidation has failed go to the database until it is delivered. \
            A strategy that a fault does not reach has no row for it. faults.csv has these figures." }
        @if let Some(sentence) = coarse(&rows) { p.warning { (sentence) } }
    }
}

fn cells(row: &FaultTimesRow) -> [String; 12] {
    let or_none = |value: Option<f64>, show: fn(f64) -> String| value.map_or_else(|| NONE.into(), show);
    let StretchTimes { read_p50_us, read_p99_us, failed_share, .. } = row.before;
    [
        row.strategy.clone(),
        row.fault.clone(),
        at(row.at_s),
        row.until_s.map_or_else(|| "the end".into(), at),
        format!("{} of {}", row.during.windows, format::micros(row.window_s * 1e6)),
        or_none(read_p50_us, format::micros),
        or_none(row.during.read_p50_us, format::micros),
        or_none(read_p99_us, format::micros),
        or_none(row.during.read_p99_us, format::micros),
        format::count(row.during.reads as f64),
        or_none(failed_share, percent),
        or_none(row.during.failed_share, percent),
    ]
}

fn at(seconds: f64) -> String {
    format!("{} s", format::three_digits(seconds))
}

/// A sentence on each fault of a group: with whom answered reads took least, and with whom least failed.
#[must_use]
pub fn sentences(group: &Group<'_>) -> Vec<String> {
    least_of(&rows_of(group))
}

/// What failed while each fault had its effect, in a few words: `0 % to 96.8 % while “kill” (at 8 s) had its effect`.
#[must_use]
pub fn in_short(rows: &[FaultTimesRow]) -> Vec<String> {
    let of_fault = |rows: &[FaultTimesRow]| {
        let first = rows.first()?;
        let failed: Vec<f64> = rows.iter().filter_map(|row| row.during.failed_share).collect();
        let least = failed.iter().copied().min_by(f64::total_cmp)?;
        let most = failed.iter().copied().max_by(f64::total_cmp)?;
        let (least, most) = (percent(least), percent(most));
        let range = if least == most { least } else { format!("{least} to {most}") };
        Some(format!("{range} while \u{201c}{}\u{201d} (at {}) had its effect", first.fault, at(first.at_s)))
    };
    rows.chunk_by(are_of_one_fault).filter_map(of_fault).collect()
}

fn are_of_one_fault(a: &FaultTimesRow, b: &FaultTimesRow) -> bool {
    (&a.fault, a.number) == (&b.fault, b.number)
}

/// How much failed in each fault, and with whom answered reads took least: the one is nothing without the other.
fn least_of(rows: &[FaultTimesRow]) -> Vec<String> {
    let sentence = |rows: &[FaultTimesRow]| {
        let first = rows.first()?;
        let failed = failed_meanwhile(rows)?;
        let known =
            rows.iter().filter_map(|row| Some((row, row.during.read_p50_us?, row.during.failed_share?)));
        // The reads that a few were lucky to have answered are no merit.
        let (up, down): (Vec<_>, Vec<_>) = known.partition(|(_, _, failed)| *failed < MOSTLY_DOWN);
        let among = if down.is_empty() { "" } else { "of those with whom less than half failed, " };
        let up = up.into_iter();
        let quick =
            up.min_by(|a, b| a.1.total_cmp(&b.1)).map_or_else(String::new, |(row, p50_us, failed)| {
                let failed =
                    if failed > 0.0 { format!(", where {} failed", percent(failed)) } else { String::new() };
                let (who, p50) = (format::quoted(&row.strategy), format::micros(p50_us));
                format!("; {among}the median of answered reads was least with {who}, {p50}{failed}")
            });
        Some(format!(
            "While \u{201c}{}\u{201d} (at {}) had its effect, {failed}{quick}.",
            first.fault,
            at(first.at_s)
        ))
    };
    rows.chunk_by(are_of_one_fault).filter(|of_fault| of_fault.len() > 1).filter_map(sentence).collect()
}

/// The least and the most of what failed with any strategy in one fault.
fn failed_meanwhile(rows: &[FaultTimesRow]) -> Option<String> {
    let mut known: Vec<(&FaultTimesRow, f64)> =
        rows.iter().filter_map(|row| Some((row, row.during.failed_share?))).collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let ((sound, least), (worst, most)) = (*known.first()?, *known.last()?);
    if most <= 0.0 {
        return Some("no operation failed with any strategy".into());
    }
    if most <= least * ALIKE {
        let (least, most) = (percent(least), percent(most));
        let range = if least == most { least } else { format!("{least} to {most}") };
        return Some(format!("{range} of the operations failed, whatever the strategy"));
    }
    let tail = sound.during.read_p99_us.map_or_else(String::new, |p99_us| {
        format!(", where 99 % of the reads took less than {}", format::micros(p99_us))
    });
    Some(format!(
        "{} (with {}{tail}) to {} (with {}) of the operations failed",
        percent(least),
        format::quoted(&sound.strategy),
        percent(most),
        format::quoted(&worst.strategy)
    ))
}

/// Names the faults of which windows are too long to tell.
fn coarse(rows: &[FaultTimesRow]) -> Option<String> {
    let mut short: Vec<&FaultTimesRow> = Vec::new();
    for row in rows.iter().filter(|row| row.effect_share.is_some_and(|share| share < COARSE)) {
        if short.iter().all(|known| (&known.fault, known.number) != (&row.fault, row.number)) {
            short.push(row);
        }
    }
    let names: Vec<String> = short.iter().map(|row| format!("{} of {}", row.fault, at(row.at_s))).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Less than half of the windows' time was that of {}, so that what is told of it is mostly of the time around it: a shorter `run.window` tells.",
            format::list(&names)
        )
    })
}

/// A table of outages and recoveries; empty where nothing was broken.
fn outages(group: &Group<'_>) -> Markup {
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
            figures("reads fail for"),
            figures("writes fail for"),
            figures("timeouts allow"),
            figures("hit rate before"),
            figures("hit rate back after"),
            figures("errors"),
            figures("database peak / mean, median"),
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
        p { "Reads and writes " em { "fail for" } " the time from a fault to the first success after the last error, the longest of all \
            faults and repeats; others may have been answered meanwhile, as those of another shard. What the timeouts allow is what \
            those that were configured add up to until a replica has taken over and clients have found it. Hit rates are of what was answered." }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(strategy: &str, p50_us: f64, failed: f64) -> FaultTimesRow {
        let during =
            StretchTimes { failed_share: Some(failed), read_p50_us: Some(p50_us), ..StretchTimes::default() };
        FaultTimesRow {
            strategy: strategy.into(),
            fault: "kill".into(),
            at_s: 8.002,
            during,
            ..FaultTimesRow::default()
        }
    }

    #[test]
    fn of_each_fault_is_told_how_much_failed_with_whom_and_who_was_quickest_of_those_that_served() {
        let told = |rows: &[FaultTimesRow]| least_of(rows).join("");
        let mut sturdy = row("cache-aside, bypass", 1_400.0, 0.02);
        sturdy.during.read_p99_us = Some(97_000.0);
        let rows = [row("cache-aside", 900.0, 0.4), sturdy];
        assert_eq!(
            told(&rows),
            "While \u{201c}kill\u{201d} (at 8 s) had its effect, 2 % (with \u{201c}cache-aside, bypass\u{201d}, where 99 % of the reads took less \
             than 97 ms) to 40 % (with cache-aside) of the operations failed; the median of answered reads was least with \
             cache-aside, 900 µs, where 40 % failed."
        );
        assert_eq!(
            in_short(&[row("a", 900.0, 0.0), row("b", 900.0, 0.968)]),
            ["0 % to 96.8 % while \u{201c}kill\u{201d} (at 8 s) had its effect"]
        );
        let down = told(&[row("a", 900.0, 0.8), row("b", 1_000.0, 0.1)]);
        assert!(
            down.contains(
                "; of those with whom less than half failed, the median of answered reads was least with b, 1 ms"
            ),
            "the reads that a few had answered are no merit: {down}"
        );
        let all_down = told(&[row("a", 900.0, 0.95), row("b", 1_000.0, 0.97)]);
        assert!(
            all_down.ends_with("95 % to 97 % of the operations failed, whatever the strategy."),
            "{all_down}"
        );
        let sound = told(&[row("a", 900.0, 0.0), row("b", 1_000.0, 0.0)]);
        assert!(sound.contains("no operation failed with any strategy; the median"), "{sound}");
        assert!(sound.ends_with("least with a, 900 µs."), "{sound}");
        assert_eq!(told(&rows[..1]), "", "there is nothing to compare");
    }

    #[test]
    fn windows_much_longer_than_an_effect_are_said_to_be_too_coarse() {
        let of = |share| coarse(&[FaultTimesRow { effect_share: Some(share), ..row("a", 1.0, 0.0) }]);
        assert_eq!(of(0.7), None);
        assert!(of(0.3).unwrap().contains("that of kill of 8 s"), "{:?}", of(0.3));
    }
}
