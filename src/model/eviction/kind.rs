//! The policies by name, and any one of them.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::{Fifo, Lfu, Lru, Policy, Random, S3Fifo, Sieve, Slot, WTinyLfu};

/// The kinds of eviction policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyKind {
    /// [`Lru`].
    Lru,
    /// [`Lfu`].
    Lfu,
    /// [`WTinyLfu`].
    WTinyLfu,
    /// [`S3Fifo`].
    S3Fifo,
    /// [`Sieve`].
    Sieve,
    /// [`Fifo`].
    Fifo,
    /// [`Random`].
    Random,
}

/// A name that is no policy's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no eviction policy {0:?}; there are {list}", list = PolicyKind::names())]
pub struct UnknownPolicy(pub String);

impl PolicyKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Lru, Self::Lfu, Self::WTinyLfu, Self::S3Fifo, Self::Sieve, Self::Fifo, Self::Random];

    /// The name by which it is chosen and reported.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::Lfu => "lfu",
            Self::WTinyLfu => "w-tinylfu",
            Self::S3Fifo => "s3-fifo",
            Self::Sieve => "sieve",
            Self::Fifo => "fifo",
            Self::Random => "random",
        }
    }

    /// All names, for messages.
    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Returns true if the policy divides its cache by the number of entries that fit, and so has to know it.
    #[must_use]
    pub const fn divides_its_cache(self) -> bool {
        match self {
            Self::WTinyLfu | Self::S3Fifo => true,
            Self::Lru | Self::Lfu | Self::Sieve | Self::Fifo | Self::Random => false,
        }
    }

    /// An empty policy of this kind for a cache of so many entries. The seed is for policies that draw lots.
    #[must_use]
    pub fn build(self, capacity: NonZeroU32, seed: u64) -> AnyPolicy {
        match self {
            Self::Lru => AnyPolicy::Lru(Lru::default()),
            Self::Lfu => AnyPolicy::Lfu(Lfu::default()),
            Self::WTinyLfu => AnyPolicy::WTinyLfu(WTinyLfu::new(capacity)),
            Self::S3Fifo => AnyPolicy::S3Fifo(S3Fifo::new(capacity)),
            Self::Sieve => AnyPolicy::Sieve(Sieve::default()),
            Self::Fifo => AnyPolicy::Fifo(Fifo::default()),
            Self::Random => AnyPolicy::Random(Random::new(seed)),
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PolicyKind {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownPolicy(name.to_owned()))
    }
}

/// A policy of any kind. A branch on the kind is cheaper than a call through a pointer, and lets the
/// policies' methods be inlined.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant is the policy that it is named after")]
pub enum AnyPolicy {
    Lru(Lru),
    Lfu(Lfu),
    WTinyLfu(WTinyLfu),
    S3Fifo(S3Fifo),
    Sieve(Sieve),
    Fifo(Fifo),
    Random(Random),
}

macro_rules! delegate {
    ($any:expr, $policy:ident => $call:expr) => {
        match $any {
            Self::Lru($policy) => $call,
            Self::Lfu($policy) => $call,
            Self::WTinyLfu($policy) => $call,
            Self::S3Fifo($policy) => $call,
            Self::Sieve($policy) => $call,
            Self::Fifo($policy) => $call,
            Self::Random($policy) => $call,
        }
    };
}

impl Policy for AnyPolicy {
    #[inline]
    fn hit(&mut self, slot: Slot) {
        delegate!(self, policy => policy.hit(slot));
    }

    #[inline]
    fn insert(&mut self, slot: Slot, key_hash: u64) {
        delegate!(self, policy => policy.insert(slot, key_hash));
    }

    fn remove(&mut self, slot: Slot) {
        delegate!(self, policy => policy.remove(slot));
    }

    #[inline]
    fn evict(&mut self, evicted: &mut impl FnMut(Slot)) {
        delegate!(self, policy => policy.evict(evicted));
    }

    fn len(&self) -> usize {
        delegate!(self, policy => policy.len())
    }

    fn set_capacity(&mut self, entries: NonZeroU32) {
        delegate!(self, policy => policy.set_capacity(entries));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_is_its_own_and_is_understood() {
        for kind in PolicyKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let names = BTreeSet::from(PolicyKind::ALL.map(PolicyKind::name));
        assert_eq!(names.len(), PolicyKind::ALL.len());
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_exist() {
        let error = "lrru".parse::<PolicyKind>().expect_err("no such policy");
        assert_eq!(
            error.to_string(),
            "there is no eviction policy \"lrru\"; there are lru, lfu, w-tinylfu, s3-fifo, sieve, fifo, random"
        );
    }

    #[derive(Debug, Clone)]
    enum Step {
        Hit(u32),
        Insert(u32),
        Remove(u32),
        Evict,
        SetCapacity(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..24_u32).prop_map(Step::Hit),
            6 => (0..24_u32).prop_map(Step::Insert),
            2 => (0..24_u32).prop_map(Step::Remove),
            3 => Just(Step::Evict),
            1 => (1..40_u32).prop_map(Step::SetCapacity),
        ]
    }

    fn entries(entries: u32) -> NonZeroU32 {
        NonZeroU32::new(entries).expect("one or more")
    }

    proptest! {
        /// Whatever is held, expected or estimated: as with a budget in bytes, evictions come at any time.
        #[test]
        fn only_what_is_held_is_evicted_and_once(
            kind in prop::sample::select(PolicyKind::ALL.to_vec()),
            capacity in 1..40_u32,
            steps in prop::collection::vec(step(), 0..300),
        ) {
            let mut policy = kind.build(entries(capacity), 1);
            let mut held = BTreeSet::new();
            let evict = |policy: &mut AnyPolicy, held: &mut BTreeSet<u32>| {
                let before = held.len();
                policy.evict(&mut |slot| assert!(held.remove(&slot), "{slot} is not held"));
                assert!(held.len() < before || before == 0, "nothing was evicted");
            };
            for step in steps {
                match step {
                    Step::Hit(slot) if held.contains(&slot) => policy.hit(slot),
                    Step::Insert(slot) if held.insert(slot) => policy.insert(slot, u64::from(slot % 16)),
                    Step::Remove(slot) if held.remove(&slot) => policy.remove(slot),
                    Step::Evict => evict(&mut policy, &mut held),
                    Step::SetCapacity(capacity) => policy.set_capacity(entries(capacity)),
                    Step::Hit(_) | Step::Insert(_) | Step::Remove(_) => {}
                }
                prop_assert_eq!(policy.len(), held.len());
            }
            while !held.is_empty() {
                evict(&mut policy, &mut held);
            }
            prop_assert!(policy.is_empty());
        }
    }
}
