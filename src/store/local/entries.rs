//! The entries that may be evicted: found by their keys, kept in numbered slots, given up in the order of
//! a policy. Each step takes constant time.

use std::num::NonZeroU32;

use compact_str::CompactString;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Instant;
use crate::eviction::{AnyPolicy, Policy, PolicyKind, Slot};
use crate::store::Entry;

/// For the policy that draws lots: equal runs evict alike.
const SEED: u64 = 1;

/// What is kept under a key.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) entry: Entry,
    pub(super) weight: u64,
    pub(super) expires: Option<Instant>,
}

impl Stored {
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// A slot that is taken.
#[derive(Debug)]
struct Place {
    /// Short keys, as most are, lie here and not somewhere else in memory.
    key: CompactString,
    hash: u64,
    stored: Stored,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Entries {
    /// The slots by the hashes of their keys. The keys themselves are only in the slots.
    slots: HashTable<Slot>,
    places: Vec<Option<Place>>,
    free: Vec<Slot>,
    policy: AnyPolicy,
    kind: PolicyKind,
    expected: NonZeroU32,
}

impl Entries {
    /// None yet, of about so many that will fit.
    pub(super) fn new(kind: PolicyKind, expected: NonZeroU32) -> Self {
        Self {
            slots: HashTable::new(),
            places: Vec::new(),
            free: Vec::new(),
            policy: kind.build(expected, SEED),
            kind,
            expected,
        }
    }

    /// Which policy it is.
    pub(super) fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// Says anew how many will fit, where that is only an estimate.
    pub(super) fn expect(&mut self, entries: NonZeroU32) {
        self.expected = entries;
        self.policy.set_capacity(entries);
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Where the key is.
    #[inline]
    pub(super) fn find(&self, key: &str) -> Option<Slot> {
        let hash = xxh3_64(key.as_bytes());
        self.slots.find(hash, |&slot| self.is_at(slot, hash, key)).copied()
    }

    #[inline]
    fn is_at(&self, slot: Slot, hash: u64, key: &str) -> bool {
        self.places[slot as usize].as_ref().is_some_and(|place| place.hash == hash && place.key == key)
    }

    /// What is in a slot that [`Self::find`] returned.
    #[inline]
    pub(super) fn at(&self, slot: Slot) -> &Stored {
        &self.places[slot as usize].as_ref().expect("the slot is taken").stored
    }

    /// As [`Self::at`], to be changed.
    #[inline]
    pub(super) fn at_mut(&mut self, slot: Slot) -> &mut Stored {
        &mut self.places[slot as usize].as_mut().expect("the slot is taken").stored
    }

    /// The entry was asked for, or overwritten.
    #[inline]
    pub(super) fn touch(&mut self, slot: Slot) {
        self.policy.hit(slot);
    }

    /// Puts in an entry whose key is not there. The caller has made room.
    pub(super) fn insert(&mut self, key: &str, stored: Stored) {
        let hash = xxh3_64(key.as_bytes());
        let place = Some(Place { key: key.into(), hash, stored });
        let slot = if let Some(slot) = self.free.pop() {
            self.places[slot as usize] = place;
            slot
        } else {
            self.places.push(place);
            (self.places.len() - 1) as Slot
        };
        let places = &self.places;
        self.slots.insert_unique(hash, slot, |&slot| hash_at(places, slot));
        self.policy.insert(slot, hash);
    }

    /// Takes an entry out, whatever the policy thinks of it.
    pub(super) fn remove(&mut self, slot: Slot) -> Stored {
        self.policy.remove(slot);
        vacate(&mut self.slots, &mut self.places, &mut self.free, slot).stored
    }

    /// Gives up at least one entry, unless there is none, and tells `evicted` of each.
    pub(super) fn evict(&mut self, mut evicted: impl FnMut(&str, &Stored)) {
        let Self { slots, places, free, policy, .. } = self;
        policy.evict(&mut |slot| {
            let place = vacate(slots, places, free, slot);
            evicted(&place.key, &place.stored);
        });
    }

    /// Forgets everything, and what the policy has learned.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.kind, self.expected);
    }
}

fn hash_at(places: &[Option<Place>], slot: Slot) -> u64 {
    places[slot as usize].as_ref().map_or(0, |place| place.hash)
}

/// Frees a slot that is taken.
fn vacate(
    slots: &mut HashTable<Slot>,
    places: &mut [Option<Place>],
    free: &mut Vec<Slot>,
    slot: Slot,
) -> Place {
    let place = places[slot as usize].take().expect("the slot is taken");
    if let Ok(found) = slots.find_entry(place.hash, |&other| other == slot) {
        found.remove();
    }
    free.push(slot);
    place
}
