//! `curve.csv`: hit rate against capacity, one row for each point.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::durable::rows_with_header;
use super::{ResultsError, write_atomically};

/// The file's name.
pub const CURVE: &str = "curve.csv";

/// Where a point comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CurveSource {
    /// A simulation of the operations.
    #[default]
    Simulated,
    /// An earlier run of the scenario.
    Measured,
}

/// One point of one policy's curve.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CurveRow {
    /// Simulated or measured.
    pub source: CurveSource,
    /// The eviction policy.
    pub policy: String,
    /// How many entries fit.
    pub capacity_entries: u64,
    /// The same as a share of the dataset's documents, or of a trace's keys; empty where those were not counted.
    pub capacity_share: Option<f64>,
    /// Reads that count.
    pub reads: u64,
    /// Reads that hit; estimated where keys were sampled.
    pub hits: u64,
    /// Hits over reads; empty without reads.
    pub hit_rate: Option<f64>,
    /// The swept values that make the operations what they are; empty without any.
    pub swept: String,
    /// What writes do to the cached entry: `invalidate`, `update` or `ignore`; empty where that was measured and nothing
    /// was written, or the strategy does none of these.
    pub on_write: String,
    /// The share of the keys that was simulated; empty where measured.
    pub sampled_share: Option<f64>,
    /// The cell that was measured; empty where simulated.
    pub cell: String,
    /// The folder of the run that measured it; empty where simulated.
    pub run: String,
}

/// Writes a curve's file in one step, into a folder that is made where it is not there; returns its path.
///
/// # Errors
/// Names the file and what to do.
pub fn write_curve(folder: &Path, rows: &[CurveRow]) -> Result<PathBuf, ResultsError> {
    fs::create_dir_all(folder).map_err(|error| ResultsError::io("create", folder, error))?;
    let path = folder.join(CURVE);
    write_atomically(&path, &rows_with_header(CURVE, rows)?)?;
    Ok(path)
}
