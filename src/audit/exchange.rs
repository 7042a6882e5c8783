//! The facts that one process keeps so that the audit of another can be completed afterwards: when its own writes were
//! acknowledged, and which versions it has read of documents that others write.

use std::collections::hash_map::Entry;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::foreign::ForeignKeys;
use super::testimony::{Acknowledgement, Sighting, Testimony};
use crate::base::hash::mix;

/// Keys are locked together, by their hash.
const STRIPES: usize = 64;
/// A stripe keeps no more than this of either: two million of all together.
const MOST_OF_A_STRIPE: usize = 1 << 15;

/// See the module. Times are in microseconds since the audit began.
#[derive(Debug)]
pub(super) struct Exchange {
    foreign: ForeignKeys,
    stripes: Box<[Mutex<Kept>]>,
}

/// The facts that are kept of some keys.
#[derive(Debug, Default)]
struct Kept {
    /// Of each key the latest version that was acknowledged before measuring began, and when.
    before: FxHashMap<u64, (u64, u64)>,
    /// Each that was acknowledged since then: key, version and time.
    acknowledged: Vec<(u64, u64, u64)>,
    /// Of each version of a key that was read since then, how often, and when such a read was last sent.
    sightings: FxHashMap<(u64, u64), (u64, u64)>,
    /// True if there was no room for something.
    is_full: bool,
}

impl Exchange {
    pub(super) fn new(foreign: ForeignKeys) -> Self {
        Self { foreign, stripes: (0..STRIPES).map(|_| Mutex::default()).collect() }
    }

    #[inline]
    pub(super) fn is_foreign(&self, key: u64) -> bool {
        self.foreign.contains(key)
    }

    fn stripe(&self, key: u64) -> &Mutex<Kept> {
        &self.stripes[mix(key) as usize % STRIPES]
    }

    pub(super) fn note_acknowledged(&self, key: u64, version: u64, micros: u64, is_measured: bool) {
        let mut kept = self.stripe(key).lock();
        if !is_measured {
            let latest = kept.before.entry(key).or_insert((version, micros));
            if latest.0 < version {
                *latest = (version, micros);
            }
        } else if kept.acknowledged.len() < MOST_OF_A_STRIPE {
            kept.acknowledged.push((key, version, micros));
        } else {
            kept.is_full = true;
        }
    }

    pub(super) fn note_sighting(&self, key: u64, version: u64, sent_micros: u64) {
        let mut kept = self.stripe(key).lock();
        let has_room = kept.sightings.len() < MOST_OF_A_STRIPE;
        match kept.sightings.entry((key, version)) {
            Entry::Occupied(mut known) => {
                let (reads, last) = known.get_mut();
                *reads += 1;
                *last = (*last).max(sent_micros);
            }
            Entry::Vacant(new) if has_room => drop(new.insert((1, sent_micros))),
            Entry::Vacant(_) => kept.is_full = true,
        }
    }

    /// All of it, with times from the start of measuring.
    pub(super) fn testimony(&self, measuring_since: u64) -> Testimony {
        let after = |micros: u64| micros.cast_signed() - measuring_since.cast_signed();
        let mut all = Testimony { is_complete: true, ..Testimony::default() };
        for stripe in &self.stripes {
            let kept = stripe.lock();
            let before = kept.before.iter().map(|(key, (version, micros))| (*key, *version, *micros));
            let acknowledged = before.chain(kept.acknowledged.iter().copied());
            all.acknowledged.extend(
                acknowledged.map(|(key, version, micros)| Acknowledgement(key, version, after(micros))),
            );
            let sightings = kept.sightings.iter();
            all.sightings.extend(
                sightings
                    .map(|((key, version), (reads, last))| Sighting(*key, *version, *reads, after(*last))),
            );
            all.is_complete &= !kept.is_full;
        }
        all
    }
}
