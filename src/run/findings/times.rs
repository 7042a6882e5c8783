//! How long the reads and the writes of a cell took.

use super::latency::class_of;
use super::observed::Observed;
use crate::results::{Measure, OperationClass, Times};
use crate::run::plan::Cell;

/// The times of the operations of a class that were answered. An error is quick, and a timeout says how long one was ready
/// to wait: neither says how long an answer takes.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed, class: OperationClass, measure: Measure) -> Times {
    observed.load.all.times(measure, |kind, outcome| outcome.is_success() && class_of(cell, kind) == class)
}
