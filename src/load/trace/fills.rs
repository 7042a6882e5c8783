//! What a look-aside cache was filled with, told from what its application wrote.

use std::collections::HashSet;

use rustc_hash::FxBuildHasher;

use super::{Format, TraceOperation};

/// Traces that were recorded at a cache in front of which the application asks first and, where it finds nothing, loads
/// and puts in what it has loaded. Such a put follows a read of its key, with no other operation on the key between
/// them. Whoever simulates or runs the reads fills by itself, so the put is to be left out.
///
/// It takes about nine bytes of memory for each key that was read last.
#[derive(Debug, Clone)]
pub struct Fills {
    format: Format,
    read_last: HashSet<u64, FxBuildHasher>,
    left_out: u64,
}

impl Fills {
    /// None yet, in a trace of a format.
    #[must_use]
    pub fn of(format: Format) -> Self {
        Self { format, read_last: HashSet::default(), left_out: 0 }
    }

    /// Returns true if the next operation, on a key of some hash, is a fill; it is counted then.
    pub fn is_fill(&mut self, key: u64, operation: TraceOperation) -> bool {
        if !self.format.is_look_aside() {
            return false;
        }
        if operation == TraceOperation::Read {
            self.read_last.insert(key);
            return false;
        }
        let is_fill = self.format.is_fill(operation, self.read_last.remove(&key));
        self.left_out += u64::from(is_fill);
        is_fill
    }

    /// Returns the number of fills that were left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::TraceOperation::{Delete, Put, Read, Write};
    use super::*;

    fn fills(format: Format, operations: &[(u64, TraceOperation)]) -> Vec<bool> {
        let mut fills = Fills::of(format);
        let found: Vec<_> = operations.iter().map(|&(key, what)| fills.is_fill(key, what)).collect();
        assert_eq!(fills.left_out(), found.iter().filter(|is_fill| **is_fill).count() as u64);
        found
    }

    #[test]
    fn a_put_after_a_read_of_its_key_is_a_fill() {
        let operations = [(1, Read), (2, Read), (1, Put), (2, Put), (1, Put)];
        for format in [Format::Twitter, Format::CacheLib] {
            assert_eq!(fills(format, &operations), [false, false, true, true, false]);
        }
    }

    #[test]
    fn what_is_put_without_a_read_or_changes_what_is_there_is_a_write() {
        let operations = [(1, Put), (1, Read), (1, Write), (1, Put), (1, Read), (1, Delete), (1, Put)];
        assert!(fills(Format::Twitter, &operations).iter().all(|is_fill| !is_fill));
    }

    #[test]
    fn the_writes_of_hotsets_own_traces_are_the_applications() {
        assert_eq!(fills(Format::Own, &[(1, Read), (1, Write), (1, Read), (1, Put)]), [false; 4]);
    }
}
