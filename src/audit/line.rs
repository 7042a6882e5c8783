//! The audit's state of one key, in one cache line.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicI64, AtomicU64};

use super::moment::Moment;
use super::{FIELDS, Seen, WriteId};
use crate::base::lives;

/// The audit's state of one key. Readers load it without a lock; a change of anything but the count of writes needs the
/// lock of the key's stripe.
#[repr(align(64))]
#[derive(Debug, Default)]
pub struct KeyState {
    /// Writes begun, writes under way, and the three flags below, in one word so that a load sees them together.
    writes: AtomicU64,
    /// The highest acknowledged version.
    acknowledged: AtomicU64,
    /// The highest version that the database is known to hold.
    in_database: AtomicU64,
    /// The moment at which the highest acknowledged version was acknowledged.
    newest: AtomicU64,
    fields: [Mark; FIELDS],
}

// A read loads this one cache line and no other.
const _: () = assert!(size_of::<KeyState>() == 64);

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
pub struct WriteCounts(u64);

const ONE_UNDER_WAY: u64 = 1 << 40;
const BEGUN: u64 = ONE_UNDER_WAY - 1;
const EXISTENCE_UNKNOWN: u64 = 1 << 61;
const FAILED_STEP: u64 = 1 << 62;
const INDETERMINATE: u64 = 1 << 63;

impl WriteCounts {
    /// The number of writes that have begun, which counts to 2^40.
    #[inline]
    pub fn begun(self) -> u64 {
        self.0 & BEGUN
    }

    /// Returns true if a write has begun and not ended.
    #[inline]
    pub fn are_under_way(self) -> bool {
        self.0 & !(BEGUN | EXISTENCE_UNKNOWN | FAILED_STEP | INDETERMINATE) != 0
    }

    /// Returns true if the outcome of a write is unknown.
    #[inline]
    pub fn had_indeterminate(self) -> bool {
        self.0 & INDETERMINATE != 0
    }

    /// Returns true if it is unknown how an insert or a delete has ended, or a later step of it failed.
    #[inline]
    pub fn leave_existence_unknown(self) -> bool {
        self.0 & EXISTENCE_UNKNOWN != 0
    }

    /// Returns true if a write reached the database although a later step failed.
    #[inline]
    pub fn had_failed_step(self) -> bool {
        self.0 & FAILED_STEP != 0
    }
}

impl KeyState {
    /// The writes so far.
    #[inline]
    pub fn writes(&self) -> WriteCounts {
        WriteCounts(self.writes.load(Acquire))
    }

    /// The highest acknowledged version; 0 where there is none.
    #[inline]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Acquire)
    }

    /// The highest version that the database is known to hold; 0 if none is known.
    #[inline]
    pub fn in_database(&self) -> u64 {
        self.in_database.load(Acquire)
    }

    /// The moment at which the highest acknowledged version was acknowledged.
    #[inline]
    pub fn newest(&self) -> Moment {
        Moment::from_bits(self.newest.load(Acquire))
    }

    /// The highest acknowledged write of a field. Version and write are sure to belong together only under the lock.
    #[inline]
    pub fn mark(&self, field: usize) -> Option<Numbered> {
        let mark = self.fields.get(field)?;
        let marked = Numbered { version: mark.version.load(Acquire), write: mark.write.load(Acquire) };
        (marked.version > 0).then_some(marked)
    }

    /// Returns true if a field is sure to be as new as the document's version says, without the lock: it carries the
    /// write that was noted last, or the document is older than that write. After `false`, a look under the lock
    /// decides.
    #[inline]
    pub fn is_plainly_whole(&self, field: usize, seen: &Seen) -> bool {
        let mark = &self.fields[field];
        let version = mark.version.load(Acquire);
        seen.version < version || seen.writes[field] == mark.write.load(Acquire) || version == 0
    }

    /// Counts a write that begins.
    #[inline]
    pub fn begin_write(&self) {
        self.writes.fetch_add(ONE_UNDER_WAY + 1, Release);
    }

    /// Counts a write as ended, after everything else about it was noted.
    #[inline]
    pub fn end_write(&self) {
        self.writes.fetch_sub(ONE_UNDER_WAY, Release);
    }

    /// Notes that an insert or a delete has not ended as it should.
    #[inline]
    pub fn note_existence_unknown(&self) {
        self.writes.fetch_or(EXISTENCE_UNKNOWN, Release);
    }

    /// Notes that a write's outcome is unknown.
    #[inline]
    pub fn note_indeterminate(&self) {
        self.writes.fetch_or(INDETERMINATE, Release);
    }

    /// Notes that the database holds a write, at this version if it is known, although a later step failed.
    #[inline]
    pub fn note_failed_step(&self, version: Option<u64>) {
        self.writes.fetch_or(FAILED_STEP, Release);
        self.note_in_database(version.unwrap_or_default());
    }

    /// Notes an acknowledged write. If two writes got the same version, it belongs to the later one.
    #[inline]
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

    /// Notes that there is no such document before the first write.
    #[inline]
    pub fn note_absent_at_first(&self) {
        self.acknowledged.store(lives::NOT_YET, Release);
    }

    /// Notes the moment at which the highest version was acknowledged.
    #[inline]
    pub fn note_newest(&self, moment: Moment) {
        self.newest.store(moment.to_bits(), Release);
    }

    fn note_in_database(&self, version: u64) {
        self.in_database.fetch_max(version, Release);
    }
}
