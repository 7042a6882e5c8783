//! What kept the load of a cell, or of a part of it, from being more.

use super::observed::{Observed, Sample};
use super::{cores, in_time, nodes, queues};
use crate::measure::{Driven, Evidence, LoadVerdict, QueueUse, Window, limited_by};
use crate::results::{Limits, Measure, Mode};
use crate::run::plan::Cell;
use crate::store::mongodb::PoolWaitSnapshot;

/// A part of the measured time, or all of it.
pub(super) struct Stretch<'a> {
    /// The operations that were due in it.
    pub operations: &'a Window,
    /// Operations due a second; no matter in a closed loop.
    pub offered_per_second: f64,
    /// Those of them that ended in time, a second, however they ended.
    pub in_time_per_second: f64,
    /// The samples at its ends.
    pub samples: &'a [Sample; 2],
    /// Waits for connections to the database.
    pub pool_wait: PoolWaitSnapshot,
    /// The CPU use of the busiest load-driving thread, 0 to 1.
    pub busiest_thread_share: f64,
    /// The most operations that were under way at once, and that waited for room; `None` in a closed loop.
    pub queues: Option<QueueUse>,
}

/// The verdict on the load.
#[must_use]
pub fn verdict(cell: &Cell, observed: &Observed) -> LoadVerdict {
    let load = &observed.load;
    let in_time = in_time::of(cell, observed);
    let whole = Stretch {
        operations: &load.all,
        offered_per_second: in_time.map_or(0.0, in_time::InTime::due_per_second),
        in_time_per_second: in_time.map_or(0.0, in_time::InTime::ended_per_second),
        samples: &load.samples,
        pool_wait: load.pool_wait,
        busiest_thread_share: load.busiest_thread_share,
        queues: queues::most(&load.windows),
    };
    let verdict = verdict_on(cell, observed, &whole);
    let when = match in_time.map(|of| of.part) {
        _ if verdict.driven != Driven::Overloaded => "",
        Some(in_time::JudgedPart::AfterFaults) => ", long after what was broken was mended",
        Some(in_time::JudgedPart::BeforeFaults) => ", before anything was broken",
        Some(in_time::JudgedPart::Whole) | None => "",
    };
    LoadVerdict { why: verdict.why + when, ..verdict }
}

/// The verdict on the load in a part of the measured time.
#[must_use]
pub(super) fn verdict_on(cell: &Cell, observed: &Observed, stretch: &Stretch<'_>) -> LoadVerdict {
    limited_by(&evidence(cell, observed, stretch))
}

/// The columns.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed, verdict: &LoadVerdict) -> Limits {
    let wait = &observed.load.pool_wait;
    Limits {
        cpu_worker_max_share: Some(observed.load.busiest_thread_share),
        database_pool_wait_us_mean: (wait.checkouts > 0)
            .then(|| wait.waited.as_secs_f64() * 1e6 / wait.checkouts as f64),
        limited_by: Some(verdict.limit),
        full_part: verdict.full,
        in_time_share: in_time::of(cell, observed).map(in_time::InTime::share),
    }
}

/// Operations that were due, a second; `None` in a closed loop. A Poisson process varies around its rate: what was drawn
/// is what was offered.
#[must_use]
pub fn offered_per_s(cell: &Cell, observed: &Observed) -> Option<f64> {
    let load = &observed.load;
    let due = (load.all.operations() + load.all.unsent()) as f64 / load.length.as_secs_f64();
    cell.scenario.workload.rate_per_second.map(|_| due)
}

/// Operations that were answered within the measured time, a second.
#[must_use]
pub fn achieved_per_s(observed: &Observed) -> f64 {
    observed.load.answered_in_time as f64 / observed.load.length.as_secs_f64()
}

/// Returns the way in which load was offered.
#[must_use]
pub fn mode(cell: &Cell) -> Mode {
    if cell.scenario.workload.rate_per_second.is_some() { Mode::Open } else { Mode::Closed }
}

fn evidence(cell: &Cell, observed: &Observed, stretch: &Stretch<'_>) -> Evidence {
    let load = &observed.load;
    let operations = stretch.operations;
    let service = operations.latency(Measure::Service, |_, _| true);
    let busy_s = service.map_or(0.0, |nanos| nanos.mean() * nanos.len() as f64 / 1e9);
    let cores = cores::of(stretch.samples);
    let cache_cores = cores.cpu_cache_cores.unwrap_or(0.0);
    let waited_s = stretch.pool_wait.waited.as_secs_f64();
    Evidence {
        mode: mode(cell),
        embedded: cell.topology.spec.is_embedded(),
        busiest_thread_share: stretch.busiest_thread_share,
        hotset_cores: cores.cpu_hotset_cores.unwrap_or(0.0),
        cache_cores,
        // Of what all have used while measured; the nodes themselves were asked before and after that.
        busiest_cache_server_cores: cache_cores * nodes::busiest_share(&load.nodes).unwrap_or(0.0),
        database_cores: cores.cpu_database_cores.unwrap_or(0.0),
        machine_cores: load.machine_cores,
        pool_wait_share: if busy_s > 0.0 { waited_s / busy_s } else { 0.0 },
        offered_per_second: stretch.offered_per_second,
        in_time_per_second: stretch.in_time_per_second,
        late_share: operations.late_share(),
        late_wakeup_share: operations.late_wakeup_share(),
        had_room: stretch.queues.is_some_and(|queues| queues.queued == 0),
    }
}
