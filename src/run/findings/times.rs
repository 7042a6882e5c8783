//! How long the operations of a cell took.

use super::latency::class_of;
use super::observed::Observed;
use crate::measure::Window;
use crate::results::{Measure, OperationClass, Times, WindowTimes};
use crate::run::plan::Cell;

/// The times of the operations of a class that were answered. An error is quick, and a timeout says how long one was ready
/// to wait: neither says how long an answer takes.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed, class: OperationClass, measure: Measure) -> Times {
    observed.load.all.times(measure, |kind, outcome| outcome.is_success() && class_of(cell, kind) == class)
}

/// The times of all operations of a window.
#[must_use]
pub fn of_window(operations: &Window) -> WindowTimes {
    let response = operations.times(Measure::Response, |_, outcome| outcome.is_success());
    WindowTimes {
        response_p50_us: response.p50_us,
        response_p95_us: response.p95_us,
        response_p99_us: response.p99_us,
        service_p99_us: operations.times(Measure::Service, |_, outcome| outcome.is_success()).p99_us,
    }
}
