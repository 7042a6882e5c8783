//! An array with a value for each slot, which grows with them.

use std::ops::{Index, IndexMut};

use super::Slot;

/// Values by slot. Reading one that was never set is a mistake of the caller.
#[derive(Debug, Clone, Default)]
pub(super) struct PerSlot<T> {
    values: Vec<T>,
}

impl<T: Copy + Default> PerSlot<T> {
    /// Sets the value of a slot, which need not have had one.
    #[inline]
    pub(super) fn set(&mut self, slot: Slot, value: T) {
        match self.values.get_mut(slot as usize) {
            Some(place) => *place = value,
            None => self.grow(slot, value),
        }
    }

    #[cold]
    fn grow(&mut self, slot: Slot, value: T) {
        self.values.resize(slot as usize, T::default());
        self.values.push(value);
    }
}

impl<T> Index<Slot> for PerSlot<T> {
    type Output = T;

    #[inline]
    fn index(&self, slot: Slot) -> &T {
        &self.values[slot as usize]
    }
}

impl<T> IndexMut<Slot> for PerSlot<T> {
    #[inline]
    fn index_mut(&mut self, slot: Slot) -> &mut T {
        &mut self.values[slot as usize]
    }
}
