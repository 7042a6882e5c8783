//! `curve.csv`: hit rate against capacity, one row for each point.

use std::fs;
use std::path::{Path, PathBuf};

use super::columns::{columns, words};
use super::lines::{header, lines};
use super::{ResultsError, write_atomically};

/// The file's name.
pub const CURVE: &str = "curve.csv";

words! {
    /// Where a point comes from.
    #[derive(Default)]
    pub enum CurveSource {
        /// A simulation of the operations.
        #[default]
        Simulated = "simulated",
        /// An earlier run of the scenario.
        Measured = "measured",
    }
}

columns! {
    /// One point of one policy's curve.
    pub struct CurveRow {
        /// Where the point comes from.
        source: CurveSource,
        /// The eviction policy: of a simulation and of the embedded cache as in `[cache] policy`, of Redis its
        /// `maxmemory-policy`.
        policy: String,
        /// The number of entries that fit; empty where the capacity is in bytes.
        capacity_entries: Option<u64>,
        /// The same as a share of the dataset's documents, or of a trace's keys; empty where those were not counted.
        capacity_share: Option<f64> as "share",
        /// Reads that count; estimated where keys were sampled.
        reads: u64,
        /// Reads that hit; estimated where keys were sampled.
        hits: u64,
        /// Hits over reads; empty without reads.
        hit_rate: Option<f64> as "share",
        /// The swept values that make the operations what they are, as `workload.keys.exponent=0.8`; empty without any.
        /// Each has curves of its own.
        swept: String,
        /// The effect of writes on the cached entry: `invalidate`, `update` or `ignore`; empty for a measured cell
        /// that writes nothing, or whose strategy does none of these. Where strategies differ, each of these has
        /// curves of its own.
        on_write: String,
        /// The share of the keys that was simulated; empty where measured.
        sampled_share: Option<f64> as "share",
        /// The cell that was measured; empty where simulated.
        cell: String,
        /// The folder of the run that measured it; empty where simulated.
        run: String,
        /// The number of bytes that fit, keys and values together; empty where the capacity is in entries.
        capacity_bytes: Option<u64> as "bytes",
        /// The bytes of the keys and values that were read, each as often as it was; empty where sizes were not looked
        /// at.
        read_bytes: Option<u64> as "bytes",
        /// Those of the reads that hit.
        hit_bytes: Option<u64> as "bytes",
        /// Bytes that hit over bytes that were read; empty without any.
        byte_hit_rate: Option<f64> as "share",
        /// True where entries expired by the trace's own times and times to live; empty where measured.
        expires: Option<bool>,
    }
}

/// Writes a curve's file in one step, into a folder that is made where it is not there; returns its path.
///
/// # Errors
/// Names the file and what to do.
pub fn write_curve(folder: &Path, rows: &[CurveRow]) -> Result<PathBuf, ResultsError> {
    fs::create_dir_all(folder).map_err(|error| ResultsError::io("create", folder, error))?;
    let path = folder.join(CURVE);
    let mut text = header::<CurveRow>();
    text.extend(lines(rows));
    write_atomically(&path, &text)?;
    Ok(path)
}
