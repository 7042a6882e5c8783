//! The records of a trace as accesses to objects: what its lines say of an object's size and time to live is known from
//! then on, until another line of the object says something else.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_64;

use crate::load::trace::{Format, TraceOperation, TraceRecord};
use crate::model::curve::{NEVER, ObjectAccess, ObjectAccessKind, ReadTotals};

/// The bytes that an object's number and what is known of it take.
const BYTES_A_KNOWN_OBJECT: u64 = 64;

/// The lifetimes of what is put into a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetimes {
    /// They do not end.
    Endless,
    /// They end as the trace says, by its own times.
    OfTrace,
}

/// The trace has more keys than there are numbers for them.
#[derive(Debug, thiserror::Error)]
#[error("the trace has more than 4294967295 keys, and each of them is simulated; give a part of the trace")]
pub struct TooManyKeys;

/// The objects of a trace, one for each key, and what has been read of them so far.
#[derive(Debug)]
pub(super) struct Objects {
    format: Format,
    lifetimes: Lifetimes,
    numbers: HashMap<u64, u32, FxBuildHasher>,
    known: Vec<KnownObject>,
    reads: u64,
    read_bytes: u64,
    unsized_reads: u64,
    tells_sizes: bool,
    tells_lifetimes: bool,
}

/// What the lines so far have said of an object.
#[derive(Debug, Clone, Copy)]
struct KnownObject {
    /// The size of key and value; of the key alone until a line tells that of the value.
    bytes: u64,
    lives_ms: u64,
    is_sized: bool,
    was_read_last: bool,
}

impl Objects {
    /// Those of a trace that is still to be read.
    pub(super) fn new(format: Format, lifetimes: Lifetimes) -> Self {
        Self {
            format,
            lifetimes,
            numbers: HashMap::default(),
            known: Vec::new(),
            reads: 0,
            read_bytes: 0,
            unsized_reads: 0,
            tells_sizes: false,
            tells_lifetimes: false,
        }
    }

    /// The access that the next record is.
    ///
    /// # Errors
    /// Where there are more keys than numbers.
    pub(super) fn access(&mut self, record: &TraceRecord) -> Result<ObjectAccess, TooManyKeys> {
        let object = self.number(record)?;
        let known = &mut self.known[object as usize];
        let is_fill = self.format.is_fill(record.operation, known.was_read_last);
        let was_sized = known.is_sized;
        known.learn(record);
        self.tells_sizes |= known.is_sized;
        self.tells_lifetimes |= record.ttl.is_some();
        if record.operation == TraceOperation::Read {
            self.reads += 1;
            self.read_bytes = self.read_bytes.saturating_add(known.bytes);
            self.unsized_reads += u64::from(!known.is_sized);
        } else if is_fill && known.is_sized && !was_sized {
            // The read that missed before it asked for the object of this size.
            self.read_bytes = self.read_bytes.saturating_add(known.bytes - record.key_bytes);
            self.unsized_reads -= 1;
        }
        let expires_ms = match self.lifetimes {
            Lifetimes::Endless => NEVER,
            Lifetimes::OfTrace => record.time_ms.saturating_add(known.lives_ms),
        };
        let (kind, bytes, time_ms) = (kind_of(record, is_fill), known.bytes, record.time_ms);
        Ok(ObjectAccess { object, kind, bytes, time_ms, expires_ms })
    }

    /// The number of different keys.
    pub(super) fn keys(&self) -> u64 {
        self.known.len() as u64
    }

    /// The mean size of the objects, as it is known by now.
    pub(super) fn mean_bytes(&self) -> u64 {
        let all = self.known.iter().fold(0_u64, |sum, known| sum.saturating_add(known.bytes));
        all / self.keys().max(1)
    }

    /// About how much memory they take.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.keys().saturating_mul(BYTES_A_KNOWN_OBJECT)
    }

    /// What was read; without bytes where no line has told a size.
    pub(super) fn totals(&self) -> ReadTotals {
        ReadTotals { reads: self.reads, bytes: self.tells_sizes.then_some(self.read_bytes) }
    }

    /// The number of reads whose object had no size by then, and was taken to be its key alone.
    pub(super) fn unsized_reads(&self) -> u64 {
        self.unsized_reads
    }

    /// Returns true if any line has told a time to live.
    pub(super) fn tell_lifetimes(&self) -> bool {
        self.tells_lifetimes
    }

    fn number(&mut self, record: &TraceRecord) -> Result<u32, TooManyKeys> {
        let next = u32::try_from(self.known.len()).map_err(|_| TooManyKeys)?;
        let number = *self.numbers.entry(xxh3_64(record.key.as_bytes())).or_insert(next);
        if number == next {
            self.known.push(KnownObject {
                bytes: record.key_bytes,
                lives_ms: NEVER,
                is_sized: false,
                was_read_last: false,
            });
        }
        Ok(number)
    }
}

impl KnownObject {
    fn learn(&mut self, record: &TraceRecord) {
        self.was_read_last = record.operation == TraceOperation::Read;
        if record.operation == TraceOperation::Delete {
            return;
        }
        if record.size_bytes > 0 {
            self.bytes = record.key_bytes.saturating_add(record.size_bytes);
            self.is_sized = true;
        }
        match record.ttl {
            Some(ttl) => self.lives_ms = u64::try_from(ttl.as_millis()).unwrap_or(NEVER),
            // A put without one lives for ever; the others set none.
            None if record.operation == TraceOperation::Put => self.lives_ms = NEVER,
            None => {}
        }
    }
}

/// A write that sets no time to live, such as an increment, leaves that of the entry as it is.
fn kind_of(record: &TraceRecord, is_fill: bool) -> ObjectAccessKind {
    match record.operation {
        TraceOperation::Read => ObjectAccessKind::Read,
        TraceOperation::Put if is_fill => ObjectAccessKind::Fill,
        TraceOperation::Write if record.ttl.is_none() => ObjectAccessKind::Amend,
        TraceOperation::Put | TraceOperation::Write => ObjectAccessKind::Put,
        TraceOperation::Delete => ObjectAccessKind::Delete,
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectAccessKind::{Amend, Delete, Fill, Put, Read};
    use super::*;
    use crate::load::trace::{OnBroken, TraceReader};

    fn accesses(text: &'static str, lifetimes: Lifetimes) -> (Vec<ObjectAccess>, Objects) {
        let reader = TraceReader::new(text.as_bytes(), None, OnBroken::Refuse).unwrap();
        let mut objects = Objects::new(reader.format(), lifetimes);
        let accesses = reader.map(|record| objects.access(&record.unwrap()).unwrap()).collect();
        (accesses, objects)
    }

    #[test]
    fn an_object_is_as_large_and_lives_as_long_as_its_last_line_that_says_so() {
        let (accesses, objects) = accesses(
            "1,a,3,0,1,get,0\n1,b,3,50,1,get,0\n2,a,3,100,1,set,60\n3,a,3,0,1,get,0\n4,a,3,200,1,incr,0\n\
             5,a,3,0,1,delete,0\n6,a,3,0,1,get,0\n7,b,3,70,1,set,0\n8,b,3,80,1,set,5\n",
            Lifetimes::OfTrace,
        );
        let told: Vec<_> = accesses
            .iter()
            .map(|one| (one.object, one.kind, one.bytes, one.expires_ms.checked_sub(one.time_ms)))
            .collect();
        let never = |time_ms: u64| Some(NEVER - time_ms);
        let expected = [
            (0, Read, 3, never(1000)),
            (1, Read, 53, never(1000)),
            (0, Fill, 103, Some(60_000)),
            (0, Read, 103, Some(60_000)),
            (0, Amend, 203, Some(60_000)),
            (0, Delete, 203, Some(60_000)),
            (0, Read, 203, Some(60_000)),
            (1, Fill, 73, never(7000)),
            (1, Put, 83, Some(5000)),
        ];
        assert_eq!(told, expected);
        // The first read asked for what the fill after it tells.
        let totals = ReadTotals { reads: 4, bytes: Some(103 + 53 + 103 + 203) };
        assert_eq!((objects.totals(), objects.unsized_reads(), objects.keys()), (totals, 0, 2));
        assert!(objects.tell_lifetimes());
    }

    #[test]
    fn nothing_expires_unless_that_is_asked_for() {
        let (accesses, _) = accesses("1,a,3,9,1,set,60\n2,a,3,9,1,get,0\n", Lifetimes::Endless);
        assert!(accesses.iter().all(|access| access.expires_ms == NEVER));
    }

    #[test]
    fn a_trace_without_sizes_has_no_bytes_and_says_how_many_reads_that_are() {
        let (accesses, objects) = accesses("1,a,3,0,1,get,0\n2,a,3,0,1,get,0\n", Lifetimes::Endless);
        assert!(accesses.iter().all(|access| access.bytes == 3));
        assert_eq!((objects.totals(), objects.unsized_reads()), (ReadTotals { reads: 2, bytes: None }, 2));
        assert!(!objects.tell_lifetimes());
    }
}
