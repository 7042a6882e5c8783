//! One policy at one capacity, over objects that have sizes and may expire.

use std::num::NonZeroU32;

use super::{CacheSize, KeyIndex, Keys, NEVER, ObjectAccess, ObjectAccessKind, ObjectTally, WritePolicy};
use crate::base::hash::mix;
use crate::model::eviction::{AnyPolicy, Policy, PolicyKind, Slot};

/// A cache that holds objects, without their values, and counts its hits.
///
/// An entry takes the bytes that the last access to its object told, and what does not fit into the whole cache is not
/// kept. What has expired is not found any more; as in memcached it takes room until it is looked for or evicted.
#[derive(Debug, Clone)]
pub struct ObjectSimulation {
    policy: AnyPolicy,
    size: CacheSize,
    on_write: WritePolicy,
    index: KeyIndex,
    /// The entry in each slot that was ever used.
    entries: Vec<ObjectEntry>,
    free: Vec<Slot>,
    /// The room that the entries take; never more than there is, but while an entry grows.
    taken: u64,
    tally: ObjectTally,
}

#[derive(Debug, Clone, Copy)]
struct ObjectEntry {
    object: u32,
    /// A read has put it in, and no access came after.
    is_fresh: bool,
    /// A read has put it in, and nothing has told how long it lives.
    is_untold: bool,
    /// The room that it takes.
    takes: u64,
    expires_ms: u64,
}

impl ObjectSimulation {
    /// An empty cache. The seed is for policies that draw lots. Where the capacity is in bytes, the caller guarantees that
    /// the policy does not [divide its cache](PolicyKind::divides_its_cache).
    #[must_use]
    pub fn new(policy: PolicyKind, size: CacheSize, on_write: WritePolicy, seed: u64) -> Self {
        Self {
            policy: policy.build(size.entries().unwrap_or(NonZeroU32::MAX), seed),
            size,
            on_write,
            index: KeyIndex::new(Keys::Numbered(0)),
            entries: Vec::new(),
            free: Vec::new(),
            taken: 0,
            tally: ObjectTally::default(),
        }
    }

    /// Simulates one access: whether it hit, where it was a read.
    #[inline]
    pub fn access(&mut self, access: ObjectAccess) -> Option<bool> {
        match (access.kind, self.on_write) {
            (ObjectAccessKind::Read, _) => return Some(self.read(access)),
            (ObjectAccessKind::Fill, _) => self.fill(access),
            (ObjectAccessKind::Put | ObjectAccessKind::Amend, WritePolicy::Update) => self.write(access),
            (ObjectAccessKind::Put | ObjectAccessKind::Amend, WritePolicy::Ignore) => {}
            (ObjectAccessKind::Put | ObjectAccessKind::Amend, WritePolicy::Invalidate)
            | (ObjectAccessKind::Delete, _) => self.delete(access.object),
        }
        None
    }

    /// The hits so far.
    #[must_use]
    pub fn tally(&self) -> ObjectTally {
        self.tally
    }

    /// Returns the room that is taken, of what has expired too.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Returns true if the object was there. It is now, if it fits.
    #[inline]
    fn read(&mut self, access: ObjectAccess) -> bool {
        let Some(slot) = self.find(access) else {
            self.put_in(access, true);
            return false;
        };
        self.tally.hits += 1;
        self.tally.hit_bytes = self.tally.hit_bytes.saturating_add(access.bytes);
        self.policy.hit(slot);
        self.entries[slot as usize].is_fresh = false;
        self.resize(slot, access.bytes);
        true
    }

    /// What the read before has put in is as large as this says, and lives as long. What was there before it lives on as it
    /// did: nothing was loaded here, whatever the cache did that the stream was recorded at. Only where nothing has told yet
    /// how long that is, this does.
    fn fill(&mut self, access: ObjectAccess) {
        let Some(slot) = self.index.get(access.object.into()) else { return };
        let entry = &mut self.entries[slot as usize];
        if entry.is_fresh || entry.is_untold {
            entry.expires_ms = access.expires_ms;
        }
        (entry.is_fresh, entry.is_untold) = (false, false);
        self.resize(slot, access.bytes);
    }

    fn write(&mut self, access: ObjectAccess) {
        let Some(slot) = self.find(access) else { return self.put_in(access, false) };
        self.policy.hit(slot);
        let entry = &mut self.entries[slot as usize];
        entry.is_fresh = false;
        if access.kind == ObjectAccessKind::Put {
            (entry.expires_ms, entry.is_untold) = (access.expires_ms, false);
        }
        self.resize(slot, access.bytes);
    }

    fn delete(&mut self, object: u32) {
        if let Some(slot) = self.index.get(object.into()) {
            self.remove(slot);
        }
    }

    /// Returns where the object is; what has expired goes.
    #[inline]
    fn find(&mut self, access: ObjectAccess) -> Option<Slot> {
        let slot = self.index.get(access.object.into())?;
        if self.entries[slot as usize].expires_ms > access.time_ms {
            return Some(slot);
        }
        self.remove(slot);
        None
    }

    #[inline]
    fn put_in(&mut self, access: ObjectAccess, is_fresh: bool) {
        let takes = self.size.taken_by(access.bytes);
        if takes > self.size.get() {
            return;
        }
        while self.taken > self.size.get() - takes {
            self.evict();
        }
        self.taken += takes;
        let ObjectAccess { object, expires_ms, .. } = access;
        let is_untold = is_fresh && expires_ms == NEVER;
        let entry = ObjectEntry { object, is_fresh, is_untold, takes, expires_ms };
        let slot = self.slot_for(entry);
        self.index.set(access.object.into(), slot);
        self.policy.insert(slot, mix(access.object.into()));
    }

    /// Gives an entry the room that its object takes now: others go where it has grown, or the entry itself where the
    /// policy says so or it does not fit any more.
    #[inline]
    fn resize(&mut self, slot: Slot, bytes: u64) {
        let takes = self.size.taken_by(bytes);
        let entry = &mut self.entries[slot as usize];
        if takes == entry.takes {
            return;
        }
        if takes > self.size.get() {
            return self.remove(slot);
        }
        self.taken = self.taken - entry.takes + takes;
        entry.takes = takes;
        while self.taken > self.size.get() {
            self.evict();
        }
    }

    #[inline]
    fn evict(&mut self) {
        let Self { policy, index, entries, free, taken, .. } = self;
        policy.evict(&mut |slot| {
            let entry = entries[slot as usize];
            index.remove(entry.object.into());
            *taken -= entry.takes;
            free.push(slot);
        });
    }

    fn remove(&mut self, slot: Slot) {
        let entry = self.entries[slot as usize];
        self.index.remove(entry.object.into());
        self.taken -= entry.takes;
        self.policy.remove(slot);
        self.free.push(slot);
    }

    #[inline]
    fn slot_for(&mut self, entry: ObjectEntry) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = entry;
            return slot;
        }
        self.entries.push(entry);
        (self.entries.len() - 1) as Slot
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;
    use crate::model::curve::{Access, AccessKind, Simulation, testing};

    /// A cache as a list of what is held, the next to be evicted last.
    struct NaiveCache {
        is_lru: bool,
        bytes: u64,
        on_write: WritePolicy,
        held: Vec<NaiveEntry>,
        tally: ObjectTally,
    }

    #[derive(Clone, Copy)]
    struct NaiveEntry {
        object: u32,
        bytes: u64,
        expires_ms: u64,
        is_fresh: bool,
        is_untold: bool,
    }

    impl NaiveCache {
        fn access(&mut self, access: ObjectAccess) -> Option<bool> {
            let writes = matches!(access.kind, ObjectAccessKind::Put | ObjectAccessKind::Amend);
            if access.kind == ObjectAccessKind::Fill {
                let held = self.held.iter_mut().find(|entry| entry.object == access.object);
                if let Some(entry) = held {
                    if entry.is_fresh || entry.is_untold {
                        entry.expires_ms = access.expires_ms;
                    }
                    *entry = NaiveEntry { bytes: access.bytes, is_fresh: false, is_untold: false, ..*entry };
                }
                self.make_fit(access);
                return None;
            }
            if access.kind == ObjectAccessKind::Delete || writes && self.on_write == WritePolicy::Invalidate {
                self.held.retain(|entry| entry.object != access.object);
                return None;
            }
            if writes && self.on_write == WritePolicy::Ignore {
                return None;
            }
            let is_gone =
                |entry: &NaiveEntry| entry.object == access.object && entry.expires_ms <= access.time_ms;
            self.held.retain(|entry| !is_gone(entry));
            let place = self.held.iter().position(|entry| entry.object == access.object);
            let is_read = access.kind == ObjectAccessKind::Read;
            if let Some(place) = place {
                let mut entry = self.held.remove(place);
                entry = NaiveEntry { bytes: access.bytes, is_fresh: false, ..entry };
                if access.kind == ObjectAccessKind::Put {
                    (entry.expires_ms, entry.is_untold) = (access.expires_ms, false);
                }
                self.held.insert(if self.is_lru { 0 } else { place }, entry);
                self.tally.hits += u64::from(is_read);
                self.tally.hit_bytes += if is_read { access.bytes } else { 0 };
            } else {
                let ObjectAccess { object, bytes, expires_ms, .. } = access;
                let is_untold = is_read && expires_ms == NEVER;
                self.held.insert(0, NaiveEntry { object, bytes, expires_ms, is_fresh: is_read, is_untold });
            }
            self.make_fit(access);
            is_read.then_some(place.is_some())
        }

        /// What is larger than the cache goes at once, and nothing else for its sake.
        fn make_fit(&mut self, access: ObjectAccess) {
            self.held.retain(|entry| entry.object != access.object || entry.bytes <= self.bytes);
            while self.taken() > self.bytes {
                self.held.pop();
            }
        }

        fn taken(&self) -> u64 {
            self.held.iter().map(|entry| entry.bytes).sum()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn sized_and_expiring_objects_hit_and_miss_as_in_a_list_of_them(
            is_lru in any::<bool>(),
            bytes in 1..200_u64,
            on_write in testing::on_write(),
            accesses in testing::objects(),
        ) {
            let policy = if is_lru { PolicyKind::Lru } else { PolicyKind::Fifo };
            let size = CacheSize::Bytes(NonZeroU64::new(bytes).expect("one or more"));
            let mut simulation = ObjectSimulation::new(policy, size, on_write, 1);
            let mut naive =
                NaiveCache { is_lru, bytes, on_write, held: Vec::new(), tally: ObjectTally::default() };
            for (number, &access) in accesses.iter().enumerate() {
                let hit = simulation.access(access);
                prop_assert_eq!(hit, naive.access(access), "access {}, {:?}", number, access);
                prop_assert_eq!(simulation.taken(), naive.taken(), "access {}, {:?}", number, access);
            }
            prop_assert_eq!(simulation.tally(), naive.tally);
        }

        /// Whether that room is told in bytes or in entries.
        #[test]
        fn objects_of_one_size_that_never_expire_hit_as_keys_do_where_there_is_room_for_as_many(
            policy in prop::sample::select(PolicyKind::ALL.to_vec()),
            capacity in testing::capacity(),
            on_write in testing::on_write(),
            trace in testing::trace(),
        ) {
            let bytes = NonZeroU64::new(u64::from(capacity.get()) * 7 + 3).expect("some");
            let sizes = [CacheSize::Entries(capacity), CacheSize::Bytes(bytes)];
            let sizes = &sizes[..if policy.divides_its_cache() { 1 } else { 2 }];
            for &size in sizes {
                let mut keys = Simulation::new(policy, capacity, on_write, Keys::Numbered(0), 1);
                let mut objects = ObjectSimulation::new(policy, size, on_write, 1);
                for &Access { key, kind } in &trace {
                    let object = ObjectAccess {
                        object: key as u32,
                        kind: match kind {
                            AccessKind::Read => ObjectAccessKind::Read,
                            AccessKind::Write => ObjectAccessKind::Put,
                            AccessKind::Delete => ObjectAccessKind::Delete,
                        },
                        bytes: 7,
                        time_ms: 0,
                        expires_ms: NEVER,
                    };
                    prop_assert_eq!(objects.access(object), keys.access(Access { key, kind }), "{}", size);
                }
                prop_assert_eq!(objects.tally().hit_bytes, 7 * keys.tally().hits);
            }
        }
    }

    fn access(
        kind: ObjectAccessKind,
        object: u32,
        bytes: u64,
        time_ms: u64,
        expires_ms: u64,
    ) -> ObjectAccess {
        ObjectAccess { object, kind, bytes, time_ms, expires_ms }
    }

    fn lru(bytes: u64) -> ObjectSimulation {
        let size = CacheSize::Bytes(NonZeroU64::new(bytes).expect("some"));
        ObjectSimulation::new(PolicyKind::Lru, size, WritePolicy::Update, 1)
    }

    #[test]
    fn an_object_larger_than_the_cache_is_not_kept_and_nothing_goes_for_it() {
        use ObjectAccessKind::Read;
        let mut cache = lru(100);
        cache.access(access(Read, 1, 60, 0, NEVER));
        assert_eq!(cache.access(access(Read, 2, 101, 0, NEVER)), Some(false));
        assert_eq!(cache.access(access(Read, 2, 101, 0, NEVER)), Some(false));
        assert_eq!(cache.access(access(Read, 1, 60, 0, NEVER)), Some(true));
    }

    #[test]
    fn what_has_expired_is_a_miss_from_its_last_millisecond_on() {
        use ObjectAccessKind::Read;
        let mut cache = lru(100);
        cache.access(access(Read, 1, 10, 1000, 2000));
        assert_eq!(cache.access(access(Read, 1, 10, 1999, 2999)), Some(true), "a hit does not prolong it");
        assert_eq!(cache.access(access(Read, 1, 10, 2000, 3000)), Some(false));
        assert_eq!(cache.access(access(Read, 1, 10, 2001, 3001)), Some(true), "the miss has put it in again");
    }

    #[test]
    fn a_fill_tells_the_life_of_what_its_read_put_in_and_not_of_what_was_there() {
        use ObjectAccessKind::{Fill, Read};
        let mut cache = lru(100);
        cache.access(access(Read, 1, 10, 0, NEVER));
        cache.access(access(Fill, 1, 30, 5, 100));
        assert_eq!(cache.taken(), 30);
        assert_eq!(cache.access(access(Read, 1, 30, 99, NEVER)), Some(true));
        cache.access(access(Fill, 1, 30, 99, 1000));
        assert_eq!(cache.access(access(Read, 1, 30, 100, NEVER)), Some(false));
    }

    #[test]
    fn a_fill_tells_the_life_of_an_entry_of_which_nothing_has_told_it_yet() {
        use ObjectAccessKind::{Fill, Put, Read};
        let mut cache = lru(100);
        // A trace may begin in the middle, or two clients may miss at once.
        for time_ms in [0, 30] {
            cache.access(access(Read, 1, 10, time_ms, NEVER));
        }
        cache.access(access(Fill, 1, 10, 30, 90));
        assert_eq!(cache.access(access(Read, 1, 10, 89, NEVER)), Some(true));
        assert_eq!(cache.access(access(Read, 1, 10, 90, NEVER)), Some(false));
        cache.access(access(Put, 2, 10, 0, NEVER));
        cache.access(access(Read, 2, 10, 1, NEVER));
        cache.access(access(Fill, 2, 10, 1, 50));
        assert_eq!(cache.access(access(Read, 2, 10, 60, NEVER)), Some(true), "it was told to live for ever");
    }

    #[test]
    fn an_amended_entry_expires_when_it_would_have_and_one_that_is_put_lives_anew() {
        use ObjectAccessKind::{Amend, Put, Read};
        let mut cache = lru(100);
        cache.access(access(Put, 1, 10, 0, 50));
        cache.access(access(Amend, 1, 20, 40, 90));
        assert_eq!((cache.access(access(Read, 1, 20, 50, 100)), cache.taken()), (Some(false), 20));
        cache.access(access(Put, 1, 20, 60, 160));
        assert_eq!(cache.access(access(Read, 1, 20, 159, NEVER)), Some(true));
    }
}
