//! One policy at one capacity.

use std::num::NonZeroU32;

use super::access::Effect;
use super::{Access, KeyIndex, Keys, Tally, WritePolicy};
use crate::base::hash::mix;
use crate::model::eviction::{AnyPolicy, Policy, PolicyKind, Slot};

/// A cache that holds keys alone, all of one weight, and counts its hits.
#[derive(Debug, Clone)]
pub struct Simulation {
    policy: AnyPolicy,
    capacity: usize,
    on_write: WritePolicy,
    index: KeyIndex,
    /// The key in each slot that was ever used.
    keys: Vec<u64>,
    free: Vec<Slot>,
    tally: Tally,
}

impl Simulation {
    /// An empty cache. The seed is for policies that draw lots.
    #[must_use]
    pub fn new(
        policy: PolicyKind,
        capacity: NonZeroU32,
        on_write: WritePolicy,
        keys: Keys,
        seed: u64,
    ) -> Self {
        Self {
            policy: policy.build(capacity, seed),
            capacity: capacity.get() as usize,
            on_write,
            index: KeyIndex::new(keys),
            keys: Vec::new(),
            free: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Simulates one access: whether it hit, where it was a read.
    #[inline]
    pub fn access(&mut self, access: Access) -> Option<bool> {
        match self.on_write.effect(access.kind) {
            Effect::Use { counted } => {
                let hit = self.look_up(access.key);
                counted.then(|| {
                    self.tally.reads += 1;
                    self.tally.hits += u64::from(hit);
                    hit
                })
            }
            Effect::Remove => {
                self.remove(access.key);
                None
            }
            Effect::Nothing => None,
        }
    }

    /// The reads so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Counts from zero again; what is held stays.
    pub fn forget_tally(&mut self) {
        self.tally = Tally::default();
    }

    /// Returns the number of keys that are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len() - self.free.len()
    }

    /// Returns true if nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if the key was there. It is now.
    #[inline]
    fn look_up(&mut self, key: u64) -> bool {
        let slot = self.index.get(key);
        match slot {
            Some(slot) => self.policy.hit(slot),
            None => self.put_in(key),
        }
        slot.is_some()
    }

    #[inline]
    fn put_in(&mut self, key: u64) {
        while self.len() >= self.capacity {
            self.evict();
        }
        let slot = self.slot_for(key);
        self.index.set(key, slot);
        self.policy.insert(slot, mix(key));
    }

    #[inline]
    fn evict(&mut self) {
        let Self { policy, index, keys, free, .. } = self;
        policy.evict(&mut |slot| {
            index.remove(keys[slot as usize]);
            free.push(slot);
        });
    }

    #[inline]
    fn slot_for(&mut self, key: u64) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.keys[slot as usize] = key;
            return slot;
        }
        self.keys.push(key);
        (self.keys.len() - 1) as Slot
    }

    fn remove(&mut self, key: u64) {
        if let Some(slot) = self.index.remove(key) {
            self.policy.remove(slot);
            self.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::curve::testing::{self, Reading};
    use crate::model::eviction::references::{
        NaiveFifo, NaiveLfu, NaiveLru, NaiveS3Fifo, NaiveSieve, NaiveWTinyLfu, Reference,
    };

    fn reference(policy: PolicyKind, capacity: NonZeroU32) -> Option<Box<dyn Reference>> {
        match policy {
            PolicyKind::Lru => Some(Box::new(NaiveLru::default())),
            PolicyKind::Lfu => Some(Box::new(NaiveLfu::default())),
            PolicyKind::S3Fifo => Some(Box::new(NaiveS3Fifo::default())),
            PolicyKind::Sieve => Some(Box::new(NaiveSieve::default())),
            PolicyKind::Fifo => Some(Box::new(NaiveFifo::default())),
            PolicyKind::WTinyLfu => Some(Box::new(NaiveWTinyLfu::new(capacity.get() as usize))),
            PolicyKind::Random => None,
        }
    }

    proptest! {
        #[test]
        fn a_simulation_hits_and_misses_as_the_policys_reference_does(
            policy in prop::sample::select(PolicyKind::ALL.to_vec()),
            capacity in testing::capacity(),
            on_write in testing::on_write(),
            keys in testing::keys(),
            trace in testing::trace(),
        ) {
            let mut simulation = Simulation::new(policy, capacity, on_write, keys, 1);
            let mut reading = reference(policy, capacity).map(|reference| Reading::new(reference, capacity, on_write));
            for (number, &access) in trace.iter().enumerate() {
                let hit = simulation.access(access);
                if let Some(reading) = &mut reading {
                    prop_assert_eq!(hit, reading.access(access), "access {}, {:?}", number, access);
                }
                prop_assert!(simulation.len() <= capacity.get() as usize);
            }
            if let Some(reading) = &reading {
                prop_assert_eq!(simulation.tally(), reading.tally());
            }
        }

        #[test]
        fn a_cache_that_all_keys_fit_in_misses_each_once(
            policy in prop::sample::select(PolicyKind::ALL.to_vec()),
            keys in prop::collection::vec(0..100_u64, 0..300),
        ) {
            let capacity = NonZeroU32::new(100).expect("a hundred");
            let mut simulation = Simulation::new(policy, capacity, WritePolicy::Update, Keys::Numbered(100), 1);
            let mut seen = std::collections::BTreeSet::new();
            for key in keys {
                prop_assert_eq!(simulation.access(Access::read(key)), Some(!seen.insert(key)));
            }
        }
    }

    /// Enough room for W-TinyLFU's window to hold several entries, and for ghosts to come and go.
    #[test]
    fn a_larger_cache_hits_and_misses_as_the_policys_reference_does() {
        let capacity = NonZeroU32::new(400).expect("some");
        for policy in PolicyKind::ALL {
            let Some(reference) = reference(policy, capacity) else { continue };
            let mut reading = Reading::new(reference, capacity, WritePolicy::Update);
            let mut simulation = Simulation::new(policy, capacity, WritePolicy::Update, Keys::Hashed, 1);
            for (number, key) in testing::zipf(4000, 0.8, 13).take(30_000).enumerate() {
                let access = if number % 50 == 0 { Access::delete(key) } else { Access::read(key) };
                assert_eq!(simulation.access(access), reading.access(access), "{policy}, access {number}");
            }
        }
    }

    #[test]
    fn what_was_counted_can_be_forgotten_and_what_is_held_stays() {
        let capacity = NonZeroU32::new(2).expect("two");
        let mut simulation = Simulation::new(PolicyKind::Lru, capacity, WritePolicy::Update, Keys::Hashed, 1);
        simulation.access(Access::read(1));
        simulation.forget_tally();
        simulation.access(Access::read(1));
        assert_eq!(simulation.tally(), Tally { reads: 1, hits: 1 });
    }

    /// Che, Tung and Wang, "Hierarchical web caching systems", 2002: LRU with room for a tenth of 10⁵ keys.
    #[test]
    fn lru_under_zipf_hits_as_ches_approximation_predicts() {
        for (exponent, predicted) in [(0.8, 0.4687), (0.99, 0.7250), (1.2, 0.9176)] {
            let (capacity, keys) = (NonZeroU32::new(10_000).expect("some"), Keys::Numbered(100_000));
            let mut simulation = Simulation::new(PolicyKind::Lru, capacity, WritePolicy::Update, keys, 1);
            let mut stream = testing::zipf(100_000, exponent, 7).map(Access::read);
            for access in stream.by_ref().take(500_000) {
                simulation.access(access);
            }
            simulation.forget_tally();
            for access in stream.take(1_000_000) {
                simulation.access(access);
            }
            let Tally { reads, hits } = simulation.tally();
            let hit_rate = hits as f64 / reads as f64;
            assert!(
                (hit_rate - predicted).abs() < 0.003,
                "exponent {exponent}: {hit_rate:.4}, not {predicted}"
            );
        }
    }
}
