//! What the in-process cache costs: a hit on one thread under each policy, and hits on several threads at once.
//!
//! Plain functions that print, as the harness of `cargo bench` needs a nightly compiler:
//! `cargo measure local_cache -- --nocapture --test-threads 1`.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use compact_str::CompactString;
use futures_util::FutureExt as _;
use hotset::base::clock;
use hotset::measure::collectors::process_cpu::thread_cpu;
use hotset::model::eviction::PolicyKind;
use hotset::store::local::{LocalCache, LocalCapacity};
use hotset::store::{Cache, Counters, Document, Entry};
use mongodb::bson::rawdoc;

const ENTRIES: u64 = 100_000;
const HITS: usize = 2_000_000;
/// The best of so many counts, as others use the machine's memory too.
const ROUNDS: usize = 15;

fn filled(policy: PolicyKind, keys: &[String]) -> LocalCache {
    let cache = LocalCache::with_policy(LocalCapacity::Entries(ENTRIES), policy, Counters::new());
    for key in keys {
        let document = Document::from_raw(rawdoc! { "_id": key.as_str(), "_v": 1_i64, "p": "x".repeat(400) });
        let entry = Entry::of(document);
        let set = cache.set(key, &entry, Some(Duration::from_hours(1)));
        set.now_or_never().expect("a local cache answers at once").expect("it does not fail");
    }
    cache
}

fn keys() -> Vec<String> {
    (0..ENTRIES).map(|key| format!("product:{key}")).collect()
}

/// Keys, as a Zipf distribution of exponent 0.99 asks for them; each in hand when it is asked for, as a client's is.
fn asked(seed: u64, keys: &[String]) -> Vec<CompactString> {
    let mut sum = 0.0;
    let cumulated: Vec<f64> = (1..=ENTRIES)
        .map(|rank| {
            sum += (rank as f64).powf(-0.99);
            sum
        })
        .collect();
    let uniform = |n: u64| (hotset::base::hash::mix(seed + n) >> 11) as f64 / (1_u64 << 53) as f64;
    let ranks = (0..HITS as u64)
        .map(|n| cumulated.partition_point(|up_to| *up_to <= uniform(n) * sum).min(ENTRIES as usize - 1));
    // Hot keys lie anywhere.
    ranks
        .map(|rank| CompactString::new(&keys[(hotset::base::hash::mix(rank as u64) % ENTRIES) as usize]))
        .collect()
}

/// Works on a thread such as those that drive load.
fn driving<T>(work: impl FnOnce() -> T) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        clock::install_fine_timer().expect("there is a timer");
        work()
    })
}

/// Reads all that is asked for.
fn read(cache: &LocalCache, asked: &[CompactString]) {
    for key in asked {
        let found = cache.get(key).now_or_never().expect("a local cache answers at once");
        assert!(black_box(found).is_ok_and(|entry| entry.is_some()));
    }
}

/// The time that a thread was busy, whatever else the machine was doing meanwhile.
fn busy(work: impl FnOnce()) -> Duration {
    let before = thread_cpu();
    work();
    thread_cpu().saturating_sub(before)
}

fn best(round: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(round).take(ROUNDS).min().unwrap_or_default()
}

#[test]
fn a_hit_on_one_thread() {
    let keys = keys();
    let asked = asked(1, &keys);
    for policy in PolicyKind::ALL {
        let cache = filled(policy, &keys);
        let elapsed = best(|| driving(|| busy(|| read(&cache, &asked))));
        println!(
            "a hit of {ENTRIES} entries, {policy:10} {:6.1} ns",
            elapsed.as_secs_f64() * 1e9 / HITS as f64
        );
    }
}

#[test]
fn hits_on_several_threads() {
    let keys = keys();
    let cache = filled(PolicyKind::Lru, &keys);
    let mut of_one = 0.0;
    for threads in [1, 2, 4] {
        let asked: Vec<_> = (0..threads).map(|thread| asked(thread << 32, &keys)).collect();
        let elapsed = best(|| {
            let barrier = Barrier::new(threads as usize);
            std::thread::scope(|scope| {
                let readers = asked.iter().map(|asked| {
                    // Each with counters of its own, as the instances of an application have.
                    let (cache, barrier) = (cache.counted_by(Counters::new()), &barrier);
                    scope.spawn(move || {
                        driving(|| {
                            barrier.wait();
                            let start = Instant::now();
                            read(&cache, asked);
                            (start, Instant::now())
                        })
                    })
                });
                // All begin before the first is awaited.
                let readers: Vec<_> = readers.collect();
                let times = readers.into_iter().map(|reader| reader.join().expect("it reads to the end"));
                let (first, last) =
                    times.fold((None::<Instant>, None::<Instant>), |(first, last), (start, end)| {
                        (Some(first.map_or(start, |first| first.min(start))), last.max(Some(end)))
                    });
                last.zip(first).map(|(last, first)| last - first).unwrap_or_default()
            })
        });
        let rate = threads as f64 * HITS as f64 / elapsed.as_secs_f64() / 1e6;
        of_one = if threads == 1 { rate } else { of_one };
        println!("hits on {threads} threads {rate:6.2} million/s, {:.2} of one thread", rate / of_one);
    }
}
