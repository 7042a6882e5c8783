//! The audit without a limit on memory or time: it keeps the whole history, and compares every read with every write.

use std::time::Duration;

use crate::audit::{Conclusion, FIELDS, Findings, Seen, Write, WriteId, WriteOutcome};

/// A write from its sending on. Steps count the calls of the audit, times are microseconds.
pub struct WriteRecord {
    pub client: u64,
    pub write: Write,
    pub sent_step: usize,
    pub end: Option<WriteEnd>,
}

#[derive(Clone, Copy)]
pub struct WriteEnd {
    pub step: usize,
    pub how: WriteOutcome,
    pub at_us: u64,
}

/// A read and its answer.
pub struct ReadRecord {
    pub client: u64,
    pub key: u64,
    pub seen: Seen,
    pub sent_step: usize,
    pub done_step: usize,
    pub sent_us: u64,
}

#[derive(Default)]
pub struct Oracle {
    pub writes: Vec<WriteRecord>,
    pub reads: Vec<ReadRecord>,
    pub settled: Vec<(u64, Option<Seen>, Option<Seen>)>,
}

impl Oracle {
    /// The writes to a key that had ended before a step, in the order in which they ended.
    fn ended(&self, key: u64, before: usize) -> Vec<(&WriteRecord, WriteEnd)> {
        let of_key = self.writes.iter().filter(|record| record.write.key == key);
        let mut ended: Vec<_> =
            of_key.filter_map(|record| Some((record, record.end.filter(|end| end.step < before)?))).collect();
        ended.sort_by_key(|(_, end)| end.step);
        ended
    }

    /// The acknowledged writes among them, with their versions.
    fn acknowledged(&self, key: u64, before: usize) -> Vec<(&WriteRecord, WriteEnd, u64)> {
        let with_version = |(record, end): (_, WriteEnd)| match end.how {
            WriteOutcome::Acknowledged(version) => Some((record, end, version)),
            _ => None,
        };
        self.ended(key, before).into_iter().filter_map(with_version).collect()
    }

    fn had(&self, key: u64, before: usize, what: impl Fn(WriteOutcome) -> bool) -> bool {
        self.ended(key, before).iter().any(|(_, end)| what(end.how))
    }

    /// The acknowledged write of a field with the highest version, the later one where two have it.
    fn last(&self, key: u64, field: usize, before: usize) -> Option<(u64, WriteId)> {
        self.acknowledged(key, before)
            .into_iter()
            .filter(|(record, ..)| record.write.fields.each().contains(&field))
            .map(|(record, _, version)| (version, record.write.id))
            .max_by_key(|(version, _)| *version)
    }

    fn version_of(&self, key: u64, id: WriteId, before: usize) -> Option<u64> {
        if id == 0 {
            return Some(0);
        }
        let ended = self.ended(key, before);
        let (_, end) = ended.iter().find(|(record, _)| record.write.id == id)?;
        match end.how {
            WriteOutcome::Acknowledged(version) | WriteOutcome::CommittedThenFailed(Some(version)) => {
                Some(version)
            }
            _ => None,
        }
    }

    fn highest(versions: impl Iterator<Item = u64>) -> u64 {
        versions.max().unwrap_or(0)
    }

    pub fn findings(&self, read: &ReadRecord) -> Findings {
        let ReadRecord { key, seen, sent_step, done_step, .. } = *read;
        let acknowledged = Self::highest(self.acknowledged(key, sent_step).iter().map(|a| a.2));
        let in_database = Self::highest(self.ended(key, sent_step).iter().map(|(_, end)| match end.how {
            WriteOutcome::Acknowledged(version) | WriteOutcome::CommittedThenFailed(Some(version)) => version,
            _ => 0,
        }));
        let is_stale = seen.version < acknowledged;
        let drops = |field: usize| {
            self.last(key, field, done_step).is_some_and(|(last, _)| {
                let carried = self.version_of(key, seen.writes[field], done_step);
                seen.version >= last && carried.is_some_and(|carried| carried < last)
            })
        };
        let own_reads = self
            .reads
            .iter()
            .filter(|other| {
                other.client == read.client && other.key == key && other.done_step < read.done_step
            })
            .map(|other| other.seen.version);
        let own_writes = || {
            let all = self.acknowledged(key, done_step).into_iter();
            all.filter(|(record, ..)| record.client == read.client).map(|(.., version)| version)
        };
        Findings {
            stale: is_stale.then(|| self.age(read)),
            stale_after_failed_step: !is_stale && seen.version < in_database,
            dropped_field: (0..FIELDS).any(drops),
            non_monotonic: own_reads.chain(own_writes()).any(|known| seen.version < known)
                && !self.had(key, done_step, |how| how == WriteOutcome::Indeterminate),
            not_own_write: own_writes().any(|known| seen.version < known),
            overlapped_a_write: self.writes.iter().any(|record| {
                let ended_before = record.end.is_some_and(|end| end.step < sent_step);
                record.write.key == key && record.sent_step < done_step && !ended_before
            }),
        }
    }

    /// The time from the earliest acknowledgement of what the answer lacks to the sending.
    fn age(&self, read: &ReadRecord) -> Duration {
        let missed = self.acknowledged(read.key, read.done_step);
        let missed = missed.iter().filter(|(.., version)| *version > read.seen.version);
        let first = missed.map(|(_, end, _)| end.at_us).filter(|at_us| *at_us <= read.sent_us).min();
        Duration::from_micros(first.map_or(0, |at_us| read.sent_us - at_us))
    }

    pub fn conclusion(&self) -> Conclusion {
        let ends = || self.writes.iter().filter_map(|record| record.end.map(|end| end.how));
        let count = |what: fn(WriteOutcome) -> bool| ends().filter(|how| what(*how)).count() as u64;
        let mut conclusion = Conclusion {
            acknowledged_writes: count(|how| matches!(how, WriteOutcome::Acknowledged(_))),
            indeterminate_writes: count(|how| how == WriteOutcome::Indeterminate),
            failed_steps: count(|how| matches!(how, WriteOutcome::CommittedThenFailed(_))),
            checked_keys: self.settled.len() as u64,
            ..Conclusion::default()
        };
        for (key, database, cache) in &self.settled {
            let (mut lost, mut explained) = (0, false);
            for field in 0..FIELDS {
                match self.is_reflected(*key, field, *database) {
                    Some(true) => {}
                    Some(false) => lost += 1,
                    None => explained = true,
                }
            }
            conclusion.lost_writes += lost;
            conclusion.lost_keys += u64::from(lost > 0);
            conclusion.explained_keys += u64::from(explained);
            let is_divergent = match (cache, database) {
                (Some(cache), Some(database)) => {
                    cache.version != database.version || cache.writes != database.writes
                }
                (Some(_), None) => true,
                (None, _) => false,
            };
            conclusion.divergent_keys += u64::from(is_divergent);
            let may_explain =
                |how| matches!(how, WriteOutcome::Indeterminate | WriteOutcome::CommittedThenFailed(_));
            let acknowledged = self.acknowledged(*key, usize::MAX);
            let is_whole = acknowledged
                .iter()
                .all(|(.., version)| cache.is_none_or(|document| document.version >= *version));
            let is_explained = is_divergent && is_whole && self.had(*key, usize::MAX, may_explain);
            conclusion.divergent_explained_keys += u64::from(is_explained);
        }
        conclusion
    }

    /// True if the database reflects the last acknowledged write of a field; `None` if a write with an unknown outcome
    /// or a failed step may be why it does not.
    fn is_reflected(&self, key: u64, field: usize, database: Option<Seen>) -> Option<bool> {
        const END: usize = usize::MAX;
        let Some((version, id)) = self.last(key, field, END) else { return Some(true) };
        let Some(document) = database else { return Some(false) };
        let carried = document.writes[field];
        if carried == id {
            return Some(true);
        }
        let may_explain =
            |how| matches!(how, WriteOutcome::Indeterminate | WriteOutcome::CommittedThenFailed(_));
        match self.version_of(key, carried, END) {
            Some(carried) => Some(carried > version),
            None => (!self.had(key, END, may_explain)).then_some(false),
        }
    }
}
