//! The second, slower look at an answer whose quick check found an anomaly.

use std::time::Duration;

use super::line::{KeyState, Numbered};
use super::moment::Moment;
use super::reading::Reading;
use super::{Audit, Example, FIELDS, Findings};
use crate::results::AnomalyKind;

impl Audit {
    /// Replaces the findings of a quick check by exact ones, and keeps examples.
    #[cold]
    pub(super) fn look_closer(&self, line: &KeyState, reading: &Reading, findings: &mut Findings) {
        let missed =
            findings.stale.map(|_| self.first_acknowledged(line, reading.key, reading.seen.version + 1));
        findings.stale =
            missed.map(|first| Duration::from_micros(reading.sent_us.saturating_sub(first.micros())));
        let dropped = if findings.dropped_field { self.dropped_field(line, reading) } else { None };
        findings.dropped_field = dropped.is_some();
        if let Some(first) = missed {
            self.keep(AnomalyKind::Stale, reading, reading.expected.acknowledged, |example| {
                self.acknowledged(first, Example { age: findings.stale, ..example })
            });
        }
        if let Some((field, last)) = dropped {
            self.keep(AnomalyKind::DroppedField, reading, last.version, |example| {
                let first = self.first_acknowledged(line, reading.key, last.version);
                self.acknowledged(first, Example { field: Some(field), ..example })
            });
        }
        if findings.stale_after_failed_step {
            self.keep(AnomalyKind::StaleAfterFailedStep, reading, reading.expected.in_database, |e| e);
        }
        if findings.non_monotonic {
            self.keep(AnomalyKind::NonMonotonic, reading, reading.known.highest, |example| example);
        }
        if findings.not_own_write {
            self.keep(AnomalyKind::NotOwnWrite, reading, reading.known.written, |example| example);
        }
    }

    /// The first field that carries an older write than the document's version says, and the write that it lacks.
    fn dropped_field(&self, line: &KeyState, reading: &Reading) -> Option<(usize, Numbered)> {
        let _whole = self.lock(reading.key);
        (0..FIELDS).find_map(|field| {
            let last = line.mark(field).filter(|last| last.version <= reading.seen.version)?;
            let carried = self.version_of(reading.key, reading.seen.writes[field])?;
            (carried < last.version).then_some((field, last))
        })
    }

    /// Keeps an example of a read; `complete` adds the details of its kind.
    fn keep(
        &self,
        kind: AnomalyKind,
        reading: &Reading,
        expected_version: u64,
        complete: impl FnOnce(Example) -> Example,
    ) {
        self.examples.note(kind, reading.sent_us, || {
            complete(Example {
                read_version: Some(reading.seen.version),
                expected_version: Some(expected_version),
                reader_instance: Some(reading.instance),
                sent_s: Some(self.examples.seconds(reading.sent_us)),
                done_s: Some(self.examples.seconds(reading.done_us)),
                ..Example::of(kind, reading.key)
            })
        });
    }

    /// Adds the acknowledgement of the first missing version to an example.
    pub(super) fn acknowledged(&self, first: Moment, example: Example) -> Example {
        Example {
            writer_instance: Some(first.instance()),
            acknowledged_s: Some(self.examples.seconds(first.micros())),
            ..example
        }
    }
}
