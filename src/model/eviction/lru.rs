//! Least recently used out first.

use super::list::{Links, List};
use super::{Policy, Slot};

/// LRU: an entry goes to the front whenever it is used, and the last one is evicted.
///
/// Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies", IBM Systems
/// Journal 9(2), 1970.
#[derive(Debug, Clone, Default)]
pub struct Lru {
    links: Links,
    recency: List,
}

impl Policy for Lru {
    #[inline]
    fn hit(&mut self, slot: Slot) {
        self.recency.move_to_front(&mut self.links, slot);
    }

    #[inline]
    fn insert(&mut self, slot: Slot, _key_hash: u64) {
        self.recency.push_front(&mut self.links, slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.recency.remove(&mut self.links, slot);
    }

    #[inline]
    fn evict(&mut self, evicted: &mut impl FnMut(Slot)) {
        if let Some(slot) = self.recency.pop_back(&mut self.links) {
            evicted(slot);
        }
    }

    fn len(&self) -> usize {
        self.recency.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::eviction::references::NaiveLru;
    use crate::model::eviction::testing::{self, assert_equal_to_reference};

    proptest! {
        #[test]
        fn lru_hits_and_misses_as_its_reference_does(trace in testing::trace(), capacity in 1..30_u32) {
            assert_equal_to_reference(Lru::default(), NaiveLru::default(), capacity, &trace);
        }
    }
}
