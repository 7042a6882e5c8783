//! What failed in a cell: operations, and what no operation waits for.

use super::observed::Observed;
use super::rounding::to_thousandths;
use crate::results::{Answers, ErrorRow, EventKind, EventRow, FailedStep, FailedSteps};
use crate::run::plan::Cell;
use crate::store::{ErrorKind, FirstFailure};

/// A cell in which more than this share of a step failed did not measure what its name says.
const TOLERATED: f64 = 0.01;

/// A row for each kind of failure of each step in the measured time.
#[must_use]
pub fn rows(observed: &Observed) -> Vec<ErrorRow> {
    let all = FailedStep::ALL.iter().flat_map(|step| ErrorKind::ALL.map(|kind| (*step, kind)));
    let row = |(step, kind)| {
        let failures = count(observed, step, kind);
        let first = observed.load.first_failures.of(step, kind);
        (failures > 0).then(|| ErrorRow {
            step,
            kind: kind.name().into(),
            failures,
            first_at_s: first.map(|first| at_s(observed, first)),
            first: first.map(|first| first.detail.clone()).unwrap_or_default(),
        })
    };
    all.filter_map(row).collect()
}

/// Operations are counted by the windows that they ended in, as in every other figure of theirs.
fn count(observed: &Observed, step: FailedStep, kind: ErrorKind) -> u64 {
    match step {
        FailedStep::Operation => observed.load.all.errors(kind),
        step => observed.load.calls.setbacks.of_kind(step, kind),
    }
}

fn at_s(observed: &Observed, first: &FirstFailure) -> f64 {
    let start = observed.load.end.checked_sub(observed.load.length).unwrap_or(observed.load.end);
    let after = first.at.saturating_duration_since(start).as_secs_f64();
    to_thousandths(after - start.saturating_duration_since(first.at).as_secs_f64())
}

/// The first failure of each step that no operation waits for.
#[must_use]
pub fn events(observed: &Observed) -> Vec<EventRow> {
    let all = observed.load.first_failures.iter();
    let beside = all.filter(|(step, ..)| *step != FailedStep::Operation);
    let event = |(step, _, first): (FailedStep, ErrorKind, &FirstFailure)| EventRow {
        at_s: at_s(observed, first),
        kind: EventKind::StepFailed,
        subject: step.name().into(),
        detail: first.detail.clone(),
    };
    beside.map(event).collect()
}

/// How often each step failed that no operation waits for.
#[must_use]
pub fn steps(observed: &Observed) -> FailedSteps {
    let of = |step| Some(observed.load.calls.setbacks.of(step));
    FailedSteps {
        failed_fills: of(FailedStep::Fill),
        failed_invalidations: of(FailedStep::Invalidation),
        failed_background: of(FailedStep::Background),
    }
}

/// Returns true if more than half of the operations failed.
#[must_use]
pub fn are_most(observed: &Observed) -> bool {
    let all = &observed.load.all;
    (all.operations() - all.successes()) * 2 > all.operations()
}

/// The words of the kind of error that most operations ended in.
#[must_use]
pub fn first_operation(observed: &Observed) -> Option<String> {
    let kinds = ErrorKind::ALL.into_iter();
    let most = kinds.max_by_key(|kind| observed.load.all.errors(*kind))?;
    first(observed, FailedStep::Operation, most)
}

fn first(observed: &Observed, step: FailedStep, kind: ErrorKind) -> Option<String> {
    observed.load.first_failures.of(step, kind).map(|first| first.detail.clone())
}

/// The words of the kind of error that a step failed with most often.
fn first_of(observed: &Observed, step: FailedStep) -> String {
    let setbacks = &observed.load.calls.setbacks;
    let most = ErrorKind::ALL.into_iter().max_by_key(|kind| setbacks.of_kind(step, *kind));
    most.and_then(|kind| first(observed, step, kind)).unwrap_or_default()
}

/// Why the cell did not measure what its name says, a sentence for each step. Where faults are tried, failures are what is
/// measured.
#[must_use]
pub fn impairments(cell: &Cell, observed: &Observed) -> Vec<String> {
    if !cell.scenario.faults.is_empty() {
        return Vec::new();
    }
    let all = &observed.load.all;
    let answers = all.answers(|_| true);
    let setbacks = &observed.load.calls.setbacks;
    let told = |what: &str, step| format!("{what}, the first with: {}", first_of(observed, step));
    let mut reasons = Vec::new();
    let fills = setbacks.of(FailedStep::Fill);
    if fills as f64 > TOLERATED * all.operations() as f64 || is_every_fill(fills, &answers) {
        reasons.push(told(&format!("the cache did not take {fills} documents"), FailedStep::Fill));
    }
    let invalidations = setbacks.of(FailedStep::Invalidation);
    if invalidations as f64 > TOLERATED * all.operations() as f64 {
        let what = format!("{invalidations} invalidations were not delivered in time");
        reasons.push(told(&what, FailedStep::Invalidation));
    }
    let background = setbacks.of(FailedStep::Background);
    if background > 0 {
        let what = format!("tasks in the background failed {background} times");
        reasons.push(told(&what, FailedStep::Background));
    }
    if answers.bypassed as f64 > TOLERATED * answers.lookups() as f64 {
        let what = format!("{} reads passed a cache by that failed", answers.bypassed);
        reasons.push(told(&what, FailedStep::Bypass));
    }
    reasons
}

/// Returns true if not one of the fills went in, however few there were.
fn is_every_fill(fills: u64, answers: &Answers) -> bool {
    fills > 0 && answers.hits == 0 && fills >= answers.misses
}
