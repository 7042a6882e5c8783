//! What was measured at each step of a staircase.

use std::time::Duration;

use super::latency::class_of;
use super::limits::{Stretch, verdict_on};
use super::observed::{Observed, ObservedWindow};
use super::queues;
use super::rounding::{share, to_thousandths};
use crate::load::workload::phase::starts;
use crate::load::workload::{LoadPhase, RateProfile, StaircasePart};
use crate::measure::Window;
use crate::measure::limit::ACHIEVED_SHARE;
use crate::results::{AtRate, Measure, OperationClass, OutcomeClass, StepRow};
use crate::run::plan::Cell;
use crate::store::mongodb::PoolWaitSnapshot;

/// A row for each step; none where the scenario has no staircase.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Vec<StepRow> {
    let is_step = |(_, phase): &(Duration, &LoadPhase)| phase.part == Some(StaircasePart::Step);
    let steps: Vec<(Duration, &LoadPhase)> = starts(&cell.scenario.phases).filter(is_step).collect();
    if steps.is_empty() {
        return Vec::new();
    }
    let mut borders: Vec<Duration> = steps.iter().map(|(start, _)| *start).collect();
    borders.push(observed.load.length);
    // Nothing is due in a drain, so that what is due until the next step is due in this one.
    let due = cell.scenario.schedule(cell.seed()).map(|schedule| schedule.due_between(&borders));
    let ends = borders.iter().skip(1);
    let steps = steps.into_iter().zip(ends).zip(due.unwrap_or_default()).enumerate();
    let mut rows: Vec<StepRow> = steps
        .map(|(at, (((start, phase), next), due))| row(cell, observed, (at, phase), [start, *next], due))
        .collect();
    let unloaded_s = rows.first().and_then(|first| first.at.read_response.p50_us).unwrap_or(0.0) / 1e6;
    for row in &mut rows {
        judge(row, unloaded_s);
    }
    rows
}

fn row(
    cell: &Cell,
    observed: &Observed,
    (at, phase): (usize, &LoadPhase),
    [start, next]: [Duration; 2],
    due: u64,
) -> StepRow {
    let load = &observed.load;
    let windows: Vec<&ObservedWindow> =
        load.windows.iter().filter(|window| window.start >= start && window.start < next).collect();
    let in_step = || windows.iter().filter(|window| window.start < start + phase.duration);
    let mut operations = Window::default();
    for window in &windows {
        operations.add(&window.operations);
    }
    if next == load.length {
        operations.add(&load.tail);
    }
    let length_s = phase.duration.as_secs_f64();
    let per_second = |count: u64| count as f64 / length_s;
    let answered: u64 = in_step().map(|window| window.operations.successes()).sum();
    let ended: u64 = in_step().map(|window| window.operations.operations()).sum();
    let busiest: Duration = in_step().map(|window| window.busiest_thread).sum();
    let pool_wait: PoolWaitSnapshot = in_step().map(|window| window.pool_wait).sum();
    let samples = in_step().next().zip(in_step().next_back()).map(|(a, b)| [a.samples[0], b.samples[1]]);
    let limit = samples.map(|samples| {
        let stretch = Stretch {
            operations: &operations,
            offered_per_second: per_second(due),
            ended_per_second: per_second(ended),
            samples: &samples,
            pool_wait,
            busiest_thread_share: busiest.as_secs_f64() / length_s,
            queues: queues::most(in_step().copied()),
        };
        verdict_on(cell, observed, &stretch).limit
    });
    let answers = operations.answers(|_| true);
    let achieved_share = share(answered, due).unwrap_or(1.0);
    let reads =
        |kind, outcome: OutcomeClass| outcome.is_success() && class_of(cell, kind) == OperationClass::Read;
    StepRow {
        step: at as u64 + 1,
        start_s: to_thousandths(start.as_secs_f64()),
        length_s: to_thousandths(length_s),
        left_over: due.saturating_sub(operations.operations()),
        at: AtRate {
            rate_per_s: to_thousandths(
                RateProfile::new(phase.pieces.iter().copied()).mean_rate(Duration::ZERO, phase.duration),
            ),
            offered_per_s: to_thousandths(per_second(due)),
            achieved_per_s: to_thousandths(per_second(answered)),
            achieved_share: to_thousandths(achieved_share),
            failed_share: share(answers.failures(), operations.operations()),
            hit_rate: answers.hit_rate,
            read_response: operations.times(Measure::Response, reads),
            db_reads_per_s: to_thousandths(per_second(in_step().map(|one| one.calls.database_reads).sum())),
            limited_by: limit,
            holds: true,
            missed: String::new(),
        },
    }
}

/// What is under way when a step ends is no sign of a queue, as long as it is no more than what an answer takes without one: the
/// median of the first step.
fn judge(row: &mut StepRow, unloaded_s: f64) {
    let under_way = unloaded_s / row.length_s;
    row.at.holds = row.at.achieved_share + under_way >= ACHIEVED_SHARE;
    if !row.at.holds {
        row.at.missed = too_little(row.at.achieved_share);
    }
}

/// What is missed where less was answered in time than was due.
#[must_use]
pub fn too_little(achieved_share: f64) -> String {
    format!("{:.1} % of what was due was answered in time", achieved_share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_at_the_end_of_a_step_is_no_queue() {
        let judged = |achieved_share: f64, unloaded_s: f64| {
            let at = AtRate { achieved_share, ..AtRate::default() };
            let mut row = StepRow { length_s: 2.0, at, ..StepRow::default() };
            judge(&mut row, unloaded_s);
            (row.at.holds, row.at.missed)
        };
        assert_eq!(judged(0.99, 0.0), (true, String::new()));
        assert_eq!(judged(0.97, 0.05), (true, String::new()), "a fortieth of the step is under way");
        assert_eq!(judged(0.95, 0.05).1, "95.0 % of what was due was answered in time");
    }
}
