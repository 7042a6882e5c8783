//! What the database had to bear, and how long a fault was felt: columns that follow from the windows.

use std::time::Duration;

use super::figures::{Measured, Series};
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
    let first = faults.iter().map(|fault| fault.at).min();
    let over = faults.iter().map(|fault| fault.at + fault.lasts()).max();
    let windows: Vec<_> = measured
        .series
        .iter()
        .map(|series| {
            let hits = series.hits + series.negative_hits;
            (series.start, hits, hits + series.misses + series.bypassed)
        })
        .collect();
    row.hit_rate_recovery_s = first
        .zip(over)
        .and_then(|(first, over)| recovery(&windows, first, over))
        .map(|after| after.as_secs_f64());
}

/// How long after `over` the first window began whose hit rate is within 2 points of the mean before
/// `first`. A window is its start, its hits and its answered reads.
fn recovery(windows: &[(Duration, u64, u64)], first: Duration, over: Duration) -> Option<Duration> {
    let (hits, reads) = windows
        .windows(2)
        .filter(|pair| pair[1].0 <= first)
        .fold((0, 0), |(hits, reads), pair| (hits + pair[0].1, reads + pair[0].2));
    if reads == 0 {
        return None;
    }
    let before = hits as f64 / reads as f64;
    windows
        .iter()
        .filter(|(start, _, reads)| *start >= over && *reads > 0)
        .find(|(_, hits, reads)| *hits as f64 / *reads as f64 >= before - BACK_WITHIN)
        .map(|(start, ..)| start.saturating_sub(over))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: u64) -> Duration {
        Duration::from_secs(at)
    }

    #[test]
    fn the_hit_rate_is_back_in_the_first_window_within_two_points_of_what_it_was() {
        let windows: Vec<_> =
            [80, 82, 0, 40, 70, 79, 81].iter().zip(0..).map(|(hits, at)| (second(at), *hits, 100)).collect();
        assert_eq!(recovery(&windows, second(2), second(3)), Some(second(2)));
        assert_eq!(recovery(&windows[..5], second(2), second(3)), None, "it never came back");
        assert_eq!(recovery(&windows, second(0), second(3)), None, "there is nothing before it");
    }
}
