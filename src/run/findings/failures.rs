//! What failed in a cell: operations, and what no operation waits for.

use super::observed::Observed;
use super::rounding::to_thousandths;
use crate::measure::in_time;
use crate::results::{ErrorRow, EventKind, EventRow, FailedStep, FailedSteps, OutcomeClass};
use crate::run::plan::Cell;
use crate::store::setbacks::Setbacks;
use crate::store::{ErrorKind, FirstFailure};
use crate::strategy::WriteEffect;

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
    all.answers(|_| true).have_mostly_failed(all.operations())
}

/// Returns true if so many operations failed that what was measured is not what the cell's name says, where no fault was to
/// make them fail.
#[must_use]
pub fn are_many(cell: &Cell, observed: &Observed) -> bool {
    let all = &observed.load.all;
    let (operations, failed) = (all.operations(), all.operations() - all.successes());
    let share = if operations == 0 { 0.0 } else { failed as f64 / operations as f64 };
    cell.scenario.faults.is_empty() && failed > 1 && in_time::too_many_failed(share).is_some()
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

/// Why the cell did not measure what its name says, a sentence for each step. Where faults are tried, failures are what is
/// measured.
#[must_use]
pub fn impairments(cell: &Cell, observed: &Observed) -> Vec<String> {
    words(cell, observed, |failing| failing.is_impairing)
}

/// What failed of the steps that no operation waits for, however little: what impairs the cell, and then the rest.
#[must_use]
pub fn beside_operations(cell: &Cell, observed: &Observed) -> Vec<String> {
    let mut all = impairments(cell, observed);
    all.extend(words(cell, observed, |failing| !failing.is_impairing));
    all
}

fn words(cell: &Cell, observed: &Observed, select: impl Fn(&FailingStep) -> bool) -> Vec<String> {
    if !cell.scenario.faults.is_empty() {
        return Vec::new();
    }
    let failing = failing(&observed.load.calls.setbacks, &Attempts::of(cell, observed));
    failing.into_iter().filter(select).map(|step| step.in_words(observed)).collect()
}

/// How often each step was taken that no operation waits for.
#[derive(Debug, Clone, Copy, Default)]
struct Attempts {
    /// Reads that found nothing, each of which puts in what it has loaded.
    misses: u64,
    /// Writes.
    writes: u64,
    /// True if a write puts something into the cache, too.
    writes_fill: bool,
    /// Reads that were answered from the cache.
    hits: u64,
    /// Reads that passed the cache by.
    bypassed: u64,
    /// All reads that were answered.
    lookups: u64,
}

impl Attempts {
    fn of(cell: &Cell, observed: &Observed) -> Self {
        let all = &observed.load.all;
        let answers = all.answers(|_| true);
        let mut in_use = cell.scenario.application.in_use(&cell.strategy.spec);
        let puts = |effect| effect == WriteEffect::Puts;
        Self {
            misses: answers.misses,
            writes: all.outcomes(OutcomeClass::Written),
            writes_fill: in_use
                .any(|(_, spec)| spec.promise().writes().is_some_and(|writes| puts(writes.effect))),
            hits: answers.hits,
            bypassed: answers.bypassed,
            lookups: answers.lookups(),
        }
    }
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FailingStep {
    step: FailedStep,
    what: String,
    /// The kind of error that it failed with most often, where one was counted.
    kind: Option<ErrorKind>,
    /// True if it failed so often that the cell measured something else than its name says.
    is_impairing: bool,
}

impl FailingStep {
    fn in_words(&self, observed: &Observed) -> String {
        let first = self.kind.and_then(|kind| first(observed, self.step, kind));
        let first = first.map_or_else(String::new, |first| format!(", the first with: {first}"));
        format!("{}{first}", self.what)
    }
}

/// The steps that failed, each held against how often it was tried.
fn failing(setbacks: &Setbacks, tried: &Attempts) -> Vec<FailingStep> {
    let are_many = |failed: u64, tried: u64| failed as f64 > TOLERATED * tried as f64;
    let of = |step| setbacks.of(step);
    let (fills, invalidations) = (of(FailedStep::Fill), of(FailedStep::Invalidation));
    let (background, bypassed) = (of(FailedStep::Background), tried.bypassed);
    let tried_fills = tried.misses + if tried.writes_fill { tried.writes } else { 0 };
    // Not one has gone in, however few there were.
    let is_every_fill = tried.misses > 0 && tried.hits == 0 && fills >= tried.misses;
    let all = [
        (
            FailedStep::Fill,
            fills,
            format!("the cache did not take {fills} documents"),
            are_many(fills, tried_fills) || is_every_fill,
        ),
        (
            FailedStep::Invalidation,
            invalidations,
            format!("{invalidations} invalidations were not delivered in time"),
            are_many(invalidations, tried.writes),
        ),
        (
            FailedStep::Background,
            background,
            format!("tasks in the background failed {background} times"),
            true,
        ),
        (
            FailedStep::Bypass,
            bypassed,
            format!("{bypassed} reads passed a cache by that failed"),
            are_many(bypassed, tried.lookups),
        ),
    ];
    let failed = all.into_iter().filter(|(_, failures, ..)| *failures > 0);
    failed
        .map(|(step, _, what, is_impairing)| FailingStep {
            step,
            what,
            kind: most(setbacks, step),
            is_impairing,
        })
        .collect()
}

/// The kind of error that a step failed with most often.
fn most(setbacks: &Setbacks, step: FailedStep) -> Option<ErrorKind> {
    let failed = ErrorKind::ALL.into_iter().filter(|kind| setbacks.of_kind(step, *kind) > 0);
    failed.max_by_key(|kind| setbacks.of_kind(step, *kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Counters, StoreError};

    /// The steps that failed so often, with whether that impairs the cell.
    fn failed(step: FailedStep, times: u64, tried: Attempts) -> Vec<(FailedStep, bool)> {
        let counters = Counters::new();
        for _ in 0..times {
            counters.setback(step, &StoreError::new(ErrorKind::Timeout, "late"));
        }
        let failing = failing(&counters.snapshot().setbacks, &tried);
        failing.iter().map(|one| (one.step, one.is_impairing)).collect()
    }

    #[test]
    fn fills_are_held_against_the_misses_and_not_against_all_that_the_cache_answered() {
        let tried = Attempts { hits: 9_000, misses: 1_000, lookups: 10_000, ..Attempts::default() };
        assert_eq!(failed(FailedStep::Fill, 50, tried), [(FailedStep::Fill, true)]);
        assert_eq!(failed(FailedStep::Fill, 5, tried), [(FailedStep::Fill, false)], "told all the same");
        assert_eq!(failed(FailedStep::Fill, 0, tried), []);
        let updating = Attempts { writes: 9_000, writes_fill: true, ..tried };
        assert_eq!(failed(FailedStep::Fill, 50, updating), [(FailedStep::Fill, false)]);
        let removing = Attempts { writes_fill: false, ..updating };
        assert_eq!(failed(FailedStep::Fill, 50, removing), [(FailedStep::Fill, true)]);
        let every = Attempts { misses: 2, lookups: 2, ..Attempts::default() };
        assert_eq!(failed(FailedStep::Fill, 2, every), [(FailedStep::Fill, true)]);
        let writing = Attempts { writes: 1_000, writes_fill: true, ..Attempts::default() };
        assert_eq!(failed(FailedStep::Fill, 1, writing), [(FailedStep::Fill, false)], "nobody reads");
    }

    #[test]
    fn invalidations_are_held_against_the_writes() {
        let tried = Attempts { hits: 99_000, lookups: 99_000, writes: 1_000, ..Attempts::default() };
        let few = failed(FailedStep::Invalidation, 10, tried);
        assert_eq!(few, [(FailedStep::Invalidation, false)], "told all the same");
        assert_eq!(failed(FailedStep::Invalidation, 11, tried), [(FailedStep::Invalidation, true)]);
    }

    #[test]
    fn a_step_of_which_no_kind_of_error_was_counted_has_no_first_words() {
        let tried = Attempts { bypassed: 5, lookups: 10, ..Attempts::default() };
        let failing = failing(&Counters::new().snapshot().setbacks, &tried);
        let told: Vec<_> = failing.iter().map(|one| (one.step, one.kind, one.what.as_str())).collect();
        assert_eq!(told, [(FailedStep::Bypass, None, "5 reads passed a cache by that failed")]);
    }
}
