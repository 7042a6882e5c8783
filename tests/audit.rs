//! Whole runs that are audited: each naive form shows its anomaly, each sound form shows none, and what was
//! acknowledged is there after crashes.

mod support;

use hotset::results::{AnomalyKind, Phase, Results, SummaryRow, Verdict};
use support::{Place, row};

/// Two instances, a hot key in a hundred, one write in five, and a database some milliseconds away.
fn scenario(strategies: &str, topology: &str, more: &str) -> String {
    format!(
        r#"
strategies = [{strategies}]
topologies = [{topology}]
[dataset]
keys = 5_000
value_size = "300B"
[workload]
reads = 0.8
clients = 64
[workload.keys]
distribution = "hotspot"
hot_share = 0.01
request_share = 0.9
[cache]
capacity = "10%"
ttl = "2s"
eviction = "volatile-lru"
[network]
database_rtt = "4ms"
database_jitter = "12ms"
[run]
duration = "3s"
warmup_max = "1s"
window = "250ms"
{more}"#
    )
}

const EMBEDDED: &str = "\"embedded\"";
const REDIS_AND_MONGODB: &str = "\"single\"";

fn run(place: &Place, strategies: &str, topology: &str, more: &str) -> Results {
    place.write("audited.toml", scenario(strategies, topology, more));
    place.succeeds(&["audited.toml", "--no-plots", "--quiet"]);
    place.results("audited")
}

/// Nothing is wrong with the data, and that was looked at.
fn is_kept(row: &SummaryRow) {
    assert_eq!(row.judgement.verdict, Some(Verdict::Kept), "{row:#?}");
    assert!(row.audited.audited_reads > 1_000, "{row:#?}");
    // A write that waits for the database lasts long enough to be overtaken by reads; one that does not, seldom.
    let waits = row.write_response.p50_us.is_some_and(|p50| p50 > 2_000.0);
    assert!(row.audited.overlapping_reads > if waits { 50 } else { 0 }, "{row:#?}");
    assert!(row.at_end.checked_keys.is_some_and(|keys| keys > 50), "{row:#?}");
    assert_eq!((row.audited.wrong.corrupt_reads, row.at_end.lost_writes), (0, Some(0)), "{row:#?}");
}

fn is_sound(row: &SummaryRow) {
    is_kept(row);
    assert_eq!(
        (row.audited.wrong.stale_reads, row.audited.wrong.not_own_write_reads, row.at_end.divergent_keys),
        (0, 0, Some(0)),
        "{row:#?}"
    );
}

fn is_a_control_that_broke(row: &SummaryRow) {
    assert_eq!(row.judgement.verdict, Some(Verdict::Broken), "{row:#?}");
    assert!(row.control.is_some() && !row.judgement.verdict_reason.is_empty(), "{row:#?}");
}

/// No read of these strategies is stale, and both stores agree in the end.
fn are_sound(number: usize, strategies: &str) {
    let place = Place::new();
    let results = run(&place, strategies, EMBEDDED, "");
    assert_eq!(results.summary.len(), number);
    for row in &results.summary {
        is_sound(row);
    }
}

#[test]
fn strategies_that_load_on_a_miss_and_promise_no_stale_read_show_none() {
    let strategies = r#""cache-aside", { name = "cache-aside", label = "update", on_write = "update" },
        "cache-through", "read-through", "write-through", "lease""#;
    are_sound(6, strategies);
}

#[test]
fn strategies_that_work_ahead_or_behind_and_promise_no_stale_read_show_none() {
    let strategies = r#""xfetch", { name = "stale-while-revalidate", fresh_for = "500ms", on_write = "invalidate" },
        { name = "cache-ahead", interval = "500ms", refresh_at = 0.8 },
        { name = "cache-behind", flush_interval = "100ms" },
        { name = "write-behind", interval = "10ms", queue_capacity = 500 }"#;
    are_sound(5, strategies);
}

#[test]
fn strategies_that_promise_a_bound_keep_it() {
    let place = Place::new();
    let strategies = r#""write-around", { name = "near-cache", near_ttl = "500ms" }, "change-stream",
        { name = "stale-while-revalidate", fresh_for = "500ms" }"#;
    let results = run(&place, strategies, EMBEDDED, "");
    for row in &results.summary {
        is_kept(row);
    }
    let around = row(&results, "write-around");
    assert!(around.audited.wrong.stale_reads > 100, "the TTL alone bounds it: {around:#?}");
    assert!(around.audited.wrong.stale_age_max_ms.is_some_and(|age| age > 200.0), "{around:#?}");
}

#[test]
fn each_naive_form_shows_its_anomaly() {
    let place = Place::new();
    let strategies = r#"
        { name = "cache-aside", label = "fill", fill = "naive" },
        { name = "cache-through", label = "flight", flight = "key", on_write = "invalidate" },
        { name = "cache-aside", label = "patch", on_write = "update-patch" },
        { name = "cache-aside", label = "unordered", on_write = "update-unordered" }"#;
    place.write("audited.toml", scenario(strategies, EMBEDDED, ""));
    // Nothing expires, so that what was left in the cache is still there in the end.
    place.succeeds(&["audited.toml", "--no-plots", "--quiet", "--set", "cache.ttl=1h"]);
    let results = place.results("audited");
    for row in &results.summary {
        is_a_control_that_broke(row);
    }
    assert!(row(&results, "fill").audited.wrong.stale_reads > 0);
    assert!(row(&results, "flight").audited.wrong.stale_reads > 0);
    assert!(row(&results, "patch").audited.wrong.corrupt_reads > 100);
    assert!(row(&results, "unordered").at_end.divergent_keys > Some(0));
    let examples = |strategy: &str, kind: AnomalyKind| {
        let cell = &row(&results, strategy).cell;
        results.audit.iter().filter(|example| example.cell == *cell && example.kind == kind).count()
    };
    assert!(examples("fill", AnomalyKind::Stale) > 0 && examples("patch", AnomalyKind::Corrupt) > 0);
    assert!(examples("unordered", AnomalyKind::Divergent) > 0);
}

/// Documents that are inserted and deleted, hot ones above all.
const COME_AND_GO: [&str; 4] =
    ["dataset.loaded=0.7", "workload.reads=0.7", "workload.inserts=0.35", "workload.deletes=0.35"];

fn run_of_what_comes_and_goes(place: &Place, strategies: &str) -> Results {
    place.write("audited.toml", scenario(strategies, EMBEDDED, ""));
    let set = COME_AND_GO.iter().flat_map(|setting| ["--set", setting]);
    place.succeeds(&["audited.toml", "--no-plots", "--quiet"].into_iter().chain(set).collect::<Vec<_>>());
    place.results("audited")
}

#[test]
fn what_was_deleted_is_not_served_and_what_was_inserted_is_not_missed() {
    let place = Place::new();
    let strategies = r#"{ name = "cache-aside", on_write = "update" }, "write-through",
        { name = "cache-behind", flush_interval = "100ms" }, { name = "cache-aside", label = "fill", fill = "naive" }"#;
    let results = run_of_what_comes_and_goes(&place, strategies);
    for strategy in ["cache-aside", "write-through", "cache-behind"] {
        let row = row(&results, strategy);
        is_sound(row);
        let changed = |figure: &str| {
            let of_row =
                results.application.iter().filter(|one| one.cell == row.cell && one.figure == figure);
            of_row.map(|one| one.value.unwrap()).sum::<f64>()
        };
        let figures = [
            "documents inserted",
            "inserts of documents that were there",
            "documents deleted",
            "deletes of documents that were not there",
        ];
        for figure in figures {
            assert!(changed(figure) > 20.0, "{strategy}: {figure}: {}", changed(figure));
        }
    }
    assert!(row(&results, "cache-aside").answers.negative_hits > 100, "absences are remembered");
    let control = row(&results, "fill");
    is_a_control_that_broke(control);
    assert!(control.audited.wrong.stale_reads > 0, "{control:#?}");
    let kinds: Vec<&str> = results.operations.iter().map(|one| one.operation.as_str()).take(4).collect();
    assert_eq!(kinds, ["read", "update", "insert", "delete"]);
    // All writes together stand beside each kind of them.
    let spectrum = |operation: &str| {
        let mut rows = results.latency.iter().filter(|one| {
            one.cell == control.cell && one.operation == operation && one.outcome.name() == "answered"
        });
        rows.next().unwrap().total_count
    };
    assert_eq!(spectrum("write"), ["update", "insert", "delete"].map(spectrum).iter().sum::<u64>());
}

const CRASH: &str = r#"
[[fault]]
at = "2500ms"
kind = "crash-application"
target = 1
for = "200ms"
"#;

#[test]
fn a_crash_of_an_instance_loses_what_was_queued_in_memory_and_nothing_of_what_was_in_the_log() {
    let place = Place::new();
    let strategies = r#"
        { name = "cache-behind", label = "memory", log = "memory", flush_interval = "30s", batch_size = 10_000 },
        { name = "cache-behind", label = "stream", log = "stream", flush_interval = "30s", batch_size = 10_000 }"#;
    for topology in [EMBEDDED, r#"{ name = "single", database = "embedded" }"#] {
        place.write("audited.toml", scenario(strategies, topology, CRASH));
        // Room for everything, so that nothing has to be flushed to make some.
        place.succeeds(&["audited.toml", "--no-plots", "--quiet", "--set", "cache.capacity=\"64MiB\""]);
        let results = place.results("audited");
        let memory = row(&results, "memory");
        is_a_control_that_broke(memory);
        assert!(memory.at_end.lost_writes > Some(100), "{memory:#?}");
        let stream = row(&results, "stream");
        is_sound(stream);
        assert!(stream.answers.errors > 0, "the crash was seen by clients: {stream:#?}");
        let crashed = |kind: &str| {
            let of_cell = |event: &&hotset::results::Of<hotset::results::EventRow>| {
                event.cell == stream.cell && event.kind.name() == kind
            };
            results.events.iter().filter(of_cell).any(|event| event.subject == "crash-application")
        };
        assert!(crashed("fault") && crashed("mended"), "{:#?}", results.events);
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_mongodb_is_killed_and_the_backlog_returns_to_nothing() {
    let place = Place::new();
    let strategies = r#"{ name = "cache-behind", flush_interval = "100ms" }, "cache-aside""#;
    let stop = r#"
[[fault]]
at = "1s"
kind = "stop-database"
for = "1500ms"
"#;
    place.write("audited.toml", scenario(strategies, REDIS_AND_MONGODB, stop));
    place.succeeds(&[
        "audited.toml",
        "--no-plots",
        "--quiet",
        // A machine with much else to do takes seconds to start a MongoDB again.
        "--duration",
        "10s",
        "--set",
        "cache.capacity=\"64MiB\"",
        // So few that a machine with much else to do serves them, and flushes what waited well before the end.
        "--set",
        "workload.rate_per_second=300",
    ]);
    let results = place.results("audited");
    for strategy in ["cache-behind", "cache-aside"] {
        let row = row(&results, strategy);
        assert_eq!(
            (row.at_end.lost_writes, row.audited.wrong.stale_reads, row.audited.wrong.corrupt_reads),
            (Some(0), 0, 0),
            "{row:#?}"
        );
        assert_eq!(row.judgement.verdict, Some(Verdict::Kept), "{row:#?}");
    }
    let behind = row(&results, "cache-behind");
    assert!(behind.backlog.backlog_max > Some(0), "{behind:#?}");
    let last = results.timeseries.iter().rfind(|w| w.cell == behind.cell && w.phase == Phase::Measure);
    let down = results.timeseries.iter().filter(|w| w.cell == behind.cell && w.backlog > Some(20));
    assert!(down.count() > 0, "it grew while the database was away");
    assert!(last.is_some_and(|window| window.backlog < behind.backlog.backlog_max), "{last:#?}");
    assert!(results.events.iter().any(|event| event.cell == behind.cell && event.kind.name() == "drained"));
}

#[test]
fn a_killed_redis_without_persistence_loses_what_was_not_flushed_and_with_it_nothing() {
    let place = Place::new();
    // Nothing is flushed before the cache is killed, neither after a while nor because a batch is full.
    let strategies =
        r#"{ name = "cache-behind", flush_interval = "1m", batch_size = 100_000, queue_capacity = 200_000 }"#;
    let stop = r#"
[[fault]]
at = "1s"
kind = "stop-cache"
for = "300ms"
"#;
    let with = |persistence: &str| {
        let single = r#"{ name = "single", database = "embedded" }"#;
        place.write("audited.toml", scenario(strategies, single, stop));
        let persistence = format!("cache.persistence={persistence}");
        place.succeeds(&[
            "audited.toml",
            "--no-plots",
            "--quiet",
            "--set",
            &persistence,
            "--set",
            "cache.capacity=\"64MiB\"",
        ]);
        place.results("audited")
    };
    let none = with("none");
    let row_of = |results: &Results| row(results, "cache-behind").clone();
    let lost = row_of(&none);
    assert!(lost.at_end.lost_writes > Some(0), "{lost:#?}");
    assert!(lost.guarantee.as_deref().is_some_and(|text| text.contains("persistence")), "{lost:#?}");
    let kept = row_of(&with("aof-always"));
    assert_eq!(
        (kept.at_end.lost_writes, kept.audited.wrong.stale_reads, kept.judgement.verdict),
        (Some(0), 0, Some(Verdict::Kept)),
        "{kept:#?}"
    );
}

#[test]
fn a_slow_database_slows_misses_for_as_long_as_the_fault_lasts() {
    let place = Place::new();
    let slow = r#"
[[fault]]
at = "1s"
kind = "slow-database"
delay = "80ms"
for = "1s"
"#;
    let results = run(&place, "\"no-cache\"", EMBEDDED, slow);
    let p50 = |from: f64, to: f64| {
        let inside = |w: &&hotset::results::Of<hotset::results::TimeseriesRow>| {
            w.phase == Phase::Measure && w.start_s >= from && w.start_s + w.length_s <= to
        };
        let windows: Vec<_> =
            results.timeseries.iter().filter(inside).filter_map(|w| w.times.response_p50_us).collect();
        windows.iter().sum::<f64>() / windows.len() as f64
    };
    let (before, during, after) = (p50(0.0, 1.0), p50(1.3, 2.0), p50(2.3, 3.0));
    assert!(during > before + 70_000.0 && during > after + 70_000.0, "{before} {during} {after}");
}

#[test]
fn without_the_audit_nothing_is_claimed() {
    let place = Place::new();
    place.write("audited.toml", scenario("\"cache-aside\"", EMBEDDED, ""));
    place.succeeds(&["audited.toml", "--no-plots", "--quiet", "--set", "run.audit=false"]);
    let results = place.results("audited");
    let row = row(&results, "cache-aside");
    assert_eq!((row.audited.audited_reads, row.at_end.lost_writes), (0, None));
    assert_eq!(row.judgement.verdict, None, "{row:#?}");
}
