//! `entities.csv`: one row for each kind of entity of each cell: who serves it, what is promised of it, what was found.

use serde::{Deserialize, Serialize};

use super::Verdict;

/// One kind of entity in one cell. Columns mean what they do in `summary.csv`, for this kind alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EntityRow {
    /// The cell's id.
    pub cell: String,
    /// The kind of entity.
    pub entity: String,
    /// The strategy that serves it; empty where it lives in the cache whatever the strategy.
    pub strategy: String,
    /// What is promised of it.
    pub guarantee: String,
    /// Whether that was kept.
    pub verdict: Option<Verdict>,
    /// Why it was not, or is not known.
    pub verdict_reason: String,
    /// Answers that showed it and were held against what had been acknowledged.
    pub audited_reads: u64,
    /// Those of them during which it was written.
    pub overlapping_reads: u64,
    /// Answers older than what had been acknowledged when they were asked for.
    pub stale_reads: u64,
    /// Their median age.
    pub stale_age_p50_ms: Option<f64>,
    /// The 99th percentile of their age.
    pub stale_age_p99_ms: Option<f64>,
    /// The greatest age.
    pub stale_age_max_ms: Option<f64>,
    /// Answers older than what the database held although the writer saw an error.
    pub stale_after_failed_step: u64,
    /// Damaged answers.
    pub corrupt_reads: u64,
    /// Answers older than what the same client knew.
    pub non_monotonic_reads: u64,
    /// Answers older than the client's own write.
    pub not_own_write_reads: u64,
    /// Acknowledged writes that the database does not reflect at the end; empty where that is not known.
    pub lost_writes: Option<u64>,
    /// Entities of which cache and database differ at the end.
    pub divergent_keys: Option<u64>,
    /// Entities that were compared.
    pub checked_keys: Option<u64>,
}
