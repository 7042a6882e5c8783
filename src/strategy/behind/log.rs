//! The logs of one kind of entity, as one instance reads them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use compact_str::CompactString;

use crate::source::Kind;
use crate::store::write_log::{Reader, RecordId};

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
    /// Which of them have records, as far as this instance knows.
    busy: Vec<AtomicBool>,
    /// Where the next look at the busy ones begins, so that none is always the last.
    turn: AtomicUsize,
}

impl Logs {
    /// Those of a kind, read under a name that no other instance has, before or after.
    pub fn of(kind: &Kind) -> Self {
        let names: Vec<_> = if kind.tags == 0 {
            vec![compact_str::format_compact!("write-log:{}0", kind.key_prefix)]
        } else {
            (0..kind.tags).map(|number| name(kind, number)).collect()
        };
        let busy = names.iter().map(|_| AtomicBool::new(false)).collect();
        Self { names, consumer: format!("{:032x}", rand::random::<u128>()), busy, turn: AtomicUsize::new(0) }
    }

    /// The number and the key of the log that takes the writes of an entity.
    pub fn of_entity(&self, kind: &Kind, id: &str) -> (usize, &str) {
        let number = kind.tag_of(id).unwrap_or(0);
        (number, &self.names[number])
    }

    /// The key of a log.
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Notes whether a log has records.
    pub fn note(&self, number: usize, has_records: bool) {
        self.busy[number].store(has_records, Relaxed);
    }

    /// Those that have records, in turns; the only one always, since to ask it costs no more than to know.
    pub fn busy(&self) -> Vec<usize> {
        if self.len() == 1 {
            return vec![0];
        }
        let first = self.turn.fetch_add(1, Relaxed);
        let in_turn = (0..self.len()).map(|number| (first + number) % self.len());
        in_turn.filter(|number| self.busy[*number].load(Relaxed)).collect()
    }

    /// This instance as a reader of a log.
    pub fn reader(&self, number: usize) -> Reader<'_> {
        Reader { log: &self.names[number], consumer: &self.consumer }
    }
}

/// The key of the log of a tag.
fn name(kind: &Kind, tag: usize) -> CompactString {
    compact_str::format_compact!("write-log:{}{{{}}}", kind.key_prefix, Kind::tag(tag))
}
