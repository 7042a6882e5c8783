//! `audit.csv`: examples of what the audit found, up to a hundred a cell.

use serde::{Deserialize, Serialize};

/// One anomaly, with what proves it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AuditRow {
    /// The cell's id.
    pub cell: String,
    /// What it is: `stale`, `lost`, …
    pub kind: String,
    /// The kind of entity.
    #[serde(default)]
    pub entity: String,
    /// The id of the entity.
    pub key: String,
    /// The field, where it is about one.
    pub field: Option<String>,
    /// The version that was read, or found at the end.
    pub read_version: Option<u64>,
    /// The version that should have been there, or a later one.
    pub expected_version: Option<u64>,
    /// The instance that read.
    pub reader_instance: Option<u64>,
    /// The instance that wrote what should have been there.
    pub writer_instance: Option<u64>,
    /// When the write was acknowledged, in seconds from the start of measuring.
    pub acknowledged_s: Option<f64>,
    /// When the read was sent.
    pub sent_s: Option<f64>,
    /// When it was answered.
    pub done_s: Option<f64>,
    /// How long the answer had been out of date when it was asked for.
    pub age_ms: Option<f64>,
    /// The particulars, in words.
    pub detail: String,
}
