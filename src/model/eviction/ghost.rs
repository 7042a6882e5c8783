//! A queue of keys that are no longer held: what was evicted not long ago.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::Slot;
use super::list::{Links, List};

/// The newest evicted keys, by their hashes, first in first out. Two keys with one hash are one
/// ghost; with 64 bits that is too rare to matter.
#[derive(Debug, Clone, Default)]
pub(super) struct Ghost {
    capacity: usize,
    places: HashMap<u64, Slot, FxBuildHasher>,
    /// The hash at each place.
    hashes: Vec<u64>,
    free: Vec<Slot>,
    links: Links,
    queue: List,
}

impl Ghost {
    /// Changes how many keys are remembered; the oldest above it are forgotten.
    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        while self.queue.len() > capacity {
            self.forget_oldest();
        }
    }

    /// Remembers a key as the newest.
    pub(super) fn insert(&mut self, key_hash: u64) {
        let place = self.place_for(key_hash);
        if let Some(earlier) = self.places.insert(key_hash, place) {
            self.release(earlier);
        }
        self.queue.push_front(&mut self.links, place);
        if self.queue.len() > self.capacity {
            self.forget_oldest();
        }
    }

    /// Returns true if the key was remembered. It is no longer.
    pub(super) fn take(&mut self, key_hash: u64) -> bool {
        let Some(place) = self.places.remove(&key_hash) else { return false };
        self.release(place);
        true
    }

    fn place_for(&mut self, key_hash: u64) -> Slot {
        if let Some(place) = self.free.pop() {
            self.hashes[place as usize] = key_hash;
            return place;
        }
        self.hashes.push(key_hash);
        (self.hashes.len() - 1) as Slot
    }

    fn release(&mut self, place: Slot) {
        self.queue.remove(&mut self.links, place);
        self.free.push(place);
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.queue.back() {
            self.take(self.hashes[oldest as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_keys_are_remembered_until_they_are_taken() {
        let mut ghost = Ghost::default();
        ghost.set_capacity(3);
        (1..=5).for_each(|key| ghost.insert(key));
        assert_eq!([1, 2, 3, 4, 5].map(|key| ghost.take(key)), [false, false, true, true, true]);
        assert!(!ghost.take(5));
    }

    #[test]
    fn a_key_taken_makes_room_for_another() {
        let mut ghost = Ghost::default();
        ghost.set_capacity(2);
        ghost.insert(1);
        ghost.insert(2);
        ghost.take(2);
        ghost.insert(3);
        assert!(ghost.take(1) && ghost.take(3));
    }

    #[test]
    fn a_key_remembered_again_is_the_newest() {
        let mut ghost = Ghost::default();
        ghost.set_capacity(2);
        for key in [1, 2, 1, 3] {
            ghost.insert(key);
        }
        assert_eq!([1, 2, 3].map(|key| ghost.take(key)), [true, false, true]);
    }

    #[test]
    fn a_ghost_of_no_capacity_remembers_nothing() {
        let mut ghost = Ghost::default();
        ghost.insert(1);
        assert!(!ghost.take(1));
    }

    #[test]
    fn a_smaller_ghost_forgets_its_oldest_keys() {
        let mut ghost = Ghost::default();
        ghost.set_capacity(4);
        (1..=4).for_each(|key| ghost.insert(key));
        ghost.set_capacity(1);
        assert_eq!([1, 2, 3, 4].map(|key| ghost.take(key)), [false, false, false, true]);
    }
}
