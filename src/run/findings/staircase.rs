//! What was measured at each step of a staircase.

use std::time::Duration;

use super::in_time::sum;
use super::latency::class_of;
use super::limits::{Stretch, verdict_on};
use super::observed::{Observed, ObservedWindow};
use super::queues;
use super::rounding::{share, to_thousandths};
use crate::load::workload::phase::starts;
use crate::load::workload::{LoadPhase, RateProfile, StaircasePart};
use crate::measure::in_time::{self, KEPT_UP};
use crate::results::{AtRate, LimitedBy, Measure, OperationClass, OutcomeClass, StepRow};
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
    steps
        .map(|(at, (((start, phase), next), due))| row(cell, observed, (at, phase), [start, *next], due))
        .collect()
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
    let end = start + phase.duration;
    let of_step = windows.partition_point(|window| window.start < end);
    let (in_step, in_drain) = windows.split_at(of_step);
    let (before, mut after) = (sum(in_step.iter().copied()), sum(in_drain.iter().copied()));
    if next == load.length {
        after.add(&load.tail);
    }
    let mut operations = before.clone();
    operations.add(&after);
    let length_s = phase.duration.as_secs_f64();
    let per_second = |count: u64| count as f64 / length_s;
    let carried_over = windows.iter().map(|window| due_before(window, start)).sum();
    let in_time = in_time::ended_in_time(&before, &after).saturating_sub(carried_over);
    let busiest: Duration = in_step.iter().map(|window| window.busiest_thread).sum();
    let pool_wait: PoolWaitSnapshot = in_step.iter().map(|window| window.pool_wait).sum();
    let samples = in_step.first().zip(in_step.last()).map(|(a, b)| [a.samples[0], b.samples[1]]);
    let verdict = samples.map(|samples| {
        let stretch = Stretch {
            operations: &operations,
            offered_per_second: per_second(due),
            in_time_per_second: per_second(in_time),
            samples: &samples,
            pool_wait,
            busiest_thread_share: busiest.as_secs_f64() / length_s,
            queues: queues::most(in_step.iter().copied()),
        };
        verdict_on(cell, observed, &stretch)
    });
    let answers = operations.answers(|_| true);
    let achieved_share = in_time::share(due, in_time);
    let failed_share = share(answers.failures(), operations.operations());
    let missed = missed(due, carried_over, achieved_share, failed_share.unwrap_or(0.0));
    let limited_by = verdict.and_then(|verdict| match &missed {
        None => Some(verdict.limit),
        // What was offered is no limit of a rate that is too high.
        Some(_) => Some(verdict.limit).filter(|limit| *limit != LimitedBy::OfferedLoad).or(verdict.full),
    });
    let reads =
        |kind, outcome: OutcomeClass| outcome.is_success() && class_of(cell, kind) == OperationClass::Read;
    StepRow {
        step: at as u64 + 1,
        start_s: to_thousandths(start.as_secs_f64()),
        length_s: to_thousandths(length_s),
        left_over: (due + carried_over).saturating_sub(operations.operations()),
        carried_over,
        at: AtRate {
            rate_per_s: to_thousandths(
                RateProfile::new(phase.pieces.iter().copied()).mean_rate(Duration::ZERO, phase.duration),
            ),
            offered_per_s: to_thousandths(per_second(due)),
            achieved_per_s: to_thousandths(per_second(before.successes())),
            achieved_share: to_thousandths(achieved_share),
            failed_share,
            hit_rate: answers.hit_rate,
            read_response: operations.times(Measure::Response, reads),
            db_reads_per_s: to_thousandths(per_second(
                in_step.iter().map(|one| one.calls.database_reads).sum(),
            )),
            limited_by,
            holds: missed.is_none(),
            missed: missed.unwrap_or_default(),
        },
    }
}

/// Operations that ended in a window of a step and were due before the step: they took longer than it had lasted by then. A drain
/// lasts a window or more, so that what was due before it took longer still, and what was due in the step did not.
fn due_before(window: &ObservedWindow, step_start: Duration) -> u64 {
    let into_step = (window.start + window.length).saturating_sub(step_start).as_nanos() as u64;
    let response = window.operations.latency(Measure::Response, |_, _| true);
    response.map_or(0, |nanos| nanos.len() - nanos.count_between(0, into_step))
}

/// What a step misses; `None` where its rate is kept up with.
fn missed(due: u64, carried_over: u64, achieved_share: f64, failed_share: f64) -> Option<String> {
    if carried_over as f64 > due as f64 * (1.0 - KEPT_UP) {
        return Some(format!("{carried_over} operations of the step before were still under way"));
    }
    in_time::too_little(achieved_share).or_else(|| in_time::too_many_failed(failed_share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_begins_under_the_load_of_the_one_before_does_not_hold() {
        assert_eq!(missed(1_000, 10, 1.0, 0.0), None);
        assert_eq!(
            missed(1_000, 11, 1.0, 0.0).as_deref(),
            Some("11 operations of the step before were still under way")
        );
    }

    #[test]
    fn a_step_is_judged_by_what_ended_and_its_failures_by_themselves() {
        assert_eq!(missed(1_000, 0, 0.99, 0.01), None);
        assert_eq!(
            missed(1_000, 0, 0.9896, 0.5).as_deref(),
            Some("98.9 % of what was due was answered in time")
        );
        assert_eq!(missed(1_000, 0, 1.0, 0.02).as_deref(), Some("2.0 % of the operations failed"));
    }
}
