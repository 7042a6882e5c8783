//! Least frequently used out first.

use super::list::{Links, List};
use super::per_slot::PerSlot;
use super::{Policy, Slot};

/// LFU over the entries that are held: the one used the fewest times since it was put in is evicted,
/// and among equals the one used longest ago. Counts are exact and never age.
///
/// In constant time by a list of the counts that occur, each with a list of its entries: Shah, Mitra
/// and Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme", 2010.
#[derive(Debug, Clone, Default)]
pub struct Lfu {
    links: Links,
    /// The group that a slot is in.
    group_of: PerSlot<u32>,
    groups: Vec<Group>,
    free_groups: Vec<u32>,
    group_links: Links,
    /// The groups in use, the highest count first.
    by_uses: List,
    len: usize,
}

/// The entries that were used equally often, the newest use first.
#[derive(Debug, Clone, Copy)]
struct Group {
    uses: u64,
    slots: List,
}

impl Lfu {
    fn new_group(&mut self, uses: u64) -> u32 {
        let group = Group { uses, slots: List::default() };
        if let Some(number) = self.free_groups.pop() {
            self.groups[number as usize] = group;
            return number;
        }
        self.groups.push(group);
        (self.groups.len() - 1) as u32
    }

    /// The group of entries used once.
    fn first_group(&mut self) -> u32 {
        match self.by_uses.back() {
            Some(lowest) if self.groups[lowest as usize].uses == 1 => lowest,
            _ => {
                let number = self.new_group(1);
                self.by_uses.push_back(&mut self.group_links, number);
                number
            }
        }
    }

    /// The group of entries used once more than those of `group`.
    fn group_above(&mut self, group: u32) -> u32 {
        let uses = self.groups[group as usize].uses + 1;
        match self.group_links.ahead(group) {
            Some(above) if self.groups[above as usize].uses == uses => above,
            _ => {
                let number = self.new_group(uses);
                self.by_uses.push_ahead_of(&mut self.group_links, group, number);
                number
            }
        }
    }

    fn put_in(&mut self, group: u32, slot: Slot) {
        self.groups[group as usize].slots.push_front(&mut self.links, slot);
        self.group_of.set(slot, group);
    }

    fn take_out(&mut self, group: u32, slot: Slot) {
        let slots = &mut self.groups[group as usize].slots;
        slots.remove(&mut self.links, slot);
        if slots.is_empty() {
            self.by_uses.remove(&mut self.group_links, group);
            self.free_groups.push(group);
        }
    }
}

impl Policy for Lfu {
    fn hit(&mut self, slot: Slot) {
        let group = self.group_of[slot];
        let above = self.group_above(group);
        self.take_out(group, slot);
        self.put_in(above, slot);
    }

    fn insert(&mut self, slot: Slot, _key_hash: u64) {
        let group = self.first_group();
        self.put_in(group, slot);
        self.len += 1;
    }

    fn remove(&mut self, slot: Slot) {
        self.take_out(self.group_of[slot], slot);
        self.len -= 1;
    }

    fn evict(&mut self, evicted: &mut impl FnMut(Slot)) {
        let least_used = self.by_uses.back().and_then(|lowest| self.groups[lowest as usize].slots.back());
        if let Some(slot) = least_used {
            self.remove(slot);
            evicted(slot);
        }
    }

    fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::eviction::references::NaiveLfu;
    use crate::model::eviction::testing::{self, assert_equal_to_reference};

    proptest! {
        #[test]
        fn lfu_hits_and_misses_as_its_reference_does(trace in testing::trace(), capacity in 1..30_u32) {
            assert_equal_to_reference(Lfu::default(), NaiveLfu::default(), capacity, &trace);
        }
    }
}
