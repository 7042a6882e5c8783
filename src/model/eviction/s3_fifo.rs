//! Three queues: a small one that new entries must prove themselves in, a main one, and a ghost.

use std::num::NonZeroU32;

use super::ghost::Ghost;
use super::list::{Links, List};
use super::per_slot::PerSlot;
use super::{Policy, Slot};

/// The highest use count: two bits.
const MAX_USES: u8 = 3;

/// S3-FIFO: new entries go to a small queue of a tenth of the cache. What is used more than once
/// there moves to the main queue; the rest is evicted, and remembered in a ghost queue as long as the
/// main one. A key that comes back from the ghost goes to the main queue at once, and there an entry
/// is put to the front again as often as it was used, three times at most.
///
/// Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023,
/// algorithm 1. It does not say whether a key leaves the ghost queue when it comes back; here it does, as
/// in the authors' libCacheSim. A queue is full when it holds its share of the capacity or more.
#[derive(Debug, Clone)]
pub struct S3Fifo {
    capacity: usize,
    links: Links,
    small: List,
    main: List,
    ghost: Ghost,
    entries: PerSlot<Entry>,
    hashes: PerSlot<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    uses: u8,
    queue: Queue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Queue {
    #[default]
    Small,
    Main,
}

impl S3Fifo {
    /// An empty policy for a cache of so many entries.
    #[must_use]
    pub fn new(capacity: NonZeroU32) -> Self {
        let mut policy = Self {
            capacity: 0,
            links: Links::default(),
            small: List::default(),
            main: List::default(),
            ghost: Ghost::default(),
            entries: PerSlot::default(),
            hashes: PerSlot::default(),
        };
        policy.set_capacity(capacity);
        policy
    }

    /// EVICTS: evicts one entry of the small queue; those that were used more than once move to the main
    /// queue on the way, and make room there.
    fn evict_from_small(&mut self, evicted: &mut impl FnMut(Slot)) {
        while let Some(slot) = self.small.pop_back(&mut self.links) {
            if self.entries[slot].uses <= 1 {
                self.ghost.insert(self.hashes[slot]);
                evicted(slot);
                return;
            }
            self.entries[slot].queue = Queue::Main;
            self.main.push_front(&mut self.links, slot);
            if self.main_is_full() {
                self.evict_from_main(evicted);
            }
        }
    }

    /// EVICTM: evicts the last entry of the main queue with no uses left; each one passed over has one less.
    fn evict_from_main(&mut self, evicted: &mut impl FnMut(Slot)) {
        while let Some(slot) = self.main.pop_back(&mut self.links) {
            if self.entries[slot].uses == 0 {
                evicted(slot);
                return;
            }
            self.entries[slot].uses -= 1;
            self.main.push_front(&mut self.links, slot);
        }
    }

    fn small_is_full(&self) -> bool {
        self.small.len() * 10 >= self.capacity
    }

    fn main_is_full(&self) -> bool {
        self.main.len() * 10 >= self.capacity * 9
    }
}

impl Policy for S3Fifo {
    #[inline]
    fn hit(&mut self, slot: Slot) {
        let uses = &mut self.entries[slot].uses;
        *uses = (*uses + 1).min(MAX_USES);
    }

    #[inline]
    fn insert(&mut self, slot: Slot, key_hash: u64) {
        let queue = if self.ghost.take(key_hash) { Queue::Main } else { Queue::Small };
        match queue {
            Queue::Small => self.small.push_front(&mut self.links, slot),
            Queue::Main => self.main.push_front(&mut self.links, slot),
        }
        self.entries.set(slot, Entry { uses: 0, queue });
        self.hashes.set(slot, key_hash);
    }

    fn remove(&mut self, slot: Slot) {
        match self.entries[slot].queue {
            Queue::Small => self.small.remove(&mut self.links, slot),
            Queue::Main => self.main.remove(&mut self.links, slot),
        }
    }

    fn evict(&mut self, evicted: &mut impl FnMut(Slot)) {
        let before = self.len();
        // One turn can evict none: all of the small queue may move to the main one.
        while self.len() == before && before > 0 {
            // With a budget in bytes there may be fewer entries than expected, all in the small queue.
            if self.small_is_full() || self.main.is_empty() {
                self.evict_from_small(evicted);
            } else {
                self.evict_from_main(evicted);
            }
        }
    }

    fn len(&self) -> usize {
        self.small.len() + self.main.len()
    }

    fn set_capacity(&mut self, entries: NonZeroU32) {
        self.capacity = entries.get() as usize;
        self.ghost.set_capacity(self.capacity * 9 / 10);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::eviction::references::NaiveS3Fifo;
    use crate::model::eviction::testing::{self, assert_equal_to_reference};

    proptest! {
        #[test]
        fn s3_fifo_hits_and_misses_as_its_reference_does(trace in testing::trace(), capacity in 1..30_u32) {
            let policy = S3Fifo::new(NonZeroU32::new(capacity).expect("one or more"));
            assert_equal_to_reference(policy, NaiveS3Fifo::default(), capacity, &trace);
        }
    }
}
