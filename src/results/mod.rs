//! What a run leaves on disk: one struct a file, used to write it and to read it back.
//!
//! A cell counts as finished once its row in `summary.csv` is complete, which is written last. `RESULTS.md`
//! documents every column.

mod application;
mod audit;
mod curve;
mod directory;
mod durable;
mod entities;
mod error;
mod events;
mod interval_log;
mod latency;
mod nodes;
mod operations;
mod read;
mod run_info;
mod summary;
mod timeseries;

pub use application::ApplicationRow;
pub use audit::AuditRow;
pub use curve::{CURVE, CurveRow, CurveSource, write_curve};
pub use directory::{CellResults, ResultsDir};
pub use durable::write_atomically;
pub use entities::EntityRow;
pub use error::ResultsError;
pub use events::EventRow;
pub use interval_log::{Interval, interval_log, merged_histograms};
pub use latency::{LatencyRow, Measure, Operation, Outcome, spectrum};
pub use nodes::NodeRow;
pub use operations::OperationRow;
pub use read::Results;
pub use run_info::{Build, Machine, RunInfo, Server, StreamDigest};
pub use summary::{LatencyFigures, LimitedBy, Mode, Status, SummaryRow, Verdict};
pub use timeseries::{Phase, TimeseriesRow};

/// One row for each finished cell.
pub const SUMMARY: &str = "summary.csv";
/// One row for each window of each cell.
pub const TIMESERIES: &str = "timeseries.csv";
/// One row for each point of each cell's percentile spectra.
pub const LATENCY: &str = "latency.csv";
/// One row for each thing that happened.
pub const EVENTS: &str = "events.csv";
/// Examples of what the audit found.
pub const AUDIT: &str = "audit.csv";
/// One row for each node of the cache of each cell.
pub const NODES: &str = "nodes.csv";
/// One row for each kind of operation of each cell.
pub const OPERATIONS: &str = "operations.csv";
/// One row for each kind of entity of each cell.
pub const ENTITIES: &str = "entities.csv";
/// Figures of each cell's application that no other file has.
pub const APPLICATION: &str = "application.csv";
/// What was run, where, and with what.
pub const RUN_INFO: &str = "run.json";

/// The name of a cell's interval log within the results folder.
#[must_use]
pub fn interval_log_name(cell: &str) -> String {
    format!("{}.hlog", file_safe(cell))
}

/// The text with everything but letters, digits, `.`, `_`, `=` and `-` replaced, so that it can name a file anywhere.
#[must_use]
pub fn file_safe(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '=' | '-');
    let safe: String = text.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    // A leading dot would hide the file, or climb out of the folder.
    let safe = safe.trim_start_matches('.');
    if safe.is_empty() { "unnamed".into() } else { safe.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_results_folder() {
        assert_eq!(file_safe("../../etc/passwd"), "-..-etc-passwd");
        assert_eq!(file_safe(".."), "unnamed");
        assert_eq!(file_safe("r1-cache-aside-single"), "r1-cache-aside-single");
    }
}
