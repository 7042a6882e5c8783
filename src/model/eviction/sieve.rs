//! A queue that a hand passes over, leaving what was used since it came by.

use super::list::{Links, List};
use super::per_slot::PerSlot;
use super::{Policy, Slot};

/// SIEVE: a hit only marks the entry. To evict, a hand moves from the back of the queue to its front
/// and round again; it takes the marks off and evicts the first entry that has none.
///
/// Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is simpler than LRU: an efficient turn-key eviction
/// algorithm for web caches", NSDI 2024, algorithm 1.
#[derive(Debug, Clone, Default)]
pub struct Sieve {
    links: Links,
    queue: List,
    visited: PerSlot<bool>,
    /// The next entry to look at; none means the one at the back.
    hand: Option<Slot>,
}

impl Policy for Sieve {
    #[inline]
    fn hit(&mut self, slot: Slot) {
        self.visited[slot] = true;
    }

    #[inline]
    fn insert(&mut self, slot: Slot, _key_hash: u64) {
        self.queue.push_front(&mut self.links, slot);
        self.visited.set(slot, false);
    }

    fn remove(&mut self, slot: Slot) {
        if self.hand == Some(slot) {
            self.hand = self.links.ahead(slot);
        }
        self.queue.remove(&mut self.links, slot);
    }

    #[inline]
    fn evict(&mut self, evicted: &mut impl FnMut(Slot)) {
        let Some(mut slot) = self.hand.or(self.queue.back()) else { return };
        while self.visited[slot] {
            self.visited[slot] = false;
            slot = self.links.ahead(slot).or(self.queue.back()).expect("the queue holds this slot");
        }
        self.hand = self.links.ahead(slot);
        self.queue.remove(&mut self.links, slot);
        evicted(slot);
    }

    fn len(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::eviction::references::NaiveSieve;
    use crate::model::eviction::testing::{self, assert_equal_to_reference};

    proptest! {
        #[test]
        fn sieve_hits_and_misses_as_its_reference_does(trace in testing::trace(), capacity in 1..30_u32) {
            assert_equal_to_reference(Sieve::default(), NaiveSieve::default(), capacity, &trace);
        }
    }
}
