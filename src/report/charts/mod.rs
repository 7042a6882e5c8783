//! The charts: one file each, one row each in the registry.

mod by_strategy;
mod cost;
mod faults;
mod hit_rate;
mod latency_percentiles;
mod safety;
mod staleness;
mod throughput_p99;

use super::canvas::Canvas;
use super::group::Group;

/// A kind of chart.
#[derive(Debug, Clone, Copy)]
pub struct Chart {
    /// Its name, with which its files begin.
    pub name: &'static str,
    /// What it shows, in one line.
    pub summary: &'static str,
    /// Draws it; `None` where the group has nothing to show in it.
    pub draw: fn(&Group<'_>) -> Option<Canvas>,
}

/// Every chart there is, in the order of the report.
pub const REGISTRY: &[Chart] = &[
    Chart {
        name: "cost",
        summary: "p50 and p99 response time of reads and the database's reads by strategy, with the spread of the repeats",
        draw: cost::draw,
    },
    Chart {
        name: "throughput-p99",
        summary: "achieved throughput and p99 response time of reads by strategy, with the spread of the repeats",
        draw: throughput_p99::draw,
    },
    Chart {
        name: "latency-percentiles",
        summary: "response times of reads and writes over the percentiles, all repeats merged",
        draw: latency_percentiles::draw,
    },
    Chart {
        name: "hit-rate",
        summary: "hit rate of the cache over time, from the warm-up on",
        draw: hit_rate::draw,
    },
    Chart {
        name: "faults",
        summary: "throughput, errors, hit rate and p99 over time, with what was broken and mended",
        draw: faults::draw,
    },
    Chart {
        name: "staleness",
        summary: "share of reads that were stale, and how long their answers had been out of date, by strategy",
        draw: staleness::draw,
    },
    Chart {
        name: "safety",
        summary: "p99 response time of reads against the share of stale reads, with lost writes marked",
        draw: safety::draw,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chart_has_a_unique_file_name_and_a_meaning_in_one_line() {
        for (n, chart) in REGISTRY.iter().enumerate() {
            assert!(chart.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(!chart.summary.is_empty() && !chart.summary.contains('\n'));
            assert!(REGISTRY[..n].iter().all(|other| other.name != chart.name));
        }
    }
}
