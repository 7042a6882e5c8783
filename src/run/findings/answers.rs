//! How the operations of a cell were answered.

use super::latency;
use super::observed::Observed;
use crate::results::{Answers, OperationClass};
use crate::run::plan::Cell;

/// The answers of all operations.
#[must_use]
pub fn of(observed: &Observed) -> Answers {
    observed.load.all.answers(|_| true)
}

/// Returns true if there is no hit rate that could move: no cache is asked, or nothing is read.
#[must_use]
pub fn has_no_hit_rate(cell: &Cell, observed: &Observed) -> bool {
    let uses_cache = cell.scenario.application.uses_cache(&cell.strategy.spec);
    !uses_cache
        || observed.load.all.count_of(|kind, _| latency::class_of(cell, kind) == OperationClass::Read) == 0
}
