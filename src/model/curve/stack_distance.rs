//! LRU at all capacities in one pass.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::num::NonZeroU32;

use super::access::Effect;
use super::time_line::TimeLine;
use super::{Access, KeyIndex, Keys, Tally, WritePolicy};

/// The stack distances of a stream's reads: how many entries a cache must hold for a read to hit.
///
/// LRU caches contain each other: one of C entries holds the C keys used last. So the keys, the
/// newest use first, are a stack whose top C places are the cache of C entries, for every C at once;
/// a read at place d hits where C ≥ d. Mattson, Gecsei, Slutz and Traiger, "Evaluation
/// techniques for storage hierarchies", IBM Systems Journal 9(2), 1970. The stack is not kept as such:
/// each key has the time of its last use, and its place is the number of times in use since then
/// (Bennett and Kruskal, "LRU stack processing", IBM Journal 19(4), 1975).
///
/// A deleted key leaves a *hole* at its place. Then a cache of C entries holds what its top C places
/// hold, and has as many entries free as there are holes among them. The next key used comes to
/// the top and pushes down those above the topmost hole, which it fills. Where the key came from a
/// place below that hole, the caches that reach down to it have hit, and have no fewer entries free than
/// before, so that the place it came from is a hole now; caches that end between the two missed, and
/// filled a free entry; smaller ones missed and evicted. Where it came from above the hole, it closes up
/// its own place, as without holes.
#[derive(Debug, Clone)]
pub struct StackDistances {
    on_write: WritePolicy,
    /// The time of each key's last use.
    last_use: KeyIndex,
    /// Marked where a place of the stack has its time: that of a key's last use, or of a hole.
    times: TimeLine,
    /// The topmost hole, which has the latest time, first.
    holes: BinaryHeap<u32>,
    /// The number of reads that hit at each place, the top first.
    hits: Vec<u64>,
    reads: u64,
}

impl StackDistances {
    /// An empty stack.
    #[must_use]
    pub fn new(on_write: WritePolicy, keys: Keys) -> Self {
        Self {
            on_write,
            last_use: KeyIndex::new(keys),
            times: TimeLine::new(),
            holes: BinaryHeap::new(),
            hits: Vec::new(),
            reads: 0,
        }
    }

    /// Takes in one access: the stack distance of a read of a key that is there, which is the smallest
    /// capacity at which it hits.
    #[inline]
    pub fn access(&mut self, access: Access) -> Option<NonZeroU32> {
        match self.on_write.effect(access.kind) {
            Effect::Use { counted } => {
                let distance = self.come_to_the_top(access.key);
                if !counted {
                    return None;
                }
                self.count(distance);
                distance.and_then(|distance| NonZeroU32::new(distance as u32))
            }
            Effect::Remove => {
                self.holes.extend(self.last_use.remove(access.key));
                None
            }
            Effect::Nothing => None,
        }
    }

    /// The reads so far, and how many of them hit in a cache of so many entries.
    #[must_use]
    pub fn tally(&self, capacity: NonZeroU32) -> Tally {
        let places = self.hits.len().min(capacity.get() as usize);
        Tally { reads: self.reads, hits: self.hits[..places].iter().sum() }
    }

    /// Counts from zero again; the stack stays.
    pub fn forget_tally(&mut self) {
        self.hits.fill(0);
        self.reads = 0;
    }

    /// Where in the stack the key was, counted from one. It is at the top now.
    #[inline]
    fn come_to_the_top(&mut self, key: u64) -> Option<usize> {
        if self.times.is_full() {
            self.press_times();
        }
        let last_use = self.last_use.get(key);
        let distance = last_use.map(|time| self.times.marks_since(time));
        if let Some(closed_up) = self.place_to_close_up(last_use) {
            self.times.unmark(closed_up);
        }
        let now = self.times.mark();
        self.last_use.set(key, now);
        distance
    }

    /// The place, told by its time, that goes when a key comes to the top: its own, or the topmost hole
    /// if that is above it, and then its own is a hole.
    #[inline]
    fn place_to_close_up(&mut self, own: Option<u32>) -> Option<u32> {
        let Some(mut topmost) = self.holes.peek_mut() else { return own };
        match own {
            Some(own) if own > *topmost => Some(own),
            Some(own) => Some(std::mem::replace(&mut *topmost, own)),
            None => Some(PeekMut::pop(topmost)),
        }
    }

    #[inline]
    fn count(&mut self, distance: Option<usize>) {
        self.reads += 1;
        let Some(distance) = distance else { return };
        if distance > self.hits.len() {
            self.hits.resize(self.times.marks(), 0);
        }
        self.hits[distance - 1] += 1;
    }

    #[cold]
    fn press_times(&mut self) {
        let pressed = self.times.press();
        self.last_use.change_all(|time| pressed.moved(time));
        let holes = std::mem::take(&mut self.holes).into_iter();
        self.holes = holes.map(|time| pressed.moved(time)).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::curve::testing::{self, Reading, zipf};
    use crate::model::curve::{AccessKind, Simulation};
    use crate::model::eviction::PolicyKind;
    use crate::model::eviction::references::NaiveLru;

    fn entries(entries: u32) -> NonZeroU32 {
        NonZeroU32::new(entries).expect("one or more")
    }

    /// At every capacity, at every access.
    fn assert_equal_to_naive_lru(on_write: WritePolicy, keys: Keys, trace: &[Access]) {
        let mut distances = StackDistances::new(on_write, keys);
        let mut caches: Vec<_> =
            (1..=45).map(|capacity| Reading::new(NaiveLru::default(), entries(capacity), on_write)).collect();
        for (number, &access) in trace.iter().enumerate() {
            let distance = distances.access(access);
            for (capacity, cache) in (1..).zip(&mut caches) {
                let hit = cache.access(access);
                let expected = hit.map(|_| distance.is_some_and(|distance| distance.get() <= capacity));
                assert_eq!(hit, expected, "capacity {capacity}, access {number}, {access:?}, {distance:?}");
            }
        }
        for (capacity, cache) in (1..).zip(&caches) {
            assert_eq!(distances.tally(entries(capacity)), cache.tally(), "capacity {capacity}");
        }
    }

    fn only(trace: Vec<Access>, kinds: &[AccessKind]) -> Vec<Access> {
        trace.into_iter().filter(|access| kinds.contains(&access.kind)).collect()
    }

    proptest! {
        #[test]
        fn distances_of_reads_are_those_of_naive_lru(keys in testing::keys(), trace in testing::trace()) {
            let trace = only(trace, &[AccessKind::Read]);
            assert_equal_to_naive_lru(WritePolicy::Update, keys, &trace);
        }

        #[test]
        fn distances_with_updates_are_those_of_naive_lru(keys in testing::keys(), trace in testing::trace()) {
            let trace = only(trace, &[AccessKind::Read, AccessKind::Write]);
            assert_equal_to_naive_lru(WritePolicy::Update, keys, &trace);
        }

        #[test]
        fn distances_with_deletes_are_those_of_naive_lru(
            on_write in testing::on_write(),
            keys in testing::keys(),
            trace in testing::trace(),
        ) {
            assert_equal_to_naive_lru(on_write, keys, &trace);
        }
    }

    /// Enough keys and accesses for the line of time to be pressed many times, with holes on it.
    #[test]
    fn a_long_trace_has_the_hits_of_a_simulation_at_every_capacity() {
        let kind = |number: u64| match crate::base::hash::mix(number) % 10 {
            0 => AccessKind::Delete,
            1 | 2 => AccessKind::Write,
            _ => AccessKind::Read,
        };
        let trace: Vec<_> = (0..)
            .zip(zipf(20_000, 0.8, 3))
            .map(|(number, key)| Access { key, kind: kind(number) })
            .take(300_000)
            .collect();
        for on_write in [WritePolicy::Update, WritePolicy::Invalidate] {
            let mut distances = StackDistances::new(on_write, Keys::Numbered(20_000));
            for &access in &trace {
                distances.access(access);
            }
            for capacity in [1, 10, 100, 1000, 5000, 20_000].map(entries) {
                let mut simulation =
                    Simulation::new(PolicyKind::Lru, capacity, on_write, Keys::Numbered(20_000), 1);
                for &access in &trace {
                    simulation.access(access);
                }
                assert_eq!(distances.tally(capacity), simulation.tally(), "{on_write:?}, {capacity}");
            }
        }
    }
}
