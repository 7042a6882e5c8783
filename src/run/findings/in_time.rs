//! How much of what was due while a cell was measured ended in time.

use std::time::Duration;

use super::faults;
use super::observed::{Observed, ObservedWindow};
use crate::measure::Window;
use crate::measure::in_time::{KEPT_UP, ended_in_time, share};
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
    cell.scenario.workload.rate_per_second?;
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::measure::{Outcome, Recorder};
    use crate::results::{Phase, WindowTimes};
    use crate::run::findings::Sample;
    use crate::run::plan::{Plan, PlanOptions};
    use crate::store::CountersSnapshot;
    use crate::store::mongodb::PoolWaitSnapshot;
    use crate::strategy::Backlog;

    const WINDOW: Duration = Duration::from_millis(500);

    /// A window in which so many operations ended.
    fn window(index: u64, ended: u64) -> ObservedWindow {
        let mut recorder = Recorder::new(1, Recorder::LATE_AFTER);
        let now = Instant::now();
        for _ in 0..ended {
            recorder.record(0, Outcome::Miss, now, now, now + Duration::from_millis(100));
        }
        ObservedWindow {
            phase: Phase::Measure,
            index,
            start: WINDOW * index as u32,
            length: WINDOW,
            operations: recorder.window().clone(),
            times: WindowTimes::default(),
            calls: CountersSnapshot::default(),
            pool_wait: PoolWaitSnapshot::default(),
            busiest_thread: Duration::ZERO,
            backlog: Backlog::default(),
            samples: [Sample::nothing_at(crate::base::clock::now()); 2],
            queues: None,
        }
    }

    /// What came before a fault at 2.6 s, at a thousand operations a second of which so many ended in a window before it.
    fn before_the_fault(in_a_window: u64) -> Option<InTime> {
        let text = "strategies = [\"no-cache\"]\ntopologies = [\"embedded\"]\n[workload]\nrate_per_second = 1000\n\
                    arrivals = \"constant\"\n[run]\nduration = \"5s\"\nwindow = \"500ms\"\n";
        let plan = Plan::parse("test", "test.toml", text, &PlanOptions::default()).unwrap();
        // The first window ends with a tenth of a second under way, and behind the fault nothing ends.
        let ended = [in_a_window - 100, in_a_window, in_a_window, in_a_window, in_a_window, 0, 0, 0, 0, 0];
        let windows: Vec<ObservedWindow> =
            (0..).zip(ended).map(|(index, ended)| window(index, ended)).collect();
        before(&plan.cells[0], &windows, Duration::from_millis(2_600))
    }

    #[test]
    fn the_seconds_of_a_fault_do_not_make_a_cell_overloaded_and_those_before_it_may() {
        let kept_up = before_the_fault(500).unwrap();
        assert_eq!((kept_up.due, kept_up.ended, kept_up.length), (2_000, 2_000, Duration::from_secs(2)));
        assert!((before_the_fault(450).unwrap().share() - 0.9).abs() < 1e-9);
    }

    #[test]
    fn before_a_fault_in_the_first_windows_nothing_can_be_seen() {
        let plan =
            "strategies = [\"no-cache\"]\ntopologies = [\"embedded\"]\n[workload]\nrate_per_second = 1000\n";
        let plan = Plan::parse("test", "test.toml", plan, &PlanOptions::default()).unwrap();
        assert_eq!(before(&plan.cells[0], &[window(0, 500), window(1, 500)], WINDOW), None);
    }
}
