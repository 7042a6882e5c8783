//! One client's knowledge of the versions that it has read and written, on a sample of the keys.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::Setup;
use crate::base::hash::mix;
use crate::base::key_share::KeyShare;

/// The approximate limit on watched pairs of a client and a key.
pub const PAIRS: u64 = 1_000_000;
/// The approximate limit on watched keys. More would not fit into the processor's caches, and would cost each read more
/// than the rest of the audit.
pub const KEYS: u64 = 1_024;

/// The keys on which clients are watched: the same for all of them, chosen by a hash. All keys if they are few, else about
/// [`KEYS`], or as many as keep clients × keys below [`PAIRS`].
pub(super) fn sample(setup: Setup) -> KeyShare {
    // This hash differs from the map's, whose slots would be filled unevenly otherwise.
    KeyShare::of((PAIRS / setup.clients.max(1)).clamp(1, KEYS), setup.keys, 0x5EED_0F5A_3B1E_D000)
}

/// The versions that one client has read and written on the sampled keys. It belongs to that client, and holds no more
/// keys than the sample does.
#[derive(Debug)]
pub struct ClientView {
    instance: u64,
    sample: KeyShare,
    known: HashMap<u64, KnownVersions, BuildHasherDefault<KeyHasher>>,
}

/// The highest versions of a key that a client knows; 0 if it knows none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownVersions {
    /// The highest version that it has read, or has written with acknowledgement.
    pub highest: u64,
    /// The highest version that it has written with acknowledgement.
    pub written: u64,
}

impl ClientView {
    pub(super) fn new(instance: u64, sample: KeyShare) -> Self {
        Self { instance, sample, known: HashMap::default() }
    }

    /// The instance that the client belongs to.
    #[must_use]
    pub fn instance(&self) -> u64 {
        self.instance
    }

    /// Notes the version that was read, and returns what was known before.
    #[inline]
    pub(super) fn note_read(&mut self, key: u64, version: u64) -> KnownVersions {
        if !self.sample.contains(key) {
            return KnownVersions::default();
        }
        let known = self.known.entry(key).or_default();
        let before = *known;
        known.highest = known.highest.max(version);
        before
    }

    /// Notes an acknowledged write of this client.
    pub(super) fn note_written(&mut self, key: u64, version: u64) {
        if self.sample.contains(key) {
            let known = self.known.entry(key).or_default();
            known.highest = known.highest.max(version);
            known.written = known.written.max(version);
        }
    }

    /// The number of keys of which the client knows a version.
    #[cfg(test)]
    pub(super) fn known_keys(&self) -> usize {
        self.known.len()
    }
}

/// A hasher for keys. They are numbers that nobody chooses in order to make them collide.
#[derive(Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = mix(self.0 ^ key);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(keys: u64, clients: u64) -> u64 {
        let sample = sample(Setup { keys, clients, instances: 2 });
        (0..keys).filter(|&key| sample.contains(key)).count() as u64
    }

    #[test]
    fn all_keys_are_watched_where_they_are_few_and_else_about_a_thousand_or_a_million_pairs() {
        assert_eq!(sampled(1000, 64), 1000);
        assert_eq!(sampled(0, 0), 0);
        for clients in [4, 64, 10_000] {
            let keys = sampled(1_000_000, clients) as f64;
            let expected = (PAIRS / clients).min(KEYS) as f64;
            assert!((keys / expected - 1.0).abs() < 0.3, "{clients} clients: {keys} keys");
        }
    }

    #[test]
    fn a_view_holds_no_more_than_the_sampled_keys() {
        let sample = sample(Setup { keys: 100_000, clients: 1000, instances: 2 });
        let mut view = ClientView::new(0, sample);
        for version in 1..4 {
            for key in 0..100_000 {
                view.note_read(key, version);
                view.note_written(key, version);
            }
        }
        assert_eq!(view.known_keys() as u64, sampled(100_000, 1000));
    }
}
