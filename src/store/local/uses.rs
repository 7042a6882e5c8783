//! Uses of entries that the policy has not been told of yet.
//!
//! A hit changes nothing but the policy's order. So threads look entries up side by side, under a shared lock, and
//! note what they used; whoever takes the lock alone tells the policy first ("BP-Wrapper": Ding, Jiang and Zhang, ICDE
//! 2009). What one thread did is told in its order, before anything that depends on it: with one client every
//! eviction is exactly the policy's. Of what several threads did at once, only the order among them is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::Store;
use crate::eviction::Slot;

/// Threads that note side by side; more share places.
const PLACES: usize = 8;
/// A thread that has noted so many sees to it that the policy is told.
const MOST: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Uses([Place; PLACES]);

// The alignment keeps the notes of two threads off each other's cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place {
    /// Whether there is a note. Set under the shared lock, and so seen by whoever holds it alone.
    any: AtomicBool,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    slots: Vec<Slot>,
    hits: u64,
    misses: u64,
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
    /// Notes a use; the caller holds the shared lock, in which it found the slot. Returns whether it is time to tell
    /// the policy.
    pub(super) fn note(&self, slot: Slot, found: Found) -> bool {
        let place = &self.0[place_of_this_thread()];
        let mut notes = place.notes.lock();
        notes.slots.push(slot);
        match found {
            Found::Answer => notes.hits += 1,
            Found::Token => notes.misses += 1,
        }
        place.any.store(true, Relaxed);
        notes.slots.len() >= MOST
    }

    /// Tells the policy of all uses; the caller holds the lock alone.
    pub(super) fn tell(&self, store: &mut Store) {
        for place in &self.0 {
            if place.any.swap(false, Relaxed) {
                place.notes.lock().tell(store);
            }
        }
    }
}

impl Notes {
    fn tell(&mut self, store: &mut Store) {
        for slot in self.slots.drain(..) {
            store.entries.touch(slot);
        }
        store.statistics.hits += std::mem::take(&mut self.hits);
        store.statistics.misses += std::mem::take(&mut self.misses);
    }
}

/// Each thread keeps to one place.
fn place_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static PLACE: usize = NEXT.fetch_add(1, Relaxed) % PLACES);
    PLACE.with(|place| *place)
}
