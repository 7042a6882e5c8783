//! From a key to a number kept for it.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// No number. Numbers are smaller.
const NONE: u32 = u32::MAX;

/// The kinds of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Numbers from zero up, so many of them or a few more: the index is an array.
    Numbered(u32),
    /// Any 64 bits, hashes mostly: the index is a hash map.
    Hashed,
}

/// A map from keys to numbers below `u32::MAX`: the slots of entries, or the times of their last use.
#[derive(Debug, Clone)]
pub(super) enum KeyIndex {
    /// By the key itself; grows to the greatest key seen.
    Numbered(Vec<u32>),
    /// By a hash of the key.
    Hashed(HashMap<u64, u32, FxBuildHasher>),
}

impl KeyIndex {
    /// An empty index.
    pub(super) fn new(keys: Keys) -> Self {
        match keys {
            Keys::Numbered(count) => Self::Numbered(vec![NONE; count as usize]),
            Keys::Hashed => Self::Hashed(HashMap::default()),
        }
    }

    /// The key's number.
    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<u32> {
        let number = match self {
            Self::Numbered(numbers) => numbers.get(key as usize).copied(),
            Self::Hashed(numbers) => numbers.get(&key).copied(),
        };
        number.filter(|&number| number != NONE)
    }

    /// Gives a key a number.
    #[inline]
    pub(super) fn set(&mut self, key: u64, number: u32) {
        match self {
            Self::Numbered(numbers) => match numbers.get_mut(key as usize) {
                Some(place) => *place = number,
                None => grow(numbers, key, number),
            },
            Self::Hashed(numbers) => {
                numbers.insert(key, number);
            }
        }
    }

    /// Takes a key's number from it.
    #[inline]
    pub(super) fn remove(&mut self, key: u64) -> Option<u32> {
        let number = match self {
            Self::Numbered(numbers) => {
                numbers.get_mut(key as usize).map(|number| std::mem::replace(number, NONE))
            }
            Self::Hashed(numbers) => numbers.remove(&key),
        };
        number.filter(|&number| number != NONE)
    }

    /// Changes all numbers.
    pub(super) fn change_all(&mut self, change: impl Fn(u32) -> u32) {
        let change = |number: &mut u32| *number = change(*number);
        match self {
            Self::Numbered(numbers) => numbers.iter_mut().filter(|number| **number != NONE).for_each(change),
            Self::Hashed(numbers) => numbers.values_mut().for_each(change),
        }
    }
}

#[cold]
fn grow(numbers: &mut Vec<u32>, key: u64, number: u32) {
    numbers.resize(key as usize, NONE);
    numbers.push(number);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_of_either_sort_is_a_map(
            keys in prop::sample::select(vec![Keys::Numbered(0), Keys::Numbered(10), Keys::Hashed]),
            steps in prop::collection::vec((0..4_u8, 0..20_u64, 0..100_u32), 0..100),
        ) {
            let (mut index, mut map) = (KeyIndex::new(keys), BTreeMap::new());
            for (step, key, number) in steps {
                match step {
                    0 | 1 => {
                        index.set(key, number);
                        map.insert(key, number);
                    }
                    2 => prop_assert_eq!(index.remove(key), map.remove(&key)),
                    _ => {
                        index.change_all(|number| number / 2);
                        map = map.into_iter().map(|(key, number)| (key, number / 2)).collect();
                    }
                }
                (0..25).for_each(|key| assert_eq!(index.get(key), map.get(&key).copied()));
            }
        }
    }
}
