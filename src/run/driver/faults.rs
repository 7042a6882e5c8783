//! Breaks what the scenario breaks when it says so, and reports what came of it.

use std::time::Duration;

use crate::base::clock::{self, Instant};
use crate::results::{EventKind, EventRow};
use crate::run::fault::{Breakable, Course, ScheduledFault};
use crate::run::findings::that_hit;
use crate::run::plan::Cell;
use crate::topology::Target;

/// Carries out every fault of a cell. One that cannot be, as where a server does not start again, is told of and ends alone.
pub async fn run(cell: &Cell, broken: Breakable<'_>, start: Instant) -> Vec<EventRow> {
    let each = that_hit(cell).into_iter().map(|fault| one(fault, broken, start));
    futures_util::future::join_all(each).await.concat()
}

async fn one(fault: &ScheduledFault, broken: Breakable<'_>, start: Instant) -> Vec<EventRow> {
    let at = start + fault.at;
    clock::sleep_until(at).await;
    let mut course = Course::new(fault.target, fault.lasts.map(|lasts| lasts.0), broken, at);
    if let Err(reason) = fault.spec.carry_out(&mut course).await {
        course.failed(reason.to_string());
    }
    let rows = course.into_steps().into_iter().map(|step| EventRow {
        at_s: (step.at - start).as_secs_f64(),
        kind: step.kind,
        subject: fault.name().into(),
        detail: step.detail,
    });
    rows.collect()
}

/// The event that an instance serves again, after the fault that was aimed at it.
#[must_use]
pub fn instance_recovered(cell: &Cell, instance: u64, at_s: f64, writes: u64) -> Option<EventRow> {
    let fault = cell.scenario.faults.iter().find(|fault| fault.target == Target::Instance(instance))?;
    Some(EventRow {
        at_s,
        kind: EventKind::Mended,
        subject: fault.name().into(),
        detail: format!("instance {instance} serves again, having recovered {writes} writes"),
    })
}

/// When each of them begins: another stretch of time, for figures of outages.
#[must_use]
pub fn beginnings(cell: &Cell) -> Vec<Duration> {
    that_hit(cell).iter().map(|fault| fault.at).collect()
}
