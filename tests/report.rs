//! Result files and what is drawn from them, over made-up runs whose figures are known.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hotset::report::canvas::theme::Theme;
use hotset::report::canvas::{Anchor, Canvas, Direction, Shape};
use hotset::report::charts::{REGISTRY, RUN_REGISTRY};
use hotset::report::format;
use hotset::report::group::groups;
use hotset::report::picture::{PictureFormat, PictureRequest, draw_picture};
use hotset::report::{self, ReportError, SummedUp, terminal};
use hotset::results::{
    AnomalyKind, Answers, AtRate, AuditRow, Build, CURVE, CellResults, ClientDigest, EventKind, EventRow,
    FAULTS, FileGuide, Interval, LatencyFloor, LimitedBy, Machine, Measure, Mode, Of, OfferedStream,
    OperationClass, OutcomeClass, Phase, PhaseRow, PriceList, Results, ResultsDir, RunInfo, STATISTICS,
    SegmentInfo, Server, Status, StepRow, SummaryRow, Times, TimeseriesRow, Verdict, WindowTimes,
    file_guides, interval_log, interval_log_name, spectrum,
};
use serde::Serialize;

fn draw(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let results = report::read(dir)?;
    Ok(report::draw(&results, &groups(&results)?)?.written)
}

fn conclude(dir: &Path) -> Result<SummedUp, ReportError> {
    let results = report::read(dir)?;
    report::conclude(&results, &groups(&results)?)
}

fn closing_table(results: &Results, width: usize) -> Result<String, ReportError> {
    Ok(terminal::closing_table(results, &groups(results)?, width))
}

/// The figures of a made-up strategy.
#[derive(Clone, Copy)]
struct MadeUp {
    label: &'static str,
    name: &'static str,
    per_second: f64,
    hit_rate: Option<f64>,
    read_us: f64,
    status: Status,
}

const fn made_up(label: &'static str, per_second: f64, hit_rate: Option<f64>, read_us: f64) -> MadeUp {
    MadeUp { label, name: label, per_second, hit_rate, read_us, status: Status::Ok }
}

const STRATEGIES: [MadeUp; 6] = [
    made_up("no-cache", 2_100.0, None, 4_000.0),
    made_up("cache-aside", 15_400.0, Some(0.93), 310.0),
    MadeUp { name: "cache-aside", ..made_up("cache-aside (update on write)", 15_500.0, Some(0.95), 300.0) },
    made_up("cache-through", 19_800.0, Some(0.96), 240.0),
    MadeUp { status: Status::Overloaded, ..made_up("write-behind", 9_000.0, Some(0.88), 1_900.0) },
    MadeUp { status: Status::Failed, ..made_up("near-cache", 0.0, None, 0.0) },
];

/// Numbers that look like noise and are the same on every machine.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn prices() -> PriceList {
    PriceList {
        currency: "€".into(),
        million_database_reads: Some(0.25),
        instance_hour: Some(0.05),
        ..PriceList::default()
    }
}

fn run_info(name: &str) -> RunInfo {
    RunInfo {
        warnings: Vec::new(),
        name: name.into(),
        description: "Which strategy?".into(),
        workload: "20,000 documents of 500B".into(),
        command: vec!["hotset".into(), "scenarios/made-up.toml".into()],
        version: "0.1.0".into(),
        commit: Some("0123abc".into()),
        build: Build { profile: "dev".into(), optimisation: "3".into() },
        started_utc: "2026-11-22T21:05:09Z".into(),
        finished_utc: Some("2026-11-22T21:15:09Z".into()),
        machine: Machine {
            cores: 8,
            memory_bytes: 16 << 30,
            cpu_model: "Made-up Processor 3000".into(),
            kernel: "Linux 6.1".into(),
        },
        servers: vec![Server {
            name: "redis".into(),
            version: "7.0.15".into(),
            config: "maxmemory 64mb".into(),
        }],
        latency_floors: Vec::new(),
        seed: 42,
        scenario_path: "scenarios/made-up.toml".into(),
        scenario_digest: "feedbeef".into(),
        effective_scenario: "name = \"made-up\"\n[run]\nrepeats = 5\n".into(),
        settings: "[run]\nrepeats = 5".into(),
        requirements: Vec::new(),
        prices: Some(prices()),
        stream_digests: vec![ClientDigest {
            swept: String::new(),
            repeat: 1,
            client: 0,
            digest: "d1".into(),
        }],
        cells: Vec::new(),
        precision: None,
        spent_s: 0.0,
        open_file_limit: 65_536,
        segment: None,
    }
}

fn histogram(strategy: MadeUp, slower: f64, operations: u32, noise: &mut Noise) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).unwrap();
    for _ in 0..operations {
        // Most near the middle, one in a hundred much slower.
        let spread = (noise.next() + noise.next() + noise.next() - 1.5).exp();
        let tail = if noise.next() < 0.01 { 4.0 + 12.0 * noise.next() } else { 1.0 };
        let us = strategy.read_us * slower * spread * tail;
        histogram.record((us * 1000.0) as u64).unwrap();
    }
    histogram
}

/// A cell with windows, spectra, events and an interval log.
fn cell(strategy: MadeUp, topology: &str, repeat: u32, swept: &str, position: u64) -> CellResults {
    let id = format!("r{repeat}-{}-{topology}{swept}", strategy.label);
    let mut summary = SummaryRow {
        cell: id.clone(),
        position,
        repeat,
        block: repeat,
        strategy: strategy.label.into(),
        strategy_name: strategy.name.into(),
        topology: topology.into(),
        topology_name: topology.into(),
        database: "mongodb".into(),
        swept: swept.into(),
        status: strategy.status,
        started_utc: "2026-11-22T21:05:10Z".into(),
        stream: OfferedStream { stream_digest: format!("digest-{repeat}{swept}"), ..Default::default() },
        ..SummaryRow::default()
    };
    if strategy.status == Status::Failed {
        summary.reason = "the cache server ended with code 1; see its log, or raise `maxmemory`".into();
        return CellResults { summary, ..CellResults::default() };
    }
    let mut noise = Noise(position * 7919 + 1);
    let slower = (if topology == "single" { 1.0 } else { 0.6 }) * (0.95 + 0.1 * noise.next());
    let reads = histogram(strategy, slower, 20_000, &mut noise);
    let writes = histogram(strategy, slower * 3.0, 4_000, &mut noise);
    let recorded = [(OperationClass::Read, &reads), (OperationClass::Write, &writes)];
    let timeseries = windows(strategy, slower, &mut noise);
    let measured = || timeseries.iter().filter(|row| row.phase == Phase::Measure);
    summary.answers.hits = measured().map(|row| row.answers.hits).sum();
    summary.answers.misses = measured().map(|row| row.answers.misses).sum();
    summary.operations = measured().map(|row| row.operations).sum();
    summary.calls.db_reads =
        if strategy.hit_rate.is_some() { summary.answers.misses } else { summary.operations };
    summary.achieved_per_s = strategy.per_second / slower;
    summary.measured_s = 20.0;
    summary.warmup_s = 6.0;
    summary.settled = true;
    (summary.instances, summary.clients, summary.connections) = (2, 64, 2);
    summary.mode = Mode::Closed;
    summary.answers.errors = u64::from(strategy.label == "no-cache") * 3;
    summary.limits.limited_by =
        Some(if strategy.hit_rate.is_none() { LimitedBy::Database } else { LimitedBy::Clients });
    // What two of them did to the data, one of them as a control.
    summary.audited.audited_reads = 1_200_000;
    summary.guarantee = Some("no stale read; no acknowledged write lost".into());
    (summary.at_end.lost_writes, summary.at_end.divergent_keys) = (Some(0), Some(0));
    summary.judgement.verdict = Some(Verdict::Kept);
    if ["write-behind", "cache-aside (update on write)"].contains(&strategy.label) {
        summary.audited.wrong.stale_reads = 800 * u64::from(repeat);
        (summary.audited.stale_age_p50_ms, summary.audited.stale_age_p99_ms) = (Some(0.8), Some(12.0));
        summary.audited.wrong.stale_age_max_ms = Some(40.0 * f64::from(repeat));
        summary.at_end.lost_writes = Some(if strategy.label == "write-behind" { 314 } else { 0 });
        summary.control = (strategy.label == "write-behind").then(|| "keeps its queue in memory".into());
        summary.judgement.verdict = Some(Verdict::Broken);
        summary.judgement.verdict_reason =
            format!("{} stale reads, the oldest 40ms", summary.audited.wrong.stale_reads);
    }
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let answers = &summary.answers;
    summary.answers.hit_rate = share(answers.hits, answers.lookups());
    summary.audited.stale_share = share(summary.audited.wrong.stale_reads, summary.audited.audited_reads);
    summary.calls_per_op.db_reads_per_op = share(summary.calls.db_reads, summary.answered());
    summary.calls_per_op.db_writes_per_op = Some(0.0);
    summary.calls_per_op.cache_commands_per_op = Some(0.0);
    summary.cost = prices().of(&summary);
    summary.read_response = Times::of(&reads);
    summary.write_response = Times::of(&writes);
    let intervals = recorded.map(|(operation, histogram)| Interval {
        operation: operation.name(),
        measure: Measure::Response,
        start: Duration::ZERO,
        length: Duration::from_secs(20),
        histogram,
    });
    CellResults {
        latency: spectrum(("read", OutcomeClass::All, Measure::Response), &reads),
        events: vec![
            event(-6.0, EventKind::Phase, "warm-up"),
            event(7.0, EventKind::Fault, "redis stopped"),
            event(13.0, EventKind::Reconnected, "redis"),
        ],
        interval_log: interval_log(SystemTime::UNIX_EPOCH, intervals).unwrap(),
        summary,
        timeseries,
        audit: vec![AuditRow {
            kind: AnomalyKind::Stale,
            key: "17".into(),
            read_version: Some(3),
            expected_version: Some(4),
            reader_instance: Some(1),
            writer_instance: Some(0),
            acknowledged_s: Some(1.25),
            sent_s: Some(1.262),
            done_s: Some(1.2621),
            age_ms: Some(12.0),
            ..AuditRow::default()
        }],
        ..CellResults::default()
    }
}

fn event(at_s: f64, kind: EventKind, subject: &str) -> EventRow {
    EventRow { at_s, kind, subject: subject.into(), detail: String::new() }
}

fn windows(strategy: MadeUp, slower: f64, noise: &mut Noise) -> Vec<TimeseriesRow> {
    (-6..20)
        .map(|second: i32| {
            let operations = (strategy.per_second / slower) as u64;
            let rate = strategy.hit_rate.map(|rate| {
                let filled = 1.0 - (-f64::from(second + 7) / 2.5).exp();
                let fault = if (7..13).contains(&second) { 0.82 } else { 1.0 };
                (rate * filled * fault + 0.012 * (noise.next() - 0.5)).clamp(0.0, 1.0)
            });
            let hits = rate.map_or(0, |rate| (operations as f64 * rate) as u64);
            TimeseriesRow {
                phase: if second < 0 { Phase::Warmup } else { Phase::Measure },
                window: u64::try_from(if second < 0 { second + 6 } else { second }).unwrap(),
                start_s: f64::from(second),
                length_s: 1.0,
                operations,
                achieved_per_s: operations as f64,
                answers: Answers {
                    hits,
                    misses: if rate.is_some() { operations - hits } else { 0 },
                    hit_rate: rate.map(|_| hits as f64 / operations as f64),
                    ..Answers::default()
                },
                times: WindowTimes {
                    response_p50_us: Some(strategy.read_us),
                    response_p95_us: Some(strategy.read_us * 2.5),
                    response_p99_us: Some(strategy.read_us * (4.0 + noise.next())),
                    service_p99_us: Some(strategy.read_us * 3.0),
                },
                backlog: (strategy.label == "write-behind").then_some(40 + operations / 500),
                backlog_oldest_s: (strategy.label == "write-behind").then_some(0.4),
                ..TimeseriesRow::default()
            }
        })
        .collect()
}

/// A results folder within a temporary one.
struct MadeUpRun {
    _out: tempfile::TempDir,
    dir: ResultsDir,
}

impl MadeUpRun {
    fn named(name: &str) -> Self {
        let out = tempfile::tempdir().unwrap();
        let started = "2026-11-22T21:05:09Z".parse().unwrap();
        let dir = ResultsDir::create(out.path(), name, started, &[]).unwrap();
        dir.write_run_info(&run_info(name)).unwrap();
        Self { _out: out, dir }
    }

    fn of(name: &str, strategies: &[MadeUp], topologies: &[&str], repeats: u32) -> Self {
        let mut run = Self::named(name);
        let mut position = 0;
        for repeat in 1..=repeats {
            for topology in topologies {
                for strategy in strategies {
                    position += 1;
                    run.dir.append_cell(&cell(*strategy, topology, repeat, "", position)).unwrap();
                }
            }
        }
        run
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn read(&self) -> Results {
        Results::read(self.path()).unwrap()
    }
}

fn contents(files: &[PathBuf]) -> Vec<Vec<u8>> {
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn a_run_gets_every_chart_for_each_topology_and_a_page_and_drawing_again_changes_no_byte() {
    let run = MadeUpRun::of("made-up", &STRATEGIES, &["single", "embedded"], 5);
    let files = draw(run.path()).unwrap();
    let names: BTreeSet<String> =
        files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect();
    for chart in ["reads", "latency-percentiles", "hit-rate", "throughput-p99"] {
        for topology in ["single", "embedded"] {
            for format in ["svg", "png"] {
                assert!(names.contains(&format!("{chart}-{topology}.{format}")), "{names:?}");
            }
        }
    }
    for chart in ["trade-off.svg", "topologies.png"] {
        assert!(names.contains(chart), "{names:?}");
    }
    assert_eq!(names.len(), 49, "{names:?}");
    let first = contents(&files);
    assert_eq!(draw(run.path()).unwrap(), files);
    assert!(contents(&files) == first, "a picture changed though its figures did not");
    // All but the page.
    let pictures = names.len() - 1;
    assert_eq!(fs::read_dir(run.file("plots")).unwrap().count(), pictures, "scraps were left in plots/");
    keep(&files, "");
}

#[test]
fn the_closing_table_shows_each_strategy_on_each_topology_and_ends_with_the_decision() {
    let run = MadeUpRun::of("made-up", &STRATEGIES, &["single", "embedded"], 5);
    insta::assert_snapshot!(closing_table(&run.read(), 200).unwrap());
}

#[test]
fn a_narrow_terminal_gets_fewer_columns_and_is_told_so() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[..2], &["single"], 3);
    let table = closing_table(&run.read(), 90).unwrap();
    assert!(table.lines().all(|line| line.chars().count() <= 90), "{table}");
    insta::assert_snapshot!(table);
}

const NAMES: [&str; 14] = [
    "no-cache",
    "cache-aside",
    "cache-through",
    "cache-ahead",
    "cache-behind",
    "read-through",
    "write-through",
    "write-behind",
    "write-around",
    "lease",
    "xfetch",
    "stale-while-revalidate",
    "near-cache",
    "change-stream",
];

/// Every strategy, a long label and a long name, sub-microsecond latencies, close events, mixed statuses.
fn crowded_run() -> MadeUpRun {
    let mut run = MadeUpRun::named("a-scenario-with-quite-a-long-name-for-a-caption");
    for (n, name) in NAMES.into_iter().enumerate() {
        let mut strategy = made_up(
            name,
            400_000.0 + 31_000.0 * n as f64,
            Some(0.9 + 0.006 * n as f64),
            0.4 + 0.2 * n as f64,
        );
        strategy.status = [Status::Ok, Status::Overloaded, Status::Warming][n % 3];
        if n == 3 {
            strategy.label = "cache-ahead with a very long label that somebody wrote, refresh=0.8; ttl=30s";
        }
        for repeat in 1..=2 {
            let swept = "workload.keys.exponent=0.99;workload.clients=64";
            let mut results = cell(strategy, "single", repeat, swept, n as u64 * 2 + u64::from(repeat));
            results.events.push(event(7.4, EventKind::Failover, "shard 2 to replica 127.0.0.1:40123"));
            results.events.push(event(19.0, EventKind::Fault, "slow link to the database"));
            results.events.push(event(9.0, EventKind::LoadPhase, "a flash crowd with a long name, phase 2"));
            results.phases = phases(strategy.per_second);
            results.staircase = steps(strategy.read_us, 1 + n as u64 % 5);
            run.dir.append_cell(&results).unwrap();
        }
    }
    run
}

fn phases(per_second: f64) -> Vec<PhaseRow> {
    let phase = |(number, share): (u64, f64)| PhaseRow {
        number,
        name: format!("phase {number}"),
        kind: "steady".into(),
        offered_per_s: Some(per_second),
        achieved_per_s: per_second * share,
        ..PhaseRow::default()
    };
    [(1, 1.0), (2, 0.8)].map(phase).into()
}

/// Six steps, of which the first `held` are kept up with.
fn steps(read_us: f64, held: u64) -> Vec<StepRow> {
    let step = |step: u64| {
        let slower = if step > held { 100.0 } else { 1.0 };
        let at = AtRate {
            rate_per_s: 100_000.0 * step as f64,
            achieved_share: if step > held { 0.9 } else { 1.0 },
            read_response: Times {
                p50_us: Some(read_us * slower),
                p99_us: Some(3.0 * read_us * slower),
                ..Times::default()
            },
            holds: step <= held,
            missed: if step > held {
                "90.0 % of what was due was answered in time".into()
            } else {
                String::new()
            },
            limited_by: Some(LimitedBy::DatabaseConnections),
            ..AtRate::default()
        };
        StepRow { step, at, ..StepRow::default() }
    };
    (1..=6).map(step).collect()
}

/// The box around a text: left, top, right, bottom.
fn text_box(shape: &Shape) -> Option<(&str, [f64; 4])> {
    let Shape::Text { at, text, lettering, direction } = shape else { return None };
    let (width, half) = (lettering.width(text), lettering.size / 2.0);
    let before = match lettering.anchor {
        Anchor::Left => 0.0,
        Anchor::Middle => width / 2.0,
        Anchor::Right => width,
    };
    let edges = match direction {
        Direction::Across => [at.0 - before, at.1 - half, at.0 - before + width, at.1 + half],
        Direction::Upwards => [at.0 - half, at.1 + before - width, at.0 + half, at.1 + before],
    };
    Some((text, edges))
}

fn assert_texts_apart(canvas: &Canvas, chart: &str) {
    let texts: Vec<_> = canvas.shapes.iter().filter_map(text_box).collect();
    for (n, (text, [left, top, right, bottom])) in texts.iter().enumerate() {
        let inside = *left >= 0.0 && *top >= 0.0 && *right <= canvas.width && *bottom <= canvas.height;
        assert!(inside, "{text:?} leaves {chart}");
        for (other, [l, t, r, b]) in &texts[..n] {
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            assert!(apart, "{text:?} overlaps {other:?} in {chart}");
        }
    }
}

#[test]
fn no_text_of_a_crowded_chart_overlaps_another_or_leaves_the_sheet() {
    let run = crowded_run();
    let results = run.read();
    for group in groups(&results).unwrap() {
        for chart in REGISTRY {
            assert_texts_apart(&(chart.draw)(&group).unwrap(), chart.name);
        }
    }
    keep(&draw(run.path()).unwrap(), "crowded-");
}

/// Every strategy on two topologies at several capacities and exponents, each once.
fn crowded_sweep() -> MadeUpRun {
    let mut run = MadeUpRun::named("crowded-sweep");
    let mut position = 0;
    for topology in ["single", "cluster"] {
        for (n, capacity) in ["5%", "10%", "20%", "40%"].into_iter().enumerate() {
            for exponent in ["0.8", "0.99"] {
                for (m, name) in NAMES.into_iter().enumerate() {
                    position += 1;
                    let rate = (m > 0).then_some(0.4 + 0.15 * n as f64 + 0.01 * m as f64);
                    let strategy = made_up(name, 9_000.0, rate, 900.0 - 200.0 * n as f64 + 20.0 * m as f64);
                    let swept = format!("cache.capacity={capacity};workload.keys.exponent={exponent}");
                    run.dir.append_cell(&cell(strategy, topology, 1, &swept, position)).unwrap();
                }
            }
        }
    }
    run
}

#[test]
fn no_text_of_a_crowded_chart_over_a_whole_run_overlaps_another_or_leaves_the_sheet() {
    let run = crowded_sweep();
    let results = run.read();
    let groups = groups(&results).unwrap();
    for chart in RUN_REGISTRY {
        assert_texts_apart(&(chart.draw)(&groups).unwrap(), chart.name);
    }
    if std::env::var_os(KEEP).is_some() {
        keep(&draw(run.path()).unwrap(), "sweep-");
    }
}

#[test]
fn a_sweep_of_36_cells_makes_at_most_15_charts_and_those_over_time_are_of_its_ends() {
    let mut run = MadeUpRun::named("swept");
    let mut position = 0;
    for capacity in ["5%", "10%", "20%"] {
        for topology in ["single", "cluster"] {
            for strategy in STRATEGIES {
                position += 1;
                let swept = format!("cache.capacity={capacity}");
                run.dir.append_cell(&cell(strategy, topology, 1, &swept, position)).unwrap();
            }
        }
    }
    assert_eq!(position, 36);
    let files = draw(run.path()).unwrap();
    let charts: Vec<String> = files
        .iter()
        .filter(|file| file.extension().is_some_and(|kind| kind == "svg"))
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(charts.len() <= 15, "{charts:?}");
    for chart in ["sweep", "trade-off", "topologies"] {
        assert!(charts.iter().any(|name| name == chart), "{charts:?}");
    }
    let over_time: Vec<_> = charts.iter().filter(|name| name.starts_with("hit-rate")).collect();
    assert_eq!(over_time.len(), 4, "{charts:?}");
    assert!(over_time.iter().all(|name| !name.contains("capacity=10")), "{charts:?}");
}

/// Returns the answer of a chart over the whole run.
fn finding(run: &MadeUpRun, chart: &str) -> String {
    let results = run.read();
    let groups = groups(&results).unwrap();
    let of_run = RUN_REGISTRY.iter().find(|known| known.name == chart);
    let canvas = match of_run {
        Some(chart) => (chart.draw)(&groups),
        None => (REGISTRY.iter().find(|known| known.name == chart).unwrap().draw)(&groups[0]),
    };
    canvas.unwrap().finding
}

/// Three repeats of one strategy at each of these capacities, with the hit rate that it has there.
fn by_capacity(rates: &[(&str, f64)]) -> MadeUpRun {
    let mut run = MadeUpRun::named("swept");
    for (at, (capacity, rate)) in rates.iter().enumerate() {
        for repeat in 1..=3 {
            let swept = format!("cache.capacity={capacity}");
            let position = at as u64 * 3 + u64::from(repeat);
            let strategy = made_up("cache-aside", 9_000.0, Some(*rate), 300.0);
            run.dir.append_cell(&cell(strategy, "single", repeat, &swept, position)).unwrap();
        }
    }
    run
}

#[test]
fn the_chart_of_a_sweep_answers_how_much_is_enough_or_how_near_it_comes() {
    // The made-up fault takes some points of each rate.
    let run = by_capacity(&[("5%", 0.5), ("10%", 0.8), ("30%", 0.99), ("50%", 0.995)]);
    let answer = "cache-aside reaches a hit rate of 90 % from cache.capacity = 30% on.";
    assert!(finding(&run, "sweep").ends_with(answer), "{}", finding(&run, "sweep"));
    let run = by_capacity(&[("5%", 0.5), ("10%", 0.6)]);
    let answer = finding(&run, "sweep");
    assert!(answer.contains("no strategy is shown to reach a hit rate of 90 %"), "{answer}");
    assert!(
        answer.contains("cache-aside comes nearest") && answer.contains("cache.capacity = 10%"),
        "{answer}"
    );
}

#[test]
fn a_chart_names_who_is_best_where_the_repeats_show_it_and_nobody_where_they_do_not() {
    let run = MadeUpRun::of("made-up", &STRATEGIES, &["single"], 5);
    for chart in ["trade-off", "reads"] {
        let answer = finding(&run, chart);
        assert!(answer.contains("cache-through reads the database least"), "{answer}");
        assert!(answer.contains("the fastest median read"), "{answer}");
        // What the audit found broken is not praised, fast as it may be.
        assert!(!answer.contains("update on write"), "{answer}");
    }
    let answer = finding(&run, "hit-rate");
    assert!(answer.contains("cache-through has the highest hit rate (89.9 %)"), "{answer}");
    let answer = finding(&run, "faults");
    assert!(answer.contains("no-cache: 0.0") && answer.contains("of the operations failed"), "{answer}");

    let alike = [STRATEGIES[1], MadeUp { label: "cache-aside again", ..STRATEGIES[1] }];
    let answer = finding(&MadeUpRun::of("alike", &alike, &["single"], 5), "trade-off");
    assert!(
        answer.contains("no difference shown in database reads for each answered operation, the median read"),
        "{answer}"
    );
    let once = finding(&MadeUpRun::of("once", &STRATEGIES, &["single"], 1), "trade-off");
    assert!(once.contains("no difference shown") && !once.contains("least"), "{once}");
}

#[test]
fn the_topologies_are_compared_strategy_by_strategy() {
    let run = MadeUpRun::of("made-up", &STRATEGIES, &["single", "embedded"], 5);
    let answer = finding(&run, "topologies");
    assert!(answer.contains("fastest median read: embedded for 5 of 5 strategies;"), "{answer}");
}

#[test]
fn what_a_strategy_has_on_a_chart_is_in_a_group_that_names_it() {
    let run = MadeUpRun::of("made-up", &STRATEGIES, &["single"], 1);
    draw(run.path()).unwrap();
    for chart in RUN_REGISTRY.iter().map(|chart| chart.name).chain(REGISTRY.iter().map(|chart| chart.name)) {
        let Ok(text) = fs::read_to_string(run.file("plots").join(format!("{chart}.svg"))) else { continue };
        let groups: Vec<&str> = text.split("<g data-strategy=\"").skip(1).collect();
        assert!(groups.iter().any(|group| group.starts_with("cache-through\">")), "{chart}");
        assert_eq!(groups.len(), text.matches("</g>").count(), "{chart}");
    }
}

fn picture(chart: &str, format: PictureFormat, theme: Theme) -> PictureRequest {
    PictureRequest { chart: chart.into(), format, size: (800, 450), theme }
}

#[test]
fn one_chart_is_drawn_for_a_slide_in_the_size_and_on_the_paper_that_are_asked_for() {
    let run = MadeUpRun::of("made-up", &STRATEGIES, &["single"], 1);
    let (png, _) = draw_picture(
        &report::read(run.path()).unwrap(),
        &picture("trade-off", PictureFormat::Png, Theme::Dark),
    )
    .unwrap();
    assert_eq!(png, run.file("plots").join("trade-off-800x450-dark.png"));
    // The header of a PNG begins with its width and its height.
    let header = fs::read(&png).unwrap();
    assert_eq!(header[16..24], [800_u32.to_be_bytes(), 450_u32.to_be_bytes()].concat());
    let (svg, _) = draw_picture(
        &report::read(run.path()).unwrap(),
        &picture("hit-rate", PictureFormat::Svg, Theme::Light),
    )
    .unwrap();
    assert!(fs::read_to_string(svg).unwrap().contains("width=\"800\" height=\"450\""));
    assert!(!run.file("report.html").exists(), "nothing else is drawn");
    let error =
        draw_picture(&report::read(run.path()).unwrap(), &picture("sweep", PictureFormat::Svg, Theme::Light))
            .unwrap_err();
    assert!(error.to_string().contains("nothing to show in the chart sweep"), "{error}");
}

/// Names a folder for the pictures, to look at them: `HOTSET_KEEP_REPORT=DIR cargo test --test report`.
const KEEP: &str = "HOTSET_KEEP_REPORT";

fn keep(files: &[PathBuf], prefix: &str) {
    let Some(folder) = std::env::var_os(KEEP) else { return };
    for file in files {
        let name = format!("{prefix}{}", file.file_name().unwrap().to_string_lossy());
        fs::copy(file, Path::new(&folder).join(name)).unwrap();
    }
}

#[test]
fn a_torn_last_line_is_ignored_when_reading_and_dropped_when_resuming() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[..3], &["single"], 1);
    let whole = fs::read(run.file("summary.csv")).unwrap();
    let torn = &whole[..whole.len() - 40];
    fs::write(run.file("summary.csv"), torn).unwrap();

    let results = run.read();
    assert_eq!(results.summary.len(), 2);
    assert!(results.timeseries.iter().all(|row| !row.cell.contains("update")), "of an unfinished cell");
    assert_eq!(fs::read(run.file("summary.csv")).unwrap(), torn, "reading changes nothing");

    let busy = ResultsDir::open_for_resume(run.path(), &[]).unwrap_err();
    assert!(busy.to_string().contains("being written by another hotset"), "{busy}");
    let MadeUpRun { _out: out, dir } = run;
    let path = dir.path().to_owned();
    drop(dir);
    let (mut dir, resumed) = ResultsDir::open_for_resume(&path, &[]).unwrap();
    assert_eq!(resumed.summary, results.summary);
    dir.append_cell(&cell(STRATEGIES[2], "single", 1, "", 3)).unwrap();
    assert_eq!(fs::read(path.join("summary.csv")).unwrap(), whole);
    let windows = Results::read(&path).unwrap().timeseries;
    drop(out);
    assert_eq!(windows.len(), 3 * 26, "the unfinished cell's old windows are gone");
}

#[test]
fn a_cell_without_its_summary_row_is_not_finished() {
    let mut run = MadeUpRun::named("made-up");
    let cells = ["r1-no-cache-single", "r1-cache-aside-single"].map(String::from).to_vec();
    run.dir.write_run_info(&RunInfo { cells, ..run_info("made-up") }).unwrap();
    run.dir.append_cell(&cell(STRATEGIES[0], "single", 1, "", 1)).unwrap();
    assert_eq!(run.read().finished_cells().into_iter().collect::<Vec<_>>(), ["r1-no-cache-single"]);
}

#[test]
fn cells_that_were_offered_different_operations_are_not_compared() {
    let mut run = MadeUpRun::of("made-up", &STRATEGIES[..1], &["single"], 1);
    let mut other = cell(STRATEGIES[1], "single", 1, "", 2);
    other.summary.stream.stream_digest = "something else".into();
    run.dir.append_cell(&other).unwrap();
    let error = draw(run.path()).unwrap_err().to_string();
    assert!(error.contains("r1-no-cache-single") && error.contains("something else"), "{error}");
    assert!(error.contains("one seed"), "says what to do: {error}");
    assert!(closing_table(&run.read(), 100).is_err());
}

#[test]
fn other_repeats_and_swept_values_may_have_other_operations() {
    let mut run = MadeUpRun::named("made-up");
    for (position, (repeat, swept)) in
        [(1, ""), (2, ""), (1, "workload.keys.exponent=0.8")].iter().enumerate()
    {
        run.dir.append_cell(&cell(STRATEGIES[1], "single", *repeat, swept, position as u64 + 1)).unwrap();
    }
    run.read().check_comparable().unwrap();
}

#[test]
fn percentiles_over_repeats_are_those_of_all_operations_and_not_the_average_of_percentiles() {
    let mut run = MadeUpRun::named("made-up");
    // One calm repeat and one with a slow tenth: the 99th percentile of both together is not halfway.
    let mut union = Histogram::<u64>::new(3).unwrap();
    let mut averages = Vec::new();
    for (repeat, slow) in [(1, 0), (2, 100)] {
        let mut recorded = Histogram::<u64>::new(3).unwrap();
        recorded.record_n(100_000, 1000 - slow).unwrap();
        recorded.record_n(50_000_000, slow).unwrap();
        averages.push(recorded.value_at_quantile(0.99) as f64 / 1e3);
        union.add(&recorded).unwrap();
        let interval = Interval {
            operation: "read",
            measure: Measure::Response,
            start: Duration::ZERO,
            length: Duration::from_secs(1),
            histogram: &recorded,
        };
        let mut results = cell(STRATEGIES[1], "single", repeat, "", u64::from(repeat));
        results.interval_log = interval_log(SystemTime::UNIX_EPOCH, [interval]).unwrap();
        run.dir.append_cell(&results).unwrap();
    }
    let results = run.read();
    let groups = groups(&results).unwrap();
    let merged = groups[0].entries[0].merged_us(OperationClass::Read, Measure::Response, 0.99).unwrap();
    assert_eq!((merged * 1e3).round() as u64, union.value_at_quantile(0.99));
    let halfway = averages.iter().sum::<f64>() / 2.0;
    assert!((merged - halfway).abs() > 10_000.0, "merged {merged}, averaged {halfway}");
}

/// Everything in the folder that holds rows.
fn rows(run: &MadeUpRun) -> Vec<Vec<u8>> {
    ["summary.csv", "timeseries.csv", "latency.csv"].map(|file| fs::read(run.file(file)).unwrap()).to_vec()
}

#[test]
fn a_full_disk_loses_no_earlier_row_and_says_what_to_do() {
    let mut run = MadeUpRun::of("made-up", &STRATEGIES[..2], &["single"], 1);
    let before = rows(&run);
    let events = fs::read(run.file("events.csv")).unwrap();
    fs::remove_file(run.file("events.csv")).unwrap();
    // Every write to /dev/full fails as on a full disk, for root too.
    std::os::unix::fs::symlink("/dev/full", run.file("events.csv")).unwrap();
    let error = run.dir.append_cell(&cell(STRATEGIES[2], "single", 1, "", 3)).unwrap_err().to_string();
    assert!(error.contains("events.csv") && error.contains("--resume"), "{error}");
    assert!(rows(&run) == before, "what was appended before the failure is taken back");

    fs::remove_file(run.file("events.csv")).unwrap();
    fs::write(run.file("events.csv"), events).unwrap();
    run.dir.append_cell(&cell(STRATEGIES[2], "single", 1, "", 3)).unwrap();
    assert_eq!(run.read().summary.len(), 3, "with room again, the run goes on");
}

#[test]
fn a_summary_that_cannot_be_written_leaves_the_cell_unfinished() {
    let mut run = MadeUpRun::of("made-up", &STRATEGIES[..1], &["single"], 1);
    let summary = fs::read(run.file("summary.csv")).unwrap();
    let before = fs::read(run.file("timeseries.csv")).unwrap();
    fs::remove_file(run.file("summary.csv")).unwrap();
    fs::create_dir(run.file("summary.csv")).unwrap();
    let error = run.dir.append_cell(&cell(STRATEGIES[1], "single", 1, "", 2)).unwrap_err().to_string();
    assert!(error.contains("summary.csv") && error.contains("move it aside"), "{error}");
    assert!(fs::read(run.file("timeseries.csv")).unwrap() == before);
    fs::remove_dir(run.file("summary.csv")).unwrap();
    fs::write(run.file("summary.csv"), summary).unwrap();
    assert_eq!(run.read().summary.len(), 1);
}

#[test]
fn a_second_run_in_the_same_second_gets_a_folder_of_its_own_and_latest_follows() {
    let out = tempfile::tempdir().unwrap();
    let started = "2026-11-22T21:05:09Z".parse().unwrap();
    let first = ResultsDir::create(out.path(), "quick-start", started, &[]).unwrap();
    let second = ResultsDir::create(out.path(), "quick-start", started, &[]).unwrap();
    assert!(first.path().ends_with("quick-start/2026-11-22T21-05-09Z"), "{first:?}");
    assert!(second.path().ends_with("quick-start/2026-11-22T21-05-09Z-2"), "{second:?}");
    let latest = fs::canonicalize(out.path().join("quick-start/latest")).unwrap();
    assert_eq!(latest, fs::canonicalize(second.path()).unwrap());
}

#[test]
fn a_folder_that_holds_no_run_is_named_as_such() {
    let empty = tempfile::tempdir().unwrap();
    let error = draw(empty.path()).unwrap_err().to_string();
    assert!(error.contains("not a results folder") && error.contains("run.json"), "{error}");
    let error = draw(Path::new("/nowhere/at/all")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all"), "{error}");
}

#[test]
fn an_unknown_chart_is_refused_with_the_nearest_and_the_names_of_those_there_are() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[..1], &["single"], 1);
    let refused = |chart: &str| {
        draw_picture(&report::read(run.path()).unwrap(), &picture(chart, PictureFormat::Svg, Theme::Light))
            .unwrap_err()
            .to_string()
    };
    let error = refused("pie");
    assert!(error.contains("\"pie\"") && error.contains("hit-rate"), "{error}");
    let error = refused("trade-of");
    assert!(error.contains("did you mean \"trade-off\"?"), "{error}");
}

#[test]
fn a_run_in_which_every_cell_failed_still_gets_a_page_that_says_why() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[5..], &["single"], 1);
    let files = draw(run.path()).unwrap();
    assert_eq!(files, [run.file("report.html")]);
    let page = fs::read_to_string(&files[0]).unwrap();
    assert!(page.contains("the cache server ended with code 1"));
    assert!(closing_table(&run.read(), 120).unwrap().contains("the cache server ended with code 1"));
}

#[test]
fn names_with_markup_in_them_are_shown_as_they_are_and_never_become_markup() {
    let hostile = MadeUp { label: "<b onload=\"x\">&'y'</b>", ..STRATEGIES[1] };
    let mut run = MadeUpRun::named("made-up");
    let name = "<script>alert(1)</script> & \"co\"";
    run.dir.write_run_info(&run_info(name)).unwrap();
    run.dir.append_cell(&cell(hostile, "<i>top</i>", 1, "", 1)).unwrap();
    assert!(run.file(&interval_log_name("r1-<b onload=\"x\">&'y'</b>-<i>top</i>")).exists());
    for file in draw(run.path()).unwrap() {
        if file.extension().is_some_and(|kind| kind == "png") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for markup in ["<b onload", "<script>alert", "<i>", "& \"co\"", "&'y'"] {
            assert!(!text.contains(markup), "{markup} in {}", file.display());
        }
        assert!(text.contains("&lt;b onload="), "{}", file.display());
    }
}

#[test]
fn letters_that_the_font_of_the_pictures_has_not_are_told_of_and_stand_on_the_page() {
    let mut run = MadeUpRun::named("made-up");
    run.dir.append_cell(&cell(MadeUp { label: "缓存 café", ..STRATEGIES[1] }, "single", 1, "", 1)).unwrap();
    let results = run.read();
    let drawn = report::draw(&results, &groups(&results).unwrap()).unwrap();
    let note = drawn.note.unwrap();
    assert!(note.contains("存 缓") && note.contains("boxes") && !note.contains('é'), "{note}");
    let page = fs::read_to_string(run.file("report.html")).unwrap();
    assert!(page.contains("缓存 café") && page.contains(&note), "the page says it too");
    let plain = MadeUpRun::of("made-up", &STRATEGIES[..2], &["single"], 1);
    let results = plain.read();
    assert_eq!(report::draw(&results, &groups(&results).unwrap()).unwrap().note, None);
}

#[test]
fn two_swept_quantities_show_where_each_strategy_wins_and_where_none_is_shown_to() {
    let mut run = MadeUpRun::named("swept");
    let mut position = 0;
    for (capacity, rates) in [("5%", [0.3, 0.8]), ("20%", [0.9, 0.5])] {
        for exponent in ["0.8", "0.99"] {
            for repeat in 1..=3 {
                for (name, rate) in ["cache-aside", "read-through"].into_iter().zip(rates) {
                    position += 1;
                    let strategy = made_up(name, 9_000.0, Some(rate), 300.0);
                    let swept = format!("cache.capacity={capacity};workload.keys.exponent={exponent}");
                    run.dir.append_cell(&cell(strategy, "single", repeat, &swept, position)).unwrap();
                }
            }
        }
    }
    let answer = finding(&run, "winners");
    assert!(
        answer.contains("fewest database reads, of 4 settings: cache-aside at 2 and read-through at 2"),
        "{answer}"
    );
    let one = by_capacity(&[("5%", 0.5), ("10%", 0.6)]);
    let results = one.read();
    let map = RUN_REGISTRY.iter().find(|chart| chart.name == "winners").unwrap();
    assert!((map.draw)(&groups(&results).unwrap()).is_none(), "one quantity is no map");
}

#[test]
fn topologies_stand_side_by_side_and_the_best_of_each_is_marked() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[..4], &["single", "embedded"], 3);
    draw(run.path()).unwrap();
    let page = fs::read_to_string(run.file("report.html")).unwrap();
    let (_, table) = page.split_once("Topologies side by side").unwrap();
    let (table, _) = table.split_once("</table>").unwrap();
    let row = |label: &str| {
        let (_, row) = table.split_once(&format!("scope=\"row\">{label}</th>")).unwrap();
        row.split_once("</tr>").unwrap().0.to_owned()
    };
    assert!(row("cache-through").contains("★") && !row("no-cache").contains("★"), "{table}");
    let closing = closing_table(&run.read(), 200).unwrap();
    assert!(closing.contains("* the best in its group, and those next to it"), "{closing}");
    let alone = MadeUpRun::of("made-up", &STRATEGIES[..2], &["single"], 1);
    draw(alone.path()).unwrap();
    assert!(!fs::read_to_string(alone.file("report.html")).unwrap().contains("side by side</h2>"));
}

#[test]
fn the_report_needs_nothing_but_itself() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[..2], &["single"], 1);
    draw(run.path()).unwrap();
    let page = fs::read_to_string(run.file("report.html")).unwrap();
    for outside in ["<script ", "<link", "<img", "@import", "url(", "src=", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let links = page.split("href=\"").skip(1);
    assert!(
        links.clone().count() > 3 && links.clone().all(|link| link.starts_with('#')),
        "a link leads out of the page"
    );
    // The ten charts of the group, and the trade-off.
    assert_eq!(page.matches("<svg").count(), 11);
    for part in
        ["Made-up Processor 3000", "repeats = 5", "never averages of percentiles", "Each strategy ran once"]
    {
        assert!(page.contains(part), "{part}");
    }
}

/// The figures of a row of `faults.csv` as the page may show them.
fn shown_of_a_fault(header: &[String], record: &[String]) -> BTreeSet<String> {
    let show = |(name, field): (&String, &String)| {
        let number = field.parse::<f64>().ok();
        match number {
            None if field.is_empty() && name == "until_s" => "the end".to_owned(),
            None if field.is_empty() => "–".to_owned(),
            None => field.clone(),
            Some(us) if name.ends_with("_us") => format::micros(us),
            Some(seconds) if name.ends_with("_s") => format!("{} s", format::three_digits(seconds)),
            Some(share) if name.ends_with("_share") => hotset::report::safety::percent(share),
            Some(count) => format::count(count),
        }
    };
    let mut shown: BTreeSet<String> = header.iter().zip(record).map(show).collect();
    let field = |name: &str| &record[header.iter().position(|column| column == name).unwrap()];
    let window = format::micros(field("window_s").parse::<f64>().unwrap() * 1e6);
    shown.insert(format!("{} of {window}", field("during_windows")));
    shown
}

#[test]
fn what_reads_took_in_a_fault_is_on_the_page_as_it_is_in_faults_csv() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[..3], &["single"], 2);
    draw(run.path()).unwrap();
    conclude(run.path()).unwrap();
    let page = fs::read_to_string(run.file("report.html")).unwrap();
    let records = records(&run.file("faults.csv"));
    assert_eq!(records.len(), 1 + 3, "a strategy a row");
    let (_, table) = page.split_once("What reads took while a fault had its effect</h3>").unwrap();
    let (table, rest) = table.split_once("</table>").unwrap();
    assert!(rest.contains("took service") || !page.contains("took service"), "it stands before the outages");
    let (_, body) = table.split_once("<tbody>").unwrap();
    let rows: Vec<&str> = body.split("</tr>").filter(|row| row.contains("<td")).collect();
    assert_eq!(rows.len(), 3);
    for (row, record) in rows.iter().zip(&records[1..]) {
        let shown = shown_of_a_fault(&records[0], record);
        let cells = row.split('>').filter_map(|part| part.split_once("</t")).map(|(text, _)| text);
        let cells: Vec<&str> = cells.collect();
        assert_eq!(cells.len(), 12, "{row}");
        for cell in cells {
            assert!(shown.contains(cell), "{cell} in {shown:?}");
        }
    }
    let during = records[0].iter().position(|name| name == "during_reads").unwrap();
    assert_eq!(records[1][during], "40000", "two repeats of 20,000 reads each");
}

/// A cell of which theory predicts everything, and that is elsewhere.
#[test]
fn every_figure_of_the_scorecard_is_in_results_csv_and_in_the_summary_for_machines() {
    let run = MadeUpRun::of("made-up", &STRATEGIES, &["single", "embedded"], 3);
    draw(run.path()).unwrap();
    let conclusion = conclude(run.path()).unwrap();
    assert_eq!(conclusion.written.len(), 5, "nothing is required, and something was broken");
    let page = fs::read_to_string(run.file("report.html")).unwrap();
    let records = records(&run.file("results.csv"));
    assert_eq!(records.len(), 1 + 2 * STRATEGIES.len());
    let fields: BTreeSet<&String> = records.iter().flatten().collect();
    let figures: Vec<&str> =
        page.split("data-value=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(figures.len() > 100, "{}", figures.len());
    for figure in figures {
        assert!(fields.contains(&figure.to_owned()), "{figure}");
    }
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(run.file("summary.json")).unwrap()).unwrap();
    let rows = summary["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2 * STRATEGIES.len());
    for (row, record) in rows.iter().zip(&records[1..]) {
        assert_eq!(row["strategy"].as_str().unwrap(), record[0]);
        for (name, figure) in row["figures"].as_object().unwrap() {
            let column = records[0].iter().position(|column| column == name).unwrap();
            // serde_json reads the last digit of a number as it comes.
            let (one, other) = (figure["value"].as_f64().unwrap(), record[column].parse::<f64>().unwrap());
            assert!((one - other).abs() <= 1e-12 * one.abs(), "{name}: {one} {other}");
        }
    }
    let schema: serde_json::Value = serde_json::from_str(&hotset::report::machine_files::schema()).unwrap();
    for required in schema["required"].as_array().unwrap() {
        assert!(!summary[required.as_str().unwrap()].is_null(), "{required}");
    }
    for key in summary.as_object().unwrap().keys() {
        assert!(schema["properties"][key].is_object(), "{key} is in no schema");
    }
    let markdown = fs::read_to_string(run.file("summary.md")).unwrap();
    assert!(markdown.contains("| cache-through | single |"), "{markdown}");
}

fn predicted(repeat: u32) -> CellResults {
    let mut results = cell(STRATEGIES[1], "embedded", repeat, "", u64::from(repeat));
    let row = &mut results.summary;
    row.predicted.predicted_by = "LRU (Che)".into();
    (row.predicted.predicted_hit_rate_low, row.predicted.predicted_hit_rate_high) = (Some(0.96), Some(0.96));
    row.predicted.predicted_hit_rate = Some(0.96);
    (row.answers.hit_rate, row.predicted.hit_rate_off_points) = (Some(0.93), Some(-3.0));
    row.predicted.prediction_note = "3.0 points below what theory predicts: it had not settled".into();
    (row.predicted.predicted_db_reads_per_op, row.calls_per_op.db_reads_per_op) = (Some(0.04), Some(0.07));
    row.predicted.db_reads_per_op_off = Some(0.03);
    (row.predicted.predicted_stale_share, row.predicted.stale_share_off_points) = (Some(0.01), Some(-1.0));
    (row.predicted.predicted_db_writes_per_write, row.predicted.db_writes_per_write_off) =
        (Some(0.6), Some(-0.05));
    (row.predicted.predicted_backlog, row.backlog.backlog_mean, row.predicted.backlog_off) =
        (Some(5.0), Some(5.25), Some(0.25));
    results
}

#[test]
fn the_report_holds_every_figure_that_theory_predicts_against_what_was_measured() {
    let mut run = MadeUpRun::named("predicted");
    run.dir.append_cell(&predicted(1)).unwrap();
    draw(run.path()).unwrap();
    let page = fs::read_to_string(run.file("report.html")).unwrap();
    let row = |name: &str| {
        let begin =
            page.find(&format!("<td class=\"word\">{name}</td>")).unwrap_or_else(|| panic!("no {name}"));
        page[begin..].split("</tr>").next().unwrap().to_owned()
    };
    for (name, measured, expected, off) in [
        ("hit rate", "93 %", "96 %", "-3.0 points"),
        ("database reads/op", "0.07", "0.04", "+0.03"),
        ("stale reads", "0 %", "1 %", "-1.0 points"),
        ("database writes/write", "0.55", "0.6", "-0.05"),
        ("backlog", "5.25", "5", "+0.25"),
    ] {
        let cells = format!("<td>{measured}</td><td>{expected}</td><td>{off}</td>");
        assert!(row(name).contains(&cells), "{cells} {}", row(name));
    }
    assert!(row("hit rate").contains("it had not settled"));
    for model in ["LRU (Che)", "stale share under a TTL", "flushes of Poisson writes"] {
        let reference = hotset::model::theory::reference(model).unwrap();
        assert!(page.contains(&format!("{model}: {reference}")), "{model}");
    }
}

#[test]
fn the_closing_table_names_cells_whose_hit_rate_is_elsewhere_and_counts_many() {
    let mut run = MadeUpRun::named("predicted");
    for repeat in 1..=5 {
        run.dir.append_cell(&predicted(repeat)).unwrap();
    }
    let table = closing_table(&run.read(), 200).unwrap();
    let named = "The hit rate of r3-cache-aside-embedded is 3.0 points below what theory predicts: it had not settled.";
    assert!(table.contains(named) && !table.contains("r4-cache-aside"), "{table}");
    assert!(table.contains("2 more runs are more than 2 points off"), "{table}");
}

/// The names in the first column of the tables under a heading of `docs/results.md`.
fn documented(guide: &str, heading: &str) -> BTreeSet<String> {
    let start = guide.find(&format!("## `{heading}`")).unwrap_or_else(|| panic!("no section {heading}"));
    let section = &guide[start + 3..];
    let section = &section[..section.find("\n## ").unwrap_or(section.len())];
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .flat_map(|row| {
            let first = row.split(" | ").next().unwrap_or_default().to_owned();
            first.split('`').step_by(2).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn keys(value: &impl Serialize) -> BTreeSet<String> {
    let value = serde_json::to_value(value).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

/// Every folder under `results/` that is committed.
fn committed_examples() -> Vec<PathBuf> {
    let results = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/results"));
    let single = ["example-anomalies", "example-single-node"].map(|name| results.join(name));
    let applications =
        ["shop", "shop-behind", "sessions"].map(|name| results.join("example-applications").join(name));
    single.into_iter().chain(applications).collect()
}

#[test]
fn the_committed_examples_are_read_and_written_again_to_the_last_byte() {
    for example in committed_examples() {
        let read = Results::read(&example).unwrap();
        let out = tempfile::tempdir().unwrap();
        let started = "2026-11-22T21:05:09Z".parse().unwrap();
        let mut dir = ResultsDir::create(out.path(), "again", started, &[]).unwrap();
        for summary in &read.summary {
            let of = &summary.cell;
            let again = CellResults {
                summary: summary.clone(),
                timeseries: rows_of(&read.timeseries, of),
                latency: rows_of(&read.latency, of),
                events: rows_of(&read.events, of),
                audit: rows_of(&read.audit, of),
                nodes: rows_of(&read.nodes, of),
                operations: rows_of(&read.operations, of),
                entities: rows_of(&read.entities, of),
                application: rows_of(&read.application, of),
                errors: rows_of(&read.errors, of),
                ..CellResults::default()
            };
            dir.append_cell(&again).unwrap();
        }
        // Examples that are older than a file of the results do not have it; figures of a whole run are not of its cells.
        let is_there = |guide: &&FileGuide| {
            ![CURVE, FAULTS, STATISTICS].contains(&guide.name) && example.join(guide.name).exists()
        };
        for guide in file_guides().iter().filter(is_there) {
            let (before, after) = (example.join(guide.name), dir.path().join(guide.name));
            assert!(fs::read(&before).unwrap() == fs::read(after).unwrap(), "{} differs", before.display());
        }
    }
}

fn rows_of<R: Clone>(all: &[Of<R>], cell: &str) -> Vec<R> {
    all.iter().filter(|of| of.cell == cell).map(|of| of.row.clone()).collect()
}

#[test]
fn a_folder_of_an_earlier_version_is_refused_by_name_and_nothing_in_it_is_changed() {
    let run = MadeUpRun::of("older", &[STRATEGIES[0]], &["single"], 1);
    let file = run.path().join("entities.csv");
    let older = fs::read_to_string(&file).unwrap().replace("served_by", "strategy");
    fs::write(&file, &older).unwrap();
    let report = Results::read(run.path()).unwrap_err().to_string();
    for part in ["entities.csv has no column `served_by`", "an earlier version of hotset", "run.json"] {
        assert!(report.contains(part), "{report}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), older);
}

#[test]
fn a_run_with_other_columns_is_not_gone_on_with() {
    let MadeUpRun { _out, dir } = MadeUpRun::of("swept", &[STRATEGIES[0]], &["single"], 1);
    let path = dir.path().to_owned();
    drop(dir);
    let resumed = ResultsDir::open_for_resume(&path, &["cache.ttl".to_owned()]).unwrap_err().to_string();
    assert!(resumed.contains("other columns") && resumed.contains("summary.csv"), "{resumed}");
    assert!(ResultsDir::open_for_resume(&path, &[]).is_ok());
}

#[test]
fn the_lines_of_every_file_say_where_they_come_from_and_what_was_swept() {
    let out = tempfile::tempdir().unwrap();
    let started = "2026-11-22T21:05:09Z".parse().unwrap();
    let key = "cache.ttl".to_owned();
    let mut dir = ResultsDir::create(out.path(), "swept", started, std::slice::from_ref(&key)).unwrap();
    let mut made_up = cell(STRATEGIES[0], "single", 2, "", 1);
    made_up.summary.swept = "cache.ttl=5s".into();
    made_up.swept = vec![(key, "5s".into())];
    dir.append_cell(&made_up).unwrap();
    for (file, origin) in [
        ("timeseries.csv", "cell,strategy,topology,label,repeat,cache.ttl,phase,"),
        ("latency.csv", "cell,strategy,topology,label,repeat,cache.ttl,operation,"),
        ("events.csv", "cell,strategy,topology,label,repeat,cache.ttl,at_s,"),
    ] {
        let text = fs::read_to_string(dir.path().join(file)).unwrap();
        let mut lines = text.lines();
        assert!(lines.next().unwrap().starts_with(origin), "{text}");
        let label = STRATEGIES[0].label;
        let start =
            format!("r2-{label}-single,{label},single,{label} \u{b7} single \u{b7} cache.ttl=5s,2,5s,");
        let first = lines.next().unwrap();
        assert!(first.starts_with(&start), "{first} and not {start}");
    }
    let summary = fs::read_to_string(dir.path().join("summary.csv")).unwrap();
    assert!(
        summary.lines().next().unwrap().ends_with(",cache.ttl") && summary.trim_end().ends_with(",5s"),
        "{summary}"
    );
}

#[test]
fn the_unit_of_a_column_is_the_one_that_its_name_ends_in() {
    for guide in file_guides() {
        for column in guide.columns {
            let wanted = [
                ("_us", "\u{b5}s"),
                ("_us_mean", "\u{b5}s"),
                ("_ms", "ms"),
                ("_per_s", "1/s"),
                ("_bytes", "bytes"),
                ("_cores", "cores"),
                ("_points", "points"),
                ("_share", "share"),
                ("_rate", "share"),
            ];
            let named = wanted.iter().find(|(end, _)| column.name.ends_with(end)).map(|(_, unit)| *unit);
            let named = named.or_else(|| column.name.ends_with("_s").then_some("s"));
            if let Some(unit) = named {
                assert_eq!(column.unit, unit, "{} of {}", column.name, guide.name);
            }
            assert!(column.meaning.ends_with('.') && column.meaning.len() > 8, "{column:?}");
        }
    }
}

#[test]
fn the_guide_to_result_files_says_where_each_model_comes_from() {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/results.md")).unwrap();
    for model in hotset::model::theory::MODELS {
        let row = guide.lines().find(|line| line.starts_with(&format!("| {} |", model.name)));
        assert!(
            row.is_some_and(|row| row.ends_with(&format!("| {} |", model.reference))),
            "{model:?} {row:?}"
        );
    }
}

#[test]
fn the_guide_to_result_files_names_every_value_of_a_run_and_no_other() {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/results.md")).unwrap();
    let mut run = keys(&RunInfo::default());
    for (part, parts) in [
        ("build", keys(&Build::default())),
        ("machine", keys(&Machine::default())),
        ("servers", keys(&Server::default())),
        ("latency_floors", keys(&LatencyFloor::default())),
        ("stream_digests", keys(&ClientDigest::default())),
        ("segment", keys(&SegmentInfo::default())),
    ] {
        run.extend(parts.iter().map(|key| format!("{part}.{key}")));
        run.remove(part);
    }
    assert_eq!(documented(&guide, "run.json"), run);
}

/// The ways in which a spreadsheet saves a table.
#[derive(Clone, Copy)]
struct Saved {
    begin: &'static str,
    between: char,
    decimal: char,
    quoted: bool,
    end_of_line: &'static str,
    last_line_open: bool,
}

const SAVED: Saved = Saved {
    begin: "",
    between: ',',
    decimal: '.',
    quoted: false,
    end_of_line: "\r\n",
    last_line_open: false,
};

/// The CSV files of a run.
fn csv_files(run: &MadeUpRun) -> Vec<PathBuf> {
    let files = fs::read_dir(run.path()).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|kind| kind == "csv")).collect()
}

fn records(file: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(file).unwrap();
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn save(file: &Path, records: &[Vec<String>], as_is: Saved) {
    let is_fraction = |field: &str| field.contains('.') && field.parse::<f64>().is_ok();
    let field = |field: &String| {
        let field =
            if is_fraction(field) { field.replace('.', &as_is.decimal.to_string()) } else { field.clone() };
        let must = field.contains(['"', ',', ';', '\t', '\n']);
        if as_is.quoted || must { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
    };
    let line =
        |record: &Vec<String>| record.iter().map(field).collect::<Vec<_>>().join(&as_is.between.to_string());
    let mut text = records.iter().map(line).collect::<Vec<_>>().join(as_is.end_of_line);
    if !as_is.last_line_open {
        text += as_is.end_of_line;
    }
    fs::write(file, format!("{}{text}", as_is.begin)).unwrap();
}

fn same(a: &Results, b: &Results) {
    assert_eq!(a.summary, b.summary);
    assert_eq!((&a.timeseries, &a.latency, &a.events), (&b.timeseries, &b.latency, &b.events));
    assert_eq!((&a.audit, &a.nodes, &a.operations), (&b.audit, &b.nodes, &b.operations));
}

#[test]
fn a_run_that_a_spreadsheet_saved_reads_as_it_was() {
    let run = MadeUpRun::of("made-up", &STRATEGIES, &["single"], 1);
    let before = run.read();
    let files: Vec<_> = csv_files(&run).into_iter().map(|file| (records(&file), file)).collect();
    for as_is in [
        SAVED,
        Saved { last_line_open: true, ..SAVED },
        Saved { begin: "\u{FEFF}", quoted: true, ..SAVED },
        Saved { between: ';', ..SAVED },
        Saved { begin: "\u{FEFF}", between: ';', decimal: ',', ..SAVED },
        Saved { between: ';', decimal: ',', end_of_line: "\n", last_line_open: true, ..SAVED },
        Saved { begin: "sep=;\r\n", between: ';', decimal: ',', ..SAVED },
        Saved { between: '\t', decimal: ',', quoted: true, ..SAVED },
        Saved { end_of_line: "\r", ..SAVED },
    ] {
        for (records, file) in &files {
            save(file, records, as_is);
        }
        same(&run.read(), &before);
    }
    for (records, file) in &files {
        let turned = |record: &Vec<String>| {
            let mut record: Vec<String> = record.iter().rev().cloned().collect();
            record.insert(1, "a note".into());
            record
        };
        let mut turned: Vec<_> = records.iter().map(turned).collect();
        turned.push(vec![String::new(); turned[0].len()]);
        save(file, &turned, SAVED);
    }
    same(&run.read(), &before);
}

#[test]
fn a_file_that_cannot_be_read_rightly_is_refused_by_name() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[..2], &["single"], 1);
    let file = run.file("summary.csv");
    let whole = records(&file);
    let place = |name: &str| whole[0].iter().position(|column| column == name).unwrap();
    let refused = |change: &dyn Fn(&mut Vec<Vec<String>>), as_is: Saved, said: &[&str]| {
        let mut changed = whole.clone();
        change(&mut changed);
        save(&file, &changed, as_is);
        let error = Results::read(run.path()).unwrap_err().to_string();
        assert!(said.iter().all(|part| error.contains(part)), "{error}");
    };
    let without = |name: &str| {
        let at = place(name);
        move |records: &mut Vec<Vec<String>>| {
            for record in records {
                record.remove(at);
            }
        }
    };
    let with = |name: &str, text: &'static str| {
        let at = place(name);
        move |records: &mut Vec<Vec<String>>| records[2][at] = text.to_owned()
    };
    refused(&without("status"), SAVED, &["summary.csv", "`status`"]);
    let twice = |records: &mut Vec<Vec<String>>| {
        records[0].push("reason".into());
        records[1..].iter_mut().for_each(|record| record.push(String::new()));
    };
    refused(&twice, SAVED, &["summary.csv", "`reason`", "two"]);
    refused(
        &|records| records.push(records[1].clone()),
        SAVED,
        &["summary.csv", "two rows", "r1-no-cache-single"],
    );
    refused(&|records| drop(records[2].pop()), SAVED, &["summary.csv", "line 3"]);
    refused(&with("hit_rate", "0,93"), SAVED, &["summary.csv line 3", "`0,93`", "`hit_rate`"]);
    refused(&with("position", "1,23E+05"), SAVED, &["summary.csv line 3", "`position`"]);
    refused(&with("position", ""), SAVED, &["summary.csv line 3", "`position`"]);
    let semicolons = Saved { between: ';', decimal: ',', ..SAVED };
    refused(&with("hit_rate", "1.234,5"), semicolons, &["summary.csv line 3", "`1.234,5`"]);
    let utf_16: Vec<u8> = "\u{FEFF}cell,status\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&file, utf_16).unwrap();
    let error = Results::read(run.path()).unwrap_err().to_string();
    assert!(error.contains("summary.csv") && error.contains("UTF-16"), "{error}");

    let mut fewer = whole.clone();
    without("hit_rate")(&mut fewer);
    save(&file, &fewer, SAVED);
    let notes = run.read().notes;
    assert!(notes.len() == 1 && notes[0].contains("summary.csv has no column hit_rate"), "{notes:?}");
}

#[test]
fn a_page_is_never_replaced_by_one_of_fewer_runs() {
    let run = MadeUpRun::of("made-up", &STRATEGIES[..3], &["single"], 1);
    let drawn = draw(run.path()).unwrap();
    let before = contents(&drawn);
    let whole = records(&run.file("summary.csv"));
    let cells: Vec<String> = whole[1..].iter().map(|record| record[0].clone()).collect();
    save(&run.file("summary.csv"), &whole[..3], SAVED);
    let kept = |said: &str| {
        let error = draw(run.path()).unwrap_err().to_string();
        assert!(error.contains("is of 3 runs and summary.csv has 2 now") && error.contains(said), "{error}");
        assert_eq!(contents(&drawn), before);
    };
    kept("kept");
    // A page that does not say how many it shows is held to what the run has finished.
    run.dir.write_run_info(&RunInfo { cells: cells.clone(), ..run_info("made-up") }).unwrap();
    let page = fs::read_to_string(run.file("report.html")).unwrap();
    fs::write(run.file("report.html"), page.replace("hotset-runs", "other")).unwrap();
    let before = contents(&drawn);
    let error = draw(run.path()).unwrap_err().to_string();
    assert!(error.contains(&format!("without {}", cells[2])), "{error}");
    assert_eq!(contents(&drawn), before);

    fs::rename(run.file("report.html"), run.file("old.html")).unwrap();
    draw(run.path()).unwrap();
    let notes = run.read().notes;
    assert!(
        notes[0].contains("ended with 3 runs and summary.csv has 2") && notes[0].contains(&cells[2]),
        "{notes:?}"
    );
}

#[test]
fn labels_are_kept_as_written_and_what_steers_a_terminal_is_only_shown_as_a_picture() {
    let label = "a\u{1b}[31mb\u{9b}2J\u{7}\u{202e}c";
    let hostile = MadeUp { label, ..STRATEGIES[1] };
    let mut run = MadeUpRun::named("made-up");
    for (position, topology) in ["single\u{8}", "旁路", "直写"].into_iter().enumerate() {
        run.dir.append_cell(&cell(hostile, topology, 1, "", position as u64 + 1)).unwrap();
    }
    let results = run.read();
    assert!(results.summary.iter().all(|row| row.strategy == label), "kept");
    let steers = |text: &str| text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}');
    let table = closing_table(&results, 120).unwrap();
    assert!(!steers(&table) && table.contains("a␛[31mb"), "{table}");
    let drawn = draw(run.path()).unwrap();
    let names: BTreeSet<_> = drawn.iter().collect();
    assert_eq!(names.len(), drawn.len(), "no chart lies over another: {drawn:?}");
    for file in drawn.iter().filter(|file| file.extension().is_none_or(|kind| kind != "png")) {
        assert!(!steers(&fs::read_to_string(file).unwrap()), "{}", file.display());
    }
}
