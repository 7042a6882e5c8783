//! `summary.csv`: one row for each finished cell.

use super::columns::{columns, words};
use super::{
    Answers, AtRisk, AuditedReads, BacklogUse, CacheUse, CallsPerOperation, Cores, Cost, DatabaseLoad,
    FailedSteps, Judgement, Limits, Measure, OfferedStream, OperationClass, Outages, Predicted, QueueDepths,
    StoreCalls, StoresAtEnd, Times,
};

words! {
    /// The states of a cell, which tell how far its figures may be read as they stand.
    #[derive(Default)]
    pub enum Status {
        /// Nothing speaks against the figures.
        #[default]
        Ok = "ok",
        /// Less than 99 % of what was due ended in time, and neither this machine nor hotset is why, so that the latencies say how
        /// long a queue was.
        Overloaded = "overloaded",
        /// This machine, or hotset itself, could not drive the load in time, so that the slowest answers may be theirs.
        Disturbed = "disturbed",
        /// The hit rate would still have moved by a point or more while measured.
        Warming = "warming",
        /// The cell is overloaded and warming.
        OverloadedWarming = "overloaded,warming",
        /// The cell is disturbed and warming.
        DisturbedWarming = "disturbed,warming",
        /// A part of the strategy did not work, or more than half of the operations failed: the figures are of something
        /// else than was asked for.
        Impaired = "impaired",
        /// The cell could not be run: `reason` says why, and there are no figures.
        Failed = "failed",
    }
}

impl Status {
    /// Returns true if the load was more than the system under test could take.
    #[must_use]
    pub fn is_overloaded(self) -> bool {
        matches!(self, Self::Overloaded | Self::OverloadedWarming)
    }

    /// Returns true if the load was not driven in time.
    #[must_use]
    pub fn is_disturbed(self) -> bool {
        matches!(self, Self::Disturbed | Self::DisturbedWarming)
    }

    /// Returns true if the cell was measured before its hit rate stood still.
    #[must_use]
    pub fn is_warming(self) -> bool {
        matches!(self, Self::Warming | Self::OverloadedWarming | Self::DisturbedWarming)
    }
}

words! {
    /// The ways in which load is offered.
    #[derive(Default)]
    pub enum Mode {
        /// A closed loop, in which each client sends its next operation when the last has ended.
        #[default]
        Closed = "closed",
        /// An open loop, in which operations are due on a schedule, whatever became of the last.
        Open = "open",
    }
}

columns! {
    /// One finished cell.
    pub struct SummaryRow {
        /// Stable id, such as `r1-cache-aside-single`; names the rows of the other files.
        cell: String,
        /// The order in which the cell ran, from 1.
        position: u64,
        /// The repeat, from 1.
        repeat: u32,
        /// The randomised block that the cell ran in, from 1.
        block: u32,
        /// The strategy's label, as legends show it.
        strategy: String,
        /// The strategy's registered name.
        strategy_name: String,
        /// The strategy's parameters, as `name=value;name=value`.
        strategy_parameters: String,
        /// The topology's label.
        topology: String,
        /// The topology's registered name.
        topology_name: String,
        /// The database.
        database: String,
        /// `key=value;key=value` of the swept values; empty without a sweep. A key that means nothing to the
        /// topology, such as `cache.policy` to Redis, is left out and makes no cells of its own.
        swept: String,
        /// The settings that the scenario gives and that have no effect on this topology, with `;` between them, such as
        /// `cache.capacity` on a Redis that was there already.
        ignored_settings: Option<String>,
        /// The state of the cell, which tells how far the figures may be read as they stand.
        status: Status,
        /// Why the status is not `ok`.
        reason: String,
        /// When the cell began, as UTC in ISO 8601.
        started_utc: String,
        /// The time that the cache was warmed.
        warmup_s: f64 as "s",
        /// True if the hit rate had settled when measuring began.
        settled: bool,
        /// The time that was measured.
        measured_s: f64 as "s",
        /// Copies of the application.
        instances: u32,
        /// Virtual users, over all instances.
        clients: u32,
        /// Connections to the cache, over all instances.
        connections: u32,
        /// The way in which load was offered.
        mode: Mode,
        /// Operations due a second; empty in a closed loop.
        offered_per_s: Option<f64> as "1/s",
        /// Operations answered within the measured time, a second.
        achieved_per_s: f64 as "1/s",
        /// Every operation that was due in the measured time, of any outcome, those that ended after it included.
        operations: u64,
        /// The reads among the operations; a read of several documents (`workload.keys_per_read`) is one.
        reads: u64,
        /// The writes among the operations.
        writes: u64,
        /// See [`Answers`].
        group answers: Answers,
        /// Errors and timeouts by kind: `connection=3;timeout=1`.
        errors_by_kind: String,
        /// See [`FailedSteps`].
        group failed_steps: FailedSteps,
        /// Operations sent more than 1 ms after they were due, most of them as their client waited for an answer.
        late_share: Option<f64> as "share",
        /// Operations sent more than 1 ms after they were due although their client was free: this machine, or hotset on it,
        /// was late. More than 1 % of them make a run disturbed.
        disturbed_share: Option<f64> as "share",
        /// Open loop: operations that were due and not sent until 5 s after the measured time, as the load was too
        /// far behind; in no other figure but `offered_per_s`.
        unsent: u64,
        /// See [`QueueDepths`].
        group queues: QueueDepths,
        /// See [`Predicted`].
        group predicted: Predicted,
        /// The response time of reads that were answered; those that failed have no time here, and are counted.
        group read_response: Times as "read_response_",
        /// The service time of reads that were answered.
        group read_service: Times as "read_service_",
        /// The response time of writes that were acknowledged.
        group write_response: Times as "write_response_",
        /// The service time of writes that were acknowledged.
        group write_service: Times as "write_service_",
        /// See [`StoreCalls`].
        group calls: StoreCalls,
        /// See [`CallsPerOperation`].
        group calls_per_op: CallsPerOperation,
        /// See [`CacheUse`].
        group cache: CacheUse,
        /// See [`DatabaseLoad`].
        group load: DatabaseLoad,
        /// See [`Outages`].
        group outages: Outages,
        /// See [`AuditedReads`].
        group audited: AuditedReads,
        /// Writes that were acknowledged since the cell began, its warm-up included; all of them are checked at the end.
        acknowledged_writes: u64,
        /// Writes that timed out, lost their connection or were under way in a crash; they may explain what was seen,
        /// and are never counted as lost.
        indeterminate_writes: u64,
        /// See [`StoresAtEnd`].
        group at_end: StoresAtEnd,
        /// The documents that lost an acknowledged write.
        lost_keys: Option<u64>,
        /// See [`BacklogUse`].
        group backlog: BacklogUse,
        /// See [`AtRisk`].
        group at_risk: AtRisk,
        /// See [`Cores`].
        group cores: Cores,
        /// See [`Limits`].
        group limits: Limits,
        /// See [`Cost`].
        group cost: Cost,
        /// The guarantee that the strategy gives here.
        guarantee: Option<String>,
        /// The naive part of the strategy, where it is a control: a form known to be wrong, there to show that the
        /// audit sees it.
        control: Option<String>,
        /// See [`Judgement`].
        group judgement: Judgement,
        /// See [`OfferedStream`].
        group stream: OfferedStream,
    }
}

impl SummaryRow {
    /// Returns true if more than half of the operations ended without the answer that was asked for.
    #[must_use]
    pub fn has_mostly_failed(&self) -> bool {
        self.answers.have_mostly_failed(self.operations)
    }

    /// The operations that ended with the answer that was asked for.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.operations.saturating_sub(self.answers.failures())
    }

    /// The times of one operation and measure.
    #[must_use]
    pub fn times(&self, operation: OperationClass, measure: Measure) -> Times {
        match (operation, measure) {
            (OperationClass::Read, Measure::Response) => self.read_response,
            (OperationClass::Read, Measure::Service) => self.read_service,
            (OperationClass::Write, Measure::Response) => self.write_response,
            (OperationClass::Write, Measure::Service) => self.write_service,
        }
    }
}
