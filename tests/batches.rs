//! Whole runs in which a read asks for several documents together: what strategies make of that, and how it is counted.

mod support;

use hotset::results::{OutcomeClass, Results, SummaryRow, Verdict};
use support::{Place, row};

/// Reads of twenty documents beside a few writes.
fn scenario(strategies: &str, topologies: &str, more: &str) -> String {
    format!(
        r#"
strategies = [{strategies}]
topologies = [{topologies}]
[dataset]
keys = 2_000
value_size = "300B"
[workload]
keys_per_read = 20
absent_share = 0.02
reads = 0.97
clients = 4
[cache]
eviction = "volatile-lru"
timeout = "3s"
[run]
duration = "600ms"
warmup_max = "200ms"
window = "100ms"
{more}"#
    )
}

const CLUSTER: &str = r#"{ name = "cluster", replicas = 0, database = "embedded" }"#;

#[track_caller]
fn is_sound(row: &SummaryRow) {
    let failed = (row.answers.errors, row.answers.timeouts, row.audited.wrong.corrupt_reads);
    assert_eq!(failed, (0, 0, 0), "{}: {}", row.cell, row.errors_by_kind);
    assert_eq!(row.judgement.verdict, Some(Verdict::Kept), "{}: {}", row.cell, row.judgement.verdict_reason);
    assert_eq!(row.operations, row.reads + row.writes, "{}", row.cell);
    // Of twenty that are drawn some are drawn twice, and looked up once.
    let keys_a_read = row.answers.lookups() as f64 / row.reads as f64;
    assert!((16.0..19.5).contains(&keys_a_read), "{}: {keys_a_read}", row.cell);
    // Each key's answer is audited, but for those that say rightly that there is none.
    let audited = row.audited.audited_reads as f64 / row.answers.lookups() as f64;
    assert!((0.96..0.995).contains(&audited), "{}: {audited}", row.cell);
}

/// The reads of which the cache had not every key.
fn incomplete(results: &Results, cell: &str) -> u64 {
    let misses = results.latency.iter().filter(|point| {
        point.cell == cell && point.operation == "read" && point.outcome == OutcomeClass::Miss
    });
    misses.map(|point| point.total_count).max().unwrap_or(0)
}

/// Holds a figure to what is expected, but for what clients do to each other, such as to wait for one load together, and
/// for what begins in the warm-up. A call for each of twenty keys is far off.
#[track_caller]
fn is_about(row: &SummaryRow, what: &str, found: u64, expected: u64) {
    let tolerance = 20.0 + 0.1 * expected as f64;
    assert!(
        (found as f64 - expected as f64).abs() <= tolerance,
        "{}: {found} {what}, not {expected}",
        row.cell
    );
}

#[test]
fn a_batch_is_one_lookup_and_one_load_of_every_sound_strategy_and_breaks_no_guarantee() {
    let place = Place::new();
    let strategies = r#""no-cache", "cache-aside", "read-through", "lease", "write-through", "near-cache",
        { name = "cache-behind", flush_interval = "100ms" }"#;
    let topologies = r#"{ name = "single", database = "embedded" }"#;
    place.write("batches.toml", scenario(strategies, topologies, ""));
    place.succeeds(&["batches.toml", "--no-plots", "--quiet"]);
    let results = place.results("batches");
    assert_eq!(results.summary.len(), 7);
    results.summary.iter().for_each(is_sound);
    let none = row(&results, "no-cache");
    assert_eq!((none.answers.hit_rate, none.calls.cache_commands), (Some(0.0), 0));
    is_about(none, "queries", none.calls.db_reads, none.reads);
    for strategy in ["cache-aside", "read-through"] {
        let row = row(&results, strategy);
        // Of a key that is missing the token is a command, and the fill; of a write the invalidation.
        let expected = row.reads + 2 * row.answers.misses + row.writes;
        is_about(row, "commands", row.calls.cache_commands, expected);
        is_about(row, "queries", row.calls.db_reads, incomplete(&results, &row.cell));
        assert!(row.answers.misses > row.calls.db_reads / 2, "{}", row.cell);
    }
    let through = row(&results, "write-through");
    is_about(through, "commands", through.calls.cache_commands, through.reads + 2 * through.writes);
    let near = row(&results, "near-cache");
    assert!(near.calls.cache_commands < near.reads + 2 * near.answers.misses + near.writes, "{near:?}");
    assert!(row(&results, "cache-behind").answers.hit_rate > Some(0.5));
    assert!(none.predicted.predicted_db_reads_per_op.is_none());
}

#[test]
fn on_a_cluster_a_batch_is_a_command_for_each_slot_and_on_mongodb_its_loads_are_one_query() {
    let place = Place::new();
    let strategies = r#""cache-aside", { name = "cache-behind", flush_interval = "100ms" }"#;
    place.write("cluster.toml", scenario(strategies, &format!("{CLUSTER}, \"single\""), ""));
    place.succeeds(&["cluster.toml", "--no-plots", "--quiet"]);
    let results = place.results("cluster");
    let of = |strategy: &str, topology: &str| {
        let mut rows = results.summary.iter();
        rows.find(|row| row.strategy == strategy && row.topology == topology).unwrap()
    };
    results.summary.iter().for_each(is_sound);
    let single = of("cache-aside", "single");
    is_about(single, "queries", single.calls.db_reads, incomplete(&results, &single.cell));
    let cluster = of("cache-aside", "cluster");
    // Twenty keys lie in nearly as many of 16384 slots.
    let looked_up = cluster.calls.cache_commands - 2 * cluster.answers.misses - cluster.writes;
    is_about(cluster, "commands", looked_up, cluster.answers.lookups());
    // The keys of a log's entries lie in 64 slots.
    let behind = of("cache-behind", "cluster");
    let commands = |row: &SummaryRow| row.calls.cache_commands as f64 / row.reads as f64;
    assert!(commands(behind) < commands(cluster), "{} {}", commands(behind), commands(cluster));
}

#[test]
fn a_number_of_keys_that_means_nothing_is_refused_at_its_place() {
    let place = Place::new();
    let refused = |workload: &str, more: &str, expected: &str| {
        let text = format!(
            "{more}strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[workload]\n{workload}\n"
        );
        place.write("refused.toml", text);
        let said = place.fails(2, &["check", "refused.toml"]);
        assert!(said.contains("keys_per_read") && said.contains(expected), "{said}");
    };
    refused("keys_per_read = 0", "", "0 is not from 1 to 1000");
    refused("keys_per_read = 1001", "", "1001 is not from 1 to 1000");
    refused("keys_per_read = 2", "application = \"ecommerce\"\n", "means nothing to ecommerce");
    place.write("trace.csv", "time_ms,key,operation,size_bytes\n0,a,read,300\n1,b,read,300\n");
    refused("keys_per_read = 2\ntrace = \"trace.csv\"", "", "means nothing to a trace");
    place.write("batches.toml", scenario("\"cache-aside\"", "\"embedded\"", ""));
    let said = place.fails(3, &["record", "batches.toml", "--out", "trace.csv.zst"]);
    assert!(said.contains("a row of a trace tells of one key"), "{said}");
}
