//! `operations.csv`: one row for each kind of operation of each cell.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// One kind of operation in one cell. Times are in microseconds; percentiles come from the kind's own histogram.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OperationRow {
    /// The cell's id.
    pub cell: String,
    /// The strategy's label.
    pub strategy: String,
    /// The topology's label.
    pub topology: String,
    /// The kind of operation.
    pub operation: String,
    /// `read` or `write`.
    pub class: String,
    /// How many ended, however they ended.
    pub operations: u64,
    /// Their share of all operations.
    pub share: Option<f64>,
    /// Those that were answered, by second.
    pub achieved_per_s: f64,
    /// Reads that the cache answered with a value; where an answer is made of several entities, all of them.
    pub hits: u64,
    /// Reads for which the database was asked.
    pub misses: u64,
    /// Reads that the cache answered with the knowledge that there is none.
    pub negative_hits: u64,
    /// Reads that passed a failed cache by.
    pub bypassed: u64,
    /// Hits and negative hits by answered reads.
    pub hit_rate: Option<f64>,
    /// Operations that failed.
    pub errors: u64,
    /// Operations without an answer in time.
    pub timeouts: u64,
    /// Mean response time.
    pub response_mean_us: Option<f64>,
    /// Median response time.
    pub response_p50_us: Option<f64>,
    /// 90th percentile of the response time.
    pub response_p90_us: Option<f64>,
    /// 99th percentile of the response time.
    pub response_p99_us: Option<f64>,
    /// 99.9th percentile of the response time.
    pub response_p999_us: Option<f64>,
    /// The longest response time.
    pub response_max_us: Option<f64>,
    /// Median service time.
    pub service_p50_us: Option<f64>,
    /// 99th percentile of the service time.
    pub service_p99_us: Option<f64>,
    /// The kinds of entity that it shows or changes, with `;` between them.
    pub entities: String,
    /// Whether what is promised of all of these was kept.
    pub verdict: Option<Verdict>,
    /// Why it was not, or is not known.
    pub verdict_reason: String,
}

impl OperationRow {
    /// Fills the columns of the response time.
    pub fn set_response(&mut self, nanos: &Histogram<u32>) {
        let at = |quantile| Some(nanos.value_at_quantile(quantile) as f64 / 1e3);
        self.response_mean_us = Some((nanos.mean()).round() / 1e3);
        self.response_p50_us = at(0.5);
        self.response_p90_us = at(0.9);
        self.response_p99_us = at(0.99);
        self.response_p999_us = at(0.999);
        self.response_max_us = Some(nanos.max() as f64 / 1e3);
    }

    /// Fills the columns of the service time.
    pub fn set_service(&mut self, nanos: &Histogram<u32>) {
        self.service_p50_us = Some(nanos.value_at_quantile(0.5) as f64 / 1e3);
        self.service_p99_us = Some(nanos.value_at_quantile(0.99) as f64 / 1e3);
    }
}
