//! A run with one client against a naive cache and the simulation of `curve`, operation by operation.

mod support;

use std::num::NonZeroU32;

use hotset::base::hash::mix;
use hotset::model::curve::{Access, Keys, Simulation, WritePolicy};
use hotset::model::eviction::PolicyKind;
use hotset::results::{Phase, Results, TimeseriesRow};
use support::Place;

const KEYS: u64 = 500;
const CAPACITY: usize = 60;
const OPERATIONS: u64 = 40_000;
const POLICIES: [PolicyKind; 4] = [PolicyKind::Lru, PolicyKind::Sieve, PolicyKind::S3Fifo, PolicyKind::Fifo];
/// More operations than one client can do in a window.
const MOST_UNSEEN: usize = 40_000;

const SCENARIO: &str = r#"
strategies = ["cache-aside", "cache-through"]
topologies = ["embedded"]
[dataset]
keys = 500
value_size = "50B"
[workload]
trace = "trace.csv"
clients = 1
instances = 1
[cache]
capacity = 60
[run]
duration = "400ms"
warmup_max = "400ms"
window = "50ms"
[sweep]
"cache.policy" = ["lru", "sieve", "s3-fifo", "fifo"]
"#;

/// Some keys are popular, and one in twenty-five operations writes.
fn trace() -> Vec<Access> {
    let access = |number: u64| {
        let key = (mix(3 * number) % KEYS).min(mix(3 * number + 1) % KEYS);
        if mix(3 * number + 2).is_multiple_of(25) { Access::write(key) } else { Access::read(key) }
    };
    (0..OPERATIONS).map(access).collect()
}

fn as_csv(trace: &[Access]) -> String {
    let line = |access: &Access| {
        let operation = if *access == Access::read(access.key) { "read" } else { "write" };
        format!("0,key{},{operation},1\n", access.key)
    };
    format!("time_ms,key,operation,size_bytes\n{}", trace.iter().map(line).collect::<String>())
}

/// A cache that says of each access whether it was a read that hit.
trait Cache: Clone {
    fn hits(&mut self, access: Access) -> bool;
}

impl Cache for Simulation {
    fn hits(&mut self, access: Access) -> bool {
        self.access(access) == Some(true)
    }
}

/// Least recently used, in the order of their last use.
#[derive(Clone)]
struct NaiveLru {
    held: Vec<u64>,
    on_write: WritePolicy,
}

impl Cache for NaiveLru {
    fn hits(&mut self, access: Access) -> bool {
        let is_read = access == Access::read(access.key);
        let place = self.held.iter().position(|key| *key == access.key);
        if let Some(place) = place {
            self.held.remove(place);
        }
        if is_read || self.on_write == WritePolicy::Update {
            self.held.push(access.key);
            if self.held.len() > CAPACITY {
                self.held.remove(0);
            }
        }
        is_read && place.is_some()
    }
}

/// Does as many operations of a part of the trace, from one on, and counts the reads that hit.
fn replay(cache: &mut impl Cache, part: &[Access], from: usize, operations: usize) -> u64 {
    let accesses = part.iter().cycle().skip(from % part.len()).take(operations);
    accesses.map(|access| u64::from(cache.hits(*access))).sum()
}

/// Returns true if windows on end of a part of the trace had the hits that the cache has.
fn agree(cache: &mut impl Cache, part: &[Access], from: usize, windows: &[&TimeseriesRow]) -> bool {
    let mut at = from;
    windows.iter().all(|window| {
        let operations = window.operations as usize;
        let hits = replay(cache, part, at, operations);
        at += operations;
        hits == window.answers.hits
    })
}

/// Every whole window is held against the cache. What is done between the last whole window of the warm-up and the first
/// of the measured time is in no window: one number of operations there must make all of the windows after it agree.
fn assert_equal_to_the_last_operation(results: &Results, cell: &str, mut cache: impl Cache) {
    let trace = trace();
    let (warmup, measured) = trace.split_at(trace.len() / 2);
    let of = |phase: Phase| {
        let rows = results
            .timeseries
            .iter()
            .filter(move |row| row.cell == cell && row.phase == phase)
            .map(|of| &of.row);
        rows.collect::<Vec<_>>()
    };
    let (before, after) = (of(Phase::Warmup), of(Phase::Measure));
    assert!(before.len() >= 2 && after.len() >= 7, "{cell}: {} and {} windows", before.len(), after.len());
    assert!(agree(&mut cache, warmup, 0, &before), "{cell}: the warm-up differs: {before:#?}");
    let seen: usize = before.iter().map(|window| window.operations as usize).sum();
    for (unseen, at) in (seen..).enumerate().take(MOST_UNSEEN) {
        if agree(&mut cache.clone(), measured, 0, &after) {
            let reads: u64 =
                before.iter().chain(&after).map(|window| window.answers.hits + window.answers.misses).sum();
            println!("{cell}: {reads} reads agree, {unseen} operations between the stages");
            return;
        }
        replay(&mut cache, warmup, at, 1);
    }
    panic!("{cell}: no number of operations between the stages explains what was measured: {after:#?}");
}

#[test]
fn a_run_with_one_client_hits_and_misses_as_a_naive_cache_and_as_the_curve_does() {
    let place = Place::new();
    place.write("trace.csv", as_csv(&trace()));
    place.write("exact.toml", SCENARIO);
    place.succeeds(&["exact.toml", "--no-plots", "--quiet"]);
    let results = place.results("exact");
    assert_eq!(results.summary.len(), 2 * POLICIES.len());
    for row in &results.summary {
        assert_eq!(
            (row.answers.errors, row.answers.timeouts, row.answers.negative_hits, row.answers.bypassed),
            (0, 0, 0, 0),
            "{row:#?}"
        );
        let on_write =
            if row.strategy == "cache-aside" { WritePolicy::Invalidate } else { WritePolicy::Update };
        let policy = row.swept.strip_prefix("cache.policy=").unwrap().parse().unwrap();
        let capacity = NonZeroU32::new(CAPACITY as u32).unwrap();
        let simulation = Simulation::new(policy, capacity, on_write, Keys::Numbered(KEYS as u32), 1);
        assert_equal_to_the_last_operation(&results, &row.cell, simulation);
        if policy == PolicyKind::Lru {
            let naive = NaiveLru { held: Vec::new(), on_write };
            assert_equal_to_the_last_operation(&results, &row.cell, naive);
        }
    }
}
