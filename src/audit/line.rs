//! What is known of one key, in one cache line.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicI64, AtomicU64};

use super::moment::Moment;
use super::{FIELDS, Seen, WriteId};

/// What is known of one key. Readers look without a lock; whoever changes anything but the count of
/// writes holds the lock of the key's stripe.
#[repr(align(64))]
#[derive(Debug, Default)]
pub struct Line {
    /// Writes begun, those under way, and the two flags below: one word, so that it is seen whole.
    writes: AtomicU64,
    /// The highest acknowledged version.
    acknowledged: AtomicU64,
    /// The highest version that the database is known to hold.
    in_database: AtomicU64,
    /// When the highest acknowledged version was acknowledged.
    newest: AtomicU64,
    fields: [Mark; FIELDS],
}

// Everything that a read looks at is one cache line.
const _: () = assert!(size_of::<Line>() == 64);

/// The highest acknowledged write of a field.
#[derive(Debug, Default)]
struct Mark {
    version: AtomicU64,
    write: AtomicI64,
}

/// A write that got a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// The version.
    pub version: u64,
    /// The write.
    pub write: WriteId,
}

/// The writes to a key so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writes(u64);

const ONE_UNDER_WAY: u64 = 1 << 40;
const BEGUN: u64 = ONE_UNDER_WAY - 1;
const FAILED_STEP: u64 = 1 << 62;
const INDETERMINATE: u64 = 1 << 63;

impl Writes {
    /// How many have begun, which counts to 2^40.
    pub fn begun(self) -> u64 {
        self.0 & BEGUN
    }

    /// Whether one has begun and not ended.
    pub fn are_under_way(self) -> bool {
        self.0 & !(BEGUN | FAILED_STEP | INDETERMINATE) != 0
    }

    /// Whether one ended, and nobody knows how.
    pub fn had_indeterminate(self) -> bool {
        self.0 & INDETERMINATE != 0
    }

    /// Whether one reached the database although a later step failed.
    pub fn had_failed_step(self) -> bool {
        self.0 & FAILED_STEP != 0
    }
}

impl Line {
    /// The writes so far.
    pub fn writes(&self) -> Writes {
        Writes(self.writes.load(Acquire))
    }

    /// The highest acknowledged version; 0 where there is none.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Acquire)
    }

    /// The highest version that the database is known to hold; 0 where none is.
    pub fn in_database(&self) -> u64 {
        self.in_database.load(Acquire)
    }

    /// When the highest acknowledged version was acknowledged.
    pub fn newest(&self) -> Moment {
        Moment::from_bits(self.newest.load(Acquire))
    }

    /// The highest acknowledged write of a field, whole only under the lock.
    pub fn mark(&self, field: usize) -> Option<Numbered> {
        let mark = self.fields.get(field)?;
        let marked = Numbered { version: mark.version.load(Acquire), write: mark.write.load(Acquire) };
        (marked.version > 0).then_some(marked)
    }

    /// Whether a field of a document is plainly as new as the document says, at a glance without the lock:
    /// it carries the write noted last, or the document is older than that write. A `false` asks for a
    /// look under the lock.
    pub fn is_plainly_whole(&self, field: usize, seen: &Seen) -> bool {
        let mark = &self.fields[field];
        let version = mark.version.load(Acquire);
        seen.version < version || seen.writes[field] == mark.write.load(Acquire) || version == 0
    }

    /// Counts a write that begins.
    pub fn begin_write(&self) {
        self.writes.fetch_add(ONE_UNDER_WAY + 1, Release);
    }

    /// Counts a write as ended, after everything else about it was noted.
    pub fn end_write(&self) {
        self.writes.fetch_sub(ONE_UNDER_WAY, Release);
    }

    /// Notes that a write ended and nobody knows how.
    pub fn note_indeterminate(&self) {
        self.writes.fetch_or(INDETERMINATE, Release);
    }

    /// Notes that the database holds a write, at a version where that is known, although a later step
    /// failed.
    pub fn note_failed_step(&self, version: Option<u64>) {
        self.writes.fetch_or(FAILED_STEP, Release);
        self.note_in_database(version.unwrap_or_default());
    }

    /// Notes an acknowledged write. A version that is given a second time belongs to the later write.
    pub fn note_acknowledged(&self, field: usize, write: Numbered) {
        if let Some(mark) = self.fields.get(field)
            && write.version >= mark.version.load(Acquire)
        {
            mark.write.store(write.write, Release);
            mark.version.store(write.version, Release);
        }
        self.acknowledged.fetch_max(write.version, Release);
        self.note_in_database(write.version);
    }

    /// Notes when the highest version was acknowledged.
    pub fn note_newest(&self, moment: Moment) {
        self.newest.store(moment.to_bits(), Release);
    }

    fn note_in_database(&self, version: u64) {
        self.in_database.fetch_max(version, Release);
    }
}
