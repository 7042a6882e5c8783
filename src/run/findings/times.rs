//! How long the operations of a cell took.

use super::latency::class_of;
use super::observed::Observed;
use crate::measure::Window;
use crate::results::{Measure, OperationClass, Times, WindowTimes};
use crate::run::plan::Cell;

/// The times of all operations of a class.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed, class: OperationClass, measure: Measure) -> Times {
    observed.load.all.times(measure, |kind, _| class_of(cell, kind) == class)
}

/// The times of all operations of a window.
#[must_use]
pub fn of_window(operations: &Window) -> WindowTimes {
    let response = operations.times(Measure::Response, |_, _| true);
    WindowTimes {
        response_p50_us: response.p50_us,
        response_p99_us: response.p99_us,
        service_p99_us: operations.times(Measure::Service, |_, _| true).p99_us,
    }
}
