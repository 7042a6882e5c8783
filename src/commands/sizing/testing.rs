//! Traces with sizes and times to live, against a replay without a thought for speed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU64;

use proptest::prelude::*;

use super::{SimulationRequest, Sizing, SizingError, simulate};
use crate::base::units::{ByteSize, Share};
use crate::load::trace::OnBroken;
use crate::model::curve::WritePolicy;
use crate::model::eviction::PolicyKind;
use crate::run::plan::{Plan, PlanOptions};
use crate::topology::settings::Capacity;

const SCENARIO: &str = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n";
const KEY_BYTES: u64 = 4;

/// A line of a trace of Twitter's.
#[derive(Debug, Clone)]
struct Row {
    time_s: u64,
    key: u64,
    value_bytes: u64,
    operation: &'static str,
    ttl_s: u64,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = (0..30_u64, 0..30_u64).prop_map(|(a, b)| a.min(b));
    let operation = prop_oneof![
        6 => Just("get"),
        4 => Just("set"),
        1 => Just("incr"),
        1 => Just("cas"),
        1 => Just("delete"),
    ];
    let value_bytes = prop_oneof![1 => Just(0_u64), 4 => 1..60_u64, 1 => 60..500_u64];
    let ttl_s = prop_oneof![1 => Just(0_u64), 2 => 1..40_u64];
    let later_s = prop_oneof![3 => Just(0_u64), 1 => 1..6_u64];
    prop::collection::vec((key, operation, value_bytes, ttl_s, later_s), 1..300).prop_map(|rows| {
        let mut time_s = 0;
        let row = |(key, operation, value_bytes, ttl_s, later_s)| {
            time_s += later_s;
            let ttl_s = if operation == "set" || operation == "cas" { ttl_s } else { 0 };
            Row { time_s, key, value_bytes, operation, ttl_s }
        };
        // One line at least tells a size and a time to live.
        let last = (0, "set", 1, 1, 0);
        rows.into_iter().chain([last]).map(row).collect()
    })
}

fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for Row { time_s, key, value_bytes, operation, ttl_s } in rows {
        writeln!(text, "{time_s},{key:04},{KEY_BYTES},{value_bytes},1,{operation},{ttl_s}").unwrap();
    }
    text
}

/// The counts of a replay: reads, hits, bytes that were read and bytes that hit.
type Counts = [u64; 4];

struct Held {
    key: u64,
    bytes: u64,
    expires_s: Option<u64>,
    is_fresh: bool,
    is_untold: bool,
}

#[derive(Clone, Copy)]
struct Known {
    bytes: u64,
    lives_s: Option<u64>,
    was_read: bool,
}

/// Replays a trace in a cache that is a list, the next to be evicted last.
fn replayed(rows: &[Row], policy: PolicyKind, capacity: u64, expire: bool) -> Counts {
    let mut known: BTreeMap<u64, Known> = BTreeMap::new();
    let mut held: Vec<Held> = Vec::new();
    let [mut reads, mut hits, mut read_bytes, mut hit_bytes] = [0; 4];
    for row in rows {
        let object =
            known.entry(row.key).or_insert(Known { bytes: KEY_BYTES, lives_s: None, was_read: false });
        let is_fill = row.operation == "set" && object.was_read;
        if row.operation != "delete" {
            if row.value_bytes > 0 {
                if is_fill && object.bytes == KEY_BYTES {
                    read_bytes += row.value_bytes;
                }
                object.bytes = KEY_BYTES + row.value_bytes;
            }
            if row.ttl_s > 0 || row.operation == "set" {
                object.lives_s = Some(row.ttl_s).filter(|ttl_s| *ttl_s > 0);
            }
        }
        object.was_read = row.operation == "get";
        let expires_s = object.lives_s.filter(|_| expire).map(|lives_s| row.time_s + lives_s);
        let bytes = object.bytes;
        if row.operation == "delete" {
            held.retain(|entry| entry.key != row.key);
            continue;
        }
        if !is_fill {
            held.retain(|entry| entry.key != row.key || entry.expires_s.is_none_or(|at| at > row.time_s));
        }
        match held.iter().position(|entry| entry.key == row.key) {
            Some(place) if is_fill => {
                let entry = &mut held[place];
                if entry.is_fresh || entry.is_untold {
                    entry.expires_s = expires_s;
                }
                (entry.bytes, entry.is_fresh, entry.is_untold) = (bytes, false, false);
            }
            Some(place) => {
                let mut entry = held.remove(place);
                (entry.bytes, entry.is_fresh) = (bytes, false);
                if row.operation == "set" || row.ttl_s > 0 {
                    (entry.expires_s, entry.is_untold) = (expires_s, false);
                }
                if row.operation == "get" {
                    hits += 1;
                    hit_bytes += bytes;
                }
                held.insert(if policy == PolicyKind::Lru { 0 } else { place }, entry);
            }
            None if is_fill => {}
            None => {
                let is_fresh = row.operation == "get";
                let is_untold = is_fresh && expires_s.is_none();
                held.insert(0, Held { key: row.key, bytes, expires_s, is_fresh, is_untold });
            }
        }
        if row.operation == "get" {
            reads += 1;
            read_bytes += bytes;
        }
        held.retain(|entry| entry.key != row.key || entry.bytes <= capacity);
        while held.iter().map(|entry| entry.bytes).sum::<u64>() > capacity {
            held.pop();
        }
    }
    [reads, hits, read_bytes, hit_bytes]
}

fn plan() -> Plan {
    Plan::parse("test", "test.toml", SCENARIO, &PlanOptions::default()).unwrap()
}

fn in_bytes(capacities: &[u64]) -> Vec<Capacity> {
    capacities.iter().map(|&bytes| Capacity::Bytes(ByteSize(bytes))).collect()
}

fn request(policies: &[PolicyKind], capacities: Vec<Capacity>) -> SimulationRequest {
    SimulationRequest {
        policies: policies.to_vec(),
        capacities,
        trace: None,
        on_broken: OnBroken::Refuse,
        operations: None,
        on_write: None,
        rate: None,
        expire: false,
    }
}

/// Simulates a trace of that text.
fn simulated(text: &str, request: SimulationRequest) -> Result<Sizing, SizingError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.csv");
    std::fs::write(&path, text).unwrap();
    let request = SimulationRequest { trace: Some(path), ..request };
    simulate(&plan(), &request, |_| {}).map(|mut found| found.remove(0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn requests_and_bytes_hit_as_in_a_naive_replay_of_the_trace(rows in rows(), expire in any::<bool>()) {
        let (policies, capacities) = ([PolicyKind::Lru, PolicyKind::Fifo], [40, 150, 700]);
        let request = SimulationRequest { expire, ..request(&policies, in_bytes(&capacities)) };
        let sizing = simulated(&text(&rows), request).unwrap();
        for (curve, policy) in sizing.curves.iter().zip(policies) {
            prop_assert_eq!(curve.points.len(), capacities.len());
            for (point, capacity) in curve.points.iter().zip(capacities) {
                let bytes = point.bytes.unwrap();
                let found = [point.reads, point.hits, bytes.read, bytes.hit];
                prop_assert_eq!(found, replayed(&rows, policy, capacity, expire), "{} at {}", policy, capacity);
            }
        }
    }
}

#[test]
fn bytes_have_columns_a_table_and_an_answer_of_their_own() {
    let lines = "0,a,1,99,1,get,0\n0,b,1,299,1,get,0\n1,a,1,99,1,get,0\n1,b,1,299,1,get,0\n";
    let sizing = simulated(lines, request(&[PolicyKind::Lru], in_bytes(&[200, 400]))).unwrap();
    let rows = sizing.rows();
    let columns = |at: usize| (rows[at].capacity_bytes, rows[at].read_bytes, rows[at].hit_bytes);
    assert_eq!(columns(0), (Some(200), Some(800), Some(100)));
    assert_eq!(columns(1), (Some(400), Some(800), Some(400)));
    assert_eq!(
        (rows[0].capacity_entries, rows[0].capacity_share, rows[0].expires),
        (None, None, Some(false))
    );
    assert_eq!((rows[0].hit_rate, rows[0].byte_hit_rate), (Some(0.25), Some(0.125)));
    let table = sizing.table();
    assert_eq!(table[0], "policy        capacity  hit rate  byte hit rate");
    assert_eq!(table[1], "lru               200B   25.00 %        12.50 %");
    assert_eq!(table.len(), 3);
    let answer = sizing.answer(Share::new(0.5).unwrap());
    assert_eq!(answer, "a hit rate of 50 % needs 400B under lru");
}

#[test]
fn entries_expire_where_that_is_asked_for_and_their_capacity_stays_one_of_entries() {
    let lines = "0,a,1,9,1,set,10\n9,a,1,9,1,get,0\n10,a,1,9,1,get,0\n";
    let request = request(&PolicyKind::ALL, vec![Capacity::Entries(NonZeroU64::new(5).unwrap())]);
    let hits = |sizing: Sizing| sizing.curves.iter().map(|curve| curve.points[0].hits).collect::<Vec<_>>();
    let expiring = simulated(lines, SimulationRequest { expire: true, ..request.clone() }).unwrap();
    assert_eq!(expiring.rows()[0].capacity_entries, Some(5));
    assert_eq!(expiring.table().len(), 1 + PolicyKind::ALL.len());
    assert_eq!(hits(expiring), [1; 7]);
    let endless = simulated(lines, request).unwrap();
    assert!(endless.table().is_empty(), "as ever");
    assert_eq!(hits(endless), [2; 7]);
}

#[test]
fn a_share_of_the_keys_is_counted_first_where_entries_expire() {
    let lines = "0,a,1,9,1,set,10\n9,b,1,9,1,get,0\n10,c,1,9,1,get,0\n10,d,1,9,1,get,0\n";
    let shares = vec![Capacity::OfDataset(Share::of(1, 2))];
    let request = SimulationRequest { expire: true, ..request(&[PolicyKind::Lru], shares) };
    let rows = simulated(lines, request).unwrap().rows();
    assert_eq!((rows[0].capacity_entries, rows[0].capacity_share), (Some(2), Some(0.5)));
}

#[test]
fn without_policies_those_are_simulated_that_bytes_are_enough_for_and_the_others_are_named() {
    let lines = "0,a,1,0,1,get,0\n0,a,1,9,1,get,0\n";
    let sizing = simulated(lines, request(&[], in_bytes(&[100]))).unwrap();
    let policies: Vec<_> = sizing.curves.iter().map(|curve| curve.policy.name()).collect();
    assert_eq!(policies, ["lru", "lfu", "sieve", "fifo", "random"]);
    assert!(sizing.notes[0].starts_with("without w-tinylfu and s3-fifo, "), "{:?}", sizing.notes);
    assert!(sizing.notes[1].starts_with("1 of 2 reads come before any line"), "{:?}", sizing.notes);
}

#[test]
fn what_cannot_be_simulated_of_objects_is_refused_with_what_to_do() {
    let twitter = "0,a,1,9,1,get,0\n";
    let own = "time_ms,key,operation,size_bytes\n0,a,read,0\n";
    let timeless = "key,op,size,op_count,key_size,ttl\na,SET,9,1,1,60\n";
    let (lru, bytes) = ([PolicyKind::Lru], in_bytes(&[100]));
    let entries = vec![Capacity::Entries(NonZeroU64::new(5).unwrap())];
    let mixed = [bytes.clone(), entries.clone()].concat();
    let expire = |request| SimulationRequest { expire: true, ..request };
    for (text, asked, remedy) in [
        (twitter, request(&lru, mixed), "give all of them in bytes"),
        (twitter, request(&PolicyKind::ALL, bytes.clone()), "w-tinylfu divides its cache"),
        (twitter, SimulationRequest { rate: Some(0.5), ..request(&lru, bytes.clone()) }, "leave --rate out"),
        (own, request(&lru, bytes.clone()), "no line of the trace tells the size"),
        (own, expire(request(&lru, entries.clone())), "tells a time to live"),
        (twitter, expire(request(&lru, entries.clone())), "tells a time to live"),
        (timeless, expire(request(&lru, entries)), "the trace has no times"),
    ] {
        let error = simulated(text, asked).unwrap_err().to_string();
        assert!(error.contains(remedy), "{error}");
    }
    let error = simulate(&plan(), &request(&lru, bytes), |_| {}).unwrap_err().to_string();
    assert!(error.contains("give --trace FILE"), "{error}");
}

#[test]
fn writes_do_to_objects_what_is_asked_for() {
    let lines = "0,a,1,9,1,set,0\n1,a,1,9,1,get,0\n2,a,1,9,1,cas,0\n3,a,1,9,1,get,0\n";
    let hits = |on_write| {
        let request = SimulationRequest { on_write, ..request(&[PolicyKind::Lru], in_bytes(&[100])) };
        simulated(lines, request).unwrap().curves[0].points[0].hits
    };
    assert_eq!(hits(None), 2, "as the trace's own cache did");
    assert_eq!(hits(Some(WritePolicy::Invalidate)), 0);
    assert_eq!(hits(Some(WritePolicy::Ignore)), 1);
}
