//! The sum of what several segments of a cell have observed: counts, histograms and events, never percentiles.

use std::collections::BTreeMap;
use std::ops::Add as _;
use std::time::Duration;

use super::record::{RecordedAudit, RecordedEvent, RecordedSample, RecordedWindow, SegmentRecord};
use crate::application::catalog::PRODUCT;
use crate::audit::{
    Conclusion, CrossExamination, Example, SHOWN, SettledKeys, StaleSighting, Testimony, cross_examine,
    shown_examples,
};
use crate::measure::QueueUse;
use crate::results::AnomalyKind;
use crate::store::StoreError;
use crate::strategy::Backlog;

/// Adds up the records of all segments of a cell, each with the number of its segment; `None` where there are none. Windows
/// that begin within half a `window` of each other are one. With `shares_backlog` all instances see the same one.
#[must_use]
pub fn sum(
    mut records: Vec<(u64, SegmentRecord)>,
    window: Duration,
    shares_backlog: bool,
) -> Option<SegmentRecord> {
    // What all have looked at, as the cache's servers, is taken from the first.
    records.sort_by_key(|(number, _)| *number);
    let events = events(&records);
    let records: Vec<SegmentRecord> = records.into_iter().map(|(_, record)| record).collect();
    let first = records.first()?.clone();
    let windows = |of: fn(&SegmentRecord) -> &[RecordedWindow]| {
        windows(records.iter().flat_map(of), window, shares_backlog)
    };
    let mut tail = first.tail.clone();
    records[1..].iter().for_each(|record| tail.add(&record.tail));
    let cross_examined = cross_examined(&records);
    if let Some(found) = &cross_examined {
        // Only the catalogue is driven in segments, which has no other kind of entity.
        tail.settle_foreign(PRODUCT, found.held_reads, found.stale.iter().map(StaleSighting::age));
    }
    Some(SegmentRecord {
        start_time: records.iter().map(|record| record.start_time).min()?,
        started_utc: records.iter().map(|record| record.started_utc.clone()).min()?,
        warmup_length: records.iter().map(|record| record.warmup_length).max()?,
        warmth: records.iter().map(|record| record.warmth).reduce(crate::measure::Warmth::or_worse)?,
        warmup: windows(|record| record.warmup.as_slice()),
        windows: windows(|record| record.windows.as_slice()),
        tail,
        answered_in_time: records.iter().map(|record| record.answered_in_time).sum(),
        calls: records.iter().map(|record| record.calls).reduce(|sum, one| sum + one)?,
        pool_wait: records.iter().map(|record| record.pool_wait).sum(),
        busiest_thread_share: most(records.iter().map(|record| record.busiest_thread_share)),
        machine_cores: cores(&records),
        samples: samples(records.iter().map(|record| &record.samples)),
        events,
        // The earliest of each is taken where they are read back.
        first_failures: records.iter().flat_map(|record| record.first_failures.clone()).collect(),
        undelivered: records.iter().find_map(|record| record.undelivered.clone()),
        undone: records.iter().find_map(|record| record.undone.clone()),
        audited: audited(&records, cross_examined.as_ref()),
        ..first
    })
}

fn most(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, f64::max)
}

/// The cores of all machines; several processes on one have the same.
fn cores(records: &[SegmentRecord]) -> f64 {
    let mut machines: BTreeMap<&str, f64> = BTreeMap::new();
    for record in records {
        let cores = machines.entry(&record.machine).or_default();
        *cores = cores.max(record.machine_cores);
    }
    machines.values().sum()
}

/// The events of all, each with the segment that has seen it.
fn events(records: &[(u64, SegmentRecord)]) -> Vec<RecordedEvent> {
    let of_segment = |(number, record): &(u64, SegmentRecord)| -> Vec<RecordedEvent> {
        let told = |event: &RecordedEvent| RecordedEvent {
            detail: format!("segment {number}: {}", event.detail),
            ..event.clone()
        };
        record.events.iter().map(told).collect()
    };
    let mut events: Vec<RecordedEvent> = records.iter().flat_map(of_segment).collect();
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    events
}

/// The windows of all, by when they began.
fn windows<'a>(
    of_all: impl Iterator<Item = &'a RecordedWindow>,
    window: Duration,
    shares_backlog: bool,
) -> Vec<RecordedWindow> {
    let mut of_all: Vec<&RecordedWindow> = of_all.collect();
    // Stable: of those that began at once, the first segment's comes first.
    of_all.sort_by_key(|one| one.start);
    let mut groups: Vec<Vec<&RecordedWindow>> = Vec::new();
    for one in of_all {
        match groups.last_mut() {
            Some(group) if one.start.saturating_sub(group[0].start) < window / 2 => group.push(one),
            Some(_) | None => groups.push(vec![one]),
        }
    }
    let numbered = (0..).zip(groups);
    numbered.filter_map(|(index, group)| together(index, &group, shares_backlog)).collect()
}

fn together(index: u64, group: &[&RecordedWindow], shares_backlog: bool) -> Option<RecordedWindow> {
    let each = || group.iter().copied();
    let mut operations = group.first()?.operations.clone();
    each().skip(1).for_each(|one| operations.add(&one.operations));
    let backlogs: Vec<Backlog> = each().map(|one| one.backlog).collect();
    Some(RecordedWindow {
        index,
        start: group.first()?.start,
        length: each().map(|one| one.length).max()?,
        operations,
        calls: each().map(|one| one.calls).reduce(|sum, one| sum + one)?,
        pool_wait: each().map(|one| one.pool_wait).sum(),
        busiest_thread: each().map(|one| one.busiest_thread).max()?,
        backlog: Backlog::of_all(&backlogs, shares_backlog),
        queues: each().filter_map(|one| one.queues).reduce(QueueUse::add),
        samples: samples(each().map(|one| &one.samples)),
    })
}

/// The sum of what all processes used, and what the first saw of the servers that they share.
fn samples<'a>(of_all: impl Iterator<Item = &'a [RecordedSample; 2]>) -> [RecordedSample; 2] {
    let none = RecordedSample { at_ns: 0, hotset_cpu: Duration::ZERO, cache: None, database: None };
    let add = |sum: RecordedSample, one: &RecordedSample| RecordedSample {
        hotset_cpu: sum.hotset_cpu + one.hotset_cpu,
        ..sum
    };
    of_all.copied().reduce(|[from, to], next| [add(from, &next[0]), add(to, &next[1])]).unwrap_or([none; 2])
}

/// Each segment has audited the keys that it writes, and what all tell together completes that for the keys of the others.
fn audited(records: &[SegmentRecord], cross_examined: Option<&CrossExamination>) -> Option<RecordedAudit> {
    let audits: Vec<&RecordedAudit> =
        records.iter().map(|record| record.audited.as_ref()).collect::<Option<_>>()?;
    let mut conclusion = Conclusion::default();
    for audit in &audits {
        conclusion.add(&audit.conclusion);
    }
    let mut examples: Vec<Vec<Example>> = audits.iter().map(|audit| audit.examples.clone()).collect();
    examples.extend(cross_examined.map(|found| found.stale.iter().take(SHOWN).map(example).collect()));
    let examples = shown_examples(in_turn(&examples));
    Some(RecordedAudit { conclusion, examples, compared: compared(&audits), testimony: None })
}

/// The first of each list, then the second of each, and so on: those of one are not hidden by those of another.
fn in_turn(lists: &[Vec<Example>]) -> impl Iterator<Item = Example> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|nth| lists.iter().filter_map(move |list| list.get(nth).cloned()))
}

/// The findings that the audits of all segments show together; `None` where one of them could not keep all that it takes.
fn cross_examined(records: &[SegmentRecord]) -> Option<CrossExamination> {
    let of = |record: &'_ SegmentRecord| record.audited.as_ref()?.testimony.clone();
    let testimonies: Vec<Testimony> = records.iter().map(of).collect::<Option<_>>()?;
    cross_examine(&testimonies.iter().collect::<Vec<_>>())
}

fn example(stale: &StaleSighting) -> Example {
    let seconds = |micros: i64| Some(micros as f64 / 1e6);
    Example {
        read_version: Some(stale.read_version),
        expected_version: Some(stale.expected_version),
        acknowledged_s: seconds(stale.acknowledged_us),
        sent_s: seconds(stale.sent_us),
        age: Some(stale.age()),
        detail: Some("read by another segment than the one that wrote it".into()),
        ..Example::of(AnomalyKind::Stale, stale.key)
    }
}

fn compared(audits: &[&RecordedAudit]) -> Result<Vec<SettledKeys>, StoreError> {
    let mut sums: Vec<SettledKeys> = Vec::new();
    for audit in audits {
        let found = audit.compared.as_ref().map_err(Clone::clone)?;
        sums.resize(sums.len().max(found.len()), SettledKeys::default());
        sums.iter_mut().zip(found).for_each(|(sum, found)| sum.add(found));
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start_ms: u64, backlog: u64) -> RecordedWindow {
        let none = RecordedSample { at_ns: 0, hotset_cpu: Duration::ZERO, cache: None, database: None };
        RecordedWindow {
            index: 9,
            start: Duration::from_millis(start_ms),
            length: Duration::from_secs(1),
            operations: crate::measure::Window::new(2),
            calls: crate::store::CountersSnapshot { database_reads: 1, ..Default::default() },
            pool_wait: crate::store::mongodb::PoolWaitSnapshot::default(),
            busiest_thread: Duration::ZERO,
            backlog: Backlog { entities: backlog, ..Backlog::default() },
            queues: None,
            samples: [none; 2],
        }
    }

    #[test]
    fn windows_that_began_at_about_the_same_time_are_one_and_one_that_only_some_have_stays() {
        let all = [window(0, 1), window(1_003, 1), window(1, 2), window(1_000, 2), window(2_000, 5)];
        let joined = windows(all.iter(), Duration::from_secs(1), false);
        let told: Vec<(u64, u64, u64)> =
            joined.iter().map(|one| (one.index, one.calls.database_reads, one.backlog.entities)).collect();
        assert_eq!(told, [(0, 2, 3), (1, 2, 3), (2, 1, 5)]);
        assert_eq!(windows(all.iter(), Duration::from_secs(1), true)[0].backlog.entities, 2);
    }
}
