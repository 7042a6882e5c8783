//! One load driven by several processes, and their results put together.

mod support;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hotset::results::{Measure, OperationClass, Phase, Results, Status, Verdict};
use redis::Commands as _;
use rustix::process::Signal;
use support::{Ended, Foreign, Place, eventually, row};

/// Servers that were there before, and a scenario on them.
struct Shared {
    redis: Foreign,
    _mongod: Foreign,
    scenario: String,
}

impl Shared {
    fn new(more: &str) -> Self {
        let (redis, mongod) = (Foreign::redis(&[]), Foreign::mongod());
        let scenario = format!(
            "strategies = [\"cache-aside\"]\n\
             topologies = [{{ name = \"single\", url = \"redis://127.0.0.1:{}\", database = \"mongodb\" }}]\n\
             [database]\nurl = \"mongodb://127.0.0.1:{}\"\n\
             [dataset]\nkeys = 500\nvalue_size = \"50B\"\n\
             [workload]\ninstances = 4\nclients = 10\nreads = 0.8\nabsent_share = 0.1\n{more}",
            redis.port, mongod.port
        );
        Self { redis, _mongod: mongod, scenario }
    }

    fn place(&self) -> Place {
        let place = Place::new();
        place.write("shop.toml", &self.scenario);
        place
    }

    /// Runs all segments at once, each in a place of its own.
    fn run_in_segments(&self, of: u64, run: &str) -> Vec<Place> {
        let places: Vec<Place> = (0..of).map(|_| self.place()).collect();
        let running: Vec<_> =
            (1..).zip(&places).map(|(number, place)| segment(place, number, of, run)).collect();
        for (number, running) in (1..).zip(running) {
            let ended = running.end();
            assert_eq!(ended.code, 0, "segment {number} of {of}: {ended:?}");
        }
        places
    }

    fn keys(&self) -> Vec<String> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.redis.port)).unwrap();
        client.get_connection().unwrap().keys("*").unwrap()
    }
}

fn segment<'a>(place: &'a Place, number: u64, of: u64, run: &str) -> support::Running<'a> {
    let part = format!("{number}/{of}");
    place.start(place.hotset(&["shop.toml", "--segment", &part, "--run", run, "--no-plots"]))
}

fn latest(places: &[Place]) -> Vec<String> {
    places.iter().map(|place| place.latest("shop").to_str().unwrap().to_owned()).collect()
}

fn merge(place: &Place, directories: &[String]) -> Ended {
    let directories = directories.iter().map(String::as_str);
    let arguments: Vec<&str> = std::iter::once("merge").chain(directories).collect();
    place.run(&arguments)
}

/// The operations that a cell was asked for, by kind of operation and outcome, and by the answers to reads.
fn asked_for(results: &Results) -> (u64, u64, u64, u64, Vec<(String, u64)>) {
    let row = row(results, "cache-aside");
    assert_eq!((row.unsent, row.answers.failures()), (0, 0), "{}", row.reason);
    let kinds = results.operations.iter().map(|of| (of.row.operation.clone(), of.row.operations)).collect();
    (row.operations, row.reads, row.writes, row.answers.lookups(), kinds)
}

const OPEN_LOOP: &str =
    "rate_per_second = 600\n[run]\nduration = \"3s\"\nwarmup_max = \"2s\"\nwindow = \"500ms\"\nseed = 11\n";

#[test]
fn two_and_four_segments_together_are_one_whole_run() {
    let shared = Shared::new(OPEN_LOOP);
    let whole = shared.place();
    whole.succeeds(&["shop.toml", "--no-plots"]);
    let whole = whole.results("shop");
    for of in [2, 4] {
        let places = shared.run_in_segments(of, &format!("whole-{of}"));
        let together = Place::new();
        let ended = merge(&together, &latest(&places));
        assert_eq!(ended.code, 0, "{ended:?}");
        let merged = together.results("shop");
        assert_eq!(asked_for(&merged), asked_for(&whole), "{of} segments");
        assert_eq!(merged.notes, Vec::<String>::new());
        let segments: Vec<Results> = places.iter().map(|place| place.results("shop")).collect();
        percentiles_are_those_of_all_operations(&merged, &segments);
        windows_add_up(&merged, &segments);
        audits_add_up(&merged, &segments);
        let (of_whole, of_merged) = (row(&whole, "cache-aside"), row(&merged, "cache-aside"));
        assert_eq!(of_merged.offered_per_s, of_whole.offered_per_s);
        assert_eq!((of_merged.clients, of_merged.instances), (of_whole.clients, of_whole.instances));
        assert!(fs::exists(together.latest("shop").join("report.html")).unwrap());
        together.succeeds(&["report", together.latest("shop").to_str().unwrap()]);
    }
    assert_eq!(shared.keys(), Vec::<String>::new(), "nothing of the runs is left");
}

#[test]
fn segments_of_reads_of_several_documents_ask_for_and_count_the_keys_of_the_whole() {
    let shared = Shared::new(&format!("keys_per_read = 4\n{OPEN_LOOP}"));
    let whole = shared.place();
    whole.succeeds(&["shop.toml", "--no-plots"]);
    let whole = whole.results("shop");
    let places = shared.run_in_segments(2, "batches");
    let together = Place::new();
    assert_eq!(merge(&together, &latest(&places)).code, 0);
    let merged = together.results("shop");
    assert_eq!(asked_for(&merged), asked_for(&whole));
    let row = row(&merged, "cache-aside");
    assert!(row.answers.lookups() > 3 * row.reads, "{} of {}", row.answers.lookups(), row.reads);
    assert_eq!(row.judgement.verdict, Some(Verdict::Kept), "{}", row.judgement.verdict_reason);
}

/// A histogram of three significant digits tells values apart to a thousandth.
fn percentiles_are_those_of_all_operations(merged: &Results, segments: &[Results]) {
    let cell = &merged.summary[0].cell;
    for (class, measure) in [
        (OperationClass::Read, Measure::Response),
        (OperationClass::Read, Measure::Service),
        (OperationClass::Write, Measure::Response),
    ] {
        let mut all = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        for segment in segments {
            all.add(&segment.histograms(cell).unwrap()[&(class, measure)]).unwrap();
        }
        let own = &merged.histograms(cell).unwrap()[&(class, measure)];
        assert_eq!(own.len(), all.len());
        let times = merged.summary[0].times(class, measure);
        for (quantile, shown) in [(0.5, times.p50_us), (0.99, times.p99_us), (1.0, times.max_us)] {
            let expected = all.value_at_quantile(quantile) as f64 / 1e3;
            let shown = shown.unwrap();
            assert!((shown / expected - 1.0).abs() < 2e-3, "{class:?} {quantile}: {shown} and {expected}");
        }
        let spectrum = merged.latency.iter().filter(|of| {
            of.row.operation == class.name()
                && of.row.measure == measure
                && of.row.outcome.name() == "answered"
        });
        assert!(spectrum.clone().count() > 5);
        assert!(spectrum.clone().all(|of| of.row.total_count == all.len()));
    }
}

fn windows_add_up(merged: &Results, segments: &[Results]) {
    let of = |results: &Results, phase: Phase| -> u64 {
        let rows = results.timeseries.iter().filter(|of| of.row.phase == phase);
        rows.map(|of| of.row.operations).sum()
    };
    for phase in [Phase::Warmup, Phase::Measure] {
        let all: u64 = segments.iter().map(|segment| of(segment, phase)).sum();
        assert_eq!(of(merged, phase), all, "{phase:?}");
    }
    let measured = merged.timeseries.iter().filter(|of| of.row.phase == Phase::Measure);
    let starts: Vec<f64> = measured.map(|of| of.row.start_s).collect();
    assert_eq!(starts, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
}

fn audits_add_up(merged: &Results, segments: &[Results]) {
    let whole = row(merged, "cache-aside");
    let sum = |of: fn(&hotset::results::SummaryRow) -> u64| -> u64 {
        segments.iter().map(|segment| of(row(segment, "cache-aside"))).sum()
    };
    let (audited, foreign) =
        (sum(|row| row.audited.audited_reads), sum(|row| row.audited.foreign_reads.unwrap()));
    // What one segment has read of another's documents is held against that when both are there.
    assert_eq!(whole.audited.audited_reads, audited + foreign);
    assert_eq!(whole.audited.foreign_reads, Some(0));
    assert_eq!(whole.acknowledged_writes, sum(|row| row.acknowledged_writes));
    // Each segment writes its part of the keys, so that about as large a part of the reads is audited by it.
    let (share, expected) = (audited as f64 / (audited + foreign) as f64, 1.0 / segments.len() as f64);
    assert!((share - expected).abs() < 0.1, "{share} of {expected}");
    for results in segments.iter().chain([merged]) {
        let row = row(results, "cache-aside");
        assert_eq!(row.judgement.verdict, Some(Verdict::Kept), "{}", row.judgement.verdict_reason);
        assert_eq!(row.stream.stream_digest, whole.stream.stream_digest);
        assert_eq!((row.audited.wrong.stale_reads, row.audited.wrong.corrupt_reads), (0, 0));
        assert_eq!((row.at_end.lost_writes, row.at_end.divergent_keys), (Some(0), Some(0)));
        assert!(
            results.run.warnings.iter().any(|told| told.contains("segment")),
            "it is said where it is read"
        );
    }
}

#[test]
fn a_stale_read_of_one_segments_write_by_another_is_seen_when_they_are_merged() {
    // A write leaves the cached entry as it is, so that all read the old one until it expires.
    let shared = Shared::new(&format!("{OPEN_LOOP}[cache]\nttl = \"1s\"\n"));
    let scenario = shared.scenario.replace("\"cache-aside\"", "\"write-around\"");
    let shared = Shared { scenario, ..shared };
    let places = shared.run_in_segments(2, "stale");
    let together = Place::new();
    assert_eq!(merge(&together, &latest(&places)).code, 0);
    let stale = |results: &Results| row(results, "write-around").audited.wrong.stale_reads;
    let merged = together.results("shop");
    let own: u64 = places.iter().map(|place| stale(&place.results("shop"))).sum();
    assert!(own > 0 && stale(&merged) > own, "{own} and {}", stale(&merged));
    let whole = row(&merged, "write-around");
    assert_eq!(whole.judgement.verdict, Some(Verdict::Kept), "{}", whole.judgement.verdict_reason);
    let oldest = whole.audited.wrong.stale_age_max_ms.unwrap();
    assert!((100.0..1_500.0).contains(&oldest), "entries live for a second: {oldest} ms");
    assert!(merged.audit.iter().any(|of| of.row.detail.contains("another segment")), "there are examples");
}

const SHORT: &str = "[run]\nduration = \"600ms\"\nwarmup_max = \"300ms\"\nwindow = \"100ms\"\n";

#[test]
fn what_does_not_belong_together_is_not_merged() {
    let shared = Shared::new(SHORT);
    let places = shared.run_in_segments(2, "one");
    let others = shared.run_in_segments(2, "other");
    let alone = shared.place();
    alone.succeeds(&["shop.toml", "--no-plots", "--quiet"]);
    let (dirs, of_other) = (latest(&places), latest(&others));
    let of_alone = alone.latest("shop").to_str().unwrap().to_owned();
    let together = Place::new();
    for (directories, told) in [
        (vec![dirs[0].clone()], "of 2 segments there is no 2"),
        (vec![dirs[1].clone()], "of 2 segments there is no 1"),
        (vec![dirs[0].clone(), dirs[0].clone()], "segment 1 is there twice"),
        (vec![dirs[0].clone(), of_other[1].clone()], "their runs are one and other"),
        (vec![dirs[0].clone(), of_alone], "is no segment of a run"),
        (vec![dirs[0].clone(), "nowhere".into()], "nowhere"),
    ] {
        let ended = merge(&together, &directories);
        assert!(ended.code != 0 && ended.stderr.contains(told), "{told}: {ended:?}");
    }
    assert!(!together.path().join("results").exists(), "nothing was written");
    // In a closed loop nothing is due: the clients of all are those of the whole.
    let ended = merge(&together, &[dirs[1].clone(), dirs[0].clone()]);
    assert_eq!(ended.code, 0, "the order of the directories does not matter: {ended:?}");
    let merged = together.results("shop");
    let row = row(&merged, "cache-aside");
    let parts: u64 = places.iter().map(|place| place.results("shop").summary[0].operations).sum();
    assert_eq!((row.operations, row.clients), (parts, 10));
}

#[test]
fn a_segment_that_waits_alone_says_for_whom_and_ends_at_once_when_it_is_asked_to() {
    let shared = Shared::new(SHORT);
    let place = shared.place();
    let mut waiting = segment(&place, 1, 2, "alone");
    let said = || fs::read_to_string(place.path().join("stderr")).unwrap_or_default();
    waiting.until("it says for whom it waits", || said().contains("waiting for segment 2 of 2"));
    let asked = Instant::now();
    waiting.signal(Signal::INT);
    let ended = waiting.end();
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(ended.stderr.contains("begin all of them anew"), "{}", ended.stderr);
    // What it said last is nothing that another would begin by.
    let other = shared.place();
    let mut follows = segment(&other, 2, 2, "alone");
    let said = || fs::read_to_string(other.path().join("stderr")).unwrap_or_default();
    follows.until("it waits", || said().contains("waiting for segment 1 of 2"));
    follows.signal(Signal::INT);
    assert_eq!(follows.end().code, 130);
}

#[test]
fn where_one_segment_dies_the_others_say_so_and_end() {
    let more = "[run]\nduration = \"10s\"\nwarmup_max = \"300ms\"\nwindow = \"100ms\"\n";
    let shared = Shared::new(more);
    let (first, second) = (shared.place(), shared.place());
    let leads = segment(&first, 1, 2, "dies");
    let mut dies = segment(&second, 2, 2, "dies");
    let said = || fs::read_to_string(second.path().join("stderr")).unwrap_or_default();
    dies.until("it measures", || said().contains("measuring"));
    dies.signal(Signal::INT);
    assert_eq!(dies.end().code, 130);
    let ended = leads.end();
    assert_eq!(ended.code, 3, "{ended:?}");
    let results = first.results("shop");
    let row = row(&results, "cache-aside");
    assert_eq!(row.status, Status::Failed);
    assert!(row.reason.contains("segment 2"), "{}", row.reason);
    eventually("nothing is left in the cache", || shared.keys().is_empty());
}

#[test]
fn segments_of_servers_of_their_own_or_without_a_name_are_refused() {
    let place = Place::new();
    // Lines are broken where a terminal ends.
    let refused = |arguments: &[&str]| {
        let said = place.fails(2, arguments);
        said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
    };
    place.write("own.toml", "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n");
    let said = refused(&["own.toml", "--segment", "1/2", "--run", "a"]);
    assert!(said.contains("needs a cache that all processes share"), "{said}");
    let said = refused(&["own.toml", "--segment", "1/2"]);
    assert!(said.contains("--segment needs --run NAME"), "{said}");
    let said = refused(&["own.toml", "--segment", "3/2", "--run", "a"]);
    assert!(said.contains("there is no part 3 of 2"), "{said}");
    let said = refused(&["own.toml", "--run", "A b", "--segment", "1/2"]);
    assert!(said.contains("small letters"), "{said}");
    let quick = "\n[run]\nduration = \"200ms\"\nwarmup_max = \"100ms\"\nwindow = \"50ms\"\n";
    place.write("own.toml", format!("strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n{quick}"));
    place.succeeds(&["own.toml", "--segment", "1/1", "--no-plots", "--quiet"]);
}

/// The commands of the pods of an Indexed Job, as processes with the environment of pods.
#[test]
fn the_pods_of_a_job_run_segments_and_the_next_job_merges_them() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/kubernetes");
    let manifest = |name: &str| fs::read_to_string(scripts.join(name)).unwrap();
    assert!(manifest("job.yaml").contains("command: [\"sh\", \"/scripts/segment\"]"));
    assert!(manifest("merge.yaml").contains("command: [\"sh\", \"/scripts/merge\"]"));
    let shared = Shared::new(SHORT);
    let results = Place::new();
    let program = Path::new(env!("CARGO_BIN_EXE_hotset")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let pod = |place: &Place, script: &str, index: u64| -> Command {
        let mut command = place.hotset(&[]);
        let environment: Vec<(String, Option<String>)> = command
            .get_envs()
            .map(|(name, value)| {
                let text = |of: &std::ffi::OsStr| of.to_str().unwrap().to_owned();
                (text(name), value.map(text))
            })
            .collect();
        command = Command::new("sh");
        command.arg(scripts.join(script)).current_dir(place.path()).env("PATH", &path);
        for (name, value) in environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("JOB_COMPLETION_INDEX", index.to_string()).env("SEGMENTS", "4").env("RUN", "pods");
        command.env("SCENARIO", "shop.toml").env("RESULTS", results.path());
        command
    };
    let places: Vec<Place> = (0..4).map(|_| shared.place()).collect();
    let running: Vec<_> =
        (0..).zip(&places).map(|(index, place)| place.start(pod(place, "segment", index))).collect();
    for (index, running) in running.into_iter().enumerate() {
        let ended = running.end();
        assert_eq!(ended.code, 0, "pod {index}: {ended:?}");
    }
    let ended = results.start(pod(&results, "merge", 0)).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let merged: PathBuf = results.path().join("pods/merged/shop/latest");
    let merged = Results::read(&merged).unwrap();
    assert_eq!(row(&merged, "cache-aside").clients, 10);
    assert!(
        TcpStream::connect(("127.0.0.1", shared.redis.port)).is_ok(),
        "the servers are left as they were"
    );
}
