//! `staircase.csv` and `search.csv`: what was measured at one rate after another, in one cell or in many runs of it.

use super::columns::columns;
use super::{LimitedBy, Status, Times, Verdict};

columns! {
    /// What was measured at one rate.
    pub struct AtRate {
        /// The rate that was asked for.
        rate_per_s: f64 as "1/s",
        /// Operations due a second, as they were drawn.
        offered_per_s: f64 as "1/s",
        /// Operations answered in time, a second.
        achieved_per_s: f64 as "1/s",
        /// The share of what was due that ended in time, however it ended: before the end, or after it where that took no longer
        /// than 99 % of the others.
        achieved_share: f64 as "share",
        /// The share of the operations that ended in an error or were given up.
        failed_share: Option<f64> as "share",
        /// The share of the lookups that the cache answered.
        hit_rate: Option<f64> as "share",
        /// The response time of reads that were answered.
        group read_response: Times as "read_response_",
        /// Database reads a second.
        db_reads_per_s: f64 as "1/s",
        /// The limit that kept the load from being more; where something was missed, the part that was full, and empty where none
        /// was.
        limited_by: Option<LimitedBy>,
        /// True if the rate is kept up with: see `missed`.
        holds: bool,
        /// What is missed at this rate: less than 99 % of what was due ended in time, more than 1 % of the operations failed
        /// (in a search without a requirement on `failed`), a requirement (in a search), or (of a step) the system was not well
        /// again after the step before; empty where it holds.
        missed: String,
    }
}

columns! {
    /// One step of a staircase. Its response times and failures are of what ended in it or in the drain behind it.
    pub struct StepRow {
        /// The number of the step, counted from 1.
        step: u64,
        /// Where it begins, from the start of measuring.
        start_s: f64 as "s",
        /// How long it lasts, without the drain behind it.
        length_s: f64 as "s",
        /// Operations that were due in it and had not ended when the drain behind it was over: but for those under way, they were
        /// never sent.
        left_over: u64,
        /// Operations of the step before that ended only in this one. More than 1 % of what was due in it, and it does not show
        /// what its rate does.
        carried_over: u64,
        /// See [`AtRate`].
        group at: AtRate,
    }
}

columns! {
    /// One run of a search.
    pub struct SearchRow {
        /// The number of the run, counted from 1.
        run: u64,
        /// The status of the run, as `summary.csv` has it.
        status: Status,
        /// The audit's verdict on the guarantee in the run; empty without an audit.
        verdict: Option<Verdict>,
        /// Why the verdict is not `kept`.
        verdict_reason: String,
        /// See [`AtRate`].
        group at: AtRate,
        /// The highest rate at which the search of the cell found all to hold, by most of its runs; empty where it found none.
        knee_from_per_s: Option<f64> as "1/s",
        /// The lowest rate at which it found something to be missed; empty where nothing was, up to the highest that was tried.
        knee_to_per_s: Option<f64> as "1/s",
    }
}
