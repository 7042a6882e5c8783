//! How long operations found no service after a fault: from the fault to the first success after the last error.

use std::time::{Duration, Instant};

/// The observations of one kind of operation between a fault and the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stretch {
    last_error: Option<Instant>,
    first_success_after: Option<Instant>,
}

impl Stretch {
    fn note(&mut self, failed: bool, done: Instant) {
        if failed {
            // Operations end in order on one thread, but those of several are merged.
            if self.last_error.is_none_or(|last| last <= done) {
                *self = Self { last_error: Some(done), first_success_after: None };
            }
        } else if self.first_success_after.is_none() && self.last_error.is_some_and(|last| last <= done) {
            self.first_success_after = Some(done);
        }
    }

    fn add(&mut self, other: &Self) {
        if other.last_error > self.last_error {
            *self = *other;
        }
    }
}

/// See the module. Made for a cell's faults, it costs a comparison an operation until the first of them.
#[derive(Debug, Clone, Default)]
pub struct OutageRecorder {
    faults: Vec<Instant>,
    /// By fault and then by kind of operation.
    stretches: Vec<Vec<Stretch>>,
}

impl OutageRecorder {
    /// Nothing seen yet of faults that begin at these moments, in their order.
    #[must_use]
    pub fn new(faults: Vec<Instant>, kinds: usize) -> Self {
        let stretches = vec![vec![Stretch::default(); kinds]; faults.len()];
        Self { faults, stretches }
    }

    /// Notes how an operation ended.
    #[inline]
    pub fn note(&mut self, kind: u8, failed: bool, done: Instant) {
        if self.faults.first().is_some_and(|first| done >= *first) {
            self.note_after_a_fault(kind, failed, done);
        }
    }

    fn note_after_a_fault(&mut self, kind: u8, failed: bool, done: Instant) {
        let fault = self.faults.iter().rposition(|fault| *fault <= done).unwrap_or(0);
        if let Some(stretch) =
            self.stretches.get_mut(fault).and_then(|kinds| kinds.get_mut(usize::from(kind)))
        {
            stretch.note(failed, done);
        }
    }

    /// Adds what another thread has seen.
    pub fn add(&mut self, other: &Self) {
        if self.faults.is_empty() {
            *self = other.clone();
            return;
        }
        for (mine, others) in self.stretches.iter_mut().zip(&other.stretches) {
            for (mine, other) in mine.iter_mut().zip(others) {
                mine.add(other);
            }
        }
    }

    /// The longest outage of a kind of operation after any of the faults; `None` without faults.
    #[must_use]
    pub fn longest(&self, kind: u8, end: Instant) -> Option<Duration> {
        (0..self.faults.len()).filter_map(|number| self.after(number, kind, end)).max()
    }

    /// The outage of a kind of operation after one of the faults, by its number: none at all where nothing failed, and
    /// until `end` where nothing succeeded any more. `None` where there is no such fault.
    #[must_use]
    pub fn after(&self, number: usize, kind: u8, end: Instant) -> Option<Duration> {
        let fault = self.faults.get(number)?;
        let of_kind = |kinds: &Vec<Stretch>| kinds.get(usize::from(kind)).copied().unwrap_or_default();
        let mut over = None;
        // Where nothing succeeded before the next fault, the outage goes on into the time after that.
        for stretch in self.stretches[number..].iter().map(of_kind) {
            match (stretch.last_error, stretch.first_success_after) {
                (None, _) if over.is_none() => return Some(Duration::ZERO),
                (None, _) => break,
                (Some(_), Some(success)) => {
                    over = Some(success);
                    break;
                }
                (Some(_), None) => over = Some(end),
            }
        }
        Some(over.unwrap_or(end).saturating_duration_since(*fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> impl Fn(Instant) -> Instant {
        move |start| start + Duration::from_millis(ms)
    }

    #[test]
    fn an_outage_ends_with_the_first_success_after_the_last_error() {
        let start = Instant::now();
        let at = |ms| at(ms)(start);
        let mut seen = OutageRecorder::new(vec![at(100), at(1000)], 2);
        seen.note(0, true, at(50));
        seen.note(0, true, at(150));
        seen.note(0, false, at(200));
        seen.note(0, true, at(300));
        seen.note(0, false, at(320));
        seen.note(0, false, at(900));
        assert_eq!(seen.longest(0, at(2000)), Some(Duration::from_millis(220)));
        assert_eq!(seen.longest(1, at(2000)), Some(Duration::ZERO), "writes did not fail");
        assert_eq!(seen.after(0, 0, at(2000)), Some(Duration::from_millis(220)));
        assert_eq!(seen.after(1, 0, at(2000)), Some(Duration::ZERO), "the second fault did nothing");
        assert_eq!(seen.after(2, 0, at(2000)), None, "there is no third");
        seen.note(1, true, at(1500));
        assert_eq!(seen.longest(1, at(2000)), Some(Duration::from_secs(1)), "and did not come back");
    }

    #[test]
    fn of_several_threads_the_one_with_the_last_error_says_when_it_was_over() {
        let start = Instant::now();
        let at = |ms| at(ms)(start);
        let mut one = OutageRecorder::new(vec![at(0)], 1);
        let mut other = one.clone();
        one.note(0, true, at(100));
        one.note(0, false, at(110));
        other.note(0, true, at(400));
        other.note(0, false, at(450));
        one.add(&other);
        assert_eq!(one.longest(0, at(1000)), Some(Duration::from_millis(450)));
        let mut none = OutageRecorder::default();
        assert_eq!(none.longest(0, at(1000)), None, "no faults, no outage");
        none.add(&one);
        assert_eq!(none.longest(0, at(1000)), Some(Duration::from_millis(450)));
    }
}
