//! How much of what was due while a cell was measured ended in time.

use std::time::Duration;

use super::faults;
use super::observed::{Observed, ObservedWindow};
use crate::measure::Window;
use crate::measure::in_time::{KEPT_UP, ended_in_time, share};
use crate::results::Mode;
use crate::run::plan::Cell;

/// The operations that were due in a stretch of time, and those of them that ended in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InTime {
    due: u64,
    ended: u64,
    length: Duration,
}

impl InTime {
    /// The share of what was due that ended in time.
    #[must_use]
    pub fn share(self) -> f64 {
        share(self.due, self.ended)
    }

    /// Operations that were due, a second.
    #[must_use]
    pub fn due_per_second(self) -> f64 {
        self.due as f64 / self.length.as_secs_f64()
    }

    /// Operations that ended in time, a second.
    #[must_use]
    pub fn ended_per_second(self) -> f64 {
        self.ended as f64 / self.length.as_secs_f64()
    }
}

/// Returns what was due and ended in time: in all of the measured time, or before the first fault where a fault may be why the
/// whole was not kept up with. `None` in a closed loop, in which nothing is due.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Option<InTime> {
    if super::limits::mode(cell) == Mode::Closed {
        return None;
    }
    let load = &observed.load;
    let whole = InTime {
        due: load.all.operations() + load.all.unsent(),
        ended: ended_in_time(&sum(&load.windows), &load.tail),
        length: load.length,
    };
    let first_fault = faults::that_hit(cell).first().map(|fault| fault.at);
    let before =
        first_fault.filter(|_| whole.share() < KEPT_UP).and_then(|at| before(cell, &load.windows, at));
    Some(before.unwrap_or(whole))
}

/// What was due and ended from the first window to the last that was over at a moment. What was under way at the first border
/// stands for what was under way at the last: the operations that end behind that one are a fault's.
fn before(cell: &Cell, windows: &[ObservedWindow], at: Duration) -> Option<InTime> {
    let window = cell.scenario.run.window.0;
    let is_over = |one: &&ObservedWindow| one.start + window <= at;
    let over: Vec<&ObservedWindow> = windows.iter().take_while(is_over).skip(1).collect();
    let (first, last) = (over.first()?, over.last()?);
    let borders = [first.start, last.start + window];
    let due = cell.scenario.schedule(cell.seed())?.due_between(&borders);
    Some(InTime {
        due: due.into_iter().sum(),
        ended: over.iter().map(|one| one.operations.operations()).sum(),
        length: borders[1].saturating_sub(borders[0]),
    })
}

/// All operations of some windows.
pub(super) fn sum<'a>(windows: impl IntoIterator<Item = &'a ObservedWindow>) -> Window {
    windows.into_iter().fold(Window::default(), |mut sum, window| {
        sum.add(&window.operations);
        sum
    })
}
