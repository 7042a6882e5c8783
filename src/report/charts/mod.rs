//! The charts: one file each, one row each in the registry.

mod backlog_over_time;
mod by_strategy;
mod cost;
mod database_over_time;
mod faults;
mod hit_rate;
mod latency_by_rate;
mod latency_over_time;
mod latency_percentiles;
mod load_over_time;
mod over_time;
mod reads;
mod safety;
mod staleness;
mod sweep;
mod throughput_p99;
mod topologies;
mod trade_off;
mod winners;

use super::canvas::Canvas;
use super::group::{Group, is_sweep, told};

pub(super) use sweep::predictions;

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
        summary: "database reads for each answered operation against p50 and p99 of reads, by strategy and topology, with no cache as the reference",
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
    RunChart {
        name: "winners",
        summary: "the strategy with the fastest p99 and the fewest database reads, and by how much, over two swept quantities",
        draw: winners::draw,
    },
];

/// Every chart of one group, in the order of the report.
pub const REGISTRY: &[Chart] = &[
    Chart {
        name: "reads",
        summary: "p50 and p99 response time of reads and the database's reads by strategy, with the spread of the repeats",
        in_sweep: InSweep::Nowhere,
        draw: reads::draw,
    },
    Chart {
        name: "cost",
        summary: "what a million operations and a month at this rate cost by strategy, at the prices of the scenario",
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
        in_sweep: InSweep::Nowhere,
        draw: latency_percentiles::draw,
    },
    Chart {
        name: "hit-rate",
        summary: "hit rate of the cache over time, from the warm-up on",
        in_sweep: InSweep::Ends,
        draw: hit_rate::draw,
    },
    Chart {
        name: "latency-over-time",
        summary: "p50, p95 and p99 response time in each window, with the highest p99 marked",
        in_sweep: InSweep::Nowhere,
        draw: latency_over_time::draw,
    },
    Chart {
        name: "latency-by-rate",
        summary: "p50 and p99 response time of reads at the rates of a staircase or a search, with the highest that is kept up with",
        in_sweep: InSweep::Ends,
        draw: latency_by_rate::draw,
    },
    Chart {
        name: "load-over-time",
        summary: "operations due and answered a second in each window, where the load has phases",
        in_sweep: InSweep::Ends,
        draw: load_over_time::draw,
    },
    Chart {
        name: "database-over-time",
        summary: "database reads and writes a second in each window, with the busiest marked",
        in_sweep: InSweep::Nowhere,
        draw: database_over_time::draw,
    },
    Chart {
        name: "backlog-over-time",
        summary: "what is acknowledged and not in the database yet, and how long it has waited, with what a crash would lose",
        in_sweep: InSweep::Nowhere,
        draw: backlog_over_time::draw,
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

/// A chart that a run may have.
pub struct KnownChart<'a> {
    /// The name of its files, without their ending.
    pub name: String,
    /// The place of the group that it is of; `None` where it is of the whole run.
    pub group: Option<usize>,
    /// Whether it is on the page: of a sweep, the groups between the ends are left to the charts over all groups.
    pub is_shown: bool,
    /// Draws it; `None` where there is nothing to show in it.
    pub draw: Box<dyn Fn() -> Option<Canvas> + Sync + 'a>,
}

/// The charts over the whole run, and each chart of each group.
#[must_use]
pub fn known<'a>(groups: &'a [Group<'a>]) -> Vec<KnownChart<'a>> {
    let sweep = is_sweep(groups);
    let told = told(groups);
    let of_run = RUN_REGISTRY.iter().map(|chart| KnownChart {
        name: chart.name.to_owned(),
        group: None,
        is_shown: true,
        draw: Box::new(move || (chart.draw)(groups)),
    });
    let of_groups = groups.iter().enumerate().flat_map(|(at, group)| {
        let is_end = told.iter().any(|told| told.suffix == group.suffix);
        REGISTRY.iter().map(move |chart| KnownChart {
            name: format!("{}{}", chart.name, group.suffix),
            group: Some(at),
            is_shown: !sweep || is_end && chart.in_sweep == InSweep::Ends,
            draw: Box::new(move || (chart.draw)(group)),
        })
    });
    of_run.chain(of_groups).collect()
}

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
