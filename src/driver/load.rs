//! What the database had to bear, and how long a fault was felt: columns that follow from the windows.

use std::time::Duration;

use super::figures::{Measured, Series};
use crate::application::Class;
use crate::fault::Target;
use crate::plan::Cell;
use crate::results::SummaryRow;

/// The hit rate is back once it is within so much of what it was.
const BACK_WITHIN: f64 = 0.02;

/// Fills the columns.
pub fn summarise(row: &mut SummaryRow, cell: &Cell, measured: &Measured) {
    let per_second =
        |calls: u64, length: Duration| (!length.is_zero()).then(|| calls as f64 / length.as_secs_f64());
    let calls = |series: &Series| series.calls.database_reads + series.calls.database_writes;
    let rates = measured.series.iter().filter_map(|series| per_second(calls(series), series.length));
    let peak = rates.max_by(f64::total_cmp);
    let mean = per_second(
        measured.series.iter().map(calls).sum(),
        measured.series.iter().map(|series| series.length).sum(),
    );
    row.db_calls_peak_per_s = peak.map(f64::round);
    row.db_peak_over_mean = peak.zip(mean).filter(|(_, mean)| *mean > 0.0).map(|(peak, mean)| peak / mean);
    let faults = &cell.scenario.faults;
    let beginnings = super::faults::beginnings(cell);
    let windows: Vec<_> = measured
        .series
        .iter()
        .map(|series| {
            let hits = series.hits + series.negative_hits;
            (series.start, hits, hits + series.misses + series.bypassed)
        })
        .collect();
    row.hit_rate_before_fault = beginnings.first().and_then(|first| hit_rate_before(&windows, *first));
    row.hit_rate_recovery_s = row
        .hit_rate_before_fault
        .and_then(|before| recovery(&windows, &beginnings, before - BACK_WITHIN))
        .map(to_millis);
    let outage = |class| {
        let of_class = cell
            .scenario
            .application
            .spec
            .operations()
            .iter()
            .zip(0..)
            .filter(|(kind, _)| kind.class == class);
        of_class.filter_map(|(_, kind)| measured.outages.longest(kind, measured.end)).max().map(to_millis)
    };
    row.read_outage_s = outage(Class::Read);
    row.write_outage_s = outage(Class::Write);
    let of_a_primary = |fault: &crate::fault::Fault| {
        fault.kind.may_fail_over() && matches!(fault.target, Target::Shard(_) | Target::Cache)
    };
    let fails_over = cell.uses_cache() && faults.iter().any(of_a_primary);
    let bound = cell.topology.spec.shape().outage_bound.filter(|_| fails_over);
    // Until clients look again, and until the last of their questions has timed out.
    row.outage_bound_s =
        bound.map(|(bound, _)| to_millis(bound + LOOK_AGAIN + cell.scenario.cache.timeout.0));
}

/// How long it may take until an instance has found out who is the primary now.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// In seconds, to the millisecond.
fn to_millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

/// The hit rate of all whole windows before a moment.
fn hit_rate_before(windows: &[(Duration, u64, u64)], first: Duration) -> Option<f64> {
    let (hits, reads) = windows
        .windows(2)
        .filter(|pair| pair[1].0 <= first)
        .fold((0, 0), |(hits, reads), pair| (hits + pair[0].1, reads + pair[0].2));
    (reads > 0).then(|| hits as f64 / reads as f64)
}

/// So many windows together say that the hit rate is back: a single one may by chance.
const SMOOTHED: usize = 3;

/// The longest time from the beginning of a fault until the first window from which on the hit rate is at least `wanted`
/// again, over all faults; none at all where it never fell below, `None` where it did not come back before the next fault.
/// A window is its start, its hits and its answered reads.
fn recovery(windows: &[(Duration, u64, u64)], faults: &[Duration], wanted: f64) -> Option<Duration> {
    let is_back = |from: usize, next: Duration| {
        let some = windows[from..].iter().take(SMOOTHED).take_while(|window| window.0 < next);
        let (hits, reads) = some.fold((0, 0), |(hits, reads), one| (hits + one.1, reads + one.2));
        reads > 0 && hits as f64 / reads as f64 >= wanted
    };
    let mut longest = Duration::ZERO;
    for (number, fault) in faults.iter().enumerate() {
        let next = faults.get(number + 1).copied().unwrap_or(Duration::MAX);
        let after: Vec<usize> =
            (0..windows.len()).filter(|at| windows[*at].0 >= *fault && windows[*at].0 < next).collect();
        let Some(fell) = after.iter().position(|at| !is_back(*at, next)) else { continue };
        let back = after[fell..].iter().find(|at| is_back(**at, next))?;
        longest = longest.max(windows[*back].0.saturating_sub(*fault));
    }
    Some(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: u64) -> Duration {
        Duration::from_secs(at)
    }

    fn windows(hits: &[u64]) -> Vec<(Duration, u64, u64)> {
        hits.iter().zip(0..).map(|(hits, at)| (second(at), *hits, 100)).collect()
    }

    #[test]
    fn the_hit_rate_is_back_from_the_first_window_on_that_begins_three_as_good_as_before() {
        let fell = windows(&[80, 82, 0, 40, 79, 80, 81, 80]);
        assert_eq!(recovery(&fell, &[second(2)], 0.79), Some(second(2)));
        assert_eq!(recovery(&windows(&[80, 82, 0, 40, 50]), &[second(2)], 0.79), None, "it never came back");
        assert_eq!(recovery(&windows(&[80, 80, 81, 78, 81]), &[second(2)], 0.79), Some(Duration::ZERO));
        let twice = windows(&[80, 80, 0, 80, 80, 80, 0, 0, 80, 80, 80]);
        assert_eq!(recovery(&twice, &[second(2), second(6)], 0.79), Some(second(2)), "the longer of the two");
        let late = windows(&[80, 80, 80, 80, 80, 80, 0, 0, 80, 80, 80]);
        assert_eq!(recovery(&late, &[second(2), second(6)], 0.79), Some(second(2)), "the first was harmless");
    }

    #[test]
    fn the_hit_rate_before_a_fault_is_that_of_the_whole_windows_before_it() {
        let all = windows(&[70, 90, 0]);
        assert_eq!(hit_rate_before(&all, Duration::from_millis(2500)), Some(0.8));
        assert_eq!(hit_rate_before(&all, Duration::ZERO), None);
    }
}
