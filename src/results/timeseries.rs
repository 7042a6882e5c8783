//! `timeseries.csv`: one row for each window of each cell.

use super::columns::{columns, words};
use super::{Answers, CacheUse, Cores, StoreCalls, WindowTimes, WrongReads};

words! {
    /// What a cell is doing in a window.
    #[derive(Default)]
    pub enum Phase {
        /// Filling the cache until its hit rate has settled; not in the summary.
        Warmup = "warmup",
        /// Measuring.
        #[default]
        Measure = "measure",
    }
}

columns! {
    /// One window of one cell.
    pub struct TimeseriesRow {
        /// What the cell is doing: `warmup` or `measure`.
        phase: Phase,
        /// The number of the window in its phase, counted from 0.
        window: u64,
        /// Where the window begins, from the start of measuring; negative in the warm-up.
        start_s: f64 as "s",
        /// How long the window was.
        length_s: f64 as "s",
        /// The operations that ended in the window, of any outcome.
        operations: u64,
        /// Operations that were answered, a second.
        achieved_per_s: f64 as "1/s",
        /// Operations due a second; empty in a closed loop.
        offered_per_s: Option<f64> as "1/s",
        /// See [`Answers`].
        group answers: Answers,
        /// See [`WindowTimes`].
        group times: WindowTimes,
        /// See [`StoreCalls`].
        group calls: StoreCalls,
        /// See [`CacheUse`].
        group cache: CacheUse,
        /// See [`WrongReads`].
        group wrong: WrongReads,
        /// Entities that were acknowledged and not flushed at the window's end; empty where the strategy holds none
        /// back.
        backlog: Option<u64>,
        /// How long the oldest of them had waited.
        backlog_oldest_s: Option<f64> as "s",
        /// See [`Cores`].
        group cores: Cores,
    }
}
