//! The recorder of one worker, which notes each of its operations.

use std::time::{Duration, Instant};

use super::anomalies::Anomalies;
use super::outage::OutageRecorder;
use super::outcome::Outcome;
use super::window::Window;
use crate::results::OutcomeClass;

/// Records the operations of one worker. Owned by it: no lock, no atomic, and no allocation once every
/// kind and outcome has been seen.
#[derive(Debug)]
pub struct Recorder {
    window: Window,
    late_after: Duration,
    outages: OutageRecorder,
}

impl Recorder {
    /// The delay from due to sent beyond which an operation counts as sent late.
    pub const LATE_AFTER: Duration = Duration::from_millis(1);

    /// A recorder for the kinds of operation 0..`kinds`, which counts an operation as late where it was
    /// sent more than `late_after` after it was due.
    #[must_use]
    pub fn new(kinds: usize, late_after: Duration) -> Self {
        Self { window: Window::new(kinds), late_after, outages: OutageRecorder::default() }
    }

    /// Records one operation: when it should have started, when it was sent, when its answer was complete.
    /// A time that lies before the one it is counted from counts as no time.
    #[inline]
    pub fn record(&mut self, kind: u8, outcome: Outcome, due: Instant, sent: Instant, done: Instant) {
        let response_ns = nanos_between(due, done);
        let service_ns = if sent == due { response_ns } else { nanos_between(sent, done) };
        if sent != due && sent.saturating_duration_since(due) > self.late_after {
            self.window.count_late();
        }
        self.window.count(kind, outcome, response_ns, service_ns);
        self.outages.note(kind, !outcome.class().is_success(), done);
    }

    /// Counts lookups of the operation that was just recorded, besides the one that its outcome stands for.
    pub fn record_lookups(&mut self, kind: u8, class: OutcomeClass, lookups: u64) {
        self.window.count_lookups(kind, class, lookups);
    }

    /// From now on, watches how long operations find no service after faults that begin at these moments.
    pub fn watch_outages(&mut self, faults: Vec<Instant>, kinds: usize) {
        self.outages = OutageRecorder::new(faults, kinds);
    }

    /// Returns the outages that were seen.
    #[must_use]
    pub fn outages(&self) -> &OutageRecorder {
        &self.outages
    }

    /// Counts operations that were due and never sent.
    pub fn record_unsent(&mut self, operations: u64) {
        self.window.count_unsent(operations);
    }

    /// Says when the client was free for the operation that was just recorded: what was sent late from
    /// then on is hotset's own lateness, not the client's.
    #[inline]
    pub fn note_wakeup(&mut self, free: Instant, sent: Instant) {
        if sent.saturating_duration_since(free) > self.late_after {
            self.window.count_late_wakeup();
        }
    }

    /// Returns the anomalies of a kind of entity, to be counted up.
    #[inline]
    pub fn anomalies(&mut self, entity: usize) -> &mut Anomalies {
        self.window.anomalies_mut(entity)
    }

    /// Hands over what was recorded since the last time and goes on in `spare`.
    ///
    /// Whoever takes the window merges it, [clears](Window::clear) it and brings it back as the next spare, so
    /// that two windows a worker serve a whole run. A spare that has never been used gets the
    /// memory that it will need here, between two operations and not within one.
    #[must_use]
    pub fn swap(&mut self, mut spare: Window) -> Window {
        if !spare.is_empty() {
            // Counting what was merged before once more would be worse than the time this takes.
            spare.clear();
        }
        spare.reserve_like(&self.window);
        std::mem::replace(&mut self.window, spare)
    }

    /// Returns the window recorded since the last swap.
    #[must_use]
    pub fn window(&self) -> &Window {
        &self.window
    }
}

/// Whole nanoseconds, up to 584 years.
#[inline]
fn nanos_between(from: Instant, to: Instant) -> u64 {
    let passed = to.saturating_duration_since(from);
    passed.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(passed.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Measure;

    fn recorder() -> Recorder {
        Recorder::new(1, Recorder::LATE_AFTER)
    }

    #[test]
    fn response_time_counts_from_due_and_service_time_from_sent() {
        let mut recorder = recorder();
        let due = Instant::now();
        let (sent, done) = (due + Duration::from_millis(30), due + Duration::from_millis(40));
        recorder.record(0, Outcome::Hit, due, sent, done);
        let max = |kind| recorder.window().times(kind, |_, _| true).max_us.unwrap();
        assert!((max(Measure::Response) - 40_000.0).abs() < 40.0);
        assert!((max(Measure::Service) - 10_000.0).abs() < 10.0);
    }

    #[test]
    fn an_operation_is_late_beyond_the_threshold_and_not_at_it() {
        let mut recorder = recorder();
        let due = Instant::now();
        for delay in [Duration::ZERO, Recorder::LATE_AFTER, Recorder::LATE_AFTER + Duration::from_nanos(1)] {
            recorder.record(0, Outcome::Hit, due, due + delay, due + delay);
        }
        assert!((recorder.window().late_share() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_clock_that_stood_still_counts_as_no_time() {
        let mut recorder = recorder();
        let now = Instant::now();
        recorder.record(0, Outcome::Hit, now + Duration::from_secs(1), now, now);
        assert_eq!(recorder.window().operations(), 1);
        assert!(recorder.window().late_share() < f64::EPSILON);
    }

    #[test]
    fn swapping_hands_over_everything_once_and_nothing_twice() {
        let mut recorder = recorder();
        let now = Instant::now();
        let mut total = Window::default();
        let mut spare = Window::default();
        for round in 0..5 {
            for _ in 0..=round {
                recorder.record(0, Outcome::Hit, now, now, now + Duration::from_micros(5));
                recorder.anomalies(0).corrupt += 1;
            }
            let window = recorder.swap(spare);
            total.add(&window);
            // Not cleared on purpose: the recorder does not trust the spare.
            spare = window;
        }
        assert_eq!((total.operations(), total.anomalies().corrupt), (15, 15));
        assert!(recorder.window().is_empty());
        assert_eq!(total.latency(Measure::Response, |_, _| true).unwrap().len(), 15);
    }
}
