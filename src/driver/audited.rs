//! The audit's findings in a cell, as rows of the result files.

use std::time::Duration;

use super::figures::{Measured, Series};
use super::verdict::{End, Facts, judge};
use crate::application::{AnyDataset, Dataset as _, Served};
use crate::audit::{Audit, Conclusion, Example, Settled};
use crate::plan::Cell;
use crate::results::{AuditRow, EntityRow, SummaryRow, TimeseriesRow, Verdict};
use crate::store::StoreError;

/// The audit's findings at the end of a cell.
pub struct Audited {
    conclusion: Conclusion,
    examples: Vec<Example>,
    /// By kind of entity what the stores held, or why they could not be compared.
    compared: Result<Vec<Settled>, StoreError>,
}

impl Audited {
    /// What an audit has to say.
    #[must_use]
    pub fn of(audit: &Audit, compared: Result<Vec<Settled>, StoreError>) -> Self {
        Self { conclusion: audit.conclusion(), examples: audit.examples(), compared }
    }
}

/// Fills the columns that speak of the data.
pub fn summarise(row: &mut SummaryRow, cell: &Cell, measured: &Measured) {
    let found = measured.all.anomalies();
    row.audited_reads = found.audited;
    row.overlapping_reads = found.overlapping;
    row.stale_reads = found.stale;
    row.stale_age_p50_ms = millis(found.age_at(0.5));
    row.stale_age_p99_ms = millis(found.age_at(0.99));
    row.stale_age_max_ms = millis(found.age_at(1.0));
    row.stale_after_failed_step = found.stale_after_failed_step;
    row.corrupt_reads = found.corrupt;
    row.non_monotonic_reads = found.non_monotonic;
    row.not_own_write_reads = found.not_own_write;
    let backlogs = measured.series.iter().map(|series| series.backlog.entities);
    row.backlog_max = backlogs.clone().max().filter(|_| cell.holds_back());
    let windows = measured.series.len();
    let mean = (windows > 0).then(|| backlogs.sum::<u64>() as f64 / windows as f64);
    row.backlog_mean = mean.filter(|_| cell.holds_back()).map(|mean| (mean * 100.0).round() / 100.0);
    row.set_aside = measured.series.last().map_or(0, |series| series.backlog.set_aside);
    row.guarantee = Some(promised(cell));
    row.control = cell.strategy.spec.promise().control().map(str::to_owned);
    let Some(audited) = &measured.audited else { return };
    let end = &audited.conclusion;
    row.acknowledged_writes = end.acknowledged_writes;
    row.indeterminate_writes = end.indeterminate_writes;
    let compared = audited.compared.is_ok();
    row.lost_writes = compared.then_some(end.lost_writes);
    row.lost_keys = compared.then_some(end.lost_keys);
    row.divergent_keys = compared.then_some(end.divergent_keys);
    row.checked_keys = compared.then_some(end.checked_keys);
    let verdicts = verdicts(cell, measured);
    if let Some((verdict, reason)) = worst(in_use(cell).filter_map(|entity| verdicts.get(entity))) {
        row.verdict = Some(verdict);
        row.verdict_reason = reason;
    }
}

/// The kinds of entity that some operation of the cell shows or changes.
fn in_use(cell: &Cell) -> impl Iterator<Item = usize> + Clone {
    let weights = cell.scenario.application.weights(cell.scenario.workload.reads.get());
    let operations = cell.scenario.application.spec.operations();
    let shown = move |entity: usize| -> bool {
        operations.iter().zip(&weights).any(|(kind, weight)| *weight > 0.0 && kind.shows.contains(&entity))
    };
    (0..cell.scenario.application.spec.entities().len()).filter(move |entity| shown(*entity))
}

/// What is promised of all kinds of entity: once where it is the same.
fn promised(cell: &Cell) -> String {
    let promises: Vec<String> = cell.guarantees().iter().map(ToString::to_string).collect();
    let Some(first) = promises.first() else { return String::new() };
    if promises.iter().all(|promise| promise == first) {
        return first.clone();
    }
    let entities = cell.scenario.application.spec.entities().iter();
    let named = entities.zip(&promises).map(|(entity, promise)| format!("{}: {promise}", entity.name));
    named.collect::<Vec<_>>().join(" | ")
}

/// Whether what is promised of each kind of entity was kept, and why not. What was neither read nor written kept it.
#[must_use]
pub fn verdicts(cell: &Cell, measured: &Measured) -> Vec<(Verdict, String)> {
    let entities = cell.scenario.application.spec.entities();
    let guarantees = cell.guarantees();
    let surroundings = cell.surroundings();
    let crashes = cell.scenario.faults.iter().filter(|fault| fault.effects(&surroundings).instance_crashes);
    let crashes = crashes.count() as u64;
    let several = entities.len() > 1;
    (0..)
        .zip(entities)
        .zip(&guarantees)
        .map(|((number, entity), guarantee)| {
            let found = measured.all.anomalies_of(number);
            let facts = Facts {
                audited_reads: found.audited,
                stale_reads: found.stale,
                oldest: found.age_at(1.0),
                corrupt_reads: found.corrupt,
                lost_sessions: found.lost_sessions,
                crashes,
                end: end_of(measured, number),
            };
            let (verdict, reason) = judge(guarantee, &facts);
            let reason =
                if several && !reason.is_empty() { format!("{}: {reason}", entity.name) } else { reason };
            (verdict, reason)
        })
        .collect()
}

fn end_of(measured: &Measured, entity: usize) -> End {
    match measured.audited.as_ref().map(|audited| &audited.compared) {
        None => End::default(),
        Some(Err(error)) => End::Unknown(error.to_string()),
        Some(Ok(found)) => {
            let found = found.get(entity).copied().unwrap_or_default();
            End::Known {
                lost_writes: found.lost_writes,
                divergent_keys: found.divergent_keys - found.divergent_explained_keys,
            }
        }
    }
}

/// The worst of some verdicts with the reasons of all as bad. `None` where there is none.
#[must_use]
pub fn worst<'a>(verdicts: impl Iterator<Item = &'a (Verdict, String)>) -> Option<(Verdict, String)> {
    let verdicts: Vec<_> = verdicts.collect();
    let of = |wanted: Verdict| {
        let mut reasons = verdicts.iter().filter(|(verdict, _)| *verdict == wanted).peekable();
        reasons.peek()?;
        let reasons: Vec<&str> =
            reasons.map(|(_, reason)| reason.as_str()).filter(|reason| !reason.is_empty()).collect();
        Some((wanted, reasons.join("; ")))
    };
    of(Verdict::Broken).or_else(|| of(Verdict::Unknown)).or_else(|| of(Verdict::Kept))
}

/// The rows of a cell in `entities.csv`.
#[must_use]
pub fn entities(cell: &Cell, measured: &Measured) -> Vec<EntityRow> {
    let Some(audited) = &measured.audited else { return Vec::new() };
    let kinds = cell.scenario.application.spec.entities();
    let verdicts = verdicts(cell, measured);
    (0..)
        .zip(kinds)
        .zip(cell.guarantees())
        .zip(verdicts)
        .map(|(((number, kind), guarantee), judged)| {
            let found = measured.all.anomalies_of(number);
            let end = audited.compared.as_ref().ok().map(|all| all.get(number).copied().unwrap_or_default());
            let end = end.filter(|_| kind.collection.is_some());
            let served = kind.served != Served::InTheCache;
            EntityRow {
                cell: cell.id.clone(),
                entity: kind.name.into(),
                strategy: if served { cell.strategy_of(number).name().into() } else { String::new() },
                guarantee: guarantee.to_string(),
                verdict: Some(judged.0),
                verdict_reason: judged.1,
                audited_reads: found.audited,
                overlapping_reads: found.overlapping,
                stale_reads: found.stale,
                stale_age_p50_ms: millis(found.age_at(0.5)),
                stale_age_p99_ms: millis(found.age_at(0.99)),
                stale_age_max_ms: millis(found.age_at(1.0)),
                stale_after_failed_step: found.stale_after_failed_step,
                corrupt_reads: found.corrupt,
                non_monotonic_reads: found.non_monotonic,
                not_own_write_reads: found.not_own_write,
                lost_writes: end.map(|end| end.lost_writes),
                divergent_keys: end.map(|end| end.divergent_keys),
                checked_keys: end.map(|end| end.checked_keys),
            }
        })
        .collect()
}

/// Fills the columns of a window that speak of the data.
pub fn note_window(row: &mut TimeseriesRow, cell: &Cell, series: &Series) {
    let found = &series.anomalies;
    row.stale_reads = found.stale;
    row.stale_age_max_ms = millis(found.age_at(1.0));
    row.stale_after_failed_step = found.stale_after_failed_step;
    row.corrupt_reads = found.corrupt;
    row.non_monotonic_reads = found.non_monotonic;
    row.not_own_write_reads = found.not_own_write;
    let holds_back = cell.holds_back();
    row.backlog = holds_back.then_some(series.backlog.entities);
    row.backlog_oldest_s = holds_back.then_some(series.backlog.oldest.as_secs_f64());
}

/// The examples of a cell.
#[must_use]
pub fn rows(cell: &Cell, measured: &Measured) -> Vec<AuditRow> {
    let examples = measured.audited.as_ref().map(|audited| audited.examples.as_slice());
    let dataset = cell.scenario.documents();
    examples.unwrap_or_default().iter().map(|example| row(cell, &dataset, example)).collect()
}

fn row(cell: &Cell, dataset: &AnyDataset, example: &Example) -> AuditRow {
    let place = dataset.place(example.key);
    let fields = dataset.entities()[place.entity].fields;
    AuditRow {
        cell: cell.id.clone(),
        kind: example.kind.word().into(),
        entity: dataset.entities()[place.entity].name.into(),
        key: place.id.into(),
        field: example.field.and_then(|field| fields.get(field)).map(|field| (*field).to_owned()),
        read_version: example.read_version,
        expected_version: example.expected_version,
        reader_instance: example.reader_instance,
        writer_instance: example.writer_instance,
        acknowledged_s: example.acknowledged_s,
        sent_s: example.sent_s,
        done_s: example.done_s,
        age_ms: millis(example.age),
        detail: example.detail.clone().unwrap_or_default(),
    }
}

fn millis(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| (duration.as_secs_f64() * 1e6).round() / 1e3)
}
