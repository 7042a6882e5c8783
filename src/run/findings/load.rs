//! What the database had to bear.

use std::time::Duration;

use super::observed::{Observed, ObservedWindow};
use crate::results::DatabaseLoad;

/// The busiest window of the measured time, and the mean.
#[must_use]
pub fn of(observed: &Observed) -> DatabaseLoad {
    let per_second =
        |calls: u64, length: Duration| (!length.is_zero()).then(|| calls as f64 / length.as_secs_f64());
    let calls = |window: &ObservedWindow| window.calls.database_reads + window.calls.database_writes;
    let windows = &observed.load.windows;
    let rates = windows.iter().filter_map(|window| per_second(calls(window), window.length));
    let peak = rates.max_by(f64::total_cmp);
    let mean = per_second(windows.iter().map(calls).sum(), windows.iter().map(|window| window.length).sum());
    DatabaseLoad {
        db_calls_peak_per_s: peak.map(f64::round),
        db_peak_over_mean: peak.zip(mean).filter(|(_, mean)| *mean > 0.0).map(|(peak, mean)| peak / mean),
    }
}
