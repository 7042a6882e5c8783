//! How long operations took, as the result files have it: for all that read, all that write, and each kind by itself.

use std::time::Duration;

use super::observed::Observed;
use crate::application::OperationKind;
use crate::measure::{Latency, Window};
use crate::results::{Interval, LatencyRow, Measure, OperationClass, OutcomeClass, interval_log, spectrum};
use crate::run::plan::Cell;

/// The kinds of operation of a cell.
fn kinds(cell: &Cell) -> &'static [OperationKind] {
    cell.scenario.application.spec.operations()
}

/// Tells whether a kind of operation reads or writes.
#[must_use]
pub fn class_of(cell: &Cell, kind: u8) -> OperationClass {
    kinds(cell).get(usize::from(kind)).map_or(OperationClass::Read, |kind| kind.class)
}

/// A set of operations that has a distribution of its own in the results: all that read, all that write, and each kind
/// by itself where that is something else.
struct Set {
    name: &'static str,
    kinds: Vec<u8>,
}

/// The kinds of operation that a cell may have, by their numbers. Some occur only where a scenario asks for them.
fn kinds_in_use(cell: &Cell) -> impl Iterator<Item = (u8, &'static OperationKind)> {
    let has_all = cell.scenario.workload.has_lives();
    (0..).zip(kinds(cell)).filter(move |(_, kind)| has_all || kind.share > 0.0)
}

/// The name of a kind in the results: where writes are of several kinds, none of them is called as all of them are.
#[must_use]
pub fn name_of(cell: &Cell, kind: &OperationKind) -> &'static str {
    if cell.scenario.workload.has_lives() && kind.name == OperationClass::Write.name() {
        return "update";
    }
    kind.name
}

fn sets(cell: &Cell) -> Vec<Set> {
    let of = |class: OperationClass| {
        let kinds = kinds_in_use(cell).filter(|(_, kind)| kind.class == class).map(|(number, _)| number);
        Set { name: class.name(), kinds: kinds.collect() }
    };
    let classes = [of(OperationClass::Read), of(OperationClass::Write)];
    let single =
        kinds_in_use(cell).map(|(number, kind)| Set { name: name_of(cell, kind), kinds: vec![number] });
    let single: Vec<Set> =
        single.filter(|one| classes.iter().all(|class| class.kinds != one.kinds)).collect();
    classes.into_iter().chain(single).collect()
}

/// The result files' histograms count in 64 bits, those on the path of an operation in 32.
fn widened(narrow: &Latency) -> hdrhistogram::Histogram<u64> {
    let mut wide = hdrhistogram::Histogram::new_from(narrow);
    for step in narrow.iter_recorded() {
        // The value comes from a histogram of the same layout.
        let _ = wide.record_n(step.value_iterated_to(), step.count_at_value().into());
    }
    wide
}

/// Of the operations that `outcome` picks.
fn histograms(
    cell: &Cell,
    window: &Window,
    outcome: impl Fn(OutcomeClass) -> bool,
) -> Vec<(&'static str, Measure, hdrhistogram::Histogram<u64>)> {
    let mut all = Vec::new();
    for set in sets(cell) {
        for measure in Measure::ALL.iter().copied() {
            if let Some(latency) =
                window.latency(measure, |kind, class| outcome(class) && set.kinds.contains(&kind))
            {
                all.push((set.name, measure, widened(&latency)));
            }
        }
    }
    all
}

type Picks = fn(OutcomeClass) -> bool;

/// The spectra of a cell.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Vec<LatencyRow> {
    let mut rows = Vec::new();
    let sums: [(OutcomeClass, Picks); 2] =
        [(OutcomeClass::Answered, OutcomeClass::is_success), (OutcomeClass::All, |_| true)];
    for (outcome, picked) in sums {
        for (operation, measure, histogram) in histograms(cell, &observed.load.all, picked) {
            rows.extend(spectrum((operation, outcome, measure), &histogram));
        }
    }
    for set in sets(cell) {
        for class in OutcomeClass::EACH {
            for measure in Measure::ALL.iter().copied() {
                let of = |kind, found| set.kinds.contains(&kind) && found == class;
                if let Some(latency) = observed.load.all.latency(measure, of) {
                    let of = (set.name, class, measure);
                    rows.extend(spectrum(of, &widened(&latency)));
                }
            }
        }
    }
    rows
}

/// The interval log of a cell: the times of what was answered.
///
/// # Errors
/// Says what does not serialise.
pub fn log(cell: &Cell, observed: &Observed) -> Result<Vec<u8>, String> {
    let mut histograms_of = Vec::new();
    for window in &observed.load.windows {
        for (operation, measure, histogram) in histograms(cell, &window.operations, OutcomeClass::is_success)
        {
            histograms_of.push((operation, measure, window.start, window.length, histogram));
        }
    }
    let tail_start = observed.load.length;
    for (operation, measure, histogram) in histograms(cell, &observed.load.tail, OutcomeClass::is_success) {
        histograms_of.push((operation, measure, tail_start, Duration::ZERO, histogram));
    }
    let intervals = histograms_of.iter().map(|(operation, measure, start, length, histogram)| Interval {
        operation,
        measure: *measure,
        start: *start,
        length: *length,
        histogram,
    });
    interval_log(observed.load.start_time, intervals)
}
