//! Whole runs of the program, on real servers: what they leave, what they do not, and how they end.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use hotset::results::{EndedBy, EventRow, Of, Phase, Results, SummaryRow, TimeseriesRow};
use mongodb::bson::{Document, doc};
use redis::AsyncTypedCommands as _;
use rustix::process::Signal;
use support::{Foreign, Place, files_below, row};

/// A small scenario; the topologies and what else there is come on top.
fn scenario(topologies: &str, more: &str) -> String {
    format!(
        r#"
strategies = ["no-cache", "cache-aside", "cache-through"]
topologies = [{topologies}]
[dataset]
keys = 500
value_size = "300B"
[workload]
clients = 8
reads = 0.9
[run]
duration = "1s"
warmup_max = "1s"
window = "100ms"
{more}"#
    )
}

const EMBEDDED: &str = "\"embedded\"";
const REDIS: &str = "{ name = \"single\", database = \"embedded\" }";
const REDIS_AND_MONGODB: &str = "\"single\"";

/// The digests of the operations, by client.
fn digests(results: &Results) -> Vec<(u64, String)> {
    results.run.stream_digests.iter().map(|stream| (stream.client, stream.digest.clone())).collect()
}

fn finished(directory: &Path) -> usize {
    // Each row of these runs stands on one line, under the header.
    fs::read_to_string(directory.join("summary.csv")).map_or(0, |text| text.lines().count().saturating_sub(1))
}

/// Rows, windows and percentiles of a cell are all there.
fn is_complete(results: &Results, cell: &str) {
    let row = results.summary.iter().find(|row| row.cell == cell).unwrap();
    let of_cell = |window: &&Of<TimeseriesRow>| window.cell == cell && window.phase == Phase::Measure;
    let windows: Vec<_> = results.timeseries.iter().filter(of_cell).collect();
    assert_eq!(windows.iter().map(|window| window.window).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert!(row.operations > 0 && results.latency.iter().any(|point| point.cell == cell), "{row:?}");
    assert!(!results.histograms(cell).unwrap().is_empty());
    assert!(results.events.iter().any(|event| event.cell == cell && event.kind.name() == "drained"));
}

/// Checks what every cell of a sound run fulfils.
fn is_sound(row: &SummaryRow) {
    assert_ne!(row.status.name(), "failed", "{row:?}");
    assert_eq!(
        (row.answers.errors, row.answers.timeouts, row.audited.wrong.corrupt_reads),
        (0, 0, 0),
        "{row:?}"
    );
    assert_eq!(row.errors_by_kind, "");
    assert!(row.reads > 0 && row.writes > 0, "{row:?}");
    assert_eq!(row.operations, row.reads + row.writes);
    assert_eq!(
        row.reads,
        row.answers.hits + row.answers.misses + row.answers.negative_hits + row.answers.bypassed
    );
}

#[test]
fn a_run_leaves_every_file_and_the_link_to_the_latest() {
    let place = Place::new();
    place.write("tiny.toml", scenario(EMBEDDED, ""));

    let ended = place.succeeds(&["tiny.toml"]);

    let latest = place.latest("tiny");
    assert_eq!(fs::read_link(&latest).unwrap().components().count(), 1, "the link is relative");
    let mut expected: BTreeSet<String> = [
        "summary.csv",
        "timeseries.csv",
        "latency.csv",
        "events.csv",
        "audit.csv",
        "nodes.csv",
        "operations.csv",
        "entities.csv",
        "application.csv",
        "errors.csv",
        "phases.csv",
        "staircase.csv",
        "search.csv",
        "run.json",
        "report.html",
        "results.csv",
        "statistics.csv",
        "summary.json",
        "summary.md",
    ]
    .map(String::from)
    .into();
    for chart in [
        "reads",
        "hit-rate",
        "latency-percentiles",
        "latency-over-time",
        "database-over-time",
        "throughput-p99",
        "staleness",
        "safety",
        "trade-off",
    ] {
        expected.extend([format!("plots/{chart}.svg"), format!("plots/{chart}.png")]);
    }
    for strategy in ["no-cache", "cache-aside", "cache-through"] {
        expected.insert(format!("r1-{strategy}-embedded.hlog"));
    }
    let directory = latest.canonicalize().unwrap();
    let files = files_below(&directory);
    let found = files.iter().map(|(path, _)| path.strip_prefix(&directory).unwrap().display().to_string());
    assert_eq!(found.collect::<BTreeSet<_>>(), expected);
    assert!(files.iter().all(|(_, bytes)| !bytes.is_empty()));

    let results = place.results("tiny");
    assert_eq!(results.summary.len(), 3);
    for row in &results.summary {
        is_sound(row);
        is_complete(&results, &row.cell);
    }
    assert!(results.run.finished_utc.is_some());
    assert!(ended.stdout.contains("cache-through") && ended.stdout.contains("report.html"), "{ended:?}");
    place.is_left_clean();
}

#[test]
fn one_seed_gives_every_client_the_same_operations_and_another_seed_others() {
    let place = Place::new();
    place.write("tiny.toml", scenario(EMBEDDED, ""));
    let run = |seed: &str| {
        let seed = format!("run.seed={seed}");
        place.succeeds(&[
            "tiny.toml",
            "--set",
            &seed,
            "--set",
            "run.warmup_max=200ms",
            "--duration",
            "200ms",
            "--no-plots",
        ]);
        place.results("tiny")
    };
    let (first, again, other) = (run("7"), run("7"), run("8"));

    let clients: Vec<_> = digests(&first).into_iter().map(|(client, _)| client).collect();
    assert_eq!(clients, (0..8).collect::<Vec<_>>());
    assert_eq!(digests(&first), digests(&again));
    for (one, another) in digests(&first).iter().zip(digests(&other)) {
        assert_ne!(one.1, another.1, "client {}", one.0);
    }
    let of_cells: BTreeSet<_> =
        first.summary.iter().chain(&again.summary).map(|row| row.stream.stream_digest.as_str()).collect();
    assert_eq!(of_cells.len(), 1, "{of_cells:?}");
    assert!(!of_cells.contains(other.summary[0].stream.stream_digest.as_str()));
}

#[test]
fn every_strategy_does_on_managed_servers_what_its_documentation_says() {
    let place = Place::new();
    place.write("real.toml", scenario(REDIS_AND_MONGODB, ""));
    let mut running = place.start(place.hotset(&["real.toml"]));
    running
        .until("both servers run", || place.runs_a_server("redis-server") && place.runs_a_server("mongod"));

    let ended = running.end();

    assert_eq!(ended.code, 0, "{ended:?}");
    place.is_left_clean();
    let results = place.results("real");
    results.summary.iter().for_each(is_sound);
    let [none, aside, through] = ["no-cache", "cache-aside", "cache-through"].map(|name| row(&results, name));
    assert_eq!((none.answers.hits, none.calls.cache_commands, none.calls.db_reads), (0, 0, none.reads));
    // One write in ten clears an entry of cache-aside, and none of cache-through's.
    assert!(aside.answers.hit_rate.unwrap() > 0.3 && aside.answers.hit_rate.unwrap() < 0.999, "{aside:?}");
    assert!(through.answers.hit_rate.unwrap() > 0.95, "{through:?}");
    // A hit is a GET. A miss is a GET, a SET NX GET and an EVALSHA, or the first two where another
    // loads. A write is an UNLINK, or a SET NX GET and an EVALSHA. At the edges of what is measured,
    // each client may have an operation of which some commands belong to the other side.
    let edges = 2 * 3 * 8;
    let between = |row: &SummaryRow, of_a_write: u64| {
        let sure = row.answers.hits + row.answers.misses + of_a_write * row.writes;
        assert!(row.calls.cache_commands + edges >= sure, "{row:?}");
        assert!(
            row.calls.cache_commands <= sure + 2 * row.answers.misses + row.answers.hits / 50 + edges,
            "{row:?}"
        );
        let per_operation = row.calls.cache_commands as f64 / row.answered() as f64;
        assert!((row.calls_per_op.cache_commands_per_op.unwrap() - per_operation).abs() < 1e-9);
    };
    between(aside, 1);
    between(through, 2);
    for row in [none, aside, through] {
        assert!(row.calls.db_writes.abs_diff(row.writes) <= edges, "{row:?}");
        assert!(row.calls.db_reads <= row.answers.misses + edges, "{row:?}");
    }
    assert!(aside.calls.db_reads + edges >= aside.answers.misses, "each reader loads for itself: {aside:?}");
}

/// Collects what other connections sent to a Redis.
async fn monitor(port: u16) -> Arc<Mutex<Vec<String>>> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let monitor = client.get_async_monitor().await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut commands = monitor.into_on_message::<String>();
        while let Some(command) = commands.next().await {
            kept.lock().unwrap().push(command);
        }
    });
    seen
}

/// The words of a line of MONITOR, after the time and the connection; none of a script's own commands.
fn words(line: &str) -> Vec<&str> {
    if line.contains(" lua] ") {
        return Vec::new();
    }
    line.split('"').skip(1).step_by(2).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn on_a_redis_of_others_a_run_touches_only_keys_of_its_own() {
    let place = Place::new();
    let server = Foreign::redis(&[]);
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for key in 0..200 {
        connection.set(format!("product:{key}"), format!("foreign {key}")).await.unwrap();
    }
    let url = format!(
        "{{ name = \"single\", database = \"embedded\", url = \"redis://127.0.0.1:{}\" }}",
        server.port
    );
    place.write("external.toml", scenario(&url, ""));
    let seen = monitor(server.port).await;

    let ended =
        tokio::task::block_in_place(|| place.run(&["external.toml", "--duration", "300ms", "--no-plots"]));

    assert_eq!(ended.code, 0, "{ended:?}");
    place.results("external").summary.iter().for_each(is_sound);
    let left: BTreeSet<String> = connection.keys("*").await.unwrap().into_iter().collect();
    assert_eq!(left, (0..200).map(|key| format!("product:{key}")).collect());
    assert_eq!(connection.get("product:17").await.unwrap().as_deref(), Some("foreign 17"));
    let seen = seen.lock().unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in seen.iter() {
        let words = words(line);
        let Some(command) = words.first().map(|command| command.to_ascii_uppercase()) else { continue };
        let key = match command.as_str() {
            "GET" | "SET" | "UNLINK" => words.get(1),
            "EVALSHA" => words.get(3),
            _ => None,
        };
        // The test's own last questions, too, come by here.
        let is_of_the_test = key == Some(&"product:17");
        assert!(is_of_the_test || key.is_none_or(|key| key.starts_with("hotset:")), "{line}");
        assert!(!["FLUSHALL", "FLUSHDB", "SWAPDB", "SHUTDOWN"].contains(&command.as_str()), "{line}");
        assert!(
            command != "CONFIG" || words.get(1).is_none_or(|word| !word.eq_ignore_ascii_case("set")),
            "{line}"
        );
        *counts.entry(command).or_default() += 1;
    }
    for command in ["GET", "SET", "EVALSHA", "UNLINK"] {
        assert!(counts.get(command).is_some_and(|count| *count > 10), "{command}: {counts:?}");
    }
}

/// The databases but for those that the server makes for itself, whenever it likes.
async fn databases(client: &mongodb::Client) -> BTreeSet<String> {
    let mut names: BTreeSet<_> = client.list_database_names().await.unwrap().into_iter().collect();
    names.retain(|name| !["admin", "config", "local"].contains(&name.as_str()));
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn on_a_mongodb_of_others_a_run_drops_its_own_database_and_no_other() {
    let place = Place::new();
    let server = Foreign::mongod();
    let url = format!("mongodb://127.0.0.1:{}", server.port);
    let client = mongodb::Client::with_uri_str(&url).await.unwrap();
    for database in ["hotset", "shop"] {
        let products = client.database(database).collection::<Document>("products");
        products.insert_one(doc! { "_id": 1, "name": "foreign" }).await.unwrap();
    }
    let before = databases(&client).await;
    place.write("external.toml", scenario(REDIS_AND_MONGODB, &format!("[database]\nurl = \"{url}\"\n")));
    let mut running = place.start(place.hotset(&["external.toml", "--duration", "300ms", "--no-plots"]));
    tokio::task::block_in_place(|| {
        running.until("the first cell has ended", || finished(&place.latest("external")) > 0);
    });
    let during = databases(&client).await;

    let ended = tokio::task::block_in_place(|| running.end());

    assert_eq!(ended.code, 0, "{ended:?}");
    place.results("external").summary.iter().for_each(is_sound);
    assert!(
        during.difference(&before).all(|name| name.starts_with("hotset_2")) && during != before,
        "{during:?}"
    );
    let after = databases(&client).await;
    assert_eq!(after, before);
    for database in ["hotset", "shop"] {
        let products = client.database(database).collection::<Document>("products");
        let found = products.find_one(doc! {}).await.unwrap().unwrap();
        assert_eq!(found, doc! { "_id": 1, "name": "foreign" });
        assert_eq!(products.count_documents(doc! {}).await.unwrap(), 1);
    }
}

#[test]
fn a_killed_run_leaves_what_had_ended_and_nothing_else_and_is_finished_by_resume() {
    let place = Place::new();
    place.write("killed.toml", scenario(REDIS_AND_MONGODB, ""));
    let latest = place.latest("killed");
    let mut running = place.start(place.hotset(&["killed.toml"]));
    running.until("the third cell is measured", || {
        finished(&latest) == 2
            && fs::read_to_string(place.path().join("stderr")).is_ok_and(|said| said.contains("[3/3]"))
    });
    assert!(place.runs_a_server("redis-server") && place.runs_a_server("mongod"));

    running.signal(Signal::KILL);

    assert_eq!(running.end().code, -9);
    place.is_left_clean();
    let before = place.results("killed");
    let ended: Vec<_> = before.summary.iter().map(|row| row.cell.clone()).collect();
    assert_eq!(ended, before.run.cells[..2]);
    for cell in &ended {
        is_complete(&before, cell);
    }
    assert_eq!(before.run.finished_utc, None);

    let directory = latest.to_str().unwrap();
    let resumed = |scenario: &'static str, more: &[&'static str]| {
        let mut arguments = vec![scenario, "--resume", directory];
        arguments.extend(more);
        place.run(&arguments)
    };
    place.write("other.toml", scenario(REDIS_AND_MONGODB, "seed = 99"));
    for (other, more) in [("other.toml", &[][..]), ("killed.toml", &["--duration", "2s"])] {
        let refused = resumed(other, more);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.stderr.contains("another scenario, or of this one with other options"),
            "{refused:?}"
        );
    }
    let ended = resumed("killed.toml", &[]);
    assert_eq!(ended.code, 0, "{ended:?}");

    let after = place.results("killed");
    let cells: Vec<_> = after.summary.iter().map(|row| row.cell.clone()).collect();
    assert_eq!(cells, before.run.cells);
    for cell in &cells {
        is_complete(&after, cell);
    }
    assert_eq!(after.summary[..2], before.summary[..]);
    assert!(after.run.finished_utc.is_some() && latest.join("report.html").exists());
    place.is_left_clean();
}

#[test]
fn an_interrupted_run_keeps_what_had_ended_and_takes_its_servers_with_it() {
    let place = Place::new();
    place.write("interrupted.toml", scenario(REDIS, ""));
    place.write("requirements.xml", "of an earlier run");
    let latest = place.latest("interrupted");
    let mut running = place.start(place.hotset(&["interrupted.toml", "--junit", "requirements.xml"]));
    running.until("the first cell has ended", || finished(&latest) == 1);
    assert!(place.runs_a_server("redis-server"));

    running.signal(Signal::INT);

    let ended = running.end();
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(ended.stderr.contains("go on with\n") && ended.stderr.contains(" --resume "), "{ended:?}");
    assert!(ended.stderr.contains("requirements.xml is not written"), "{ended:?}");
    assert!(ended.stderr.contains("the file that is there is of another run"), "{ended:?}");
    place.is_left_clean();
    let results = place.results("interrupted");
    assert_eq!(results.summary.len(), 1);
    is_complete(&results, &results.summary[0].cell);
    assert_eq!(results.run.finished_utc, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_full_disk_loses_no_earlier_result_and_leaves_nothing_on_servers_of_others() {
    let place = Place::new();
    let server = Foreign::mongod();
    let url = format!("mongodb://127.0.0.1:{}", server.port);
    let client = mongodb::Client::with_uri_str(&url).await.unwrap();
    let before_it = databases(&client).await;
    place.write("full.toml", scenario(REDIS_AND_MONGODB, &format!("[database]\nurl = \"{url}\"\n")));
    let latest = place.latest("full");
    let (file, aside) = (latest.join("latency.csv"), latest.join("aside.csv"));
    let mut running = place.start(place.hotset(&["full.toml"]));
    running.until("the first cell has ended", || finished(&latest) == 1);
    fs::rename(&file, &aside).unwrap();
    symlink("/dev/full", &file).unwrap();

    let ended = tokio::task::block_in_place(|| running.end());

    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("cannot append to") && ended.stderr.contains("latency.csv"), "{ended:?}");
    assert!(ended.stderr.contains("free some space, then go on with --resume"), "{ended:?}");
    let after_it = databases(&client).await;
    assert_eq!(after_it, before_it);
    place.is_left_clean();
    fs::rename(&aside, &file).unwrap();
    let before = place.results("full");
    assert_eq!(before.summary.len(), 1);
    is_complete(&before, &before.summary[0].cell);

    tokio::task::block_in_place(|| place.succeeds(&["full.toml", "--resume", latest.to_str().unwrap()]));

    let after = place.results("full");
    assert_eq!(after.summary.len(), 3);
    after.summary.iter().for_each(|row| is_complete(&after, &row.cell));
}

/// The windows of a cell that lie wholly between two times.
fn windows<'a>(results: &'a Results, cell: &str, from_s: f64, until_s: f64) -> Vec<&'a TimeseriesRow> {
    let inside = |window: &&Of<TimeseriesRow>| {
        window.cell == cell
            && window.phase == Phase::Measure
            && window.start_s >= from_s - 1e-3
            && window.start_s + window.length_s <= until_s + 1e-3
    };
    let found: Vec<_> = results.timeseries.iter().filter(inside).map(|of| &of.row).collect();
    assert!(!found.is_empty(), "no windows between {from_s} and {until_s}: {:?}", results.timeseries);
    found
}

fn sum(windows: &[&TimeseriesRow], of: impl Fn(&TimeseriesRow) -> u64) -> u64 {
    windows.iter().map(|window| of(window)).sum()
}

/// A scenario of even arrivals without a duration, which follows from what else there is.
fn even(more: &str) -> String {
    scenario(EMBEDDED, more)
        .replace("duration = \"1s\"\n", "")
        .replace("clients = 8", "clients = 8\narrivals = \"constant\"")
}

#[test]
fn a_load_of_phases_follows_its_rates_and_its_mix_and_leaves_a_row_for_each() {
    let place = Place::new();
    let phases = "[[phase]]\nduration = \"500ms\"\nrate_per_second = 400\n\
                  [[phase]]\nkind = \"pause\"\nduration = \"300ms\"\n\
                  [[phase]]\nname = \"writes\"\nduration = \"500ms\"\nrate_per_second = 800\nreads = 0.0\n";
    place.write("phases.toml", even(phases));

    place.succeeds(&["phases.toml", "--only", "strategy=cache-aside"]);

    let results = place.results("phases");
    let row = row(&results, "cache-aside");
    is_sound(row);
    assert!((row.measured_s - 1.3).abs() < 1e-9, "{row:?}");
    let told: Vec<(&str, &str, Option<f64>)> = results
        .phases
        .iter()
        .map(|phase| (phase.name.as_str(), phase.kind.as_str(), phase.offered_per_s))
        .collect();
    assert_eq!(
        told,
        [("steady", "steady", Some(400.0)), ("pause", "pause", Some(0.0)), ("writes", "steady", Some(800.0))]
    );
    assert_eq!(results.phases.iter().map(|phase| phase.operations).sum::<u64>(), row.operations);
    assert_eq!(row.operations, 600);
    let last = &results.phases[2];
    assert!(last.answers.lookups() == 0 && last.write_response.p99_us.is_some(), "{last:?}");
    let borders: Vec<f64> = results
        .events
        .iter()
        .filter(|event| event.kind.name() == "load-phase")
        .map(|event| event.at_s)
        .collect();
    assert_eq!(borders, [0.0, 0.5, 0.8]);
    let page = fs::read_to_string(place.latest("phases").join("report.html")).unwrap();
    assert!(page.contains("What was measured in each phase of the load"));
    assert!(place.latest("phases").join("plots/load-over-time.svg").exists());
}

#[test]
fn a_closed_loop_of_phases_has_the_clients_of_each() {
    let place = Place::new();
    let phases = "[[phase]]\nduration = \"300ms\"\nclients = 1\n[[phase]]\nkind = \"pause\"\nduration = \"300ms\"\n\
                  [[phase]]\nduration = \"300ms\"\n[network]\ncache_rtt = \"5ms\"\ndatabase_rtt = \"5ms\"\n";
    place.write("closed.toml", scenario(EMBEDDED, phases).replace("duration = \"1s\"\n", ""));

    place.succeeds(&["closed.toml", "--no-plots", "--only", "strategy=no-cache"]);

    let results = place.results("closed");
    let operations: Vec<u64> = results.phases.iter().map(|phase| phase.operations).collect();
    // One client does at most one operation in 5 ms, and eight do several times as many.
    assert!((10..=61).contains(&operations[0]) && operations[1] <= 1, "{operations:?}");
    assert!(operations[2] > 3 * operations[0], "{operations:?}");
}

#[test]
fn a_staircase_leaves_a_row_for_each_step_at_exactly_its_rate_and_says_how_far_it_was_kept_up_with() {
    let place = Place::new();
    let steps = "[staircase]\nfrom_per_second = 100\nto_per_second = 300\nsteps = 3\nduration = \"400ms\"\ndrain = \"200ms\"\n";
    place.write("stairs.toml", even(steps));

    let ended = place.succeeds(&["stairs.toml", "--only", "strategy=cache-aside"]);

    let results = place.results("stairs");
    let told: Vec<(u64, f64, f64)> =
        results.staircase.iter().map(|row| (row.step, row.at.rate_per_s, row.at.offered_per_s)).collect();
    assert_eq!(told, [(1, 100.0, 100.0), (2, 200.0, 200.0), (3, 300.0, 300.0)]);
    assert!(results.staircase.iter().all(|row| row.left_over == 0 && row.at.read_response.p99_us.is_some()));
    assert!(ended.stdout.contains("cache-aside answers what is due"), "{ended:?}");
    assert!(place.latest("stairs").join("plots/latency-by-rate.svg").exists());
}

#[test]
fn what_a_step_leaves_in_its_queue_is_not_sent_in_the_next() {
    let place = Place::new();
    // The database answers a hundred a second, and three times as many are due in the first step.
    let steps = "[staircase]\nfrom_per_second = 300\nto_per_second = 400\nsteps = 2\nduration = \"400ms\"\ndrain = \"100ms\"\n\
                 [database]\nservice_time = \"10ms\"\nconcurrency = 1\n";
    place.write("over.toml", even(steps).replace("clients = 8", "max_in_flight = 8"));

    place.succeeds(&["over.toml", "--no-plots", "--only", "strategy=no-cache"]);

    let results = place.results("over");
    let first = &results.staircase[0];
    // Of the 120 that were due, some 50 were answered by the end of the drain, and 8 were under way.
    assert!((30..=90).contains(&first.left_over), "{first:?}");
    assert!(!first.at.holds && first.at.missed.ends_with("was answered in time"), "{first:?}");
    assert!(row(&results, "no-cache").unsent + 8 >= first.left_over);
}

#[test]
fn a_server_that_is_frozen_for_a_second_is_a_thousand_waits_and_no_overload_whatever_the_number_of_clients() {
    let place = Place::new();
    let more = "[cache]\ntimeout = \"5s\"\n[[fault]]\nat = \"1s\"\nkind = \"pause\"\nfor = \"1s\"\n\
                [sweep]\n\"workload.clients\" = [4, 100, 1000]\n";
    let text = scenario(REDIS, more)
        .replace("clients = 8", "arrivals = \"constant\"\nrate_per_second = 1000")
        .replace("duration = \"1s\"", "duration = \"3s\"");
    place.write("frozen.toml", text);

    place.succeeds(&["frozen.toml", "--no-plots", "--only", "strategy=cache-aside"]);

    let results = place.results("frozen");
    assert_eq!(results.summary.len(), 3);
    for row in &results.summary {
        assert!(!row.status.is_overloaded(), "{row:?}");
        assert_eq!((row.operations, row.unsent, row.queues.queued_max), (3_000, 0, Some(0)), "{row:?}");
        // A third of all operations is due while the server is frozen, and waits for what is left of that second.
        let [p90, p99] = [row.read_response.p90_us, row.read_response.p99_us].map(|us| us.unwrap() / 1e3);
        assert!((550.0..900.0).contains(&p90) && (850.0..1_200.0).contains(&p99), "{row:?}");
        assert!(row.queues.in_flight_max > Some(800), "{row:?}");
    }
}

#[test]
fn a_search_runs_a_cell_at_one_rate_after_another_and_keeps_the_run_at_the_highest_that_holds() {
    let place = Place::new();
    let search = "[search]\nfrom_per_second = 100\nto_per_second = 200\nedge_repeats = 1\n[requirements]\nlost = \"=0\"\n";
    let text = scenario(EMBEDDED, search).replace("duration = \"1s\"", "duration = \"500ms\"");
    place.write("limit.toml", text.replace("clients = 8", "clients = 8\narrivals = \"constant\""));

    let ended = place.succeeds(&["limit.toml", "--only", "strategy=cache-aside"]);

    let results = place.results("limit");
    let told: Vec<(u64, f64, bool)> =
        results.search.iter().map(|row| (row.run, row.at.rate_per_s, row.at.holds)).collect();
    assert_eq!(told, [(1, 100.0, true), (2, 200.0, true)]);
    assert_eq!(results.search[0].knee_from_per_s, Some(200.0));
    assert_eq!(row(&results, "cache-aside").offered_per_s, Some(200.0));
    assert!(ended.stdout.contains("holds what is required up to 200/s"), "{ended:?}");
}

#[test]
fn a_cache_that_is_met_cold_is_empty_when_measuring_begins_and_that_is_no_fault() {
    let place = Place::new();
    let reads = |more: &str| {
        scenario(EMBEDDED, "").replace("reads = 0.9", "reads = 1.0").replace("warmup_max = \"1s\"", more)
    };
    place.write("cold.toml", reads("cache = \"cold\""));
    place.write("warmed.toml", reads("warmup_max = \"1s\""));

    for scenario in ["cold.toml", "warmed.toml"] {
        place.succeeds(&[scenario, "--no-plots", "--only", "strategy=cache-aside"]);
    }

    let (cold, warmed) = (place.results("cold"), place.results("warmed"));
    let (empty, full) = (row(&cold, "cache-aside"), row(&warmed, "cache-aside"));
    // Nearly each of the 500 documents is asked for within the second, and is missed once.
    assert!((400..=1_000).contains(&empty.answers.misses) && full.answers.misses == 0, "{empty:?} {full:?}");
    assert!(empty.warmup_s < f64::EPSILON && !empty.settled && full.warmup_s > 0.0, "{empty:?}");
    assert!(!empty.status.name().contains("warming") && !empty.reason.contains("warmed"), "{empty:?}");
    assert!(cold.timeseries.iter().all(|window| window.start_s >= 0.0));
}

#[test]
fn what_was_written_while_the_cache_was_filled_at_full_speed_is_no_backlog_of_the_load() {
    let place = Place::new();
    // Filling writes thousands a second, and one batch of ten goes to the database each second.
    let text = scenario(EMBEDDED, "")
        .replace(r#""no-cache", "cache-aside", "cache-through""#, r#""write-behind""#)
        .replace("clients = 8", "clients = 8\nrate_per_second = 100")
        .replace(r#"warmup_max = "1s""#, r#"warmup_max = "3s""#);
    place.write("filled.toml", text);
    place.succeeds(&["filled.toml", "--no-plots", "--quiet"]);
    let results = place.results("filled");
    let row = row(&results, "write-behind");
    // Three seconds of warm-up and one of measuring at ten writes a second, with room for chance.
    let backlog = row.backlog.backlog_max.unwrap();
    assert!(backlog < 80, "{backlog} of {} writes wait: {row:#?}", row.writes);
    assert_eq!((row.at_end.lost_writes, row.audited.wrong.corrupt_reads), (Some(0), 0));
}

#[test]
fn what_was_under_way_at_the_end_of_the_filling_is_no_queue_of_the_load() {
    let place = Place::new();
    // A database that serves 400 a second, so that what the clients have sent at once is served in a sixth of a second,
    // but beside 380 a second only in three.
    let text = "strategies = [\"no-cache\"]\ntopologies = [\"embedded\"]\n[dataset]\nkeys = 500\n\
        [database]\nservice_time = \"10ms\"\nconcurrency = 4\n[workload]\nclients = 64\nreads = 1.0\n\
        rate_per_second = 380\narrivals = \"constant\"\n\
        [run]\nduration = \"1s\"\nwarmup_max = \"400ms\"\nwindow = \"100ms\"\n";
    place.write("filled.toml", text);
    place.succeeds(&["filled.toml", "--no-plots", "--quiet"]);
    let results = place.results("filled");
    let first = results.timeseries.iter().find(|window| window.phase == Phase::Measure).unwrap();
    assert!(first.queues.in_flight_max.is_some_and(|most| most < 30), "{first:?}");
    // Its hit rate is 0 all the time, however few windows the warm-up had.
    let row = row(&results, "no-cache");
    assert!(row.settled && !row.status.is_warming(), "{row:?}");
}

#[test]
fn requirements_of_which_nothing_was_measured_are_not_met() {
    let place = Place::new();
    let text = scenario(EMBEDDED, "[requirements]\n\"read.p99\" = \"<1h\"\n")
        .replace("clients = 8", "clients = 8\nrate_per_second = 0.001");
    place.write("nothing.toml", text);
    let options = ["--no-plots", "--quiet", "--only", "strategy=cache-aside"];
    place.fails(1, &[&["nothing.toml"][..], &options].concat());
    place.succeeds(&[&["nothing.toml", "--set", "workload.rate_per_second=200"][..], &options].concat());
}

#[test]
fn a_fault_that_lasts_nearly_to_the_end_does_not_make_a_cell_overloaded() {
    let place = Place::new();
    let fault = "[[fault]]\nat = \"2s\"\nkind = \"slow-database\"\nfor = \"900ms\"\ndelay = \"600ms\"\n";
    let text = scenario(EMBEDDED, fault).replace("duration = \"1s\"", "duration = \"3s\"");
    place.write(
        "slow.toml",
        text.replace("clients = 8", "clients = 8\nrate_per_second = 500\narrivals = \"constant\""),
    );

    place.succeeds(&["slow.toml", "--no-plots", "--only", "strategy=no-cache"]);

    let results = place.results("slow");
    let row = row(&results, "no-cache");
    assert!(row.achieved_per_s < 450.0, "the fault was felt: {row:?}");
    assert!(!row.status.is_overloaded(), "{row:?}");
    assert!(row.limits.in_time_share.is_some_and(|share| share >= 0.99), "{row:?}");
}

#[test]
fn with_the_cache_gone_fail_shows_errors_and_bypass_the_database_and_both_recover() {
    let place = Place::new();
    let strategies = r#"[
        { name = "cache-aside", label = "fail" },
        { name = "cache-aside", label = "bypass", on_cache_error = "bypass", breaker_open_for = "200ms" },
    ]"#;
    let text = scenario(REDIS, "[[fault]]\nat = \"1500ms\"\nkind = \"stop-cache\"\nfor = \"1500ms\"\n")
        .replace("[\"no-cache\", \"cache-aside\", \"cache-through\"]", strategies)
        .replace("duration = \"1s\"", "duration = \"4500ms\"")
        .replace("clients = 8", "clients = 8\nrate_per_second = 400");
    place.write("fault.toml", text);

    place.succeeds(&["fault.toml", "--no-plots"]);

    let results = place.results("fault");
    let failed = |window: &TimeseriesRow| window.answers.errors + window.answers.timeouts;
    for label in ["fail", "bypass"] {
        let row = row(&results, label);
        assert_eq!(row.audited.wrong.corrupt_reads, 0, "{row:?}");
        let at = |kind: &str| {
            let is = |event: &&Of<EventRow>| event.cell == row.cell && event.kind.name() == kind;
            let found: Vec<_> = results.events.iter().filter(is).collect();
            assert!(matches!(found[..], [event] if event.subject == "stop-cache"), "{kind}: {found:?}");
            found[0].at_s
        };
        let (fault, mended) = (at("fault"), at("mended"));
        assert!((1.4..2.5).contains(&fault) && mended > fault + 1.0 && mended < 4.0, "{fault} {mended}");
        let before = windows(&results, &row.cell, 0.0, 1.5);
        let middle = windows(&results, &row.cell, 2.0, 2.9);
        let last = windows(&results, &row.cell, 4.0, 4.5);
        assert!(sum(&before, |window| window.answers.hits) > 0);
        assert_eq!(sum(&middle, |window| window.answers.hits), 0, "{middle:?}");
        assert!(sum(&last, |window| window.answers.hits) > 0, "{last:?}");
        assert_eq!((sum(&before, failed), sum(&last, failed)), (0, 0), "{last:?}");
        let reads_a_window = |windows: &[&TimeseriesRow]| {
            sum(windows, |window| window.calls.db_reads) as f64 / windows.len() as f64
        };
        if label == "fail" {
            assert!(sum(&middle, failed) > 0, "{middle:?}");
            let known = |kind: &str| kind.starts_with("connection=") || kind.starts_with("timeout=");
            assert!(row.errors_by_kind.split(';').all(known), "{}", row.errors_by_kind);
        } else {
            assert!(row.answers.errors + row.answers.timeouts <= row.operations / 100, "{row:?}");
            assert!(row.answers.bypassed > 0);
            assert!(reads_a_window(&middle) > 1.5 * reads_a_window(&before), "{results:?}");
            assert!(reads_a_window(&middle) > 1.5 * reads_a_window(&last), "{last:?}");
        }
    }
}

#[test]
fn a_cache_that_was_killed_comes_back_with_its_memory_limit() {
    let place = Place::new();
    let more =
        "[cache]\ncapacity = \"50%\"\n[[fault]]\nat = \"200ms\"\nkind = \"stop-cache\"\nfor = \"200ms\"\n";
    place.write("limit.toml", scenario(REDIS, more).replace("keys = 500", "keys = 5000"));

    place.succeeds(&["limit.toml", "--no-plots", "--only", "strategy=cache-aside"]);

    // What the server said of itself after the fault.
    let servers = place.results("limit").run.servers;
    let redis = servers.iter().find(|server| server.name == "redis").unwrap();
    let limit = redis.config.lines().find_map(|line| line.strip_prefix("maxmemory ")).unwrap();
    assert!((1_000_000..4_000_000).contains(&limit.parse::<u64>().unwrap()), "{redis:?}");
}

#[test]
fn quiet_prints_the_table_only() {
    let place = Place::new();
    place.write("tiny.toml", scenario(EMBEDDED, ""));
    let ended = place.succeeds(&[
        "tiny.toml",
        "--quiet",
        "--duration",
        "200ms",
        "--no-plots",
        "--only",
        "strategy=no-cache",
    ]);
    // That a build is not optimised is said even then: its figures are more about hotset than about what it measures.
    let warning = hotset::run::machine::unoptimised().map(|warning| format!("warning: {warning}\n"));
    assert_eq!(ended.stderr, warning.unwrap_or_default());
    assert!(ended.stdout.contains("no-cache") && ended.stdout.contains("results: "), "{ended:?}");
}

#[test]
fn without_plots_there_are_tables_and_no_charts() {
    let place = Place::new();
    place.write("tiny.toml", scenario(EMBEDDED, ""));
    let ended =
        place.succeeds(&["tiny.toml", "--duration", "200ms", "--no-plots", "--only", "strategy=no-cache"]);
    let latest = place.latest("tiny");
    assert!(latest.join("summary.csv").exists());
    assert!(!latest.join("plots").exists() && !latest.join("report.html").exists());
    assert!(!ended.stdout.contains("report:  "), "{ended:?}");
}

#[test]
fn repeats_duration_and_only_say_what_is_run() {
    let place = Place::new();
    place.write("tiny.toml", scenario(EMBEDDED, ""));
    place.succeeds(&[
        "tiny.toml",
        "--repeats",
        "2",
        "--duration",
        "1s",
        "--no-plots",
        "--set",
        "run.warmup_max=200ms",
        "--only",
        "strategy=cache-aside,strategy=no-cache",
    ]);
    let results = place.results("tiny");
    let mut cells: Vec<_> = results.summary.iter().map(|row| row.cell.as_str()).collect();
    cells.sort_unstable();
    let expected = [
        "r1-cache-aside-embedded",
        "r1-no-cache-embedded",
        "r2-cache-aside-embedded",
        "r2-no-cache-embedded",
    ];
    assert_eq!(cells, expected);
    for (position, row) in (1..).zip(&results.summary) {
        assert_eq!(row.position, position);
        assert_eq!(u64::from(row.repeat), position.div_ceil(2), "one block a repeat");
        assert!((row.measured_s - 1.0).abs() < 0.3, "{row:?}");
        is_complete(&results, &row.cell);
    }
}

#[test]
fn repeats_are_run_until_the_ratios_are_known_or_no_more_are_allowed_and_resume_adds_none() {
    let place = Place::new();
    place.write(
        "open.toml",
        scenario(EMBEDDED, "").replace("\"1s\"", "\"200ms\"").replace("\"100ms\"", "\"50ms\""),
    );
    let known = |until: &str, max_duration: &str| {
        let ended = place.succeeds(&[
            "open.toml",
            "--repeats",
            "3..4",
            "--until",
            until,
            "--max-duration",
            max_duration,
        ]);
        let results = Results::read(&place.latest("open")).unwrap();
        assert_eq!(results.run.cells.len(), results.summary.len(), "what was not begun is not missing");
        let known = results.run.precision.clone().unwrap();
        assert_eq!(results.summary.len() as u64, known.blocks * 3);
        assert!(ended.stderr.contains(&known.sentence()), "{ended:?}");
        assert!(ended.stdout.replace('\n', " ").contains("Repeats: after"), "{ended:?}");
        known
    };
    let by_time = known("0.001%", "1ms");
    assert_eq!((by_time.blocks, by_time.ended_by), (3, Some(EndedBy::Time)), "{by_time:?}");
    let by_number = known("0.001%", "1h");
    assert_eq!((by_number.blocks, by_number.ended_by), (4, Some(EndedBy::Repeats)), "{by_number:?}");
    let latest = place.latest("open");
    let again = ["open.toml", "--repeats", "3..4", "--until", "0.001%", "--max-duration", "1h", "--resume"];
    let resumed = place.succeeds(&[&again[..], &[latest.to_str().unwrap()]].concat());
    assert!(resumed.stderr.contains("12 finished already"), "{resumed:?}");
    let results = Results::read(&latest).unwrap();
    assert_eq!((results.summary.len(), results.run.precision.map(|of| of.blocks)), (12, Some(4)));
}

#[test]
fn a_sweep_runs_every_combination_and_says_which_in_each_row() {
    let place = Place::new();
    let sweep = "[sweep]\n\"workload.keys.exponent\" = [0.5, 1.2]\nworkload.clients = [2, 4]\n";
    place.write("swept.toml", scenario(EMBEDDED, sweep));
    place.succeeds(&[
        "swept.toml",
        "--only",
        "strategy=cache-aside",
        "--set",
        "run.warmup_max=200ms",
        "--duration",
        "200ms",
        "--no-plots",
    ]);
    let results = place.results("swept");
    let cells: BTreeMap<_, _> =
        results.summary.iter().map(|row| (row.cell.as_str(), (row.swept.as_str(), row.clients))).collect();
    let expected = [
        ("r1-cache-aside-embedded-v1", ("workload.keys.exponent=0.5;workload.clients=2", 2)),
        ("r1-cache-aside-embedded-v2", ("workload.keys.exponent=0.5;workload.clients=4", 4)),
        ("r1-cache-aside-embedded-v3", ("workload.keys.exponent=1.2;workload.clients=2", 2)),
        ("r1-cache-aside-embedded-v4", ("workload.keys.exponent=1.2;workload.clients=4", 4)),
    ];
    assert_eq!(cells, expected.into());
    let share = |swept: &str| {
        let row = results.summary.iter().find(|row| row.swept == swept).unwrap();
        row.stream.top_key_share.unwrap()
    };
    assert!(share(expected[3].1.0) > 2.0 * share(expected[1].1.0), "the exponent has its effect");
}

#[test]
fn a_report_draws_again_what_was_deleted_to_the_last_byte() {
    let place = Place::new();
    place.write("tiny.toml", scenario(EMBEDDED, ""));
    place.succeeds(&["tiny.toml", "--duration", "500ms"]);
    let latest = place.latest("tiny").canonicalize().unwrap();
    let before: BTreeMap<_, _> = files_below(&latest).into_iter().collect();
    fs::remove_dir_all(latest.join("plots")).unwrap();
    fs::remove_file(latest.join("report.html")).unwrap();

    let said = place.succeeds(&["report", latest.to_str().unwrap()]).stdout;

    let after: BTreeMap<_, _> = files_below(&latest).into_iter().collect();
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, bytes) in &before {
        assert!(after[path] == *bytes, "{} is another", path.display());
    }
    assert!(said.contains("plots/hit-rate.svg") && said.contains("cache-aside"), "{said}");
}
