//! Tests that compare the cache with small reference implementations of its policies, and with the theory of
//! LRU.

mod contents;

use futures_util::FutureExt as _;
use mongodb::bson::rawdoc;
use proptest::prelude::*;

use super::*;
use crate::base::hash::mix;
use crate::model::eviction::references::{NaiveFifo, NaiveLfu, NaiveLru, NaiveS3Fifo, NaiveSieve, Reference};
use crate::model::theory::{self, Popularity};
use crate::store::Document;

/// The result of a call that is ready at once, since this cache never waits.
fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("a local cache answers at once")
}

fn document(version: i64) -> Entry {
    Entry::of(Document::from_raw(rawdoc! { "_v": version }))
}

/// A client that uses the cache as a strategy does: a miss places a token and fills it.
struct Client {
    cache: LocalCache,
    version: i64,
}

impl Client {
    fn new(entries: u64, policy: PolicyKind) -> Self {
        let capacity = LocalCapacity::Entries(entries);
        Self { cache: LocalCache::with_policy(capacity, policy, Counters::new()), version: 0 }
    }

    /// Reads a key, and fills it on a miss; returns true on a hit.
    fn read(&self, key: &str) -> bool {
        if now(self.cache.get(key)).expect("it does not fail").is_some() {
            return true;
        }
        let token = Token::random();
        let claimed = now(self.cache.place_token(key, token, Duration::from_mins(1)));
        assert_eq!(claimed, Ok(Claimed::Placed));
        assert_eq!(now(self.cache.fill(key, token, &document(self.version), None)), Ok(true));
        false
    }

    /// Writes the new document, whether or not an old one is there.
    fn update(&mut self, key: &str) {
        self.version += 1;
        let token = Token::random();
        now(self.cache.place_token(key, token, Duration::from_mins(1))).expect("it does not fail");
        assert_eq!(
            now(self.cache.settle(key, Some(token), &document(self.version), None)),
            Ok(SettleOutcome::Stored)
        );
    }

    fn delete(&self, key: &str) {
        now(self.cache.delete(key)).expect("it does not fail");
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Read(u64),
    Update(u64),
    Delete(u64),
}

fn trace() -> impl Strategy<Value = Vec<Step>> {
    let key = || (0..40_u64, 0..40_u64).prop_map(|(a, b)| a.min(b));
    let step = prop_oneof![
        8 => key().prop_map(Step::Read),
        2 => key().prop_map(Step::Update),
        1 => key().prop_map(Step::Delete),
    ];
    proptest::collection::vec(step, 0..500)
}

fn agrees_with(
    policy: PolicyKind,
    mut reference: impl Reference,
    entries: u64,
    trace: &[Step],
) -> Result<(), TestCaseError> {
    let mut client = Client::new(entries, policy);
    for (number, step) in trace.iter().enumerate() {
        match *step {
            Step::Read(key) => {
                let hit = client.read(&key.to_string());
                prop_assert_eq!(hit, reference.access(key, entries as usize), "{} {}", policy, number);
            }
            Step::Update(key) => {
                reference.access(key, entries as usize);
                client.update(&key.to_string());
            }
            Step::Delete(key) => {
                reference.delete(key);
                client.delete(&key.to_string());
            }
        }
        prop_assert!(client.cache.statistics().entries <= entries);
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_read_hits_and_misses_as_in_the_policys_reference(entries in 1..30_u64, trace in trace()) {
        agrees_with(PolicyKind::Lru, NaiveLru::default(), entries, &trace)?;
        agrees_with(PolicyKind::Fifo, NaiveFifo::default(), entries, &trace)?;
        agrees_with(PolicyKind::Sieve, NaiveSieve::default(), entries, &trace)?;
        agrees_with(PolicyKind::S3Fifo, NaiveS3Fifo::default(), entries, &trace)?;
        agrees_with(PolicyKind::Lfu, NaiveLfu::default(), entries, &trace)?;
    }

    /// The bound holds for entries of any weight and for every policy.
    #[test]
    fn no_policy_lets_the_cache_grow_over_its_bytes(
        policy in proptest::sample::select(PolicyKind::ALL.to_vec()),
        bytes in 300..3000_u64,
        sets in proptest::collection::vec((0..30_u8, 0..400_usize), 0..300),
    ) {
        let cache = LocalCache::with_policy(LocalCapacity::Bytes(bytes), policy, Counters::new());
        for (key, padding) in sets {
            let entry = Entry::of(Document::from_raw(rawdoc! { "_v": 1_i64, "p": "x".repeat(padding) }));
            now(cache.set(&key.to_string(), &entry, None)).expect("it does not fail");
            let statistics = cache.statistics();
            prop_assert!(statistics.bytes <= bytes);
            let gone = statistics.evicted_by_capacity + statistics.replaced;
            prop_assert!(statistics.entries + gone <= statistics.insertions);
        }
    }
}

const KEYS: u64 = 100_000;
const OPERATIONS: u64 = 1_000_000;

/// Random numbers from 0 (inclusive) to 1 (exclusive).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The effect of a write on the cached entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnWrite {
    Update,
    Delete,
}

/// The effect of the writes, which are a tenth of the operations; `None` for reads only.
type Writes = Option<OnWrite>;

/// The hit rate of a real cache under Zipf, prefilled with the entries that LRU holds after a long time: each
/// key's last use lies an exponentially distributed time back, and the cache holds the keys used last.
fn measured(exponent: f64, entries: u64, writes: Writes, keys: &[String]) -> f64 {
    let write_share = if writes.is_some() { 0.1 } else { 0.0 };
    let mut uniform = Uniform(7);
    let shares: Vec<f64> = (1..=KEYS).map(|rank| (rank as f64).powf(-exponent)).collect();
    let mut client = Client::new(entries, PolicyKind::Lru);
    for rank in recently_used(&shares, entries, writes, &mut uniform) {
        client.read(&keys[rank]);
    }
    let mut sum = 0.0;
    let cumulated: Vec<f64> = shares
        .iter()
        .map(|share| {
            sum += share;
            sum
        })
        .collect();
    let mut run = |operations: u64| {
        let (mut reads, mut hits) = (0_u64, 0_u64);
        for _ in 0..operations {
            let sought = uniform.next() * sum;
            let key = &keys[cumulated.partition_point(|up_to| *up_to <= sought).min(keys.len() - 1)];
            if uniform.next() >= write_share {
                reads += 1;
                hits += u64::from(client.read(key));
            } else if writes == Some(OnWrite::Update) {
                client.update(key);
            } else {
                client.delete(key);
            }
        }
        hits as f64 / reads as f64
    };
    run(OPERATIONS / 2);
    run(OPERATIONS)
}

/// The ranks that are cached, the least recently used first.
fn recently_used(shares: &[f64], entries: u64, writes: Writes, uniform: &mut Uniform) -> Vec<usize> {
    let mut ages = Vec::new();
    for (rank, share) in shares.iter().enumerate() {
        let was_deleted = writes == Some(OnWrite::Delete) && uniform.next() < 0.1;
        if !was_deleted {
            ages.push((-(1.0 - uniform.next()).ln() / share, rank));
        }
    }
    ages.sort_by(|a, b| a.0.total_cmp(&b.0));
    ages.truncate(entries as usize);
    ages.into_iter().rev().map(|(_, rank)| rank).collect()
}

fn predicted(exponent: f64, entries: u64, writes: Writes) -> f64 {
    let (reads_per_second, writes_per_second, on_write) = match writes {
        None => (1e4, 0.0, theory::ModelWritePolicy::Ignored),
        Some(OnWrite::Update) => (9e3, 1e3, theory::ModelWritePolicy::Updates),
        Some(OnWrite::Delete) => (9e3, 1e3, theory::ModelWritePolicy::Deletes),
    };
    let popularity = Popularity::zipf(KEYS, exponent, reads_per_second, writes_per_second);
    let capacity = theory::ModelCapacity::entries(entries as f64).expect("some");
    theory::lru::hit_rate(&popularity.expect("a distribution"), capacity, on_write).value
}

/// The reference is Che, Tung and Wang, "Hierarchical web caching systems", 2002.
fn lru_hits_within_a_third_of_a_point_of_ches_value_under_zipf(exponent: f64) {
    let keys: Vec<String> = (0..KEYS).map(|key| format!("product:{key}")).collect();
    let mut off = Vec::new();
    for entries in [KEYS / 100, KEYS / 10, KEYS / 2] {
        for writes in [None, Some(OnWrite::Update), Some(OnWrite::Delete)] {
            let (found, expected) =
                (measured(exponent, entries, writes, &keys), predicted(exponent, entries, writes));
            if (found - expected).abs() > 0.003 {
                off.push(format!("C {entries}, {writes:?}: {found:.4}, not {expected:.4}"));
            }
        }
    }
    assert!(off.is_empty(), "{off:#?}");
}

#[test]
fn lru_hits_within_a_third_of_a_point_of_ches_value_under_a_flat_zipf() {
    lru_hits_within_a_third_of_a_point_of_ches_value_under_zipf(0.8);
}

#[test]
fn lru_hits_within_a_third_of_a_point_of_ches_value_under_the_usual_zipf() {
    lru_hits_within_a_third_of_a_point_of_ches_value_under_zipf(0.99);
}

#[test]
fn lru_hits_within_a_third_of_a_point_of_ches_value_under_a_steep_zipf() {
    lru_hits_within_a_third_of_a_point_of_ches_value_under_zipf(1.2);
}

/// The constants were computed independently for N = 10^5, C = 10 % and reads only.
#[test]
fn ches_values_are_the_known_ones() {
    for (exponent, expected) in [(0.8, 0.4687), (0.99, 0.7250), (1.2, 0.9176)] {
        assert!((predicted(exponent, KEYS / 10, None) - expected).abs() < 5e-5);
    }
}

#[test]
fn a_quarter_is_shed_the_least_recently_used_first_and_never_the_last() {
    let client = Client::new(100, PolicyKind::Lru);
    for key in 0..8 {
        client.read(&key.to_string());
    }
    client.read("0");
    assert_eq!(client.cache.shed_quarter().entries, 2);
    let held: Vec<bool> = (0..8)
        .map(|key| now(client.cache.get(&key.to_string())).expect("it does not fail").is_some())
        .collect();
    assert_eq!(held, [true, false, false, true, true, true, true, true]);
    let shed: u64 = std::iter::repeat_with(|| client.cache.shed_quarter().entries).take(20).sum();
    let statistics = client.cache.statistics();
    assert_eq!((statistics.entries, statistics.evicted_by_pressure), (3, 2 + shed));
}

#[test]
fn a_cache_without_room_takes_nothing_in_under_any_policy() {
    for policy in PolicyKind::ALL {
        let client = Client::new(0, policy);
        now(client.cache.set("a", &document(1), None)).expect("it does not fail");
        assert_eq!((client.cache.statistics().entries, client.cache.statistics().refused), (0, 1));
    }
}

#[test]
fn reads_of_several_threads_are_all_counted_and_keep_what_they_use() {
    let client = Client::new(100, PolicyKind::Lru);
    (0..99).for_each(|key| assert!(!client.read(&key.to_string())));
    now(client.cache.place_token("claimed", Token::random(), Duration::from_hours(1)))
        .expect("it does not fail");
    std::thread::scope(|scope| {
        // There are more threads than batches of notes, so that some share one.
        for thread in 0..20_u64 {
            let cache = client.cache.clone();
            // Each thread keeps two keys of its own in use.
            scope.spawn(move || {
                for number in 0..5000 {
                    let key = (thread * 2 + number % 2).to_string();
                    assert!(now(cache.get(&key)).expect("it does not fail").is_some());
                }
                assert!(now(cache.get("claimed")).expect("it does not fail").is_some());
            });
        }
    });
    for key in 100..159 {
        client.read(&u64::to_string(&key));
    }
    let statistics = client.cache.statistics();
    assert_eq!((statistics.hits, statistics.misses), (100_000, 99 + 20 + 59));
    assert!((0..40_u64).all(|key| client.read(&key.to_string())), "what was used last is still there");
}
