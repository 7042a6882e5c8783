//! A small window for what is new, and a main part that only what is popular gets into.

use std::num::NonZeroU32;

use super::frequency_sketch::FrequencySketch;
use super::list::{Links, List};
use super::per_slot::PerSlot;
use super::{Policy, Slot};

/// W-TinyLFU: new entries go to an LRU window of a hundredth of the cache. Who leaves it competes with
/// the next victim of the main part, and the one that was used more often of late stays; a
/// count-min sketch remembers how often, for keys that are not held too. The main part is a
/// segmented LRU: probation, and four fifths of it protected, for entries used again while on probation.
///
/// Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM
/// Transactions on Storage 13(4), 2017; without its doorkeeper, which saves memory.
#[derive(Debug, Clone)]
pub struct WTinyLfu {
    window_capacity: usize,
    protected_capacity: usize,
    links: Links,
    window: List,
    probation: List,
    protected: List,
    part: PerSlot<Part>,
    hashes: PerSlot<u64>,
    frequency: FrequencySketch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Window,
    Probation,
    Protected,
}

impl WTinyLfu {
    /// An empty policy for a cache of so many entries.
    #[must_use]
    pub fn new(capacity: NonZeroU32) -> Self {
        let mut policy = Self {
            window_capacity: 0,
            protected_capacity: 0,
            links: Links::default(),
            window: List::default(),
            probation: List::default(),
            protected: List::default(),
            part: PerSlot::default(),
            hashes: PerSlot::default(),
            frequency: FrequencySketch::default(),
        };
        policy.set_capacity(capacity);
        policy
    }

    fn list(&mut self, part: Part) -> (&mut List, &mut Links) {
        let list = match part {
            Part::Window => &mut self.window,
            Part::Probation => &mut self.probation,
            Part::Protected => &mut self.protected,
        };
        (list, &mut self.links)
    }

    fn put_in(&mut self, part: Part, slot: Slot) {
        let (list, links) = self.list(part);
        list.push_front(links, slot);
        self.part.set(slot, part);
    }

    /// Protects an entry that was used while on probation; whom that pushes out is on probation again.
    fn protect(&mut self, slot: Slot) {
        self.probation.remove(&mut self.links, slot);
        self.put_in(Part::Protected, slot);
        while self.protected.len() > self.protected_capacity {
            let Some(demoted) = self.protected.pop_back(&mut self.links) else { return };
            self.put_in(Part::Probation, demoted);
        }
    }

    fn admit_oldest_of_window(&mut self) {
        if let Some(slot) = self.window.pop_back(&mut self.links) {
            self.put_in(Part::Probation, slot);
        }
    }

    /// Who leaves the window when the next entry comes, while the window is full.
    fn candidate(&self) -> Option<Slot> {
        self.window.back().filter(|_| self.window.len() >= self.window_capacity)
    }

    /// The next victim of the main part.
    fn main_victim(&self) -> Option<Slot> {
        self.probation.back().or(self.protected.back())
    }

    /// TinyLFU's admission: a candidate that was not used more often than the victim is not worth it.
    fn is_more_frequent(&self, candidate: Slot, victim: Slot) -> bool {
        self.frequency.estimate(self.hashes[candidate]) > self.frequency.estimate(self.hashes[victim])
    }
}

impl Policy for WTinyLfu {
    #[inline]
    fn hit(&mut self, slot: Slot) {
        self.frequency.count(self.hashes[slot]);
        match self.part[slot] {
            Part::Probation => self.protect(slot),
            Part::Window => self.window.move_to_front(&mut self.links, slot),
            Part::Protected => self.protected.move_to_front(&mut self.links, slot),
        }
    }

    fn insert(&mut self, slot: Slot, key_hash: u64) {
        self.frequency.hold(self.len() + 1);
        self.frequency.count(key_hash);
        self.hashes.set(slot, key_hash);
        self.put_in(Part::Window, slot);
        // While the cache fills, the main part takes whoever leaves the window.
        while self.window.len() > self.window_capacity {
            self.admit_oldest_of_window();
        }
    }

    fn remove(&mut self, slot: Slot) {
        let (list, links) = self.list(self.part[slot]);
        list.remove(links, slot);
    }

    fn evict(&mut self, evicted: &mut impl FnMut(Slot)) {
        let loser = match (self.candidate(), self.main_victim()) {
            (Some(candidate), Some(victim)) if self.is_more_frequent(candidate, victim) => {
                self.admit_oldest_of_window();
                victim
            }
            (Some(candidate), _) => candidate,
            (None, Some(victim)) => victim,
            (None, None) => match self.window.back() {
                Some(oldest) => oldest,
                None => return,
            },
        };
        self.remove(loser);
        evicted(loser);
    }

    fn len(&self) -> usize {
        self.window.len() + self.probation.len() + self.protected.len()
    }

    fn set_capacity(&mut self, entries: NonZeroU32) {
        let entries = entries.get() as usize;
        self.window_capacity = (entries / 100).max(1);
        self.protected_capacity = (entries - self.window_capacity) * 4 / 5;
        self.frequency.set_capacity(entries);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::eviction::references::NaiveWTinyLfu;
    use crate::model::eviction::testing::{self, CacheOfKeys, assert_equal_to_reference};

    proptest! {
        #[test]
        fn w_tiny_lfu_hits_and_misses_as_its_reference_does(
            trace in testing::trace(),
            capacity in 1..30_u32,
        ) {
            let policy = WTinyLfu::new(NonZeroU32::new(capacity).expect("one or more"));
            let reference = NaiveWTinyLfu::new(capacity as usize);
            assert_equal_to_reference(policy, reference, capacity, &trace);
        }
    }

    fn cache(capacity: u32) -> CacheOfKeys<WTinyLfu> {
        let capacity = NonZeroU32::new(capacity).expect("one or more");
        CacheOfKeys::new(WTinyLfu::new(capacity), capacity.get())
    }

    #[test]
    fn a_scan_does_not_push_out_what_is_used_often() {
        let mut cache = cache(100);
        for _ in 0..5 {
            cache.access_all(0..90);
        }
        cache.access_all(1000..1500);
        assert!((0..90).filter(|&key| cache.holds(key)).count() >= 88);
    }

    #[test]
    fn what_becomes_popular_replaces_what_was() {
        let mut cache = cache(100);
        for _ in 0..20 {
            cache.access_all(0..100);
        }
        for _ in 0..60 {
            cache.access_all(1000..1050);
        }
        assert!((1000..1050).filter(|&key| cache.holds(key)).count() >= 48);
    }

    #[test]
    fn protected_entries_are_four_fifths_of_the_main_part_at_most() {
        let mut cache = cache(200);
        for _ in 0..5 {
            cache.access_all(0..200);
        }
        let policy = cache.policy();
        assert_eq!((policy.window.len(), policy.probation.len(), policy.protected.len()), (2, 40, 158));
    }
}
