//! The row of a cell in `summary.csv`, put together from the findings.

use super::observed::{Observed, OfferedLoad};
use super::{
    answers, audit, cache_use, calls, cores, failures, faults, latency, limits, load, outages, prediction,
    queues, times,
};
use crate::measure::{Driven, LoadVerdict, Window};
use crate::results::{LimitedBy, Measure, OfferedStream, OperationClass, Status, SummaryRow, Verdict};
use crate::run::plan::Cell;
use crate::run::plan::settings::CacheAtStart;
use crate::store::ErrorKind;

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
    let instances = cell.own_instances().count() as u32;
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
        ignored_settings: (!cell.ignored.is_empty())
            .then(|| cell.ignored.iter().map(|one| one.key.as_str()).collect::<Vec<_>>().join(";")),
        instances,
        clients: cell.own_clients() as u32,
        connections: instances * workload.connections.get() as u32,
        mode: limits::mode(cell),
        ..SummaryRow::default()
    }
}

/// The whole row.
#[must_use]
pub fn of(
    cell: &Cell,
    observed: &Observed,
    offered: &OfferedLoad,
    load_verdict: &LoadVerdict,
    verdicts: &[(Verdict, String)],
) -> SummaryRow {
    let measured = &observed.load;
    let all = &measured.all;
    let of_class = |class| all.count_of(|kind, _| latency::class_of(cell, kind) == class);
    let times = |class, measure| times::of(cell, observed, class, measure);
    let offered_per_s = limits::offered_per_s(cell, observed);
    let ends = audit::ends(observed);
    let impairments = failures::impairments(cell, observed);
    let has_mostly_failed = failures::are_most(observed);
    let is_impaired = !impairments.is_empty() || failures::are_many(cell, observed);
    // A cache that is met cold is not warming against anybody's will.
    let is_settled = measured.warmth.is_steady() || answers::has_no_hit_rate(cell, observed);
    let as_asked = is_settled || cell.scenario.run.cache == CacheAtStart::Cold;
    let row = SummaryRow {
        status: status(load_verdict.driven, as_asked, is_impaired, has_mostly_failed),
        reason: reason(observed, load_verdict, as_asked, &failures::beside_operations(cell, observed)),
        started_utc: observed.started_utc.clone(),
        warmup_s: measured.warmup_length.as_secs_f64(),
        settled: is_settled,
        measured_s: measured.length.as_secs_f64(),
        offered_per_s,
        achieved_per_s: limits::achieved_per_s(observed),
        operations: all.operations(),
        reads: of_class(OperationClass::Read),
        writes: of_class(OperationClass::Write),
        answers: answers::of(observed),
        errors_by_kind: errors_by_kind(all),
        failed_steps: failures::steps(observed),
        late_share: offered_per_s.map(|_| all.late_share()),
        disturbed_share: offered_per_s.map(|_| all.late_wakeup_share()),
        unsent: all.unsent(),
        queues: queues::of(&measured.windows),
        predicted: prediction::of(cell, observed),
        read_response: times(OperationClass::Read, Measure::Response),
        read_service: times(OperationClass::Read, Measure::Service),
        write_response: times(OperationClass::Write, Measure::Response),
        write_service: times(OperationClass::Write, Measure::Service),
        calls: calls::calls(&measured.calls),
        calls_per_op: calls::per_operation(observed),
        cache: cache_use::of(&measured.samples),
        load: load::of(observed),
        outages: outages::of(cell, observed),
        audited: audit::reads(cell, &all.anomalies()),
        acknowledged_writes: ends.acknowledged_writes,
        indeterminate_writes: ends.indeterminate_writes,
        at_end: ends.stores,
        lost_keys: ends.lost_keys,
        backlog: audit::backlog(cell, observed),
        at_risk: audit::at_risk(cell, observed),
        cores: cores::of(&measured.samples),
        limits: limits::of(cell, observed, load_verdict),
        guarantee: Some(audit::promised(cell)),
        control: cell.strategy.spec.promise().control().map(str::to_owned),
        judgement: audit::judgement(cell, observed, verdicts),
        stream: OfferedStream {
            stream_digest: format!("{:016x}", offered.digest.all),
            top_key_share: offered.shares.map(|shares| shares.top_key),
            top_1_percent_share: offered.shares.map(|shares| shares.top_1_percent),
            top_10_percent_share: offered.shares.map(|shares| shares.top_10_percent),
        },
        ..names(cell)
    };
    let cost = cell.scenario.cost.prices().map(|prices| prices.of(&row));
    SummaryRow { cost: cost.unwrap_or_default(), ..row }
}

/// Too much load comes before what failed under it, but for a cell in which most has failed.
fn status(driven: Driven, as_asked: bool, is_impaired: bool, has_mostly_failed: bool) -> Status {
    if has_mostly_failed || driven != Driven::Overloaded && is_impaired {
        return Status::Impaired;
    }
    match (driven, as_asked) {
        (Driven::Fully, true) => Status::Ok,
        (Driven::Fully, false) => Status::Warming,
        (Driven::Overloaded, true) => Status::Overloaded,
        (Driven::Overloaded, false) => Status::OverloadedWarming,
        (Driven::Disturbed, true) => Status::Disturbed,
        (Driven::Disturbed, false) => Status::DisturbedWarming,
    }
}

fn reason(observed: &Observed, verdict: &LoadVerdict, as_asked: bool, impairments: &[String]) -> String {
    let measured = &observed.load;
    let mut reasons = impairments.to_vec();
    // A closed loop is not disturbed by hotset, and its throughput may be hotset's all the same.
    if verdict.driven != Driven::Fully || verdict.limit == LimitedBy::Hotset {
        reasons.push(verdict.why.clone());
    }
    let unsent = measured.all.unsent();
    if unsent > 0 {
        reasons.push(format!("{unsent} operations that were due were never sent"));
    }
    let failed = measured.all.operations() - measured.all.successes();
    if failed > 0 {
        let share = 100.0 * failed as f64 / measured.all.operations() as f64;
        let first = failures::first_operation(observed)
            .map_or_else(String::new, |first| format!(", the first with: {first}"));
        reasons.push(format!("{failed} operations failed ({share:.2} %){first}"));
    }
    let wrong = measured.all.anomalies();
    if wrong.corrupt > 0 {
        reasons.push(format!("{} reads were corrupt", wrong.corrupt));
    }
    if wrong.dropped_fields > 0 {
        reasons.push(format!("{} reads lacked an acknowledged change", wrong.dropped_fields));
    }
    if !as_asked {
        reasons.push(format!("the cache was not warmed up: {}", measured.warmth));
    }
    reasons.extend(faults::not_carried_out(&measured.events));
    if let Some(undelivered) = &measured.undelivered {
        reasons.push(format!(
            "writes of the filling were left when the warm-up began, and count as backlog: {undelivered}"
        ));
    }
    if let Some(undone) = &measured.undone {
        reasons.push(format!("draining: {undone}"));
    }
    reasons.join("; ")
}

fn errors_by_kind(window: &Window) -> String {
    pairs(ErrorKind::ALL.iter().filter_map(|kind| {
        let count = window.errors(*kind);
        (count > 0).then(|| (kind.name(), count.to_string()))
    }))
}

/// Says in a line what can be said of a cell.
#[must_use]
pub fn line(row: &SummaryRow) -> String {
    let us = |value: Option<f64>| value.map_or_else(|| "–".into(), |us| format!("{:.2} ms", us / 1e3));
    let mut line = format!(
        "{:.0} op/s, hit rate {}, read p50 {} p99 {}",
        row.achieved_per_s,
        row.answers.hit_rate.map_or_else(|| "–".into(), |rate| format!("{:.1} %", rate * 100.0)),
        us(row.read_response.p50_us),
        us(row.read_response.p99_us),
    );
    if row.answers.failures() > 0 {
        line = format!("{line}, errors {}", row.errors_by_kind);
    }
    if row.judgement.verdict == Some(Verdict::Broken) {
        let of = if row.control.is_some() { "as a control does" } else { "WHICH IT SHOULD" };
        line = format!("{line}, did not hold its guarantee, {of}: {}", row.judgement.verdict_reason);
    }
    if row.status != Status::Ok {
        line = format!("{line} [{}: {}]", row.status, row.reason);
    }
    line
}
