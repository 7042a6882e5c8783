//! Breaks what the scenario breaks when it says so, and reports what came of it.

use std::time::Duration;

use crate::clock::{self, Instant};
use crate::fault::{Breakable, Course, FAILED, MENDED, ScheduledFault};
use crate::plan::Cell;
use crate::topology::Target;

/// Something that was broken or mended, for `events.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultEvent {
    /// When, in seconds from the start of measuring.
    pub at_s: f64,
    /// Whether it was broken, mended or noticed, or could not be.
    pub kind: &'static str,
    /// The fault, or to whom something happened.
    pub subject: String,
    /// The particulars.
    pub detail: String,
}

/// Carries out every fault of a cell. One that cannot be, as where a server does not start again, is told of and ends alone.
pub async fn run(cell: &Cell, broken: Breakable<'_>, start: Instant) -> Vec<FaultEvent> {
    let each = that_hit(cell).into_iter().map(|fault| one(fault, broken, start));
    futures_util::future::join_all(each).await.concat()
}

async fn one(fault: &ScheduledFault, broken: Breakable<'_>, start: Instant) -> Vec<FaultEvent> {
    let at = start + fault.at;
    clock::sleep_until(at).await;
    let mut course = Course::new(fault, broken, at);
    if let Err(reason) = fault.spec.carry_out(&mut course).await {
        course.failed(reason.to_string());
    }
    let told = course.into_steps().into_iter().map(|step| FaultEvent {
        at_s: (step.at - start).as_secs_f64(),
        kind: step.kind,
        subject: fault.name().into(),
        detail: step.detail,
    });
    told.collect()
}

/// The event that an instance serves again, after the fault that was aimed at it.
#[must_use]
pub fn instance_recovered(cell: &Cell, instance: u64, at_s: f64, writes: u64) -> Option<FaultEvent> {
    let fault = cell.scenario.faults.iter().find(|fault| fault.target == Target::Instance(instance))?;
    Some(FaultEvent {
        at_s,
        kind: MENDED,
        subject: fault.name().into(),
        detail: format!("instance {instance} serves again, having recovered {writes} writes"),
    })
}

/// Why faults could not be carried out, each in a sentence.
pub fn failed(events: &[FaultEvent]) -> impl Iterator<Item = String> {
    let failed = events.iter().filter(|event| event.kind == FAILED);
    failed.map(|event| format!("the fault {} could not be carried out: {}", event.subject, event.detail))
}

/// The faults that hit a cell, in the order in which they begin.
#[must_use]
pub fn that_hit(cell: &Cell) -> Vec<&ScheduledFault> {
    let surroundings = cell.surroundings();
    let mut all: Vec<_> = cell.scenario.faults.iter().filter(|fault| fault.hits(&surroundings)).collect();
    all.sort_by_key(|fault| fault.at);
    all
}

/// When each of them begins: another stretch of time, for figures of outages.
#[must_use]
pub fn beginnings(cell: &Cell) -> Vec<Duration> {
    that_hit(cell).iter().map(|fault| fault.at).collect()
}
