//! `timeseries.csv`: one row for each window of each cell.

use serde::{Deserialize, Serialize};

/// What a cell is doing in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Filling the cache until its hit rate has settled; not in the summary.
    Warmup,
    /// Measuring.
    #[default]
    Measure,
}

/// One window of one cell.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeseriesRow {
    /// The cell's id.
    pub cell: String,
    /// Warm-up or measuring.
    pub phase: Phase,
    /// Counted from 0 in each phase.
    pub window: u64,
    /// Where the window begins, in seconds from the start of measuring; negative in the warm-up.
    pub start_s: f64,
    /// How long the window was.
    pub length_s: f64,
    /// Operations that ended in the window, of any outcome.
    pub operations: u64,
    /// Operations that were answered, a second.
    pub achieved_per_s: f64,
    /// Operations that were due, a second; empty in a closed loop.
    pub offered_per_s: Option<f64>,
    /// Reads answered from the cache.
    pub hits: u64,
    /// Reads that had to ask the database.
    pub misses: u64,
    /// Reads answered from the cache with "there is no such thing".
    pub negative_hits: u64,
    /// Reads that the database answered, as the cache had failed and was passed by.
    pub bypassed: u64,
    /// Operations that ended in an error, timeouts not counted.
    pub errors: u64,
    /// Operations that were given up.
    pub timeouts: u64,
    /// (hits + negative hits) / (hits + negative hits + misses + bypassed); empty where nothing was looked up.
    pub hit_rate: Option<f64>,
    /// Median response time of reads and writes.
    pub response_p50_us: Option<f64>,
    /// 99th percentile of the response time of reads and writes.
    pub response_p99_us: Option<f64>,
    /// 99th percentile of the service time of reads and writes.
    pub service_p99_us: Option<f64>,
    /// Database reads.
    pub db_reads: u64,
    /// Database writes.
    pub db_writes: u64,
    /// Cache commands.
    pub cache_commands: u64,
    /// Memory used by the cache at the window's end.
    pub cache_memory_bytes: Option<u64>,
    /// Entries in the cache at the window's end.
    pub cache_entries: Option<u64>,
    /// Entries that the cache evicted to make room, in it or in the machine's memory.
    pub cache_evicted: Option<u64>,
    /// Entries that expired.
    pub cache_expired: Option<u64>,
    /// Reads of a version older than one that had been acknowledged when they were sent.
    pub stale_reads: u64,
    /// How long the oldest of their answers had been out of date.
    pub stale_age_max_ms: Option<f64>,
    /// Reads older than a write that the database held although its writer saw an error.
    pub stale_after_failed_step: u64,
    /// Reads that were damaged or lacked a patch.
    pub corrupt_reads: u64,
    /// Reads older than what the same client had read before.
    pub non_monotonic_reads: u64,
    /// Reads older than what the same client had written before.
    pub not_own_write_reads: u64,
    /// Entities that were acknowledged and not flushed yet at the window's end; empty where the strategy holds none back.
    pub backlog: Option<u64>,
    /// How long the oldest of them had waited.
    pub backlog_oldest_s: Option<f64>,
    /// Processor cores that hotset used, on average.
    pub cpu_hotset_cores: Option<f64>,
    /// Processor cores that the cache servers used, on average.
    pub cpu_cache_cores: Option<f64>,
    /// Processor cores that the database used, on average.
    pub cpu_database_cores: Option<f64>,
}
