//! The newest values of a series, in bounded memory.

use std::collections::VecDeque;

/// The newest values.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring<T> {
    values: VecDeque<T>,
    most: usize,
}

impl<T> Ring<T> {
    /// Room for so many; at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { values: VecDeque::new(), most: most.max(1) }
    }

    /// Adds a value; the oldest goes where there is no room.
    pub fn push(&mut self, value: T) {
        if self.values.len() == self.most {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// The newest.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.values.back()
    }

    /// All, the oldest first.
    #[must_use = "it changes nothing"]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.values.iter()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_the_newest_in_their_order(values in prop::collection::vec(any::<u8>(), 0..50), most in 1..20_usize) {
            let mut ring = Ring::new(most);
            for value in &values {
                ring.push(*value);
            }
            let newest = &values[values.len().saturating_sub(most)..];
            prop_assert_eq!(ring.iter().copied().collect::<Vec<_>>(), newest);
        }
    }
}
