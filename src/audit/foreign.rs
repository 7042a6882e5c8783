//! The keys that other processes write: of these the audit does not know what was acknowledged.

/// A set of keys, one bit for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignKeys(Box<[u64]>);

impl ForeignKeys {
    /// The set of some keys.
    #[must_use]
    pub fn of(keys: impl IntoIterator<Item = u64>) -> Self {
        let mut words = Vec::new();
        for key in keys {
            let word = (key / 64) as usize;
            if word >= words.len() {
                words.resize(word + 1, 0);
            }
            words[word] |= 1 << (key % 64);
        }
        Self(words.into())
    }

    /// Returns true if it is one of them.
    #[inline]
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        self.0.get((key / 64) as usize).is_some_and(|word| word >> (key % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_keys_that_it_was_made_of_and_no_others() {
        let foreign = ForeignKeys::of([200, 0, 63, 64]);
        let held: Vec<u64> = (0..1_000).filter(|key| foreign.contains(*key)).collect();
        assert_eq!(held, [0, 63, 64, 200]);
        assert!((0..100).all(|key| !ForeignKeys::default().contains(key)));
    }
}
