//! Dirty entries in the local cache.

use std::collections::HashMap;

use super::entries::Stored;

/// The entries that must not be evicted. They are kept apart from the others, so that an eviction never has
/// to step over them. They count towards the capacity.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    stored: HashMap<Box<str>, Stored>,
    bytes: u64,
}

impl Dirty {
    pub(super) fn get(&self, key: &str) -> Option<&Stored> {
        // Most strategies have no dirty entries; then a miss costs no hashing here.
        if self.stored.is_empty() { None } else { self.stored.get(key) }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Stored> {
        if self.stored.is_empty() {
            return None;
        }
        let stored = self.stored.remove(key)?;
        self.bytes -= stored.weight(key);
        Some(stored)
    }

    pub(super) fn insert(&mut self, key: &str, stored: Stored) {
        self.bytes += stored.weight(key);
        self.stored.insert(key.into(), stored);
    }

    pub(super) fn len(&self) -> u64 {
        self.stored.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
