//! Any entry, with equal chances.

use super::per_slot::PerSlot;
use super::{Policy, Slot};
use crate::base::hash::mix;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Random replacement: every entry is as likely to be evicted as every other. Equal seeds and equal
/// histories evict equal entries.
#[derive(Debug, Clone)]
pub struct Random {
    held: Vec<Slot>,
    /// The position of each slot in `held`.
    place: PerSlot<u32>,
    /// The state of SplitMix64 (Steele, Lea and Flood, 2014).
    state: u64,
}

impl Random {
    /// An empty policy that chooses by the numbers of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { held: Vec::new(), place: PerSlot::default(), state: seed }
    }

    /// A number below `limit`, by multiplication (Lemire, 2019); with 64 bits its bias is not to be seen.
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(GOLDEN);
        ((u128::from(mix(self.state)) * limit as u128) >> 64) as usize
    }
}

impl Policy for Random {
    #[inline]
    fn hit(&mut self, _slot: Slot) {}

    #[inline]
    fn insert(&mut self, slot: Slot, _key_hash: u64) {
        self.place.set(slot, self.held.len() as u32);
        self.held.push(slot);
    }

    fn remove(&mut self, slot: Slot) {
        let place = self.place[slot];
        self.held.swap_remove(place as usize);
        if let Some(&moved) = self.held.get(place as usize) {
            self.place[moved] = place;
        }
    }

    #[inline]
    fn evict(&mut self, evicted: &mut impl FnMut(Slot)) {
        if self.held.is_empty() {
            return;
        }
        let chosen = self.below(self.held.len());
        let slot = self.held[chosen];
        self.remove(slot);
        evicted(slot);
    }

    fn len(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_as_likely_to_go_as_every_other() {
        let mut policy = Random::new(1);
        (0..10).for_each(|slot| policy.insert(slot, 0));
        let mut times = [0_u32; 10];
        for _ in 0..100_000 {
            let mut gone = None;
            policy.evict(&mut |slot| gone = Some(slot));
            let slot = gone.expect("there are ten");
            times[slot as usize] += 1;
            policy.insert(slot, 0);
        }
        // Five standard deviations of a binomial (100 000, 0.1).
        assert!(times.iter().all(|&times| times.abs_diff(10_000) < 475), "{times:?}");
    }

    #[test]
    fn equal_seeds_evict_equal_entries() {
        let evictions = |seed| {
            let mut policy = Random::new(seed);
            (0..50).for_each(|slot| policy.insert(slot, 0));
            let mut gone = Vec::new();
            while !policy.is_empty() {
                policy.evict(&mut |slot| gone.push(slot));
            }
            gone
        };
        assert_eq!(evictions(7), evictions(7));
        assert_ne!(evictions(7), evictions(8));
    }
}
