//! The operations that the clients request: a pure function of seed, phase, client and number.

use std::num::NonZeroU64;
use std::sync::Arc;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::batch::{Batching, FurtherKey};
use super::keys::{KeySampler, TopShares};
use super::mix::Mix;
use super::operation::Operation;
use super::part::WriteKeys;
use super::random::{Purpose, RandomSource};
use super::recorded::Recording;
use crate::base::units::Share;
use crate::results::Phase;

/// The number of operations of each client that its digest covers.
pub const DIGESTED_OPERATIONS: u64 = 10_000;
/// Digests of a trace are made of so many clients at once; each takes half a kilobyte meanwhile.
const DIGESTED_AT_ONCE: u64 = 1 << 12;

impl Phase {
    /// The random stream of the phase: each has its own, so that the measured operations do not depend on how long the
    /// cache took to warm.
    fn purpose(self) -> Purpose {
        match self {
            Self::Warmup => Purpose::Warmup,
            Self::Measure => Purpose::Measure,
        }
    }
}

/// The parameters of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSpec {
    /// The scenario's seed.
    pub seed: u64,
    /// The part of the cell.
    pub phase: Phase,
    /// The distribution of the requested keys.
    pub keys: KeySampler,
    /// The shares of the kinds of operation.
    pub mix: Mix,
    /// True for each kind that may request an absent key; a kind beyond the list may not.
    pub can_be_absent: Vec<bool>,
    /// The share of the operations of those kinds that request an absent key.
    pub absent_share: Share,
    /// The number of clients that share the work.
    pub clients: NonZeroU64,
    /// The operations that ask for several keys; `None` where each asks for one.
    pub batching: Option<Batching>,
    /// A trace that gives kinds and keys instead; the clients take its operations in turn.
    pub recorded: Option<Arc<Recording>>,
    /// The keys that each client may write, where several processes drive the load.
    pub write_keys: Option<Arc<WriteKeys>>,
}

/// Every operation of every client, computed on demand, in any order and from any thread.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationStream {
    spec: StreamSpec,
    random: RandomSource,
    /// The number of keys that an operation may draw: as many places of a distribution that goes by places.
    places: u64,
}

/// The digests by which streams are compared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StreamDigest {
    /// The digest of each client's first operations.
    pub clients: Vec<u64>,
    /// The digest of all those digests.
    pub all: u64,
}

impl OperationStream {
    /// The stream that belongs to a specification.
    #[must_use]
    pub fn new(spec: StreamSpec) -> Self {
        let random = RandomSource::new(spec.seed, spec.phase.purpose());
        let places = spec.batching.map_or(1, |batching| batching.keys);
        Self { spec, random, places }
    }

    /// The parameters that it was made from.
    #[must_use]
    pub fn spec(&self) -> &StreamSpec {
        &self.spec
    }

    /// Operation `number` of `client`, both from 0. It is the same at every call.
    ///
    /// The random numbers are drawn in a fixed order (kind, absence, the application's own, key) whether or not they
    /// are needed, so that a change of `absent_share` leaves kinds and keys as they were.
    #[inline]
    #[must_use]
    pub fn operation(&self, client: u64, number: u64) -> Operation {
        let spec = &self.spec;
        let mut random = self.random.at(client, number);
        let kind = spec.mix.sample(&mut random);
        let absent_draw = random.unit();
        let draw = random.bits();
        if let Some(recorded) = &spec.recorded {
            let (kind, key) = recorded.at(spec.phase, number * spec.clients.get() + client);
            return Operation { number, kind, key, absent: false, draw };
        }
        let key = spec.keys.sample(&mut random, client, number * self.places, spec.clients.get());
        let key = spec.write_keys.as_ref().map_or(key, |of| of.key_for(client, kind, key));
        let can_be_absent = spec.can_be_absent.get(usize::from(kind)).is_some_and(|can| *can);
        let absent = can_be_absent && absent_draw < spec.absent_share.get();
        Operation { number, kind, key: self.placed(key, absent), absent, draw }
    }

    /// Absent keys follow the same distribution, so that a cache of absences sees the same skew as any other.
    #[inline]
    fn placed(&self, key: u64, absent: bool) -> u64 {
        if absent { key.saturating_add(self.spec.keys.keys().get()) } else { key }
    }

    /// Puts into `further` the keys that an operation of `client` asks for besides its own, each once and in the order of
    /// the keys;
    /// leaves it alone where every operation asks for one key.
    #[inline]
    pub fn further_keys(&self, client: u64, operation: &Operation, further: &mut Vec<FurtherKey>) {
        if let Some(batching) = self.spec.batching {
            further.clear();
            if operation.kind == batching.kind {
                self.draw_further(client, operation, further);
            }
        }
    }

    /// Draws on where [`operation`](Self::operation) has ended: for each further key whether it is absent, and then the key.
    fn draw_further(&self, client: u64, operation: &Operation, further: &mut Vec<FurtherKey>) {
        let (spec, number) = (&self.spec, operation.number);
        let clients = spec.clients.get();
        let mut random = self.random.at(client, number);
        let _ = (spec.mix.sample(&mut random), random.unit(), random.bits());
        let _ = spec.keys.sample(&mut random, client, number * self.places, clients);
        let can_be_absent = spec.can_be_absent.get(usize::from(operation.kind)).is_some_and(|can| *can);
        further.extend((1..self.places).map(|place| {
            let absent = random.unit() < spec.absent_share.get() && can_be_absent;
            let key = spec.keys.sample(&mut random, client, number * self.places + place, clients);
            FurtherKey { key: self.placed(key, absent), absent }
        }));
        further.sort_unstable();
        further.dedup();
        further.retain(|one| one.key != operation.key);
    }

    /// The operations of all clients, who take turns, without end.
    pub fn in_turn(&self) -> impl Iterator<Item = Operation> + '_ {
        let clients = self.spec.clients.get();
        (0..).map(move |at| self.operation(at % clients, at / clients))
    }

    /// What the operations of all clients ask for, in turn and without end: an operation for each of its keys.
    pub fn keys_in_turn(&self) -> impl Iterator<Item = Operation> + '_ {
        let clients = self.spec.clients.get();
        (0..).flat_map(move |at: u64| {
            let operation = self.operation(at % clients, at / clients);
            let mut further = Vec::new();
            self.further_keys(at % clients, &operation, &mut further);
            let of_key = move |FurtherKey { key, absent }| Operation { key, absent, ..operation };
            std::iter::once(operation).chain(further.into_iter().map(of_key))
        })
    }

    /// The digest (xxh3, 64 bits) of a client's first operations: [`DIGESTED_OPERATIONS`], or as many as ask for about as
    /// many keys.
    #[must_use]
    pub fn digest(&self, client: u64) -> u64 {
        let mut digest = Xxh3::new();
        let mut further = Vec::new();
        for number in 0..DIGESTED_OPERATIONS.div_ceil(self.places) {
            let operation = self.operation(client, number);
            digest.update(&operation.encode());
            self.further_keys(client, &operation, &mut further);
            for one in &further {
                digest.update(&one.key.to_le_bytes());
            }
        }
        digest.digest()
    }

    /// The digests of all clients, and the digest of those.
    #[must_use]
    pub fn digests(&self) -> StreamDigest {
        let clients: Vec<u64> = match self.spec.recorded {
            None => (0..self.spec.clients.get()).map(|client| self.digest(client)).collect(),
            Some(_) => self.digests_in_turn(),
        };
        let bytes: Vec<u8> = clients.iter().flat_map(|digest| digest.to_le_bytes()).collect();
        StreamDigest { all: xxh3_64(&bytes), clients }
    }

    /// The digests of all clients, made of the operations in the order in which a trace has them, as it is read from its file
    /// in that order.
    fn digests_in_turn(&self) -> Vec<u64> {
        let clients = self.spec.clients.get();
        let mut digests = Vec::new();
        for first in (0..clients).step_by(DIGESTED_AT_ONCE as usize) {
            let some = first..clients.min(first + DIGESTED_AT_ONCE);
            let mut of_some: Vec<Xxh3> = some.clone().map(|_| Xxh3::new()).collect();
            for number in 0..DIGESTED_OPERATIONS {
                for (digest, client) in of_some.iter_mut().zip(some.clone()) {
                    digest.update(&self.operation(client, number).encode());
                }
            }
            digests.extend(of_some.iter().map(Xxh3::digest));
        }
        digests
    }

    /// The shares that the hottest keys get among the first `requests` keys that all clients ask for, taken in turn. The
    /// hottest keys are those of the distribution, not those that happened to come most often, so that few operations
    /// give no bias; absent keys are left out.
    ///
    /// The shares are computed by replaying the stream, in about 0.1 s for a million operations, since counting on the
    /// hot path would slow each operation down.
    #[must_use]
    pub fn realised_shares(&self, requests: u64) -> TopShares {
        if let Some(recorded) = &self.spec.recorded {
            return recorded.shares(self.spec.phase);
        }
        let keys = &self.spec.keys;
        let (top_1, top_10) = (keys.top_ranks(100), keys.top_ranks(10));
        let (mut all, mut in_key, mut in_1, mut in_10) = (0_u64, 0_u64, 0_u64, 0_u64);
        let requests = usize::try_from(requests).unwrap_or(usize::MAX);
        for operation in self.keys_in_turn().take(requests).filter(|operation| !operation.absent) {
            let rank = keys.rank_of_key(operation.key);
            all += 1;
            in_key += u64::from(rank == 0);
            in_1 += u64::from(rank < top_1);
            in_10 += u64::from(rank < top_10);
        }
        let share = |count: u64| if all == 0 { 0.0 } else { count as f64 / all as f64 };
        TopShares { top_key: share(in_key), top_1_percent: share(in_1), top_10_percent: share(in_10) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::Distribution;
    use super::*;
    use proptest::prelude::*;

    fn stream(seed: u64, phase: Phase, absent_share: f64) -> OperationStream {
        let keys = NonZeroU64::new(1000).unwrap();
        OperationStream::new(StreamSpec {
            seed,
            phase,
            keys: KeySampler::new(&Distribution::default(), keys, seed),
            mix: Mix::new(&[0.9, 0.1]).unwrap(),
            can_be_absent: vec![true, false],
            absent_share: Share::new(absent_share).unwrap(),
            clients: NonZeroU64::new(4).unwrap(),
            batching: None,
            recorded: None,
            write_keys: None,
        })
    }

    proptest! {
        #[test]
        fn an_operation_does_not_depend_on_what_was_asked_before(
            seed: u64,
            calls in prop::collection::vec((0_u64..4, 0_u64..1000), 1..50),
        ) {
            let forwards = stream(seed, Phase::Measure, 0.1);
            let backwards = stream(seed, Phase::Measure, 0.1);
            let found: Vec<_> = calls.iter().map(|&(c, n)| forwards.operation(c, n)).collect();
            let mut again: Vec<_> = calls.iter().rev().map(|&(c, n)| backwards.operation(c, n)).collect();
            again.reverse();
            prop_assert_eq!(found, again);
        }
    }

    #[test]
    fn one_seed_has_one_digest_and_another_seed_another() {
        let digest = stream(42, Phase::Measure, 0.1).digests();
        assert_eq!(digest, stream(42, Phase::Measure, 0.1).digests());
        assert_eq!(digest.clients.len(), 4);
        for other in
            [stream(43, Phase::Measure, 0.1), stream(42, Phase::Warmup, 0.1), stream(42, Phase::Measure, 0.2)]
        {
            assert_ne!(digest.all, other.digests().all);
        }
        let mut distinct = digest.clients.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 4, "clients must not ask for the same");
    }

    #[test]
    fn the_stream_is_the_same_for_ever() {
        let stream = stream(42, Phase::Measure, 0.1);
        assert_eq!(stream.digests().all, 0xE18E_7C90_34EE_D2EE, "{:#X}", stream.digests().all);
    }

    #[test]
    fn absent_keys_are_asked_for_by_kinds_that_may_and_as_often_as_said() {
        let stream = stream(1, Phase::Measure, 0.25);
        let operations: Vec<_> = (0..40_000).map(|n| stream.operation(n % 4, n / 4)).collect();
        assert!(operations.iter().all(|o| o.absent == (o.key >= 1000) && o.key < 2000));
        assert!(operations.iter().all(|o| o.kind == 0 || !o.absent));
        let reads = operations.iter().filter(|o| o.kind == 0).count() as f64;
        let absent = operations.iter().filter(|o| o.absent).count() as f64;
        assert!((absent / reads - 0.25).abs() < 0.01, "{absent} of {reads}");
    }

    #[test]
    fn asking_for_absent_keys_leaves_kinds_and_keys_as_they_were() {
        let (without, with) = (stream(1, Phase::Measure, 0.0), stream(1, Phase::Measure, 0.5));
        for number in 0..1000 {
            let (a, b) = (without.operation(0, number), with.operation(0, number));
            assert_eq!((a.kind, a.draw, a.key), (b.kind, b.draw, b.key % 1000));
            assert!(!a.absent);
        }
    }

    /// A stream whose reads ask for five keys.
    fn batched(phase: Phase, absent_share: f64) -> OperationStream {
        let batching = Some(Batching { kind: 0, keys: 5 });
        OperationStream::new(StreamSpec { batching, ..stream(42, phase, absent_share).spec().clone() })
    }

    fn keys_of(stream: &OperationStream, client: u64, number: u64) -> Vec<FurtherKey> {
        let operation = stream.operation(client, number);
        let mut keys = Vec::new();
        stream.further_keys(client, &operation, &mut keys);
        keys.insert(0, FurtherKey { key: operation.key, absent: operation.absent });
        keys
    }

    #[test]
    fn a_read_of_several_keys_asks_for_each_once_and_is_else_the_operation_that_it_was() {
        let (single, batched) = (stream(42, Phase::Measure, 0.2), batched(Phase::Measure, 0.2));
        let mut drawn_twice = 0;
        for number in 0..2_000 {
            let operation = batched.operation(1, number);
            assert_eq!(operation, single.operation(1, number));
            let keys = keys_of(&batched, 1, number);
            assert_eq!(keys, keys_of(&batched, 1, number), "the same at every call");
            let mut distinct = keys.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), keys.len());
            assert!(keys.iter().all(|one| one.absent == (one.key >= 1000) && one.key < 2000));
            assert!(if operation.kind == 0 { keys.len() <= 5 } else { keys.len() == 1 });
            drawn_twice += u64::from(operation.kind == 0 && keys.len() < 5);
        }
        assert!((100..1_900).contains(&drawn_twice), "{drawn_twice}");
    }

    #[test]
    fn further_keys_are_drawn_as_the_operations_own_are() {
        let stream = batched(Phase::Measure, 0.25);
        let (mut absent, mut all, mut hot) = (0.0, 0.0, 0.0);
        for number in 0..20_000 {
            for one in keys_of(&stream, 2, number).into_iter().skip(1) {
                absent += f64::from(u8::from(one.absent));
                hot += f64::from(u8::from(stream.spec().keys.rank_of_key(one.key % 1000) < 10));
                all += 1.0;
            }
        }
        assert!((absent / all - 0.25_f64).abs() < 0.02, "{absent} of {all}");
        // Ten draws in a hundred fall on the hottest key alone; drawn twice they are one, and so fewer.
        assert!((0.25..0.4).contains(&(hot / all)), "{hot} of {all}");
    }

    #[test]
    fn keys_that_go_by_places_go_on_within_a_read() {
        let whole = stream(1, Phase::Measure, 0.0).spec().clone();
        let keys = KeySampler::new(
            &Distribution::Sequential(super::super::keys::Sequential {}),
            NonZeroU64::new(1000).unwrap(),
            1,
        );
        let batching = Some(Batching { kind: 0, keys: 5 });
        let mix = Mix::new(&[1.0, 0.0]).unwrap();
        let stream = OperationStream::new(StreamSpec { keys, mix, batching, ..whole });
        let mut scanned: Vec<u64> = Vec::new();
        for at in 0..200 {
            scanned.extend(keys_of(&stream, at % 4, at / 4).iter().map(|one| one.key));
        }
        scanned.sort_unstable();
        assert_eq!(scanned, (0..1000).collect::<Vec<_>>(), "each once");
    }

    #[test]
    fn the_digest_tells_every_key_that_is_asked_for() {
        let of = |absent_share| batched(Phase::Measure, absent_share).digests().all;
        assert_ne!(of(0.1), stream(42, Phase::Measure, 0.1).digests().all);
        assert_ne!(of(0.1), of(0.11), "one further key in a hundred is another");
        let six = StreamSpec {
            batching: Some(Batching { kind: 0, keys: 6 }),
            ..batched(Phase::Measure, 0.1).spec().clone()
        };
        assert_ne!(of(0.1), OperationStream::new(six).digests().all);
        assert_eq!(of(0.1), of(0.1));
    }

    #[test]
    fn what_is_asked_for_in_turn_is_every_key_of_every_operation() {
        let stream = batched(Phase::Measure, 0.1);
        let mut expected = Vec::new();
        for at in 0..100 {
            expected.extend(keys_of(&stream, at % 4, at / 4));
        }
        let keys = stream.keys_in_turn().take(expected.len());
        let found: Vec<_> = keys.map(|one| FurtherKey { key: one.key, absent: one.absent }).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_realised_shares_are_near_the_expected_ones() {
        let stream = stream(3, Phase::Measure, 0.1);
        let (found, expected) = (stream.realised_shares(100_000), stream.spec().keys.expected_shares());
        assert!((found.top_key - expected.top_key).abs() < 0.005, "{found:?} {expected:?}");
        assert!((found.top_1_percent - expected.top_1_percent).abs() < 0.01, "{found:?} {expected:?}");
        assert!((found.top_10_percent - expected.top_10_percent).abs() < 0.01, "{found:?} {expected:?}");
        assert_eq!(stream.realised_shares(0), TopShares::default());
    }
}
