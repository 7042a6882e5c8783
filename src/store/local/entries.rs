//! The entries that may be evicted: found by their keys, kept in numbered slots, given up in the order of
//! a policy. Each step takes constant time.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use compact_str::CompactString;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::{self, Instant};
use crate::eviction::{AnyPolicy, Policy, PolicyKind, Slot};
use crate::store::{Document, Entry};

/// What an entry counts for besides its key and its bytes: about what Redis needs for a key, so that a capacity in bytes
/// holds about as many entries here as there. What this cache itself takes for one is about twice that.
pub const ENTRY_OVERHEAD_BYTES: u64 = 96;
/// For the policy that draws lots: equal runs evict alike.
const SEED: u64 = 1;
/// So many places are made at once.
const PLACES_AT_ONCE: usize = 64;

/// What is kept under a key.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Stored {
    pub(super) expires: Option<Instant>,
    /// Its document [`alone`](Document::alone), since it may have been read here.
    pub(super) entry: Entry,
}

impl Stored {
    pub(super) fn new(entry: &Entry, expires: Option<Instant>) -> Self {
        Self { expires, entry: entry.alone() }
    }

    /// What it weighs under its key.
    pub(super) fn weight(&self, key: &str) -> u64 {
        weight(key, &self.entry)
    }

    /// As [`Self::has_expired`] at the present moment, cheaper for an end that is not near.
    #[inline]
    pub(super) fn has_expired_by_now(&self) -> bool {
        self.expires.is_some_and(clock::has_passed)
    }

    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Where an entry is, shared with whoever reads the document in it. All that a hit needs lies close together here: when
/// a cache is large, a hit costs as much as the lines of memory that have to be fetched for it.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Place {
    /// Short keys, as most are, lie here and not somewhere else in memory.
    key: CompactString,
    /// The number by which the policy knows it.
    pub(super) slot: Slot,
    pub(super) stored: Stored,
}

impl Place {
    fn vacant() -> Self {
        let stored = Stored { expires: None, entry: Entry::Absent };
        Self { key: CompactString::const_new(""), slot: 0, stored }
    }

    /// The entry in it, whose document is shared.
    #[inline]
    pub(super) fn share(self: &Arc<Self>) -> Entry {
        match &self.stored.entry {
            Entry::Document { version, stamp, .. } => {
                let document = Document::within(Arc::<Self>::clone(self));
                Entry::Document { version: *version, document, stamp: *stamp }
            }
            other => other.clone(),
        }
    }
}

/// The document in the place; nothing where none is.
impl AsRef<Bytes> for Place {
    fn as_ref(&self) -> &Bytes {
        static NOTHING: Bytes = Bytes::new();
        match &self.stored.entry {
            Entry::Document { document, .. } => document.bytes(),
            Entry::Absent | Entry::Token(_) => &NOTHING,
        }
    }
}

/// Places that nobody has. Made one after the other, they lie next to each other, and not each beside its document: a hit
/// in a large cache then waits for fewer pages of memory.
#[derive(Debug, Default)]
struct Vacant(Vec<Arc<Place>>);

impl Vacant {
    fn take(&mut self, place: Place) -> Arc<Place> {
        let mut taken = self.0.pop().unwrap_or_else(|| {
            self.0.extend(std::iter::repeat_with(|| Arc::new(Place::vacant())).take(PLACES_AT_ONCE));
            Arc::new(Place::vacant())
        });
        // Nobody else has it, so that it is changed where it is.
        *Arc::make_mut(&mut taken) = place;
        taken
    }

    /// Returns what was in the place; whoever is still reading it keeps the place.
    fn give_back(&mut self, mut place: Arc<Place>) -> Place {
        match Arc::get_mut(&mut place) {
            Some(unused) if self.0.len() < PLACES_AT_ONCE => {
                let taken = std::mem::replace(unused, Place::vacant());
                self.0.push(place);
                taken
            }
            _ => Arc::unwrap_or_clone(place),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Entries {
    /// By the hashes of the keys.
    places: HashTable<Arc<Place>>,
    /// The hash of the key of each slot, by which its place is found.
    hashes: Vec<u64>,
    free: Vec<Slot>,
    vacant: Vacant,
    policy: AnyPolicy,
    kind: PolicyKind,
    expected: NonZeroU32,
}

impl Entries {
    /// None yet, of about so many that will fit.
    pub(super) fn new(kind: PolicyKind, expected: NonZeroU32) -> Self {
        Self {
            places: HashTable::new(),
            hashes: Vec::new(),
            free: Vec::new(),
            vacant: Vacant::default(),
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
        self.places.len()
    }

    /// Where the key is.
    #[inline]
    pub(super) fn find(&self, key: &str) -> Option<&Arc<Place>> {
        self.places.find(hash_of(key), |place| place.key == key)
    }

    /// What is in a slot that is taken.
    pub(super) fn at(&self, slot: Slot) -> &Stored {
        let place = self.places.find(self.hashes[slot as usize], |place| place.slot == slot);
        &place.expect("the slot is taken").stored
    }

    /// As [`Self::at`], to be changed; whoever has read it keeps what was read.
    pub(super) fn at_mut(&mut self, slot: Slot) -> &mut Stored {
        let place = self.places.find_mut(self.hashes[slot as usize], |place| place.slot == slot);
        &mut Arc::make_mut(place.expect("the slot is taken")).stored
    }

    /// The entry was asked for, or overwritten.
    #[inline]
    pub(super) fn touch(&mut self, slot: Slot) {
        self.policy.hit(slot);
    }

    /// Puts in an entry whose key is not there. The caller has made room.
    pub(super) fn insert(&mut self, key: &str, stored: Stored) {
        let hash = hash_of(key);
        let slot = if let Some(slot) = self.free.pop() {
            self.hashes[slot as usize] = hash;
            slot
        } else {
            self.hashes.push(hash);
            (self.hashes.len() - 1) as Slot
        };
        let place = self.vacant.take(Place { key: key.into(), slot, stored });
        self.places.insert_unique(hash, place, |place| hash_of(&place.key));
        self.policy.insert(slot, hash);
    }

    /// Takes an entry out, whatever the policy thinks of it.
    pub(super) fn remove(&mut self, slot: Slot) -> Stored {
        self.policy.remove(slot);
        let place = vacate(&mut self.places, self.hashes[slot as usize], &mut self.free, slot);
        self.vacant.give_back(place).stored
    }

    /// Gives up at least one entry, unless there is none, and tells `evicted` of each.
    pub(super) fn evict(&mut self, mut evicted: impl FnMut(&str, &Stored)) {
        let Self { places, hashes, free, vacant, policy, .. } = self;
        policy.evict(&mut |slot| {
            let place = vacant.give_back(vacate(places, hashes[slot as usize], free, slot));
            evicted(&place.key, &place.stored);
        });
    }

    /// Forgets everything, and what the policy has learned.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.kind, self.expected);
    }
}

/// What an entry weighs under a key.
pub(super) fn weight(key: &str, entry: &Entry) -> u64 {
    key.len() as u64 + entry.encoded_len() as u64 + ENTRY_OVERHEAD_BYTES
}

#[inline]
fn hash_of(key: &str) -> u64 {
    xxh3_64(key.as_bytes())
}

/// Frees a slot that is taken, under the hash of its key.
fn vacate(places: &mut HashTable<Arc<Place>>, hash: u64, free: &mut Vec<Slot>, slot: Slot) -> Arc<Place> {
    let found = places.find_entry(hash, |place| place.slot == slot);
    let (place, _) = found.expect("the slot is taken").remove();
    free.push(slot);
    place
}
