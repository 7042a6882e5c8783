//! The logs of one kind of entity, as one instance reads them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use compact_str::CompactString;

use crate::store::write_log::{LogConsumer, RecordId};
use crate::strategy::source::Keyspace;

/// Where a record is: in which log, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogPlace {
    /// The log.
    pub log: usize,
    /// The record.
    pub record: RecordId,
}

/// The logs of a kind, and the name under which this instance reads them: one, or where entries are spread over
/// servers one for each tag, beside the entries whose writes it takes. A key's writes are all in one.
#[derive(Debug)]
pub struct Logs {
    names: Vec<CompactString>,
    consumer: String,
    /// This instance's knowledge of each.
    known: Vec<Known>,
    /// Where the next look at the busy ones begins, so that none is always the last.
    turn: AtomicUsize,
}

/// Evidence of whether a log has records. What is written while it is looked at counts as not seen.
#[derive(Debug, Default)]
struct Known {
    /// The number of times that records were noted in it.
    noted: AtomicU64,
    /// That number when the log was found empty last.
    empty_at: AtomicU64,
}

/// A moment before a look at a log.
#[derive(Debug, Clone, Copy)]
pub struct Before(u64);

impl Logs {
    /// Those of a kind, read under a name that no other instance has, before or after.
    pub fn of(kind: &Keyspace) -> Self {
        let names: Vec<_> = if kind.tags == 0 {
            vec![compact_str::format_compact!("write-log:{}0", kind.key_prefix)]
        } else {
            (0..kind.tags).map(|number| name(kind, number)).collect()
        };
        let known = names.iter().map(|_| Known::default()).collect();
        Self { names, consumer: format!("{:032x}", rand::random::<u128>()), known, turn: AtomicUsize::new(0) }
    }

    /// The number and the key of the log that takes the writes of an entity.
    pub fn of_entity(&self, kind: &Keyspace, id: &str) -> (usize, &str) {
        let number = kind.tag_of(id).unwrap_or(0);
        (number, &self.names[number])
    }

    /// The key of a log.
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    /// Returns the number of logs.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Notes that a log has records.
    pub fn has_records(&self, number: usize) {
        self.known[number].noted.fetch_add(1, Relaxed);
    }

    /// To be taken before a log is looked at, and given back with what was found.
    pub fn before(&self, number: usize) -> Before {
        Before(self.known[number].noted.load(Relaxed))
    }

    /// A look at a log found so many records.
    pub fn found(&self, number: usize, records: u64, before: Before) {
        if records > 0 {
            self.has_records(number);
        } else {
            self.known[number].empty_at.store(before.0, Relaxed);
        }
    }

    /// Those that have records, in turns; the only one always, since to ask it costs no more than to know.
    pub fn busy(&self) -> Vec<usize> {
        if self.len() == 1 {
            return vec![0];
        }
        let first = self.turn.fetch_add(1, Relaxed);
        let in_turn = (0..self.len()).map(|number| (first + number) % self.len());
        in_turn.filter(|number| self.is_busy(*number)).collect()
    }

    fn is_busy(&self, number: usize) -> bool {
        let known = &self.known[number];
        known.noted.load(Relaxed) != known.empty_at.load(Relaxed)
    }

    /// This instance as a reader of a log.
    pub fn reader(&self, number: usize) -> LogConsumer<'_> {
        LogConsumer { log: &self.names[number], consumer: &self.consumer }
    }
}

/// The key of the log of a tag.
fn name(kind: &Keyspace, tag: usize) -> CompactString {
    compact_str::format_compact!("write-log:{}{{{}}}", kind.key_prefix, Keyspace::tag(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_busy_until_it_is_found_empty_and_stays_so_where_something_was_written_meanwhile() {
        let logs = Logs::of(&Keyspace { key_prefix: "thing:".into(), ttl: None.into(), tags: 4 });
        assert!(logs.busy().is_empty());
        logs.has_records(2);
        let before = logs.before(2);
        assert_eq!(logs.busy(), [2]);
        logs.has_records(2);
        logs.found(2, 0, before);
        assert_eq!(logs.busy(), [2], "it was written after the look had begun");
        logs.found(2, 0, logs.before(2));
        assert!(logs.busy().is_empty());
        logs.found(2, 7, logs.before(2));
        assert_eq!(logs.busy(), [2], "somebody else has written");
    }
}
