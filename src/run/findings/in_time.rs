//! How much of what was due while a cell was measured ended in time.

use std::time::Duration;

use super::faults;
use super::observed::{Observed, ObservedWindow};
use crate::measure::Window;
use crate::measure::in_time::{KEPT_UP, ended_in_time, share};
use crate::results::Measure;
use crate::run::plan::Cell;

/// The largest share of what was due whose lack is put down to chance.
const MOST_CHANCE: f64 = 0.02;

/// The parts of the measured time that are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgedPart {
    /// All of it.
    Whole,
    /// What came before the first fault.
    BeforeFaults,
    /// The second half of what came after the last fault was mended.
    AfterFaults,
}

/// The operations that were due in a stretch of time, and those of them that ended in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InTime {
    due: u64,
    ended: u64,
    length: Duration,
    /// The stretch.
    pub part: JudgedPart,
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

/// Returns what was due and ended in time: in all of the measured time, or, where a fault may be why the whole was not kept up
/// with, in the worse of what came before the first fault and well after the last. `None` in a closed loop, in which nothing is
/// due, and where faults left no time to judge.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Option<InTime> {
    cell.scenario.workload.rate_per_second?;
    let load = &observed.load;
    let whole = InTime {
        due: load.all.operations() + load.all.unsent(),
        ended: ended_in_time(&sum(&load.windows), &load.tail),
        length: load.length,
        part: JudgedPart::Whole,
    };
    let faults = faults::that_hit(cell);
    let Some(first) = faults.first().filter(|_| whole.share() < KEPT_UP) else { return Some(whole) };
    // Where one stays for good, all that comes after it is its own.
    let over: Option<Vec<Duration>> = faults.iter().map(|fault| fault.over()).collect();
    let mended = over.and_then(|over| over.into_iter().max());
    let after = mended.and_then(|mended| after(cell, &load.windows, mended));
    let parts = [before(cell, &load.windows, first.at), after];
    parts.into_iter().flatten().min_by(|a, b| a.share().total_cmp(&b.share()))
}

/// What was due and ended from the first window to the last that was over at a moment: the operations that end behind that are a
/// fault's.
fn before(cell: &Cell, windows: &[ObservedWindow], at: Duration) -> Option<InTime> {
    let window = cell.scenario.run.window.0;
    let is_over = |one: &&ObservedWindow| one.start + window <= at;
    let over: Vec<&ObservedWindow> = windows.iter().take_while(is_over).skip(1).collect();
    between(cell, &over, JudgedPart::BeforeFaults)
}

/// What was due and ended in the second half of the time after a moment: by then a system that comes back has come back, and
/// what still waits for the fault ends as well.
fn after(cell: &Cell, windows: &[ObservedWindow], mended: Duration) -> Option<InTime> {
    let end = windows.last()?.start + cell.scenario.run.window.0;
    let from = mended + end.checked_sub(mended)? / 2;
    let late: Vec<&ObservedWindow> = windows.iter().filter(|one| one.start >= from).collect();
    between(cell, &late, JudgedPart::AfterFaults)
}

/// What was due and ended in windows that follow each other. What was under way at the first border stands for what was under
/// way at the last, but for chance.
fn between(cell: &Cell, windows: &[&ObservedWindow], part: JudgedPart) -> Option<InTime> {
    let (first, last) = (windows.first()?, windows.last()?);
    let borders = [first.start, last.start + cell.scenario.run.window.0];
    let due: u64 = cell.scenario.schedule(cell.seed())?.due_between(&borders).into_iter().sum();
    let length = borders[1].saturating_sub(borders[0]);
    let all = sum(windows.iter().copied());
    let ended = all.operations() + chance(&all, due, length);
    Some(InTime { due, ended, length, part })
}

/// How many more operations may be under way at one moment than at another by chance. Of a Poisson process the number under way
/// has its mean, which is known by Little's law, for its variance, and so twice that has the difference of two. In a queue that
/// grows they are many for another reason, so that no more than [`MOST_CHANCE`] of what was due is put down to it.
fn chance(operations: &Window, due: u64, length: Duration) -> u64 {
    let seconds = operations.latency(Measure::Response, |_, _| true).map_or(0.0, |nanos| nanos.mean() / 1e9);
    let under_way = due as f64 / length.as_secs_f64() * seconds;
    let most = due as f64 * MOST_CHANCE;
    (2.0 * (2.0 * under_way).sqrt()).min(most).floor() as u64
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

    fn cell(rate: u32) -> Plan {
        let text = format!(
            "strategies = [\"no-cache\"]\ntopologies = [\"embedded\"]\n[workload]\nrate_per_second = {rate}\n\
             arrivals = \"constant\"\n[run]\nduration = \"5s\"\nwindow = \"500ms\"\n"
        );
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap()
    }

    fn windows(ended: [u64; 10]) -> Vec<ObservedWindow> {
        (0..).zip(ended).map(|(index, ended)| window(index, ended)).collect()
    }

    /// What came before a fault at 2.6 s, at a thousand operations a second of which so many ended in a window before it.
    fn before_the_fault(in_a_window: u64) -> InTime {
        // The first window ends with a tenth of a second under way, and behind the fault nothing ends.
        let ended = [in_a_window - 100, in_a_window, in_a_window, in_a_window, in_a_window, 0, 0, 0, 0, 0];
        before(&cell(1_000).cells[0], &windows(ended), Duration::from_millis(2_600)).unwrap()
    }

    #[test]
    fn the_seconds_of_a_fault_do_not_make_a_cell_overloaded_and_those_before_it_may() {
        let kept_up = before_the_fault(500);
        assert_eq!((kept_up.due, kept_up.length, kept_up.share()), (2_000, Duration::from_secs(2), 1.0));
        assert!((before_the_fault(450).share() - 0.9).abs() < 0.02);
    }

    #[test]
    fn a_few_operations_more_under_way_at_one_border_than_at_the_other_are_chance() {
        // Fifty a second that take a tenth of a second each: five are under way, and two more of them may be.
        let ended = [20, 25, 25, 25, 23, 0, 0, 0, 0, 0];
        let judged = before(&cell(50).cells[0], &windows(ended), Duration::from_millis(2_600)).unwrap();
        assert_eq!((judged.due, judged.share()), (100, 1.0));
    }

    #[test]
    fn a_cell_that_does_not_come_back_after_a_fault_is_overloaded_and_one_that_does_is_not() {
        let mended = Duration::from_secs(2);
        let after = |ended| after(&cell(1_000).cells[0], &windows(ended), mended).unwrap();
        // What waited ends first, and then what is due.
        let back = after([500, 500, 0, 0, 700, 800, 500, 500, 500, 500]);
        assert_eq!((back.part, back.due, back.share()), (JudgedPart::AfterFaults, 1_500, 1.0));
        let never = after([500, 500, 0, 0, 100, 100, 100, 100, 100, 100]);
        assert!((never.share() - 0.2).abs() < 0.03, "{never:?}");
    }

    #[test]
    fn before_a_fault_in_the_first_windows_and_after_one_to_the_end_nothing_can_be_seen() {
        let (plan, windows) = (cell(1_000), windows([500; 10]));
        assert_eq!(before(&plan.cells[0], &windows[..2], WINDOW), None);
        assert_eq!(after(&plan.cells[0], &windows, Duration::from_secs(5)), None);
        assert_eq!(after(&plan.cells[0], &windows, Duration::from_secs(6)), None);
    }
}
