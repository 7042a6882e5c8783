//! What the audit found in a cell, as rows of the result files.

use std::time::Duration;

use super::figures::{Measured, Series};
use super::verdict::{End, Facts, judge};
use crate::application::catalog::{Products, WRITTEN_FIELDS};
use crate::audit::{AnomalyKind, Audit, Conclusion, Example};
use crate::fault::FaultKind;
use crate::plan::Cell;
use crate::results::{AuditRow, SummaryRow, TimeseriesRow};
use crate::store::StoreError;

/// What the audit says at the end of a cell.
pub struct Audited {
    conclusion: Conclusion,
    examples: Vec<Example>,
    /// Why the stores could not be compared, where they could not.
    not_compared: Option<StoreError>,
}

impl Audited {
    /// What an audit has to say.
    #[must_use]
    pub fn of(audit: &Audit, not_compared: Option<StoreError>) -> Self {
        Self { conclusion: audit.conclusion(), examples: audit.examples(), not_compared }
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
    let holds_back = cell.strategy.spec.promise().needs().no_eviction_of_dirty;
    let backlogs = measured.series.iter().map(|series| series.backlog.entities);
    row.backlog_max = backlogs.max().filter(|_| holds_back);
    row.set_aside = measured.series.last().map_or(0, |series| series.backlog.set_aside);
    let guarantee = cell.guarantee();
    row.guarantee = Some(guarantee.to_string());
    row.control = cell.strategy.spec.promise().control().map(str::to_owned);
    let Some(audited) = &measured.audited else { return };
    let end = &audited.conclusion;
    row.acknowledged_writes = end.acknowledged_writes;
    row.indeterminate_writes = end.indeterminate_writes;
    let compared = audited.not_compared.is_none();
    row.lost_writes = compared.then_some(end.lost_writes);
    row.lost_keys = compared.then_some(end.lost_keys);
    row.divergent_keys = compared.then_some(end.divergent_keys);
    row.checked_keys = compared.then_some(end.checked_keys);
    let crashes = cell.scenario.faults.iter().filter(|fault| fault.kind == FaultKind::CrashApplication);
    let (verdict, reason) = judge(
        &guarantee,
        &Facts {
            audited_reads: found.audited,
            stale_reads: found.stale,
            oldest: found.age_at(1.0),
            corrupt_reads: found.corrupt,
            crashes: crashes.count() as u64,
            end: match &audited.not_compared {
                None => End::Known {
                    lost_writes: end.lost_writes,
                    divergent_keys: end.divergent_keys - end.divergent_explained_keys,
                },
                Some(error) => End::Unknown(error.to_string()),
            },
        },
    );
    row.verdict = Some(verdict);
    row.verdict_reason = reason;
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
    let holds_back = cell.strategy.spec.promise().needs().no_eviction_of_dirty;
    row.backlog = holds_back.then_some(series.backlog.entities);
    row.backlog_oldest_s = holds_back.then_some(series.backlog.oldest.as_secs_f64());
}

/// The examples of a cell.
#[must_use]
pub fn rows(cell: &Cell, measured: &Measured) -> Vec<AuditRow> {
    let examples = measured.audited.as_ref().map(|audited| audited.examples.as_slice());
    examples.unwrap_or_default().iter().map(|example| row(cell, example)).collect()
}

fn row(cell: &Cell, example: &Example) -> AuditRow {
    AuditRow {
        cell: cell.id.clone(),
        kind: name(example.kind).into(),
        key: Products::id(example.key).into(),
        field: example.field.and_then(|field| WRITTEN_FIELDS.get(field)).map(|field| (*field).to_owned()),
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

/// Its name in `audit.csv`.
fn name(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::Stale => "stale",
        AnomalyKind::StaleAfterFailedStep => "stale-after-failed-step",
        AnomalyKind::DroppedField => "dropped-field",
        AnomalyKind::Corrupt => "corrupt",
        AnomalyKind::NonMonotonic => "non-monotonic",
        AnomalyKind::NotOwnWrite => "not-own-write",
        AnomalyKind::Lost => "lost",
        AnomalyKind::Divergent => "divergent",
    }
}

fn millis(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| (duration.as_secs_f64() * 1e6).round() / 1e3)
}
