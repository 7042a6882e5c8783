//! The search for the highest rate at which the requirements hold: which run comes next, what each has shown, and which of
//! them stands for the cell.

use std::sync::Arc;
use std::time::Duration;

use crate::base::units::{ByteSize, show_duration};
use crate::measure::in_time::{too_little, too_many_failed};
use crate::measure::{Knee, Search};
use crate::results::{
    AtRate, CellResults, LimitedBy, OperationRow, Phase, Requirement, SearchRow, SummaryRow, Unit, Verdict,
    named, named_of_operation,
};
use crate::run::plan::{Cell, SearchSettings};
use crate::scenario::PositiveNumber;

/// The figure by which a scenario says how many operations may fail.
const FAILED: &str = "failed";

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
        Self {
            cell,
            requirements,
            search: Search::new(settings.plan(cell.scenario.run.duration.0)),
            runs: Vec::new(),
        }
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
    /// none does, with a row for each run of the search. A guarantee that did not hold in one of the runs did not hold in the
    /// cell: the verdict and the examples of the first such run are the cell's. `None` where nothing was run.
    #[must_use]
    pub fn conclude(self) -> Option<CellResults> {
        let knee = self.search.knee();
        let rows = (1..)
            .zip(&self.runs)
            .map(|(run, (rate, results))| row(run, *rate, results, &self.requirements, knee));
        let search: Vec<SearchRow> = rows.collect();
        let lowest = self.runs.iter().map(|(rate, _)| *rate).min_by(f64::total_cmp)?;
        let wanted = knee.holds.unwrap_or(lowest);
        let is_broken = |results: &CellResults| results.summary.judgement.verdict == Some(Verdict::Broken);
        let broken = self.runs.iter().find(|(_, results)| is_broken(results)).map(|(rate, results)| {
            let mut judgement = results.summary.judgement.clone();
            judgement.verdict_reason = format!("at {rate}/s: {}", judgement.verdict_reason);
            (judgement, results.audit.clone())
        });
        let chosen = self.runs.into_iter().rev().find(|(rate, _)| rate.total_cmp(&wanted).is_eq())?;
        let mut results = CellResults { search, ..chosen.1 };
        if let Some((judgement, audit)) = broken.filter(|_| !is_broken(&results)) {
            results.summary.judgement = judgement;
            results.audit = audit;
        }
        Some(results)
    }
}

fn row(run: u64, rate: f64, results: &CellResults, requirements: &[&Requirement], knee: Knee) -> SearchRow {
    let summary = &results.summary;
    let missed = missed(requirements, summary, &results.operations);
    let reads = results.timeseries.iter().filter(|window| window.phase == Phase::Measure);
    let db_reads: u64 = reads.map(|window| window.calls.db_reads).sum();
    let limit = summary.limits.limited_by;
    SearchRow {
        run,
        status: summary.status,
        verdict: summary.judgement.verdict,
        verdict_reason: summary.judgement.verdict_reason.clone(),
        at: AtRate {
            rate_per_s: rate,
            offered_per_s: summary.offered_per_s.unwrap_or(rate),
            achieved_per_s: summary.achieved_per_s,
            achieved_share: in_time_share(summary),
            failed_share: failed_share(summary),
            hit_rate: summary.answers.hit_rate,
            read_response: summary.read_response,
            db_reads_per_s: if summary.measured_s > 0.0 { db_reads as f64 / summary.measured_s } else { 0.0 },
            // What was offered is no limit of a rate that is too high.
            limited_by: match &missed {
                None => limit,
                Some(_) => {
                    limit.filter(|limit| *limit != LimitedBy::OfferedLoad).or(summary.limits.full_part)
                }
            },
            holds: missed.is_none(),
            missed: missed.unwrap_or_default(),
        },
        knee_from_per_s: knee.holds,
        knee_to_per_s: knee.fails,
    }
}

fn in_time_share(summary: &SummaryRow) -> f64 {
    summary.limits.in_time_share.unwrap_or(1.0)
}

fn failed_share(summary: &SummaryRow) -> Option<f64> {
    (summary.operations > 0).then(|| summary.answers.failures() as f64 / summary.operations as f64)
}

/// The first thing that a run misses, with what was measured; `None` where it holds. A requirement on something that the run
/// has not, as the hit rate of no cache, is none on it.
fn missed(
    requirements: &[&Requirement],
    summary: &SummaryRow,
    operations: &[OperationRow],
) -> Option<String> {
    if let Some(missed) = too_little(in_time_share(summary)) {
        return Some(missed);
    }
    if summary.operations == 0 {
        return Some("nothing was due, so that nothing is known".into());
    }
    if !requirements.iter().any(|one| one.operation.is_none() && one.criterion == FAILED)
        && let Some(missed) = failed_share(summary).and_then(too_many_failed)
    {
        return Some(missed);
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

/// A figure as a requirement on it is written, to three digits.
fn in_words(unit: Unit, value: f64) -> String {
    let duration = |seconds: f64| show_duration(Duration::from_secs_f64(to_three_digits(seconds.max(0.0))));
    match unit {
        Unit::Micros => duration(value / 1e6),
        Unit::Seconds => duration(value),
        Unit::Share => format!("{:.2} %", value * 100.0),
        Unit::Bytes => ByteSize(value.max(0.0) as u64).to_string(),
        Unit::Count | Unit::Ratio | Unit::Money => ((value * 1e3).round() / 1e3).to_string(),
    }
}

fn to_three_digits(value: f64) -> f64 {
    if value <= 0.0 {
        return value;
    }
    let digit = 10_f64.powf(value.log10().floor() - 2.0);
    (value / digit).round() * digit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanOptions};

    #[test]
    fn a_figure_is_told_as_its_requirement_is_written_to_three_digits() {
        let told = |us: f64| in_words(Unit::Micros, us);
        assert_eq!(
            [35_193.4, 999.96, 4.0, 1_234_567.0, 0.0].map(told),
            ["35.2ms", "1ms", "4us", "1.23s", "0s"]
        );
    }

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
        summary.limits.in_time_share = Some(achieved / rate);
        summary.limits.limited_by =
            Some(if rate <= 1_000.0 { LimitedBy::OfferedLoad } else { LimitedBy::Clients });
        summary.limits.full_part = (rate > 800.0).then_some(LimitedBy::Database);
        summary.read_response.p99_us = Some(1e6 / (1_050.0 - achieved));
        CellResults { summary, ..CellResults::default() }
    }

    fn concluded() -> CellResults {
        searched().conclude().unwrap()
    }

    fn searched() -> CellSearch<'static> {
        let plan = Plan::parse("test", "test.toml", TEXT, &PlanOptions::default()).unwrap();
        let plan: &'static Plan = Box::leak(Box::new(plan));
        let settings = plan.scenario.search.clone().unwrap();
        let mut search = CellSearch::new(&plan.cells[0], &settings, &plan.requirements);
        while let Some((_, rate, cell)) = search.next_run() {
            assert_eq!(cell.scenario.workload.rate_per_second.map(|rate| rate.0), Some(rate));
            assert_eq!(cell.id, plan.cells[0].id);
            search.note(rate, run(rate));
        }
        search
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
        assert_eq!(
            slow.and_then(|row| row.at.limited_by),
            Some(LimitedBy::Database),
            "the part that is full, where all that was offered was done"
        );
    }

    fn missed_by(requirements: &[Requirement], summary: &SummaryRow) -> Option<String> {
        missed(&requirements.iter().collect::<Vec<_>>(), summary, &[])
    }

    #[test]
    fn operations_that_fail_quickly_are_judged_by_what_is_required_of_failures() {
        let mut summary = run(100.0).summary;
        summary.answers.errors = summary.operations / 50;
        assert_eq!(missed_by(&[], &summary).as_deref(), Some("2.0 % of the operations failed"));
        let failed = |written: &str| [Requirement::parse("failed", written).unwrap()];
        assert_eq!(missed_by(&failed("<5%"), &summary), None);
        let told = missed_by(&failed("<1%"), &summary).unwrap();
        assert!(told.starts_with("failed is 2.00 %"), "{told}");
    }

    #[test]
    fn a_rate_at_which_nothing_was_due_is_not_said_to_hold() {
        let told = missed_by(&[], &SummaryRow::default()).unwrap();
        assert_eq!(told, "nothing was due, so that nothing is known");
    }

    #[test]
    fn a_guarantee_that_did_not_hold_at_any_of_the_rates_did_not_hold_in_the_cell() {
        let mut search = searched();
        let at_1600 = search.runs.iter_mut().find(|(rate, _)| *rate > 1_000.0).unwrap();
        at_1600.1.summary.judgement.verdict = Some(Verdict::Broken);
        at_1600.1.summary.judgement.verdict_reason = "3 reads were corrupt".into();
        let rate = at_1600.0;
        let found = search.conclude().unwrap();
        assert!(found.summary.offered_per_s.unwrap() < 1_000.0, "the run at the knee stands for the cell");
        let judgement = &found.summary.judgement;
        assert_eq!(
            (judgement.verdict, judgement.verdict_reason.as_str()),
            (Some(Verdict::Broken), format!("at {rate}/s: 3 reads were corrupt").as_str())
        );
        let told: Vec<f64> = found
            .search
            .iter()
            .filter(|row| row.verdict == Some(Verdict::Broken))
            .map(|row| row.at.rate_per_s)
            .collect();
        assert_eq!(told, [rate]);
    }
}
