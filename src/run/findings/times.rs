//! How long the reads and the writes of a cell took.

use super::latency::class_of;
use super::observed::Observed;
use crate::results::{Measure, OperationClass, Times};
use crate::run::plan::Cell;

/// The times of all operations of a class.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed, class: OperationClass, measure: Measure) -> Times {
    observed.load.all.times(measure, |kind, _| class_of(cell, kind) == class)
}
