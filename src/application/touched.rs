//! The set of keys that a cell has written, so that only those are put back.

use std::sync::atomic::{AtomicU64, Ordering};

/// One bit for each key.
#[derive(Debug)]
pub struct Touched(Vec<AtomicU64>);

impl Touched {
    /// The empty set over `keys` keys.
    #[must_use]
    pub fn none_of(keys: u64) -> Self {
        Self((0..keys.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Notes that a write to a key is about to be sent.
    #[inline]
    pub fn mark(&self, key: u64) {
        let Some(word) = self.0.get((key / 64) as usize) else { return };
        let bit = 1 << (key % 64);
        // Hot keys are written again and again; a look first keeps their cache line shared.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// The keys that were written, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<u64> {
        let mut keys = Vec::new();
        for (index, word) in self.0.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                keys.push(index as u64 * 64 + u64::from(bits.trailing_zeros()));
                bits &= bits - 1;
            }
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_marked_is_listed_once_and_in_order() {
        let touched = Touched::none_of(200);
        for key in [199, 0, 64, 0, 63] {
            touched.mark(key);
        }
        assert_eq!(touched.keys(), [0, 63, 64, 199]);
    }

    #[test]
    fn a_key_beyond_the_dataset_is_nobodys() {
        let touched = Touched::none_of(10);
        touched.mark(1000);
        assert!(touched.keys().is_empty());
    }
}
