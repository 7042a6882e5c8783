//! `events.csv`: one row for each thing that happened in a cell.

use super::columns::{columns, words};

words! {
    /// The kinds of event.
    #[derive(Default)]
    pub enum EventKind {
        /// Warm-up or measuring begins.
        #[default]
        Phase = "phase",
        /// A phase of the load begins.
        LoadPhase = "load-phase",
        /// The hit rate had settled when measuring began.
        Settled = "settled",
        /// The hit rate was still moving when measuring began.
        Unsettled = "unsettled",
        /// The cache was restarted with what it kept on disk before measuring began.
        Restored = "restored",
        /// Something was broken.
        Fault = "fault",
        /// A fault has ended: what was broken is as it would be without it, or answers again.
        Mended = "mended",
        /// An effect of a fault was noticed while it lasted.
        Noticed = "noticed",
        /// A fault could not be carried out or mended, and the cell went on.
        FaultFailed = "fault-failed",
        /// Clients found another primary of a shard.
        Failover = "failover",
        /// Clients found slots at other shards.
        Resharded = "resharded",
        /// A connection that had broken is there again.
        Reconnected = "reconnected",
        /// The first window without an error, after errors that followed a fault and before the next fault.
        Recovered = "recovered",
        /// A step that no operation waits for, such as a fill, failed for the first time in a new way.
        StepFailed = "step-failed",
        /// Strategies left nothing to do after the load.
        Drained = "drained",
        /// Strategies left something to do after the load.
        NotDrained = "not-drained",
    }
}

columns! {
    /// Something that happened: a change of phase, a fault, a failover, a reconnect.
    pub struct EventRow {
        /// When it happened, from the start of measuring; negative in the warm-up.
        at_s: f64 as "s",
        /// The kind of event.
        kind: EventKind,
        /// The server, link, instance or phase that the event is about.
        subject: String,
        /// The particulars, in words.
        detail: String,
    }
}

impl EventKind {
    /// Returns true if the event only says how the run went on: neither the load nor the system under test is another from then
    /// on, as far as it is measured.
    #[must_use]
    pub fn is_bookkeeping(self) -> bool {
        match self {
            Self::Phase
            | Self::Settled
            | Self::Unsettled
            | Self::Restored
            | Self::Drained
            | Self::NotDrained => true,
            Self::LoadPhase
            | Self::Fault
            | Self::Mended
            | Self::Noticed
            | Self::FaultFailed
            | Self::Failover
            | Self::Resharded
            | Self::Reconnected
            | Self::StepFailed
            | Self::Recovered => false,
        }
    }
}
