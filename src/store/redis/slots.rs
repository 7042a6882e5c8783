//! The hash slot of a key (Redis Cluster specification, "Key distribution model").

use crc::{CRC_16_XMODEM, Crc, Table};

/// The number of hash slots of a cluster.
pub const SLOTS: u16 = 16_384;

static CRC: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_XMODEM);

/// The hash tag of a key: the text between the first `{` and the next `}`. `None` if there is none or it is
/// empty; then the whole key is hashed. Keys with the same tag are always in the same slot.
#[must_use]
pub fn hash_tag(key: &str) -> Option<&str> {
    let (_, after) = key.split_once('{')?;
    let (tag, _) = after.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

/// The slot of a key behind a prefix, which must not contain a `{`.
#[must_use]
pub fn slot_of(prefix: &str, key: &str) -> u16 {
    let mut digest = CRC.digest();
    if let Some(tag) = hash_tag(key) {
        digest.update(tag.as_bytes());
    } else {
        digest.update(prefix.as_bytes());
        digest.update(key.as_bytes());
    }
    digest.finalize() % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_slots_that_the_specification_and_redis_say() {
        // "123456789" → 0x31C3 is the specification's own example; the others are answers of CLUSTER KEYSLOT.
        assert_eq!(slot_of("", "123456789"), 0x31C3 % SLOTS);
        assert_eq!(slot_of("", "foo"), 12182);
        assert_eq!(slot_of("", "{user1000}.following"), slot_of("", "{user1000}.followers"));
        assert_eq!(slot_of("", "user1000"), slot_of("", "{user1000}.followers"));
        assert_eq!(slot_of("run:", "7"), slot_of("", "run:7"));
    }

    #[test]
    fn only_the_first_tag_counts_and_an_empty_one_does_not() {
        assert_eq!(hash_tag("foo{{bar}}zap"), Some("{bar"));
        assert_eq!(hash_tag("foo{bar}{zap}"), Some("bar"));
        assert_eq!(hash_tag("foo{}{bar}"), None);
        assert_eq!(hash_tag("foo{bar"), None);
    }
}
