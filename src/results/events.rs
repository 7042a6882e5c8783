//! `events.csv`: one row for each thing that happened in a cell.

use serde::{Deserialize, Serialize};

/// Something that happened: a change of phase, a fault, a failover, a reconnect.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventRow {
    /// The cell's id.
    pub cell: String,
    /// Seconds from the start of measuring; negative in the warm-up.
    pub at_s: f64,
    /// What kind of thing: `phase`, `settled`, `drained`, `fault`, …
    pub kind: String,
    /// What it happened to.
    pub subject: String,
    /// The particulars, in words.
    pub detail: String,
}

impl EventRow {
    /// Whether the event only says how the run went on, and did nothing to the system under test.
    #[must_use]
    pub fn is_bookkeeping(&self) -> bool {
        ["phase", "settled", "unsettled", "drained", "not-drained"].contains(&self.kind.as_str())
    }
}
