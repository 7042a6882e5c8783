//! Doubly linked lists of slots, without an allocation for each element.
//!
//! The links are in one array, eight bytes a slot, and several lists share it: a slot is in at most
//! one of them, and moves from one to another without moving in memory.

use super::Slot;
use super::per_slot::PerSlot;

/// No slot: the neighbour of the first and of the last.
const NONE: Slot = Slot::MAX;

#[derive(Debug, Clone, Copy, Default)]
struct Neighbours {
    ahead: Slot,
    behind: Slot,
}

/// The links of all lists over the same slots.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    of: PerSlot<Neighbours>,
}

impl Links {
    /// The slot one nearer to the front of the list that `slot` is in.
    #[inline]
    pub(super) fn ahead(&self, slot: Slot) -> Option<Slot> {
        some(self.of[slot].ahead)
    }
}

/// One list. Its methods take the [`Links`] that it was built with.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    front: Slot,
    back: Slot,
    len: usize,
}

impl Default for List {
    fn default() -> Self {
        Self { front: NONE, back: NONE, len: 0 }
    }
}

impl List {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(super) fn back(&self) -> Option<Slot> {
        some(self.back)
    }

    /// Puts a slot that is in no list first.
    #[inline]
    pub(super) fn push_front(&mut self, links: &mut Links, slot: Slot) {
        links.of.set(slot, Neighbours { ahead: NONE, behind: self.front });
        self.point_back_from(links, self.front, slot);
        self.front = slot;
        self.len += 1;
    }

    /// Puts a slot that is in no list last.
    pub(super) fn push_back(&mut self, links: &mut Links, slot: Slot) {
        links.of.set(slot, Neighbours { ahead: self.back, behind: NONE });
        self.point_forward_from(links, self.back, slot);
        self.back = slot;
        self.len += 1;
    }

    /// Puts a slot that is in no list ahead of one in this list.
    pub(super) fn push_ahead_of(&mut self, links: &mut Links, behind: Slot, slot: Slot) {
        let ahead = links.of[behind].ahead;
        links.of.set(slot, Neighbours { ahead, behind });
        links.of[behind].ahead = slot;
        self.point_forward_from(links, ahead, slot);
        self.len += 1;
    }

    /// Takes a slot of this list out.
    #[inline]
    pub(super) fn remove(&mut self, links: &mut Links, slot: Slot) {
        let Neighbours { ahead, behind } = links.of[slot];
        self.point_forward_from(links, ahead, behind);
        self.point_back_from(links, behind, ahead);
        self.len -= 1;
    }

    /// Takes the last slot out.
    #[inline]
    pub(super) fn pop_back(&mut self, links: &mut Links) -> Option<Slot> {
        let last = self.back()?;
        self.remove(links, last);
        Some(last)
    }

    /// Puts a slot of this list first.
    #[inline]
    pub(super) fn move_to_front(&mut self, links: &mut Links, slot: Slot) {
        // The hottest entries are often first already.
        if self.front != slot {
            self.remove(links, slot);
            self.push_front(links, slot);
        }
    }

    /// Makes `behind` the one behind `slot`, or the first where there is no `slot`.
    #[inline]
    fn point_forward_from(&mut self, links: &mut Links, slot: Slot, behind: Slot) {
        if slot == NONE {
            self.front = behind;
        } else {
            links.of[slot].behind = behind;
        }
    }

    /// Makes `ahead` the one ahead of `slot`, or the last where there is no `slot`.
    #[inline]
    fn point_back_from(&mut self, links: &mut Links, slot: Slot, ahead: Slot) {
        if slot == NONE {
            self.back = ahead;
        } else {
            links.of[slot].ahead = ahead;
        }
    }
}

#[inline]
fn some(slot: Slot) -> Option<Slot> {
    (slot != NONE).then_some(slot)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn forward(links: &Links, list: List) -> Vec<Slot> {
        std::iter::successors(some(list.front), |&slot| some(links.of[slot].behind)).collect()
    }

    fn backward(links: &Links, list: List) -> Vec<Slot> {
        std::iter::successors(list.back(), |&slot| links.ahead(slot)).collect()
    }

    proptest! {
        #[test]
        fn two_lists_over_the_same_links_are_two_deques(
            steps in prop::collection::vec((0..6_u8, 0..2_usize, 0..8_u32), 0..200),
        ) {
            let mut links = Links::default();
            let mut lists = [List::default(); 2];
            let mut deques = [VecDeque::new(), VecDeque::new()];
            for (step, which, slot) in steps {
                let (list, other) = (&mut lists[which], deques[1 - which].contains(&slot));
                let deque = &mut deques[which];
                match (step, deque.iter().position(|&held| held == slot)) {
                    (0, None) if !other => {
                        list.push_front(&mut links, slot);
                        deque.push_front(slot);
                    }
                    (1, None) if !other => {
                        list.push_back(&mut links, slot);
                        deque.push_back(slot);
                    }
                    (2, Some(at)) => {
                        list.remove(&mut links, slot);
                        deque.remove(at);
                    }
                    (3, Some(at)) => {
                        list.move_to_front(&mut links, slot);
                        deque.remove(at);
                        deque.push_front(slot);
                    }
                    (4, _) => prop_assert_eq!(list.pop_back(&mut links), deque.pop_back()),
                    (5, None) if !other && !deque.is_empty() => {
                        let at = slot as usize % deque.len();
                        list.push_ahead_of(&mut links, deque[at], slot);
                        deque.insert(at, slot);
                    }
                    _ => {}
                }
                prop_assert_eq!(list.len(), deque.len());
                prop_assert_eq!(forward(&links, *list), deque.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(backward(&links, *list), deque.iter().rev().copied().collect::<Vec<_>>());
            }
        }
    }
}
