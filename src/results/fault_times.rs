//! `faults.csv`: what reads took while a fault had its effect, and before it.

use super::columns::columns;
use super::lines::{header, lines};

/// The file's name.
pub const FAULTS: &str = "faults.csv";

columns! {
    /// The operations of some windows, of all undisturbed repeats together.
    #[derive(Copy)]
    pub struct StretchTimes {
        /// The number of the windows.
        windows: u64,
        /// The operations that ended in them, of any outcome.
        operations: u64,
        /// The share of these that ended in an error or were given up.
        failed_share: Option<f64> as "share",
        /// The reads that were answered in them.
        reads: u64,
        /// The median of the response time of these reads.
        read_p50_us: Option<f64> as "µs",
        /// The 99th percentile of the response time of these reads.
        read_p99_us: Option<f64> as "µs",
    }
}

columns! {
    /// One fault with one strategy, on one topology with one set of swept values.
    pub struct FaultTimesRow {
        /// The strategy's label.
        strategy: String,
        /// The topology's label.
        topology: String,
        /// The swept keys with their values, as in `summary.csv`.
        swept: String,
        /// The kind of fault, which is the subject of its events in `events.csv`.
        fault: String,
        /// Its place among the faults of this kind in a run, counted from 1.
        number: u32,
        /// When it began, from the start of measuring: the earliest of the repeats.
        at_s: f64 as "s",
        /// Until when it had its effect: until it was mended and, where operations went on to fail, until the first window without
        /// an error; at the latest until the next fault began. The latest of the repeats; empty where it lasted until the end.
        until_s: Option<f64> as "s",
        /// The repeats in which it happened; of those that are not left out as disturbed.
        repeats: u32,
        /// The mean length of its windows.
        window_s: f64 as "s",
        /// The share of its windows' time in which it had its effect: of little, the figures are mostly of the time around it.
        effect_share: Option<f64> as "share",
        /// In the whole windows before it in which no fault had its effect.
        group before: StretchTimes as "before_",
        /// In the windows that touch the time in which it had its effect.
        group during: StretchTimes as "during_",
    }
}

/// The text of the file.
#[must_use]
pub fn faults_csv(rows: &[FaultTimesRow]) -> Vec<u8> {
    [header::<FaultTimesRow>(), lines(rows)].concat()
}
