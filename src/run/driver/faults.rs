//! Breaks what the scenario breaks when it says so, and reports what came of it.

use std::time::Duration;

use crate::base::clock::{self, Instant};
use crate::results::{EventKind, EventRow};
use crate::run::fault::{Breakable, Course, ScheduledFault};
use crate::run::findings::{ObservedEvent, that_hit};
use crate::run::plan::Cell;
use crate::topology::Target;

/// Carries out every fault of a cell. One that cannot be, as where a server does not start again, is told of and ends alone.
pub async fn run(cell: &Cell, broken: Breakable<'_>, start: Instant) -> Vec<ObservedEvent> {
    let each =
        that_hit(cell).into_iter().enumerate().map(|(number, fault)| one(number, fault, broken, start));
    futures_util::future::join_all(each).await.concat()
}

async fn one(
    number: usize,
    fault: &ScheduledFault,
    broken: Breakable<'_>,
    start: Instant,
) -> Vec<ObservedEvent> {
    let at = start + fault.at;
    clock::sleep_until(at).await;
    let mut course = Course::new(fault.target, fault.lasts.map(|lasts| lasts.0), broken, at);
    if let Err(reason) = fault.spec.carry_out(&mut course).await {
        course.failed(reason.to_string());
    }
    let events = course.into_steps().into_iter().map(|step| ObservedEvent {
        fault: Some(number),
        row: EventRow {
            at_s: (step.at - start).as_secs_f64(),
            kind: step.kind,
            subject: fault.name().into(),
            detail: step.detail,
        },
    });
    events.collect()
}

/// The event that an instance serves again, after the latest fault that was aimed at it.
#[must_use]
pub fn instance_recovered(cell: &Cell, instance: u64, at_s: f64, writes: u64) -> Option<ObservedEvent> {
    let aimed_at_it =
        |fault: &ScheduledFault| fault.target == Target::Instance(instance) && fault.at.as_secs_f64() <= at_s;
    let faults = that_hit(cell);
    let number = faults.iter().rposition(|fault| aimed_at_it(fault))?;
    Some(ObservedEvent {
        fault: Some(number),
        row: EventRow {
            at_s,
            kind: EventKind::Mended,
            subject: faults[number].name().into(),
            detail: format!("instance {instance} serves again, having recovered {writes} writes"),
        },
    })
}

/// When each of them begins: another stretch of time, for figures of outages.
#[must_use]
pub fn beginnings(cell: &Cell) -> Vec<Duration> {
    that_hit(cell).iter().map(|fault| fault.at).collect()
}
