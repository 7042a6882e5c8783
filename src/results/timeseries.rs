//! `timeseries.csv`: one row for each window of each cell.

use super::columns::{columns, words};
use super::{Answers, CacheUse, Cores, QueueDepths, StoreCalls, WindowTimes, WrongReads};

words! {
    /// The phases of a cell that have windows.
    #[derive(Default)]
    pub enum Phase {
        /// Filling the cache until its hit rate has settled, which the summary leaves out.
        Warmup = "warmup",
        /// Measuring, after the warm-up.
        #[default]
        Measure = "measure",
    }
}

columns! {
    /// One window of one cell.
    pub struct TimeseriesRow {
        /// The phase of the cell.
        phase: Phase,
        /// The number of the window in its phase, counted from 0.
        window: u64,
        /// Where the window begins, from the start of measuring; negative in the warm-up.
        start_s: f64 as "s",
        /// The length of the window.
        length_s: f64 as "s",
        /// The operations that ended in the window, of any outcome.
        operations: u64,
        /// Operations that were answered, a second.
        achieved_per_s: f64 as "1/s",
        /// Operations due a second; empty in a closed loop.
        offered_per_s: Option<f64> as "1/s",
        /// See [`QueueDepths`].
        group queues: QueueDepths,
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
        /// The time that the oldest of them had waited.
        backlog_oldest_s: Option<f64> as "s",
        /// See [`Cores`].
        group cores: Cores,
    }
}
