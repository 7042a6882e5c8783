//! From what was measured in a cell to its rows in the result files.

use std::time::{Duration, SystemTime};

use super::Offered;
use super::application;
use super::audited::{self, Audited};
use super::faults::{self, FaultEvent};
use super::gather::grown;
use super::latency;
use super::load;
use super::nodes;
use super::operations;
use super::predict;
use crate::application::{Class, Figure};
use crate::measure::{
    Anomalies, Evidence, LatencyKind, Limit, LoopKind, Outages, OutcomeClass, Verdict, Window, limited_by,
};
use crate::plan::Cell;
use crate::results::{
    CellResults, EventRow, LimitedBy, Mode, Phase as ResultPhase, Status, SummaryRow, TimeseriesRow,
};
use crate::store::mongodb::PoolWaitSnapshot;
use crate::store::{CountersSnapshot, ErrorKind, StoreError};
use crate::strategy::Backlog;
use crate::topology::{CacheFigures, NodeFigures};
use crate::workload::Phase;

/// One window of the time series.
#[derive(Debug, Clone)]
pub struct Series {
    /// Warm-up or measuring.
    pub phase: Phase,
    /// The window's index, from 0.
    pub index: u64,
    /// The window's start, counted from the start of its phase.
    pub start: Duration,
    /// The window's length.
    pub length: Duration,
    /// Operations that ended.
    pub operations: u64,
    /// Operations answered a second.
    pub achieved_per_s: f64,
    /// Reads answered by the cache.
    pub hits: u64,
    /// Reads answered by the database.
    pub misses: u64,
    /// Reads answered by the cache with "there is none".
    pub negative_hits: u64,
    /// Reads answered by the database since the cache was passed by.
    pub bypassed: u64,
    /// Operations that failed.
    pub errors: u64,
    /// Operations without an answer in time.
    pub timeouts: u64,
    /// See RESULTS.md.
    pub hit_rate: Option<f64>,
    /// Median response time.
    pub response_p50_us: Option<f64>,
    /// 99th percentile of the response time.
    pub response_p99_us: Option<f64>,
    /// 99th percentile of the service time.
    pub service_p99_us: Option<f64>,
    /// The audit's findings.
    pub anomalies: Anomalies,
    /// Writes that were acknowledged and not flushed at the window's end.
    pub backlog: Backlog,
    /// Calls of the stores.
    pub calls: CountersSnapshot,
    /// Memory of the cache.
    pub cache_memory_bytes: Option<u64>,
    /// Entries in the cache.
    pub cache_entries: Option<u64>,
    /// Entries evicted.
    pub cache_evicted: Option<u64>,
    /// Entries expired.
    pub cache_expired: Option<u64>,
    /// Cores used by hotset.
    pub hotset_cores: Option<f64>,
    /// Cores used by the cache.
    pub cache_cores: Option<f64>,
    /// Cores used by the database.
    pub database_cores: Option<f64>,
}

/// Everything that was seen of a cell.
pub struct Measured {
    /// When the cell began.
    pub started_utc: String,
    /// When measuring began.
    pub start_time: SystemTime,
    /// The length of the warm-up.
    pub warmup_length: Duration,
    /// True if its hit rate had settled.
    pub settled: bool,
    /// The length of the measured time.
    pub length: Duration,
    /// Operations that were answered before the end of the measured time.
    pub answered_in_time: u64,
    /// All operations that were due in the measured time.
    pub all: Window,
    /// Those of them that ended after it.
    pub tail: Window,
    /// The measured windows: where each begins, how long it was, what was recorded.
    pub windows: Vec<(Duration, Duration, Window)>,
    /// The time series of the warm-up.
    pub warmup: Vec<Series>,
    /// The time series of the measured time.
    pub series: Vec<Series>,
    /// Calls of the stores.
    pub calls: CountersSnapshot,
    /// Waits for connections to the database.
    pub pool_wait: PoolWaitSnapshot,
    /// The CPU use of the busiest load-driving thread, 0 to 1.
    pub busiest_thread_share: f64,
    /// Cores used by hotset.
    pub hotset_cores: Option<f64>,
    /// Cores used by the cache.
    pub cache_cores: Option<f64>,
    /// Cores used by the database.
    pub database_cores: Option<f64>,
    /// The cache's figures when measuring began.
    pub cache_before: Option<CacheFigures>,
    /// What it said at the end.
    pub cache_after: Option<CacheFigures>,
    /// What was broken and mended.
    pub faults: Vec<FaultEvent>,
    /// How long operations found no service after faults.
    pub outages: Outages,
    /// When measuring ended.
    pub end: std::time::Instant,
    /// What the nodes of the cache said when measuring began, and when it ended.
    pub nodes: [Vec<NodeFigures>; 2],
    /// What draining left undone.
    pub undone: Option<StoreError>,
    /// What the audit says at the end; `None` where there was none.
    pub audited: Option<Audited>,
    /// Figures of the application.
    pub application: Vec<Figure>,
}

/// The swept values as the result files write them.
#[must_use]
pub fn shown_swept(cell: &Cell) -> String {
    pairs(cell.swept.iter().map(|(key, value)| (key.as_str(), value.clone())))
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, String)>) -> String {
    pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";")
}

/// A row with what is known of a cell before it runs.
#[must_use]
pub fn names(cell: &Cell) -> SummaryRow {
    let workload = &cell.scenario.workload;
    let instances = workload.instances.get() as u32;
    SummaryRow {
        cell: cell.id.clone(),
        position: cell.position as u64,
        repeat: cell.repeat as u32,
        block: cell.repeat as u32,
        strategy: cell.strategy.label.clone(),
        strategy_name: cell.strategy.spec.name().into(),
        strategy_parameters: pairs(cell.strategy.spec.show().into_iter()),
        topology: cell.topology.label.clone(),
        topology_name: cell.topology.spec.name().into(),
        database: cell.topology.spec.database().word().into(),
        swept: shown_swept(cell),
        instances,
        clients: workload.clients.get() as u32,
        connections: instances * workload.connections.get() as u32,
        mode: if workload.rate_per_second.is_some() { Mode::Open } else { Mode::Closed },
        ..SummaryRow::default()
    }
}

/// All rows of a cell.
///
/// # Errors
/// Where the interval log cannot be written.
pub fn results(cell: &Cell, measured: &Measured, offered: &Offered) -> Result<CellResults, String> {
    Ok(CellResults {
        summary: summary(cell, measured, offered),
        timeseries: timeseries(cell, measured),
        latency: latency::rows(cell, measured),
        events: events(cell, measured),
        audit: audited::rows(cell, measured),
        nodes: nodes::rows(cell, measured),
        operations: operations::rows(cell, measured),
        entities: audited::entities(cell, measured),
        application: application::rows(cell, measured),
        interval_log: latency::log(cell, measured)?,
    })
}

fn summary(cell: &Cell, measured: &Measured, stream: &Offered) -> SummaryRow {
    let all = &measured.all;
    // A Poisson process varies around its rate: what was drawn is what was offered.
    let due = (all.operations() + all.unsent()) as f64 / measured.length.as_secs_f64();
    let offered = cell.scenario.workload.rate_per_second.map(|_| due);
    let achieved = measured.answered_in_time as f64 / measured.length.as_secs_f64();
    let verdict = limited_by(&evidence(cell, measured, offered, achieved));
    let since = |field: fn(&CacheFigures) -> u64| {
        grown(measured.cache_before.as_ref(), measured.cache_after.as_ref(), field)
    };
    let of_class = |class: Class| all.count_of(|kind, _| latency::class_of(cell, kind) == class);
    let mut row = SummaryRow {
        status: Status::of_finished(verdict.saturated, measured.settled),
        reason: reason(measured, &verdict),
        started_utc: measured.started_utc.clone(),
        warmup_s: measured.warmup_length.as_secs_f64(),
        settled: measured.settled,
        measured_s: measured.length.as_secs_f64(),
        offered_per_s: offered,
        achieved_per_s: achieved,
        operations: all.operations(),
        reads: of_class(Class::Read),
        writes: of_class(Class::Write),
        hits: all.outcomes(OutcomeClass::Hit),
        misses: all.outcomes(OutcomeClass::Miss),
        negative_hits: all.outcomes(OutcomeClass::NegativeHit),
        bypassed: all.outcomes(OutcomeClass::Bypassed),
        errors: all.outcomes(OutcomeClass::Error),
        timeouts: all.outcomes(OutcomeClass::Timeout),
        errors_by_kind: errors_by_kind(all),
        late_share: offered.map(|_| all.late_share()),
        unsent: all.unsent(),
        db_reads: measured.calls.database_reads,
        db_writes: measured.calls.database_writes,
        cache_commands: measured.calls.cache_commands,
        cache_evicted: since(|cache| cache.evicted),
        cache_expired: since(|cache| cache.expired),
        cache_memory_bytes: measured.cache_after.map(|cache| cache.memory_bytes),
        cache_entries: measured.cache_after.map(|cache| cache.entries),
        cpu_hotset_cores: measured.hotset_cores,
        cpu_worker_max_share: Some(measured.busiest_thread_share),
        cpu_cache_cores: measured.cache_cores,
        cpu_database_cores: measured.database_cores,
        database_pool_wait_us_mean: (measured.pool_wait.checkouts > 0)
            .then(|| measured.pool_wait.waited.as_secs_f64() * 1e6 / measured.pool_wait.checkouts as f64),
        limited_by: Some(limit(verdict.limit)),
        stream_digest: format!("{:016x}", stream.digest.all),
        top_key_share: Some(stream.shares.top_key),
        top_1_percent_share: Some(stream.shares.top_1_percent),
        top_10_percent_share: Some(stream.shares.top_10_percent),
        ..names(cell)
    };
    latency::summarise(&mut row, cell, measured);
    audited::summarise(&mut row, cell, measured);
    load::summarise(&mut row, cell, measured);
    row.derive_rates();
    predict::summarise(&mut row, cell, measured);
    row
}

fn reason(measured: &Measured, verdict: &Verdict) -> String {
    let mut reasons = Vec::new();
    if verdict.saturated {
        reasons.push(verdict.why.clone());
    }
    let failed = measured.all.operations() - measured.all.successes();
    if failed > 0 {
        let share = 100.0 * failed as f64 / measured.all.operations() as f64;
        reasons.push(format!("{failed} operations failed ({share:.2} %)"));
    }
    if measured.all.anomalies().corrupt > 0 {
        reasons.push(format!("{} reads were corrupt", measured.all.anomalies().corrupt));
    }
    if !measured.settled {
        reasons.push("the hit rate had not settled when run.warmup_max was over".into());
    }
    reasons.extend(faults::failed(&measured.faults));
    if let Some(undone) = &measured.undone {
        reasons.push(format!("draining: {undone}"));
    }
    reasons.join("; ")
}

fn offered_per_s(cell: &Cell) -> Option<f64> {
    cell.scenario.workload.rate_per_second.map(|rate| rate.0)
}

fn evidence(cell: &Cell, measured: &Measured, offered: Option<f64>, achieved: f64) -> Evidence {
    let service = measured.all.figures(LatencyKind::Service, |_, _| true);
    let busy_s = service.map_or(0.0, |figures| figures.mean_us * figures.count as f64 / 1e6);
    Evidence {
        loop_kind: if offered.is_some() { LoopKind::Open } else { LoopKind::Closed },
        embedded: cell.topology.spec.name() == "embedded",
        busiest_thread_share: measured.busiest_thread_share,
        hotset_cores: measured.hotset_cores.unwrap_or(0.0),
        cache_cores: measured.cache_cores.unwrap_or(0.0),
        // Of what all have used while measured; the nodes themselves were asked before and after that.
        busiest_cache_server_cores: measured.cache_cores.unwrap_or(0.0)
            * nodes::busiest_share(&measured.nodes).unwrap_or(0.0),
        database_cores: measured.database_cores.unwrap_or(0.0),
        machine_cores: std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64),
        pool_wait_share: if busy_s > 0.0 { measured.pool_wait.waited.as_secs_f64() / busy_s } else { 0.0 },
        offered_per_second: offered.unwrap_or(0.0),
        achieved_per_second: achieved + failed_per_s(measured),
        late_share: measured.all.late_share(),
        late_wakeup_share: measured.all.late_wakeup_share(),
    }
}

/// Operations that failed were sent and answered, if not as one would wish: they say nothing about the
/// load generator.
fn failed_per_s(measured: &Measured) -> f64 {
    let failed = |window: &Window| window.operations() - window.successes();
    measured.windows.iter().map(|(.., window)| failed(window)).sum::<u64>() as f64
        / measured.length.as_secs_f64()
}

fn limit(limit: Limit) -> LimitedBy {
    match limit {
        Limit::Clients => LimitedBy::Clients,
        Limit::Hotset => LimitedBy::Hotset,
        Limit::Cache => LimitedBy::Cache,
        Limit::Database => LimitedBy::Database,
        Limit::DatabaseConnections => LimitedBy::DatabaseConnections,
        Limit::OfferedLoad => LimitedBy::OfferedLoad,
        Limit::Machine => LimitedBy::Machine,
    }
}

fn errors_by_kind(window: &Window) -> String {
    pairs(ErrorKind::ALL.iter().filter_map(|kind| {
        let count = window.errors(*kind);
        (count > 0).then(|| (kind.name(), count.to_string()))
    }))
}

fn timeseries(cell: &Cell, measured: &Measured) -> Vec<TimeseriesRow> {
    let offered = offered_per_s(cell);
    measured
        .warmup
        .iter()
        .chain(&measured.series)
        .map(|series| {
            let warmup = series.phase == Phase::Warmup;
            let from = if warmup { -measured.warmup_length.as_secs_f64() } else { 0.0 };
            let mut row = TimeseriesRow {
                cell: cell.id.clone(),
                phase: if warmup { ResultPhase::Warmup } else { ResultPhase::Measure },
                window: series.index,
                start_s: rounded(from + series.start.as_secs_f64()),
                length_s: rounded(series.length.as_secs_f64()),
                operations: series.operations,
                achieved_per_s: rounded(series.achieved_per_s),
                offered_per_s: offered,
                hits: series.hits,
                misses: series.misses,
                negative_hits: series.negative_hits,
                bypassed: series.bypassed,
                errors: series.errors,
                timeouts: series.timeouts,
                hit_rate: series.hit_rate,
                response_p50_us: series.response_p50_us,
                response_p99_us: series.response_p99_us,
                service_p99_us: series.service_p99_us,
                db_reads: series.calls.database_reads,
                db_writes: series.calls.database_writes,
                cache_commands: series.calls.cache_commands,
                cache_memory_bytes: series.cache_memory_bytes,
                cache_entries: series.cache_entries,
                cache_evicted: series.cache_evicted,
                cache_expired: series.cache_expired,
                cpu_hotset_cores: series.hotset_cores,
                cpu_cache_cores: series.cache_cores,
                cpu_database_cores: series.database_cores,
                ..TimeseriesRow::default()
            };
            audited::note_window(&mut row, cell, series);
            row
        })
        .collect()
}

/// To the millisecond or thousandth: what is finer is the clock's own noise.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

fn events(cell: &Cell, measured: &Measured) -> Vec<EventRow> {
    let event = |at_s: f64, kind: &str, subject: &str, detail: String| EventRow {
        cell: cell.id.clone(),
        at_s: rounded(at_s),
        kind: kind.into(),
        subject: subject.into(),
        detail,
    };
    let warmup_s = measured.warmup_length.as_secs_f64();
    let settled =
        if measured.settled { "the hit rate stands still" } else { "run.warmup_max was over first" };
    let mut rows = vec![
        event(-warmup_s, "phase", "warmup", format!("for {warmup_s:.1} s")),
        event(0.0, if measured.settled { "settled" } else { "unsettled" }, "hit rate", settled.into()),
        event(0.0, "phase", "measure", format!("for {:.1} s", measured.length.as_secs_f64())),
    ];
    for fault in &measured.faults {
        rows.push(event(fault.at_s, fault.kind, &fault.subject, fault.detail.clone()));
    }
    rows.extend(recoveries(measured).into_iter().map(|at_s| {
        event(at_s, "recovered", "operations", "the first window without an error since the fault".into())
    }));
    let length_s = measured.length.as_secs_f64();
    rows.push(match &measured.undone {
        None => event(length_s, "drained", "strategy", "nothing was left to do".into()),
        Some(error) => event(length_s, "not-drained", "strategy", error.to_string()),
    });
    rows.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    rows
}

/// For each fault that was followed by errors before the next: when the first window without any began.
fn recoveries(measured: &Measured) -> Vec<f64> {
    let faults = measured.faults.iter().filter(|event| event.kind == "fault").map(|fault| fault.at_s);
    let windows = measured.series.iter().map(|series| {
        let start = series.start.as_secs_f64();
        (start, start + series.length.as_secs_f64(), series.errors + series.timeouts)
    });
    recovered(&faults.collect::<Vec<_>>(), &windows.collect::<Vec<_>>())
}

/// A window is its start, its end and its errors.
fn recovered(faults: &[f64], windows: &[(f64, f64, u64)]) -> Vec<f64> {
    let of_fault = |(number, fault): (usize, &f64)| {
        let next = faults.get(number + 1).copied().unwrap_or(f64::INFINITY);
        // What the next fault did is not told of this one.
        let own = windows.iter().filter(|(_, end, _)| *end > *fault && *end <= next);
        let mut after = own.skip_while(|(.., errors)| *errors == 0).skip_while(|(.., errors)| *errors > 0);
        after.next().map(|(start, ..)| *start)
    };
    faults.iter().enumerate().filter_map(of_fault).collect()
}

/// What can be said of a cell in a line.
#[must_use]
pub fn line(row: &SummaryRow) -> String {
    let us = |value: Option<f64>| value.map_or_else(|| "–".into(), |us| format!("{:.2} ms", us / 1e3));
    let mut line = format!(
        "{:.0} op/s, hit rate {}, read p50 {} p99 {}",
        row.achieved_per_s,
        row.hit_rate.map_or_else(|| "–".into(), |rate| format!("{:.1} %", rate * 100.0)),
        us(row.read_response_p50_us),
        us(row.read_response_p99_us),
    );
    if row.errors + row.timeouts > 0 {
        line = format!("{line}, errors {}", row.errors_by_kind);
    }
    if row.verdict == Some(crate::results::Verdict::Broken) {
        let of = if row.control.is_some() { "as a control does" } else { "WHICH IT PROMISES NOT TO" };
        line = format!("{line}, broke its promise, {of}: {}", row.verdict_reason);
    }
    if row.status != Status::Ok {
        line = format!("{line} [{}: {}]", row.status, row.reason);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_recovered_only_from_errors_that_came_before_the_next_fault() {
        let windows = |errors: &[u64]| -> Vec<_> {
            (0..).zip(errors).map(|(at, errors)| (f64::from(at), f64::from(at + 1), *errors)).collect()
        };
        assert_eq!(recovered(&[1.0], &windows(&[0, 5, 5, 0, 0])), [3.0]);
        assert_eq!(recovered(&[1.0], &windows(&[0, 5, 5])), [] as [f64; 0], "it never did");
        let harmless_first = windows(&[0, 0, 0, 9, 0, 0]);
        assert_eq!(recovered(&[1.0, 3.0], &harmless_first), [4.0], "the first did nothing");
        assert_eq!(
            recovered(&[1.0, 3.5], &harmless_first),
            [4.0],
            "nor did it in the window that the second began in"
        );
        assert_eq!(recovered(&[1.0, 3.0], &windows(&[0, 7, 0, 9, 0])), [2.0, 4.0]);
    }
}
