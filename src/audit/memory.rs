//! Memory of older versions and writes: a table of fixed size that forgets the oldest where it is full.

use parking_lot::Mutex;

use super::WriteId;
use crate::base::hash::mix;

/// A fact about a key; each has a value of 64 bits.
#[derive(Debug, Clone, Copy)]
pub enum Fact {
    /// A version; the value is the moment at which it, or a later one, was first acknowledged.
    Version(u64),
    /// A write; the value is the version that it got.
    Write(WriteId),
}

/// A tag and a value; the tag 0 marks a free slot.
type Slot = [u64; 2];

/// The number of slots in a bucket, which is one cache line; the newest slot comes first.
const BUCKET: usize = 4;
type Bucket = [Slot; BUCKET];

const SEGMENTS: usize = 64;

/// A hash table in segments, each behind a lock of its own. A tag has 63 bits, so two facts almost never share one. A
/// fact is forgotten when four newer ones have come to its bucket. The kernel provides the memory as it is touched.
#[derive(Debug)]
pub struct FactTable {
    segments: Box<[Mutex<Vec<Bucket>>]>,
    bucket_mask: usize,
}

impl FactTable {
    /// A memory of at least `facts` facts.
    pub fn new(facts: usize) -> Self {
        let buckets = facts.div_ceil(SEGMENTS * BUCKET).next_power_of_two();
        let segment = || Mutex::new(vec![[[0_u64; 2]; BUCKET]; buckets]);
        Self { segments: (0..SEGMENTS).map(|_| segment()).collect(), bucket_mask: buckets - 1 }
    }

    /// The size of the table, in bytes, once all of it is touched.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        SEGMENTS * (self.bucket_mask + 1) * size_of::<Bucket>()
    }

    /// Remembers a value, and replaces what was known of the same fact.
    pub fn note(&self, key: u64, fact: Fact, value: u64) {
        let tag = tag(key, fact);
        self.with_bucket(tag, |bucket| {
            let known = bucket.iter().position(|slot| slot[0] == tag);
            bucket[..=known.unwrap_or(BUCKET - 1)].rotate_right(1);
            bucket[0] = [tag, value];
        });
    }

    /// The value that was noted, unless it is forgotten.
    pub fn recall(&self, key: u64, fact: Fact) -> Option<u64> {
        let tag = tag(key, fact);
        self.with_bucket(tag, |bucket| bucket.iter().find(|slot| slot[0] == tag).map(|slot| slot[1]))
    }

    fn with_bucket<T>(&self, tag: u64, then: impl FnOnce(&mut Bucket) -> T) -> T {
        let segment = (tag >> 32) as usize % SEGMENTS;
        let bucket = (tag >> 1) as usize & self.bucket_mask;
        then(&mut self.segments[segment].lock()[bucket])
    }
}

fn tag(key: u64, fact: Fact) -> u64 {
    // Versions are small numbers and ids of writes are not negative, so the two never coincide.
    let number = match fact {
        Fact::Version(version) => version,
        Fact::Write(write) => !write.cast_unsigned(),
    };
    // The two parts are mixed differently, so that swapping key and number gives another tag.
    mix(mix(key ^ 0x9E37_79B9_7F4A_7C15) ^ mix(number)) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_writes_of_different_keys_are_told_apart() {
        let memory = FactTable::new(1 << 12);
        let facts = |n: u64| [Fact::Version(n), Fact::Write(n.cast_signed())];
        for key in 0..10 {
            for n in 0..10 {
                let [version, write] = facts(n);
                memory.note(key, version, key * 100 + n);
                memory.note(key, write, key * 100 + n + 50);
            }
        }
        for key in 0..10 {
            for n in 0..10 {
                let known = facts(n).map(|fact| memory.recall(key, fact));
                assert_eq!(known, [Some(key * 100 + n), Some(key * 100 + n + 50)]);
            }
        }
        assert_eq!(memory.recall(10, Fact::Version(1)), None);
    }

    #[test]
    fn what_is_noted_again_takes_the_place_of_what_was_known() {
        let memory = FactTable::new(1);
        for value in 0..100 {
            memory.note(1, Fact::Version(1), value);
        }
        assert_eq!(memory.recall(1, Fact::Version(1)), Some(99));
        let places = memory.segments.iter().flat_map(|segment| segment.lock().clone()).flatten();
        assert_eq!(places.filter(|slot| slot[0] != 0).count(), 1);
    }

    #[test]
    fn a_full_memory_forgets_the_oldest_and_does_not_grow() {
        let memory = FactTable::new(1 << 12);
        let bytes = memory.bytes();
        for version in 0..100_000 {
            memory.note(1, Fact::Version(version), version);
        }
        let known = |versions: std::ops::Range<u64>| {
            versions.filter(|&version| memory.recall(1, Fact::Version(version)) == Some(version)).count()
        };
        assert!(known(99_000..100_000) > 950, "the newest are there");
        assert_eq!(known(0..50_000), 0, "the oldest are not");
        assert_eq!(memory.bytes(), bytes);
    }
}
