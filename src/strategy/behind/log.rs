//! The logs of one kind of entity, as one instance reads them.

use compact_str::CompactString;

use crate::source::Kind;
use crate::store::write_log::{Reader, RecordId};

/// Into how many logs the writes of a kind are spread. A key's writes are all in one.
const LOGS: usize = 1;

/// Where a record is: in which log, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogPlace {
    /// The log.
    pub log: usize,
    /// The record.
    pub record: RecordId,
}

/// The logs of a kind, and the name under which this instance reads them.
#[derive(Debug)]
pub struct Logs {
    names: Vec<CompactString>,
    consumer: String,
}

impl Logs {
    /// Those of a kind, read under a name that no other instance has, before or after.
    pub fn of(kind: &Kind) -> Self {
        let names = (0..LOGS).map(|number| name(kind, number)).collect();
        Self { names, consumer: format!("{:032x}", rand::random::<u128>()) }
    }

    /// The number and the key of the log that takes the writes of a key.
    pub fn of_key(&self, key: &str) -> (usize, &str) {
        let number = xxhash_rust::xxh3::xxh3_64(key.as_bytes()) % self.names.len() as u64;
        (number as usize, &self.names[number as usize])
    }

    /// The key of a log.
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// This instance as a reader of a log.
    pub fn reader(&self, number: usize) -> Reader<'_> {
        Reader { log: &self.names[number], consumer: &self.consumer }
    }
}

/// The key of a log: the one place where logs get their names.
fn name(kind: &Kind, number: usize) -> CompactString {
    compact_str::format_compact!("write-log:{}{number}", kind.key_prefix)
}
