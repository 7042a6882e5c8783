//! What was measured in each phase of the load.

use std::time::Duration;

use super::latency::class_of;
use super::observed::{Observed, ObservedWindow};
use super::rounding::{share, to_thousandths};
use super::{calls, queues};
use crate::load::workload::LoadPhase;
use crate::load::workload::phase::starts;
use crate::measure::Window;
use crate::results::{Measure, OperationClass, PhaseRow};
use crate::run::plan::Cell;
use crate::store::CountersSnapshot;

/// A row for each phase; none where the scenario has no phases.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Vec<PhaseRow> {
    let phases = &cell.scenario.phases;
    let mut borders: Vec<Duration> = starts(phases).map(|(start, _)| start).collect();
    borders.push(observed.load.length);
    let due = cell.scenario.schedule(cell.seed()).map(|schedule| schedule.due_between(&borders));
    let numbered = starts(phases).enumerate();
    numbered
        .map(|(at, (start, phase))| {
            let due = due.as_ref().and_then(|due| due.get(at).copied());
            row(cell, observed, (at, start, phase), due)
        })
        .collect()
}

fn row(
    cell: &Cell,
    observed: &Observed,
    (at, start, phase): (usize, Duration, &LoadPhase),
    due: Option<u64>,
) -> PhaseRow {
    let windows = || observed.load.windows.iter().filter(|window| lies_in(window, start, phase.duration));
    let (mut operations, mut used) = (Window::default(), CountersSnapshot::default());
    for window in windows() {
        operations.add(&window.operations);
        used = used + window.calls;
    }
    let answered = operations.successes();
    if at + 1 == cell.scenario.phases.len() {
        operations.add(&observed.load.tail);
    }
    let length_s = phase.duration.as_secs_f64();
    let answers = operations.answers(|_| true);
    let times = |class| {
        operations
            .times(Measure::Response, |kind, outcome| outcome.is_success() && class_of(cell, kind) == class)
    };
    let calls = calls::calls(&used);
    PhaseRow {
        number: at as u64 + 1,
        name: phase.name.clone(),
        kind: phase.kind.word().into(),
        start_s: to_thousandths(start.as_secs_f64()),
        length_s: to_thousandths(length_s),
        offered_per_s: due.map(|due| to_thousandths(due as f64 / length_s)),
        achieved_per_s: to_thousandths(answered as f64 / length_s),
        queues: queues::of(windows()),
        operations: operations.operations(),
        failed_share: share(answers.failures(), operations.operations()),
        read_response: times(OperationClass::Read),
        write_response: times(OperationClass::Write),
        db_reads_per_s: to_thousandths(calls.db_reads as f64 / length_s),
        calls,
        answers,
    }
}

/// Borders of phases are borders of windows, so that where a window begins tells whose it is.
fn lies_in(window: &ObservedWindow, start: Duration, length: Duration) -> bool {
    window.start >= start && window.start < start + length
}
