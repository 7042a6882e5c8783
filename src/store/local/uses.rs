//! Uses of entries that the policy has not been told of yet.
//!
//! A hit changes nothing but the policy's order. So threads look entries up side by side, under a shared lock, and
//! note what they used; whoever takes the lock alone tells the policy first ("BP-Wrapper": Ding, Jiang and Zhang, ICDE
//! 2009). What one thread did is told in its order, before anything that depends on it: with one client every
//! eviction is exactly the policy's. Of what several threads did at once, only the order among them is lost.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::eviction::Slot;

/// Threads that note side by side; more share batches.
const BATCHES: usize = 8;
/// So many notes fit in a batch.
const MOST: usize = 64;
/// Beside the slot in a note of a token.
const TOKEN: u64 = 1 << Slot::BITS;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Uses([Batch; BATCHES]);

/// Written under the shared lock, and read and emptied by whoever holds it alone, who so sees every note whole.
// The alignment keeps the notes of two threads off each other's cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Batch {
    /// How many wanted to note something; more than [`MOST`] where threads share the batch.
    wanted: AtomicUsize,
    notes: [AtomicU64; MOST],
}

impl Default for Batch {
    fn default() -> Self {
        Self { wanted: AtomicUsize::new(0), notes: [const { AtomicU64::new(0) }; MOST] }
    }
}

/// What a read came to that found something under its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A document, or the mark of an absent one.
    Answer,
    /// A token, which is a miss.
    Token,
}

impl Uses {
    /// Notes a use and returns `true`, or `false` where there is no room; the caller holds the shared lock, under which it
    /// found the slot.
    #[inline]
    pub(super) fn note(&self, slot: Slot, found: Found) -> bool {
        let batch = &self.0[batch_of_this_thread()];
        let Some(note) = batch.notes.get(batch.wanted.fetch_add(1, Relaxed)) else { return false };
        note.store(u64::from(slot) | if found == Found::Token { TOKEN } else { 0 }, Relaxed);
        true
    }

    /// Tells of all uses, each a slot and whether it holds a token; the caller holds the lock alone.
    pub(super) fn tell(&self, mut used: impl FnMut(Slot, bool)) {
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

/// Each thread keeps to one batch.
fn batch_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static BATCH: usize = NEXT.fetch_add(1, Relaxed) % BATCHES);
    BATCH.with(|batch| *batch)
}
