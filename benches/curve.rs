//! How fast curves are simulated, in operations a second on one thread.

use std::convert::Infallible;
use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Instant;

use hotset::model::curve::{
    Access, CacheSize, Keys, NEVER, ObjectAccess, ObjectAccessKind, ObjectSweep, Sampling, Simulation,
    StackDistances, Sweep, WritePolicy,
};
use hotset::model::eviction::PolicyKind;

const OPERATIONS: usize = 10_000_000;

fn main() {
    for keys in [100_000, 1_000_000] {
        let stream = zipf(keys, OPERATIONS);
        let numbered = Keys::Numbered(keys as u32);
        println!("Zipf 0.99 over {keys} keys, {OPERATIONS} operations");
        for policy in PolicyKind::ALL {
            report(policy.name(), || simulate(policy, keys / 10, numbered, &stream));
        }
        report("lru, hashed keys", || simulate(PolicyKind::Lru, keys / 10, Keys::Hashed, &stream));
        report("lru, all capacities", || stack_distances(keys, numbered, WritePolicy::Update, &stream));
        report("lru, all capacities, hashed", || {
            stack_distances(keys, Keys::Hashed, WritePolicy::Update, &stream)
        });
        report("lru, all, 10 % deletes", || {
            stack_distances(keys, numbered, WritePolicy::Invalidate, &stream)
        });
        let (all, lru) = (PolicyKind::ALL.to_vec(), vec![PolicyKind::Lru]);
        let (one, many) = (vec![entries(keys / 10)], capacities(keys));
        report("sweep, lru, 1 capacity", || sweep(lru.clone(), one, numbered, &stream));
        report("sweep, lru, 16 capacities", || sweep(lru, many.clone(), numbered, &stream));
        report("sweep, 7 policies, 16 capacities", || sweep(all, many, numbered, &stream));
        report("objects, lru, 16 sizes", || objects(keys, &stream));
    }
}

fn report(what: &str, run: impl FnOnce() -> f64) {
    let start = Instant::now();
    let hit_rate = run();
    let elapsed = start.elapsed();
    let rate = OPERATIONS as f64 / elapsed.as_secs_f64() / 1e6;
    println!("  {what:34} {:6.2} s  {rate:6.1} million/s  hit rate {hit_rate:.4}", elapsed.as_secs_f64());
}

fn entries(entries: usize) -> NonZeroU32 {
    NonZeroU32::new(entries as u32).expect("one or more")
}

fn simulate(policy: PolicyKind, capacity: usize, keys: Keys, stream: &[u32]) -> f64 {
    let mut simulation = Simulation::new(policy, entries(capacity), WritePolicy::Update, keys, 1);
    for &key in stream {
        black_box(simulation.access(Access::read(u64::from(key))));
    }
    let tally = simulation.tally();
    tally.hits as f64 / tally.reads as f64
}

fn capacities(keys: usize) -> Vec<NonZeroU32> {
    (1..=16).map(|sixteenth| entries(keys * sixteenth / 16)).collect()
}

fn stack_distances(keys: usize, index: Keys, on_write: WritePolicy, stream: &[u32]) -> f64 {
    let mut distances = StackDistances::new(on_write, index);
    for (number, &key) in stream.iter().enumerate() {
        let key = u64::from(key);
        let deletes = on_write == WritePolicy::Invalidate && number % 10 == 0;
        distances.access(if deletes { Access::write(key) } else { Access::read(key) });
    }
    let rates = capacities(keys).into_iter().map(|capacity| {
        let tally = distances.tally(capacity);
        tally.hits as f64 / tally.reads as f64
    });
    black_box(rates.collect::<Vec<_>>())[1]
}

fn sweep(policies: Vec<PolicyKind>, capacities: Vec<NonZeroU32>, keys: Keys, stream: &[u32]) -> f64 {
    let sweep = Sweep {
        policies,
        capacities,
        on_write: WritePolicy::Update,
        keys,
        sampling: Sampling::ALL,
        uncounted: 0,
        threads: NonZeroUsize::new(2).expect("two"),
        seed: 1,
    };
    let accesses = stream.iter().map(|&key| Ok::<_, Infallible>(Access::read(u64::from(key))));
    let Ok(curves) = sweep.run(accesses, |_| {});
    curves[0].points[0].hit_rate()
}

/// Objects of 100 to 900 bytes, in a sixteenth to all of what they take together.
fn objects(keys: usize, stream: &[u32]) -> f64 {
    let bytes = |sixteenth: u64| NonZeroU64::new(keys as u64 * 500 * sixteenth / 16).expect("some");
    let sweep = ObjectSweep {
        policies: vec![PolicyKind::Lru],
        sizes: (1..=16).map(bytes).map(CacheSize::Bytes).collect(),
        on_write: WritePolicy::Update,
        threads: NonZeroUsize::new(2).expect("two"),
        seed: 1,
    };
    let accesses = stream.iter().map(|&object| {
        let (kind, bytes) = (ObjectAccessKind::Read, 100 + u64::from(object) * 7 % 801);
        Ok::<_, Infallible>(ObjectAccess { object, kind, bytes, time_ms: 0, expires_ms: NEVER })
    });
    let Ok(outcomes) = sweep.run(accesses, |_| {});
    outcomes[0].tally.hits as f64 / stream.len() as f64
}

/// A stream of keys with Zipf's popularities, whose numbers say nothing of their ranks.
fn zipf(keys: usize, operations: usize) -> Vec<u32> {
    let mut sum = 0.0;
    let cumulated: Vec<f64> = (1..=keys)
        .map(|rank| {
            sum += (rank as f64).powf(-0.99);
            sum
        })
        .collect();
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    };
    let mut names: Vec<u32> = (0..keys as u32).collect();
    for last in (1..keys).rev() {
        names.swap(last, (next() % (last as u64 + 1)) as usize);
    }
    (0..operations)
        .map(|_| {
            let uniform = (next() >> 11) as f64 / 2_f64.powi(53);
            names[cumulated.partition_point(|&up_to| up_to <= uniform * sum).min(keys - 1)]
        })
        .collect()
}
