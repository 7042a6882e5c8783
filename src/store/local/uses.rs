//! The uses of entries that the policy has not been told of yet.
//!
//! A hit changes only the policy's order. So threads look entries up side by side, under a shared lock, and
//! note the uses; a thread that takes the lock exclusively tells the policy of them first ("BP-Wrapper":
//! Ding, Jiang and Zhang, ICDE 2009). The policy hears of the uses of one thread in their order, before
//! anything that depends on them, so with one client every eviction is exactly the policy's. Only the order
//! of uses among threads that run at the same time is lost.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::model::eviction::Slot;

/// The number of batches of notes. If there are more threads, some share a batch.
const BATCHES: usize = 8;
/// The number of notes that fit in a batch.
const MOST: usize = 64;
/// The bit that marks a note of a token; the slot is below it.
const TOKEN: u64 = 1 << Slot::BITS;

/// The batches of noted uses, see the module.
#[derive(Debug, Default)]
pub(super) struct Uses([Batch; BATCHES]);

/// A batch of notes. It is written under the shared lock, and read and emptied under the exclusive one, where
/// every note is complete.
// The alignment keeps the notes of two threads off each other's cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Batch {
    /// The number of attempts to note a use. It exceeds [`MOST`] if the batch is full or threads share it.
    wanted: AtomicUsize,
    notes: [AtomicU64; MOST],
}

impl Default for Batch {
    fn default() -> Self {
        Self { wanted: AtomicUsize::new(0), notes: [const { AtomicU64::new(0) }; MOST] }
    }
}

/// The kind of entry that a read found under its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FoundEntry {
    /// A document, or the mark of an absent one.
    Answer,
    /// A token, which is a miss.
    Token,
}

impl Uses {
    /// Notes a use; returns false if there is no room. The caller holds the shared lock under which it found
    /// the slot.
    #[inline]
    pub(super) fn note(&self, slot: Slot, found: FoundEntry) -> bool {
        let batch = &self.0[batch_of_this_thread()];
        let Some(note) = batch.notes.get(batch.wanted.fetch_add(1, Relaxed)) else { return false };
        note.store(u64::from(slot) | if found == FoundEntry::Token { TOKEN } else { 0 }, Relaxed);
        true
    }

    /// Tells of all uses, each by its slot and whether it found a token. The caller holds the exclusive lock.
    pub(super) fn drain(&self, mut used: impl FnMut(Slot, bool)) {
        for batch in &self.0 {
            let noted = batch.wanted.load(Relaxed).min(MOST);
            if noted == 0 {
                continue;
            }
            for note in &batch.notes[..noted] {
                let note = note.load(Relaxed);
                used(note as Slot, note & TOKEN != 0);
            }
            batch.wanted.store(0, Relaxed);
        }
    }
}

/// The number of the batch that this thread uses, always the same one.
fn batch_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static BATCH: usize = NEXT.fetch_add(1, Relaxed) % BATCHES);
    BATCH.with(|batch| *batch)
}
