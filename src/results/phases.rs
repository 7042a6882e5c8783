//! `phases.csv`: one row for each phase of the load of each cell.

use super::columns::columns;
use super::{Answers, QueueDepths, StoreCalls, Times};

columns! {
    /// One phase of the load in one cell: the sum of the windows that lie in it.
    pub struct PhaseRow {
        /// The number of the phase, counted from 1.
        number: u64,
        /// Its name.
        name: String,
        /// Its kind, such as `steady` or `spike`.
        kind: String,
        /// Where it begins, from the start of measuring.
        start_s: f64 as "s",
        /// How long it lasts.
        length_s: f64 as "s",
        /// Operations due in it, a second, as they were drawn; empty in a closed loop.
        offered_per_s: Option<f64> as "1/s",
        /// Operations that were answered within it, a second. What was due earlier counts where it was answered.
        achieved_per_s: f64 as "1/s",
        /// See [`QueueDepths`].
        group queues: QueueDepths,
        /// The operations that ended in it, of any outcome; those under way when measuring ended count to the last phase.
        operations: u64,
        /// The share of them that ended in an error or were given up.
        failed_share: Option<f64> as "share",
        /// See [`Answers`].
        group answers: Answers,
        /// The response time of reads that were answered.
        group read_response: Times as "read_response_",
        /// The response time of writes that were acknowledged.
        group write_response: Times as "write_response_",
        /// See [`StoreCalls`].
        group calls: StoreCalls,
        /// Database reads a second.
        db_reads_per_s: f64 as "1/s",
    }
}
