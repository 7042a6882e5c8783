//! Facts that the rows of a trace tell of its keys: the sizes of their values and their times to live.

use std::sync::Arc;

use crate::load::trace::{TraceOperation, TraceRecord};

/// The facts that are told of the keys, each by its number. They take four bytes a key for sizes, and as many for times to live, where
/// the trace tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// The sizes of their values, in bytes.
    pub sizes: KeyColumn,
    /// Their times to live, in milliseconds; [`KeyColumn::ENDLESS`] for one that does not end.
    pub ttls: KeyColumn,
}

impl KeyFacts {
    /// Learns what a row tells of its key. The first row that tells something counts.
    ///
    /// A put without a time to live tells that its value does not expire; other rows without one tell nothing.
    pub fn learn(&mut self, key: u32, record: &TraceRecord) {
        if record.operation == TraceOperation::Delete {
            return;
        }
        self.sizes.learn(key, u32::try_from(record.size_bytes).unwrap_or(KeyColumn::MOST));
        let ttl_ms = match record.ttl {
            // What lives for seven weeks outlives any run; 1 ms is the shortest time that a cache knows.
            Some(ttl) => u32::try_from(ttl.as_millis()).unwrap_or(KeyColumn::MOST).max(1),
            None if record.operation == TraceOperation::Put => KeyColumn::ENDLESS,
            None => KeyColumn::UNKNOWN,
        };
        self.ttls.learn(key, ttl_ms);
    }

    /// Gives back the room that was held for more keys.
    pub fn shrink(&mut self) {
        for column in [&mut self.sizes, &mut self.ttls] {
            Arc::make_mut(&mut column.of_key).shrink_to_fit();
        }
    }
}

/// A number of each key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyColumn {
    /// By the key's number; a key beyond the end has none.
    of_key: Arc<Vec<u32>>,
    told: u64,
    endless: u64,
    others: u64,
}

impl KeyColumn {
    /// The number of a key of which no row tells one.
    pub const UNKNOWN: u32 = 0;
    /// The number of a key whose value does not expire.
    pub const ENDLESS: u32 = u32::MAX;
    /// The largest other number. It stands for all that are larger.
    pub const MOST: u32 = u32::MAX - 1;

    fn learn(&mut self, key: u32, told: u32) {
        if told == Self::UNKNOWN {
            return;
        }
        // Nobody else has it yet, so that nothing is copied.
        let of_key = Arc::make_mut(&mut self.of_key);
        let at = key as usize;
        if of_key.len() <= at {
            of_key.resize(at + 1, Self::UNKNOWN);
        }
        if of_key[at] == Self::UNKNOWN {
            of_key[at] = told;
            self.told += 1;
            self.endless += u64::from(told == Self::ENDLESS);
        } else if of_key[at] != told {
            self.others += 1;
        }
    }

    /// The numbers of the keys, each at the place of its key; [`Self::UNKNOWN`] where none is told.
    #[must_use]
    pub fn of_keys(&self) -> &Arc<Vec<u32>> {
        &self.of_key
    }

    /// The number of keys of which one is told.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told
    }

    /// The number of keys whose value does not expire.
    #[must_use]
    pub fn endless(&self) -> u64 {
        self.endless
    }

    /// The number of rows that tell another number than the first that tells one of their key.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    /// The numbers that are told and have an end.
    pub fn finite(&self) -> impl Iterator<Item = u32> + '_ {
        self.of_key.iter().copied().filter(|number| !matches!(*number, Self::UNKNOWN | Self::ENDLESS))
    }

    /// The bytes that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.of_key.len() as u64 * size_of::<u32>() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(operation: TraceOperation, size_bytes: u64, ttl_s: u64) -> TraceRecord {
        let ttl = (ttl_s > 0).then(|| Duration::from_secs(ttl_s));
        TraceRecord { time_ms: 0, key: "k".into(), key_bytes: 1, operation, size_bytes, ttl }
    }

    fn facts(rows: &[(u32, TraceRecord)]) -> KeyFacts {
        let mut facts = KeyFacts::default();
        for (key, row) in rows {
            facts.learn(*key, row);
        }
        facts
    }

    #[test]
    fn the_first_row_that_tells_something_of_a_key_counts_and_others_are_counted() {
        use TraceOperation::{Delete, Put, Read, Write};
        let facts = facts(&[
            (0, row(Read, 0, 0)),
            (0, row(Delete, 7, 7)),
            (0, row(Put, 300, 60)),
            (0, row(Read, 300, 0)),
            (0, row(Put, 500, 5)),
            (2, row(Read, 40, 0)),
            (2, row(Write, 40, 0)),
        ]);
        assert_eq!(**facts.sizes.of_keys(), [300, KeyColumn::UNKNOWN, 40]);
        assert_eq!((facts.sizes.told(), facts.sizes.others()), (2, 1));
        assert_eq!(**facts.ttls.of_keys(), [60_000], "a read and an increment tell none");
        assert_eq!((facts.ttls.told(), facts.ttls.others(), facts.ttls.endless()), (1, 1, 0));
    }

    #[test]
    fn a_put_without_a_time_to_live_lives_for_ever_and_the_longest_are_told_from_it() {
        let put = |ttl_s| row(TraceOperation::Put, 9, ttl_s);
        let facts = facts(&[(0, put(0)), (1, put(1)), (2, put(u64::from(u32::MAX)))]);
        assert_eq!(**facts.ttls.of_keys(), [KeyColumn::ENDLESS, 1_000, KeyColumn::MOST]);
        assert_eq!(facts.ttls.finite().collect::<Vec<_>>(), [1_000, KeyColumn::MOST]);
        assert_eq!((facts.ttls.told(), facts.ttls.endless()), (3, 1));
    }
}
