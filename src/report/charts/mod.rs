//! The charts: one file each, one row each in the registry.

mod by_strategy;
mod cost;
mod faults;
mod hit_rate;
mod latency_percentiles;
mod safety;
mod staleness;
mod sweep;
mod throughput_p99;
mod topologies;
mod trade_off;

use super::canvas::Canvas;
use super::group::Group;

/// A kind of chart.
#[derive(Debug, Clone, Copy)]
pub struct Chart {
    /// Its name, with which its files begin.
    pub name: &'static str,
    /// The content of the chart, in one line.
    pub summary: &'static str,
    /// Of which groups of a sweep it is drawn.
    pub in_sweep: InSweep,
    /// Draws it; `None` where the group has nothing to show in it.
    pub draw: fn(&Group<'_>) -> Option<Canvas>,
}

/// Of which groups of a sweep a chart of one group is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InSweep {
    /// Of those that the decision tells of: the first and the last swept values.
    Ends,
    /// Of none, since the charts over all groups show the same along the swept values.
    Nowhere,
}

/// A kind of chart over all groups of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunChart {
    /// Its name, which its files have.
    pub name: &'static str,
    /// The content of the chart, in one line.
    pub summary: &'static str,
    /// Draws it; `None` where the run has nothing to show in it.
    pub draw: fn(&[Group<'_>]) -> Option<Canvas>,
}

/// Every chart over all groups of a run, in the order of the report.
pub const RUN_REGISTRY: &[RunChart] = &[
    RunChart {
        name: "trade-off",
        summary: "database reads an operation against p50 and p99 of reads, by strategy and topology, with no cache as the reference",
        draw: trade_off::draw,
    },
    RunChart {
        name: "topologies",
        summary: "the topologies side by side: p50 and p99 of reads, database reads and failures, by strategy",
        draw: topologies::draw,
    },
    RunChart {
        name: "sweep",
        summary: "p99 of reads, hit rate, database reads and stale reads over each swept quantity, a line a strategy",
        draw: sweep::draw,
    },
];

/// Every chart of one group, in the order of the report.
pub const REGISTRY: &[Chart] = &[
    Chart {
        name: "cost",
        summary: "p50 and p99 response time of reads and the database's reads by strategy, with the spread of the repeats",
        in_sweep: InSweep::Nowhere,
        draw: cost::draw,
    },
    Chart {
        name: "throughput-p99",
        summary: "achieved throughput and p99 response time of reads by strategy, with the spread of the repeats",
        in_sweep: InSweep::Nowhere,
        draw: throughput_p99::draw,
    },
    Chart {
        name: "latency-percentiles",
        summary: "response times of reads and writes over the percentiles, all repeats merged",
        in_sweep: InSweep::Ends,
        draw: latency_percentiles::draw,
    },
    Chart {
        name: "hit-rate",
        summary: "hit rate of the cache over time, from the warm-up on",
        in_sweep: InSweep::Ends,
        draw: hit_rate::draw,
    },
    Chart {
        name: "faults",
        summary: "failures, throughput, hit rate and p99 over time, with what was broken and mended",
        in_sweep: InSweep::Ends,
        draw: faults::draw,
    },
    Chart {
        name: "staleness",
        summary: "share of reads that were stale, and how long their answers had been out of date, by strategy",
        in_sweep: InSweep::Nowhere,
        draw: staleness::draw,
    },
    Chart {
        name: "safety",
        summary: "p99 response time of reads against the share of stale reads, with lost writes marked",
        in_sweep: InSweep::Nowhere,
        draw: safety::draw,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chart_has_a_unique_file_name_and_a_meaning_in_one_line() {
        let of_group = REGISTRY.iter().map(|chart| (chart.name, chart.summary));
        let of_run = RUN_REGISTRY.iter().map(|chart| (chart.name, chart.summary));
        let all: Vec<_> = of_group.chain(of_run).collect();
        for (n, (name, summary)) in all.iter().enumerate() {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(!summary.is_empty() && !summary.contains('\n'));
            assert!(all[..n].iter().all(|(other, _)| other != name));
        }
    }
}
