//! The windows of a cell.

use super::observed::{Observed, ObservedWindow};
use super::rounding::to_thousandths;
use super::{audit, cache_use, calls, cores, queues};
use crate::load::workload::RateProfile;
use crate::results::{Phase, TimeseriesRow};
use crate::run::plan::Cell;

/// A row for each window, those of the warm-up first.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Vec<TimeseriesRow> {
    let load = &observed.load;
    let profile = cell.scenario.rate_profile();
    let row = |window| row(cell, observed, window, profile.as_ref());
    load.warmup.iter().chain(&load.windows).map(row).collect()
}

fn row(
    cell: &Cell,
    observed: &Observed,
    window: &ObservedWindow,
    profile: Option<&RateProfile>,
) -> TimeseriesRow {
    let from = match window.phase {
        Phase::Warmup => -observed.load.warmup_length.as_secs_f64(),
        Phase::Measure => 0.0,
    };
    let operations = &window.operations;
    let holds_back = cell.holds_back();
    TimeseriesRow {
        phase: window.phase,
        window: window.index,
        start_s: to_thousandths(from + window.start.as_secs_f64()),
        length_s: to_thousandths(window.length.as_secs_f64()),
        operations: operations.operations(),
        achieved_per_s: to_thousandths(window.achieved_per_s()),
        offered_per_s: offered_per_s(cell, window, profile),
        queues: queues::of([window]),
        answers: operations.answers(|_| true),
        times: window.times,
        calls: calls::calls(&window.calls),
        cache: cache_use::of(&window.samples),
        wrong: audit::wrong(&operations.anomalies()),
        backlog: holds_back.then_some(window.backlog.entities),
        backlog_oldest_s: holds_back.then_some(window.backlog.oldest.as_secs_f64()),
        cores: cores::of(&window.samples),
    }
}

/// The mean of the rate over a window, of the part of the load that this process drives.
fn offered_per_s(cell: &Cell, window: &ObservedWindow, profile: Option<&RateProfile>) -> Option<f64> {
    let profile = profile.filter(|_| window.phase == Phase::Measure);
    let of_phases = profile.map(|profile| {
        let end = window.start + cell.scenario.run.window.0;
        profile.mean_rate(window.start, end.min(cell.scenario.run.duration.0))
    });
    let all = of_phases.or_else(|| cell.scenario.workload.rate_per_second.map(|rate| rate.0));
    let share = cell.scenario.own_share();
    all.map(|rate| if profile.is_some() || share < 1.0 { to_thousandths(rate * share) } else { rate })
}
