//! About how often a key was used of late, in a few bits a key.

/// Rows of the sketch.
const ROWS: u32 = 4;
/// Counters of four bits to a word.
const COUNTERS_PER_WORD: u32 = 16;
/// The highest count.
const MAX: u64 = 15;
/// Words at once, half a megabyte of them: a cache that may hold more gets more as it fills.
const WORDS_AT_ONCE: usize = 1 << 16;
/// Uses after which all counts are halved, for each entry of the cache.
const SAMPLE_PER_ENTRY: u64 = 10;
/// The lowest three bits of each counter: halving must not move a bit into the neighbour.
const HALVED: u64 = 0x7777_7777_7777_7777;

/// A count-min sketch (Cormode and Muthukrishnan, 2005) of counters of four bits, halved after every
/// ten uses for each entry of the cache, so that counts follow what is popular now ("reset": Einziger,
/// Friedman and Manes, 2017). It never underestimates within a period.
#[derive(Debug, Clone, Default)]
pub(super) struct FrequencySketch {
    /// One word of sixteen counters for each entry: four for each row.
    words: Vec<u64>,
    /// One for each entry that may ever be held.
    most_words: usize,
    uses: u64,
    sample: u64,
}

impl FrequencySketch {
    /// Makes it fit for a cache of so many entries.
    pub(super) fn set_capacity(&mut self, entries: usize) {
        self.sample = SAMPLE_PER_ENTRY * entries as u64;
        self.most_words = entries.next_power_of_two();
        self.grow(self.most_words.min(WORDS_AT_ONCE));
    }

    /// Makes it fit for so many entries as are held now: a capacity far above them takes no memory.
    #[inline]
    pub(super) fn hold(&mut self, entries: usize) {
        if entries > self.words.len() && self.words.len() < self.most_words {
            self.grow(entries.next_power_of_two().min(self.most_words));
        }
    }

    /// Each new word begins as the one that its keys were counted in so far, so that no count is lost.
    #[cold]
    fn grow(&mut self, words: usize) {
        if self.words.is_empty() {
            self.words.resize(words, 0);
        }
        while self.words.len() < words {
            self.words.extend_from_within(..);
        }
    }

    /// Counts one use of a key.
    #[inline]
    pub(super) fn count(&mut self, key_hash: u64) {
        for row in 0..ROWS {
            let (word, shift) = self.counter(key_hash, row);
            if (self.words[word] >> shift) & MAX < MAX {
                self.words[word] += 1 << shift;
            }
        }
        self.uses += 1;
        if self.uses >= self.sample {
            self.age();
        }
    }

    /// About how often the key was used.
    #[inline]
    pub(super) fn estimate(&self, key_hash: u64) -> u64 {
        (0..ROWS)
            .map(|row| {
                let (word, shift) = self.counter(key_hash, row);
                (self.words[word] >> shift) & MAX
            })
            .min()
            .unwrap_or(0)
    }

    /// The word and the bit at which a row's counter for the key begins. The rows' hashes are h₁ + row·h₂
    /// (Kirsch and Mitzenmacher, 2008); each row has four of a word's counters to itself.
    #[inline]
    fn counter(&self, key_hash: u64, row: u32) -> (usize, u32) {
        let (first, second) = (key_hash as u32, (key_hash >> 32) as u32 | 1);
        let hash = first.wrapping_add(row.wrapping_mul(second));
        // The top two bits choose the counter, the low ones the word.
        let counter = row * (COUNTERS_PER_WORD / ROWS) + (hash >> 30);
        (hash as usize & (self.words.len() - 1), counter * 4)
    }

    fn age(&mut self) {
        for word in &mut self.words {
            *word = (*word >> 1) & HALVED;
        }
        self.uses /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::mix;

    fn sketch(entries: usize) -> FrequencySketch {
        let mut sketch = FrequencySketch::default();
        sketch.set_capacity(entries);
        sketch
    }

    #[test]
    fn counts_are_never_too_low_and_seldom_too_high() {
        let mut sketch = sketch(1000);
        (0..1000_u64).for_each(|key| (0..key % 8).for_each(|_| sketch.count(mix(key))));
        assert!((0..1000).all(|key| sketch.estimate(mix(key)) >= key % 8));
        let exact = (0..1000).filter(|&key| sketch.estimate(mix(key)) == key % 8).count();
        assert!(exact > 950, "{exact} of 1000 are exact");
    }

    #[test]
    fn a_capacity_far_above_what_is_held_takes_no_memory() {
        let mut sketch = sketch(4_000_000_000);
        assert_eq!(sketch.words.len(), WORDS_AT_ONCE);
        sketch.hold(WORDS_AT_ONCE + 1);
        assert_eq!(sketch.words.len(), 2 * WORDS_AT_ONCE);
        sketch.set_capacity(100);
        sketch.hold(10 * WORDS_AT_ONCE);
        assert_eq!(sketch.words.len(), 2 * WORDS_AT_ONCE, "no more than may be held");
    }

    #[test]
    fn growing_loses_no_count() {
        let mut sketch = sketch(1000);
        for key in 0..1000_u64 {
            (0..key % 8).for_each(|_| sketch.count(mix(key)));
        }
        let before: Vec<u64> = (0..1000).map(|key| sketch.estimate(mix(key))).collect();
        sketch.set_capacity(100_000);
        assert_eq!(sketch.words.len(), WORDS_AT_ONCE);
        let after: Vec<u64> = (0..1000).map(|key| sketch.estimate(mix(key))).collect();
        assert_eq!(after, before);
    }

    #[test]
    fn counts_stop_at_fifteen() {
        let mut sketch = sketch(100);
        (0..40).for_each(|_| sketch.count(mix(1)));
        assert_eq!(sketch.estimate(mix(1)), 15);
    }

    #[test]
    fn counts_are_halved_after_ten_uses_for_each_entry() {
        let mut sketch = sketch(100);
        (0..12).for_each(|_| sketch.count(mix(1)));
        (0..987).for_each(|_| sketch.count(mix(2)));
        assert_eq!(sketch.estimate(mix(1)), 12);
        sketch.count(mix(2));
        assert_eq!(sketch.estimate(mix(1)), 6);
        assert_eq!(sketch.estimate(mix(2)), 7);
    }
}
