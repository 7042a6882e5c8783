//! What holds a policy against its reference: traces, and a cache of keys that runs under a policy.

use std::collections::HashMap;

use proptest::prelude::*;

use super::references::Reference;
use super::{Policy, Slot};
use crate::base::hash::mix;

/// One step of a trace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// The key is read, and put in where it is not there; or overwritten, which is the same to a policy.
    Access(u64),
    /// The key is deleted.
    Delete(u64),
}

/// Traces of some popular keys and many others, with a few deletes.
pub(crate) fn trace() -> impl Strategy<Value = Vec<Step>> {
    let key = || (0..40_u64, 0..40_u64).prop_map(|(a, b)| a.min(b));
    let step = prop_oneof![9 => key().prop_map(Step::Access), 1 => key().prop_map(Step::Delete)];
    prop::collection::vec(step, 0..500)
}

/// Asserts that a policy and its reference hit and miss alike at every step of a trace.
pub(crate) fn assert_equal_to_reference<P: Policy>(
    policy: P,
    mut reference: impl Reference,
    capacity: u32,
    trace: &[Step],
) {
    let mut cache = CacheOfKeys::new(policy, capacity);
    for (number, &step) in trace.iter().enumerate() {
        match step {
            Step::Access(key) => {
                let expected = reference.access(key, capacity as usize);
                assert_eq!(cache.access(key), expected, "step {number}, key {key}");
            }
            Step::Delete(key) => {
                reference.delete(key);
                cache.delete(key);
            }
        }
        assert!(cache.len() <= capacity as usize, "step {number}: {} entries", cache.len());
    }
}

/// A cache that holds keys alone, under a policy.
pub(crate) struct CacheOfKeys<P> {
    policy: P,
    capacity: usize,
    slots: HashMap<u64, Slot>,
    keys: HashMap<Slot, u64>,
    free: Vec<Slot>,
}

impl<P: Policy> CacheOfKeys<P> {
    pub(crate) fn new(policy: P, capacity: u32) -> Self {
        let free = (0..capacity).collect();
        let capacity = capacity as usize;
        Self { policy, capacity, slots: HashMap::new(), keys: HashMap::new(), free }
    }

    pub(crate) fn policy(&self) -> &P {
        &self.policy
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn holds(&self, key: u64) -> bool {
        self.slots.contains_key(&key)
    }

    pub(crate) fn access(&mut self, key: u64) -> bool {
        if let Some(&slot) = self.slots.get(&key) {
            self.policy.hit(slot);
            return true;
        }
        while self.slots.len() >= self.capacity {
            let Self { policy, slots, keys, free, .. } = self;
            policy.evict(&mut |slot| {
                let key = keys.remove(&slot).expect("an evicted slot is live");
                slots.remove(&key);
                free.push(slot);
            });
        }
        let slot = self.free.pop().expect("there is room");
        self.slots.insert(key, slot);
        self.keys.insert(slot, key);
        self.policy.insert(slot, mix(key));
        false
    }

    pub(crate) fn access_all(&mut self, keys: impl IntoIterator<Item = u64>) {
        for key in keys {
            self.access(key);
        }
    }

    pub(crate) fn delete(&mut self, key: u64) {
        if let Some(slot) = self.slots.remove(&key) {
            self.policy.remove(slot);
            self.keys.remove(&slot);
            self.free.push(slot);
        }
    }
}
