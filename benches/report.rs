//! How long `hotset report` takes over 100 cells of 600 windows each, in parts.

use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::Histogram;
use hotset::report::group::groups;
use hotset::report::{self, terminal::closing_table};
use hotset::results::{
    Answers, CellResults, Interval, Measure, OperationClass, OutcomeClass, Phase, Results, ResultsDir,
    RunInfo, SummaryRow, Times, TimeseriesRow, Verdict, WindowTimes, interval_log, spectrum,
};

const STRATEGIES: [&str; 5] = ["no-cache", "cache-aside", "cache-through", "read-through", "write-behind"];
const TOPOLOGIES: [&str; 4] = ["embedded", "single", "cluster", "sentinel"];
const REPEATS: u32 = 5;
const WINDOWS: u32 = 600;
const OPERATIONS: u64 = 1_500;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let started = "2026-11-22T21:05:09Z".parse().unwrap();
    let mut dir = ResultsDir::create(folder.path(), "large", started, &[]).unwrap();
    dir.write_run_info(&RunInfo { name: "large".into(), ..RunInfo::default() }).unwrap();
    let (reads, log) = recorded();
    println!("{} MB of interval log for each cell", log.len() / 1_000_000);
    let mut position = 0;
    for repeat in 1..=REPEATS {
        for topology in TOPOLOGIES {
            for strategy in STRATEGIES {
                position += 1;
                let cell = cell(strategy, topology, (repeat, position), &reads, &log);
                dir.append_cell(&cell).unwrap();
            }
        }
    }
    let whole = Instant::now();
    let results = timed("reading", || Results::read(dir.path()).unwrap());
    let groups = timed("adding up", || groups(&results).unwrap());
    let drawn = timed("drawing", || report::draw(&results, &groups).unwrap());
    timed("summing up", || report::conclude(&results, &groups).unwrap());
    timed("the table", || closing_table(&results, &groups, 160));
    println!("{:>12} {:.2} s, {} files", "all", whole.elapsed().as_secs_f64(), drawn.written.len());
    let page = std::fs::metadata(dir.path().join("report.html")).unwrap().len();
    println!("{:>12} {:.2} MB", "the page", page as f64 / 1e6);
    if let Some(kept) = std::env::var_os("HOTSET_KEEP_PAGE") {
        std::fs::copy(dir.path().join("report.html"), kept).unwrap();
    }
}

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = run();
    println!("{what:>12} {:.2} s", start.elapsed().as_secs_f64());
    done
}

/// Times of one in a hundred slow operations, and a log of every window.
fn recorded() -> (Histogram<u64>, Vec<u8>) {
    let mut all = Histogram::new(3).unwrap();
    let mut windows = Vec::new();
    for window in 0..WINDOWS {
        let mut times = Histogram::<u64>::new(3).unwrap();
        for n in 0..OPERATIONS {
            let slow = if n % 100 == 0 { 15 } else { 1 };
            times.record((200_000 + (n * 7_919 + u64::from(window) * 104_729) % 400_000) * slow).unwrap();
        }
        all.add(&times).unwrap();
        windows.push(times);
    }
    let intervals = windows.iter().zip(0..).flat_map(|(histogram, second)| {
        let of = move |operation, measure| Interval {
            operation,
            measure,
            start: Duration::from_secs(second),
            length: Duration::from_secs(1),
            histogram,
        };
        ["read", "write"]
            .into_iter()
            .flat_map(move |operation| Measure::ALL.iter().map(move |measure| of(operation, *measure)))
    });
    let log = interval_log(SystemTime::UNIX_EPOCH, intervals).unwrap();
    (all, log)
}

fn cell(
    strategy: &str,
    topology: &str,
    (repeat, position): (u32, u64),
    reads: &Histogram<u64>,
    log: &[u8],
) -> CellResults {
    let operations = OPERATIONS * u64::from(WINDOWS);
    let cached = strategy != "no-cache";
    let answers = Answers {
        hits: if cached { operations / 2 } else { 0 },
        misses: if cached { operations / 2 } else { 0 },
        hit_rate: cached.then_some(0.5),
        ..Answers::default()
    };
    let mut summary = SummaryRow {
        cell: format!("r{repeat}-{strategy}-{topology}"),
        position,
        repeat,
        block: repeat,
        strategy: strategy.into(),
        strategy_name: strategy.into(),
        topology: topology.into(),
        topology_name: topology.into(),
        measured_s: f64::from(WINDOWS),
        operations,
        achieved_per_s: OPERATIONS as f64,
        answers: answers.clone(),
        read_response: Times::of(reads),
        write_response: Times::of(reads),
        ..SummaryRow::default()
    };
    summary.audited.audited_reads = operations;
    summary.audited.stale_share = Some(0.0);
    summary.judgement.verdict = Some(Verdict::Kept);
    summary.calls.db_reads = operations / 2 + u64::from(repeat) * 1_000;
    summary.calls_per_op.db_reads_per_op = Some(0.5);
    let timeseries = (0..WINDOWS).map(|window| TimeseriesRow {
        phase: Phase::Measure,
        window: window.into(),
        start_s: window.into(),
        length_s: 1.0,
        operations: OPERATIONS,
        achieved_per_s: OPERATIONS as f64,
        answers: Answers {
            hit_rate: cached.then_some(0.5 + f64::from(window % 50) / 500.0),
            ..answers.clone()
        },
        times: WindowTimes {
            response_p50_us: Some(300.0 + f64::from(window % 37)),
            response_p95_us: Some(900.0 + f64::from(window % 91)),
            response_p99_us: Some(3_000.0 + f64::from(window % 513)),
            service_p99_us: Some(2_900.0),
        },
        ..TimeseriesRow::default()
    });
    CellResults {
        timeseries: timeseries.collect(),
        latency: [OutcomeClass::Hit, OutcomeClass::Miss, OutcomeClass::Answered]
            .into_iter()
            .flat_map(|outcome| {
                Measure::ALL.iter().flat_map(move |measure| {
                    [OperationClass::Read, OperationClass::Write]
                        .map(|class| spectrum((class.name(), outcome, *measure), reads))
                })
            })
            .flatten()
            .collect(),
        interval_log: log.to_vec(),
        summary,
        ..CellResults::default()
    }
}
