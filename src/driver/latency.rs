//! How long operations took, as the result files have it: for all that read, all that write, and each kind by itself.

use std::time::Duration;

use super::figures::Measured;
use crate::application::{Class, OperationKind};
use crate::measure::{Latency, LatencyKind, OutcomeClass, Window};
use crate::plan::Cell;
use crate::results::{
    Interval, LatencyFigures, LatencyRow, Measure, Operation, Outcome, SummaryRow, interval_log, spectrum,
};

/// Fills the columns of the times of all reads and of all writes.
pub fn summarise(row: &mut SummaryRow, cell: &Cell, measured: &Measured) {
    for class in [Class::Read, Class::Write] {
        for (time, measure) in TIMES {
            if let Some(latency) = measured.all.latency(time, |kind, _| class_of(cell, kind) == class) {
                row.set_latency(operation(class), measure, LatencyFigures::of(&widened(&latency)));
            }
        }
    }
}

fn operation(class: Class) -> Operation {
    match class {
        Class::Read => Operation::Read,
        Class::Write => Operation::Write,
    }
}

/// The kinds of operation of a cell.
fn kinds(cell: &Cell) -> &'static [OperationKind] {
    cell.scenario.application.spec.operations()
}

/// Whether a kind of operation reads or writes.
#[must_use]
pub fn class_of(cell: &Cell, kind: u8) -> Class {
    kinds(cell).get(usize::from(kind)).map_or(Class::Read, |kind| kind.class)
}

/// A set of operations that has a distribution of its own in the results: all that read, all that write, and each kind
/// by itself where that is something else.
struct Set {
    name: &'static str,
    kinds: Vec<u8>,
}

fn sets(cell: &Cell) -> Vec<Set> {
    let of = |class: Class| {
        let kinds = (0..).zip(kinds(cell)).filter(|(_, kind)| kind.class == class).map(|(number, _)| number);
        Set { name: operation(class).name(), kinds: kinds.collect() }
    };
    let classes = [of(Class::Read), of(Class::Write)];
    let single = (0..).zip(kinds(cell)).map(|(number, kind)| Set { name: kind.name, kinds: vec![number] });
    let single: Vec<Set> =
        single.filter(|one| classes.iter().all(|class| class.kinds != one.kinds)).collect();
    classes.into_iter().chain(single).collect()
}

const TIMES: [(LatencyKind, Measure); 2] =
    [(LatencyKind::Response, Measure::Response), (LatencyKind::Service, Measure::Service)];

/// The result files' histograms count in 64 bits, those on the path of an operation in 32.
fn widened(narrow: &Latency) -> hdrhistogram::Histogram<u64> {
    let mut wide = hdrhistogram::Histogram::new_from(narrow);
    for step in narrow.iter_recorded() {
        // The value comes from a histogram of the same layout.
        let _ = wide.record_n(step.value_iterated_to(), step.count_at_value().into());
    }
    wide
}

fn histograms(cell: &Cell, window: &Window) -> Vec<(&'static str, Measure, hdrhistogram::Histogram<u64>)> {
    let mut all = Vec::new();
    for set in sets(cell) {
        for (time, measure) in TIMES {
            if let Some(latency) = window.latency(time, |kind, _| set.kinds.contains(&kind)) {
                all.push((set.name, measure, widened(&latency)));
            }
        }
    }
    all
}

/// The spectra of a cell.
#[must_use]
pub fn rows(cell: &Cell, measured: &Measured) -> Vec<LatencyRow> {
    let mut rows = Vec::new();
    for (operation, measure, histogram) in histograms(cell, &measured.all) {
        rows.extend(spectrum(&cell.id, (operation, Outcome::All, measure), &histogram));
    }
    for set in sets(cell) {
        for class in OutcomeClass::ALL {
            for (time, measure) in TIMES {
                let of = |kind, found| set.kinds.contains(&kind) && found == class;
                if let Some(latency) = measured.all.latency(time, of) {
                    let of = (set.name, outcome(class), measure);
                    rows.extend(spectrum(&cell.id, of, &widened(&latency)));
                }
            }
        }
    }
    rows
}

fn outcome(class: OutcomeClass) -> Outcome {
    match class {
        OutcomeClass::Hit => Outcome::Hit,
        OutcomeClass::Miss => Outcome::Miss,
        OutcomeClass::NegativeHit => Outcome::NegativeHit,
        OutcomeClass::Bypassed => Outcome::Bypassed,
        OutcomeClass::Written => Outcome::Written,
        OutcomeClass::Done => Outcome::Done,
        OutcomeClass::Error => Outcome::Error,
        OutcomeClass::Timeout => Outcome::Timeout,
    }
}

/// The interval log of a cell.
///
/// # Errors
/// Says what does not serialise.
pub fn log(cell: &Cell, measured: &Measured) -> Result<Vec<u8>, String> {
    let mut histograms_of = Vec::new();
    for (start, length, window) in &measured.windows {
        for (operation, measure, histogram) in histograms(cell, window) {
            histograms_of.push((operation, measure, *start, *length, histogram));
        }
    }
    let tail_start = measured.length;
    for (operation, measure, histogram) in histograms(cell, &measured.tail) {
        histograms_of.push((operation, measure, tail_start, Duration::ZERO, histogram));
    }
    let intervals = histograms_of.iter().map(|(operation, measure, start, length, histogram)| Interval {
        operation,
        measure: *measure,
        start: *start,
        length: *length,
        histogram,
    });
    interval_log(measured.start_time, intervals)
}
