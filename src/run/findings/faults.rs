//! The faults of a cell: which of them can reach it, and which could not be carried out.

use super::observed::ObservedEvent;
use crate::results::EventKind;
use crate::run::fault::ScheduledFault;
use crate::run::plan::Cell;

/// The faults that hit a cell, in the order in which they begin.
#[must_use]
pub fn that_hit(cell: &Cell) -> Vec<&ScheduledFault> {
    let surroundings = cell.surroundings();
    let mut all: Vec<_> = cell.scenario.faults.iter().filter(|fault| fault.hits(&surroundings)).collect();
    all.sort_by_key(|fault| fault.at);
    all
}

/// Says in a sentence each why faults could not be carried out.
pub fn not_carried_out(events: &[ObservedEvent]) -> impl Iterator<Item = String> {
    let failed = events.iter().map(|event| &event.row).filter(|event| event.kind == EventKind::FaultFailed);
    failed.map(|event| format!("the fault {} could not be carried out: {}", event.subject, event.detail))
}
