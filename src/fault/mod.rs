//! Things that a scenario breaks at set times.

use std::time::Duration;

use crate::scenario::Positive;

crate::choices! {
    /// What is broken.
    pub enum FaultKind {
        /// The managed cache server is killed (SIGKILL) and started again after `for`.
        StopCache = "stop-cache",
        /// The managed database server is killed (SIGKILL) and started again after `for`.
        StopDatabase = "stop-database",
        /// Every call of the database takes `delay` longer, for `for`.
        SlowDatabase = "slow-database",
        /// One instance of the application (`target`) loses all that it holds in memory, starts again after `for` and recovers.
        CrashApplication = "crash-application",
    }
}

/// One `[[fault]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// When, from the start of measuring.
    pub at: Duration,
    /// What.
    pub kind: FaultKind,
    /// For how long.
    pub lasts: Positive,
}
