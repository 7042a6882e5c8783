//! What the harness itself costs an operation.
//!
//! Plain functions that print, as the harness of `cargo bench` needs a nightly compiler:
//! `cargo measure hot_path -- --nocapture --test-threads 1`.

use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use hotset::audit::{self, Audit, Seen, WriteOutcome};
use hotset::base::units::Share;
use hotset::load::workload::keys::{Distribution, Hotspot, KeySampler, Uniform, Zipf, ZipfRanks};
use hotset::load::workload::{
    Arrivals, Bijection, Mix, OperationStream, Purpose, RandomSource, Schedule, StreamSpec,
};
use hotset::measure::collectors::{process_cpu, resident_bytes, thread_cpu};
use hotset::measure::{Outcome, Recorder, Window};
use hotset::results::Phase;
use hotset::scenario::PositiveNumber;

const TIMES: u64 = 2_000_000;

/// The best of five rounds: what the code costs, not what the machine was doing meanwhile.
fn print_ns(name: &str, mut once: impl FnMut(u64) -> u64) {
    let round = |once: &mut dyn FnMut(u64)| {
        let start = Instant::now();
        (0..TIMES).for_each(once);
        start.elapsed().as_secs_f64() * 1e9 / TIMES as f64
    };
    let best = (0..5)
        .map(|_| {
            round(&mut |n| {
                black_box(once(black_box(n)));
            })
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name:42} {best:6.1} ns");
}

fn keys() -> NonZeroU64 {
    NonZeroU64::new(1_000_000).unwrap()
}

fn zipf(exponent: f64) -> Distribution {
    Distribution::Zipf(Zipf { exponent: PositiveNumber(exponent) })
}

#[test]
fn workload() {
    let source = RandomSource::new(1, Purpose::Measure);
    print_ns("random numbers of one operation", |n| source.at(3, n).bits());
    let mut random = source.at(0, 0);
    print_ns("the next random number", |_| random.bits());
    let bijection = Bijection::new(keys(), 1);
    print_ns("bijection", |n| bijection.forward(n % 1_000_000));
    for exponent in [0.5, 0.99, 1.0, 1.3] {
        let ranks = ZipfRanks::new(keys(), exponent);
        print_ns(&format!("zipf rank, s = {exponent}"), |_| ranks.sample(&mut random));
        let theirs = rand_distr::Zipf::new(1e6, exponent).unwrap();
        print_ns(&format!("rand_distr's zipf rank, s = {exponent}"), |_| {
            rand_distr::Distribution::<f64>::sample(&theirs, &mut random) as u64
        });
    }
    for distribution in
        [zipf(0.99), Distribution::Uniform(Uniform::default()), Distribution::Hotspot(Hotspot::default())]
    {
        let sampler = KeySampler::new(&distribution, keys(), 1);
        print_ns(&format!("key, {}", distribution.name()), |n| sampler.sample(&mut random, 0, n, 64));
    }
    let stream = OperationStream::new(StreamSpec {
        seed: 1,
        phase: Phase::Measure,
        keys: KeySampler::new(&zipf(0.99), keys(), 1),
        mix: Mix::new(&[0.8, 0.1, 0.1]).unwrap(),
        can_be_absent: vec![true],
        absent_share: Share::new(0.05).unwrap(),
        clients: NonZeroU64::new(64).unwrap(),
        batching: None,
        recorded: None,
        write_keys: None,
    });
    print_ns("operation, zipf over a million keys", |n| stream.operation(n % 64, n / 64).key);
    for arrivals in [Arrivals::Poisson, Arrivals::Constant] {
        let mut times = Schedule::new(arrivals, PositiveNumber(1e4), NonZeroU64::MIN, 1).due_times(0);
        print_ns(&format!("due time, {}", arrivals.word()), |_| {
            times.next().map_or(0, |due| u64::from(due.subsec_nanos()))
        });
    }
}

#[test]
fn measure() {
    let mut recorder = Recorder::new(4, Recorder::LATE_AFTER);
    let now = Instant::now();
    // Latencies that spread over a few hundred counters and two outcomes, as in a run.
    let mut random = RandomSource::new(1, Purpose::Other(0)).at(0, 0);
    let done: Vec<Instant> =
        (0..4096).map(|_| now + Duration::from_nanos(50_000 + random.below(400_000))).collect();
    let outcomes = [Outcome::Hit, Outcome::Hit, Outcome::Hit, Outcome::Miss];
    let sent = now + Duration::from_nanos(300);
    print_ns("record", |n| {
        let at = (n & 4095) as usize;
        recorder.record((n & 1) as u8, outcomes[at & 3], now, sent, done[at]);
        0
    });
    let mut sum = Window::new(4);
    let start = Instant::now();
    (0..1_000).for_each(|_| sum.add(recorder.window()));
    println!(
        "{:42} {:6.1} us",
        "merging a window of four histogram pairs",
        start.elapsed().as_secs_f64() * 1e3
    );
    let start = Instant::now();
    let mut spare = Window::new(4);
    (0..1_000).for_each(|_| spare = recorder.swap(std::mem::take(&mut spare)));
    println!("{:42} {:6.1} us", "swapping windows", start.elapsed().as_secs_f64() * 1e3);
    print_ns("CPU clock of the thread", |_| u64::from(thread_cpu().subsec_nanos()));
    print_ns("CPU clock of the process", |_| u64::from(process_cpu().subsec_nanos()));
    let start = Instant::now();
    (0..100).for_each(|_| {
        black_box(resident_bytes());
    });
    println!("{:42} {:6.1} us", "memory of the process", start.elapsed().as_secs_f64() * 1e4);
}

/// A read as the audit sees it, on which nothing is found, and a write; keys as a Zipf distribution draws them.
#[test]
fn audit() {
    const CLIENTS: u64 = 64;
    for keys in [100_000, 1_000_000] {
        let keys = NonZeroU64::new(keys).unwrap();
        let sampler = KeySampler::new(&zipf(0.99), keys, 1);
        let mut random = RandomSource::new(1, Purpose::Other(0)).at(0, 0);
        let drawn: Vec<u64> = (0..1 << 20).map(|n| sampler.sample(&mut random, 0, n, CLIENTS)).collect();
        let key_of = |n: u64| drawn[(n & ((1 << 20) - 1)) as usize];
        let memory_before = resident_bytes().unwrap_or(0);
        let audit = Audit::new(audit::Setup { keys: keys.get(), clients: CLIENTS, instances: 2 });
        let mut views: Vec<_> = (0..CLIENTS).map(|client| audit.view(client)).collect();
        let mut store = vec![Seen { version: 1, writes: [0; audit::FIELDS] }; keys.get() as usize];
        let now = hotset::base::clock::now();
        let mut id = 0;
        print_ns(&format!("drawn key and its document, {keys} keys"), |n| store[key_of(n) as usize].version);
        print_ns(&format!("audit of a write, {keys} keys"), |n| {
            let key = key_of(n);
            id += 1;
            let write = audit::Write { key, fields: audit::FieldSet::One((n & 1) as usize), id };
            audit.write_sent(write);
            let document = &mut store[key as usize];
            document.version += 1;
            write.fields.each().for_each(|field| document.writes[field] = id);
            let ended = WriteOutcome::Acknowledged(document.version);
            audit.write_ended(&mut views[(n % CLIENTS) as usize], write, ended, now);
            0
        });
        print_ns(&format!("audit of a read, {keys} keys"), |n| {
            let key = key_of(n);
            let expected = audit.read_sent(key);
            let seen = store[key as usize];
            let view = &mut views[(n % CLIENTS) as usize];
            u64::from(audit.read_answered(view, key, expected, seen, now, now).stale.is_some())
        });
        let memory = resident_bytes().unwrap_or(0).saturating_sub(memory_before);
        println!(
            "{:42} {:6.1} MiB",
            format!("audit and documents, {keys} keys"),
            memory as f64 / 1_048_576.0
        );
    }
}
