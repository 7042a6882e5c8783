//! What the audit found in a cell: wrong reads, what the stores held at the end, and whether guarantees held.

use std::time::Duration;

use super::observed::Observed;
use super::rounding::share;
use super::verdict::{AuditFindings, End, judge};
use crate::application::{AnyDataset, Dataset as _, Served};
use crate::audit::Example;
use crate::measure::Anomalies;
use crate::results::{
    AtRisk, AuditRow, AuditedReads, BacklogUse, EntityRow, Judgement, StoresAtEnd, Verdict, WrongReads,
};
use crate::run::plan::Cell;

/// The columns of answers that were held against what had been acknowledged.
#[must_use]
pub fn reads(cell: &Cell, found: &Anomalies) -> AuditedReads {
    AuditedReads {
        audited_reads: found.audited,
        foreign_reads: cell
            .scenario
            .part
            .is_shared_out()
            .then_some(found.foreign.saturating_sub(found.settled)),
        overlapping_reads: found.overlapping,
        wrong: wrong(found),
        stale_share: share(found.stale, found.audited),
        stale_age_p50_ms: millis(found.age_at(0.5)),
        stale_age_p99_ms: millis(found.age_at(0.99)),
    }
}

/// The columns of answers that were wrong.
#[must_use]
pub fn wrong(found: &Anomalies) -> WrongReads {
    WrongReads {
        stale_reads: found.stale,
        stale_age_max_ms: millis(found.age_at(1.0)),
        stale_after_failed_step: found.stale_after_failed_step,
        corrupt_reads: found.corrupt + found.dropped_fields,
        non_monotonic_reads: found.non_monotonic,
        not_own_write_reads: found.not_own_write,
    }
}

/// Returns what the strategy of a cell had acknowledged and not flushed.
#[must_use]
pub fn backlog(cell: &Cell, observed: &Observed) -> BacklogUse {
    let windows = &observed.load.windows;
    let backlogs = windows.iter().map(|window| window.backlog.entities);
    let mean = (!windows.is_empty()).then(|| backlogs.clone().sum::<u64>() as f64 / windows.len() as f64);
    BacklogUse {
        backlog_max: backlogs.max().filter(|_| cell.holds_back()),
        backlog_mean: mean.filter(|_| cell.holds_back()).map(|mean| (mean * 100.0).round() / 100.0),
        set_aside: windows.last().map_or(0, |window| window.backlog.set_aside),
    }
}

/// Returns what a crash would have lost.
#[must_use]
pub fn at_risk(cell: &Cell, observed: &Observed) -> AtRisk {
    let held_in = cell.at_risk_in();
    let held = backlog(cell, observed);
    match held_in {
        Some(_) => {
            AtRisk { at_risk_max: held.backlog_max, at_risk_mean: held.backlog_mean, at_risk_in: held_in }
        }
        None => AtRisk { at_risk_max: Some(0), at_risk_mean: Some(0.0), at_risk_in: None },
    }
}

/// The ends of the writes of a cell.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteEnds {
    /// Writes that were acknowledged.
    pub acknowledged_writes: u64,
    /// Writes of unknown end.
    pub indeterminate_writes: u64,
    /// The content of both stores; empty where they could not be compared.
    pub stores: StoresAtEnd,
    /// The documents that lost a write.
    pub lost_keys: Option<u64>,
}

/// Returns the ends of the writes of a cell; nothing is known without an audit.
#[must_use]
pub fn ends(observed: &Observed) -> WriteEnds {
    let Some(audited) = &observed.audited else { return WriteEnds::default() };
    let end = &audited.conclusion;
    let compared = audited.compared.is_ok();
    WriteEnds {
        acknowledged_writes: end.acknowledged_writes,
        indeterminate_writes: end.indeterminate_writes,
        stores: StoresAtEnd {
            lost_writes: compared.then_some(end.lost_writes),
            divergent_keys: compared.then_some(end.divergent_keys),
            checked_keys: compared.then_some(end.checked_keys),
        },
        lost_keys: compared.then_some(end.lost_keys),
    }
}

/// The verdict on what the strategy of a cell promises; empty without an audit.
#[must_use]
pub fn judgement(cell: &Cell, observed: &Observed, verdicts: &[(Verdict, String)]) -> Judgement {
    if observed.audited.is_none() {
        return Judgement::default();
    }
    worst(in_use(cell).filter_map(|entity| verdicts.get(entity)))
}

/// The kinds of entity that some operation of the cell shows or changes.
fn in_use(cell: &Cell) -> impl Iterator<Item = usize> + Clone {
    let workload = &cell.scenario.workload;
    let weights = cell.scenario.application.weights(workload, workload.reads);
    let operations = cell.scenario.application.spec.operations();
    let shown = move |entity: usize| -> bool {
        operations.iter().zip(&weights).any(|(kind, weight)| *weight > 0.0 && kind.shows.contains(&entity))
    };
    (0..cell.scenario.application.spec.entities().len()).filter(move |entity| shown(*entity))
}

/// Returns the guarantees of all kinds of entity: one where it is the same for all.
pub fn promised(cell: &Cell) -> String {
    let kinds = 0..cell.scenario.application.spec.entities().len();
    let promises: Vec<String> = kinds.map(|entity| cell.promised_of(entity)).collect();
    let Some(first) = promises.first() else { return String::new() };
    if promises.iter().all(|promise| promise == first) {
        return first.clone();
    }
    let entities = cell.scenario.application.spec.entities().iter();
    let named = entities.zip(&promises).map(|(entity, promise)| format!("{}: {promise}", entity.name));
    named.collect::<Vec<_>>().join(" | ")
}

/// Returns for each kind of entity whether its guarantee held, and why not. What was neither read nor written kept
/// it.
#[must_use]
pub fn verdicts(cell: &Cell, observed: &Observed) -> Vec<(Verdict, String)> {
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
            let found = observed.load.all.anomalies_of(number);
            let facts = AuditFindings {
                audited_reads: found.audited,
                stale_reads: found.stale,
                oldest: found.age_at(1.0),
                corrupt_reads: found.corrupt,
                dropped_fields: found.dropped_fields,
                lost_sessions: found.lost_sessions,
                crashes,
                end: end_of(observed, number),
            };
            let (verdict, reason) = judge(guarantee, &facts);
            let reason =
                if several && !reason.is_empty() { format!("{}: {reason}", entity.name) } else { reason };
            (verdict, reason)
        })
        .collect()
}

fn end_of(observed: &Observed, entity: usize) -> End {
    match observed.audited.as_ref().map(|audited| &audited.compared) {
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

/// The worst of some verdicts with the reasons of all as bad; empty where there is none.
#[must_use]
pub fn worst<'a>(verdicts: impl Iterator<Item = &'a (Verdict, String)>) -> Judgement {
    let verdicts: Vec<_> = verdicts.collect();
    let of = |wanted: Verdict| {
        let mut reasons = verdicts.iter().filter(|(verdict, _)| *verdict == wanted).peekable();
        reasons.peek()?;
        let reasons: Vec<&str> =
            reasons.map(|(_, reason)| reason.as_str()).filter(|reason| !reason.is_empty()).collect();
        Some(Judgement { verdict: Some(wanted), verdict_reason: reasons.join("; ") })
    };
    of(Verdict::Broken).or_else(|| of(Verdict::Unknown)).or_else(|| of(Verdict::Kept)).unwrap_or_default()
}

/// The rows of a cell in `entities.csv`.
#[must_use]
pub fn entities(cell: &Cell, observed: &Observed, verdicts: &[(Verdict, String)]) -> Vec<EntityRow> {
    let Some(audited) = &observed.audited else { return Vec::new() };
    let kinds = cell.scenario.application.spec.entities();
    (0..)
        .zip(kinds)
        .zip(verdicts)
        .map(|((number, kind), judged)| {
            let found = observed.load.all.anomalies_of(number);
            let end = audited.compared.as_ref().ok().map(|all| all.get(number).copied().unwrap_or_default());
            let end = end.filter(|_| kind.collection.is_some());
            let served = kind.served != Served::InTheCache;
            EntityRow {
                entity: kind.name.into(),
                served_by: if served { cell.strategy_of(number).name().into() } else { String::new() },
                guarantee: cell.promised_of(number),
                judgement: Judgement { verdict: Some(judged.0), verdict_reason: judged.1.clone() },
                audited: reads(cell, &found),
                at_end: StoresAtEnd {
                    lost_writes: end.map(|end| end.lost_writes),
                    divergent_keys: end.map(|end| end.divergent_keys),
                    checked_keys: end.map(|end| end.checked_keys),
                },
            }
        })
        .collect()
}

/// The examples of a cell.
#[must_use]
pub fn examples(cell: &Cell, observed: &Observed) -> Vec<AuditRow> {
    let examples = observed.audited.as_ref().map(|audited| audited.examples.as_slice());
    let dataset = cell.scenario.documents();
    examples.unwrap_or_default().iter().map(|example| row(&dataset, example)).collect()
}

fn row(dataset: &AnyDataset, example: &Example) -> AuditRow {
    let place = dataset.place(example.key);
    let fields = dataset.entities()[place.entity].fields;
    AuditRow {
        kind: example.kind,
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

/// In milliseconds, to the microsecond.
pub fn millis(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| (duration.as_secs_f64() * 1e6).round() / 1e3)
}
