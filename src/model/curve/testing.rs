//! Traces, and caches that tell what a trace does to a policy's reference.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::access::Effect;
use super::{Access, AccessKind, Keys, NEVER, ObjectAccess, ObjectAccessKind, Tally, WritePolicy};
use crate::base::hash::mix;
use crate::model::eviction::references::Reference;

pub(super) fn capacity() -> impl Strategy<Value = NonZeroU32> {
    (1..40_u32).prop_map(|capacity| NonZeroU32::new(capacity).expect("one or more"))
}

pub(super) fn on_write() -> impl Strategy<Value = WritePolicy> {
    prop::sample::select(vec![WritePolicy::Update, WritePolicy::Invalidate, WritePolicy::Ignore])
}

pub(super) fn keys() -> impl Strategy<Value = Keys> {
    prop::sample::select(vec![Keys::Numbered(10), Keys::Numbered(40), Keys::Hashed])
}

/// Mostly reads, of some popular keys and many others.
pub(super) fn trace() -> impl Strategy<Value = Vec<Access>> {
    let key = (0..40_u64, 0..40_u64).prop_map(|(a, b)| a.min(b));
    let kind = prop_oneof![
        8 => Just(AccessKind::Read),
        2 => Just(AccessKind::Write),
        1 => Just(AccessKind::Delete),
    ];
    prop::collection::vec((key, kind).prop_map(|(key, kind)| Access { key, kind }), 0..500)
}

/// Accesses to few objects, mostly small; some are larger than most caches of the tests.
pub(super) fn objects() -> impl Strategy<Value = Vec<ObjectAccess>> {
    let kind = prop_oneof![
        8 => Just(ObjectAccessKind::Read),
        2 => Just(ObjectAccessKind::Fill),
        2 => Just(ObjectAccessKind::Put),
        1 => Just(ObjectAccessKind::Amend),
        1 => Just(ObjectAccessKind::Delete),
    ];
    let bytes = prop_oneof![6 => 0..30_u64, 1 => 30..400_u64];
    let lives_ms = prop_oneof![2 => (0..60_u64).prop_map(Some), 1 => Just(None)];
    let later_ms = prop_oneof![2 => Just(0_u64), 1 => 1..10_u64];
    let one = ((0..20_u32, 0..20_u32), kind, (bytes, any::<bool>()), lives_ms, later_ms);
    prop::collection::vec(one, 0..400).prop_map(|rows| {
        let mut time_ms = 0;
        let access = |((a, b), kind, (bytes, changes), lives_ms, later_ms): (
            (u32, u32),
            _,
            (u64, bool),
            Option<u64>,
            u64,
        )| {
            let object: u32 = a.min(b);
            time_ms += later_ms;
            let bytes = if changes { bytes } else { 5 + u64::from(object) };
            let expires_ms = lives_ms.map_or(NEVER, |lives_ms| time_ms + lives_ms);
            ObjectAccess { object, kind, bytes, time_ms, expires_ms }
        };
        rows.into_iter().map(access).collect()
    })
}

/// A reference at one capacity, and the count of its reads.
pub(super) struct Reading<R> {
    reference: R,
    capacity: NonZeroU32,
    on_write: WritePolicy,
    tally: Tally,
}

impl<R: Reference> Reading<R> {
    pub(super) fn new(reference: R, capacity: NonZeroU32, on_write: WritePolicy) -> Self {
        Self { reference, capacity, on_write, tally: Tally::default() }
    }

    pub(super) fn access(&mut self, access: Access) -> Option<bool> {
        match self.on_write.effect(access.kind) {
            Effect::Use { counted } => {
                let hit = self.reference.access(access.key, self.capacity.get() as usize);
                self.tally.reads += u64::from(counted);
                self.tally.hits += u64::from(counted && hit);
                counted.then_some(hit)
            }
            Effect::Remove => {
                self.reference.delete(access.key);
                None
            }
            Effect::Nothing => None,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }
}

/// Keys 0..`keys` with Zipf's popularities of an exponent, by the inverse of their cumulated shares.
pub(super) fn zipf(keys: usize, exponent: f64, seed: u64) -> impl Iterator<Item = u64> {
    let shares = (1..=keys).map(|rank| (rank as f64).powf(-exponent));
    let cumulated: Vec<f64> = shares
        .scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        })
        .collect();
    (0_u64..).map(move |number| {
        let uniform = (mix(seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15))) >> 11) as f64
            / 2_f64.powi(53);
        let sought = uniform * cumulated[keys - 1];
        cumulated.partition_point(|&sum| sum <= sought).min(keys - 1) as u64
    })
}
