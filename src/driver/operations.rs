//! What was measured of each kind of operation, as rows of `operations.csv`.

use super::audited;
use super::figures::Measured;
use crate::application::{Class, OperationKind};
use crate::measure::{LatencyKind, OutcomeClass};
use crate::plan::Cell;
use crate::results::{OperationRow, Verdict};

/// The rows of a cell.
#[must_use]
pub fn rows(cell: &Cell, measured: &Measured) -> Vec<OperationRow> {
    let verdicts = audited::verdicts(cell, measured);
    let kinds = cell.scenario.application.spec.operations();
    (0..).zip(kinds).map(|(number, kind)| row(cell, measured, number, kind, &verdicts)).collect()
}

fn row(
    cell: &Cell,
    measured: &Measured,
    number: u8,
    kind: &OperationKind,
    verdicts: &[(Verdict, String)],
) -> OperationRow {
    let all = &measured.all;
    let count = |class: OutcomeClass| all.count_of(|kind, found| kind == number && found == class);
    let operations = all.count_of(|kind, _| kind == number);
    let in_time = measured
        .windows
        .iter()
        .map(|(.., window)| window.count_of(|kind, class| kind == number && class.is_success()));
    let length_s = measured.length.as_secs_f64();
    let (hits, negative_hits) = (count(OutcomeClass::Hit), count(OutcomeClass::NegativeHit));
    let answered = all.count_of(|kind, class| kind == number && class.is_answered_read());
    let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
    let entities = cell.scenario.application.spec.entities();
    let mut row = OperationRow {
        cell: cell.id.clone(),
        strategy: cell.strategy.label.clone(),
        topology: cell.topology.label.clone(),
        operation: kind.name.into(),
        class: if kind.class == Class::Read { "read" } else { "write" }.into(),
        operations,
        share: share(operations, all.operations()),
        achieved_per_s: (in_time.sum::<u64>() as f64 / length_s * 1e3).round() / 1e3,
        hits,
        misses: count(OutcomeClass::Miss),
        negative_hits,
        bypassed: count(OutcomeClass::Bypassed),
        hit_rate: share(hits + negative_hits, answered),
        errors: count(OutcomeClass::Error),
        timeouts: count(OutcomeClass::Timeout),
        entities: kind.shows.iter().map(|entity| entities[*entity].name).collect::<Vec<_>>().join(";"),
        ..OperationRow::default()
    };
    if let Some(response) = all.latency(LatencyKind::Response, |kind, _| kind == number) {
        row.set_response(&response);
    }
    if let Some(service) = all.latency(LatencyKind::Service, |kind, _| kind == number) {
        row.set_service(&service);
    }
    let shown = kind.shows.iter().filter_map(|entity| verdicts.get(*entity));
    if operations > 0
        && measured.audited.is_some()
        && let Some((verdict, reason)) = audited::worst(shown)
    {
        row.verdict = Some(verdict);
        row.verdict_reason = reason;
    }
    row
}
