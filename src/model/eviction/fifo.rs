//! First in, first out.

use super::list::{Links, List};
use super::{Policy, Slot};

/// FIFO: the entry that was put in longest ago is evicted, however often it is used or overwritten.
#[derive(Debug, Clone, Default)]
pub struct Fifo {
    links: Links,
    queue: List,
}

impl Policy for Fifo {
    #[inline]
    fn hit(&mut self, _slot: Slot) {}

    #[inline]
    fn insert(&mut self, slot: Slot, _key_hash: u64) {
        self.queue.push_front(&mut self.links, slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.queue.remove(&mut self.links, slot);
    }

    #[inline]
    fn evict(&mut self, evicted: &mut impl FnMut(Slot)) {
        if let Some(slot) = self.queue.pop_back(&mut self.links) {
            evicted(slot);
        }
    }

    fn len(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::eviction::references::NaiveFifo;
    use crate::model::eviction::testing::{self, assert_equal_to_reference};

    proptest! {
        #[test]
        fn fifo_hits_and_misses_as_its_reference_does(trace in testing::trace(), capacity in 1..30_u32) {
            assert_equal_to_reference(Fifo::default(), NaiveFifo::default(), capacity, &trace);
        }
    }
}
