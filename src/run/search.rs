//! The search for the highest rate at which the requirements hold: which run comes next, what each has shown, and which of
//! them stands for the cell.

use std::sync::Arc;
use std::time::Duration;

use crate::base::units::{ByteSize, show_duration};
use crate::measure::limit::ACHIEVED_SHARE;
use crate::measure::{Knee, Search};
use crate::results::{
    AtRate, CellResults, OperationRow, Phase, Requirement, SearchRow, SummaryRow, Unit, named,
    named_of_operation,
};
use crate::run::findings::too_little;
use crate::run::plan::{Cell, SearchSettings};
use crate::scenario::PositiveNumber;

/// The search of one cell.
pub struct CellSearch<'a> {
    cell: &'a Cell,
    requirements: Vec<&'a Requirement>,
    search: Search,
    runs: Vec<(f64, CellResults)>,
}

impl<'a> CellSearch<'a> {
    /// Nothing has been run yet. Of the requirements those count that are for this strategy and topology.
    #[must_use]
    pub fn new(cell: &'a Cell, settings: &SearchSettings, requirements: &'a [Requirement]) -> Self {
        let is_for = |one: &&Requirement| {
            one.strategy.as_ref().is_none_or(|label| *label == cell.strategy.label)
                && one.topology.as_ref().is_none_or(|label| *label == cell.topology.label)
        };
        let requirements = requirements.iter().filter(is_for).collect();
        Self { cell, requirements, search: Search::new(settings.plan()), runs: Vec::new() }
    }

    /// The cell of the next run, with its number and its rate; `None` where the search is over.
    #[must_use]
    pub fn next_run(&self) -> Option<(usize, f64, Arc<Cell>)> {
        let rate = self.search.next_rate()?;
        let mut scenario = (*self.cell.scenario).clone();
        scenario.workload.rate_per_second = Some(PositiveNumber(rate));
        let cell = Cell { scenario: Arc::new(scenario), ..self.cell.clone() };
        Some((self.runs.len() + 1, rate, Arc::new(cell)))
    }

    /// Notes what a run has shown.
    pub fn note(&mut self, rate: f64, results: CellResults) {
        let holds = missed(&self.requirements, &results.summary, &results.operations).is_none();
        self.search.note(rate, holds);
        self.runs.push((rate, results));
    }

    /// The results of the cell: those of the last run at the highest rate that holds, or at the lowest that was tried where
    /// none does, with a row for each run of the search. `None` where nothing was run.
    #[must_use]
    pub fn conclude(self) -> Option<CellResults> {
        let knee = self.search.knee();
        let rows = (1..)
            .zip(&self.runs)
            .map(|(run, (rate, results))| row(run, *rate, results, &self.requirements, knee));
        let search: Vec<SearchRow> = rows.collect();
        let lowest = self.runs.iter().map(|(rate, _)| *rate).min_by(f64::total_cmp)?;
        let wanted = knee.holds.unwrap_or(lowest);
        let chosen = self.runs.into_iter().rev().find(|(rate, _)| rate.total_cmp(&wanted).is_eq())?;
        Some(CellResults { search, ..chosen.1 })
    }
}

fn row(run: u64, rate: f64, results: &CellResults, requirements: &[&Requirement], knee: Knee) -> SearchRow {
    let summary = &results.summary;
    let missed = missed(requirements, summary, &results.operations);
    let reads = results.timeseries.iter().filter(|window| window.phase == Phase::Measure);
    let db_reads: u64 = reads.map(|window| window.calls.db_reads).sum();
    SearchRow {
        run,
        status: summary.status,
        at: AtRate {
            rate_per_s: rate,
            offered_per_s: summary.offered_per_s.unwrap_or(rate),
            achieved_per_s: summary.achieved_per_s,
            achieved_share: achieved_share(summary),
            failed_share: (summary.operations > 0)
                .then(|| summary.answers.failures() as f64 / summary.operations as f64),
            hit_rate: summary.answers.hit_rate,
            read_response: summary.read_response,
            db_reads_per_s: if summary.measured_s > 0.0 { db_reads as f64 / summary.measured_s } else { 0.0 },
            limited_by: summary.limits.limited_by,
            holds: missed.is_none(),
            missed: missed.unwrap_or_default(),
        },
        knee_from_per_s: knee.holds,
        knee_to_per_s: knee.fails,
    }
}

fn achieved_share(summary: &SummaryRow) -> f64 {
    let offered = summary.offered_per_s.filter(|offered| *offered > 0.0);
    offered.map_or(1.0, |offered| summary.achieved_per_s / offered)
}

/// The first thing that a run misses, with what was measured; `None` where it holds. A requirement on something that the run
/// has not, as the hit rate of no cache, is none on it.
fn missed(
    requirements: &[&Requirement],
    summary: &SummaryRow,
    operations: &[OperationRow],
) -> Option<String> {
    let share = achieved_share(summary);
    if share < ACHIEVED_SHARE {
        return Some(too_little(share));
    }
    requirements.iter().find_map(|one| {
        let (value, unit) = match &one.operation {
            None => {
                named(&one.criterion).and_then(|figure| Some(((figure.of_row)(summary)?, figure.unit)))?
            }
            Some(operation) => {
                let row = operations.iter().find(|row| row.operation == *operation)?;
                let figure = named_of_operation(&one.criterion)?;
                ((figure.of_row)(row)?, figure.unit)
            }
        };
        let of = one.operation.as_ref().map_or_else(String::new, |operation| format!("{operation}: "));
        let told =
            || format!("{of}{} is {}, and {} is required", one.criterion, in_words(unit, value), one.written);
        (!one.relation.holds(value, one.bound)).then(told)
    })
}

/// A figure as a requirement on it is written.
fn in_words(unit: Unit, value: f64) -> String {
    let duration = |seconds: f64| show_duration(Duration::from_secs_f64(seconds.max(0.0)));
    match unit {
        Unit::Micros => duration(value / 1e6),
        Unit::Seconds => duration(value),
        Unit::Share => format!("{:.2} %", value * 100.0),
        Unit::Bytes => ByteSize(value.max(0.0) as u64).to_string(),
        Unit::Count | Unit::Ratio | Unit::Money => ((value * 1e3).round() / 1e3).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanOptions};

    const TEXT: &str = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[search]\nfrom_per_second = 100\n\
                        [requirements]\n\"read.p99\" = \"<5ms\"\nhit_rate = \">10%\"\n\
                        [requirements.topologies.embedded]\nfailed = \"<1%\"\n";

    /// A run of a system that answers a thousand operations a second, the slower the nearer it is to that.
    fn run(rate: f64) -> CellResults {
        let achieved = rate.min(1_000.0);
        let mut summary = SummaryRow {
            offered_per_s: Some(rate),
            achieved_per_s: achieved,
            operations: (rate * 10.0) as u64,
            measured_s: 10.0,
            ..SummaryRow::default()
        };
        summary.read_response.p99_us = Some(1e6 / (1_050.0 - achieved));
        CellResults { summary, ..CellResults::default() }
    }

    fn concluded() -> CellResults {
        let plan = Plan::parse("test", "test.toml", TEXT, &PlanOptions::default()).unwrap();
        let settings = plan.scenario.search.clone().unwrap();
        let mut search = CellSearch::new(&plan.cells[0], &settings, &plan.requirements);
        while let Some((_, rate, cell)) = search.next_run() {
            assert_eq!(cell.scenario.workload.rate_per_second.map(|rate| rate.0), Some(rate));
            assert_eq!(cell.id, plan.cells[0].id);
            search.note(rate, run(rate));
        }
        search.conclude().unwrap()
    }

    #[test]
    fn the_run_at_the_highest_rate_that_holds_stands_for_the_cell_beside_a_row_for_each_run() {
        let found = concluded();
        // The p99 is 5 ms at 850 a second, before the thousand that are answered.
        let (from, to) = (found.search[0].knee_from_per_s.unwrap(), found.search[0].knee_to_per_s.unwrap());
        assert!(from < 850.0 && 850.0 <= to && to <= from * 1.03, "{from} {to}");
        assert_eq!(found.summary.offered_per_s, Some(from));
        assert_eq!(
            found.search.iter().map(|row| row.run).collect::<Vec<_>>(),
            (1..=found.search.len() as u64).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_missed_is_told_with_what_was_measured_and_what_was_not_measured_is_not_missed() {
        let found = concluded();
        let told = |rate: f64| {
            found
                .search
                .iter()
                .find(|row| (row.at.rate_per_s - rate).abs() < 1.0)
                .map(|row| row.at.missed.clone())
        };
        assert_eq!(told(800.0).as_deref(), Some(""), "there is no hit rate that could be too low");
        assert_eq!(told(1_600.0).as_deref(), Some("62.5 % of what was due was answered in time"));
        let slow = found.search.iter().find(|row| row.at.missed.starts_with("read.p99 is "));
        assert!(
            slow.is_some_and(|row| row.at.missed.ends_with("and <5ms is required")),
            "{:?}",
            found.search
        );
    }
}
