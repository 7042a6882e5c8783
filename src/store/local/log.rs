//! One log of writes in the local cache.

use std::collections::BTreeMap;
use std::time::Duration;

use compact_str::CompactString;

use crate::base::clock::{self, Instant};
use crate::store::Entry;
use crate::store::write_log::{LogRecord, RecordId, Taken};

/// Records in order, each with the time since which a consumer holds it.
#[derive(Debug, Default)]
pub(super) struct LocalLog {
    pub(super) records: BTreeMap<RecordId, Kept>,
    last: RecordId,
    /// The last record that was given to any consumer.
    delivered: Option<RecordId>,
}

#[derive(Debug)]
pub(super) struct Kept {
    entity: CompactString,
    entry: Entry,
    since: Option<Instant>,
}

impl LocalLog {
    pub(super) fn append(&mut self, entity: &str, entry: &Entry) -> RecordId {
        let millis = clock::unix_millis().max(self.last.millis);
        let number = if millis == self.last.millis { self.last.number + 1 } else { 0 };
        self.last = RecordId { millis, number };
        self.records.insert(self.last, Kept { entity: entity.into(), entry: entry.alone(), since: None });
        self.last
    }

    pub(super) fn read(&mut self, most: u64, now: Instant) -> Vec<LogRecord> {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = self.delivered.map_or(Unbounded, Excluded);
        let new =
            self.records.range_mut((start, Unbounded)).take(usize::try_from(most).unwrap_or(usize::MAX));
        let read: Vec<_> = new.map(|(id, kept)| kept.give(*id, now)).collect();
        self.delivered = read.last().map(|record| record.id).or(self.delivered);
        read
    }

    pub(super) fn take_over(&mut self, idle: Duration, from: RecordId, most: u64, now: Instant) -> Taken {
        let mut taken = Taken::default();
        for (id, kept) in self.records.range_mut(from..) {
            if kept.since.is_none_or(|since| now.duration_since(since) < idle) {
                continue;
            }
            if taken.records.len() as u64 == most {
                taken.next = Some(*id);
                break;
            }
            taken.records.push(kept.give(*id, now));
        }
        taken
    }
}

impl Kept {
    fn give(&mut self, id: RecordId, now: Instant) -> LogRecord {
        self.since = Some(now);
        LogRecord { id, entity: self.entity.clone(), entry: self.entry.clone() }
    }
}
