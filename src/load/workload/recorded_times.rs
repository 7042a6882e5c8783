//! When the operations of a trace happened, as the rate that they came at.

use std::iter::once;
use std::ops::Range;
use std::time::Duration;

use super::rate::{RateCurve, RatePiece, RateProfile};

/// As many stretches of time are told apart. Of a trace of more, neighbours are put together: its times are kept to a
/// millionth of its length.
const MOST: usize = 1 << 20;
/// A trace whose times are all whole seconds was recorded by the second.
const SECOND_MS: u64 = 1_000;

/// The operations of a trace by the time at which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTimes {
    /// The stretches in which something happened, each by its number from time 0, with its operations.
    stretches: Vec<(u64, u64)>,
    /// The length of a stretch.
    width_ms: u64,
    are_whole_seconds: bool,
}

impl Default for RecordedTimes {
    fn default() -> Self {
        Self { stretches: Vec::new(), width_ms: 1, are_whole_seconds: true }
    }
}

impl RecordedTimes {
    /// Notes the next operation; times never go back.
    pub fn note(&mut self, time_ms: u64) {
        self.are_whole_seconds &= time_ms.is_multiple_of(SECOND_MS);
        self.add(time_ms / self.width_ms, 1);
        if self.stretches.len() > MOST {
            self.width_ms *= 2;
            for (number, operations) in std::mem::take(&mut self.stretches) {
                self.add(number / 2, operations);
            }
        }
    }

    fn add(&mut self, number: u64, operations: u64) {
        match self.stretches.last_mut() {
            Some((last, sum)) if *last == number => *sum += operations,
            _ => self.stretches.push((number, operations)),
        }
    }

    /// The bytes that they take.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.stretches.len() as u64 * size_of::<(u64, u64)>() as u64
    }

    /// Returns true if they are told apart: a trace may have no times at all.
    #[must_use]
    pub fn differ(&self) -> bool {
        self.stretches.len() > 1
    }

    /// The number of stretches of time that hold some operations, given by their numbers in the trace.
    #[must_use]
    pub fn stretches(&self, operations: Range<u64>) -> usize {
        self.of(operations).count()
    }

    /// The time that some operations took, as they happened.
    #[must_use]
    pub fn length(&self, operations: Range<u64>) -> Duration {
        let mut of = self.of(operations);
        let Some((first_ms, _)) = of.next() else { return Duration::ZERO };
        let last_ms = of.last().map_or(first_ms, |(last_ms, _)| last_ms);
        Duration::from_millis(last_ms - first_ms + self.resolution_ms())
    }

    /// The rate at which some operations came, again and again from their beginning until at least `length` has passed, and
    /// everything `speed` times as fast. Operations of one time are spread evenly until the next time that there may be.
    #[must_use]
    pub fn profile(&self, operations: Range<u64>, speed: f64, length: Duration) -> RateProfile {
        let resolution_ms = self.resolution_ms();
        let of: Vec<(u64, u64)> = self.of(operations).collect();
        let next_ms = of.iter().skip(1).map(|(at_ms, _)| Some(*at_ms)).chain(once(None));
        let steps = of.iter().zip(next_ms).map(|((at_ms, operations), next_ms)| {
            let until_next_ms = next_ms.map_or(resolution_ms, |next_ms| next_ms - at_ms);
            let busy_ms = resolution_ms.min(until_next_ms);
            (*operations as f64, busy_ms, until_next_ms)
        });
        // An operation is due in the middle of its part of the stretch: at its border, the least error of the sums would put
        // it before the rest that comes in between.
        let (mut early, mut at_ms) = (0.5, 0);
        let at = |ms: u64| Duration::from_secs_f64(ms as f64 / 1e3 / speed);
        let mut pieces = Vec::new();
        for (operations, busy_ms, until_next_ms) in steps.cycle() {
            // From the moments as they are rounded to nanoseconds, so that neither what is rounded adds up, nor has a stretch more
            // or fewer operations than its own.
            let [begins, rests, ends] = [0, busy_ms, until_next_ms].map(|after_ms| at(at_ms + after_ms));
            if begins >= length {
                break;
            }
            let (busy, rest) = (rests.saturating_sub(begins), ends.saturating_sub(rests));
            let rate = (operations - early) / busy.as_secs_f64();
            pieces.push(RatePiece { length: busy, curve: RateCurve::level(rate) });
            pieces.push(RatePiece { length: rest, curve: RateCurve::level(0.0) });
            (early, at_ms) = (0.0, at_ms + until_next_ms);
        }
        RateProfile::new(pieces.into_iter().filter(|piece| !piece.length.is_zero()))
    }

    /// The shortest time between two operations whose times differ.
    fn resolution_ms(&self) -> u64 {
        self.width_ms.max(if self.are_whole_seconds { SECOND_MS } else { 1 })
    }

    /// The stretches of some operations, each with when it began and how many of the operations are in it.
    fn of(&self, operations: Range<u64>) -> impl Iterator<Item = (u64, u64)> {
        let width_ms = self.width_ms;
        let mut before = 0;
        self.stretches.iter().filter_map(move |(number, sum)| {
            let own = before..before + sum;
            before = own.end;
            let inside = own.end.min(operations.end).saturating_sub(own.start.max(operations.start));
            (inside > 0).then_some((number * width_ms, inside))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::super::{Arrivals, Schedule};
    use super::*;

    fn times(at_ms: impl IntoIterator<Item = u64>) -> RecordedTimes {
        let mut times = RecordedTimes::default();
        at_ms.into_iter().for_each(|at_ms| times.note(at_ms));
        times
    }

    /// When operations are due, in milliseconds, where two instances share them.
    fn due_ms(times: &RecordedTimes, operations: Range<u64>, speed: f64, length: Duration) -> Vec<f64> {
        let profile = times.profile(operations, speed, length);
        let queues = NonZeroU64::new(2).unwrap();
        let schedule = Schedule::changing(Arrivals::Constant, profile, queues, 1);
        let of = |queue| schedule.due_times(queue).map(|due| due.as_secs_f64() * 1e3).collect::<Vec<_>>();
        let (first, second) = (of(0), of(1));
        let mut all: Vec<f64> = Vec::new();
        for at in 0..first.len() {
            all.extend(first.get(at).into_iter().chain(second.get(at)));
        }
        all
    }

    fn is_near(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1.0)
    }

    #[test]
    fn operations_are_due_when_they_happened_and_begin_again_at_their_end() {
        let times = times([7, 100, 350, 350, 9_000, 9_002]);
        let found = due_ms(&times, 1..6, 1.0, Duration::from_secs(10));
        let once = [0.0, 250.0, 250.0, 8_900.0, 8_902.0];
        let again = [8_903.0, 9_153.0, 9_153.0];
        assert!(is_near(&found, &[&once[..], &again[..]].concat()), "{found:?}");
        assert_eq!(times.length(1..6), Duration::from_millis(8_903));
        let fast = due_ms(&times, 1..6, 100.0, Duration::from_millis(200));
        assert!(is_near(&fast[..5], &once.map(|ms| ms / 100.0)), "{fast:?}");
    }

    #[test]
    fn many_operations_far_apart_stay_where_they_were() {
        // The sums of a million small numbers must put none on the wrong side of a rest.
        let at_ms: Vec<u64> = (0..200_000).map(|number| number * 37 + number % 3).collect();
        let found = due_ms(&times(at_ms.clone()), 0..200_000, 1.0, Duration::from_secs(7_000));
        let wrong = found.iter().zip(&at_ms).filter(|(due, at)| (**due - **at as f64).abs() > 1.0).count();
        assert!(found.len() > 180_000 && wrong == 0, "{wrong} of {}", found.len());
        // Nor may lengths that are no whole number of nanoseconds.
        for speed in [60.0, 300.0, 70_000.0] {
            let length = Duration::from_secs_f64(7_000.0 / speed);
            let found = due_ms(&times(at_ms.clone()), 0..200_000, speed, length);
            let far = |(due, at): &(&f64, &u64)| (**due * speed - **at as f64).abs() > 1.5;
            let wrong = found.iter().zip(&at_ms).filter(far).count();
            assert!(found.len() > 180_000 && wrong == 0, "{speed}: {wrong} of {}", found.len());
        }
    }

    #[test]
    fn operations_of_a_trace_by_the_second_are_spread_over_their_second() {
        let found = due_ms(&times([2_000, 2_000, 2_000, 2_000, 5_000]), 0..5, 1.0, Duration::from_secs(3));
        assert!(is_near(&found[..4], &[0.0, 285.0, 571.0, 857.0]), "{found:?}");
    }

    #[test]
    fn a_trace_of_more_times_than_are_told_apart_keeps_its_rate_and_its_operations() {
        let operations = 3 * MOST as u64;
        let times = times((0..operations).map(|number| number * 2 + 1));
        assert!(times.stretches(0..operations) <= MOST);
        assert_eq!(times.of(10..operations).map(|(_, inside)| inside).sum::<u64>(), operations - 10);
        let length_ms = times.length(0..operations).as_millis() as u64;
        assert!(length_ms.abs_diff(operations * 2) < 16, "{length_ms}");
    }

    #[test]
    fn a_trace_without_times_is_told() {
        assert!(!times([0, 0, 0]).differ() && times([0, 0, 1]).differ());
    }
}
