//! Which documents were inserted and deleted while a load runs, so that each insert begins a life of its own.
//!
//! The number of a life has to be higher than that of every life before it, which nobody else can say: the database
//! forgets what it has deleted. So a document is inserted by one client at a time, and where nobody knows how an insert
//! ended, by none after it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::{Figure, World};
use crate::base::lives::first_version;
use crate::store::Version;

/// The lives of all documents in a cell. Each figure counts from the start of measuring.
#[derive(Debug, Default)]
pub struct Lives {
    of_keys: Mutex<HashMap<u64, Lived>>,
    counts: [AtomicU64; 6],
}

/// What can become of an insert or a delete that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeChange {
    /// A document was inserted.
    Inserted,
    /// There was one already.
    Refused,
    /// A document was deleted.
    Deleted,
    /// There was none.
    Missed,
    /// An insert was not sent, as another of the document was under way or had ended nobody knows how.
    NotSent,
    /// A document was to be changed, and there was none.
    NotChanged,
}

/// How often a document was inserted.
#[derive(Debug, Default)]
struct Lived {
    lives: u64,
    is_closed: bool,
}

impl Lives {
    /// Begins to insert a document and returns its first version; `None` while another insert of it is under way, and
    /// after one that ended nobody knows how, which is counted.
    pub fn begin(&self, key: u64) -> Option<Version> {
        let mut of_keys = self.of_keys.lock();
        let lived = of_keys.entry(key).or_default();
        if lived.is_closed {
            self.count(LifeChange::NotSent);
            return None;
        }
        lived.is_closed = true;
        lived.lives += 1;
        Some(first_version(lived.lives))
    }

    /// Notes that it is known how an insert ended.
    pub fn end(&self, key: u64) {
        if let Some(lived) = self.of_keys.lock().get_mut(&key) {
            lived.is_closed = false;
        }
    }

    /// Counts what has become of an insert or a delete.
    pub fn count(&self, change: LifeChange) {
        self.counts[change as usize].fetch_add(1, Relaxed);
    }

    fn counted(&self, change: LifeChange) -> u64 {
        self.counts[change as usize].load(Relaxed)
    }
}

impl World for Lives {
    fn begin_measuring(&self) {
        self.counts.iter().for_each(|count| count.store(0, Relaxed));
    }

    fn figures(&self) -> Vec<Figure> {
        let named = [
            ("documents inserted", LifeChange::Inserted),
            ("inserts of documents that were there", LifeChange::Refused),
            ("documents deleted", LifeChange::Deleted),
            ("deletes of documents that were not there", LifeChange::Missed),
            ("inserts not sent, beside another or after one of unknown end", LifeChange::NotSent),
            ("changes of documents that were not there", LifeChange::NotChanged),
        ];
        if named.iter().all(|(_, change)| self.counted(*change) == 0) {
            return Vec::new();
        }
        let figure = |(name, change)| Figure { name, value: Some(self.counted(change) as f64), unit: "" };
        named.into_iter().map(figure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_insert_begins_a_later_life_and_two_never_overlap() {
        let lives = Lives::default();
        let first = lives.begin(7).unwrap();
        assert_eq!(lives.begin(7), None, "one at a time");
        assert_eq!(lives.begin(8), Some(first), "of each document");
        lives.end(7);
        assert!(lives.begin(7).unwrap() > first);
        assert_eq!(lives.begin(7), None, "of the last it is not known how it ended");
        assert_eq!(
            lives.counted(LifeChange::NotSent),
            2,
            "nothing that was asked for is left out in silence"
        );
    }

    #[test]
    fn what_was_counted_before_measuring_is_no_figure_and_a_load_without_either_has_none() {
        let lives = Lives::default();
        lives.count(LifeChange::Inserted);
        lives.begin_measuring();
        assert_eq!(lives.figures(), Vec::new());
        lives.count(LifeChange::Deleted);
        lives.count(LifeChange::Deleted);
        let values: Vec<_> = lives.figures().iter().map(|figure| figure.value).collect();
        assert_eq!(values, [0.0, 0.0, 2.0, 0.0, 0.0, 0.0].map(Some));
    }
}
