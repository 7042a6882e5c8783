//! `summary.csv`: one row for each finished cell.

use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{Measure, Operation};

/// Whether a strategy kept what it promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing was found that breaks it.
    Kept,
    /// Something was.
    Broken,
    /// It could not be held against what happened.
    Unknown,
}

impl Verdict {
    /// As in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a cell's figures may be read as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Status {
    /// Nothing speaks against the figures.
    #[default]
    #[serde(rename = "ok")]
    Ok,
    /// The offered load was not achieved, or was sent late.
    #[serde(rename = "saturated")]
    Saturated,
    /// The hit rate was still moving when measuring began.
    #[serde(rename = "unsettled")]
    Unsettled,
    /// Both.
    #[serde(rename = "saturated,unsettled")]
    SaturatedUnsettled,
    /// The cell could not be run; `reason` says why and there are no figures.
    #[serde(rename = "failed")]
    Failed,
}

impl Status {
    /// The status of a cell that ran to its end.
    #[must_use]
    pub fn of_finished(saturated: bool, settled: bool) -> Self {
        match (saturated, settled) {
            (false, true) => Self::Ok,
            (true, true) => Self::Saturated,
            (false, false) => Self::Unsettled,
            (true, false) => Self::SaturatedUnsettled,
        }
    }

    /// Whether the load was more than the cell could take.
    #[must_use]
    pub fn is_saturated(self) -> bool {
        matches!(self, Self::Saturated | Self::SaturatedUnsettled)
    }

    /// Whether the cell was measured before its hit rate had settled.
    #[must_use]
    pub fn is_unsettled(self) -> bool {
        matches!(self, Self::Unsettled | Self::SaturatedUnsettled)
    }

    /// As in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Saturated => "saturated",
            Self::Unsettled => "unsettled",
            Self::SaturatedUnsettled => "saturated,unsettled",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How load was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each client sends its next operation when the last has ended.
    #[default]
    Closed,
    /// Operations are due on a schedule, whatever became of the last.
    Open,
}

/// What kept a cell from doing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitedBy {
    /// Every client was waiting for an answer, and no server was busy.
    Clients,
    /// hotset itself had no processor time left.
    Hotset,
    /// The cache servers had no processor time left.
    Cache,
    /// The database had no processor time left.
    Database,
    /// Operations waited for a connection to the database.
    #[serde(rename = "database connections")]
    DatabaseConnections,
    /// No more was asked for.
    #[serde(rename = "offered load")]
    OfferedLoad,
    /// The machine as a whole had no processor time left.
    Machine,
}

impl LimitedBy {
    /// As in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Hotset => "hotset",
            Self::Cache => "cache",
            Self::Database => "database",
            Self::DatabaseConnections => "database connections",
            Self::OfferedLoad => "offered load",
            Self::Machine => "machine",
        }
    }
}

/// One finished cell.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SummaryRow {
    /// A stable id, such as `r1-cache-aside-single`.
    pub cell: String,
    /// The order in which the cell ran, counted from 1.
    pub position: u64,
    /// The repeat, counted from 1.
    pub repeat: u32,
    /// The randomised block that the cell ran in, counted from 1.
    pub block: u32,
    /// The strategy's label, as legends show it.
    pub strategy: String,
    /// The strategy's registered name.
    pub strategy_name: String,
    /// The strategy's parameters, as `name=value;name=value`.
    pub strategy_parameters: String,
    /// The topology's label.
    pub topology: String,
    /// The topology's registered name.
    pub topology_name: String,
    /// The database.
    pub database: String,
    /// The swept values, as `key=value;key=value`; empty without a sweep.
    pub swept: String,
    /// Whether the figures may be read as they stand.
    pub status: Status,
    /// Why the status is not `ok`.
    pub reason: String,
    /// When the cell began, as UTC in ISO 8601.
    pub started_utc: String,
    /// How long the cache was warmed.
    pub warmup_s: f64,
    /// Whether the hit rate had settled when measuring began.
    pub settled: bool,
    /// How long was measured.
    pub measured_s: f64,
    /// Copies of the application.
    pub instances: u32,
    /// Virtual users, over all instances.
    pub clients: u32,
    /// Connections to the cache, over all instances.
    pub connections: u32,
    /// How load was offered.
    pub mode: Mode,
    /// Operations that were due, a second; empty in a closed loop.
    pub offered_per_s: Option<f64>,
    /// Operations that were answered, a second.
    pub achieved_per_s: f64,
    /// Operations that ended, of any outcome.
    pub operations: u64,
    /// Reads that ended.
    pub reads: u64,
    /// Writes that ended.
    pub writes: u64,
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
    /// Errors and timeouts by kind, as `connection=3;timeout=1`.
    pub errors_by_kind: String,
    /// The share of operations that were sent later than they were due.
    pub late_share: Option<f64>,
    /// Operations that were due and never sent, as the load was too far behind.
    pub unsent: u64,
    /// (hits + negative hits) / (hits + negative hits + misses + bypassed); empty where nothing was looked up.
    pub hit_rate: Option<f64>,
    /// The hit rate that theory predicts from what was configured; empty where no model covers the cell.
    pub predicted_hit_rate: Option<f64>,
    /// The lower end of what is expected.
    pub predicted_hit_rate_low: Option<f64>,
    /// The upper end of what is expected.
    pub predicted_hit_rate_high: Option<f64>,
    /// The model that predicts.
    pub predicted_by: String,
    /// How many points the hit rate is outside of what is expected; 0 inside, negative below.
    pub hit_rate_off_points: Option<f64>,
    /// Where that is more than two points: the likely reasons.
    pub prediction_note: String,
    /// Database reads for each operation that follow from the predicted hit rate.
    pub predicted_db_reads_per_op: Option<f64>,
    /// How much more were measured.
    pub db_reads_per_op_off: Option<f64>,
    /// The predicted share of stale reads, where only the TTL ends them.
    pub predicted_stale_share: Option<f64>,
    /// How many points higher the measured one was.
    pub stale_share_off_points: Option<f64>,
    /// How many entities are acknowledged and not in the database at a random moment, counted as the backlog is.
    pub predicted_backlog: Option<f64>,
    /// How much larger the mean backlog was; empty where flushes keep step with the windows at whose ends it is looked at.
    pub backlog_off: Option<f64>,
    /// Writes of the database for each write of the application, where several are flushed as one.
    pub predicted_db_writes_per_write: Option<f64>,
    /// How much more were measured.
    pub db_writes_per_write_off: Option<f64>,
    /// The mean of the response time of reads.
    pub read_response_mean_us: Option<f64>,
    /// The median of the response time of reads.
    pub read_response_p50_us: Option<f64>,
    /// The 90th percentile of the response time of reads.
    pub read_response_p90_us: Option<f64>,
    /// The 95th percentile of the response time of reads.
    pub read_response_p95_us: Option<f64>,
    /// The 99th percentile of the response time of reads.
    pub read_response_p99_us: Option<f64>,
    /// The 99.9th percentile of the response time of reads.
    pub read_response_p999_us: Option<f64>,
    /// The maximum of the response time of reads.
    pub read_response_max_us: Option<f64>,
    /// The mean of the service time of reads.
    pub read_service_mean_us: Option<f64>,
    /// The median of the service time of reads.
    pub read_service_p50_us: Option<f64>,
    /// The 90th percentile of the service time of reads.
    pub read_service_p90_us: Option<f64>,
    /// The 95th percentile of the service time of reads.
    pub read_service_p95_us: Option<f64>,
    /// The 99th percentile of the service time of reads.
    pub read_service_p99_us: Option<f64>,
    /// The 99.9th percentile of the service time of reads.
    pub read_service_p999_us: Option<f64>,
    /// The maximum of the service time of reads.
    pub read_service_max_us: Option<f64>,
    /// The mean of the response time of writes.
    pub write_response_mean_us: Option<f64>,
    /// The median of the response time of writes.
    pub write_response_p50_us: Option<f64>,
    /// The 90th percentile of the response time of writes.
    pub write_response_p90_us: Option<f64>,
    /// The 95th percentile of the response time of writes.
    pub write_response_p95_us: Option<f64>,
    /// The 99th percentile of the response time of writes.
    pub write_response_p99_us: Option<f64>,
    /// The 99.9th percentile of the response time of writes.
    pub write_response_p999_us: Option<f64>,
    /// The maximum of the response time of writes.
    pub write_response_max_us: Option<f64>,
    /// The mean of the service time of writes.
    pub write_service_mean_us: Option<f64>,
    /// The median of the service time of writes.
    pub write_service_p50_us: Option<f64>,
    /// The 90th percentile of the service time of writes.
    pub write_service_p90_us: Option<f64>,
    /// The 95th percentile of the service time of writes.
    pub write_service_p95_us: Option<f64>,
    /// The 99th percentile of the service time of writes.
    pub write_service_p99_us: Option<f64>,
    /// The 99.9th percentile of the service time of writes.
    pub write_service_p999_us: Option<f64>,
    /// The maximum of the service time of writes.
    pub write_service_max_us: Option<f64>,
    /// Database reads.
    pub db_reads: u64,
    /// Database writes.
    pub db_writes: u64,
    /// Database reads for each operation.
    pub db_reads_per_op: Option<f64>,
    /// Database writes for each operation.
    pub db_writes_per_op: Option<f64>,
    /// Cache commands.
    pub cache_commands: u64,
    /// Cache commands for each operation.
    pub cache_commands_per_op: Option<f64>,
    /// Entries that the cache evicted to make room, in it or in the machine's memory.
    pub cache_evicted: Option<u64>,
    /// Entries that expired.
    pub cache_expired: Option<u64>,
    /// Memory used by the cache at the end.
    pub cache_memory_bytes: Option<u64>,
    /// Entries in the cache at the end.
    pub cache_entries: Option<u64>,
    /// The busiest window's database calls a second.
    pub db_calls_peak_per_s: Option<f64>,
    /// That by the mean over the measured time.
    pub db_peak_over_mean: Option<f64>,
    /// The longest time that reads were without service after a fault: from the fault to the first success after the last
    /// error; 0 where none failed, empty without a fault.
    pub read_outage_s: Option<f64>,
    /// The same for writes.
    pub write_outage_s: Option<f64>,
    /// How long a failover may take by the timeouts that were configured, where a fault calls for one.
    pub outage_bound_s: Option<f64>,
    /// The hit rate before the first fault; empty without a fault.
    pub hit_rate_before_fault: Option<f64>,
    /// How long after the last fault the hit rate was back within 2 points of what it was before.
    pub hit_rate_recovery_s: Option<f64>,
    /// Reads whose value was not the document asked for, failed its checksum or lacked a patch.
    pub corrupt_reads: u64,
    /// Reads that were held against what had been acknowledged.
    pub audited_reads: u64,
    /// Those of them during which a write to the same key was under way.
    pub overlapping_reads: u64,
    /// Reads of a version older than one that had been acknowledged when they were sent.
    pub stale_reads: u64,
    /// Stale reads by audited reads.
    pub stale_share: Option<f64>,
    /// The median of how long stale answers had been out of date.
    pub stale_age_p50_ms: Option<f64>,
    /// The 99th percentile of that.
    pub stale_age_p99_ms: Option<f64>,
    /// The longest.
    pub stale_age_max_ms: Option<f64>,
    /// Reads older than a write that the database held although its writer saw an error; not among the stale.
    pub stale_after_failed_step: u64,
    /// Reads older than what the same client had read before.
    pub non_monotonic_reads: u64,
    /// Reads older than what the same client had written before.
    pub not_own_write_reads: u64,
    /// Writes that were acknowledged since the cell began.
    pub acknowledged_writes: u64,
    /// Writes of which nobody knows whether they happened.
    pub indeterminate_writes: u64,
    /// Fields whose last acknowledged write the database does not reflect at the end.
    pub lost_writes: Option<u64>,
    /// The keys of those fields.
    pub lost_keys: Option<u64>,
    /// Keys of which the cache holds something else than the database at the end.
    pub divergent_keys: Option<u64>,
    /// Keys that were compared at the end: all that were written.
    pub checked_keys: Option<u64>,
    /// The most entities that were acknowledged and not flushed at the end of a window.
    pub backlog_max: Option<u64>,
    /// The mean of such entities over the ends of the windows.
    pub backlog_mean: Option<f64>,
    /// Entities that the database refused again and again.
    pub set_aside: u64,
    /// Processor cores that hotset used, on average.
    pub cpu_hotset_cores: Option<f64>,
    /// How busy hotset's busiest load-driving thread was, from 0 to 1.
    pub cpu_worker_max_share: Option<f64>,
    /// Processor cores that the cache servers used, on average.
    pub cpu_cache_cores: Option<f64>,
    /// Processor cores that the database used, on average.
    pub cpu_database_cores: Option<f64>,
    /// The mean wait for a connection to the database.
    pub database_pool_wait_us_mean: Option<f64>,
    /// What kept the cell from doing more.
    pub limited_by: Option<LimitedBy>,
    /// What the strategy promises here.
    pub guarantee: Option<String>,
    /// What is naive about the strategy, where it is a control.
    pub control: Option<String>,
    /// Whether the promise was kept; of a control, the promise of its sound form.
    pub verdict: Option<Verdict>,
    /// Why it was not, or is not known.
    pub verdict_reason: String,
    /// The digest of the operations that were offered, over all clients.
    pub stream_digest: String,
    /// The share of requests that the most requested key took.
    pub top_key_share: Option<f64>,
    /// The share of requests that the most requested 1 % of keys took.
    pub top_1_percent_share: Option<f64>,
    /// The share of requests that the most requested 10 % of keys took.
    pub top_10_percent_share: Option<f64>,
}

/// Latency figures of one operation and measure, in microseconds; all empty where nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LatencyFigures {
    /// The mean.
    pub mean_us: Option<f64>,
    /// The median.
    pub p50_us: Option<f64>,
    /// The 90th percentile.
    pub p90_us: Option<f64>,
    /// The 95th percentile.
    pub p95_us: Option<f64>,
    /// The 99th percentile.
    pub p99_us: Option<f64>,
    /// The 99.9th percentile.
    pub p999_us: Option<f64>,
    /// The maximum.
    pub max_us: Option<f64>,
}

impl LatencyFigures {
    /// The figures of a histogram of nanoseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| Some(histogram.value_at_quantile(quantile) as f64 / 1e3);
        Self {
            // To the nanosecond: the histogram resolves no finer.
            mean_us: Some(histogram.mean().round() / 1e3),
            p50_us: at(0.50),
            p90_us: at(0.90),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: Some(histogram.max() as f64 / 1e3),
        }
    }
}

/// The seven columns of one operation and measure, named once.
macro_rules! figures {
    ($row:expr, $then:ident, $mean:ident $p50:ident $p90:ident $p95:ident $p99:ident $p999:ident $max:ident) => {
        figures!(@$then $row, mean_us $mean, p50_us $p50, p90_us $p90, p95_us $p95, p99_us $p99, p999_us $p999, max_us $max)
    };
    (@get $row:expr, $($name:ident $column:ident),*) => { LatencyFigures { $($name: $row.$column),* } };
    (@set $row:expr, $($name:ident $column:ident),*) => {{ let (row, figures) = $row; $(row.$column = figures.$name;)* }};
}

/// Picks the columns of an operation and measure.
macro_rules! by_operation_and_measure {
    ($operation:expr, $measure:expr, $row:expr, $then:ident) => {
        match ($operation, $measure) {
            (Operation::Read, Measure::Response) => figures!($row, $then, read_response_mean_us read_response_p50_us read_response_p90_us read_response_p95_us read_response_p99_us read_response_p999_us read_response_max_us),
            (Operation::Read, Measure::Service) => figures!($row, $then, read_service_mean_us read_service_p50_us read_service_p90_us read_service_p95_us read_service_p99_us read_service_p999_us read_service_max_us),
            (Operation::Write, Measure::Response) => figures!($row, $then, write_response_mean_us write_response_p50_us write_response_p90_us write_response_p95_us write_response_p99_us write_response_p999_us write_response_max_us),
            (Operation::Write, Measure::Service) => figures!($row, $then, write_service_mean_us write_service_p50_us write_service_p90_us write_service_p95_us write_service_p99_us write_service_p999_us write_service_max_us),
        }
    };
}

impl SummaryRow {
    /// The latency columns of one operation and measure.
    #[must_use]
    pub fn latency(&self, operation: Operation, measure: Measure) -> LatencyFigures {
        by_operation_and_measure!(operation, measure, self, get)
    }

    /// Fills the latency columns of one operation and measure.
    pub fn set_latency(&mut self, operation: Operation, measure: Measure, figures: LatencyFigures) {
        by_operation_and_measure!(operation, measure, (&mut *self, figures), set);
    }

    /// Fills the figures that follow from counts: hit rate, and commands for each operation.
    pub fn derive_rates(&mut self) {
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let answered = self.hits + self.negative_hits;
        self.hit_rate = share(answered, answered + self.misses + self.bypassed);
        self.stale_share = share(self.stale_reads, self.audited_reads);
        self.db_reads_per_op = share(self.db_reads, self.operations);
        self.db_writes_per_op = share(self.db_writes, self.operations);
        self.cache_commands_per_op = share(self.cache_commands, self.operations);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_and_measure_has_columns_of_its_own() {
        let mut row = SummaryRow::default();
        let kinds = [
            (Operation::Read, Measure::Response),
            (Operation::Read, Measure::Service),
            (Operation::Write, Measure::Response),
            (Operation::Write, Measure::Service),
        ];
        let figures = |n: usize| LatencyFigures { p99_us: Some(n as f64), ..Default::default() };
        for (n, (operation, measure)) in kinds.into_iter().enumerate() {
            row.set_latency(operation, measure, figures(n));
        }
        for (n, (operation, measure)) in kinds.into_iter().enumerate() {
            assert_eq!(row.latency(operation, measure), figures(n));
        }
        assert_eq!(row.write_response_p99_us, Some(2.0));
    }

    #[test]
    fn a_known_absence_counts_as_a_hit_and_nothing_looked_up_has_no_hit_rate() {
        let mut row = SummaryRow { hits: 6, negative_hits: 2, misses: 2, ..Default::default() };
        row.derive_rates();
        assert_eq!(row.hit_rate, Some(0.8));
        let mut none = SummaryRow::default();
        none.derive_rates();
        assert_eq!((none.hit_rate, none.db_reads_per_op), (None, None));
    }
}
