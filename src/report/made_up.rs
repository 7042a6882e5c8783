//! What the tests of this room share.

use crate::results::SummaryRow;

/// A run of a strategy on one Redis: its names and its block, and no figure yet.
pub fn run_of(label: &str, block: u32) -> SummaryRow {
    SummaryRow {
        cell: format!("r{block}-{label}"),
        strategy: label.into(),
        strategy_name: label.into(),
        topology: "single".into(),
        repeat: block,
        block,
        operations: 1_000,
        measured_s: 1.0,
        ..SummaryRow::default()
    }
}
