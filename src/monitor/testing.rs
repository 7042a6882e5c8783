//! Samples for tests.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::info::{Info, InfoCounters};
use super::rates::{CountedInterval, Since};
use super::sample::{Role, ServerSample, ServerStatus};

/// A moment that stays the same.
pub fn moment() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

/// A node that has answered after an interval of a second.
pub fn answered(node: &str, role: Role, hits: u64, misses: u64) -> ServerSample {
    let counters = InfoCounters {
        hits: Some(hits),
        misses: Some(misses),
        commands: Some(hits + misses),
        calls: Some(hits + misses),
        busy_us: Some((hits + misses) * 2),
        evicted: Some(misses / 10),
        expired: Some(misses / 20),
        net_in_bytes: Some(hits * 40),
        net_out_bytes: Some(hits * 300),
    };
    let info = Info {
        version: "7.0.15".into(),
        run_id: "r".into(),
        mode: "standalone".into(),
        uptime_s: Some(4000),
        role: if role == Role::Replica { "slave" } else { "master" }.into(),
        used_memory_bytes: Some(48 << 20),
        rss_bytes: Some(60 << 20),
        maxmemory_bytes: Some(64 << 20),
        maxmemory_policy: "allkeys-lru".into(),
        fragmentation_ratio: Some(1.25),
        clients: Some(12),
        keys: Some(10_000),
        counters,
        ..Info::default()
    };
    let since = Since::Interval(CountedInterval { length: Duration::from_secs(1), counted: counters });
    let answer = ServerStatus {
        info: Arc::new(info),
        since,
        round_trip: Some(Duration::from_micros(123)),
        lag_bytes: None,
        trouble: None,
    };
    ServerSample { at: moment(), node: node.into(), role, answer: Ok(answer) }
}

/// A node that has not answered.
pub fn lost(node: &str) -> ServerSample {
    let reason = "connecting at Redis: Connection refused; is it running?".into();
    ServerSample { at: moment(), node: node.into(), role: Role::Primary, answer: Err(reason) }
}
