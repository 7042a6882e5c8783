//! The entries that may be evicted. They are found by their keys, kept in numbered slots and evicted in the
//! order of a policy. Each step takes constant time.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use compact_str::CompactString;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::base::clock::{self, Instant};
use crate::model::eviction::{AnyPolicy, Policy, PolicyKind, Slot};
use crate::store::{Document, Entry};

/// The bytes that are added to an entry's key and value to get its weight. It is about what Redis needs for a
/// key, so that a capacity in bytes holds about as many entries here as there. This cache itself takes about
/// twice as much.
pub const ENTRY_OVERHEAD_BYTES: u64 = 96;
/// The seed of the policy that evicts at random, so that equal runs evict alike.
const SEED: u64 = 1;
/// The number of places that are allocated at once.
const PLACES_AT_ONCE: usize = 64;

/// An entry with the time of its expiry.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Stored {
    pub(super) expires: Option<Instant>,
    /// The entry with its document made [`alone`](Document::alone), since it may have been read from this
    /// cache.
    pub(super) entry: Entry,
}

impl Stored {
    pub(super) fn new(entry: &Entry, expires: Option<Instant>) -> Self {
        Self { expires, entry: entry.alone() }
    }

    /// The weight under a key, in bytes.
    pub(super) fn weight(&self, key: &str) -> u64 {
        weight(key, &self.entry)
    }

    /// Like [`Self::has_expired`] at the present moment, but cheaper unless the expiry is near.
    #[inline]
    pub(super) fn has_expired_by_now(&self) -> bool {
        self.expires.is_some_and(clock::has_passed)
    }

    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The memory of an entry, shared with the readers of its document. All that a hit needs lies close together
/// here: in a large cache, a hit costs as much as the cache lines that have to be fetched for it.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct EntryRecord {
    /// Short keys, as most are, are stored inline and need no other memory.
    key: CompactString,
    /// The number by which the policy knows the entry.
    pub(super) slot: Slot,
    pub(super) stored: Stored,
}

impl EntryRecord {
    fn vacant() -> Self {
        let stored = Stored { expires: None, entry: Entry::Absent };
        Self { key: CompactString::const_new(""), slot: 0, stored }
    }

    /// The entry in the place; its document is shared, not copied.
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

/// The bytes of the document in the place; empty if there is none.
impl AsRef<Bytes> for EntryRecord {
    fn as_ref(&self) -> &Bytes {
        static NOTHING: Bytes = Bytes::new();
        match &self.stored.entry {
            Entry::Document { document, .. } => document.bytes(),
            Entry::Absent | Entry::Token(_) => &NOTHING,
        }
    }
}

/// Unused places. They are allocated in batches, so that they lie next to each other and not each beside its
/// document: a hit in a large cache then waits for fewer pages of memory.
#[derive(Debug, Default)]
struct Vacant(Vec<Arc<EntryRecord>>);

impl Vacant {
    fn take(&mut self, place: EntryRecord) -> Arc<EntryRecord> {
        let mut taken = self.0.pop().unwrap_or_else(|| {
            self.0.extend(std::iter::repeat_with(|| Arc::new(EntryRecord::vacant())).take(PLACES_AT_ONCE));
            Arc::new(EntryRecord::vacant())
        });
        // There is no other reference to it, so it is changed in place and not cloned.
        *Arc::make_mut(&mut taken) = place;
        taken
    }

    /// Returns the contents of the place. A reader that still has the place keeps it.
    fn give_back(&mut self, mut place: Arc<EntryRecord>) -> EntryRecord {
        match Arc::get_mut(&mut place) {
            Some(unused) if self.0.len() < PLACES_AT_ONCE => {
                let taken = std::mem::replace(unused, EntryRecord::vacant());
                self.0.push(place);
                taken
            }
            _ => Arc::unwrap_or_clone(place),
        }
    }
}

/// The evictable entries, see the module.
#[derive(Debug)]
pub(super) struct Entries {
    /// The places, by the hashes of their keys.
    places: HashTable<Arc<EntryRecord>>,
    /// The hash of the key of each slot, by which its place is found.
    hashes: Vec<u64>,
    free: Vec<Slot>,
    vacant: Vacant,
    policy: AnyPolicy,
    kind: PolicyKind,
    expected: NonZeroU32,
}

impl Entries {
    /// An empty set, of which about `expected` entries will fit.
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

    /// The policy by which entries are evicted.
    pub(super) fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// Updates the estimate of how many entries will fit.
    pub(super) fn expect(&mut self, entries: NonZeroU32) {
        self.expected = entries;
        self.policy.set_capacity(entries);
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The place of a key.
    #[inline]
    pub(super) fn find(&self, key: &str) -> Option<&Arc<EntryRecord>> {
        self.places.find(hash_of(key), |place| place.key == key)
    }

    /// The entry in a slot, which must be taken.
    pub(super) fn at(&self, slot: Slot) -> &Stored {
        let place = self.places.find(self.hashes[slot as usize], |place| place.slot == slot);
        &place.expect("the slot is taken").stored
    }

    /// Like [`Self::at`], for a change. A reader of the old entry keeps what it has read.
    pub(super) fn at_mut(&mut self, slot: Slot) -> &mut Stored {
        let place = self.places.find_mut(self.hashes[slot as usize], |place| place.slot == slot);
        &mut Arc::make_mut(place.expect("the slot is taken")).stored
    }

    /// Tells the policy that an entry was read or overwritten.
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
        let place = self.vacant.take(EntryRecord { key: key.into(), slot, stored });
        self.places.insert_unique(hash, place, |place| hash_of(&place.key));
        self.policy.insert(slot, hash);
    }

    /// Removes an entry, whatever its rank in the policy's order.
    pub(super) fn remove(&mut self, slot: Slot) -> Stored {
        self.policy.remove(slot);
        let place = vacate(&mut self.places, self.hashes[slot as usize], &mut self.free, slot);
        self.vacant.give_back(place).stored
    }

    /// Evicts at least one entry, unless there is none, and calls `evicted` with each.
    pub(super) fn evict(&mut self, mut evicted: impl FnMut(&str, &Stored)) {
        let Self { places, hashes, free, vacant, policy, .. } = self;
        policy.evict(&mut |slot| {
            let place = vacant.give_back(vacate(places, hashes[slot as usize], free, slot));
            evicted(&place.key, &place.stored);
        });
    }

    /// Forgets all entries and all that the policy has learned.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.kind, self.expected);
    }
}

/// The weight of an entry under a key, in bytes.
pub(super) fn weight(key: &str, entry: &Entry) -> u64 {
    key.len() as u64 + entry.encoded_len() as u64 + ENTRY_OVERHEAD_BYTES
}

#[inline]
fn hash_of(key: &str) -> u64 {
    xxh3_64(key.as_bytes())
}

/// Frees a taken slot; `hash` is that of its key.
fn vacate(
    places: &mut HashTable<Arc<EntryRecord>>,
    hash: u64,
    free: &mut Vec<Slot>,
    slot: Slot,
) -> Arc<EntryRecord> {
    let found = places.find_entry(hash, |place| place.slot == slot);
    let (place, _) = found.expect("the slot is taken").remove();
    free.push(slot);
    place
}
